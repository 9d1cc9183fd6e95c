"""Tables of objects as ``kubectl get`` prints them, with a state to each row, filtered as in k9s.

Rows are made when they are asked for: a screen shows thirty of them, whatever the number of objects. The columns and
cells are the API server's own (``kcsim.api.tables``), so STATUS and READY read exactly as kubectl's.

Filters are those of ``kcsim.views.filters``; where there are too many objects to look at all of them at once, ``searched`` says
how far a table has come, and asking again goes on.

**Walk:** a kind and a filter -> the objects that match -> ``ObjectTable`` -> the rows in sight.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kcsim.api.objects import Object, key
from kcsim.api.resources import Resource
from kcsim.api.tables.cells import Kind, View
from kcsim.api.tables.table import visible
from kcsim.views.facts import Fact
from kcsim.views.filters import BadFilter, Chosen, Searched
from kcsim.views.look import Look
from kcsim.views.states import TELLING, State, state_of


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Which object: the kind as kubectl spells it in the singular, namespace ("" for none) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As kubectl takes it: ``deployment/web``."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One row: the object, its cells in the order of the header, and its state."""

    ref: Ref
    cells: tuple[str, ...]
    state: State


class ObjectTable:
    """The rows of one kind, made on demand.

    Attributes:
        resource: the kind.
        header: column names in capitals.
        total: how many objects there are before filtering.
        searched: how many of them, from the first on, a filter has looked at so far.
        objects: those that are shown, in key order.
    """

    def __init__(
        self, resource: Resource, kind: Kind, objects: Sequence[Object], now: int, *, wide: bool = False
    ) -> None:
        self.resource = resource
        self.total = self.searched = len(objects)
        self.objects = objects
        self._kind = kind
        self._view = View(now, wide)
        self._places = visible(self._kind, wide)
        self._spaced = resource.namespaced
        names = tuple(self._kind.columns[place].name.upper() for place in self._places)
        self.header = ("NAMESPACE", *names) if self._spaced else names

    def __len__(self) -> int:
        return len(self.objects)

    def ref(self, index: int) -> Ref:
        """Which object row ``index`` shows."""
        return self._ref(self.objects[index])

    def place(self, ref: object) -> int | None:
        """The row that shows an object; None when no row does."""
        if not isinstance(ref, Ref):
            return None
        place = bisect_left(self.objects, (ref.namespace, ref.name), key=key)
        return place if place < len(self) and self.ref(place) == ref else None

    def row(self, index: int) -> ObjectRow:
        """Row ``index``."""
        return self.row_of(self.objects[index])

    def row_of(self, obj: Object) -> ObjectRow:
        """The row of an object."""
        cells = self.cells(obj)
        return ObjectRow(self._ref(obj), cells, state_of(dict(zip(self.header, cells, strict=True))))

    def to_records(self) -> list[dict[str, str]]:
        """A dict a row, by the names of the columns: ``{"NAME": "web", "READY": "3/3", ...}``."""
        return [dict(zip(self.header, row.cells, strict=True)) for row in self.rows()]

    def rows(self) -> list[ObjectRow]:
        """Every row; for short tables."""
        return [self.row(index) for index in range(len(self))]

    def cells(self, obj: Object) -> tuple[str, ...]:
        """What the table shows of one object."""
        made = self._kind.cells(obj, self._view)
        texts = tuple(_text(made[place]) for place in self._places)
        return (obj["metadata"].get("namespace", ""), *texts) if self._spaced else texts

    def fact(self, obj: Object) -> Fact:
        """The state of one object, and its cells in small letters without its ages; see ``kcsim.views.facts``."""
        made = [_text(cell) for cell in self._kind.cells(obj, self._view)]
        narrow, wide = self._searched
        namespace = obj["metadata"].get("namespace", "") if self._spaced else ""
        text = " ".join([namespace, *(made[place] for place in narrow)])
        telling = {name: made[place] for name, place in self._telling}
        return state_of(telling), text.lower(), " ".join(made[place] for place in wide).lower()

    @cached_property
    def _searched(self) -> tuple[list[int], list[int]]:
        """The cells that are searched always, and those that are when they are shown."""
        columns = self._kind.columns
        told = [place for place, column in enumerate(columns) if column.name not in _AGES]
        return [p for p in told if not columns[p].priority], [p for p in told if columns[p].priority]

    @cached_property
    def _telling(self) -> list[tuple[str, int]]:
        """The cells by which a row's state is known."""
        shown = [(self._kind.columns[place].name.upper(), place) for place in self._places]
        return [(name, place) for name, place in shown if name in TELLING]

    def _ref(self, obj: Object) -> Ref:
        metadata = obj["metadata"]
        return Ref(self.resource.singular, metadata.get("namespace", ""), metadata["name"])


def object_table(
    look: Look, word: str, *, wide: bool = False, wanted: str = "", namespace: str | None = None
) -> ObjectTable:
    """The table of a kind.

    Args:
        look: from where in time.
        word: the kind, by any word kubectl knows.
        wide: with the columns of ``-o wide``.
        wanted: text that a row must hold; ``!text`` that it must not; ``-l app=web`` a label selector.
        namespace: of this namespace only.

    Raises:
        NotFound: there is no such kind.
        BadFilter: the selector cannot be read.
    """
    resource = look.resource(word)
    objects = look.objects(word, namespace)
    table = ObjectTable(resource, look.columns(resource), objects, look.now, wide=wide)
    wanted = wanted.strip()
    if wanted.startswith("-l") or wanted.removeprefix("!").strip():
        searched = _what_is_searched(look, table, namespace)
        searched.go_on(_AT_ONCE)
        table.searched = len(searched)
        table.objects = Chosen(objects, searched.matching(wanted, wide=wide))
    return table


def prepare_filter(look: Look, word: str, namespace: str | None = None) -> bool:
    """Work out a part of what filters of a kind search, before anybody types: to be done when there is nothing else to do.

    Gives whether that was all.

    Raises:
        NotFound: there is no such kind.
    """
    searched = _what_is_searched(look, object_table(look, word, namespace=namespace), namespace)
    if searched.is_done:
        return searched.prepare()
    searched.go_on(_CHORE)
    return False


def _what_is_searched(look: Look, table: ObjectTable, namespace: str | None) -> Searched:
    """What filters of a list search, as far as it has come; ``table`` shows all of the list."""
    return look.once(("searched", table.resource.table, namespace), lambda: Searched(table, look.facts))


_AT_ONCE = 2_000
"""Objects that a filter looks at for the first time before it answers with what it has: some tens of milliseconds."""
_CHORE = 1_000
"""As many as are looked at in between, while somebody may press a key."""

_AGES = frozenset({"Age", "Last Seen", "First Seen", "Last Schedule", "Duration"})
"""Columns that change while the object does not."""


def _text(cell: Any) -> str:
    if cell is None:
        return ""  # as kubectl prints it
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell).partition("\n")[0]


__all__ = ["BadFilter", "ObjectRow", "ObjectTable", "Ref", "object_table", "prepare_filter"]

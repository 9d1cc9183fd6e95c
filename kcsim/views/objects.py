"""Tables of objects as ``kubectl get`` prints them, with a state to each row, filtered as in k9s.

Rows are made when they are asked for: a screen shows thirty of them, whatever the number of objects. The columns and
cells are the API server's own (``kcsim.api.tables``), so STATUS and READY read exactly as kubectl's.

What a filter searches is worked out once a version of an object (``kcsim.views.facts``), so that a key typed costs a search
through texts that are there already.

**Walk:** a kind and a filter -> the objects that match -> ``ObjectTable`` -> the rows in sight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any

from kcsim.api import selectors
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.tables.cells import Kind, View
from kcsim.api.tables.table import visible
from kcsim.views.facts import Fact
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


class BadFilter(ValueError):
    """The filter cannot be read; the message says why."""


class ObjectTable:
    """The rows of one kind, made on demand.

    Attributes:
        resource: the kind.
        header: column names in capitals.
        total: how many objects there are before filtering.
        objects: those that are shown.
    """

    def __init__(
        self, resource: Resource, kind: Kind, objects: Sequence[Object], now: int, *, wide: bool = False
    ) -> None:
        self.resource = resource
        self.total = len(objects)
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
    if wanted.startswith("-l"):
        table.objects = _selected(table, _labels(look, table, namespace), wanted.removeprefix("-l").strip())
    elif wanted.removeprefix("!").strip():
        table.objects = _holding(table, _texts(look, table, namespace), wanted, wide=wide)
    return table


def prepare_filter(look: Look, word: str, namespace: str | None = None) -> None:
    """Work out what filters of a kind search, before anybody types: to be done when there is nothing else to do.

    Raises:
        NotFound: there is no such kind.
    """
    table = object_table(look, word, namespace=namespace)
    _texts(look, table, namespace)
    _labels(look, table, namespace)


def _texts(look: Look, table: ObjectTable, namespace: str | None) -> tuple[list[str], list[str]]:
    """What each object's row tells, and what more its wide row does; ``table`` shows all of them."""
    objects = table.objects

    def make() -> tuple[list[str], list[str]]:
        facts = look.facts.all(table, objects)
        return [fact[1] for fact in facts], [fact[2] for fact in facts]

    return look.once(("texts", table.resource.table, namespace), make)


def _labels(
    look: Look, table: ObjectTable, namespace: str | None
) -> tuple[list[Mapping[str, str]], list[int]]:
    """Labels, and for each object the place of its own among them: those made from one template share theirs."""
    objects = table.objects

    def make() -> tuple[list[Mapping[str, str]], list[int]]:
        labels = [obj["metadata"].get("labels") or {} for obj in objects]
        known = {id(each): each for each in labels}
        places = {key: place for place, key in enumerate(known)}
        return list(known.values()), [places[id(each)] for each in labels]

    return look.once(("labels", table.resource.table, namespace), make)


def _selected(
    table: ObjectTable, labelled: tuple[list[Mapping[str, str]], list[int]], wanted: str
) -> list[Object]:
    try:
        matches = selectors.parse(wanted).compiled()
    except ValueError as error:
        raise BadFilter(str(error)) from None
    labels, places = labelled
    good = [matches(each) for each in labels]
    return list(compress(table.objects, map(good.__getitem__, places)))


def _holding(
    table: ObjectTable, texts: tuple[list[str], list[str]], wanted: str, *, wide: bool
) -> list[Object]:
    """The objects whose row holds what is wanted, or does not; what only -o wide shows counts where it is shown."""
    text = wanted.removeprefix("!").strip().lower()
    objects, (told, more) = table.objects, texts
    if wanted.startswith("!"):
        if wide:
            triples = zip(objects, told, more, strict=True)
            return [obj for obj, one, other in triples if text not in one and text not in other]
        return [obj for obj, one in zip(objects, told, strict=True) if text not in one]
    if wide:
        triples = zip(objects, told, more, strict=True)
        return [obj for obj, one, other in triples if text in one or text in other]
    return [obj for obj, one in zip(objects, told, strict=True) if text in one]


_AGES = frozenset({"Age", "Last Seen", "First Seen", "Last Schedule", "Duration"})
"""Columns that change while the object does not."""


def _text(cell: Any) -> str:
    if cell is None:
        return ""  # as kubectl prints it
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell).partition("\n")[0]

"""Tables of objects as ``kubectl get`` prints them, with a state to each row, filtered as in k9s.

Rows are made when they are asked for: a screen shows thirty of them, whatever the number of objects. The columns and
cells are the API server's own (``kcsim.api.tables``), so STATUS and READY read exactly as kubectl's.

**Walk:** a kind and a filter -> the objects that match -> ``ObjectTable`` -> the rows in sight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcsim.api import selectors
from kcsim.api.catalog import Resource
from kcsim.api.objects import Object, labels
from kcsim.api.tables.cells import Kind, View
from kcsim.api.tables.table import visible
from kcsim.views.look import Look
from kcsim.views.states import State, state_of


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
    """

    def __init__(
        self, resource: Resource, kind: Kind, objects: list[Object], now: int, *, wide: bool, wanted: str = ""
    ) -> None:
        self.resource = resource
        self.total = len(objects)
        self._kind = kind
        self._view = View(now, wide)
        self._places = visible(self._kind, wide)
        self._spaced = resource.namespaced
        names = tuple(self._kind.columns[place].name.upper() for place in self._places)
        self.header = ("NAMESPACE", *names) if self._spaced else names
        keep = _matcher(wanted)
        self._objects = objects if keep is None else [obj for obj in objects if keep(self, obj)]

    def __len__(self) -> int:
        return len(self._objects)

    def ref(self, index: int) -> Ref:
        """Which object row ``index`` shows."""
        return self._ref(self._objects[index])

    def row(self, index: int) -> ObjectRow:
        """Row ``index``."""
        obj = self._objects[index]
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
    return ObjectTable(resource, look.columns(resource), objects, look.now, wide=wide, wanted=wanted)


def _matcher(wanted: str) -> Callable[[ObjectTable, Object], bool] | None:
    wanted = wanted.strip()
    if wanted.startswith("-l"):
        try:
            selector = selectors.parse(wanted[2:].strip())
        except ValueError as error:
            raise BadFilter(str(error)) from None
        return lambda _table, obj: selector.matches(labels(obj))
    hide = wanted.startswith("!")
    text = wanted.removeprefix("!").strip().lower()
    if not text:
        return None
    return lambda table, obj: (text in " ".join(table.cells(obj)).lower()) is not hide


def _text(cell: Any) -> str:
    if cell is None:
        return "<nil>"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell).partition("\n")[0]

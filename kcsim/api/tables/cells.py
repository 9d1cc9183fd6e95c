"""What tables are made of, and the cells that many kinds share.

**Imitates:** ``pkg/printers/internalversion/printers.go`` and ``pkg/printers/tablegenerator.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api import selectors
from kcsim.api.durations import from_microseconds, human_duration
from kcsim.api.objects import Object
from kcsim.api.selectors import SelectorError
from kcsim.engine.clock import parse_rfc3339

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``priority`` above 0 shows with ``-o wide`` only."""

    name: str
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What an object is shown with: the instant ages count to (µs), and whether wide cells are shown in full."""

    now: int
    wide: bool = False


Cells = Callable[[Object, View], list[Any]]
"""The cells of an object's row, wide ones included, in the order of the columns."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind is shown; ``order`` sorts its rows where they do not stand by name."""

    columns: tuple[Column, ...]
    cells: Cells
    conditions: Callable[[Object], list[Object]] | None = None
    order: Callable[[Object], Any] | None = None

    def in_order(self, objects: Sequence[Object]) -> Sequence[Object]:
        """The objects in the order of their rows."""
        return objects if self.order is None else sorted(objects, key=self.order)


NAME = Column("Name", format="name")
AGE = Column("Age")


def columns(text: str) -> tuple[Column, ...]:
    """Columns from a line such as ``Name Ready Up-to-date Desired:integer | Containers``; ``_`` stands for a blank.

    What follows the bar is wide. ``Name`` is the name column.
    """
    shown, _, wide = text.partition("|")
    return (*map(_column, shown.split()), *(_column(word, 1) for word in wide.split()))


def _column(word: str, priority: int = 0) -> Column:
    name, _, kind = word.replace("_", " ").partition(":")
    return Column(name, kind or "string", priority, "name" if name == "Name" else "")


def name(obj: Object) -> str:
    """The object's name."""
    text: str = (obj.get("metadata") or {}).get("name", "")
    return text


def default_name(obj: Object, *annotations: str) -> str:
    """The name of a class, marked when one of the annotations makes it the default."""
    held = (obj.get("metadata") or {}).get("annotations") or {}
    chosen = any(held.get(annotation) == "true" for annotation in annotations)
    return f"{name(obj)} (default)" if chosen else name(obj)


def spec(obj: Object) -> Object:
    """The object's spec; empty when it has none."""
    return obj.get("spec") or {}


def status(obj: Object) -> Object:
    """The object's status; empty when it has none."""
    return obj.get("status") or {}


def age(obj: Object, view: View) -> str:
    """How long ago it was created."""
    return since((obj.get("metadata") or {}).get("creationTimestamp"), view)


def since(stamp: str | None, view: View) -> str:
    """How long ago a time stamp was."""
    if not stamp:
        return UNKNOWN
    return human_duration(from_microseconds(view.now - parse_rfc3339(stamp)))


def between(start: str, end: str) -> str:
    """How long it is from one time stamp to another."""
    return human_duration(from_microseconds(parse_rfc3339(end) - parse_rfc3339(start)))


def template_cells(obj: Object) -> list[str]:
    """Container names and images of a workload."""
    return containers_cells((spec(obj).get("template") or {}).get("spec") or {})


def containers_cells(pod: Object) -> list[str]:
    """Container names and images of a pod spec."""
    items = pod.get("containers") or []
    return [",".join(c.get("name", "") for c in items), ",".join(c.get("image", "") for c in items)]


def selector_cell(selector: Object | None) -> str:
    """A label selector (FormatLabelSelector): ``<none>`` for the empty one, ``<error>`` for one that is not valid."""
    try:
        return str(selectors.from_object(selector)) or NONE
    except SelectorError:
        return "<error>"


def labels_cell(labels: Mapping[str, str] | None) -> str:
    """``a=b,c=d``, or ``<none>``."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def first_of(items: Sequence[str], limit: int) -> str:
    """The first few, and how many more there are."""
    shown = ",".join(items[:limit])
    return f"{shown} + {len(items) - limit} more..." if len(items) > limit else shown


def joined(items: Iterable[str], separator: str = ",") -> str:
    """The non-empty ones."""
    return separator.join(item for item in items if item)

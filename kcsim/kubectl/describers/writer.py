"""What descriptions are written with: lines at levels, cells parted by tabs, columns laid out at the end.

**Imitates:** kubectl ``pkg/describe`` PrefixWriter over Go's ``text/tabwriter`` (minimum width 0, padding 2).

**Walk:** ``line`` adds text -> ``flush`` ends a part (columns do not reach over it) -> ``text`` lays out each part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from kcsim.api.objects import Object
from kcsim.engine.clock import EPOCH, parse_rfc3339
from kcsim.kubectl.layout import harmless

NONE, UNSET = "<none>", "<unset>"
_PADDING = 2
_ANNOTATION_WIDTH = 140
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Writer:
    """Collects a description."""

    def __init__(self) -> None:
        self._parts: list[list[str]] = [[]]

    def line(self, level: int, text: str) -> None:
        """A line, ``level`` steps indented; ``\\t`` ends a cell."""
        self._parts[-1].append("  " * level + harmless(text))

    def pair(self, title: str, value: object, level: int = 0) -> None:
        """``Title:  value``."""
        self.line(level, f"{title}:\t{value}")

    def flush(self) -> None:
        """End the part: what follows has columns of its own."""
        self._parts.append([])

    def text(self) -> str:
        """The whole description."""
        return "".join(elastic("\n".join(part) + "\n") for part in self._parts if part)

    def raw(self) -> str:
        """The lines with their tabs."""
        return "".join(f"{line}\n" for part in self._parts for line in part)

    # --- what most descriptions hold ------------------------------------------------------------------------------

    def head(self, obj: Object, *, namespaced: bool = True) -> None:
        """Name, namespace, labels and annotations."""
        self.names(obj, namespaced=namespaced)
        self.labels(obj)
        self.annotations(obj)

    def names(self, obj: Object, *, namespaced: bool = True) -> None:
        """Name and namespace."""
        self.pair("Name", obj["metadata"]["name"])
        if namespaced:
            self.pair("Namespace", obj["metadata"].get("namespace", ""))

    def labels(self, obj: Object) -> None:
        """The labels, one a line."""
        self.mapping("Labels", obj["metadata"].get("labels"))

    def mapping(self, title: str, values: Mapping[str, str] | None, inner: str = "\t") -> None:
        """``key=value`` pairs in order, one a line."""
        items = [f"{key}={value}" for key, value in sorted((values or {}).items())]
        self.column(title, items, inner)

    def column(self, title: str, items: list[str], inner: str = "\t") -> None:
        """A title and items below each other."""
        for place, item in enumerate(items or [NONE]):
            self.line(0, f"{title}:{inner}{item}" if not place else f"{inner}{item}")

    def annotations(self, obj: Object, title: str = "Annotations") -> None:
        """The annotations, without kubectl's own record; long ones cut."""
        values = {
            k: v for k, v in (obj.get("metadata") or {}).get("annotations", {}).items() if k != _LAST_APPLIED
        }
        if not values:
            self.pair(title, NONE)
        for place, key in enumerate(sorted(values)):
            lead = f"{title}:\t" if not place else "\t"
            value = values[key].removesuffix("\n")
            if len(key) + len(value) + 2 > _ANNOTATION_WIDTH or "\n" in value:
                self.line(0, f"{lead}{key}:")
                for text in value.split("\n"):
                    self.line(0, f"\t  {_shortened(text, _ANNOTATION_WIDTH - 2)}")
            else:
                self.line(0, f"{lead}{key}: {value}")

    def conditions(self, obj: Object) -> None:
        """Conditions with when and why they came, where there are any."""
        held = (obj.get("status") or {}).get("conditions") or []
        if not held:
            return
        self.line(0, "Conditions:")
        rows = [
            (
                c["type"],
                c["status"],
                long_time(c.get("lastTransitionTime") or NEVER),
                c.get("reason", ""),
                c.get("message", ""),
            )
            for c in held
        ]
        self.table(1, ("Type", "Status", "LastTransitionTime", "Reason", "Message"), rows)

    def table(self, level: int, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
        """A table with a ruled header."""
        names = list(header)
        self.line(level, "\t".join(names))
        self.line(level, "\t".join("-" * len(name) for name in names))
        for row in rows:
            self.line(level, "\t".join(str(cell) for cell in row))


def _shortened(text: str, width: int) -> str:
    return f"{text[:width]}..." if len(text) > width else text


NEVER = "0001-01-01T00:00:00Z"
"""Go's time that was not set."""


def long_time(stamp: str | None) -> str:
    """A time stamp as descriptions show it: ``Thu, 01 Jan 2026 00:00:00 +0000``."""
    if not stamp:
        return "<unset>"
    moment = EPOCH + timedelta(microseconds=parse_rfc3339(stamp))
    # The year by hand: strftime does not fill it up to four digits everywhere.
    return moment.strftime(f"%a, %d %b {moment.year:04d} %H:%M:%S +0000")


# --- columns ----------------------------------------------------------------------------------------------------


def elastic(text: str) -> str:
    """Text with tabs as Go's tabwriter lays it out: a column is a run of lines that all have the cell."""
    lines = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    out: list[str] = []
    _format(lines, 0, len(lines), [], out)
    return "\n".join(out) + "\n"


def _format(lines: list[list[str]], start: int, end: int, widths: list[int], out: list[str]) -> None:
    column = len(widths)
    place = start
    while place < end:
        if column >= len(lines[place]) - 1:
            place += 1
            continue
        _write(lines[start:place], widths, out)
        start = place
        width = 0
        while place < end and column < len(lines[place]) - 1:
            width = max(width, len(lines[place][column]) + _PADDING)
            place += 1
        _format(lines, start, place, [*widths, width], out)
        start = place
    _write(lines[start:end], widths, out)


def _write(lines: list[list[str]], widths: list[int], out: list[str]) -> None:
    for cells in lines:
        padded = [
            cell.ljust(widths[place]) if place < len(widths) and place < len(cells) - 1 else cell
            for place, cell in enumerate(cells)
        ]
        out.append("".join(padded))

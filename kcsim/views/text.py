"""Plain text from views: tables with aligned columns, timelines, no colours, no terminal.  Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from unicodedata import combining, east_asian_width

from kcsim.engine.clock import clock_text
from kcsim.views.timeline import Moment

WIDTH = 100
"""Columns of a page."""
_GAP = "  "


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def padded(text: str, width: int) -> str:
    """The text, filled with blanks to a width in columns."""
    return text + " " * max(0, width - columns(text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], width: int = WIDTH) -> str:
    """A table with a rule below its head; cells that are too wide are wrapped, the first column never below a third.

    Args:
        head: a title for each column.
        rows: as many cells each.
        width: of the whole, in columns.
    """
    cells = [list(map(str, row)) for row in rows]
    widths = _widths(head, cells, width)
    lines = [_line(head, widths), _GAP.join("-" * each for each in widths)]
    for row in cells:
        wrapped = [_wrapped(cell, each) for cell, each in zip(row, widths, strict=True)]
        lines.extend(_line(cells_of_line, widths) for cells_of_line in zip_longest(*wrapped, fillvalue=""))
    return "\n".join(lines) + "\n"


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    wanted = [
        max([columns(title), *(columns(line) for row in rows for line in row[index].split("\n"))])
        for index, title in enumerate(head)
    ]
    room = width - len(_GAP) * (len(head) - 1)
    while sum(wanted) > room:
        # The widest column gives way first, so that short ones stay whole.
        widest = max(range(len(wanted)), key=lambda index: wanted[index])
        if wanted[widest] <= 8:
            break
        wanted[widest] -= 1
    return wanted


def _wrapped(text: str, width: int) -> list[str]:
    return [part for line in text.split("\n") for part in textwrap.wrap(line, width) or [""]]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(padded(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def timeline_text(moments: Iterable[Moment], width: int = WIDTH) -> str:
    """One line a moment: the clock, the lane, what happened; long ones are wrapped below their text."""
    lines = []
    for moment in moments:
        first, *rest = _wrapped(moment.text, max(20, width - 18))
        lines.append(f"{clock_text(moment.time)}  {padded(moment.lane, 7)} {first}".rstrip())
        lines.extend(f"{' ' * 18}{line}" for line in rest)
    return "\n".join(lines) + "\n" if lines else ""

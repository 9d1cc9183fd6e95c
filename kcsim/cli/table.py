"""Tables for a terminal: a title column and a cell for each world, wrapped to the width there is."""

import textwrap
from collections.abc import Sequence

from kcsim.cli.console import ESCAPES, Console, padded, visible

WORLD_ROLES = ("first", "second", "third")
TITLE_MAX, CELL_MIN = 38, 14
"""Columns of a row's title at most, of a cell at least."""
TITLE_MIN, CELL_WHOLE = 16, 16
"""How far a title gives way to cells, and how wide a cell may be for whose sake it does: a verdict with its instant."""


def role_of(place: int) -> str:
    """The colour of a world, by its place; its name always stands beside it."""
    return WORLD_ROLES[place % len(WORLD_ROLES)]


def _lines(cell: str, width: int) -> list[str]:
    if "\x1b" in cell:
        return _coloured_lines(cell, width)
    return textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False) or [""]


def _coloured_lines(cell: str, width: int) -> list[str]:
    """A cell with colours, wrapped at blanks; a colour that is on where a line ends is on again where the next begins."""
    lines, line, colour = [], "", ""
    for word in cell.split(" "):
        if line and visible(line) + 1 + visible(word) > width:
            lines.append(f"{line}\x1b[0m" if colour else line)
            line = colour + word
        else:
            line = f"{line} {word}" if line else word
        for found in ESCAPES.findall(word):
            colour = "" if found == "\x1b[0m" else found
    return [*lines, line]


def table(
    console: Console,
    title: str,
    names: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str]]],
    *,
    differing: bool = False,
) -> list[str]:
    """The lines of a table. `differing`: rows that differ stand out."""
    longest = max((visible(row_title) for row_title, _ in rows), default=0)
    needed = max([visible(cell) for _, cells in rows for cell in cells] + [len(name) for name in names])
    left = console.width - len(names) * (min(needed, CELL_WHOLE) + 3)
    title_width = min(max(longest, len(title)), TITLE_MAX, console.width // 2, max(left, TITLE_MIN))
    room = (console.width - title_width) // max(1, len(names)) - 3
    cell_width = max(CELL_MIN, min(needed, room))
    bar = console.paint(" │ ", "dim")
    heads = [
        console.paint(padded(name or "world", cell_width), role_of(place)) for place, name in enumerate(names)
    ]
    rule = ["─" * (title_width + 1), *["─" * (cell_width + 2)] * len(names)]
    lines = [
        bar.join([console.paint(padded(title, title_width), "bold"), *heads]),
        console.paint("┼".join(rule)[: console.width], "dim"),
    ]
    for row_title, cells in rows:
        stands_out = differing and len(set(cells)) > 1
        parts = [textwrap.wrap(row_title, title_width) or [""]]
        parts.extend(_lines(cell, cell_width) for cell in cells)
        for number in range(max(len(part) for part in parts)):
            head, *texts = [part[number] if number < len(part) else "" for part in parts]
            shown = [console.paint(text, "bold") if stands_out else text for text in texts]
            lines.append(bar.join([padded(head, title_width), *(padded(text, cell_width) for text in shown)]))
    return lines

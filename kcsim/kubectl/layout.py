"""Columns of text, as kubectl lays them out.

**Imitates:** cli-runtime ``printers.GetNewTabWriter``: columns at least six wide, three blanks apart; the last cell of a
line is not padded.
"""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH_MIN, _PADDING = 6, 3


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned lines."""
    if not rows:
        return ""
    widths = [0] * max(len(row) for row in rows)
    for row in rows:
        for place, cell in enumerate(row[:-1]):
            widths[place] = max(widths[place], len(cell) + _PADDING, _WIDTH_MIN)
    return "".join(
        "".join(cell.ljust(widths[place]) for place, cell in enumerate(row[:-1]))
        + (row[-1] if row else "")
        + "\n"
        for row in rows
    )

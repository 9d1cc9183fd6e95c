"""Columns of text, as kubectl lays them out.

**Imitates:** cli-runtime ``printers.GetNewTabWriter``: columns at least six wide, three blanks apart; the last cell of a
line is not padded. What is written later to the same writer (a watch) is at least as wide as what went before.
"""

from __future__ import annotations

from collections.abc import Sequence

_WIDTH_MIN, _PADDING = 6, 3


def harmless(text: str) -> str:
    """Text that cannot command the terminal: what starts a sequence, or goes back to the start of the line, is spelt."""
    return text.replace("\x1b", "^[").replace("\r", "\\r")


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned lines."""
    return Columns().lines(rows)


class Columns:
    """Aligns rows that come bit by bit, and remembers how wide its columns have become."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def lines(self, rows: Sequence[Sequence[str]]) -> str:
        """These rows as aligned lines."""
        widths = self._widths
        for row in rows:
            for place, cell in enumerate(row[:-1]):
                if place == len(widths):
                    widths.append(_WIDTH_MIN)
                widths[place] = max(widths[place], len(cell) + _PADDING)
        return "".join(
            "".join(cell.ljust(widths[place]) for place, cell in enumerate(row[:-1]))
            + (row[-1] if row else "")
            + "\n"
            for row in rows
        )

"""Pages: the rows of a long list that are in sight, and a few more. A list of any length costs what is looked at.

**Walk:** a list says what it shows (``Want``) -> ``paged`` finds where the row under the cursor is now, and makes the rows
around it -> ``Page``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kcsim.views.states import State

MARGIN = 24
"""Rows made beyond those in sight, so that a turn of the wheel finds them there."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a key that says which thing it shows, its cells, its state, and the cells that are to stand out."""

    key: object
    cells: Sequence[str]
    state: State = ""
    lit: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Want:
    """What a list shows now: the first row in sight and how many fit, the cursor and the key of its row.

    Attributes:
        follow: the cursor is to go to the last row.
    """

    first: int = 0
    height: int = 50
    cursor: int = 0
    key: object = None
    follow: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list: ``rows[0]`` is row ``start`` of ``count``; ``cursor`` is where the row under it is now.

    ``unfinished``: it is what has been found so far; asked again, it is more.
    """

    header: tuple[str, ...]
    count: int
    start: int
    rows: tuple[Row, ...]
    cursor: int
    empty: str = ""
    note: str = ""
    unfinished: bool = False


def paged(
    want: Want,
    header: Sequence[str],
    count: int,
    make: Callable[[int], Row],
    *,
    find: Callable[[object], int | None] | None = None,
    empty: str = "",
    note: str = "",
    unfinished: bool = False,
) -> Page:
    """The page that a list wants.

    Args:
        make: gives row ``i``.
        find: gives where the row of a key is, more cheaply than by making one after the other.
        empty: what to say when there is none.
        note: for the pane's border.
        unfinished: see ``Page``.
    """
    cursor = count - 1 if want.follow else _place(want, count, make, find)
    cursor = max(0, min(cursor, count - 1))
    first = want.first
    if want.height > 0:
        first = min(max(first, cursor - want.height + 1), cursor) if count else 0
    start = max(0, first - MARGIN)
    rows = tuple(make(place) for place in range(start, min(count, first + want.height + MARGIN)))
    return Page(tuple(header), count, start, rows, cursor, empty, note, unfinished)


def _place(
    want: Want, count: int, make: Callable[[int], Row], find: Callable[[object], int | None] | None
) -> int:
    """Where the row under the cursor is now; rows rarely move, so its old place is tried first."""
    if want.key is None or not count:
        return want.cursor
    if want.cursor < count and make(want.cursor).key == want.key:
        return want.cursor
    if find is not None:
        place = find(want.key)
    else:
        place = next((place for place in range(count) if make(place).key == want.key), None)
    return want.cursor if place is None else place


def listed(
    want: Want, header: Sequence[str], rows: Sequence[Row], *, empty: str = "", note: str = ""
) -> Page:
    """The page of a list that is short enough to be made whole."""
    return paged(want, header, len(rows), lambda place: rows[place], empty=empty, note=note)

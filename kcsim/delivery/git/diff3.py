"""Merging two changed versions of one text, line by line.  Decides; never acts.

**Imitates:** git's three-way merge of a file (xdiff/xmerge.c): changes of different places are both taken, the same change of
both sides once; changes that overlap or touch are a conflict. Differs: what changed is found with difflib, whose hunks may
be cut differently from those of git's Myers diff where lines repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

Hunk = tuple[int, int, Sequence[bytes]]
"""Lines [start, end) of the base, and what stands there instead."""


def merge(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """The text with the changes of both sides; None when they conflict, or when the content is binary."""
    if any(b"\0" in text for text in (base, ours, theirs)):
        return None
    lines = base.splitlines(keepends=True)
    mine, other = _hunks(lines, ours), _hunks(lines, theirs)
    merged: list[bytes] = []
    at = 0
    for start, end, text in _together(mine, other):
        if text is None:
            return None
        merged.extend(lines[at:start])
        merged.extend(text)
        at = end
    merged.extend(lines[at:])
    return b"".join(merged)


def _hunks(lines: list[bytes], changed: bytes) -> list[Hunk]:
    after = changed.splitlines(keepends=True)
    codes = SequenceMatcher(None, lines, after, autojunk=False).get_opcodes()
    return [(i1, i2, after[j1:j2]) for tag, i1, i2, j1, j2 in codes if tag != "equal"]


def _together(mine: list[Hunk], other: list[Hunk]) -> Iterator[tuple[int, int, Sequence[bytes] | None]]:
    """The hunks of both sides in order; None as the text of two that meet and differ."""
    a, b = list(mine), list(other)
    while a and b:
        (start, end, text), (start2, end2, text2) = a[0], b[0]
        if (start, end, text) == (start2, end2, text2):
            yield a.pop(0)
            b.pop(0)
        elif end < start2:
            yield a.pop(0)
        elif end2 < start:
            yield b.pop(0)
        else:
            yield min(start, start2), max(end, end2), None
            return
    yield from a
    yield from b

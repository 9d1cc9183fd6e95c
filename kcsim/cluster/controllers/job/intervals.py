"""Sets of completion indexes as ordered intervals, and their text in a Job's status: ``0,2-4``.  Decides; never acts.

**Imitates:** ``orderedIntervals`` of ``pkg/controller/job/indexed_job_utils.go`` (v1.36): what cannot be read is left
out, an interval that ends beyond the last index is cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

Intervals = tuple[tuple[int, int], ...]
"""Pairs (first, last), in order, never touching."""


def number(text: str | None) -> int | None:
    """A number that is not negative, written as Go's strconv.Atoi reads it."""
    digits = (text or "").removeprefix("+")
    return int(digits) if digits.isascii() and digits.isdigit() else None


def parse(text: str, completions: int) -> Intervals:
    """The intervals that a status text names, below ``completions``."""
    found: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        limits = part.split("-")
        first = number(limits[0])
        if first is None:
            continue
        if first >= completions:
            break
        last = first
        if len(limits) > 1:
            end = number(limits[1])
            if end is None:
                continue
            last = min(end, completions - 1)
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)


def text(intervals: Intervals) -> str:
    """How the API writes them: two neighbours as ``3,4``, more as ``3-5``."""
    parts = []
    for first, last in intervals:
        if last == first:
            parts.append(str(first))
        else:
            parts.append(f"{first}{',' if last == first + 1 else '-'}{last}")
    return ",".join(parts)


def merge(one: Intervals, other: Intervals) -> Intervals:
    """All indexes of both."""
    result: list[tuple[int, int]] = []
    for first, last in sorted((*one, *other)):
        if not result or first > result[-1][1] + 1:
            result.append((first, last))
        elif result[-1][1] < last:
            result[-1] = (result[-1][0], last)
    return tuple(result)


def with_indexes(intervals: Intervals, indexes: Iterable[int]) -> Intervals:
    """The intervals and some single indexes."""
    return merge(intervals, tuple((index, index) for index in indexes))


def total(intervals: Intervals) -> int:
    """How many indexes they contain."""
    return sum(last - first + 1 for first, last in intervals)


def has(intervals: Intervals, index: int) -> bool:
    """Whether they contain an index."""
    return any(first <= index <= last for first, last in intervals)


def first_missing(intervals: Intervals, count: int, completions: int) -> list[int]:
    """The first ``count`` indexes below ``completions`` that are not contained."""
    missing: list[int] = []
    gaps = ((-1, -1), *intervals, (completions, completions))
    for (_, before), (after, _) in pairwise(gaps):
        for index in range(before + 1, min(after, completions)):
            if len(missing) >= count:
                return missing
            missing.append(index)
    return missing

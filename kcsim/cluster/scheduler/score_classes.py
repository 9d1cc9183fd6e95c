"""Nodes that differ in nothing but their name are one class: a window of nodes is then judged class by class.

A class is a score (``ScoreIndex``) and a kind (``Cache.kinds``: equal values of some topology keys). Each node carries
its class as one byte, so that the classes of a window, their sizes and the n-th node of the best are found by the
string methods of bytes. Nodes with pods that a spread constraint counts are taken out into classes of their own for
the one decision.

**Walk:** ``ScoreClasses`` follows the scores of a shape -> ``pick_by_class`` cuts the window out, sets apart the nodes
with pods -> scores each class once -> the n-th node of the best classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress

from kcsim.cluster.scheduler.plugins.pod_topology_spread import SoftSpread
from kcsim.cluster.scheduler.pod_index import MANY
from kcsim.cluster.scheduler.score_index import INFEASIBLE

_MOST, _CODES = 192, 256
"""Classes that nodes may have, and codes that there are: the rest is for nodes with pods of the selector."""
_REFUSED = 0
"""The code of nodes that are not feasible."""

Row = tuple[int, int]


class ScoreClasses:
    """The class of every node, in visiting order.

    Attributes:
        kinds: of every node; for which list of kinds this was made.
        codes: one byte a node; None when there are too many classes.
        rows: score and kind by code.
    """

    __slots__ = ("_numbers", "codes", "kinds", "rows")

    def __init__(self, scores: Sequence[int], kinds: Sequence[int]) -> None:
        self.kinds = kinds
        self.codes: bytearray | None = None
        self._start_over(scores)

    def set(self, i: int, scores: Sequence[int]) -> None:
        """The score of the ``i``th node changed."""
        if self.codes is None:
            return
        score = scores[i]
        row = (score, self.kinds[i])
        code = _REFUSED if score == INFEASIBLE else self._numbers.get(row)
        if code is None:
            if len(self.rows) >= _MOST:
                self._start_over(scores)
                return
            code = self._numbers[row] = len(self.rows)
            self.rows.append(row)
        self.codes[i] = code

    def _start_over(self, scores: Sequence[int]) -> None:
        """Number the classes that there are now."""
        rows = dict.fromkeys(row for row in zip(scores, self.kinds, strict=True) if row[0] != INFEASIBLE)
        self.rows: list[Row] = [(INFEASIBLE, -1), *rows]
        self._numbers = {row: code for code, row in enumerate(self.rows)}
        self.codes = None
        if len(self.rows) <= _MOST:
            get = self._numbers.get
            self.codes = bytearray([get(row, _REFUSED) for row in zip(scores, self.kinds, strict=True)])


def pick_by_class(
    soft: SoftSpread,
    kinds: Sequence[tuple[str | None, ...]],
    classes: ScoreClasses,
    positions: Mapping[str, int],
    start: int,
    length: int,
    weight: int,
    pick: Callable[[int], int],
) -> tuple[int, int] | None:
    """(position of the winner, ties) among ``length`` nodes counted round from ``start``; None when that takes too
    many classes.

    Args:
        soft: spread constraints, at most one of them over host names.
        kinds: what the kinds of nodes are.
        positions: by node name.
        weight: of the normalised spread scores.
        pick: a draw below a number, asked only where several nodes are equally good.
    """
    codes = classes.codes
    if codes is None:
        return None
    count = len(codes)
    window = _cut(codes, start, length)
    rows = classes.rows
    apart: list[tuple[int, int]] = []  # the code before and the pods of nodes with pods
    if soft.by_node is not None:
        marks = _cut(soft.by_node.marks(positions), start, length)
        known: dict[tuple[int, int], int] = {}
        for k in compress(range(length), marks):
            code = window[k]
            if code == _REFUSED:
                continue
            case = (code, marks[k])
            new = known.get(case)
            if new is None:
                new = known[case] = len(rows) + len(apart)
                apart.append(case)
                if new >= _CODES or case[1] == MANY:
                    return None
            window[k] = new
    present = [(code, code, 0, n) for code in range(1, len(rows)) if (n := window.count(code))]
    present += [
        (len(rows) + i, code, pods, window.count(len(rows) + i)) for i, (code, pods) in enumerate(apart)
    ]
    nodes: dict[tuple[int, int], int] = {}
    for _, code, pods, n in present:
        case = (rows[code][1], pods)
        nodes[case] = nodes.get(case, 0) + n
    plus = soft.normalized(kinds, nodes)
    best, ties, winners = INFEASIBLE, 0, b""
    for number, code, pods, n in present:
        score, kind = rows[code]
        score += weight * plus[kind, pods]
        if score > best:
            best, ties, winners = score, n, bytes((number,))
        elif score == best:
            ties += n
            winners += bytes((number,))
    at = _nth(window, winners, pick(ties) if ties > 1 else 0)
    return (start + at) % count, ties


def _cut(codes: bytearray, start: int, length: int) -> bytearray:
    """So many bytes counted round from ``start``."""
    beyond = start + length - len(codes)
    return codes[start:] + codes[:beyond] if beyond > 0 else codes[start : start + length]


def _nth(window: bytearray, winners: bytes, nth: int) -> int:
    """Where the ``nth`` (from 0) of these codes stands."""
    if len(winners) > 1:
        window = window.translate(bytes.maketrans(winners, winners[:1] * len(winners)))
    one, low, high = winners[0], 0, len(window)
    while high - low > 1:
        middle = (low + high) // 2
        before = window.count(one, low, middle)
        if nth < before:
            high = middle
        else:
            nth -= before
            low = middle
    return low

"""Scores of all nodes, kept so that the best in a window is found without looking at each.

The list is cut into blocks that remember their best score, how many have it, and how many nodes are feasible. A
change touches one block; a question touches the blocks in between and the two at its ends. Blocks, not a tree:
``max`` and ``count`` over 64 numbers cost less than two levels of a tree walked in Python.
"""

from __future__ import annotations

BLOCK = 64
INFEASIBLE = -1
"""Below every score."""


class ScoreIndex:
    """``scores[i]`` is a node's score, or ``INFEASIBLE``.

    Attributes:
        scores: by position; change it through ``set`` only, or call ``rebuild`` afterwards.
        feasible: how many nodes are feasible.
    """

    __slots__ = ("_best", "_feasible", "_ties", "feasible", "scores")

    def __init__(self, scores: list[int]) -> None:
        self.scores = scores
        self.rebuild()

    def rebuild(self) -> None:
        """Work out every block anew."""
        blocks = range(0, len(self.scores), BLOCK)
        segments = [self.scores[i : i + BLOCK] for i in blocks]
        self._best = [max(segment) for segment in segments]
        self._ties = [segment.count(best) for segment, best in zip(segments, self._best, strict=True)]
        self._feasible = [len(segment) - segment.count(INFEASIBLE) for segment in segments]
        self.feasible = sum(self._feasible)

    def set(self, i: int, score: int) -> bool:
        """Change one score; whether it was another one."""
        scores = self.scores
        if scores[i] == score:
            return False
        scores[i] = score
        b = i // BLOCK
        segment = scores[b * BLOCK : b * BLOCK + BLOCK]
        best = max(segment)
        self._best[b] = best
        self._ties[b] = segment.count(best)
        feasible = len(segment) - segment.count(INFEASIBLE)
        self.feasible += feasible - self._feasible[b]
        self._feasible[b] = feasible
        return True

    def window(self, start: int, wanted: int) -> int:
        """How many nodes, counted round from ``start``, lie before the feasible one that is one too many."""
        count = len(self.scores)
        if self.feasible <= wanted:
            return count
        if self.feasible == count:
            return wanted
        end = self._nth_feasible(start, count, wanted)
        if end >= 0:
            return end - start
        before = wanted - self._count_feasible(start, count)
        return self._nth_feasible(0, start, before) + count - start

    def best(self, start: int, length: int) -> tuple[int, int]:
        """(best score, how many have it) among ``length`` nodes counted round from ``start``."""
        count = len(self.scores)
        end = start + length
        if end <= count:
            return self._range_best(start, end)
        first, first_ties = self._range_best(start, count)
        second, second_ties = self._range_best(0, end - count)
        if first == second:
            return first, first_ties + second_ties
        return (first, first_ties) if first > second else (second, second_ties)

    def find(self, start: int, length: int, score: int, nth: int) -> int:
        """The position of the ``nth`` (from 0) node with that score, counted round from ``start``."""
        count = len(self.scores)
        end = min(start + length, count)
        found, seen = self._range_find(start, end, score, nth)
        if found >= 0:
            return found
        return self._range_find(0, start + length - count, score, nth - seen)[0]

    # --- over a plain range -------------------------------------------------------------------------------------

    def _range_best(self, low: int, high: int) -> tuple[int, int]:
        first, last = -(-low // BLOCK), high // BLOCK
        scores = self.scores
        if first >= last:
            segment = scores[low:high]
            best = max(segment)
            return best, segment.count(best)
        edges = scores[low : first * BLOCK] + scores[last * BLOCK : high]
        inner = self._best[first:last]
        best = max(inner)
        if edges:
            best = max(best, *edges)
        ties = edges.count(best)
        if best in inner:
            all_ties = self._ties
            ties += sum([all_ties[b] for b, top in enumerate(inner, first) if top == best])
        return best, ties

    def _range_find(self, low: int, high: int, score: int, nth: int) -> tuple[int, int]:
        """(position or -1, how many were passed)."""
        scores, seen, i = self.scores, 0, low
        while i < high:
            b = i // BLOCK
            end = min((b + 1) * BLOCK, high)
            if self._best[b] >= score:
                here = scores[i:end].count(score)
                if seen + here > nth:
                    for _ in range(nth - seen):
                        i = scores.index(score, i) + 1
                    return scores.index(score, i), nth
                seen += here
            i = end
        return -1, seen

    def _count_feasible(self, low: int, high: int) -> int:
        first, last = -(-low // BLOCK), high // BLOCK
        scores = self.scores
        if first >= last:
            return high - low - scores[low:high].count(INFEASIBLE)
        edges = scores[low : first * BLOCK] + scores[last * BLOCK : high]
        return len(edges) - edges.count(INFEASIBLE) + sum(self._feasible[first:last])

    def _nth_feasible(self, low: int, high: int, nth: int) -> int:
        """The position of the ``nth`` (from 0) feasible node in the range, or -1."""
        scores, i, left = self.scores, low, nth
        while i < high:
            b = i // BLOCK
            end = min((b + 1) * BLOCK, high)
            segment = scores[i:end]
            here = self._feasible[b] if end - i == BLOCK else len(segment) - segment.count(INFEASIBLE)
            if here > left:
                for offset, score in enumerate(segment):
                    if score != INFEASIBLE:
                        if left == 0:
                            return i + offset
                        left -= 1
            left -= here
            i = end
        return -1

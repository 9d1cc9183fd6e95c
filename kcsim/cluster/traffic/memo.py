"""Answers that are kept until something they were made from changes.

**Walk:** ``keep`` works an answer out, noting which facts and which other kept answers it read -> ``forget`` a fact -> the answers
that read it, and those made from these, are gone -> the next ``keep`` works them out again, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")


class Memo:
    """Kept answers by their keys, and the facts they depend on."""

    __slots__ = ("_answers", "_readers", "_stack")

    def __init__(self) -> None:
        self._answers: dict[Hashable, object] = {}
        self._readers: dict[Hashable, dict[Hashable, None]] = {}
        """For each fact, and each kept answer: the answers that read it."""
        self._stack: list[Hashable] = []

    def keep(self, key: Hashable, work: Callable[[], T]) -> T:
        """The answer of that key, worked out if it is not known."""
        if self._stack:
            self._readers.setdefault(key, {})[self._stack[-1]] = None
        try:
            return cast("T", self._answers[key])
        except KeyError:
            pass
        self._stack.append(key)
        try:
            answer = work()
        finally:
            self._stack.pop()
        self._answers[key] = answer
        return answer

    def reads(self, fact: Hashable) -> None:
        """What is being worked out depends on a fact."""
        readers = self._readers.setdefault(fact, {})
        if self._stack:
            readers[self._stack[-1]] = None

    def depends_on(self, fact: Hashable) -> bool:
        """Whether any answer read the fact since it was last forgotten."""
        return fact in self._readers

    def forget(self, fact: Hashable) -> None:
        """A fact has changed: drop every answer that came of it."""
        left = [fact]
        while left:
            key = left.pop()
            self._answers.pop(key, None)
            left.extend(self._readers.pop(key, ()))

    def clear(self) -> None:
        """Everything may have changed."""
        self._answers.clear()
        self._readers.clear()

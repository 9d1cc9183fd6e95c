"""What a pure function made of parts that many pods share.

The pods of one template hold the same list of containers, so what follows from it is worked out once. Objects are never
changed in place, so a part is known by its identity; it is held, so that its identity stays its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_BOUND, _BOUND_OF_PAIRS = 2048, 16_384


class Shared(Generic[T]):
    """A function of one part of an object that remembers its last answers."""

    __slots__ = ("_function", "_known")

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function = function
        self._known: dict[int, tuple[Any, T]] = {}

    def __call__(self, part: Any) -> T:
        """The function's answer."""
        known = self._known.get(id(part))
        if known is not None and known[0] is part:
            return known[1]
        if len(self._known) >= _BOUND:
            self._known.clear()
        answer = self._function(part)
        self._known[id(part)] = (part, answer)
        return answer


class SharedPair(Generic[T]):
    """The same for a function of two parts, and of plain values beside them."""

    __slots__ = ("_function", "_known")

    def __init__(self, function: Callable[..., T]) -> None:
        self._function = function
        self._known: dict[tuple[Any, ...], tuple[Any, Any, T]] = {}

    def __call__(self, one: Any, other: Any, *values: Any) -> T:
        """The function's answer."""
        key = (id(one), id(other), *values)
        known = self._known.get(key)
        if known is not None and known[0] is one and known[1] is other:
            return known[2]
        if len(self._known) >= _BOUND_OF_PAIRS:
            self._known.clear()
        answer = self._function(one, other, *values)
        self._known[key] = (one, other, answer)
        return answer

"""Named streams of chance.

Every component draws from a stream of its own, found by name, so that one more draw in one component does not move
the draws of another. A stream is a counter run through a keyed hash: it has no hidden state, costs a few bytes, and
gives the same numbers under every Python version (the standard generator's helpers do not promise that).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

from kcsim.profile.distributions import Distribution

T = TypeVar("T")

# Kubernetes' alphabet for generated names: no vowels, no 0, 1 or 3 (apimachinery: pkg/util/rand/rand.go).
NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_WORDS = struct.Struct("<8Q")
_SCALE = 1.0 / (1 << 53)


class Dice:
    """One stream of draws, made by its name and the seed alone."""

    __slots__ = ("_block", "_buffer", "_key")

    def __init__(self, seed: int, name: str) -> None:
        self._buffer: list[int] = []
        self._block = 0
        # Hashed by the first draw: many a stream is never drawn from.
        self._key: str | bytes = f"{seed}/{name}"

    def reseed(self, seed: int, name: str) -> None:
        """Go on as a stream that was made anew."""
        self._key = f"{seed}/{name}"
        self._block = 0
        self._buffer.clear()

    def _word(self) -> int:
        return (self._buffer or self._refill()).pop()

    def _refill(self) -> list[int]:
        key = self._key
        if isinstance(key, str):
            key = self._key = blake2b(key.encode(), digest_size=32).digest()
        digest = blake2b(self._block.to_bytes(8, "little"), key=key, digest_size=64).digest()
        self._block += 1
        self._buffer.extend(_WORDS.unpack(digest))
        return self._buffer

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return (self._word() >> 11) * _SCALE

    def integer(self, n: int) -> int:
        """A whole number in [0, ``n``)."""
        return self._word() * n >> 64

    def draw(self, distribution: Distribution) -> int:
        """A delay in µs."""
        return distribution.at(((self._buffer or self._refill()).pop() >> 11) * _SCALE)

    def total(self, distributions: Sequence[Distribution]) -> int:
        """The sum of one delay from each, in µs: what ``draw`` gives for one after the other."""
        total = 0
        buffer = self._buffer
        for distribution in distributions:
            if not buffer:
                self._refill()
            total += distribution.at((buffer.pop() >> 11) * _SCALE)
        return total

    def choice(self, items: Sequence[T]) -> T:
        """One of ``items``, all equally likely."""
        return items[self._word() * len(items) >> 64]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a random order (Fisher-Yates)."""
        result = list(items)
        for i in range(len(result) - 1, 0, -1):
            j = self.integer(i + 1)
            result[i], result[j] = result[j], result[i]
        return result

    def jitter(self, duration: int, factor: float) -> int:
        """``duration`` made longer by up to ``factor`` of itself: ``wait.Jitter`` of apimachinery."""
        return duration + int(duration * factor * self.uniform())

    def ticks(self, due: int, now: int, period: int, factor: float) -> tuple[int, int]:
        """The last tick up to ``now`` and the next one, of ticks that follow each other by ``jitter(period, factor)``.

        The first of them is at ``due``, which must not be later than ``now``. The same draws as one ``jitter`` a
        tick, without the calls: after a quiet night there are thousands of ticks to catch up with.
        """
        buffer, refill = self._buffer, self._refill
        longest = period * factor
        last = due
        while due <= now:
            last = due
            due += period + int(longest * (((buffer or refill()).pop() >> 11) * _SCALE))
        return last, due

    def binomial(self, n: int, p: float) -> int:
        """How many of ``n`` tries succeed, each with probability ``p``. Cost grows with ``n`` only up to 64."""
        if p <= 0.0 or n == 0:
            return 0
        if p >= 1.0:
            return n
        if n <= 64:
            return sum(1 for _ in range(n) if self.uniform() < p)
        # Sum of twelve uniforms stands for a normal draw: additions only, so it is the same on every machine.
        normal = sum(self.uniform() for _ in range(12)) - 6.0
        spread = (n * p * (1.0 - p)) ** 0.5
        return min(n, max(0, int(n * p + normal * spread + 0.5)))

    def suffix(self, length: int = 5) -> str:
        """Random letters as Kubernetes appends to ``generateName``."""
        word = self._word()
        letters = []
        for _ in range(length):
            word, i = divmod(word, 27)
            letters.append(NAME_ALPHABET[i])
        return "".join(letters)

    def hex(self, digits: int) -> str:
        """Random hexadecimal digits."""
        text = ""
        while len(text) < digits:
            text += f"{self._word():016x}"
        return text[:digits]

    def uuid(self) -> str:
        """A random UUID, version 4."""
        return uuid_text(self.uuid_bits())

    def uuid_bits(self) -> int:
        """What a random UUID is made of, for ``uuid_text``."""
        buffer = self._buffer
        if len(buffer) > 1:
            return buffer.pop() << 64 | buffer.pop()
        return self._word() << 64 | self._word()


def uuid_text(bits: int) -> str:
    """A UUID of version 4 with these 128 random bits."""
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[bits >> 60 & 3]}{text[17:20]}-{text[20:]}"

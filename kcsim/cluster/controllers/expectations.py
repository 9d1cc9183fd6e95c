"""Expectations: which creates and deletes a controller still has to see before it may count again.

A controller that counts pods in its cache right after creating some would create them twice. So it notes what it did,
ticks it off as the watch shows it, and leaves replicas alone until nothing is outstanding.

**Imitates:** ``UIDTrackingControllerExpectations`` of ``pkg/controller/controller_utils.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from kcsim.profile.constants import DEFAULT

EXPECTATIONS_TIMEOUT = DEFAULT.us("kube-controller-manager/expectations-timeout")
"""After so long (µs) the watch is taken to have lost what was expected."""


class Expectations:
    """What is outstanding, by the key of the controlling object."""

    def __init__(self) -> None:
        self._adds: dict[Hashable, int] = {}
        self._deletes: dict[Hashable, set[Hashable]] = {}
        self._since: dict[Hashable, int] = {}

    def expect_creations(self, key: Hashable, count: int, now: int) -> None:
        """``count`` creates are on their way."""
        self._start(key, now)
        self._adds[key] = count

    def expect_deletions(self, key: Hashable, names: Iterable[Hashable], now: int) -> None:
        """These objects are being deleted."""
        self._start(key, now)
        self._deletes[key] = set(names)

    def expect(self, key: Hashable, creations: int, deletions: Iterable[Hashable], now: int) -> None:
        """Creates and deletes are on their way, both at once."""
        self._start(key, now)
        names = set(deletions)
        if creations:
            self._adds[key] = creations
        if names:
            self._deletes[key] = names

    def _start(self, key: Hashable, now: int) -> None:
        self.forget(key)
        self._since[key] = now

    def creation_observed(self, key: Hashable) -> None:
        """One of the creates was seen, or failed and will never be."""
        self.lower_creations(key, 1)

    def lower_creations(self, key: Hashable, count: int) -> None:
        """``count`` creates were seen, or were never sent."""
        left = self._adds.get(key)
        if left is None:
            return
        if left > count:
            self._adds[key] = left - count
        else:
            del self._adds[key]

    def deletion_observed(self, key: Hashable, name: Hashable) -> None:
        """The delete of one object was seen, or failed and will never be."""
        outstanding = self._deletes.get(key)
        if outstanding is None:
            return
        outstanding.discard(name)
        if not outstanding:
            del self._deletes[key]

    def satisfied(self, key: Hashable, now: int) -> bool:
        """Whether nothing is outstanding, or has been for too long."""
        if key not in self._adds and key not in self._deletes:
            return True
        return now - self._since[key] > EXPECTATIONS_TIMEOUT

    def forget(self, key: Hashable) -> None:
        """The controlling object is gone."""
        self._adds.pop(key, None)
        self._deletes.pop(key, None)
        self._since.pop(key, None)

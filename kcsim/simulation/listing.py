"""A list of objects that is not made: which versions there are, and each object when somebody reads it.

Nobody reads a hundred thousand Events, or the renewals of five thousand Leases, to look at the thirty in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from kcsim.api.log import Version
from kcsim.api.objects import Key, Object


class Listing(Sequence[Object]):
    """The objects of some versions in key order (namespace, then name), each spelled out when it is asked for."""

    __slots__ = ("_shown", "_versions")

    def __init__(self, versions: Sequence[Version], shown: Callable[[Version], Object]) -> None:
        """``shown``: gives the object of a version as readers see it."""
        self._versions = versions
        self._shown = shown

    def __len__(self) -> int:
        return len(self._versions)

    @overload
    def __getitem__(self, place: int) -> Object: ...

    @overload
    def __getitem__(self, place: slice) -> Listing: ...

    def __getitem__(self, place: int | slice) -> Object | Listing:
        if isinstance(place, slice):
            return Listing(self._versions[place], self._shown)
        return self._shown(self._versions[place])

    def __iter__(self) -> Iterator[Object]:
        return map(self._shown, self._versions)

    def key(self, place: int) -> Key:
        """Namespace and name of an object, without spelling it out."""
        return self._versions[place].key

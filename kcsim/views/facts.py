"""What a table tells of each object, its state and the text that filters search: worked out once a version.

Objects are never changed in place and the log keeps every version of them, so which object it is says all of its content.
Ages are not among the text: they change while the object does not, and k9s leaves them out of its filter as well.

**Walk:** an object table -> ``Facts.of`` an object -> ``(state, text, wide text)`` -> filters and the line of why.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kcsim.api.objects import Object
from kcsim.views.states import State

if TYPE_CHECKING:
    from kcsim.views.objects import ObjectTable

Fact = tuple[State, str, str]
"""The state of an object; its cells in small letters; and those that only ``-o wide`` shows."""


class Facts:
    """What is known of the objects of one cluster, in as many versions as have been asked about."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[Object, Fact]] = {}  # the object is kept, so that its id stays its own

    def of(self, table: ObjectTable, obj: Object) -> Fact:
        """The fact of one object, as that table tells it."""
        known = self._known.get(id(obj))
        if known is None:
            known = self._known[id(obj)] = obj, table.fact(obj)
        return known[1]

    def some(self, table: ObjectTable, objects: Sequence[Object], begin: int, most: int) -> list[Fact]:
        """The facts of the next of these objects: of all that are known, and of at most so many that are not."""
        known = self._known
        if not begin:
            with suppress(KeyError):  # one is to be worked out
                return [known[id(obj)][1] for obj in objects]
        found: list[Fact] = []
        for place in range(begin, len(objects)):
            obj = objects[place]
            if id(obj) not in known:
                if not most:
                    break
                most -= 1
            found.append(self.of(table, obj))
        return found

    def forget(self, obj: Object) -> None:
        """Hold no longer what is known of a version that is no more the newest."""
        self._known.pop(id(obj), None)

    def __len__(self) -> int:
        return len(self._known)

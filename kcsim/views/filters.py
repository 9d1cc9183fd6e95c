"""Filters of a table as in k9s: a text that rows must hold or must not, or a label selector.

What is searched is worked out once a version of an object (``kcsim.views.facts``), so that a key typed costs a search through
texts that are there already. Of a hundred thousand objects that nobody has looked at yet it is worked out bit by bit: a
filter searches as many as there are, and says how many those were.

**Walk:** ``Searched`` of a list -> ``go_on`` until it is done, or for as long as one may -> the places of the rows that match.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, overload

from kcsim.api import selectors
from kcsim.api.objects import Object
from kcsim.views.facts import Facts

if TYPE_CHECKING:
    from kcsim.views.objects import ObjectTable


class BadFilter(ValueError):
    """The filter cannot be read; the message says why."""


class Searched:
    """What filters of one list search, of the first ``len()`` of its objects."""

    def __init__(self, table: ObjectTable, facts: Facts) -> None:
        """``table`` shows all of the list."""
        self._table = table
        self._objects = table.objects
        self._facts = facts
        self._told: list[str] = []
        self._more: list[str] = []
        self._close: dict[bool, list[str]] = {}
        self._labels: list[Mapping[str, str]] = []
        self._labelled: list[
            int
        ] = []  # for each object the place of its labels: those made from one template share theirs
        self._known: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._told)

    @property
    def is_done(self) -> bool:
        """Whether all of the list is there."""
        return len(self._told) == len(self._objects)

    def go_on(self, most: int) -> bool:
        """Read on, at most so many objects that nobody has looked at yet; gives whether all of the list is there."""
        if not self.is_done:
            facts = self._facts.some(self._table, self._objects, len(self), most)
            self._told += [fact[1] for fact in facts]
            self._more += [fact[2] for fact in facts]
        return self.is_done

    def prepare(self) -> bool:
        """Make ready a part of what each sense of a filter needs, once all of the list is there; gives whether that was all."""
        if len(self._labelled) < len(self):
            self._read_labels(_LABELS)
        else:
            wide = False in self._close
            self._lines(wide=wide)
        return True in self._close

    def matching(self, wanted: str, *, wide: bool) -> list[int]:
        """The places of what matches, among those that are there.

        Raises:
            BadFilter: the selector cannot be read.
        """
        if wanted.startswith("-l"):
            return self._selected(wanted.removeprefix("-l").strip())
        text = wanted.removeprefix("!").strip().lower()
        lines = self._lines(wide=wide)
        if wanted.startswith("!"):
            return [place for place, line in enumerate(lines) if text not in line]
        return [place for place, line in enumerate(lines) if text in line]

    def _lines(self, *, wide: bool) -> list[str]:
        """What each row tells; what only -o wide shows counts where it is shown."""
        if wide in self._close:
            return self._close[wide]
        both = zip(self._told, self._more, strict=True)
        lines = [f"{told}\t{more}" for told, more in both] if wide else self._told
        if self.is_done:
            lines = self._close[wide] = _side_by_side(lines)
        return lines

    def _selected(self, wanted: str) -> list[int]:
        try:
            matches = selectors.parse(wanted).compiled()
        except ValueError as error:
            raise BadFilter(str(error)) from None
        self._read_labels(len(self))
        good = [matches(each) for each in self._labels]
        return list(compress(range(len(self._labelled)), map(good.__getitem__, self._labelled)))

    def _read_labels(self, most: int) -> None:
        """Those of so many more of the objects that are there."""
        begin = len(self._labelled)
        for place in range(begin, min(len(self), begin + most)):
            labels = self._objects[place]["metadata"].get("labels") or _NONE
            known = self._known.get(id(labels))
            if known is None:
                known = self._known[id(labels)] = len(self._labels)
                self._labels.append(labels)
            self._labelled.append(known)


_NONE: Mapping[str, str] = {}
_LABELS = 50_000
"""Labels that are read in between, while somebody may press a key: some tens of milliseconds."""


def _side_by_side(lines: Iterable[str]) -> list[str]:
    """The same lines one behind the other in memory: a search that has to look for each of them elsewhere takes four times as long."""
    joined = "\n".join(lines)
    return joined.split("\n") if joined else []


class Chosen(Sequence[Object]):
    """Some of the objects of a list, by their places."""

    __slots__ = ("_objects", "_places")

    def __init__(self, objects: Sequence[Object], places: Sequence[int]) -> None:
        self._objects = objects
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Object: ...

    @overload
    def __getitem__(self, place: slice) -> Chosen: ...

    def __getitem__(self, place: int | slice) -> Object | Chosen:
        if isinstance(place, slice):
            return Chosen(self._objects, self._places[place])
        return self._objects[self._places[place]]

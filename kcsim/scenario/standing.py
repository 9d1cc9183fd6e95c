"""The objects that stand in a cluster before its story begins, as manifests whose values know where they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kcsim.manifests import Manifest, Positions
from kcsim.scenario.contents import Place, at, fixed_place
from kcsim.scenario.diagnostics import Position
from kcsim.scenario.model import Cluster, Part, Push, Scenario
from kcsim.scenario.yamltree import Tree


class _Written(Positions):
    """Where the values of an object stand that is a part of a scenario's own file."""

    __slots__ = ("_tree",)

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def of(self, path: Sequence[str | int]) -> tuple[int, int]:
        """(line, column) of the value at a path."""
        found = self._tree.at(*path)
        return found.line, found.column

    def of_key(self, path: Sequence[str | int]) -> tuple[int, int]:
        """(line, column) of the key at a path."""
        found = self._tree.key_at(*path)
        return found.line, found.column


class _Nowhere(Positions):
    """A story made in Python has no places."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    def of(self, path: Sequence[str | int]) -> tuple[int, int]:  # noqa: ARG002 - as asked for
        """Nowhere."""
        return 1, 1

    of_key = of


def standing(cluster: Cluster) -> Iterator[tuple[Manifest, Place]]:
    """Each object with an ``apiVersion`` and a ``kind``; what has none is told of when it is created."""
    yield from written_in(cluster, "objects", cluster.objects)


def given_to(scenario: Scenario) -> Iterator[tuple[Manifest, Place]]:
    """The same of the objects that deliveries are given."""
    for way in scenario.deliveries.values():
        if not isinstance(way, Push):
            yield from written_in(way, "objects", way.objects)


def written_in(part: Part, field: str, given: Sequence[Any]) -> Iterator[tuple[Manifest, Place]]:
    """The objects among those that a part of the scenario lists under a field, each with its place."""
    for number, obj in enumerate(given):
        if not isinstance(obj, dict) or not isinstance(obj.get("kind"), str) or not obj.get("apiVersion"):
            continue
        here = at(part, field, number)
        listed = part.source.child(field) if part.source is not None else None
        tree = listed.child(number) if listed is not None else None
        positions: Positions = _Written(tree) if tree is not None else _Nowhere()
        place = _in(here.file) if tree is not None else fixed_place(here)
        yield Manifest(obj, here.file, here.line, here.column, positions), place


def _in(file: str) -> Place:
    return lambda line, column: Position(file, line, column)

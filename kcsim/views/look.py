"""A place in time to look from: the present of a simulation, or an instant of its past.

What reads a world for a screen reads it through here, so that every table works on the past as well. What was worked out of
a look is kept as long as the world stands still: a screen asks the same many times.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.tables.cells import Kind
from kcsim.api.tables.table import kind_of
from kcsim.engine.clock import to_seconds
from kcsim.simulation.finding import NotFound
from kcsim.simulation.listing import Listing
from kcsim.simulation.past import Past
from kcsim.simulation.simulation import Simulation
from kcsim.simulation.why import Why
from kcsim.views.facts import Facts

T = TypeVar("T")


class Look:
    """What can be seen of one cluster from one instant.

    Attributes:
        now: the instant (µs).
        is_past: whether the world has moved on since.
        facts: what tables tell of its objects.
    """

    def __init__(
        self,
        simulation: Simulation,
        when: int | None = None,
        cluster: str = "",
        facts: Facts | None = None,
    ) -> None:
        self._simulation = simulation
        self._cluster = cluster
        self.is_past = when is not None
        self.now = simulation.engine.now if when is None else when
        self._from: Simulation | Past = simulation if when is None else simulation.at(to_seconds(when))
        self.facts = Facts() if facts is None else facts
        self._kept: dict[Hashable, object] = {}
        self._size = 0

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, worked out once: it is kept until the world moves, and must not be changed."""
        size = 0 if self.is_past else len(self._simulation.trace)
        if size != self._size:
            self._kept.clear()
            self._size = size
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]

    def later(self) -> Look:
        """The same look after time has passed in which nothing was recorded: only ages differ."""
        look = Look(self._simulation, None, self._cluster, self.facts)
        look._kept, look._size = self._kept, self._size
        return look

    def resource(self, word: str) -> Resource:
        """The kind that a person means (``pods``, ``deploy``, ``kustomizations``).

        Raises:
            NotFound: the cluster serves no such kind.
        """
        found = self._simulation.cluster(self._cluster).server.catalog.by_word(word)
        if found is None:
            raise NotFound(f"the cluster serves no kind {word!r}")
        return found

    def columns(self, resource: Resource) -> Kind:
        """How the API server shows objects of a kind: its columns, and the cells of one object."""
        server = self._simulation.cluster(self._cluster).server
        return kind_of(resource, server.catalog, server.log)

    def kinds(self) -> list[Resource]:
        """Every kind that objects can be listed of, by name."""
        catalog = self._simulation.cluster(self._cluster).server.catalog
        return sorted((r for r in catalog if "list" in r.verbs), key=lambda r: (r.plural, r.group))

    def objects(self, word: str, namespace: str | None = None) -> Listing:
        """The objects of a kind, in key order; each is spelled out when it is asked for.

        Raises:
            NotFound: the cluster serves no such kind.
        """
        table = self.resource(word).table
        return self.once(
            ("objects", table, namespace),
            lambda: self._from.listing(table, namespace, self._cluster or None),
        )

    def find(self, word: str, namespace: str, name: str) -> Object | None:
        """One object, None when there is none (or none of that kind)."""
        try:
            return self._from.get(f"{word}/{name}", namespace or None, cluster=self._cluster or None)
        except NotFound:
            return None

    def why(self, word: str, namespace: str, name: str) -> Why:
        """The chain of causes of an object's last change of substance up to this instant, even of one that is gone.

        Raises:
            NotFound: nothing of that name had existed.
        """
        return self._from.why(f"{word}/{name}", namespace or None, self._cluster or None)

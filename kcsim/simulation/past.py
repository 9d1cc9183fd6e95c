"""The past of a world: its objects as they were at an instant, read from the log."""

from __future__ import annotations

from kcsim.api.log import Version
from kcsim.api.objects import Key, Object
from kcsim.engine.clock import to_seconds
from kcsim.engine.shown import Shown
from kcsim.simulation.finding import NotFound, cluster_of, in_several, missing, parted, resource_of, why_until
from kcsim.simulation.listing import Listing
from kcsim.simulation.why import Why
from kcsim.simulation.world import World


class Past(Shown):
    """The objects of a world as they were at one instant.

    Attributes:
        time: the instant, in virtual seconds.
    """

    def __init__(self, world: World, when: int) -> None:
        """``when`` in µs."""
        self._world = world
        self._when = when
        self._states: dict[str, dict[str, dict[Key, Version]]] = {}
        self.time = to_seconds(when)

    def __repr__(self) -> str:
        return f"<Past t={self.time:.3f}s>"

    @property
    def clusters(self) -> tuple[str, ...]:
        """The names of the clusters; "" is the only one."""
        return tuple(self._world.clusters)

    def get(self, ref: str, namespace: str | None = None, cluster: str | None = None) -> Object:
        """The object as it was.

        Raises:
            NotFound: it did not exist then.
        """
        kind, name, namespace = parted(ref, namespace)
        table = self._table(kind, cluster)
        if namespace is not None:
            found = [key for key in ((namespace, name), ("", name)) if key in table]
        else:
            found = sorted(key for key in table if key[1] == name)
            found = [("default", name)] if ("default", name) in table else found
        if len(found) > 1 and namespace is None:
            raise NotFound(in_several(ref, [key[0] for key in found]))
        if not found:
            raise NotFound(missing(f"{ref} at t={self.time:g}s", name, namespace, sorted(table)))
        return table[found[0]].object

    def listing(self, kind: str, namespace: str | None = None, cluster: str | None = None) -> Listing:
        """The same objects as ``list`` gives, each spelled out when it is asked for."""
        table = self._table(kind, cluster)
        found = [table[key] for key in sorted(table) if namespace in {None, key[0]}]
        return Listing(found, _as_it_was)

    def list(self, kind: str, namespace: str | None = None, cluster: str | None = None) -> list[Object]:
        """The objects of a kind as they were, in key order."""
        return [*self.listing(kind, namespace, cluster)]

    def why(self, ref: str, namespace: str | None = None, cluster: str | None = None) -> Why:
        """The chain of causes of an object's last change of substance before this instant.

        Raises:
            NotFound: nothing of that name had existed.
        """
        return why_until(cluster_of(self._world, cluster), ref, namespace, self._when)

    def _table(self, kind: str, cluster: str | None) -> dict[Key, Version]:
        home = cluster_of(self._world, cluster)
        state = self._states.get(home.name)
        if state is None:
            log = home.server.log
            state = self._states[home.name] = log.state_at(log.revision_at(self._when))
        return state.get(resource_of(home, kind).table, {})


def _as_it_was(version: Version) -> Object:
    return version.object

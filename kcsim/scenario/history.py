"""The story of one world, read from its trace: what expressions look at, at every instant there was.

Nothing here takes part in the run. A world is watched by reading what it has written, as far as it has come, so that a
run is the same whether or not anybody judges it.
**Walk:** `advance` reads the records that are new -> objects, git heads and the delivery's progress follow -> when an
instant is over, whoever listens is told (`settle`) -> signals are evaluated, drift is compared, measures are taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from kcsim.api.log import Version
from kcsim.engine.trace import Record
from kcsim.scenario.functions import ObjectRead

Object = Mapping[str, Any]
Place = tuple[str, str]
"""(cluster, group resource); cluster "" is the first one."""


class Requests(Protocol):
    """What is known of a traffic's requests, now and at any earlier instant."""

    def ended(self, when: int) -> tuple[int, int]:
        """Requests that had ended by an instant (µs), and how many of them had failed."""
        ...

    def reached(self, when: int) -> int:
        """How many pods requests came to at an instant."""
        ...

    def failed(self, since: int, until: int) -> Sequence[int]:
        """Instants in (since, until] at which requests failed, sorted; at most one a second."""
        ...


class Listener(Protocol):
    """Somebody who follows the story."""

    def settle(self, time: int, records: Sequence[Record]) -> None:
        """An instant (µs) is over; these are its records, in order. May be told twice of one instant."""
        ...

    def caught_up(self, time: int) -> None:
        """Everything was read up to an instant (µs), for now."""
        ...


class World(Protocol):
    """What the history needs to know of the world beside its trace."""

    @property
    def records(self) -> Sequence[Record]:
        """The trace, which grows."""
        ...

    @property
    def settled(self) -> int:
        """The last instant (µs) that is over."""
        ...

    def deployed(self, repository: str) -> str | None:
        """SHA of the last commit delivered in full, as far as the history was read."""
        ...

    def adrift(self, namespace: str, cluster: str) -> Sequence[str]:
        """Objects adrift, as far as the history was read."""
        ...


class History:
    """The state of the story at the instant up to which it was read; a `View` for expressions.

    Attributes:
        now: that instant, virtual µs.
        traffic: what is known of requests, by the traffic's name.
    """

    def __init__(self, world: World, first_cluster: frozenset[str], traffic: Mapping[str, Requests]) -> None:
        """`first_cluster` holds the names that all mean the first cluster."""
        self.now = 0
        self.traffic = traffic
        self._world = world
        self._first = first_cluster
        self._read = 0
        self._tables: dict[Place, dict[tuple[str, str], Object]] = {}
        self._sorted: dict[Place, list[tuple[tuple[str, str], Object]] | None] = {}
        self._writers: dict[tuple[Place, tuple[str, str]], str] = {}
        self._heads: dict[str, str] = {}
        self._moves: dict[str, int] = {}
        self._listeners: list[Listener] = []
        self._branches: Mapping[str, str] = {}
        self._asked: dict[tuple[str, int | None], tuple[int, int, tuple[int, int]]] = {}
        """What was last asked of requests: as of which instant and record, and the answer."""

    # --- following ----------------------------------------------------------------------------------------------

    def keep(self, objects: Iterable[ObjectRead]) -> None:
        """Follow these kinds of objects; to be said before anything is read."""
        for read in objects:
            self._tables.setdefault((self.home(read.cluster), read.resource), {})
            self._sorted.setdefault((self.home(read.cluster), read.resource), None)

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every instant from now on, in the order in which listeners were added."""
        self._listeners.append(listener)

    def advance(self) -> None:
        """Read on to the last instant that is over."""
        records, end = self._world.records, self._world.settled
        while self._read < len(records):
            time = records[self._read].time
            if time > end:
                break
            start = self._read
            stop = start + 1
            while stop < len(records) and records[stop].time == time:
                stop += 1
            group = records[start:stop]
            self._read = stop
            for record in group:
                self._follow(record)
            self.now = max(self.now, time)
            for listener in self._listeners:
                listener.settle(time, group)
        if end > self.now:
            self.now = end
            for listener in self._listeners:
                listener.settle(end, ())
        for listener in self._listeners:
            listener.caught_up(self.now)

    def _follow(self, record: Record) -> None:
        if isinstance(record, Version):
            place = (self.cluster_of(record), record.resource.group_resource)
            table = self._tables.get(place)
            if table is not None:
                if record.deleted:
                    table.pop(record.key, None)
                else:
                    table[record.key] = record.object
                self._writers[place, record.key] = record.actor
                self._sorted[place] = None
        elif (moved := head_moved(record)) is not None:
            repository, branch, sha = moved
            line = f"{repository}@{branch}"
            self._heads[line] = sha
            self._moves[line] = self._moves.get(line, 0) + 1

    def cluster_of(self, version: Version) -> str:
        """The cluster a version belongs to, "" for the first one."""
        return self.home(version.cluster)

    def home(self, cluster: str) -> str:
        """A cluster's name here: "" for the first one, whatever it is called."""
        return "" if cluster in self._first else cluster

    # --- the view -----------------------------------------------------------------------------------------------

    def get(self, resource: str, namespace: str, name: str, cluster: str) -> Object | None:
        """An object of a kind that is followed."""
        return self._tables[self.home(cluster), resource].get((namespace, name))

    def writer(self, resource: str, namespace: str, name: str, cluster: str) -> str | None:
        """The user who wrote an object of a kind that is followed last, or deleted it."""
        return self._writers.get(((self.home(cluster), resource), (namespace, name)))

    def list(self, resource: str, namespace: str, cluster: str) -> Sequence[Object]:
        """Objects of a kind that is followed, sorted by namespace and name."""
        place = (self.home(cluster), resource)
        found = self._sorted[place]
        if found is None:
            found = self._sorted[place] = sorted(self._tables[place].items(), key=_by_key)
        return [obj for key, obj in found if not namespace or key[0] == namespace]

    def pods_reached(self, traffic: str) -> int:
        """How many pods its requests come to."""
        return self.traffic[traffic].reached(self.now)

    def requests(self, traffic: str, window: int | None) -> tuple[int, int]:
        """Requests that ended in the last `window` µs, and how many of them failed."""
        asked = (traffic, window)
        known = self._asked.get(asked)
        # An expression and its parts ask the same question of one instant.
        if known is None or known[:2] != (self.now, self._read):
            known = self._asked[asked] = (self.now, self._read, self._ended(traffic, window))
        return known[2]

    def _ended(self, traffic: str, window: int | None) -> tuple[int, int]:
        source = self.traffic[traffic]
        ended, failed = source.ended(self.now)
        if window is None or window >= self.now:
            return ended, failed
        before = source.ended(self.now - window)
        return ended - before[0], failed - before[1]

    def head(self, repository: str) -> str | None:
        """SHA of the head of the delivered branch; `repository` may name a branch as NAME@BRANCH."""
        return self._heads.get(self._branches.get(repository, repository))

    def commits(self, repository: str) -> int:
        """How often the delivered branch has moved; `repository` as for `head`."""
        return self._moves.get(self._branches.get(repository, repository), 0)

    def deployed(self, repository: str) -> str | None:
        """SHA of the last commit that was delivered in full."""
        return self._world.deployed(repository)

    def drift(self, namespace: str, cluster: str) -> Sequence[str]:
        """Objects adrift."""
        return self._world.adrift(namespace, cluster)

    def follow_branches(self, branches: Mapping[str, str]) -> None:
        """Say which branch of each repository is delivered: {repository: branch}."""
        self._branches = {name: f"{name}@{branch}" for name, branch in branches.items()}


def _by_key(item: tuple[tuple[str, str], Object]) -> tuple[str, str]:
    return item[0]


def head_moved(record: Record) -> tuple[str, str, str] | None:
    """(repository, branch, SHA) for the record of a push to a branch."""
    if not record.subject.startswith("commit/") or record.verb not in {"commit", "push"}:
        return None
    detail = record.facts()
    repository = record.subject.removeprefix("commit/").rpartition("/")[0]
    return (repository, detail["branch"], detail["sha"]) if "branch" in detail else None

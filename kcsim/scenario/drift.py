"""Drift: live objects that are no longer what the delivery applied last, found by reading the trace.

Each object is compared with the manifest of the commit that the delivery applied to it last; only what the delivery
manages can drift. An episode begins with a write by somebody else that leaves an object other than wanted, and ends when
the object is as wanted again, whoever brought that about.
**Walk:** a write by the delivery or `Progress` sets what is wanted of an object -> other writes to it are compared at the
end of their instant -> `Episode`s -> `adrift`, `spans`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.log import Version
from kcsim.api.ownership import Ownership
from kcsim.api.patch import merge_patch
from kcsim.engine.trace import Record
from kcsim.scenario.deliveries import Way
from kcsim.scenario.wanted import ObjectKey, Wanted, deviation
from kcsim.simulation.leaves import Leaf, differences


@dataclass(slots=True)
class Episode:
    """One change by hand (or by anybody but the delivery) that left an object adrift. Times in µs.

    Attributes:
        ref: the object, `deployment/web`.
        cause: the write that did it.
        fields: what it left other than git says: (path, what is live, what git says), None for what is not there.
        noticed: when the delivery found out by itself; None: it never did.
        ended: when the object was as wanted again; None: it still is not.
        repair: the write that ended it; None when the wanted state moved instead.
        by_delivery: whether the delivery ended it.
    """

    key: ObjectKey
    ref: str
    began: int
    cause: Version
    fields: tuple[Leaf, ...] = ()
    noticed: int | None = None
    ended: int | None = None
    repair: Version | None = None
    by_delivery: bool = False


class Drift:
    """Follows what a delivery manages; a listener of the history.

    Attributes:
        episodes: every one, in the order in which they began.
        spans: stretches [since, until] in µs in which anything was adrift; the last one may be open (until None).
    """

    def __init__(self, way: Way, ownership: Callable[[str], Ownership]) -> None:
        self._way = way
        self._ownership = ownership
        self._live: dict[ObjectKey, Version] = {}
        self._wanted: dict[ObjectKey, Wanted] = {}
        self._by_sha: dict[str, Mapping[ObjectKey, Wanted]] = {}
        self._adrift: dict[ObjectKey, list[Episode]] = {}
        self._ordered: list[tuple[str, str, str]] | None = []
        self.episodes: list[Episode] = []
        self.spans: list[tuple[int, int | None]] = []

    # --- following ----------------------------------------------------------------------------------------------

    def settle(self, time: int, records: Sequence[Record]) -> None:
        """Compare what the records of an instant touched."""
        touched: dict[ObjectKey, list[Version]] = {}
        for record in records:
            if isinstance(record, Version):
                self._write(record, touched)
            for progress in self._way.follow(record):
                self._adopt(progress.cluster, progress.scope, progress.sha, touched)
        for key, versions in touched.items():
            self._compare(key, versions, time)

    def caught_up(self, time: int) -> None:
        """Nothing hangs on time alone."""

    def _write(self, version: Version, touched: dict[ObjectKey, list[Version]]) -> None:
        namespace, name = version.key
        key = ObjectKey(version.cluster, version.resource.group_resource, namespace, name)
        ours = version.actor in self._way.actors
        if version.deleted:
            self._live.pop(key, None)
        else:
            self._live[key] = version
        if ours:
            sha = self._way.revision_of(version)
            wanted = self._of_commit(sha).get(key) if sha is not None else None
            if wanted is not None:
                self._wanted[key] = wanted
        if key in self._wanted and (ours or version.deleted or not only_status(version)):
            touched.setdefault(key, []).append(version)

    def _adopt(self, cluster: str, scope: str, sha: str, touched: dict[ObjectKey, list[Version]]) -> None:
        """Everything of a commit was applied: it is what is wanted now, and what is not in it is nobody's any more."""
        new = {
            key: each
            for key, each in self._of_commit(sha).items()
            if key.cluster == cluster and each.scope == scope
        }
        for key in [
            key for key, each in self._wanted.items() if key.cluster == cluster and each.scope == scope
        ]:
            if key not in new:
                del self._wanted[key]
                touched.setdefault(key, [])
        for key, wanted in new.items():
            if self._wanted.get(key) is not wanted:
                self._wanted[key] = wanted
                touched.setdefault(key, [])

    def _of_commit(self, sha: str) -> Mapping[ObjectKey, Wanted]:
        found = self._by_sha.get(sha)
        if found is None:
            found = self._by_sha[sha] = {each.key: each for each in self._way.wanted(sha)}
        return found

    def _compare(self, key: ObjectKey, versions: Sequence[Version], time: int) -> None:
        wanted = self._wanted.get(key)
        live = self._live.get(key)
        open_ = self._adrift.get(key)
        ours = any(version.actor in self._way.actors for version in versions)
        if open_ and ours and self._way.notices_drift:
            for episode in open_:
                episode.noticed = time if episode.noticed is None else episode.noticed
        ownership = self._ownership(key.cluster)
        now = (
            deviation(live.object if live is not None else None, wanted, ownership)
            if wanted is not None
            else None
        )
        if now is None:
            if open_:
                self._end(key, open_, versions, time)
        elif wanted is not None and versions:
            # Writes beside the point (a controller's annotation) do not make a second episode of the first.
            first = versions[0].previous
            before = first.object if first is not None else None
            was = deviation(before, wanted, ownership)
            if was != now:
                known = _fields(before, was)
                fields = tuple(leaf for leaf in _fields(versions[-1].object, now) if leaf not in known)
                self._begin(key, wanted, versions[-1], time, fields)

    def _begin(
        self, key: ObjectKey, wanted: Wanted, cause: Version, time: int, fields: tuple[Leaf, ...]
    ) -> None:
        episode = Episode(key, wanted.ref, time, cause, fields)
        self.episodes.append(episode)
        if not self._adrift:
            self.spans.append((time, None))
        self._adrift.setdefault(key, []).append(episode)
        self._ordered = None

    def _end(self, key: ObjectKey, episodes: list[Episode], versions: Sequence[Version], time: int) -> None:
        repair = versions[-1] if versions else None
        for episode in episodes:
            episode.ended, episode.repair = time, repair
            episode.by_delivery = repair is not None and repair.actor in self._way.actors
        del self._adrift[key]
        self._ordered = None
        if not self._adrift:
            self.spans[-1] = (self.spans[-1][0], time)

    # --- asking -------------------------------------------------------------------------------------------------

    def adrift(self, namespace: str, cluster: str) -> list[str]:
        """Objects of a namespace ("" all) that are adrift, sorted."""
        if not self._adrift:
            return []
        if self._ordered is None:
            self._ordered = sorted(
                (key.cluster, key.namespace, self._adrift[key][0].ref) for key in self._adrift
            )
        return [ref for home, space, ref in self._ordered if home == cluster and namespace in {"", space}]

    def time_adrift(self, now: int) -> int:
        """For how long (µs) anything was adrift up to an instant."""
        return sum(max(0, min(now if until is None else until, now) - since) for since, until in self.spans)

    @property
    def managed(self) -> Mapping[ObjectKey, Wanted]:
        """What the delivery manages now."""
        return self._wanted

    def live(self, key: ObjectKey) -> Version | None:
        """An object's present version."""
        return self._live.get(key)


def _fields(live: Any, change: Any) -> list[Leaf]:
    """The leaves of a deviation; none when the object is gone."""
    return list(differences(live, merge_patch.apply(live, change))) if isinstance(change, Mapping) else []


def only_status(version: Version) -> bool:
    """Whether a write left alone everything that a manifest can hold."""
    before = version.previous.object if version.previous is not None else None
    if before is None:
        return False
    after = version.object
    if before.keys() - {"status"} != after.keys() - {"status"}:
        return False
    for key, value in after.items():
        if key == "status" or value is before[key]:
            continue
        if key != "metadata":
            return False
        old = before[key]
        for field in ("labels", "annotations", "ownerReferences", "finalizers", "deletionTimestamp"):
            if value.get(field) is not old.get(field) and value.get(field) != old.get(field):
                return False
    return True

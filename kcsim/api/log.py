"""The log is the cluster: an append-only list of immutable versions, and an index over its end.

``revision`` is the only clock of state, shared by all kinds as in etcd. The current state is an index; history is the
log; a watch is a cursor with a filter. Each version is also a trace record, so who wrote it, when and why is known.

**Imitates:** etcd's MVCC (one revision counter, tombstones, compaction) and the watch cache of the API server
(kubernetes-api reference, sections 4 and 17). Differs: compaction decides what may still be asked for, not what is
kept, so a past moment can always be looked at.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Protocol

from kcsim.api import objects
from kcsim.api.filters import ByField
from kcsim.api.objects import Key, Object
from kcsim.api.resources import Resource
from kcsim.engine.clock import rfc3339
from kcsim.engine.core import Engine
from kcsim.engine.dice import uuid_text
from kcsim.engine.trace import Record
from kcsim.profile.constants import DEFAULT

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
COMPACTION_INTERVAL = DEFAULT.us("kube-apiserver/etcd-compaction-interval")
"""apiserver: pkg/storage/storagebackend/config.go."""


class Version(Record):
    """One immutable version of one object.

    Attributes:
        revision: the store revision of this write.
        resource: the kind of object.
        key: namespace and name.
        object: the object as stored, without managedFields; the last state for a deletion.
        previous: the version before, None for a creation.
        deleted: whether this write removed the object.
        manager, operation, subresource: who to enter in managedFields (``operation`` is ``Update`` or ``Apply``).
        managed: managedFields in their working form once somebody asked, else None.
        sent: the object before admission and the allocators added to it: what its writer is said to own.
    """

    __slots__ = (
        "cluster",
        "deleted",
        "key",
        "managed",
        "manager",
        "object",
        "operation",
        "previous",
        "resource",
        "revision",
        "sent",
        "subresource",
    )

    cluster: str
    deleted: bool
    key: Key
    managed: Any
    manager: str
    object: Object
    operation: str
    previous: Version | None
    resource: Resource
    revision: int
    sent: Object | None
    subresource: str

    @property
    def subject(self) -> str:  # type: ignore[override]
        """The object as the trace names it: ``deployment.apps/shop/web``."""
        namespace, name = self.key
        word = self.resource.word
        return f"{word}/{namespace}/{name}" if namespace else f"{word}/{name}"

    def facts(self) -> dict[str, Any]:
        """The revision and what changed, as a JSON merge patch against the previous version."""
        facts: dict[str, Any] = {"rv": self.revision}
        if self.cluster:
            facts["cluster"] = self.cluster
        if self.subresource:
            facts["subresource"] = self.subresource
        if self.deleted:
            return facts
        before = self.previous.object if self.previous is not None else {}
        changed = objects.difference(before, self.object)
        metadata = changed.get("metadata")
        if metadata is not None:
            metadata = {k: v for k, v in metadata.items() if k != "resourceVersion"}
            changed = {k: v for k, v in changed.items() if k != "metadata"}
            if metadata:
                changed["metadata"] = metadata
        facts["set"] = changed
        return facts


class Recorded(Protocol):
    """An Event that one of kcsim's recorders wrote, and nobody has read yet."""

    namespace: str
    name: str

    def body(self) -> Object:
        """The Event as it is sent."""
        ...


_OBJECT: Any = Version.__dict__["object"]


class UnreadVersion(Version):
    """A version whose object is spelled out when somebody reads it: hardly ever.

    Attributes:
        unread: whether nobody has read it yet.
    """

    __slots__ = ("unread",)

    unread: bool

    @property
    def object(self) -> Object:
        """The object as stored."""
        if self.unread:
            self.object = self._spelled_out()
            self.unread = False
        return _OBJECT.__get__(self)  # type: ignore[no-any-return]

    @object.setter  # noqa: A003
    def object(self, made: Object) -> None:
        _OBJECT.__set__(self, made)

    def _spelled_out(self) -> Object:
        raise NotImplementedError


class EventVersion(UnreadVersion):
    """The first version of a recorded Event.

    Attributes:
        recorded: what it is made of.
        uid_bits: the random part of its uid.
    """

    __slots__ = ("recorded", "uid_bits")

    recorded: Recorded
    uid_bits: int

    def _spelled_out(self) -> Object:
        body = self.recorded.body()
        metadata = {
            **body["metadata"],
            "uid": uuid_text(self.uid_bits),
            "creationTimestamp": rfc3339(self.time),
            "resourceVersion": str(self.revision),
        }
        return {**body, "metadata": metadata}


class ExpiredVersion(UnreadVersion):
    """The end of an object whose lease ran out, with its last state."""

    __slots__ = ()

    def _spelled_out(self) -> Object:
        assert self.previous is not None
        last = self.previous.object
        return {**last, "metadata": {**last["metadata"], "resourceVersion": str(self.revision)}}


class Watch:
    """A cursor: the changes of one resource that pass a filter, in order, from where it stands.

    ``on_wake`` is called once when changes wait; ``take`` hands them over and lets it be called again.
    """

    __slots__ = (
        "_by_index",
        "_log",
        "_on_wake",
        "_pending",
        "active",
        "index",
        "match",
        "namespace",
        "position",
        "resource",
    )

    def __init__(
        self,
        log: Log,
        resource: Resource,
        namespace: str | None,
        match: Callable[[Object], bool] | None,
        index: tuple[str, str] | None,
        on_wake: Callable[[], None],
    ) -> None:
        self._log = log
        self.resource = resource
        self.namespace = namespace
        self.match = match
        self.index = index
        self._by_index = index is not None and isinstance(match, ByField)
        self._on_wake = on_wake
        self._pending: list[tuple[EventType, Version]] = []
        self.position = log.revision
        self.active = True

    def offer(self, version: Version) -> None:
        """Consider a new version (kubernetes-api reference, section 4: selector transitions)."""
        match = self.match
        previous = version.previous
        kind: EventType
        if match is None:
            kind = "DELETED" if version.deleted else "ADDED" if previous is None else "MODIFIED"
        else:
            was = previous is not None and match(previous.object)
            if version.deleted:
                if not was:
                    return
                kind = "DELETED"
            elif match(version.object):
                kind = "MODIFIED" if was else "ADDED"
            elif was:
                kind = "DELETED"
            else:
                return
        self.add(kind, version)

    def add(self, kind: EventType, version: Version) -> None:
        """A change that passes the filter, and what it is in this watch's eyes."""
        pending = self._pending
        pending.append((kind, version))
        if len(pending) == 1:
            self._on_wake()

    def replay(self, since: int) -> None:
        """Stand after revision ``since``: what came later waits."""
        log, namespace = self._log, self.namespace
        if since < log.revision:
            self.position = since
            for version in log.versions[since:]:
                if version.resource.table == self.resource.table and (
                    namespace is None or namespace == version.key[0]
                ):
                    self.offer(version)

    def found(self, version: Version, was: bool, is_now: bool) -> None:
        """Like ``offer``, for a watch that was found by its index: whether the versions before and now are its own."""
        if not self._by_index:
            self.offer(version)
            return
        if version.deleted or not is_now:
            if not was:
                return
            kind: EventType = "DELETED"
        else:
            kind = "MODIFIED" if was else "ADDED"
        self.add(kind, version)

    def take(self) -> list[tuple[EventType, Version]]:
        """The changes since the last call, oldest first."""
        pending, self._pending = self._pending, []
        if pending:
            self.position = pending[-1][1].revision
        return pending

    def stop(self) -> None:
        """Watch no longer."""
        self.active = False
        self._pending = []
        self._log.forget(self)


class _Table:
    """The current versions of one resource and who watches it."""

    __slots__ = ("spaces", "watches", "watches_by_index")

    def __init__(self) -> None:
        self.spaces: dict[str, dict[str, Version]] = {}
        self.watches: list[Watch] = []
        self.watches_by_index: dict[str, dict[str, list[Watch]]] = {}


# Fields by which watchers are found instead of asked (as the real server indexes pods by spec.nodeName).
_INDEXED: dict[str, Callable[[Object], str]] = {
    "spec.nodeName": lambda obj: obj["spec"].get("nodeName", ""),
    "metadata.name": lambda obj: obj["metadata"]["name"],
}


class Log:
    """All versions of all objects of one cluster."""

    __slots__ = ("_cluster", "_engine", "_seals", "_tables", "_times", "checking", "revision", "versions")

    def __init__(self, engine: Engine, cluster: str = "", *, checking: bool = False) -> None:
        self._engine = engine
        self._cluster = cluster
        self._tables: dict[str, _Table] = {}
        self.versions: list[Version] = []
        self._times: list[int] = []
        self.revision = 0
        self.checking = checking
        self._seals: list[tuple[Version, str]] = []

    # --- writing ------------------------------------------------------------------------------------------------

    def append(
        self,
        resource: Resource,
        key: Key,
        obj: Object,
        *,
        actor: str,
        verb: str,
        manager: str,
        previous: Version | None = None,
        deleted: bool = False,
        operation: str = "Update",
        subresource: str = "",
        managed: Any = None,
        sent: Object | None = None,
    ) -> Version:
        """Write a version and wake whoever watches. What is stored is a copy that has its resourceVersion."""
        return self.enter(
            resource,
            key,
            {**obj, "metadata": {**obj["metadata"]}},
            actor,
            verb,
            manager,
            previous,
            deleted,
            operation,
            subresource,
            managed,
            sent,
        )

    def enter(
        self,
        resource: Resource,
        key: Key,
        obj: Object,
        actor: str,
        verb: str,
        manager: str,
        previous: Version | None = None,
        deleted: bool = False,
        operation: str = "Update",
        subresource: str = "",
        managed: Any = None,
        sent: Object | None = None,
    ) -> Version:
        """Like ``append``, without the copy: ``obj`` and its metadata were made for this write alone."""
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        version = self.draft(
            resource,
            key,
            obj,
            actor,
            verb,
            manager,
            previous,
            deleted,
            operation,
            subresource,
            managed,
            sent,
        )
        return self._keep(version)

    def begin_with(self, made: Iterable[Version]) -> None:
        """Hold the first versions of another log as one's own first ones."""
        for version in made:
            self.revision += 1
            assert version.revision == self.revision, "they were the first there"
            self._keep(version)

    def enter_event(
        self, resource: Resource, recorded: Recorded, uid_bits: int, actor: str, manager: str
    ) -> Version:
        """Write the first version of a recorded Event."""
        self.revision += 1
        key = recorded.namespace, recorded.name
        version = EventVersion.__new__(EventVersion)
        version.recorded, version.uid_bits = recorded, uid_bits
        self._fill(
            version, resource, key, {}, actor, "create", manager, None, False, "Update", "", None, None
        )
        version.unread = True
        return self._keep(version)

    def expire(self, last: Version, actor: str) -> Version:
        """Delete an object whose lease has run out."""
        self.revision += 1
        version = ExpiredVersion.__new__(ExpiredVersion)
        self._fill(
            version, last.resource, last.key, {}, actor, "expire", "", last, True, "Update", "", None, None
        )
        version.unread = True
        return self._keep(version)

    def _keep(self, version: Version) -> Version:
        """Append a version, put it into the index, and wake whoever watches."""
        resource, deleted = version.resource, version.deleted
        table = self._tables.get(resource.table) or self._table(resource)
        self.versions.append(version)
        self._times.append(version.time)
        if self.checking:
            self._seals.append((version, objects.fingerprint(version.object)))
        namespace, name = version.key
        space = table.spaces.get(namespace)
        if space is None:
            space = table.spaces[namespace] = {}
        if deleted:
            space.pop(name, None)
        else:
            space[name] = version
        self._engine.trace.append(version)
        if table.watches or table.watches_by_index:
            self._tell(table, version)
        return version

    def draft(
        self,
        resource: Resource,
        key: Key,
        obj: Object,
        actor: str,
        verb: str,
        manager: str,
        previous: Version | None,
        deleted: bool,
        operation: str,
        subresource: str,
        managed: Any,
        sent: Object | None,
    ) -> Version:
        """A version that is not written: what a dry run answers with, and the first half of ``append``."""
        version = Version.__new__(Version)
        self._fill(
            version,
            resource,
            key,
            obj,
            actor,
            verb,
            manager,
            previous,
            deleted,
            operation,
            subresource,
            managed,
            sent,
        )
        return version

    def _fill(
        self,
        version: Version,
        resource: Resource,
        key: Key,
        obj: Object,
        actor: str,
        verb: str,
        manager: str,
        previous: Version | None,
        deleted: bool,
        operation: str,
        subresource: str,
        managed: Any,
        sent: Object | None,
    ) -> None:
        engine = self._engine
        version.seq = -1
        version.time = engine.now
        version.cause = engine.cause
        version.actor = actor
        version.verb = verb
        version.detail = None
        version.cluster = self._cluster
        version.revision = self.revision
        version.resource = resource
        version.key = key
        version.object = obj
        version.previous = previous
        version.deleted = deleted
        version.manager = manager
        version.operation = operation
        version.subresource = subresource
        version.managed = managed
        version.sent = sent

    def _tell(self, table: _Table, version: Version) -> None:
        namespace = version.key[0]
        previous = version.previous
        plain: EventType = "DELETED" if version.deleted else "ADDED" if previous is None else "MODIFIED"
        for watch in table.watches:
            if watch.namespace is None or watch.namespace == namespace:
                if watch.match is None:
                    watch.add(plain, version)
                else:
                    watch.offer(version)
        if table.watches_by_index:
            before = previous.object if previous is not None else None
            for field, watches in table.watches_by_index.items():
                read = _INDEXED[field]
                value = read(version.object)
                old = None if before is None else read(before)
                if value in watches:
                    for watch in watches[value]:
                        if watch.namespace is None or watch.namespace == namespace:
                            watch.found(version, old == value, True)
                if old is not None and old != value:
                    for watch in watches.get(old, ()):
                        if watch.namespace is None or watch.namespace == namespace:
                            watch.found(version, True, False)

    # --- the current state --------------------------------------------------------------------------------------

    def _table(self, resource: Resource) -> _Table:
        table = self._tables.get(resource.table)
        if table is None:
            table = self._tables[resource.table] = _Table()
        return table

    def get(self, resource: Resource, namespace: str, name: str) -> Version | None:
        """The current version of one object."""
        table = self._tables.get(resource.table)
        if table is None:
            return None
        space = table.spaces.get(namespace)
        return None if space is None else space.get(name)

    def list(self, resource: Resource, namespace: str | None = None) -> list[Version]:
        """The current versions in key order (namespace, then name), of one namespace or of all."""
        table = self._tables.get(resource.table)
        if table is None:
            return []
        spaces = table.spaces
        names = sorted(spaces) if namespace is None else [namespace] if namespace in spaces else []
        return [spaces[space][name] for space in names for name in sorted(spaces[space])]

    def count(self, resource: Resource) -> int:
        """How many objects of the resource exist."""
        table = self._tables.get(resource.table)
        return 0 if table is None else sum(len(space) for space in table.spaces.values())

    # --- watching -----------------------------------------------------------------------------------------------

    def watch(
        self,
        resource: Resource,
        on_wake: Callable[[], None],
        *,
        namespace: str | None = None,
        match: Callable[[Object], bool] | None = None,
        index: tuple[str, str] | None = None,
        since: int | None = None,
    ) -> Watch:
        """A cursor after revision ``since`` (the end of the log when None).

        ``index`` is ``(field, value)`` for the fields that watchers are found by (``spec.nodeName``,
        ``metadata.name``); ``match`` must then agree with it.
        """
        watch = Watch(self, resource, namespace, match, index, on_wake)
        if since is not None:
            watch.replay(since)
        table = self._table(resource)
        if index is None:
            table.watches.append(watch)
        else:
            table.watches_by_index.setdefault(index[0], {}).setdefault(index[1], []).append(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """Stop telling a watch."""
        table = self._table(watch.resource)
        if watch.index is None:
            watches = table.watches
        else:
            watches = table.watches_by_index.get(watch.index[0], {}).get(watch.index[1], [])
        if watch in watches:
            watches.remove(watch)

    # --- history ------------------------------------------------------------------------------------------------

    @property
    def compacted(self) -> int:
        """The revision up to which history may no longer be asked for through the API.

        The server compacts every five minutes to where the log stood five minutes before.
        """
        last = self._engine.now // COMPACTION_INTERVAL * COMPACTION_INTERVAL
        return self.revision_at(last - COMPACTION_INTERVAL) if last > COMPACTION_INTERVAL else 0

    def revision_at(self, time: int) -> int:
        """The revision at which the log stood at that instant (µs), everything of that instant included."""
        return bisect_right(self._times, time)

    def state_at(self, revision: int) -> dict[str, dict[Key, Version]]:
        """The objects as they were at a revision: ``{resource.table: {key: version}}``."""
        state: dict[str, dict[Key, Version]] = {}
        for version in self.versions[:revision]:
            table = state.setdefault(version.resource.table, {})
            if version.deleted:
                table.pop(version.key, None)
            else:
                table[version.key] = version
        return state

    def history(self, resource: Resource, key: Key) -> Iterator[Version]:
        """Every version of one object, oldest first, across deletions and re-creations."""
        return (v for v in self.versions if v.resource.table == resource.table and v.key == key)

    def verify(self) -> None:
        """In checking mode: fail when anything stored was changed in place.

        Raises:
            AssertionError: naming the object and the revision.
        """
        for version, seal in self._seals:
            if objects.fingerprint(version.object) != seal:
                raise AssertionError(f"{version.subject} at revision {version.revision} was changed in place")

"""Informers: a component's view of one resource, the store seen at the informer's own position.

The cache holds references to the store's versions, not copies. Changes arrive after the watch's latency, in order;
many changes wake it once. While the server cannot be reached nothing arrives, and the cache grows stale.

**Imitates:** client-go ``tools/cache`` (reflector and shared informer): list, then watch; back-off while the list fails.
Differs: after a partition heals the backlog is delivered after one reconnect delay, as if the watch had been resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from kcsim.api.log import Version, Watch
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError

if TYPE_CHECKING:
    from kcsim.api.kit.component import Component

OnChange = Callable[[Object | None, Object | None], None]
Sort = Any
"""What a change is sorted under: any value that can be hashed."""
Objects = list[Object]
Handlers = list[OnChange]
_NOTHING: dict[Key, None] = {}


class Informer:
    """A cached view of a resource; ``on_change(old, new)`` tells each change (``new`` None: it is gone).

    Attributes:
        synced: whether the first list has arrived.
        component: whose it is.
        resource: of what, as the component calls it.
    """

    def __init__(self, component: Component, resource: str, field: tuple[str, str] | None) -> None:
        self.component = self._component = component
        self._engine = component.engine
        self._client = component.client
        self._endpoint = component.endpoint
        self.resource = resource
        self._field = field
        self._objects: dict[Key, Object] = {}
        self._indexers: dict[str, Callable[[Object], Iterable[str]]] = {}
        self._parts: dict[str, str] = {}
        self._indexes: dict[str, dict[str, dict[Key, None]]] = {}
        self._handlers: Handlers = []
        self._wants: list[Callable[[Sort], bool] | None] = []
        self._sort: Callable[[Object | None, Object | None], Sort] | None = None
        self._told: dict[Sort, Handlers] = {}
        self._watch: Watch | None = None
        self._attempt = 0
        self._waiting = False
        self._dice = component.dice(f"informer/{resource}/{field[1] if field else ''}")
        self.synced = False
        component.client.on_reachability(self._reachability)

    # --- reading ------------------------------------------------------------------------------------------------

    def get(self, namespace: str, name: str) -> Object | None:
        """The object as last seen."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> Objects:
        """The objects as last seen, in key order; of one namespace or of all."""
        objects = self._objects
        found = objects if namespace is None else self._filed("namespace", namespace)
        return [objects[key] for key in sorted(found)]

    def by_index(self, index: str, value: str) -> Objects:
        """The objects filed under ``value``, in key order."""
        objects = self._objects
        return [objects[key] for key in sorted(self._filed(index, value))]

    def count(self, index: str, value: str) -> int:
        """How many objects are filed under ``value``."""
        return len(self._filed(index, value))

    def _filed(self, index: str, value: str) -> dict[Key, None]:
        if index == "namespace":
            # Kept from the first time that somebody asks.
            self.add_index("namespace", _namespaces)
        return self._indexes[index].get(value, _NOTHING)

    def __len__(self) -> int:
        return len(self._objects)

    def on_change(self, handler: OnChange, wants: Callable[[Sort], bool] | None = None) -> None:
        """Call ``handler(old, new)`` for each change, and for each object that is there already.

        Args:
            wants: which sorts of changes (``sort_by``) it is called for; all when None.
        """
        self._handlers.append(handler)
        self._wants.append(wants)
        self._told.clear()
        for key in sorted(self._objects):
            new = self._objects[key]
            if wants is None or self._sort is None or wants(self._sort(None, new)):
                handler(None, new)

    def sort_by(self, read: Callable[[Object | None, Object | None], Sort]) -> None:
        """Sort each change once, for all handlers that want only some; naming an order twice keeps the first."""
        if self._sort is None:
            self._sort = read

    def add_index(self, name: str, read: Callable[[Object], Iterable[str]], part: str = "") -> None:
        """File objects under the values ``read`` gives; naming an index twice keeps the first.

        ``part`` is the member of objects that alone decides about the values, where it does: ``spec``.
        """
        if name in self._indexers:
            return
        self._indexers[name] = read
        self._parts[name] = part
        index = self._indexes[name] = {}
        for key, obj in self._objects.items():
            for value in read(obj):
                index.setdefault(value, {})[key] = None

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """List, then watch."""
        self._attempt = 0
        self._list_soon(self._dice.draw(self._component.endpoint.profile.read))

    def stop(self) -> None:
        """Forget everything."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        self._objects.clear()
        for index in self._indexes.values():
            index.clear()
        self.synced = False
        self._waiting = False
        if self._component.endpoint.seams is not None:
            self._component.endpoint.seams.forget(self)

    def relist(self) -> None:
        """The watch ended: list again and watch on. Every object is told again, and those that are gone meanwhile.

        **Imitates:** a reflector whose watch was answered with 410 Gone: ``DeltaFIFO.Replace``.
        """
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
            self.start()

    def _list_soon(self, delay: int) -> None:
        self._component.after(delay, self._list)

    def _list(self) -> None:
        client = self._component.client
        server = self._component.endpoint.server
        seams = self._component.endpoint.seams
        if not client.reachable:
            self._back_off()
            return
        try:
            resource = client.resource(self.resource)
            fields = f"{self._field[0]}={self._field[1]}" if self._field else ""
            server.authorizer.check(client.user, "list", resource, "", "")
            self._watch = server.watch(resource, client.user, self._on_wake, fields=fields)
        except StatusError as refusal:
            # Not served yet (a CRD to come) or not allowed: a reflector keeps trying.
            if self._attempt == 0:
                self._component.failed(f"list {self.resource}", refusal)
            self._back_off()
            return
        self._attempt = 0
        since = seams.lists_from(self) if seams is not None else None
        versions = server.find(resource, None, "", fields, as_of=since)
        if self._objects:
            there = {version.key for version in versions}
            for key in [key for key in self._objects if key not in there]:
                self._apply(key, None)
        for version in versions:
            self._engine.cause = version
            self._apply(version.key, version.object)
        if since is not None:
            self._watch.replay(since)
        self.synced = True
        self._component.cache_synced(self)

    def _back_off(self) -> None:
        profile = self._component.endpoint.profile
        delay = min(profile.reconnect_first << min(self._attempt, 6), profile.reconnect_most)
        self._attempt += 1
        self._list_soon(self._dice.jitter(delay, 1.0))

    # --- changes ------------------------------------------------------------------------------------------------

    def _on_wake(self) -> None:
        self._waiting = True
        if self._client.connected:
            self._engine.after(self._dice.draw(self._endpoint.profile.watch), self._arrived, self._watch)

    def _reachability(self) -> None:
        if self._waiting and self._watch is not None and self._component.client.connected:
            delay = self._dice.jitter(self._component.endpoint.profile.reconnect_first, 1.0)
            self._engine.after(delay, self._arrived, self._watch)

    def _arrived(self, watch: Watch | None) -> None:
        """What waits at a watch has travelled here; after a crash nobody is there to take it."""
        if watch is None or watch is not self._watch or not self._client.connected:
            return
        self._waiting = False
        changes = watch.take()
        seams = self._component.endpoint.seams
        self.tell(changes if seams is None else seams.passing(self, changes))

    def tell(self, changes: Iterable[tuple[str, Version]]) -> None:
        """Take changes into the cache, and tell the handlers of each."""
        engine, apply = self._engine, self._apply
        for kind, version in changes:
            engine.cause = version
            apply(version.key, version.object if kind != "DELETED" else None)

    def _apply(self, key: Key, new: Object | None) -> None:
        old = self._objects.get(key)
        if new is None:
            if old is None:
                return
            del self._objects[key]
        else:
            self._objects[key] = new
        if self._indexers:
            for name, read in self._indexers.items():
                if old is not None and new is not None:
                    # What an index is about hardly ever changes; the namespace never does.
                    part = self._parts[name]
                    if read is _namespaces or (part and old[part] is new[part]):
                        continue
                self._reindex(self._indexes[name], read, key, old, new)
        for handler in self._handlers if self._sort is None else self._concerned(self._sort(old, new)):
            handler(old, new)

    def _concerned(self, sort: Sort) -> Handlers:
        told = self._told.get(sort)
        if told is None:
            pairs = zip(self._handlers, self._wants, strict=True)
            told = self._told[sort] = [handler for handler, wants in pairs if wants is None or wants(sort)]
        return told

    @staticmethod
    def _reindex(
        index: dict[str, dict[Key, None]],
        read: Callable[[Object], Iterable[str]],
        key: Key,
        old: Object | None,
        new: Object | None,
    ) -> None:
        values = read(new) if new is not None else ()
        if old is not None:
            for value in read(old):
                if value not in values:
                    entry = index[value]
                    entry.pop(key, None)
                    if not entry:
                        del index[value]
        for value in values:
            index.setdefault(value, {})[key] = None


def _namespaces(obj: Object) -> Iterable[str]:
    return (obj["metadata"].get("namespace", ""),)

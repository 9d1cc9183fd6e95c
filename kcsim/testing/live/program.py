"""A controller's process on a real cluster: caches that are polled, a queue, one worker, the wall clock.

It stands in for ``Component``, ``Informer`` and ``Controller`` of the reconciler kit with the parts of them that reconcilers use.
Differs: caches list anew instead of watching, every ``POLL``; the reconciler sees the states that are there then. There is
one worker, and no leader election: run no other instance beside it.

**Walk:** ``turn`` -> each cache lists -> its handlers queue keys -> each key that is due is reconciled, its calls made one
after the other -> the outcome becomes one queue operation, with the back-off of the kit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from time import time
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.queue import BASE_DELAY, MAX_DELAY, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.engine.clock import EPOCH_UNIX, SECOND, rfc3339
from kcsim.engine.task import Task
from kcsim.testing.live.client import LiveClient

POLL = SECOND // 4
"""How often caches list, in µs of the wall clock."""

OnChange = Callable[[Object | None, Object | None], None]
Objects = list[Object]


class LiveCache:
    """The objects of a resource as last listed; reads like ``Informer``."""

    def __init__(self, client: LiveClient, resource: str, field: tuple[str, str] | None = None) -> None:
        self.resource = resource
        self.synced = False
        self._client = client
        self._field = f"{field[0]}={field[1]}" if field is not None else ""
        self._objects: dict[Key, Object] = {}
        self._indexers: dict[str, Callable[[Object], Iterable[str]]] = {}
        self._handlers: list[OnChange] = []

    def get(self, namespace: str, name: str) -> Object | None:
        """The object as last seen."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> Objects:
        """The objects as last seen, in key order; of one namespace or of all."""
        return [self._objects[key] for key in sorted(self._objects) if namespace in {None, key[0]}]

    def by_index(self, index: str, value: str) -> Objects:
        """The objects filed under ``value``, in key order."""
        read = self._indexers[index]
        return [obj for obj in self.list() if value in read(obj)]

    def add_index(self, name: str, read: Callable[[Object], Iterable[str]]) -> None:
        """File objects under the values ``read`` gives."""
        self._indexers.setdefault(name, read)

    def on_change(self, handler: OnChange) -> None:
        """Call ``handler(old, new)`` for each change, and for each object that is there already."""
        self._handlers.append(handler)
        for obj in self.list():
            handler(None, obj)

    def poll(self) -> None:
        """List, and tell what changed since; a kind that is not served yet stays unsynced."""
        try:
            listed = self._client.list(self.resource, field_selector=self._field).now()
            resource = self._client.resource(self.resource)
        except StatusError as error:
            if error.is_not_found:
                return
            raise
        # Lists leave kind and apiVersion of their items out.
        kind = {"apiVersion": resource.group_version, "kind": resource.kind}
        there = {objects.key(obj): {**kind, **obj} for obj in listed.get("items") or ()}
        before, self._objects = self._objects, there
        self.synced = True
        for key in sorted({*before, *there}):
            old, new = before.get(key), there.get(key)
            if (
                old is None
                or new is None
                or objects.resource_version(old) != objects.resource_version(new)
                or objects.uid(old) != objects.uid(new)
            ):
                for handler in self._handlers:
                    handler(old, new)


class Clock:
    """The wall clock as reconcilers see it: ``now`` in µs since kcsim's epoch."""

    @property
    def now(self) -> int:
        """The present."""
        return round((time() - EPOCH_UNIX) * SECOND)


class Program:
    """A reconciler at work on a real cluster.

    Attributes:
        failures: (key, exception) of reconciles that failed, oldest first.
    """

    def __init__(self, client: LiveClient, reconciler: Reconciler, name: str = "") -> None:
        self.name = name or reconciler.name
        self.client = client
        self.engine = Clock()
        self.events = self
        self.failures: list[tuple[Key, Exception]] = []
        self._caches: dict[tuple[str, tuple[str, str] | None], LiveCache] = {}
        self._due: dict[Key, int] = {}
        self._failed: dict[Key, int] = {}
        self._polled = 0
        self._reconciler = reconciler
        reconciler.attach(self, self, client)  # type: ignore[arg-type]  # it stands in for component, queue and client

    # --- what reconcilers use of a component --------------------------------------------------------------------

    def informer(self, resource: str, field: tuple[str, str] | None = None) -> LiveCache:
        """The program's one cache of a resource."""
        return self._caches.setdefault((resource, field), LiveCache(self.client, resource, field))

    def event(self, obj: Object, type: str, reason: str, message: str, source: str = "") -> None:
        """Record a Kubernetes Event about an object."""
        metadata, when = obj["metadata"], rfc3339(self.engine.now)
        namespace = metadata.get("namespace") or "default"
        involved = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": metadata["name"]}
        involved |= {"namespace": metadata.get("namespace", ""), "uid": metadata.get("uid", "")}
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
            "involvedObject": involved,
            "type": type,
            "reason": reason,
            "message": message,
            "source": {"component": source or self.name},
            "firstTimestamp": when,
            "lastTimestamp": when,
            "count": 1,
        }
        self.client.create("events", body).start(lambda _value, _error: None)

    # --- what reconcilers use of a queue ------------------------------------------------------------------------

    def enqueue(self, key: Key) -> None:
        """Ask for a reconcile of ``key``."""
        self._due[key] = 0

    def enqueue_after(self, key: Key, delay: int, what: str = "") -> None:
        """Ask for a reconcile of ``key`` in ``delay`` µs."""
        del what
        when = self.engine.now + delay
        self._due[key] = min(self._due.get(key, when), when)

    # --- at work ------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """List if it is time to, and reconcile each key that is due."""
        now = self.engine.now
        if now - self._polled >= POLL:
            self._polled = now
            for cache in self._caches.values():
                cache.poll()
        if not all(cache.synced for cache in self._caches.values()):
            return
        for key in [key for key, when in self._due.items() if when <= self.engine.now]:
            del self._due[key]
            self._handle(key)

    def _handle(self, key: Key) -> None:
        try:
            outcome = self._reconciler.reconcile(key)
            if isinstance(outcome, Generator):
                task = Task(outcome, lambda _value, _error: None)
                if task.error is not None:
                    raise task.error
                outcome = task.value
        except Exception as error:  # noqa: BLE001 - a controller's failure is its own; the test goes on
            self.failures.append((key, error))
            self._retry(key)
            return
        if isinstance(outcome, Result) and outcome.requeue and not outcome.requeue_after:
            self._retry(key)
            return
        self._failed.pop(key, None)
        if isinstance(outcome, Result) and outcome.requeue_after:
            self.enqueue_after(key, outcome.requeue_after)

    def _retry(self, key: Key) -> None:
        failures = self._failed[key] = self._failed.get(key, 0) + 1
        self.enqueue_after(key, min(BASE_DELAY << min(failures, 30), MAX_DELAY))


def stuck(programs: Iterable[Program]) -> Any:
    """The last failure of any of them, for messages; None when all goes well."""
    last = [program.failures[-1] for program in programs if program.failures]
    return last[-1] if last else None

"""The Applications as the controller knows them, and how it writes to them.

**Imitates:** argo-cd 3.x controller/appcontroller.go (PatchAppWithWriteBack, logAppEvent, setAppCondition) and
util/argo/audit_logger.go. What the controller has just written it also sees, though its watch has not told it yet.

**Walk:** ``get`` -> a decision -> ``patch`` -> the answer is what ``get`` gives from then on; ``event`` tells of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.component import Component
from kcsim.api.kit.informer import Informer
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import terms
from kcsim.delivery.gitops.argocd.conditions import condition, set_conditions
from kcsim.engine.clock import EPOCH_UNIX, rfc3339

STATUS_REFRESHED, RESOURCE_UPDATED = "StatusRefreshed", "ResourceUpdated"
OPERATION_STARTED, OPERATION_COMPLETED = "OperationStarted", "OperationCompleted"


class Applications:
    """The Applications of one control plane, through one component's informer and client."""

    def __init__(self, component: Component, client: Client, informer: Informer) -> None:
        self._component = component
        self._client = client
        self.informer = informer
        self._written: dict[Key, Object] = {}
        self._last_event = 0

    def reset(self) -> None:
        """The process ended: it does not remember what it wrote."""
        self._written.clear()

    def get(self, key: Key) -> Object | None:
        """An Application as last seen or written, whichever is newer; None when it is gone."""
        seen, written = self.informer.get(*key), self._written.get(key)
        if seen is None or written is None:
            self._written.pop(key, None)
            return seen
        if int(objects.resource_version(seen)) >= int(objects.resource_version(written)):
            del self._written[key]
            return seen
        return written

    def all(self) -> Iterable[Object]:
        """All Applications, in key order."""
        return self.informer.list()

    def fresh(self, key: Key) -> Generator[Any, Any, Object | None]:
        """A task's steps: the Application as the server has it, None when it is gone."""
        try:
            return (yield self._client.get(terms.APPLICATIONS, *key))  # type: ignore[no-any-return]
        except StatusError as error:
            if not error.is_not_found:
                raise
            return None

    def patch(self, key: Key, body: Any, *, type: str = "merge") -> Generator[Any, Any, Object | None]:
        """A task's steps: patch an Application and remember the answer; None when it is gone.

        Raises:
            StatusError: any other refusal.
        """
        try:
            stored: Object = yield self._client.patch(terms.APPLICATIONS, *key, body, type=type)
        except StatusError as error:
            if not error.is_not_found:
                raise
            return None
        self._written[key] = stored
        return stored

    def patch_status(self, old: Object, status: Mapping[str, Any]) -> Generator[Any, Any, bool]:
        """A task's steps: write what a status has become; False when nothing did, or the Application is gone."""
        changed = objects.difference(old.get("status") or {}, status)
        if not changed:
            return False
        return (yield from self.patch(objects.key(old), {"status": changed})) is not None

    def set_finalizers(self, app: Object, finalizers: list[str]) -> Generator[Any, Any, None]:
        """A task's steps: replace the finalizers."""
        yield from self.patch(objects.key(app), {"metadata": {"finalizers": finalizers or None}})

    def set_condition(self, app: Object, kind: str, message: str) -> Generator[Any, Any, None]:
        """A task's steps: set one condition."""
        status = terms.status(app)
        now = rfc3339(self._component.engine.now)
        conditions = set_conditions(status.get("conditions") or (), [condition(kind, message)], [kind], now)
        yield from self.patch_status(app, {**status, "conditions": conditions})

    def event(self, app: Object, type: str, reason: str, message: str) -> Generator[Any, Any, None]:
        """A task's steps: create an Event; each is one of its own, as upstream's are."""
        now = self._component.engine.now
        stamp = rfc3339(now)
        unique = self._last_event = max(now * 1000, self._last_event + 1)
        namespace = objects.namespace(app)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{objects.name(app)}.{EPOCH_UNIX * 10**9 + unique:x}",
                "namespace": namespace,
            },
            "involvedObject": {
                "apiVersion": terms.API_VERSION,
                "kind": "Application",
                "name": objects.name(app),
                "namespace": namespace,
                "resourceVersion": objects.resource_version(app),
                "uid": objects.uid(app),
            },
            "source": {"component": self._component.name},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "type": type,
            "reason": reason,
            "message": message,
        }
        try:
            yield self._client.create("events", event, namespace)
        except StatusError as error:
            # As upstream: an Event that cannot be written is only logged.
            self._component.failed("event", error)

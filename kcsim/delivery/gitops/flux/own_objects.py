"""How a controller reads and writes the objects of the kind that it reconciles.

**Imitates:** fluxcd/pkg runtime/patch (SerialPatcher) and controllerutil's finalizers. Differs: a reconciliation never sees
its object as it was before the controller's own last write; upstream's cache can lag behind it by some milliseconds.

**Walk:** ``fresh`` -> a ``Draft`` -> ``write`` as often as there is something to tell; ``add_finalizer`` before the first
time, ``remove_finalizer`` at the end.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.toolkit import FINALIZER


class OwnObjects:
    """The objects of one resource, through one client."""

    def __init__(
        self, client: Client, resource: str, *, finalizer: str = FINALIZER, manager: str = ""
    ) -> None:
        """``manager`` owns the fields that are written; "" for the one that goes with the client."""
        self._client = client
        self._resource = resource
        self._finalizer = finalizer
        self._manager = {"field_manager": manager} if manager else {}
        self._written: dict[Key, int] = {}

    def reset(self) -> None:
        """The controller crashed: it does not remember what it wrote."""
        self._written.clear()

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._written.pop(key, None)

    def fresh(self, obj: Object) -> Generator[Any, Any, Object | None]:
        """The object as cached, or as it is when the cache is older than what was written last; None when it is gone."""
        if int(objects.resource_version(obj)) >= self._written.get(objects.key(obj), 0):
            return obj
        try:
            live: Object = yield self._client.get(self._resource, *objects.key(obj))
        except StatusError as error:
            if error.is_not_found:
                return None
            raise
        return live

    def write(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        """Send what changed in the draft; nothing when nothing did, or when the object is gone."""
        changed = draft.patch()
        if changed:
            yield from self._patch(obj, {"status": changed}, "status")
            draft.sent()

    def has_finalizer(self, obj: Object) -> bool:
        """Whether the controller's finalizer is on an object."""
        return self._finalizer in (obj["metadata"].get("finalizers") or ())

    def add_finalizer(self, obj: Object) -> Generator[Any, Any, None]:
        """Let nobody delete the object behind the controller's back."""
        finalizers = [*(obj["metadata"].get("finalizers") or ()), self._finalizer]
        yield from self._patch(obj, {"metadata": {"finalizers": finalizers}})

    def remove_finalizer(self, obj: Object) -> Generator[Any, Any, None]:
        """Let the object go."""
        finalizers = [f for f in obj["metadata"].get("finalizers") or () if f != self._finalizer]
        yield from self._patch(obj, {"metadata": {"finalizers": finalizers or None}})
        self.forget(objects.key(obj))

    def _patch(self, obj: Object, body: Object, subresource: str = "") -> Generator[Any, Any, None]:
        key = objects.key(obj)
        try:
            stored = yield self._client.patch(
                self._resource, *key, body, subresource=subresource, **self._manager
            )
        except StatusError as error:
            if not error.is_not_found:
                raise
            return
        self._written[key] = int(objects.resource_version(stored))

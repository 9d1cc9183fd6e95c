"""The verbs of ``kcsim.api.client.Client`` on a real API server: each gives a call, which is made when it is waited for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from kcsim.api.built_in import BUILT_IN
from kcsim.api.catalog import Catalog
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError, no_such_resource
from kcsim.engine.task import Done
from kcsim.testing.live.transport import Transport

MEDIA = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class LiveCall:
    """One request, not sent until it is waited for."""

    __slots__ = ("_body", "_media", "_method", "_path", "_transport")

    def __init__(
        self, transport: Transport, method: str, path: str, body: Any = None, media: str = ""
    ) -> None:
        self._transport, self._method, self._path = transport, method, path
        self._body, self._media = body, media or "application/json"

    def start(self, done: Done) -> None:
        """Send it; ``done(object, None)`` or ``done(None, StatusError)`` once, before this returns."""
        try:
            value = self.now()
        except StatusError as error:
            done(None, error)
            return
        done(value, None)

    def now(self) -> Any:
        """The answer.

        Raises:
            StatusError: what the server refuses with, or that it does not answer.
        """
        return self._transport.request(self._method, self._path, self._body, self._media)


class LiveClient:
    """The verbs, as whoever the kubeconfig says."""

    def __init__(self, transport: Transport, field_manager: str) -> None:
        self._transport = transport
        self._manager = field_manager
        self._catalog = Catalog(BUILT_IN)

    def resource(self, word: str | Resource) -> Resource:
        """The resource a word means; custom ones are asked for when a word is not known.

        Raises:
            StatusError: 404 when the server has no such kind.
        """
        if isinstance(word, Resource):
            return word
        found = self._catalog.by_word(word)
        if found is None:
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            catalog = Catalog(BUILT_IN)
            for definition in self._transport.request("GET", path)["items"]:
                catalog.add_crd(definition)
            self._catalog = catalog
            found = catalog.by_word(word)
        if found is None:
            raise no_such_resource()
        return found

    def get(self, resource: str | Resource, namespace: str, name: str, *, subresource: str = "") -> LiveCall:
        """The object."""
        return self._call("GET", resource, namespace, name, subresource)

    def list(
        self,
        resource: str | Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> LiveCall:
        """A list of one namespace, or of all when ``namespace`` is empty."""
        return self._call(
            "GET", resource, namespace, labelSelector=label_selector, fieldSelector=field_selector
        )

    def create(self, resource: str | Resource, obj: Object, namespace: str | None = None) -> LiveCall:
        """The object as created."""
        where = obj["metadata"].get("namespace", "") if namespace is None else namespace
        return self._call("POST", resource, where, body=obj, fieldManager=self._manager)

    def update(self, resource: str | Resource, obj: Object, *, subresource: str = "") -> LiveCall:
        """PUT: the object as stored. A stale resourceVersion in ``obj`` is a 409."""
        metadata = obj["metadata"]
        where = metadata.get("namespace", "")
        return self._call(
            "PUT", resource, where, metadata["name"], subresource, body=obj, fieldManager=self._manager
        )

    def update_status(self, resource: str | Resource, obj: Object) -> LiveCall:
        """PUT to /status."""
        return self.update(resource, obj, subresource="status")

    def patch(
        self,
        resource: str | Resource,
        namespace: str,
        name: str,
        body: Any,
        *,
        type: str = "merge",
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> LiveCall:
        """PATCH: ``type`` is merge, json, strategic or apply."""
        return self._call(
            "PATCH",
            resource,
            namespace,
            name,
            subresource,
            body=body,
            media=MEDIA[type],
            fieldManager=field_manager or self._manager,
            force="true" if force else "",
        )

    def delete(
        self,
        resource: str | Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace: int | None = None,
        propagation: str = "",
    ) -> LiveCall:
        """DELETE; ``grace`` in seconds, ``uid`` as precondition, ``propagation`` Background, Foreground or Orphan."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if propagation:
            options["propagationPolicy"] = propagation
        return self._call("DELETE", resource, namespace, name, body=options)

    def _call(
        self,
        method: str,
        resource: str | Resource,
        namespace: str = "",
        name: str = "",
        subresource: str = "",
        *,
        body: Any = None,
        media: str = "",
        **query: str,
    ) -> LiveCall:
        found = self.resource(resource)
        root = f"/apis/{found.group}/{found.version}" if found.group else f"/api/{found.version}"
        middle = f"/namespaces/{namespace}" if found.namespaced and namespace else ""
        parts = [f"{root}{middle}/{found.plural}", *(part for part in (name, subresource) if part)]
        asked = urlencode({key: value for key, value in query.items() if value})
        path = "/".join(parts) + (f"?{asked}" if asked else "")
        return LiveCall(self._transport, method, path, body, media)

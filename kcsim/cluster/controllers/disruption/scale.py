"""How many pods the controllers of some pods ask for.

**Imitates:** the finders of ``pkg/controller/disruption/disruption.go`` (v1.36): workloads by the caches, everything
else by its scale sub-resource, asked of the API server. Left out: ReplicationControllers in the cache; they are asked.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.kit.informer import Informer
from kcsim.api.status import StatusError
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]


class NoScale(Exception):
    """The scale of a pod's controller cannot be told."""


class Scales:
    """Finds the controller behind a reference, and its scale."""

    def __init__(
        self, client: Client, *, replica_sets: Informer, deployments: Informer, stateful_sets: Informer
    ) -> None:
        self._client = client
        self._replica_sets = replica_sets
        self._deployments = deployments
        self._stateful_sets = stateful_sets

    def find(self, namespace: str, ref: Object) -> Steps:
        """(uid, replicas) of the controller, or of the Deployment above it; None when it is not there.

        Raises:
            NoScale: such controllers have no scale.
            StatusError: the API server refused to tell it.
        """
        group = ref["apiVersion"].rpartition("/")[0]
        if (group, ref["kind"]) == ("apps", "ReplicaSet"):
            found = self._of_replica_set(namespace, ref)
            if found is not None:
                return found
        elif (group, ref["kind"]) == ("apps", "StatefulSet"):
            stateful_set = _same(self._stateful_sets, namespace, ref)
            if stateful_set is not None:
                return _scale(stateful_set)
        return (yield from self._ask(namespace, ref))

    def _of_replica_set(self, namespace: str, ref: Object) -> tuple[str, int] | None:
        replica_set = _same(self._replica_sets, namespace, ref)
        if replica_set is None:
            return None
        above = objects.controller_of(replica_set)
        if above is None or above["kind"] != "Deployment":
            return _scale(replica_set)
        deployment = _same(self._deployments, namespace, above)
        return _scale(deployment) if deployment is not None else None

    def _ask(self, namespace: str, ref: Object) -> Steps:
        group, _, version = ref["apiVersion"].rpartition("/")
        resource = self._client.endpoint.server.catalog.by_gvk((group, version, ref["kind"]))
        if resource is None:
            raise NoScale(f'no matches for kind "{ref["kind"]}" in version "{ref["apiVersion"]}"')
        if "scale" not in resource.subresources:
            raise NoScale(f"{resource.group_resource} does not implement the scale subresource")
        try:
            scale = yield self._client.get(resource, namespace, ref["name"], subresource="scale")
        except StatusError as error:
            if error.is_not_found:
                return None
            raise
        if objects.uid(scale) != ref["uid"]:
            return None
        return objects.uid(scale), (scale.get("spec") or {}).get("replicas", 0)


def _same(informer: Informer, namespace: str, ref: Object) -> Object | None:
    found = informer.get(namespace, ref["name"])
    return found if found is not None and objects.uid(found) == ref["uid"] else None


def _scale(obj: Object) -> tuple[str, int]:
    return objects.uid(obj), obj["spec"].get("replicas", 1)

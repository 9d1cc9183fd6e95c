"""Promises of EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND
from kcsim.testing.invariants.history import History, Write

LAG = 10 * SECOND
"""How old a controller's view of a pod may be: caches, and its own token bucket."""


def ready_endpoints_are_ready_pods(history: History) -> Iterator[tuple[Write, str]]:
    """An endpoint is ready only when its pod is Ready and not Terminating, unless the Service publishes all addresses.

    Source: endpointslice/utils.go podToEndpoint (workloads reference, 18.8).
    """
    for write in history.writes("endpointslice.discovery.k8s.io"):
        if write.deleted:
            continue
        labels = objects.labels(write.object)
        if labels.get("endpointslice.kubernetes.io/managed-by") != "endpointslice-controller.k8s.io":
            continue
        service = (write.key[0], labels.get("kubernetes.io/service-name", ""))
        states = list(history.lately(write.cluster, "service", service, write.time, LAG))
        if not states or any(state["spec"].get("publishNotReadyAddresses") for state in states):
            continue
        before = _ready_pods(write.before.object) if write.before is not None else set()
        for pod in _ready_pods(write.object) - before:
            pods = history.lately(write.cluster, "pod", (write.key[0], pod), write.time, LAG)
            if not any(
                objects.condition_is(each, "Ready") and not objects.is_deleting(each) for each in pods
            ):
                yield write, f"endpoint of {pod} is ready, and the pod is not"


def _ready_pods(slice: Object) -> set[str]:
    return {
        endpoint["targetRef"]["name"]
        for endpoint in slice.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") and (endpoint.get("targetRef") or {}).get("name")
    }

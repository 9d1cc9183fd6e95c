"""Reading the metrics of an autoscaler from the metrics APIs.

**Imitates:** ``pkg/controller/podautoscaler/metrics/client.go`` (v1.36). Left out: custom and external metrics have no
adapter here, so that they answer as a cluster without one does.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from kcsim.api import objects, quantity
from kcsim.api.client import Client
from kcsim.api.status import StatusError, no_such_resource
from kcsim.cluster.controllers.horizontalpodautoscaler.evaluate import Reading
from kcsim.cluster.controllers.horizontalpodautoscaler.groups import PodMetric
from kcsim.engine.clock import parse_rfc3339, seconds
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]

_CUSTOM = "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
_EXTERNAL = (
    "unable to fetch metrics from external metrics API: the server could not find the requested resource "
    "(get {name}.external.metrics.k8s.io)"
)


class Readings:
    """Asks the metrics APIs through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read_all(self, specs: Sequence[Object], namespace: str, selector: str) -> Steps:
        """What each metric measures of the pods that the selector means; gives a list of `Reading`."""
        readings: list[Reading] = []
        for spec in specs:
            reading = yield from self._read(spec, namespace, selector)
            readings += [reading]
        return readings

    def _read(self, spec: Object, namespace: str, selector: str) -> Steps:
        kind = spec["type"]
        if kind == "Resource":
            return (yield from self._resource(spec["resource"]["name"], "", namespace, selector))
        if kind == "ContainerResource":
            source = spec["containerResource"]
            return (yield from self._resource(source["name"], source["container"], namespace, selector))
        if kind == "External":
            return Reading(error=_EXTERNAL.format(name=spec["external"]["metric"]["name"]))
        return Reading(error=_CUSTOM)

    def _resource(self, name: str, container: str, namespace: str, selector: str) -> Steps:
        try:
            resource = self._client.endpoint.server.aggregated.get("pods.metrics.k8s.io")
            if resource is None:
                raise no_such_resource()
            answer = yield self._client.list(resource, namespace, label_selector=selector)
        except StatusError as error:
            where = " (get pods.metrics.k8s.io)" if error.is_not_found else ""
            return Reading(error=f"unable to fetch metrics from resource metrics API: {error}{where}")
        if not answer["items"]:
            return Reading(error="no metrics returned from resource metrics API")
        found = {
            objects.name(item): PodMetric(value, parse_rfc3339(item["timestamp"]), seconds(item["window"]))
            for item in answer["items"]
            if (value := _value(item, name, container)) is not None
        }
        return Reading(found)


def _value(item: Object, name: str, container: str) -> int | None:
    """The thousandths that a pod or its one container uses; None when that is not known."""
    used = [c["usage"].get(name) for c in item["containers"] if not container or c["name"] == container]
    if not used or None in used:
        return None
    return sum(quantity.milli(amount) for amount in used)

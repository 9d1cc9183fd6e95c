"""Reading the metrics of an autoscaler from the metrics APIs.

**Imitates:** ``pkg/controller/podautoscaler/metrics/client.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from kcsim.api import objects, quantity, selectors
from kcsim.api.client import Client
from kcsim.api.status import StatusError, no_such_resource
from kcsim.cluster.controllers.horizontalpodautoscaler.evaluate import Reading
from kcsim.cluster.controllers.horizontalpodautoscaler.groups import PodMetric
from kcsim.engine.clock import SECOND, parse_rfc3339, seconds
from kcsim.engine.task import Waitable

Object = dict[str, Any]
Steps = Generator[Waitable, Any, Any]

_CUSTOM_GROUP = ".custom.metrics.k8s.io"
_FETCH_CUSTOM = "unable to fetch metrics from custom metrics API"
_EXTERNAL = "externalmetrics.external.metrics.k8s.io"
_FETCH_EXTERNAL = "unable to fetch metrics from external metrics API"


class Readings:
    """Asks the metrics APIs through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read_all(
        self, specs: Sequence[Object], namespace: str, selector: str, pods: Sequence[Object]
    ) -> Steps:
        """What each metric measures of the pods that the selector means; gives a list of `Reading`."""
        readings: list[Reading] = []
        for spec in specs:
            reading = yield from self._read(spec, namespace, selector, pods)
            readings += [reading]
        return readings

    def _read(self, spec: Object, namespace: str, selector: str, pods: Sequence[Object]) -> Steps:
        kind = spec["type"]
        if kind == "Resource":
            return (yield from self._resource(spec["resource"]["name"], "", namespace, selector))
        if kind == "ContainerResource":
            source = spec["containerResource"]
            return (yield from self._resource(source["name"], source["container"], namespace, selector))
        if kind == "External":
            return (yield from self._external(spec["external"]["metric"], namespace))
        if kind == "Pods":
            reading = yield from self._custom("pods", spec["pods"]["metric"]["name"], namespace, "*")
            names = set(map(objects.name, pods))
            ours = {name: metric for name, metric in reading.pods.items() if name in names}
            if not ours and not reading.error:
                return Reading(error="no metrics returned from custom metrics API")
            return Reading(ours, error=reading.error)
        source = spec["object"]
        plural = f"{source['describedObject']['kind'].lower()}s"
        return (
            yield from self._custom(
                plural, source["metric"]["name"], namespace, source["describedObject"]["name"]
            )
        )

    def _custom(self, plural: str, metric: str, namespace: str, name: str) -> Steps:
        """The values of a custom metric: by pod, or of one object."""
        aggregated = self._client.endpoint.server.aggregated
        if not any(known.endswith(_CUSTOM_GROUP) for known in aggregated):
            return Reading(error=f"{_FETCH_CUSTOM}: no custom metrics API (custom.metrics.k8s.io) registered")
        resource = aggregated.get(f"{plural}{_CUSTOM_GROUP}")
        if resource is None:
            text = f"the server could not find the metric {metric} for {plural} {name}"
            return Reading(error=f"{_FETCH_CUSTOM}: {text}")
        try:
            answer = yield self._client.get(resource, namespace, name, subresource=metric)
        except StatusError as error:
            return Reading(error=f"{_FETCH_CUSTOM}: {error}")
        if not answer["items"]:
            return Reading(error="no metrics returned from custom metrics API")
        values = [quantity.milli(item["value"]) for item in answer["items"]]
        found = {
            item["describedObject"]["name"]: PodMetric(
                value, parse_rfc3339(item["timestamp"]), item["windowSeconds"] * SECOND
            )
            for item, value in zip(answer["items"], values, strict=True)
        }
        return Reading(found, values)

    def _external(self, metric: Object, namespace: str) -> Steps:
        """The values of an external metric that its selector chooses."""
        resource = self._client.endpoint.server.aggregated.get(_EXTERNAL)
        name = metric["name"]
        try:
            if resource is None:
                raise no_such_resource()
            answer = yield self._client.get(resource, namespace, name)
        except StatusError as error:
            where = f" (get {name}.external.metrics.k8s.io)" if error.is_not_found else ""
            return Reading(error=f"{_FETCH_EXTERNAL}: {error}{where}")
        selector = selectors.from_object(metric.get("selector") or {})
        values = [
            quantity.milli(item["value"])
            for item in answer["items"]
            if selector.matches(item["metricLabels"])
        ]
        if not values:
            return Reading(error="no metrics returned from external metrics API")
        return Reading(values=values)

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

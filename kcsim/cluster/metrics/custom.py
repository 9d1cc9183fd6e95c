"""Requests a second as custom metrics, of pods and of Services, and as an external one, of whoever sends them.

**Imitates:** custom.metrics.k8s.io v1beta2 as the Prometheus adapter serves it, with one metric,
``http_requests_per_second``: for pods what reached their program, for Services what was sent to them, averaged over the
last scrape of 15 s; and external.metrics.k8s.io v1beta1 with the same metric for each source of traffic, labelled
``source`` and ``service``. Left out: every other metric, and selectors of custom metrics.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects, quantity
from kcsim.api.request import Answer, Operation
from kcsim.api.resources import Resource
from kcsim.api.server import ApiServer
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.pods import phase
from kcsim.cluster.metrics.server import RESOLUTION
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.engine.clock import SECOND, rfc3339

Object = dict[str, Any]

GROUP, VERSION = "custom.metrics.k8s.io", "v1beta2"
REQUESTS = "http_requests_per_second"
_GET = ("get",)
EXTERNAL_GROUP, EXTERNAL_VERSION = "external.metrics.k8s.io", "v1beta1"
POD_VALUES = Resource(GROUP, VERSION, "MetricValueList", "pods", "metricvalue", namespaced=True, verbs=_GET)
SERVICE_VALUES = Resource(
    GROUP, VERSION, "MetricValueList", "services", "metricvalue", namespaced=True, verbs=_GET
)
EXTERNAL_VALUES = Resource(
    EXTERNAL_GROUP,
    EXTERNAL_VERSION,
    "ExternalMetricValueList",
    "externalmetrics",
    "externalmetricvalue",
    namespaced=True,
    verbs=_GET,
)
"""The name that is asked for is the metric's."""


class CustomMetrics:
    """Answers what is asked of custom.metrics.k8s.io: the sub-resource of an object (or of ``*``) is the metric."""

    def __init__(self, server: ApiServer, pods: PodNetwork) -> None:
        self._server = server
        self._pods = pods
        server.aggregate((POD_VALUES, SERVICE_VALUES), self.answer)
        server.aggregate((EXTERNAL_VALUES,), self.answer_external)

    def answer(self, op: Operation) -> Answer:
        """The values of a metric.

        Raises:
            StatusError: 404 when there is no such metric, or no such object.
        """
        plural, metric = op.resource.plural, op.subresource
        if metric != REQUESTS:
            text = f"the server could not find the metric {metric} for {plural}"
            text += "" if op.name == "*" else f" {op.name}"
            raise StatusError(404, "NotFound", text)
        core = self._server.catalog.by_word(plural)
        assert core is not None
        fields = "" if op.name == "*" else f"metadata.name={op.name}"
        found = self._server.find(core, op.namespace, op.label_selector, fields)
        if not found and op.name != "*":
            text = f"the server could not find the metric {metric} for {plural} {op.name}"
            raise StatusError(404, "NotFound", text)
        items = [
            self._value(version.object, metric)
            for version in found
            if plural != "pods" or phase(version.object) == "Running"
        ]
        api = f"{GROUP}/{VERSION}"
        return Answer(200, {"kind": "MetricValueList", "apiVersion": api, "metadata": {}, "items": items})

    def answer_external(self, op: Operation) -> Answer:
        """Requests a second from each source to the Services of a namespace; nothing for other metrics."""
        since, until = self._window
        items = [
            {
                "metricName": op.name,
                "metricLabels": {"source": load.name, "service": load.service.partition("/")[2]},
                "timestamp": rfc3339(until),
                "value": _thousandths(load.rate_to("", since, until)),
            }
            for load in self._pods.loads()
            if op.name == REQUESTS and load.service.partition("/")[0] == op.namespace
        ]
        api = f"{EXTERNAL_GROUP}/{EXTERNAL_VERSION}"
        body = {"kind": "ExternalMetricValueList", "apiVersion": api, "metadata": {}, "items": items}
        return Answer(200, body)

    @property
    def _window(self) -> tuple[int, int]:
        """The time (µs) that the last scrape is about."""
        until = self._server.engine.now // RESOLUTION * RESOLUTION
        return max(until - RESOLUTION, 0), until

    def _value(self, obj: Object, metric: str) -> Object:
        since, until = self._window
        read = self._pods.request_rate if obj["kind"] == "Pod" else self._pods.service_rate
        rate = read("/".join(objects.key(obj)), since, until)
        kind, (namespace, name) = obj["kind"], objects.key(obj)
        return {
            "describedObject": {"kind": kind, "namespace": namespace, "name": name, "apiVersion": "/v1"},
            "metric": {"name": metric},
            "timestamp": rfc3339(until),
            "windowSeconds": RESOLUTION // SECOND,
            "value": _thousandths(rate),
        }


def _thousandths(rate: float) -> str:
    return quantity.format_quantity(round(rate * 1000), "DecimalSI", -3)

"""metrics-server: what pods and nodes use, as objects of metrics.k8s.io.

**Imitates:** metrics-server 0.8 with its manifest's ``--metric-resolution=15s``: a scrape of every node each 15 s, CPU as
the average since the scrape before; a container counts when it is ten seconds old, a pod when all of its containers do.
Left out: the server's own pod, use of the nodes' system outside pods, discovery and watching of the group.
Differs: a scrape is worked out when somebody asks for it; nodes that cannot be reached then have no metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kcsim.api import objects, status
from kcsim.api.request import Answer, Operation
from kcsim.api.resources import Resource
from kcsim.api.server import ApiServer
from kcsim.cluster.controllers.pods import phase
from kcsim.cluster.metrics.usage import Usage, UsageTruth
from kcsim.engine.clock import SECOND, format_duration, rfc3339
from kcsim.network.topology import Network
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
_READ = ("get", "list")
POD_METRICS = Resource(GROUP, VERSION, "PodMetrics", "pods", "podmetrics", namespaced=True, verbs=_READ)
NODE_METRICS = Resource(GROUP, VERSION, "NodeMetrics", "nodes", "nodemetrics", namespaced=False, verbs=_READ)

RESOLUTION = DEFAULT.us("metrics-server/metric-resolution")
MIN_AGE = 10 * SECOND
"""A container that has run for less than this (µs) is not reported."""


class MetricsServer:
    """Answers what is asked of metrics.k8s.io."""

    def __init__(self, server: ApiServer, network: Network, host: str, truth: UsageTruth) -> None:
        self._server = server
        self._network = network
        self._host = host
        self._truth = truth
        server.aggregate((POD_METRICS, NODE_METRICS), self.answer)

    def answer(self, op: Operation) -> Answer:
        """Get or list.

        Raises:
            StatusError: there is no such object, or the verb is not served.
        """
        if op.verb not in _READ:
            text = "the server does not allow this method on the requested resource"
            raise status.StatusError(405, "MethodNotAllowed", text)
        core = self._server.catalog.by_word(op.resource.plural)
        assert core is not None
        labels = op.label_selector
        made = self._pod if op.resource.plural == "pods" else self._node
        if op.verb == "get":
            version = self._server.log.get(core, op.namespace, op.name)
            if version is None:
                raise status.not_found(core, op.name)
            found = made(version.object)
            if found is None:
                name = f"{op.namespace}/{op.name}" if op.namespace else op.name
                text = f'{op.resource.singular}.{GROUP} "{name}" not found'
                raise status.StatusError(404, "NotFound", text)
            return Answer(200, found)
        versions = self._server.find(core, op.namespace or None, labels, "")
        items = [item for version in versions if (item := made(version.object)) is not None]
        kind = f"{op.resource.kind}List"
        return Answer(200, {"kind": kind, "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items})

    # --- one scrape ---------------------------------------------------------------------------------------------

    @property
    def _scraped(self) -> int:
        """When (µs) the last scrape was."""
        return self._server.engine.now // RESOLUTION * RESOLUTION

    def _reaches(self, node: str) -> bool:
        return self._network.has_host(node) and self._network.reachable(self._host, node)

    def _usage(self, pod: Object) -> dict[str, Usage]:
        """Of each container; empty when the pod is not reported."""
        at = self._scraped
        containers = self._truth.running(pod, at)
        if any(at - container.started_at < MIN_AGE for container in containers):
            return {}
        return {container.name: self._truth.of(pod, container, at, RESOLUTION) for container in containers}

    def _pod(self, pod: Object) -> Object | None:
        node = pod["spec"].get("nodeName")
        if not node or phase(pod) != "Running" or not self._reaches(node):
            return None
        usage = self._usage(pod)
        if not usage:
            return None
        window = max(each.window for each in usage.values())
        containers = [{"name": name, "usage": _resources(each)} for name, each in sorted(usage.items())]
        return {**self._head("PodMetrics", pod, window), "containers": containers}

    def _node(self, node: Object) -> Object | None:
        if not self._reaches(objects.name(node)):
            return None
        parts = [each for pod in self._pods_on(objects.name(node)) for each in self._usage(pod).values()]
        total = Usage(sum(p.cpu_micro for p in parts), sum(p.memory for p in parts), RESOLUTION)
        return {**self._head("NodeMetrics", node, RESOLUTION), "usage": _resources(total)}

    def _pods_on(self, node: str) -> Iterator[Object]:
        pods = self._server.catalog.by_word("pods")
        assert pods is not None
        for version in self._server.find(pods, None, "", f"spec.nodeName={node}"):
            yield version.object

    def _head(self, kind: str, obj: Object, window: int) -> Object:
        metadata = {"name": objects.name(obj), "creationTimestamp": rfc3339(self._server.engine.now)}
        if objects.namespace(obj):
            metadata["namespace"] = objects.namespace(obj)
        head: Object = {"kind": kind, "apiVersion": f"{GROUP}/{VERSION}", "metadata": metadata}
        if objects.labels(obj):
            head["metadata"] = {**metadata, "labels": objects.labels(obj)}
        return {**head, "timestamp": rfc3339(self._scraped), "window": format_duration(window)}


def _resources(usage: Usage) -> Object:
    cpu = f"{usage.cpu_micro * 1000}n" if usage.cpu_micro else "0"
    return {"cpu": cpu, "memory": f"{usage.memory // 1024}Ki" if usage.memory else "0"}

"""The pods of a workload as clients: those whose programs run, wherever they are.

**Walk:** the workload or one of its pods changes -> ``on_change`` -> ``clients`` lists the pods that send now.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api import objects
from kcsim.api.log import Watch
from kcsim.api.objects import Object
from kcsim.api.selectors import LabelSelector, from_labels, from_object
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.traffic.legs import Client


class Senders:
    """The pods of ``kind/name`` in a namespace."""

    def __init__(self, pods: PodNetwork, ref: str, namespace: str, on_change: Callable[[], None]) -> None:
        """Raises ``ValueError`` when ``ref`` names no kind that has pods."""
        kind, _, self._name = ref.partition("/")
        resource = pods.server.catalog.by_word(kind)
        if resource is None or not self._name:
            raise ValueError(f"{ref!r} names no workload: write deployment/web or pod/web-1")
        self._pods = pods
        self._namespace = namespace
        self._resource = resource
        self._on_change = on_change
        self._selector: LabelSelector | None = None
        log = pods.server.log
        pod_resource = pods.server.catalog.by_word("pods")
        assert pod_resource is not None
        self._pod_resource = pod_resource
        self._watches: list[Watch] = [
            log.watch(pod_resource, self._wake, namespace=namespace, match=self._is_mine)
        ]
        if resource.kind != "Pod":
            named = log.watch(
                resource,
                self._workload_changed,
                namespace=namespace,
                match=lambda obj: objects.name(obj) == self._name,
            )
            self._watches.append(named)
            self._read_selector()

    def clients(self) -> list[Client]:
        """The pods that can send, in the order of their names."""
        found = []
        for version in self._pods.server.log.list(self._pod_resource, self._namespace):
            pod = version.object
            ip = (pod.get("status") or {}).get("podIP")
            if not ip or not self._is_mine(pod):
                continue
            node = pod["spec"].get("nodeName") or ""
            runtime = self._pods.runtime(node)
            sandbox = runtime.sandbox(pod["metadata"]["uid"]) if runtime is not None else None
            if sandbox is not None and sandbox.ready and sandbox.running():
                end = self._pods.firewall.end_of_pod(pod)
                found.append(Client("/".join(objects.key(pod)), node, pod, end))
        return found

    def _is_mine(self, pod: Object) -> bool:
        if self._resource.kind == "Pod":
            return objects.name(pod) == self._name
        return self._selector is not None and self._selector.matches(objects.labels(pod))

    def _read_selector(self) -> None:
        version = self._pods.server.log.get(self._resource, self._namespace, self._name)
        written = ((version.object.get("spec") or {}).get("selector") or {}) if version is not None else {}
        if not written:
            self._selector = None
        elif "matchLabels" in written or "matchExpressions" in written:
            self._selector = from_object(written)
        else:
            self._selector = from_labels(written)

    def _workload_changed(self) -> None:
        self._watches[1].take()
        self._read_selector()
        self._on_change()

    def _wake(self) -> None:
        self._watches[0].take()
        self._on_change()

"""What containers really use: from their images' behaviour, and from the requests that reach them.

Nothing is ticked: usage is worked out for an instant, when somebody asks.

**May:** look at container runtimes and traffic sources; changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects, quantity
from kcsim.cluster.kubelet.runtime import Container
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.engine.clock import MILLISECOND, SECOND

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU in millionths of a core (averaged over the window), memory in bytes; the window in µs."""

    cpu_micro: int
    memory: int
    window: int


class UsageTruth:
    """The use of each container in one cluster."""

    def __init__(self, pods: PodNetwork) -> None:
        self._pods = pods

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when usage may change otherwise than by growing memory."""
        self._pods.on_change(lambda _node, _ip: listener())
        self._pods.on_load(listener)

    def running(self, pod: Object, at: int) -> list[Container]:
        """The pod's containers that ran at an instant (µs), which may lie a little back."""
        runtime = self._pods.runtime((pod["spec"] or {}).get("nodeName") or "")
        sandbox = runtime.sandbox(objects.uid(pod)) if runtime is not None else None
        if sandbox is None:
            return []
        return [
            container
            for container in sandbox.containers.values()
            if container.started_at <= at and (container.finished_at is None or container.finished_at > at)
        ]

    def of(self, pod: Object, container: Container, at: int, window: int) -> Usage:
        """What one container used in the ``window`` (µs) before ``at``."""
        behaviour = container.behaviour
        window = min(window, at - container.started_at)
        micro = behaviour.cpu_milli * 1000
        if behaviour.cpu_per_request:
            rate = self._pods.request_rate("/".join(objects.key(pod)), at - window, at)
            # A core is a second of work a second.
            micro += round(rate * behaviour.cpu_per_request)
        memory = behaviour.memory_bytes + behaviour.memory_growth * (at - container.started_at) // SECOND
        limits = (container.spec.get("resources") or {}).get("limits") or {}
        if "cpu" in limits:
            micro = min(micro, quantity.milli(limits["cpu"]) * 1000)
        if "memory" in limits:
            memory = min(memory, quantity.value(limits["memory"]))
        return Usage(micro, memory, max(window, MILLISECOND))

    def is_steady(self, pod: Object) -> bool:
        """Whether what the pod uses stays as it is until something happens."""
        return not any(c.behaviour.memory_growth for c in self.running(pod, self._pods.engine.now))

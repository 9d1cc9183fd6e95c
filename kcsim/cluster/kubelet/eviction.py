"""Which pod goes when a node runs out of memory or disk, and what it is told.  Decides; never acts.

**Imitates:** ``pkg/kubelet/eviction/helpers.go`` and ``eviction_manager.go``, ``pkg/kubelet/qos/policy.go`` (v1.36). Left out: soft
thresholds, inodes, process IDs, swap, the size limits of emptyDir volumes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kcsim.api import quantity
from kcsim.api.qos import qos_class
from kcsim.cluster.kubelet.runtime import Container
from kcsim.engine.clock import SECOND

MEMORY, DISK = "memory", "ephemeral-storage"
CONDITIONS = {MEMORY: "MemoryPressure", DISK: "DiskPressure"}
SYSTEM_CRITICAL = 2_000_000_000
EVICTED = "Evicted"
_STATIC = ("kubernetes.io/config.mirror", "kubernetes.io/config.source")
_PRESSURE_TAINT = "node.kubernetes.io/memory-pressure"


def memory_at(container: Container, now: int) -> int:
    """The memory (bytes) that a container uses; its limit is as far as it gets."""
    behaviour = container.behaviour
    used = behaviour.memory_bytes + behaviour.memory_growth * (now - container.started_at) // SECOND
    limit = _amount(container, "limits", MEMORY)
    return used if limit is None else min(used, limit)


def disk_at(container: Container, now: int) -> int:
    """What a container has written to its node's disk (bytes)."""
    behaviour = container.behaviour
    return behaviour.disk_bytes + behaviour.disk_growth * (now - container.started_at) // SECOND


def used_at(resource: str, container: Container, now: int) -> int:
    """Memory or disk (bytes) that a container uses."""
    return memory_at(container, now) if resource == MEMORY else disk_at(container, now)


def growth(resource: str, container: Container) -> int:
    """Bytes a second by which that grows."""
    behaviour = container.behaviour
    return behaviour.memory_growth if resource == MEMORY else behaviour.disk_growth


def _amount(container: Container, kind: str, resource: str) -> int | None:
    text = ((container.spec.get("resources") or {}).get(kind) or {}).get(resource)
    return quantity.value(text) if text is not None else None


def requested(resource: str, container: Container) -> int:
    """What the container asked for (bytes)."""
    return _amount(container, "requests", resource) or 0


def disk_limit(container: Container) -> int | None:
    """What the container may write (bytes); None: as much as it likes."""
    return _amount(container, "limits", DISK)


@dataclass(frozen=True, slots=True)
class Use:
    """What one pod uses of a resource, container by container: (name, used, requested) in bytes."""

    uid: str
    priority: int
    containers: tuple[tuple[str, int, int], ...]

    @property
    def above(self) -> int:
        """By how much it uses more than it asked for; negative when less."""
        return sum(used - asked for _, used, asked in self.containers)


def use_of(pod: dict[str, Any], containers: Iterable[Container], resource: str, now: int) -> Use:
    """What a pod uses of a resource now."""
    return Use(
        pod["metadata"].get("uid", ""),
        pod["spec"].get("priority") or 0,
        tuple((c.name, used_at(resource, c, now), requested(resource, c)) for c in containers),
    )


def ranked(uses: Iterable[Use]) -> list[Use]:
    """Who goes first: those above their request, then the less important, then who is furthest above."""
    return sorted(uses, key=lambda use: (use.above <= 0, use.priority, -use.above))


def is_critical(pod: dict[str, Any]) -> bool:
    """Whether the node never gives the pod up: static pods, and those that the system needs."""
    notes = pod["metadata"].get("annotations") or {}
    static = _STATIC[0] in notes or notes.get(_STATIC[1], "api") != "api"
    return static or (pod["spec"].get("priority") or 0) >= SYSTEM_CRITICAL


def message(resource: str, threshold: int, available: int, use: Use) -> str:
    """What an evicted pod is told."""
    amounts = f"Threshold quantity: {_binary(threshold)}, available: {_binary(available)}. "
    text = f"The node was low on resource: {resource}. {amounts}"
    for name, used, asked in use.containers:
        if used > asked:
            text += (
                f"Container {name} was using {_binary(used)}, request is {_binary(asked)}, "
                f"has larger consumption of {resource}. "
            )
    return text


def over_its_limit(container: str, limit: int) -> str:
    """What a pod is told whose container wrote more than its limit."""
    return f'Container {container} exceeded its local ephemeral storage limit "{_binary(limit)}". '


def _binary(amount: int) -> str:
    return quantity.format_quantity(max(amount, 0), "BinarySI")


def refuses(pod: dict[str, Any], pressures: frozenset[str]) -> str:
    """Why a node under pressure does not take the pod; "" when it does."""
    if not pressures or is_critical(pod):
        return ""
    if pressures == {CONDITIONS[MEMORY]}:
        # Who asked for memory may still come; so may who says that it can live with the pressure.
        tolerates = any(
            t.get("key") in (_PRESSURE_TAINT, None, "") and t.get("effect") in ("NoSchedule", None, "")
            for t in pod["spec"].get("tolerations") or ()
        )
        if qos_class(pod["spec"]) != "BestEffort" or tolerates:
            return ""
    return f"The node had condition: [{' '.join(sorted(pressures))}]. "


def oom_score(pod: dict[str, Any], container: Container, capacity: int, now: int) -> int:
    """How gladly the kernel kills the container when the machine has no memory left."""
    share = 1000 * memory_at(container, now) // capacity
    kind = qos_class(pod["spec"])
    if kind == "Guaranteed" or is_critical(pod):
        return share - 997
    if kind == "BestEffort":
        return share + 1000
    adjust = 1000 - 1000 * requested(MEMORY, container) // capacity
    return share + min(max(adjust, 3), 999)


def crossing(used: int, growth_rate: int, limit: int, now: int) -> int | None:
    """The instant (µs) from which more than ``limit`` is used; None: never, as things are."""
    if used > limit:
        return now
    if growth_rate <= 0:
        return None
    return now + -(-(limit + 1 - used) * SECOND // growth_rate)

"""The Node object as its kubelet writes it.

**Imitates:** ``pkg/kubelet/kubelet_node_status.go`` and ``nodestatus/setters.go`` (v1.36): labels, addresses, capacity,
allocatable, conditions, versions. Left out: the report every five minutes that says nothing new (the lease is the
heartbeat), the list of images, and the events about pressure that do not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kcsim.api import quantity
from kcsim.api.request import Computed
from kcsim.cluster.kubelet.config import DEFAULTS, KubeletConfig

HARD_EVICTION_MEMORY = "100Mi"
"""evictionHard memory.available: never given to pods (pkg/kubelet/eviction/defaults_linux.go)."""
NETWORK_NOT_READY = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)

READY = "Ready"
MANAGED_ATTACH_DETACH = "volumes.kubernetes.io/controller-managed-attach-detach"
SHUTTING_DOWN = "node is shutting down"

# type -> (reason, message) without and with pressure.
_PRESSURES = {
    "MemoryPressure": (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    "DiskPressure": (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    "PIDPressure": (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}


@dataclass(frozen=True)
class NodeSpec:
    """The machine a kubelet runs on.

    Attributes:
        name: of the node.
        address: its InternalIP.
        further_addresses: its InternalIPs of further families.
        rack: where the machine stands in its zone; "" when nobody says.
        capacity: cpu, memory, pods, ephemeral-storage as quantities.
        labels: beyond those the kubelet sets itself.
        taints: to register with.
        version: the kubelet's.
        config: how the kubelet is configured.
    """

    name: str
    address: str
    capacity: Mapping[str, str] = field(
        default_factory=lambda: {"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    )
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()
    version: str = "v1.36.2"
    config: KubeletConfig = DEFAULTS
    further_addresses: tuple[str, ...] = ()
    rack: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All its InternalIPs."""
        return (self.address, *self.further_addresses)


def allocatable(capacity: Mapping[str, str]) -> dict[str, str]:
    """What pods may use: capacity without the hard eviction threshold of memory."""
    return dict(_allocatable(tuple(capacity.items())))


@lru_cache(maxsize=256)
def _allocatable(capacity: tuple[tuple[str, str], ...]) -> dict[str, str]:
    given = dict(capacity)
    if "memory" in given:
        left = quantity.of(given["memory"]).sub(quantity.of(HARD_EVICTION_MEMORY))
        given["memory"] = str(left)
    return given


def conditions(
    *, now: str, old: list[dict[str, Any]], pressures: frozenset[str] = frozenset(), trouble: str = ""
) -> list[dict[str, Any]]:
    """The node's conditions; ``lastTransitionTime`` moves with the status only.

    Args:
        now: a metav1.Time text.
        old: the conditions before.
        pressures: the kinds of pressure there are.
        trouble: why the node is not ready; "" when it is.
    """
    wanted = []
    for kind, texts in _PRESSURES.items():
        held = kind in pressures
        wanted.append((kind, "True" if held else "False", *texts[held]))
    if trouble:
        wanted.append((READY, "False", "KubeletNotReady", trouble))
    else:
        wanted.append((READY, "True", "KubeletReady", "kubelet is posting ready status"))
    before = {condition["type"]: condition for condition in old}
    result = []
    for kind, status, reason, message in wanted:
        known = before.get(kind)
        same = known is not None and known["status"] == status
        result.append(
            {
                "type": kind,
                "status": status,
                "lastHeartbeatTime": now,
                "lastTransitionTime": known["lastTransitionTime"] if known is not None and same else now,
                "reason": reason,
                "message": message,
            }
        )
    return result


def with_conditions(
    node: dict[str, Any], wanted: list[dict[str, Any]], patch: dict[str, Any]
) -> Computed | None:
    """What a ``patch`` with these conditions makes of the node's status; None when not just these are there."""
    status = node.get("status") or {}
    before = status.get("conditions") or []
    if [c["type"] for c in before] != [c["type"] for c in wanted]:
        return None
    merged = [{**old, **new} for old, new in zip(before, wanted, strict=True)]
    return Computed(status, {**status, "conditions": merged}, lambda: patch)


def conditions_differ(stored: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Whether the API says something else than the kubelet would, heartbeat times aside."""
    shown = {c["type"]: (c["status"], c.get("reason")) for c in stored}
    return any(shown.get(c["type"]) != (c["status"], c["reason"]) for c in wanted)


def transition_reason(kind: str, status: str) -> str:
    """The reason of the Event when a condition turns to ``status``: NodeReady, NodeHasDiskPressure ..."""
    if kind == READY:
        return "NodeReady" if status == "True" else "NodeNotReady"
    return _PRESSURES[kind][status == "True"][0].replace("Kubelet", "Node", 1)


def new_node(spec: NodeSpec, *, boot_id: str, now: str) -> dict[str, Any]:
    """The Node object to register with; not ready yet."""
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
        **spec.labels,
    }
    node: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": spec.name, "labels": labels, "annotations": {MANAGED_ATTACH_DETACH: "true"}},
        "spec": {"taints": [dict(taint) for taint in spec.taints]} if spec.taints else {},
        "status": {
            "addresses": [
                *({"type": "InternalIP", "address": address} for address in spec.addresses),
                {"type": "Hostname", "address": spec.name},
            ],
            "capacity": dict(spec.capacity),
            "allocatable": allocatable(spec.capacity),
            "conditions": conditions(now=now, old=[], trouble=NETWORK_NOT_READY),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": node_info(spec, boot_id),
        },
    }
    return node


def node_info(spec: NodeSpec, boot_id: str) -> dict[str, str]:
    """``status.nodeInfo``."""
    return {
        "architecture": "amd64",
        "bootID": boot_id,
        "containerRuntimeVersion": "containerd://2.1.4",
        "kernelVersion": "6.12.0",
        "kubeProxyVersion": "",
        "kubeletVersion": spec.version,
        "machineID": spec.name,
        "operatingSystem": "linux",
        "osImage": "kcsim",
        "systemUUID": spec.name,
    }

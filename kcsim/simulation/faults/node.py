"""Faults of machines: without power, frozen, out of disk or memory, with a wrong clock; one of them or a zone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kcsim.cluster.kubelet.eviction import DISK, MEMORY
from kcsim.engine.clock import MINUTE
from kcsim.simulation.faults.fault import Fault, FaultError, Kind, Settle

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


def a_node(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """The machine exists."""
    del world
    if fault.target not in cluster.kubelets:
        raise FaultError(f"no node {fault.target!r}; there are {', '.join(sorted(cluster.kubelets))}")
    return {}


def zones(cluster: Cluster) -> list[str]:
    """The zones of a cluster's machines, sorted."""
    return sorted({cluster.network.host(node).zone for node in cluster.kubelets} - {""})


def _a_zone(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    del world
    if fault.target not in zones(cluster):
        raise FaultError(f"no zone {fault.target!r}; there are {', '.join(zones(cluster)) or 'none'}")
    return {}


def _power(world: World, cluster: Cluster, node: str, faults: Sequence[Fault]) -> None:
    """A crash outweighs a freeze: what is off cannot stand still."""
    del faults
    here = [o.fault for o in world.faults if (o.fault.cluster or world.cluster.name) == cluster.name]
    zone = cluster.network.host(node).zone
    off = any(
        (f.kind in {"node-crash", "node-reboot"} and f.target == node)
        or (f.kind == "zone-outage" and f.target == zone)
        for f in here
    )
    frozen = any(f.kind == "node-freeze" and f.target == node for f in here)
    powered = cluster.kubelets[node].runtime.powered
    if off and powered:
        cluster.crash_node(node)
    elif not off and not powered:
        cluster.boot_node(node)
    if not off:
        cluster.freeze_node(node, frozen)


def _zone(world: World, cluster: Cluster, zone: str, faults: Sequence[Fault]) -> None:
    for node in cluster.kubelets:
        if cluster.network.host(node).zone == zone:
            _power(world, cluster, node, faults)


def _pressure(resource: str) -> Settle:
    def settle(world: World, cluster: Cluster, node: str, faults: Sequence[Fault]) -> None:
        del world
        share = max((fault["share"] for fault in faults), default=0.0)
        cluster.kubelets[node].evictions.fill(resource, share)

    return settle


def _skew(world: World, cluster: Cluster, node: str, faults: Sequence[Fault]) -> None:
    del world
    cluster.kubelets[node].skew = faults[-1]["skew"] if faults else 0


def _node(summary: str, effect: str, settle: Settle, **more: Any) -> Kind:
    return Kind(
        layer="node", summary=summary, effect=effect, target="node", check=a_node, settle=settle, **more
    )


KINDS: dict[str, Kind] = {
    "node-crash": _node(
        "The machine loses power; it boots again at the end.",
        "Its kubelet falls silent and its containers are gone; its pods are replaced when they are evicted.",
        _power,
        scope="power",
    ),
    "node-reboot": _node(
        "The machine restarts, and is back after a minute unless something else is said.",
        "Its containers end with 255 Unknown and start again in the same pods.",
        _power,
        scope="power",
        lasts=MINUTE,
    ),
    "node-freeze": _node(
        "The machine stands still, as a virtual machine that is paused.",
        "It answers nobody and renews nothing, while all its containers live; after it they go on without a restart.",
        _power,
        scope="power",
    ),
    "node-disk-pressure": _node(
        "Something beside the pods fills the machine's disk.",
        "DiskPressure: unused images are deleted, pods are evicted, none are taken, until five minutes after it is over.",
        _pressure(DISK),
        takes={"share": 0.95},
        scope="disk",
    ),
    "node-memory-pressure": _node(
        "Something beside the pods takes the machine's memory.",
        "MemoryPressure: pods are evicted, BestEffort pods are not taken, until five minutes after it is over.",
        _pressure(MEMORY),
        takes={"share": 0.995},
        scope="memory",
    ),
    "node-clock-skew": _node(
        "The machine's clock is wrong.",
        "What the kubelet writes is off: conditions, startTime, and with them when pods count as available; leases do not mind.",
        _skew,
        takes={"skew": MINUTE},
    ),
    "zone-outage": Kind(
        layer="node",
        summary="Every machine of a zone loses power.",
        effect="The nodes of the zone are unreachable together; evictions are as slow as the zone's state has it.",
        target="zone",
        check=_a_zone,
        settle=_zone,
    ),
}

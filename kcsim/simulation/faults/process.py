"""Faults of processes: they die, between any two writes if need be, come back, lead twice, or work slowly.

A component is named as it calls itself, ``kube-scheduler``, or with the host of one that runs on many: ``kubelet@node-2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from kcsim.api.kit.component import Component
from kcsim.api.kit.seams import CrashPoint, Seams
from kcsim.engine.clock import SECOND
from kcsim.simulation.faults.api import plural
from kcsim.simulation.faults.fault import Fault, FaultError, Kind, Undo

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


def whose(target: str) -> tuple[str, str]:
    """Name and host of a component; host "" for anywhere."""
    name, _, host = target.partition("@")
    return name, host


def a_component(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """It runs, has run, or is a program that a container could start."""
    name, host = whose(fault.target)
    components = cluster.endpoint.components
    if any(each.name == name and host in {"", each.host} for each in components):
        return {}
    if name in world.programs and not host:
        return {"note": "no process of this name has run so far"}
    known = sorted({each.name for each in components} | set(world.programs))
    if host and name in known:
        raise FaultError(f"no {name} on {host!r}; write {name}@HOST with one of its hosts")
    near = get_close_matches(name, known, 1)
    mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise FaultError(f"no component {fault.target!r}; {mend}")


def _a_write(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """The component exists, and so do the resource and the reconciler, where they are named."""
    facts = a_component(world, cluster, fault)
    plural(cluster, fault.amounts.get("resource"))
    wanted, (name, _) = fault.amounts.get("reconciler"), whose(fault.target)
    processes = [each for each in cluster.endpoint.components if each.name == name]
    known = {each for process in processes for each in process.reconcilers}
    if wanted is not None and processes and wanted not in known:
        near = get_close_matches(wanted, sorted(known), 1)
        mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
        raise FaultError(f"{name} has no reconciler {wanted!r}; {mend}")
    return facts


def _an_instance(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    del world
    if fault.target not in cluster.instances:
        raise FaultError(f"no component {fault.target!r}; there are {', '.join(sorted(cluster.instances))}")
    return {}


def _two_instances(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    facts = _an_instance(world, cluster, fault)
    if len(cluster.instances[fault.target]) < 2:
        raise FaultError(f"two-leaders needs a second {fault.target} that stands by, and there is one")
    return facts


def running(cluster: Cluster, target: str) -> list[Component]:
    """The components of that name that run and do the work: those with informers."""
    name, host = whose(target)
    return [
        each
        for each in cluster.endpoint.components
        if each.running
        and each.name == name
        and host in {"", each.host}
        and any(True for _ in each.informers)
    ]


def restart(cluster: Cluster, target: str, down: int) -> None:
    """Each process of that name dies, and is back after ``down`` µs or when its supervisor has it."""
    for component in running(cluster, target):
        component.crash(down)


def _component_crash(world: World, cluster: Cluster, component: str, faults: Sequence[Fault]) -> None:
    del world
    if faults:
        cluster.crash_component(component)
    else:
        cluster.restart_component(component)


def _restart(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
    del world
    restart(cluster, fault.target, fault["down"])
    return None


def _crash_point(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
    del world
    name, host = whose(fault.target)
    rule = CrashPoint(
        name,
        fault["when"],
        fault["nth"],
        verb=fault["verb"] or "",
        resource=plural(cluster, fault["resource"]),
        namespace=fault["namespace"] or "",
        name=fault["object_name"] or "",
        host=host,
        reconciler=fault["reconciler"] or "",
        down=fault["down"],
    )
    return Seams.of(cluster.endpoint).arm(rule).lift


def _two_leaders(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
    del world
    leader = next((i for i in cluster.instances[fault.target] if i.leads), None)
    if leader is None:
        return None
    leader.overlook(True)
    return lambda: leader.overlook(False)


def _slow_worker(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del world
    name, host = whose(target)
    pace = max((fault["delay"] for fault in faults), default=0)
    for component in cluster.endpoint.components:
        if component.name == name and host in {"", component.host}:
            component.pace = pace


KINDS: dict[str, Kind] = {
    "component-crash": Kind(
        layer="process",
        summary="The leading process of kube-controller-manager or kube-scheduler dies; it starts again at the end.",
        effect="One that stands by takes over when the lease has run out; with none, nobody does its work.",
        target="component",
        check=_an_instance,
        settle=_component_crash,
    ),
    "component-restart": Kind(
        layer="process",
        summary="A process dies and starts again.",
        effect="What it kept in memory is lost: queues, caches, back-offs. A container's kubelet restarts it in its own time.",
        target="component",
        takes={"down": SECOND},
        check=a_component,
        begin=_restart,
        momentary=True,
    ),
    "crash-point": Kind(
        layer="process",
        summary="A process dies right before it sends a write, or right after the write took effect, and starts again.",
        effect="What it meant to do next is not done; it has to find that out from what it left.",
        target="component",
        takes={
            "when": "after",
            "nth": 1,
            "verb": None,
            "resource": None,
            "namespace": None,
            "object_name": None,
            "reconciler": None,
            "down": SECOND,
        },
        check=_a_write,
        begin=_crash_point,
    ),
    "two-leaders": Kind(
        layer="process",
        summary="The leader's renewals are lost and it does not notice; another is elected, and both work.",
        effect="Two controllers write the same objects: conflicts, and twice of what is made under made-up names.",
        target="component",
        check=_two_instances,
        begin=_two_leaders,
    ),
    "slow-worker": Kind(
        layer="process",
        summary="A component's workers take longer for each key.",
        effect="Queues grow; what it does comes late.",
        target="component",
        takes={"delay": SECOND},
        check=a_component,
        settle=_slow_worker,
        scope="pace",
    ),
}

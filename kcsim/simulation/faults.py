"""Faults as data, put in at the seams of a world.

Nothing in the components knows about them: a fault switches a machine off, cuts a host, stops a server, breaks one
client's connection or changes what an image does, and takes it back when its time is over.

**Walk:** ``inject`` notes the fault in the trace -> it is the cause of what it does -> after ``duration`` it is healed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from kcsim.api.client import ClientFault
from kcsim.cluster.images import ImageBehaviour
from kcsim.engine.clock import format_duration
from kcsim.engine.trace import Record
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.world import World

Heal = Callable[[], None]


class FaultError(ValueError):
    """The fault cannot be put in: what it should hit does not exist."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: one of ``KINDS``.
        target: the node, client, repository host or image it hits; "" where the kind needs none.
        duration: how long (µs); None: for good.
        cluster: the cluster it happens in.
        behaviour: for ``image-behaviour``: how the image behaves from now on.
    """

    kind: str
    target: str = ""
    duration: int | None = None
    cluster: str = ""
    behaviour: ImageBehaviour | None = None


def inject(world: World, fault: Fault) -> Record:
    """Put a fault in now; gives its trace record.

    Raises:
        FaultError: an unknown kind, or a target that does not exist.
    """
    begin = KINDS.get(fault.kind)
    if begin is None:
        raise FaultError(f"no fault {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
    engine = world.engine
    cluster = world.clusters.get(fault.cluster) if fault.cluster else world.cluster
    if cluster is None:
        raise FaultError(f"no cluster {fault.cluster!r}")
    target = f"{fault.kind}/{fault.target}" if fault.target else fault.kind
    detail = {"for": format_duration(fault.duration)} if fault.duration is not None else {}
    record = Record(engine.now, engine.cause, "fault", "inject", target, dict(detail))
    with engine.because(record):
        heal = begin(world, cluster, fault)
        if record.seq < 0:
            engine.trace.append(record)
        if fault.duration is not None:
            engine.after(fault.duration, _heal, world, target, heal)
    return record


def _heal(world: World, target: str, heal: Heal) -> None:
    engine = world.engine
    engine.cause = engine.note("fault", "heal", target)
    heal()


def _node_crash(world: World, cluster: Cluster, fault: Fault) -> Heal:
    del world
    if fault.target not in cluster.kubelets:
        raise FaultError(f"no node {fault.target!r}; there are {', '.join(sorted(cluster.kubelets))}")
    cluster.crash_node(fault.target)
    return lambda: cluster.boot_node(fault.target)


def _git_outage(world: World, cluster: Cluster, fault: Fault) -> Heal:
    del cluster, fault
    world.git.available = False

    def heal() -> None:
        world.git.available = True

    return heal


def _registry_outage(world: World, cluster: Cluster, fault: Fault) -> Heal:
    del cluster, fault
    world.registry.available = False

    def heal() -> None:
        world.registry.available = True

    return heal


def _api_outage(world: World, cluster: Cluster, fault: Fault) -> Heal:
    del world, fault
    cluster.endpoint.set_serving(False)
    return lambda: cluster.endpoint.set_serving(True)


def _api_partition(world: World, cluster: Cluster, fault: Fault) -> Heal:
    """The API server is out of reach for one client: a host, or every connection of a user or program."""
    if world.network.has_host(fault.target):
        cut = world.network.cut([fault.target], [cluster.control_plane])
        return lambda: world.network.heal(cut)
    cluster.endpoint.set_client_fault(fault.target, ClientFault(cut=True))
    return lambda: cluster.endpoint.set_client_fault(fault.target, None)


def _image_behaviour(world: World, cluster: Cluster, fault: Fault) -> Heal:
    """Containers of an image behave differently from now on, those that run as well."""
    del cluster
    behaviour = fault.behaviour
    if behaviour is None:
        raise FaultError("image-behaviour needs the behaviour to change to")
    before: ImageBehaviour = world.registry.resolve(behaviour.name).behaviour
    _behave(world, behaviour)
    return lambda: _behave(world, before)


def _image_crashes(world: World, cluster: Cluster, fault: Fault) -> Heal:
    """Containers of an image exit right after they start, and those that run exit now."""
    before: ImageBehaviour = world.registry.resolve(fault.target).behaviour
    return _image_behaviour(world, cluster, replace(fault, behaviour=replace(before, crash_after=0)))


def _behave(world: World, behaviour: ImageBehaviour) -> None:
    world.push_image(behaviour)
    for cluster in world.clusters.values():
        for kubelet in cluster.kubelets.values():
            kubelet.runtime.behave(behaviour)


KINDS: dict[str, Callable[[World, Cluster, Fault], Heal]] = {
    "node-crash": _node_crash,
    "git-outage": _git_outage,
    "registry-outage": _registry_outage,
    "api-outage": _api_outage,
    "api-partition": _api_partition,
    "image-behaviour": _image_behaviour,
    "image-crash": _image_crashes,
}

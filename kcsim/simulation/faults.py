"""Faults as data, put in at the seams of a world.

Nothing in the components knows about them: a fault switches a machine off, cuts a host, stops a server, breaks one
client's connection or changes what an image does, and takes it back when its time is over. Faults of one kind on one
target may overlap: the target is well again when the last of them is over.

**Walk:** ``inject`` checks the fault and notes it in the trace -> it joins the world's ongoing faults -> its kind's
``settle`` brings the target where the ongoing faults want it -> after ``duration``, or with ``heal``, it leaves them
and the target is settled again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kcsim.api.client import ClientFault
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.git.repository import GitError
from kcsim.delivery.registry.reference import InvalidReference
from kcsim.delivery.registry.registry import ImageNotFound
from kcsim.engine.clock import MILLISECOND, format_duration
from kcsim.engine.core import Timer
from kcsim.engine.trace import Record
from kcsim.network.impairment import Impairment, Lossy
from kcsim.network.topology import Cut
from kcsim.profile.distributions import Distribution, Fixed
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.links import UnknownLink, parse
from kcsim.simulation.places import CI
from kcsim.simulation.world import World

FLUX_CONTROLLERS = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")


class FaultError(ValueError):
    """The fault cannot be put in: what it should hit does not exist."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: one of ``KINDS``.
        target: the node, client, repository or image it hits; "" where the kind needs none, or hits all.
        duration: how long (µs); None: for good.
        cluster: the cluster it happens in; "" for the first.
        behaviour: for ``image-behaviour``: how the image behaves from now on.
        loss: for ``network-loss``: the share of packets that is lost, each way.
        delay: for ``network-delay``: how much longer a packet takes, each way (µs).
        detail: further facts for its trace record: who tells a story says why it happens.
    """

    kind: str
    target: str = ""
    duration: int | None = None
    cluster: str = ""
    behaviour: ImageBehaviour | None = None
    loss: float = 0.1
    delay: int = 100 * MILLISECOND
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Ongoing:
    """A fault that is not over. ``record`` noted it; ``ends`` is its timer, None when it lasts for good."""

    fault: Fault
    record: Record
    ends: Timer | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """How faults of a kind are played.

    Attributes:
        summary: what happens, in a sentence.
        target: what it hits, in a word; "" when nothing can be named.
        check: refuses what does not exist; gives facts for the trace.
        settle: brings a target where these ongoing faults want it; none: it is well.
        scope: kinds with the same scope act on the same thing.
        worldwide: whether it hits something outside the clusters.
    """

    summary: str
    target: str
    check: Callable[[World, Cluster, Fault], dict[str, str]]
    settle: Callable[[World, Cluster, str, Sequence[Fault]], None]
    scope: str = ""
    worldwide: bool = False


def inject(world: World, fault: Fault) -> Record:
    """Put a fault in now; gives its trace record.

    Raises:
        FaultError: an unknown kind, or a target that does not exist.
    """
    kind = KINDS.get(fault.kind)
    if kind is None:
        raise FaultError(f"no fault {fault.kind!r}; there are {', '.join(sorted(KINDS))}")
    if fault.target and not kind.target:
        raise FaultError(f"{fault.kind} hits everybody: it takes no target")
    if kind.worldwide:
        fault = replace(fault, cluster="")
    cluster = world.clusters.get(fault.cluster) if fault.cluster else world.cluster
    if cluster is None:
        raise FaultError(f"no cluster {fault.cluster!r}; there are {', '.join(sorted(world.clusters))}")
    engine = world.engine
    detail = kind.check(world, cluster, fault)
    if fault.duration is not None:
        detail["for"] = format_duration(fault.duration)
    record = engine.note("fault", "inject", _subject(fault), {**detail, **fault.detail})
    ongoing = Ongoing(fault, record)
    world.faults.append(ongoing)
    with engine.because(record):
        _settle(world, fault)
        if fault.duration is not None:
            ongoing.ends = engine.after(fault.duration, _over, world, ongoing)
    return record


def heal(world: World, record: Record) -> Record:
    """End the fault that ``record`` noted, before its time; gives the record of that.

    Raises:
        FaultError: it is over already, or never was.
    """
    ongoing = next((o for o in world.faults if o.record is record), None)
    if ongoing is None:
        raise FaultError("no such fault is going on")
    before = world.engine.cause
    try:
        return _over(world, ongoing)
    finally:
        world.engine.cause = before


def _over(world: World, ongoing: Ongoing) -> Record:
    engine = world.engine
    if ongoing.ends is not None:
        ongoing.ends.cancel()
    world.faults.remove(ongoing)
    record = engine.cause = engine.note("fault", "heal", _subject(ongoing.fault))
    _settle(world, ongoing.fault)
    return record


def _settle(world: World, fault: Fault) -> None:
    kind = KINDS[fault.kind]
    here = [
        o.fault
        for o in world.faults
        if o.fault.target == fault.target
        and o.fault.cluster == fault.cluster
        and (o.fault.kind == fault.kind or (kind.scope and KINDS[o.fault.kind].scope == kind.scope))
    ]
    cluster = world.clusters[fault.cluster] if fault.cluster else world.cluster
    kind.settle(world, cluster, fault.target, here)


def _subject(fault: Fault) -> str:
    parts = (fault.kind, fault.cluster, fault.target)
    return "/".join(part for part in parts if part)


# --- the kinds --------------------------------------------------------------------------------------------------


def _anything(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    del world, cluster, fault
    return {}


def _a_node(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    del world
    if fault.target not in cluster.kubelets:
        raise FaultError(f"no node {fault.target!r}; there are {', '.join(sorted(cluster.kubelets))}")
    return {}


def _node_crash(world: World, cluster: Cluster, node: str, faults: Sequence[Fault]) -> None:
    up = world.network.is_up(node)
    if faults and up:
        cluster.crash_node(node)
    elif not faults and not up:
        cluster.boot_node(node)


def _a_repository(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    del cluster
    if fault.target:
        try:
            world.git.repository(fault.target)
        except GitError as error:
            known = ", ".join(r.name for r in world.git.repositories) or "none"
            raise FaultError(
                f"no repository {fault.target!r} on {world.git.name}; there are {known}"
            ) from error
    return {}


def _git_outage(world: World, cluster: Cluster, repository: str, faults: Sequence[Fault]) -> None:
    del cluster
    world.git.set_available(not faults, repository)


def _registry_outage(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del cluster, target
    world.registry.available = not faults


def _api_outage(world: World, cluster: Cluster, target: str, faults: Sequence[Fault]) -> None:
    del world, target
    cluster.endpoint.set_serving(not faults)


def _a_component(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    del world
    if fault.target not in cluster.instances:
        raise FaultError(f"no component {fault.target!r}; there are {', '.join(sorted(cluster.instances))}")
    return {}


def _component_crash(world: World, cluster: Cluster, component: str, faults: Sequence[Fault]) -> None:
    del world
    if faults:
        cluster.crash_component(component)
    else:
        cluster.restart_component(component)


def clients_named(name: str) -> tuple[str, ...]:
    """What the connections of a client call themselves: a host, a user or a program."""
    return {"ci": (CI,), "flux": FLUX_CONTROLLERS}.get(name, (name,))


def _a_client(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    del world
    if not fault.target:
        raise FaultError(
            "api-partition needs the client that is cut off: a node, a component, ci, flux or a person"
        )
    if not any(cluster.endpoint.knows(name) for name in clients_named(fault.target)):
        return {"note": "no client of this name has connected so far"}
    return {}


def _api_partition(world: World, cluster: Cluster, client: str, faults: Sequence[Fault]) -> None:
    """Every connection of a host, user or program to the API server is lost, or none is any more."""
    del world
    for name in clients_named(client):
        cluster.endpoint.set_client_fault(name, ClientFault(cut=True) if faults else None)


def _a_link(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    if not fault.target:
        raise FaultError(
            f'{fault.kind} needs a link: "node-1", "zone-a <-> zone-b" or "node-1 -> control-plane"'
        )
    try:
        parse(fault.target, world.network, cluster)
    except UnknownLink as error:
        raise FaultError(str(error)) from error
    if not 0 <= fault.loss < 1:
        raise FaultError(f"loss is a share of 0 or more and less than 1, not {fault.loss}")
    if fault.kind == "network-loss":
        return {"loss": f"{fault.loss:g}"}
    return {"delay": format_duration(fault.delay)} if fault.kind == "network-delay" else {}


def _partition(world: World, cluster: Cluster, link: str, faults: Sequence[Fault]) -> None:
    groups = parse(link, world.network, cluster) if faults else []
    world.network.partition(f"{cluster.name}/{link}", [Cut(a, b) for a, b in groups])


def _loss(world: World, cluster: Cluster, link: str, faults: Sequence[Fault]) -> None:
    delays: list[Distribution] = [Lossy(fault.loss) for fault in faults]
    _impair(world, cluster, link, "loss", delays)


def _delay(world: World, cluster: Cluster, link: str, faults: Sequence[Fault]) -> None:
    delays: list[Distribution] = [Fixed(fault.delay) for fault in faults]
    _impair(world, cluster, link, "delay", delays)


def _impair(world: World, cluster: Cluster, link: str, what: str, delays: Sequence[Distribution]) -> None:
    groups = parse(link, world.network, cluster)
    impairments = [Impairment(a, b, delay) for delay in delays for a, b in groups]
    world.network.impair(f"{cluster.name}/{link}/{what}", impairments)


def _an_image(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    del cluster
    image = fault.target or (fault.behaviour.name if fault.behaviour is not None else "")
    try:
        world.registry.find(image)
    except (ImageNotFound, InvalidReference) as error:
        raise FaultError(f"no image {image!r}: {error}") from error
    return {}


def _a_behaviour(world: World, cluster: Cluster, fault: Fault) -> dict[str, str]:
    if fault.behaviour is None or not fault.target:
        raise FaultError("image-behaviour needs the image, and the behaviour it changes to")
    return _an_image(world, cluster, fault)


def _image(world: World, cluster: Cluster, image: str, faults: Sequence[Fault]) -> None:
    """Containers of an image behave as the newest fault wants, those that run as well."""
    del cluster
    current: ImageBehaviour = world.registry.find(image).behaviour
    healthy = world.healthy_images.setdefault(image, current)
    wanted = healthy
    for fault in faults:
        if fault.behaviour is not None:
            wanted = replace(fault.behaviour, name=healthy.name, digest=healthy.digest)
        else:
            wanted = replace(healthy, crash_after=0, crashes=None, exits_after=None)
    if not faults:
        del world.healthy_images[image]
    world.registry.revise(image, wanted)
    for each in world.clusters.values():
        for kubelet in each.kubelets.values():
            kubelet.behave(wanted)


KINDS: dict[str, Kind] = {
    "node-crash": Kind("The machine loses power; it boots again at the end.", "node", _a_node, _node_crash),
    "git-outage": Kind(
        "The git host, or one repository on it, answers nobody.",
        "repository",
        _a_repository,
        _git_outage,
        worldwide=True,
    ),
    "registry-outage": Kind(
        "The image registry answers nobody.", "", _anything, _registry_outage, worldwide=True
    ),
    "api-outage": Kind("The API server is down: connections are refused.", "", _anything, _api_outage),
    "component-crash": Kind(
        "The leading instance of a control-plane component dies; it starts again at the end.",
        "component",
        _a_component,
        _component_crash,
    ),
    "api-partition": Kind("One client cannot reach the API server.", "client", _a_client, _api_partition),
    "network-partition": Kind(
        "Packets between two parts of the network are lost, both ways or one.", "link", _a_link, _partition
    ),
    "network-loss": Kind(
        "A share of the packets between two parts of the network is lost.", "link", _a_link, _loss
    ),
    "network-delay": Kind("Packets between two parts of the network take longer.", "link", _a_link, _delay),
    "image-behaviour": Kind(
        "Containers of an image behave differently, running ones as well.",
        "image",
        _a_behaviour,
        _image,
        scope="image",
        worldwide=True,
    ),
    "image-crash": Kind(
        "Containers of an image exit at once, running ones as well.",
        "image",
        _an_image,
        _image,
        scope="image",
        worldwide=True,
    ),
}
"""name -> kind of fault."""

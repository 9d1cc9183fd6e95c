"""Faults of the network: cut, one way or both, lossy, slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kcsim.engine.clock import MILLISECOND
from kcsim.network.impairment import Impairment, Lossy
from kcsim.network.topology import Cut
from kcsim.profile.distributions import Distribution, Fixed
from kcsim.simulation.faults.fault import Fault, FaultError, Kind, Settle
from kcsim.simulation.links import UnknownLink, parse

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


def _a_link(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    try:
        parse(fault.target, world.network, cluster)
    except UnknownLink as error:
        raise FaultError(str(error)) from error
    return {}


def _partition(world: World, cluster: Cluster, link: str, faults: Sequence[Fault]) -> None:
    groups = parse(link, world.network, cluster) if faults else []
    world.network.partition(f"{cluster.name}/{link}", [Cut(a, b) for a, b in groups])


def _loss(world: World, cluster: Cluster, link: str, faults: Sequence[Fault]) -> None:
    _impair(world, cluster, link, "loss", [Lossy(fault["loss"]) for fault in faults])


def _delay(world: World, cluster: Cluster, link: str, faults: Sequence[Fault]) -> None:
    _impair(world, cluster, link, "delay", [Fixed(fault["delay"]) for fault in faults])


def _impair(world: World, cluster: Cluster, link: str, what: str, delays: Sequence[Distribution]) -> None:
    groups = parse(link, world.network, cluster)
    impairments = [Impairment(a, b, delay) for delay in delays for a, b in groups]
    world.network.impair(f"{cluster.name}/{link}/{what}", impairments)


def _link(summary: str, effect: str, settle: Settle, **takes: Any) -> Kind:
    return Kind(
        layer="network",
        summary=summary,
        effect=effect,
        target="link",
        takes=takes,
        check=_a_link,
        settle=settle,
    )


KINDS: dict[str, Kind] = {
    "network-partition": _link(
        "Packets between two parts of the network are lost, both ways (`<->`) or one (`->`).",
        "Requests across it time out; a node behind it is taken for dead while its pods run on.",
        _partition,
    ),
    "network-loss": _link(
        "A share of the packets between two parts of the network is lost, each way.",
        "Answers come late, or too late.",
        _loss,
        loss=0.1,
    ),
    "network-delay": _link(
        "Packets between two parts of the network take longer, each way.",
        "Everything that travels there is slower; what times out fails.",
        _delay,
        delay=100 * MILLISECOND,
    ),
}

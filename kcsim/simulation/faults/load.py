"""Faults of load: more requests than usual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kcsim.simulation.faults.fault import Fault, FaultError, Kind

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


def _a_source(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    del cluster
    if fault.target not in world.traffic:
        raise FaultError(f"no traffic {fault.target!r}; there is {', '.join(world.traffic) or 'none'}")
    return {}


def _spike(world: World, cluster: Cluster, traffic: str, faults: Sequence[Fault]) -> None:
    del cluster
    factor = 1.0
    for fault in faults:
        factor *= fault["factor"]
    world.traffic[traffic].multiply(factor)


KINDS: dict[str, Kind] = {
    "load-spike": Kind(
        layer="load",
        summary="Users of an app send so many times as many requests.",
        effect="CPU use follows: autoscalers scale up, and while they do pods may be too few.",
        target="traffic",
        takes={"factor": 5.0},
        check=_a_source,
        settle=_spike,
        worldwide=True,
    ),
}

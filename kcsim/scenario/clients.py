"""Clients of a story as sources of traffic: what a scenario says, as what a source takes."""

from typing import Any

from kcsim.cluster.traffic.arrivals import exact_rate
from kcsim.cluster.traffic.demand import Burst, Demand, Level
from kcsim.cluster.traffic.retries import ALL, NONE, Retries
from kcsim.cluster.traffic.source import KeepAlive
from kcsim.scenario.model import Traffic


def source_options(traffic: Traffic) -> dict[str, Any]:
    """The arguments of `World.add_traffic` but for the name and the cluster."""
    options: dict[str, Any] = {
        "service": traffic.service,
        "url": "" if traffic.service else traffic.to,
        "headers": tuple(traffic.headers.items()),
        "namespace": traffic.namespace,
        "port": traffic.port,
        "demand": demand_of(traffic),
        "timeout": traffic.timeout,
        "start": traffic.start,
        "until": traffic.until,
        "workload": traffic.from_ or "",
        "entry": traffic.entry or "",
        "gateway": traffic.gateway or "",
        "retries": retries_of(traffic),
        "aggregate": not traffic.each,
    }
    if traffic.keep_alive is not None:
        kept = traffic.keep_alive
        options["keep_alive"] = KeepAlive(kept.connections, kept.max_age)
    return options


def demand_of(traffic: Traffic) -> Demand:
    """How many requests the clients want to send.

    Raises:
        ValueError: neither or both of rate and users, or a burst that cannot be.
    """
    levels = tuple(Level(level.at, exact_rate(level.factor)) for level in traffic.shape)
    bursts = tuple(
        Burst(burst.at, burst.for_, exact_rate(burst.factor), burst.every or 0) for burst in traffic.bursts
    )
    rate = exact_rate(traffic.rate or 0)
    return Demand(rate, traffic.users or 0, traffic.think, levels, bursts)


def retries_of(traffic: Traffic) -> Retries:
    """When they try again."""
    written = traffic.retries
    if written is None:
        return NONE
    return Retries(
        written.attempts,
        written.backoff,
        written.factor,
        written.max_backoff,
        written.budget,
        written.on or ALL,
    )

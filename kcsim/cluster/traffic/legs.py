"""What requests travel by: clients, the connections they can have, and what they may get instead of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from kcsim.api.objects import Key, Object
from kcsim.cluster.podnet.plane import PodNetwork
from kcsim.cluster.podnet.policy import End
from kcsim.cluster.podnet.services import Backend, ServiceRules
from kcsim.cluster.traffic.outcome import (
    Mix,
)
from kcsim.profile.distributions import Distribution


@dataclass(frozen=True, eq=False)
class Client:
    """Who sends: a host, or a pod on it."""

    name: str
    host: str
    pod: Object | None = None
    end: End | None = None

    @property
    def namespace(self) -> str:
        """Where its names are looked up."""
        return self.end.namespace if self.end is not None and self.end.namespace else "default"


class Leg(NamedTuple):
    """A connection that a client can have: to an address and port, where ``pod`` is said to be.

    Attributes:
        client: who opens it.
        via: the node that passes it on, when it comes in at a node.
        keeps_source: whether that node keeps the client's address.
    """

    client: str
    via: str
    ip: str
    port: int
    keeps_source: bool
    pod: str


class Option(NamedTuple):
    """What a client may get when it opens a connection now: a leg, or an end (``mix``), after what the name took."""

    share: float
    leg: Leg | None = None
    mix: Mix | None = None
    links: tuple[Distribution, ...] = ()
    waited: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """A program that requests reach: where it is, which pod it is, and how long it works on one (µs)."""

    ip: str
    port: int
    uid: str
    node: str
    latency: int


Fact = tuple[Any, ...]
"""Something that answers depend on: ``("rules", host, key)``, ``("ip", address)``, ``("name", key)``, ``("nodes",)``,
``("routes",)``."""

Choose = Callable[[Client, Key, ServiceRules, tuple[Backend, ...]], tuple[Backend, ...]]
"""Which of the backends a client's connections can go to: all of them, or the one it stays with."""


def client_at(pods: PodNetwork, ip: str) -> Client:
    """The pod that has an address, or the node whose it is, as a client."""
    key = pods.pod_at(ip)
    end = pods.firewall.end_at(ip)
    pod = pods.pod(key) if key is not None else None
    if pod is None:
        host = pods.node_of(ip) or pods.edge
        return Client(host, host)
    return Client(f"{end.namespace}/{end.name}", end.node or pods.node_of(ip) or pods.edge, pod, end)

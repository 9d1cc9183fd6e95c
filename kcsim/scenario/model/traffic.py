"""Clients and their requests, as a scenario writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.engine.clock import MILLISECOND, SECOND
from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Count, Duration, Factor, Fraction, Name, NamespaceName, Rate


@dataclass(frozen=True, kw_only=True)
class Level(Part):
    """A step of the shape of a day: from then on the rate is so many times what `rate` or `users` says."""

    at: Annotated[Duration, "The time of the day; the run begins at 0s, and after 24h it begins again."]
    factor: Annotated[Factor, "How many times."]


@dataclass(frozen=True, kw_only=True)
class Burst(Part):
    """A stretch in which the rate is many times what it is otherwise."""

    at: Annotated[Duration, "When it begins."]
    for_: Annotated[Duration, "How long it lasts."]
    factor: Annotated[Factor, "How many times."]
    every: Annotated[Duration | None, "It comes again so often; left out: once."] = None


@dataclass(frozen=True, kw_only=True)
class Retries(Part):
    """When clients try again."""

    attempts: Annotated[Count, "Tries after the first, at most."] = 2
    backoff: Annotated[Duration, "The wait before the second try."] = 100 * MILLISECOND
    factor: Annotated[Factor, "Each further wait is so many times the one before."] = 2.0
    max_backoff: Annotated[Duration, "The longest wait."] = 10 * SECOND
    budget: Annotated[
        Fraction | None, "Retries for each request on the average, at most; left out: as many as fail."
    ] = None
    on: Annotated[
        tuple[Literal["connect", "reset", "timeout", "5xx"], ...], "What is tried again; all when left out."
    ] = ()


@dataclass(frozen=True, kw_only=True)
class KeepAlive(Part):
    """Connections that clients keep open: requests of one stay with its pod until it ends."""

    connections: Annotated[Count, "How many, of all clients together."]
    max_age: Annotated[Duration | None, "Each is closed and opened again after so long; left out: never."] = (
        None
    )


@dataclass(frozen=True, kw_only=True)
class Traffic(Part):
    """Clients and their requests: at a rate whatever the answers are (open loop), or users who wait for them (closed loop)."""

    name: Annotated[Name, "Who asks, as expectations name them."]
    to: Annotated[str, "The Service, service/web, or a URL: http://shop.example/cart."]
    namespace: Annotated[
        NamespaceName, "The namespace of the Service, of the workload and of the Gateway."
    ] = "default"
    port: Annotated[
        Count | str | None, "Port of the Service, number or name; its only one when left out."
    ] = None
    from_: Annotated[
        str | None, "The pods that ask: deployment/cart. Left out: users outside the cluster."
    ] = None
    entry: Annotated[
        Literal["NodePort", "LoadBalancer", "Ingress", "Gateway"] | None,
        "How users come in; left out: at the edge of the cluster, which knows the Services at once.",
    ] = None
    gateway: Annotated[Name | None, "With `entry: Gateway`: the Gateway."] = None
    headers: Annotated[Mapping[str, str], "Headers of each request, for routes to match."] = field(
        default_factory=dict
    )
    rate: Annotated[Rate | None, "Open loop: 20/s, 600/m."] = None
    users: Annotated[Count | None, "Closed loop: how many users."] = None
    think: Annotated[Duration, "Closed loop: how long each waits after an answer."] = SECOND
    shape: Annotated[tuple[Level, ...], "The shape of the day."] = ()
    bursts: Annotated[tuple[Burst, ...], "Stretches of more, or less."] = ()
    timeout: Annotated[Duration, "A try without an answer for so long has failed."] = SECOND
    retries: Annotated[Retries | None, "Failed requests are tried again."] = None
    keep_alive: Annotated[
        KeepAlive | None, "Connections are kept open; left out: each try opens one of its own."
    ] = None
    objective: Annotated[
        Fraction | None, "Share of requests that have to be answered well: what is left is the error budget."
    ] = None
    each: Annotated[
        bool,
        "Play every request as an event of its own, for small runs; left out: they are counted as flows.",
    ] = False
    start: Annotated[Duration, "When the first request is sent."] = 0
    until: Annotated[Duration | None, "When the last one is sent; the scenario's end when left out."] = None
    cluster: Annotated[Name | None, "The Service's cluster; the first when left out."] = None

    @property
    def service(self) -> str:
        """The name of the Service; "" for a URL."""
        kind, slash, name = self.to.partition("/")
        return name if slash and kind in ("service", "services", "svc") and "/" not in name else ""

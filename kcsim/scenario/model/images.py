"""How images behave when their containers run, as a scenario writes it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from kcsim.engine.clock import SECOND
from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Count, Duration, Fraction, Quantity


@dataclass(frozen=True, kw_only=True)
class Window(Part):
    """A stretch of a container's life, counted from its start."""

    from_: Annotated[Duration, "When it begins."] = 0
    until: Annotated[Duration | None, "When it ends; left out: never."] = None


@dataclass(frozen=True, kw_only=True)
class ErrorWindow(Part):
    """A stretch of a container's life in which a share of requests is answered with an error."""

    fraction: Annotated[Fraction, "Share of requests that get a 5xx."] = 1.0
    from_: Annotated[Duration, "When it begins."] = 0
    until: Annotated[Duration | None, "When it ends; left out: never."] = None


@dataclass(frozen=True, kw_only=True)
class PullError(Part):
    """A pull that the registry answers with an error."""

    error: Annotated[str, "The registry's text."]


@dataclass(frozen=True, kw_only=True)
class Call(Part):
    """A request that a program makes of another while it answers one; when it fails, the answer is a 5xx."""

    to: Annotated[str, "The URL: http://cart, http://cart.shop:8080/items."]
    timeout: Annotated[Duration, "How long it waits for an answer."] = SECOND
    retries: Annotated[Count, "How often it tries again, at once."] = 0
    optional: Annotated[bool, "It answers well although the call failed."] = False
    share: Annotated[Fraction, "Share of its requests that need the call."] = 1.0


@dataclass(frozen=True, kw_only=True)
class Image(Part):
    """What an image does when its container runs: behaviour as data, read by `kcsim.cluster.images`."""

    name: Annotated[
        str, "As in `spec.containers[].image`, with its tag; `*` stands for every image not listed."
    ]
    digest: Annotated[str | None, "sha256:...; made from the name when left out."] = None
    size: Annotated[Quantity | None, "What a pull has to fetch."] = None
    built_before: Annotated[
        bool, "It is in the registry from the beginning, although a pipeline builds images of its name."
    ] = False
    pull: Annotated[
        Literal["found", "notFound", "error"] | PullError,
        "What the registry answers: found, notFound, error, {error: TEXT}.",
    ] = "found"
    starts_after: Annotated[
        Duration | None, "Added to the runtime's own time to create and start the container."
    ] = None
    ready_after: Annotated[Duration | None, "From container start until the program listens and answers."] = (
        None
    )
    crash_after: Annotated[
        Duration | None, "From container start until it exits with `exitCode`; left out: never."
    ] = None
    crashes: Annotated[Count | None, "Only the first so many containers of a pod crash; left out: each."] = (
        None
    )
    exit_code: Annotated[Count | None, "Exit code of a crash; 1 when left out."] = None
    exits_after: Annotated[
        Duration | None, "From container start until it has done its work and exits with 0."
    ] = None
    fails_readiness: Annotated[bool | Window, "Its readiness probe fails, always or for a while."] = False
    fails_liveness: Annotated[
        bool | Window, "Its liveness and startup probes fail, always or for a while."
    ] = False
    serves_errors: Annotated[bool | Fraction | ErrorWindow, "Share of requests it answers with a 5xx."] = (
        False
    )
    latency: Annotated[Duration | None, "Time to answer one request; 2ms when left out."] = None
    calls: Annotated[
        tuple[str | Call, ...],
        "Programs it asks, one after the other, before it answers: URLs, or whole calls.",
    ] = ()
    stops_after_sigterm: Annotated[Duration | None, "From SIGTERM until it exits."] = None
    ignores_sigterm: Annotated[bool, "It goes on until SIGKILL."] = False
    ports: Annotated[
        tuple[Count, ...], "Where it listens; the ports its container declares when left out."
    ] = ()
    memory: Annotated[Quantity | None, "Memory it uses at its start."] = None
    memory_growth: Annotated[Quantity | None, "Memory it leaks each second."] = None
    disk: Annotated[Quantity | None, "What it has on its node's disk at its start."] = None
    disk_growth: Annotated[Quantity | None, "What it writes to its node's disk each second."] = None
    cpu: Annotated[Quantity | None, "CPU it uses whether or not anybody asks it."] = None
    cpu_per_request: Annotated[Duration | None, "Time of a core that it spends on one request."] = None

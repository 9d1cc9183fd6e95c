"""Probes without ticking: when does the result of a probe change next?

A healthy container is probed every few seconds for days and nothing comes of it. What a probe finds depends on how the
container behaves, and that changes at known ages only, so the next probe that matters can be worked out.

**Imitates:** ``pkg/kubelet/prober/worker.go`` and ``prober.go`` (v1.36): initial results, consecutive counts,
thresholds, the initial delay, the hold after a failed liveness probe. Left out: the three immediate
retries inside one probe.

**Walk:** ``ProbeSpec`` from the container -> ``next_probe`` says when to look -> ``count`` what was found -> maybe the
result changed -> again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from kcsim.cluster.kubelet.shared import Shared
from kcsim.engine.clock import SECOND

LIVENESS = "Liveness"
READINESS = "Readiness"
STARTUP = "Startup"
FIELDS = {STARTUP: "startupProbe", LIVENESS: "livenessProbe", READINESS: "readinessProbe"}
"""Kind of probe -> field of the container, in the order the prober adds them."""


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """One probe of one container, with the API's defaults applied; durations in µs."""

    kind: str
    initial_delay: int = 0
    period: int = 10 * SECOND
    timeout: int = 1 * SECOND
    success_threshold: int = 1
    failure_threshold: int = 3
    action: str = "httpGet"
    port: int = 0
    path: str = ""
    scheme: str = "http"

    @property
    def initial(self) -> bool | None:
        """The result before the first probe: ready no, alive yes, started unknown."""
        return {READINESS: False, LIVENESS: True, STARTUP: None}[self.kind]


def probe_spec(kind: str, container: dict[str, Any]) -> ProbeSpec | None:
    """The container's probe of that kind, None when it has none."""
    probe = container.get(FIELDS[kind])
    if not probe:
        return None
    action = next((a for a in ("exec", "httpGet", "tcpSocket", "grpc") if a in probe), "exec")
    target = probe.get(action) or {}
    path = target.get("path") or "/"
    return ProbeSpec(
        kind=kind,
        initial_delay=(probe.get("initialDelaySeconds") or 0) * SECOND,
        period=(probe.get("periodSeconds") or 10) * SECOND,
        timeout=(probe.get("timeoutSeconds") or 1) * SECOND,
        success_threshold=probe.get("successThreshold") or 1,
        failure_threshold=probe.get("failureThreshold") or 3,
        action=action,
        port=resolve_port(target.get("port"), container),
        path=path if path.startswith("/") else f"/{path}",
        scheme=(target.get("scheme") or "HTTP").lower(),
    )


def _all_specs(container: dict[str, Any]) -> dict[str, ProbeSpec]:
    found = ((kind, probe_spec(kind, container)) for kind in FIELDS)
    return {kind: spec for kind, spec in found if spec is not None}


probe_specs = Shared(_all_specs)
"""All probes of a container, by kind. Not to be changed: containers of one template share the answer."""


def resolve_port(port: Any, container: dict[str, Any]) -> int:
    """A number, or the container port of that name; 0 when there is none of that name."""
    if isinstance(port, int):
        return port
    if isinstance(port, str) and port.isdigit():
        return int(port)
    for declared in container.get("ports") or ():
        if declared.get("name") == port:
            return int(declared["containerPort"])
    return 0


def _probed_ports(container: dict[str, Any]) -> tuple[int, ...]:
    return tuple(sorted({s.port for s in probe_specs(container).values() if s.port}))


probed_ports = Shared(_probed_ports)
"""The ports that a container's own probes ask for, sorted."""


class ProbeState(NamedTuple):
    """How far a probe has come.

    Attributes:
        result: what the rest of the kubelet goes by; None: not known yet.
        last: the outcome of the last probe.
        run: how many probes in a row had that outcome.
    """

    result: bool | None
    last: bool | None = None
    run: int = 0


def count(spec: ProbeSpec, state: ProbeState, outcome: bool) -> ProbeState:
    """The state after one more probe found ``outcome``."""
    run = state.run + 1 if state.last is outcome else 1
    threshold = spec.success_threshold if outcome else spec.failure_threshold
    result = outcome if run >= threshold else state.result
    return ProbeState(result, outcome, run)


def is_settled(state: ProbeState, outcome: bool) -> bool:
    """Whether further probes with this outcome change and report nothing: only success is silent."""
    return outcome and state.result is True


def first_tick(spec: ProbeSpec, phase: int, started_at: int, after: int) -> int:
    """The first instant later than ``after`` at which the probe runs (µs).

    The worker ticks at ``phase`` + k * period; ticks before the container's initial delay is over do nothing.
    """
    earliest = max(after + 1, started_at + spec.initial_delay)
    periods = -((phase - earliest) // spec.period)
    return phase + max(periods, 0) * spec.period


def next_probe(
    spec: ProbeSpec,
    state: ProbeState,
    *,
    phase: int,
    started_at: int,
    after: int,
    outcome_at: Callable[[int], bool],
    edges: tuple[int, ...],
) -> tuple[int, ProbeState] | None:
    """The next probe that changes or reports something, and the state just before it.

    Args:
        spec: the probe.
        state: after the probe at ``after``.
        phase: some instant at which the worker ticks.
        started_at: the container's start.
        after: the instant of the last probe, or now.
        outcome_at: what a probe at an instant would find.
        edges: the instants (sorted) at which that may change.

    Returns:
        None when all probes to come succeed and the result says so already.
    """
    tick = first_tick(spec, phase, started_at, after)
    while True:
        outcome = outcome_at(tick)
        if not is_settled(state, outcome):
            return tick, state
        # Success upon success until the behaviour changes: skip to the first tick not before that.
        state = ProbeState(state.result, True, max(state.run, spec.success_threshold))
        edge = next((e for e in edges if e > tick), None)
        if edge is None:
            return None
        tick = first_tick(spec, phase, started_at, edge - 1)


def failure_output(spec: ProbeSpec, ip: str, *, listening: bool, slow: bool) -> str:
    """What a failed probe reports (``pkg/probe/http``, ``tcp``, ``grpc``, ``exec``).

    Args:
        spec: the probe.
        ip: of the pod.
        listening: whether somebody accepted the connection.
        slow: whether the answer took longer than the timeout.
    """
    address = f"{ip}:{spec.port}"
    if spec.action == "httpGet":
        request = f'Get "{spec.scheme}://{address}{spec.path}"'
        if not listening:
            return f"{request}: dial tcp {address}: connect: connection refused"
        if slow:
            return f"{request}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return "HTTP probe failed with statuscode: 500"
    if spec.action == "tcpSocket":
        return f"dial tcp {address}: connect: connection refused"
    if spec.action == "grpc":
        if not listening:
            within = spec.timeout // SECOND
            return (
                f'timeout: failed to connect service "{address}" within {within}s: context deadline exceeded'
            )
        return 'service unhealthy (responded with "NOT_SERVING")'
    return "command timed out" if slow else ""

"""Runs the probes of one container, waking only for those that change or report something.

**Imitates:** ``pkg/kubelet/prober/worker.go`` and ``prober_manager.go`` (v1.36); the arithmetic is in ``probes``.

**Walk:** container started -> ``begin`` -> startup probe, if there is one -> liveness and readiness -> ``on_result``
whenever a result changes, ``on_failure`` for each failed probe.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.cluster.kubelet.probes import (
    LIVENESS,
    READINESS,
    STARTUP,
    ProbeSpec,
    ProbeState,
    count,
    failure_output,
    first_tick,
    is_settled,
    next_probe,
    probe_specs,
)
from kcsim.cluster.kubelet.runtime import Container
from kcsim.engine.core import Engine, Timer
from kcsim.engine.trace import Record

OnResult = Callable[["Prober", str, bool], None]
OnFailure = Callable[["Prober", str, str], None]


class Prober:
    """The probes of one container of one pod, over all its attempts.

    Attributes:
        name: of the container.
        container: the attempt being probed.
    """

    __slots__ = (
        "_engine",
        "_on_failure",
        "_on_result",
        "_origin",
        "_phase",
        "_specs",
        "_states",
        "_timers",
        "container",
        "name",
    )

    def __init__(
        self, engine: Engine, spec: dict[str, Any], phase: int, *, on_result: OnResult, on_failure: OnFailure
    ) -> None:
        self.name: str = spec["name"]
        self.container: Container | None = None
        self._engine = engine
        self._phase = phase
        self._on_result = on_result
        self._on_failure = on_failure
        self._specs: dict[str, ProbeSpec] = probe_specs(spec)
        self._states: dict[str, ProbeState] = {}
        self._timers: dict[str, Timer] = {}
        self._origin: Record | None = None
        """Why probes may turn out differently: the container's start, or a change of how it behaves."""

    def has(self, kind: str) -> bool:
        """Whether the container has a probe of that kind."""
        return kind in self._specs

    def begin(self, container: Container) -> None:
        """A new attempt started: results are back at their initial values."""
        self.stop()
        self.container = container
        self._origin = self._engine.cause
        self._states = {kind: ProbeState(spec.initial) for kind, spec in self._specs.items()}
        if STARTUP in self._specs:
            self._arm(STARTUP)
        else:
            self._arm(LIVENESS)
            self._arm(READINESS)

    def resume(self, *, ready: bool, started: bool) -> None:
        """The kubelet is new but the container is not: go on from what was known of it."""
        if started and STARTUP in self._states:
            self._states[STARTUP] = ProbeState(True)
            self.stop(STARTUP)
        if READINESS in self._states:
            self._states[READINESS] = ProbeState(ready)
        self.recheck()

    def stop(self, *kinds: str) -> None:
        """No more probes of these kinds (all, when none is named)."""
        for kind in kinds or tuple(self._timers):
            timer = self._timers.pop(kind, None)
            if timer is not None:
                timer.cancel()

    def trigger(self) -> None:
        """A status was made while the container is not ready: its readiness is probed at once.

        Upstream: prober_manager.go, UpdatePodStatus and its manualTriggerCh.
        """
        container = self.container
        spec = self._specs.get(READINESS)
        if spec is None or container is None or not container.running or READINESS not in self._timers:
            return
        if self._engine.now - container.started_at >= spec.initial_delay:
            self._timers.pop(READINESS).cancel()
            self._probe(READINESS)

    def recheck(self) -> None:
        """The container behaves differently from now on: work the next probes out anew."""
        self._origin = self._engine.cause
        for kind in tuple(self._states):
            holds = self._states[kind].result is False and kind != READINESS
            started = kind == STARTUP or not self.has(STARTUP) or self._states[STARTUP].result is True
            if started and not holds and not (kind == STARTUP and self._states[kind].result is True):
                self.stop(kind)
                self._arm(kind)

    def _arm(self, kind: str) -> None:
        spec = self._specs.get(kind)
        container = self.container
        if spec is None or container is None or not container.running:
            return
        engine, state, edges = self._engine, self._states[kind], container.edges
        when = first_tick(spec, self._phase, container.started_at, engine.now)
        if is_settled(state, container.answers_probe(spec, when)):
            if not edges or edges[-1] <= when:
                return
            found = next_probe(
                spec,
                state,
                phase=self._phase,
                started_at=container.started_at,
                after=engine.now,
                outcome_at=lambda when: container.answers_probe(spec, when),
                edges=edges,
            )
            if found is None:
                return
            when, self._states[kind] = found
        cause, engine.cause = engine.cause, self._origin
        self._timers[kind] = engine.tick_on(when - engine.now, f"{kind} probe", self._probe, kind)
        engine.cause = cause

    def _probe(self, kind: str) -> None:
        self._timers.pop(kind, None)
        container = self.container
        if container is None or not container.running:
            return
        spec = self._specs[kind]
        before = self._states[kind]
        now = self._engine.now
        outcome = container.answers_probe(spec, now)
        after = self._states[kind] = count(spec, before, outcome)
        if not outcome:
            listening = spec.action == "exec" or container.listens(spec.port, now)
            slow = container.behaviour.latency > spec.timeout
            text = failure_output(spec, container.sandbox.ips[0], listening=listening, slow=slow)
            self._on_failure(self, kind, text)
        if after.result is not before.result and after.result is not None:
            self._on_result(self, kind, after.result)
            if self.container is not container or kind not in self._states:
                return
        if kind == STARTUP and after.result is True:
            self._arm(LIVENESS)
            self._arm(READINESS)
        elif kind == READINESS or after.result is not False:
            # A failed liveness or startup probe holds until the container was replaced.
            self._arm(kind)

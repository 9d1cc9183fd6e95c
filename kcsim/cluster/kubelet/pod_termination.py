"""The end of a pod: stop its containers in order, say how it ended, clean up, let the object go.

**Imitates:** ``pkg/kubelet/kubelet.go`` (``SyncTerminatingPod``, ``SyncTerminatedPod``) and ``pod_workers.go``, v1.36.

**Walk:** ``requested`` -> main containers are stopped together, then sidecars one by one from the last -> the sandbox
and its address go -> the final status -> clean-up -> the object may be deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.cluster.kubelet import messages
from kcsim.cluster.kubelet.messages import NORMAL
from kcsim.cluster.kubelet.probes import LIVENESS, STARTUP
from kcsim.cluster.kubelet.restart_policy import is_restartable_init_container
from kcsim.cluster.kubelet.runtime import Container
from kcsim.cluster.kubelet.termination import (
    FINISHED,
    TERMINATED,
    TERMINATING,
    advance,
    effective_grace_period,
    pre_stop_duration,
    termination_plan,
)
from kcsim.engine.clock import SECOND

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.pod_worker import PodWorker


class PodTermination:
    """How far one pod's end has come."""

    def __init__(self, worker: PodWorker) -> None:
        self._worker = worker
        self._grace_s = 0
        self._grace_end = 0
        self._sidecars: list[dict[str, Any]] = []
        self._stopping = ""

    def requested(self, stimulus: str, override_s: int | None = None) -> None:
        """Somebody, or the pod itself, wants it to end. A later request can only shorten the grace period."""
        worker = self._worker
        if worker.state is FINISHED:
            self._release()
            return
        if worker.state is TERMINATING:
            self._shorten(override_s)
            return
        state = advance(worker.state, stimulus)
        if state == worker.state:
            return
        worker.state = state
        worker.epoch += 1
        for prober in worker.probers.values():
            prober.stop(LIVENESS, STARTUP)
        if not worker.gone:
            worker.report()
        self._grace_s = effective_grace_period(worker.pod, 0, override_s)
        self._grace_end = worker.kubelet.engine.now + self._grace_s * SECOND
        specs = worker.container_specs()
        init = worker.pod["spec"].get("initContainers") or ()
        self._sidecars = [s for s in init if is_restartable_init_container(s)]
        for spec in specs:
            if spec not in self._sidecars:
                self._stop(spec)
        self._continue()

    def exited(self, container: Container) -> None:
        """One of the pod's containers is gone."""
        del container
        if self._worker.state is TERMINATING:
            self._continue()

    def _running(self, spec: dict[str, Any]) -> Container | None:
        container = self._worker.container(spec["name"])
        return container if container is not None and container.running else None

    def _stop(self, spec: dict[str, Any]) -> None:
        worker = self._worker
        container = self._running(spec)
        if container is None:
            return
        worker.event(NORMAL, "Killing", messages.stopping(spec["name"]))
        kubelet = worker.kubelet
        plan = termination_plan(
            max(self._grace_end - kubelet.engine.now, 0),
            pre_stop_duration(spec, kubelet.timings.exec_hook),
            container.behaviour.stops_after_sigterm,
            ignores_sigterm=container.behaviour.ignores_sigterm,
        )
        kubelet.runtime.stop_container(container, plan)

    def _shorten(self, override_s: int | None) -> None:
        worker = self._worker
        grace = effective_grace_period(worker.pod, self._grace_s, override_s)
        if grace >= self._grace_s:
            return
        self._grace_s = grace
        self._grace_end = min(self._grace_end, worker.kubelet.engine.now + grace * SECOND)
        for spec in worker.container_specs():
            container = self._running(spec)
            if container is not None and spec not in self._sidecars:
                # SIGTERM is out already, what changes is when SIGKILL follows.
                left = max(self._grace_end - worker.kubelet.engine.now, 0)
                worker.kubelet.runtime.stop_container(
                    container, termination_plan(left, 0, left, ignores_sigterm=True)
                )

    def _continue(self) -> None:
        """Whoever is next to be stopped; when nobody runs any more, the end."""
        worker = self._worker
        running = [spec for spec in worker.container_specs() if self._running(spec) is not None]
        if any(spec not in self._sidecars for spec in running):
            return
        while self._sidecars:
            spec = self._sidecars[-1]
            if self._running(spec) is not None:
                if self._stopping != spec["name"]:
                    self._stopping = spec["name"]
                    self._stop(spec)
                return
            self._sidecars.pop()
        self._stopped()

    def _stopped(self) -> None:
        worker = self._worker
        kubelet = worker.kubelet
        worker.state = advance(worker.state, "containers stopped")
        for prober in worker.probers.values():
            prober.stop()
        sandbox = worker.sandbox
        if sandbox is not None:
            kubelet.runtime.stop_sandbox(worker.uid)
            kubelet.release(worker.pod, sandbox.ips)
        worker.after(worker.dice.draw(kubelet.timings.terminated_status), self._final_status)

    def _final_status(self) -> None:
        worker = self._worker
        assert worker.state == TERMINATED
        # Before anybody can hear of it: the scheduler gives the room away as soon as it sees the phase.
        worker.kubelet.free_requests(worker)
        if not worker.gone:
            worker.report(terminal=True)
        worker.after(worker.dice.draw(worker.kubelet.timings.teardown), self._cleaned_up)

    def _cleaned_up(self) -> None:
        worker = self._worker
        worker.state = advance(worker.state, "cleaned up")
        worker.kubelet.finished(worker)
        self._release()

    def _release(self) -> None:
        """Everything is cleaned up: the object may go, if anybody wanted that."""
        worker = self._worker
        if not worker.gone and objects.is_deleting(worker.pod):
            worker.deletable = True
            worker.kubelet.statuses.enqueue(worker)

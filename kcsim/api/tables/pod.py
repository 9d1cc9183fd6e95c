"""Pods: the STATUS that everybody reads, READY and RESTARTS.

**Imitates:** ``printPod`` (pkg/printers/internalversion/printers.go, v1.36); kubernetes-api reference, section 19.1.

**Walk:** phase and reason -> init containers, up to the first that is not done -> containers, last to first, so that
the first one's reason wins -> deletion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.tables.cells import NONE, Kind, View, age, columns, name, since, spec, status

POD_COLUMNS = columns("Name Ready Status Restarts Age | IP Node Nominated_Node Readiness_Gates")
_ENDED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


@dataclass(slots=True)
class Restarts:
    """How often containers were restarted, and when the last of them ended (RFC 3339)."""

    count: int = 0
    last: str = ""

    def add(self, container: Object) -> None:
        """Count one container's."""
        self.count += container.get("restartCount", 0)
        ended = ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""
        self.last = max(self.last, ended)

    def text(self, view: View) -> str:
        """The cell: ``3``, or ``3 (5m ago)``."""
        if self.count and self.last:
            return f"{self.count} ({since(self.last, view)} ago)"
        return str(self.count)


def ended(terminated: Object) -> str:
    """Why a container ended, when it gives no reason: its signal or exit code."""
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _sidecars(pod: Object) -> set[str]:
    return {
        c.get("name", "") for c in spec(pod).get("initContainers") or () if c.get("restartPolicy") == "Always"
    }


def pod_summary(pod: Object) -> tuple[int, int, str, Restarts]:
    """Ready containers, all containers, the status word, and restarts."""
    state = status(pod)
    phase = state.get("phase", "")
    reason = state.get("reason") or phase
    scheduled = objects.condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    sidecars = _sidecars(pod)
    total = len(spec(pod).get("containers") or ()) + len(sidecars)
    ready, waits_for, restarts, sidecar_restarts = _init(pod, sidecars)
    if not waits_for or objects.condition_is(pod, "Initialized"):
        more, own, failure, running = _main(state.get("containerStatuses") or [], sidecar_restarts)
        ready, restarts = ready + more, sidecar_restarts
        reason = own or waits_for or reason
        if reason == "Completed":
            if running and objects.condition_is(pod, "Ready"):
                reason = "Running"
            else:
                reason = failure or ("NotReady" if running else reason)
    else:
        reason = waits_for
    if pod.get("metadata", {}).get("deletionTimestamp"):
        if state.get("reason") == "NodeLost":
            reason = "Unknown"
        elif phase not in {"Succeeded", "Failed"}:
            reason = "Terminating"
    return ready, total, reason, restarts


def _init(pod: Object, sidecars: set[str]) -> tuple[int, str, Restarts, Restarts]:
    """Ready sidecars, what initialisation waits for (or ""), restarts of all and of the sidecars."""
    everything, of_sidecars, ready = Restarts(), Restarts(), 0
    for place, container in enumerate(status(pod).get("initContainerStatuses") or ()):
        everything.add(container)
        sidecar = container.get("name", "") in sidecars
        if sidecar:
            of_sidecars.add(container)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), (state.get("waiting") or {}).get("reason", "")
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            return ready, f"Init:{terminated.get('reason') or ended(terminated)}", everything, of_sidecars
        if waiting and waiting != "PodInitializing":
            return ready, f"Init:{waiting}", everything, of_sidecars
        whole = len(spec(pod).get("initContainers") or ())
        return ready, f"Init:{place}/{whole}", everything, of_sidecars
    return ready, "", everything, of_sidecars


def _main(containers: list[Object], restarts: Restarts) -> tuple[int, str, str, bool]:
    """Ready containers, the reason that wins and why one failed (each or ""), whether any is running."""
    ready, reason, failure, running = 0, "", "", False
    for container in reversed(containers):
        restarts.add(container)
        state = container.get("state") or {}
        waiting, terminated = (state.get("waiting") or {}).get("reason"), state.get("terminated")
        if waiting:
            reason = waiting
        elif terminated is not None:
            reason = terminated.get("reason") or ended(terminated)
            failure = reason if terminated.get("exitCode", 0) else failure
        elif container.get("ready") and state.get("running") is not None:
            running = True
            ready += 1
    return ready, reason, failure, running


def pod_cells(pod: Object, view: View) -> list[Any]:
    """The row of a pod."""
    ready, total, reason, restarts = pod_summary(pod)
    state = status(pod)
    ips = state.get("podIPs") or []
    gates = spec(pod).get("readinessGates") or []
    passed = sum(objects.condition_is(pod, gate["conditionType"]) for gate in gates)
    return [
        name(pod),
        f"{ready}/{total}",
        reason,
        restarts.text(view),
        age(pod, view),
        (ips[0].get("ip") if ips else "") or NONE,
        spec(pod).get("nodeName") or NONE,
        state.get("nominatedNodeName") or NONE,
        f"{passed}/{len(gates)}" if gates else NONE,
    ]


def pod_conditions(pod: Object) -> list[Object]:
    """Conditions of the row: that a pod has ended (printers grey it out)."""
    phase = status(pod).get("phase", "")
    if phase not in _ENDED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDED[phase]}]


POD = Kind(POD_COLUMNS, pod_cells, pod_conditions)

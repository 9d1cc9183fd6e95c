"""How a container ends: preStop hook, SIGTERM, SIGKILL, and in which order the containers of a pod do.

**Imitates:** ``pkg/kubelet/kuberuntime/kuberuntime_container.go`` (``killContainer``), ``kuberuntime_termination_order.go``
and ``pkg/kubelet/pod_workers.go`` (``calculateEffectiveGracePeriod``), v1.36. Left out: ``lifecycle.stopSignal``,
``httpGet`` preStop hooks run as long as the image's latency.

**Walk:** ``effective_grace_period`` -> per container ``termination_plan`` (when SIGTERM, when gone, with which code) ->
main containers at once, then sidecars in reverse order with what is left of the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.cluster.kubelet.lifecycle_hooks import run_of_hook
from kcsim.profile.constants import DEFAULT

MINIMUM_AFTER_PRE_STOP = DEFAULT.us("kubelet/minimum-grace-period-after-prestop")
"""SIGTERM gets at least this long, even when the preStop hook used up everything."""
SIGTERM_EXIT = 143
SIGKILL_EXIT = 137


@dataclass(frozen=True, slots=True)
class TerminationPlan:
    """What happens to one container; offsets in µs from now.

    Attributes:
        sigterm_after: when SIGTERM is sent: after the preStop hook, or when the grace period ends it.
        exit_after: when the container is gone.
        exit_code: 137 when it had to be killed.
        pre_stop_cut: whether the hook was cut off by the grace period.
    """

    sigterm_after: int
    exit_after: int
    exit_code: int
    pre_stop_cut: bool = False


def effective_grace_period(pod: dict[str, Any], current_s: int = 0, override_s: int | None = None) -> int:
    """The grace period in seconds: it can only shrink, and is never below 1.

    Args:
        pod: with ``metadata.deletionGracePeriodSeconds`` when deleted through the API.
        current_s: what an earlier request gave, 0 for none.
        override_s: what the kubelet itself asks for (eviction).
    """
    grace = current_s
    wanted = pod["metadata"].get("deletionGracePeriodSeconds")
    for value in (wanted, override_s):
        if value is not None and (grace == 0 or value < grace):
            grace = value
    if grace == 0:
        grace = pod["spec"].get("terminationGracePeriodSeconds") or 0
    return max(grace, 1)


def pre_stop_duration(container: dict[str, Any], exec_us: int) -> int:
    """How long the container's preStop hook takes (µs), 0 without one.

    ``sleep`` is exact; for ``exec`` the command ``sleep N`` is understood, anything else takes ``exec_us``.
    """
    hook = run_of_hook(container, "preStop", exec_us, listens=lambda _port: True)
    return hook.takes if hook is not None else 0


def termination_plan(
    grace: int, pre_stop: int, stops_after: int, *, ignores_sigterm: bool
) -> TerminationPlan:
    """One container's end, all in µs.

    Args:
        grace: the whole budget.
        pre_stop: how long the hook would run, 0 for none.
        stops_after: how long the program takes after SIGTERM.
        ignores_sigterm: whether it takes no notice.
    """
    sigterm = min(pre_stop, grace)
    left = max(grace - sigterm, MINIMUM_AFTER_PRE_STOP)
    if ignores_sigterm or stops_after > left:
        return TerminationPlan(sigterm, sigterm + left, SIGKILL_EXIT, pre_stop > grace)
    return TerminationPlan(sigterm, sigterm + stops_after, SIGTERM_EXIT, pre_stop > grace)


# (state, stimulus) -> state of a pod worker (pkg/kubelet/pod_workers.go: PodWorkerState).
SYNC = "SyncPod"
TERMINATING = "TerminatingPod"
TERMINATED = "TerminatedPod"
FINISHED = "Finished"

WORKER_STATES: dict[tuple[str, str], str] = {
    (SYNC, "deletion requested"): TERMINATING,
    (SYNC, "object gone"): TERMINATING,
    (SYNC, "pod terminal"): TERMINATING,
    (SYNC, "evicted"): TERMINATING,
    (TERMINATING, "containers stopped"): TERMINATED,
    (TERMINATED, "cleaned up"): FINISHED,
}


def advance(state: str, stimulus: str) -> str:
    """The worker's state after the stimulus; a stimulus that means nothing there changes nothing."""
    return WORKER_STATES.get((state, stimulus), state)

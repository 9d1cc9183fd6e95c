"""Health of kinds for which Argo CD ships a Lua check of some size.  Decides; never acts.

**Imitates:** argo-cd resource_customizations/{batch/CronJob,apiextensions.k8s.io/CustomResourceDefinition,
policy/PodDisruptionBudget,argoproj.io/*,flagger.app/Canary,keda.sh/ScaledObject,gateway.networking.k8s.io/Gateway,
snapshot.storage.k8s.io/VolumeSnapshot}/health.lua.

**Walk:** `check.assess` -> the function of the kind in `CHECKS` -> `Health`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health.status import (
    DEGRADED,
    HEALTHY,
    PROGRESSING,
    SUSPENDED,
    UNKNOWN,
    Health,
    number,
)
from kcsim.delivery.gitops.argocd.resources import (
    annotations_of,
    metadata_of,
)

Condition = Mapping[str, Any]


def cron_job(obj: Object) -> Health:
    """A CronJob: Degraded only when its last run is over and was not its last success."""
    spec, status = obj.get("spec") or {}, obj.get("status")
    if spec.get("suspend") is True:
        return Health(HEALTHY, "CronJob is Suspended")
    if status is None:
        return Health(PROGRESSING, "Waiting for CronJob")
    scheduled, succeeded = status.get("lastScheduleTime"), status.get("lastSuccessfulTime")
    if scheduled is None:
        return Health(HEALTHY, "CronJob has not been scheduled yet")
    if succeeded is None:
        return Health(HEALTHY, "The CronJob never completed successfully. It may not be healthy")
    if status.get("active"):
        return Health(HEALTHY, "The job is running. Its last execution may not have been successful")
    if succeeded < scheduled:
        return Health(DEGRADED, "CronJob has not completed its last execution successfully")
    return Health(HEALTHY, "CronJob has completed its last execution successfully")


def definition(obj: Object) -> Health:
    """A CustomResourceDefinition by its conditions."""
    if metadata_of(obj).get("deletionTimestamp"):
        return Health(PROGRESSING, "CRD is terminating")
    found = _conditions(obj)
    if not found:
        return Health(PROGRESSING, "Status conditions not found")
    established = False
    for condition in found:
        message = condition.get("message", "")
        match condition.get("type"), condition.get("status"):
            case "Terminating", "True":
                return Health(PROGRESSING, f"CRD is terminating: {message}")
            case "NamesAccepted", "False":
                return Health(DEGRADED, f"CRD names have not been accepted: {message}")
            case "NonStructuralSchema", "True":
                return Health(DEGRADED, f"Schema violations found: {message}")
            case "Established", "True":
                established = True
            case "Established", _ if condition.get("reason") == "Installing":
                return Health(PROGRESSING, "CRD is being installed")
            case _:
                continue
    return Health(HEALTHY, "CRD is healthy") if established else Health(DEGRADED, "CRD is not established")


def disruption_budget(obj: Object) -> Health:
    """A PodDisruptionBudget: too few pods is no fault of it, anything else that is False is."""
    health = Health(PROGRESSING, "Waiting for status")
    for condition in _conditions(obj):
        reason = condition.get("reason", "")
        if condition.get("status") == "False" and reason != "InsufficientPods":
            return Health(DEGRADED, f"PodDisruptionBudget has {reason}")
        health = Health(HEALTHY, f"PodDisruptionBudget has {reason}")
    return health


def application_set(obj: Object) -> Health:
    """An ApplicationSet by its conditions, the worst first."""
    order = (
        ("ErrorOccurred", "True", DEGRADED),
        ("ResourcesUpToDate", "False", DEGRADED),
        ("RolloutProgressing", "True", PROGRESSING),
        ("ResourcesUpToDate", "True", HEALTHY),
    )
    for kind, status, health in order:
        for condition in _conditions(obj):
            if condition.get("type") == kind and condition.get("status") == status:
                return Health(health, condition.get("message", ""))
    return Health(PROGRESSING, "Waiting for the status to be reported")


def application(obj: Object) -> Health:
    """The check of Applications that was removed in 1.8 and that the documentation tells how to restore.

    It is not built in: it has to be configured, as in Argo CD (docs/operator-manual/health.md).
    """
    health = (obj.get("status") or {}).get("health")
    if health is None:
        return Health(PROGRESSING)
    return Health(health.get("status", ""), health.get("message", ""))


def rollout(obj: Object) -> Health:
    """A Rollout by the phase that its controller reports, or, before version 1.0, by what can be read off it."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if not _rollout_observed(obj):
        return Health(PROGRESSING, "Waiting for rollout spec update to be observed")
    if (phase := status.get("phase")) is not None:
        return Health(SUSPENDED if phase == "Paused" else phase, status.get("message", ""))
    for condition in _conditions(obj):
        aborted = condition.get("reason") in ("RolloutAborted", "ProgressDeadlineExceeded")
        if condition.get("type") == "InvalidSpec" or (condition.get("type") == "Progressing" and aborted):
            return Health(DEGRADED, condition.get("message", ""))
    if status.get("pauseConditions") or spec.get("paused"):
        return Health(SUSPENDED, "Rollout is paused")
    current = status.get("currentPodHash")
    if current is None:
        return Health(PROGRESSING, "Waiting for rollout to finish: status has not been reconciled.")
    return _rollout_replicas(spec, status) or _rollout_strategy(spec, status, current) or Health(HEALTHY)


def _rollout_observed(obj: Object) -> bool:
    status = obj.get("status")
    if status is None:
        return False
    generation, observed = metadata_of(obj).get("generation"), _to_number(status.get("observedGeneration"))
    # A larger one is the hash that versions before 0.10 kept there.
    if observed is not None and generation is not None and observed < generation:
        return False
    if (obj.get("spec") or {}).get("workloadRef") is None or not metadata_of(obj).get("annotations"):
        return True
    workload = annotations_of(obj).get("rollout.argoproj.io/workload-generation")
    return _to_number(workload) == _to_number(status.get("workloadObservedGeneration"))


def _rollout_replicas(spec: Condition, status: Condition) -> Health | None:
    wanted, updated = spec.get("replicas"), number(status, "updatedReplicas")
    waiting = "Waiting for roll out to finish: "
    if updated < (1 if wanted is None else wanted):
        return Health(PROGRESSING, f"{waiting}More replicas need to be updated")
    if number(status, "availableReplicas") < updated:
        return Health(PROGRESSING, f"{waiting}updated replicas are still becoming available")
    return None


def _rollout_strategy(spec: Condition, status: Condition, current: str) -> Health | None:
    stable = status.get("stableRS")
    if stable is None:
        stable = (status.get("canary") or {}).get("stableRS") or ""
    strategy = spec.get("strategy") or {}
    if strategy.get("blueGreen") is not None:
        if (status.get("blueGreen") or {}).get("activeSelector") != current:
            return Health(PROGRESSING, "active service cutover pending")
        if stable not in ("", current):
            return Health(PROGRESSING, "waiting for analysis to complete")
    elif strategy.get("canary") is not None:
        if number(status, "replicas") > number(status, "updatedReplicas"):
            text = "Waiting for roll out to finish: old replicas are pending termination"
            return Health(PROGRESSING, text)
        if stable != current:
            return Health(PROGRESSING, "Waiting for rollout to finish steps")
    return None


def analysis_run(obj: Object) -> Health:
    """An AnalysisRun by its phase."""
    phases = {
        "Pending": (PROGRESSING, None, "Analysis run is running"),
        "Running": (PROGRESSING, None, "Analysis run is running"),
        "Successful": (HEALTHY, "message", "Analysis run completed successfully"),
        "Failed": (DEGRADED, "message", "Analysis run failed"),
        "Error": (DEGRADED, "message", "Analysis run had an error"),
        "Inconclusive": (UNKNOWN, "message", "Analysis run was inconclusive"),
    }
    text = "Waiting for analysis run to finish: status has not been reconciled."
    return _by_phase(obj, phases, text)


def experiment(obj: Object) -> Health:
    """An Experiment by its phase."""
    phases = {
        "Pending": (PROGRESSING, None, "Experiment is pending"),
        "Running": (PROGRESSING, None, "Experiment is running"),
        "Successful": (HEALTHY, None, "Experiment is successful"),
        "Failed": (DEGRADED, None, "Experiment has failed"),
        "Error": (DEGRADED, None, "Experiment had an error"),
    }
    text = "Waiting for experiment to finish: status has not been reconciled."
    return _by_phase(obj, phases, text)


def canary(obj: Object) -> Health:
    """A Flagger Canary by its phase, with its weight and conditions as the message."""
    status = obj.get("status")
    if status is None:
        return Health(UNKNOWN, "No status")
    phase, weight = status.get("phase", ""), _to_number(status.get("canaryWeight")) or 0
    parts = [f"Canary Weight: {status['canaryWeight']} %"] if weight > 0 else []
    parts += [c.get("message", "") for c in _conditions(obj)]
    states = {
        "Failed": DEGRADED,
        "Progressing": PROGRESSING,
        "Finalising": PROGRESSING,
        "Promoting": PROGRESSING,
        "Succeeded": HEALTHY,
        "Initialized": HEALTHY,
    }
    return Health(states.get(phase, UNKNOWN), f"{phase} --- {' --- '.join(parts)}")


def scaled_object(obj: Object) -> Health:
    """A KEDA ScaledObject by its conditions; the message is that of the last one that counts."""
    told = {
        ("Ready", "False"): DEGRADED,
        ("Ready", "True"): HEALTHY,
        ("Paused", "True"): SUSPENDED,
        ("Fallback", "True"): DEGRADED,
    }
    states, message = set(), ""
    for condition in _conditions(obj):
        state = told.get((condition.get("type", ""), condition.get("status", "")))
        if state is not None:
            states.add(state)
            message = condition.get("message", "")
    if DEGRADED in states:
        return Health(DEGRADED, message)
    if HEALTHY in states:
        return Health(SUSPENDED if SUSPENDED in states else HEALTHY, message)
    return Health(PROGRESSING, "Creating HorizontalPodAutoscaler Object")


def gateway(obj: Object) -> Health:
    """A Gateway by its own conditions, then by those of its listeners."""
    status = obj.get("status") or {}
    parts = [("", "Gateway", status.get("conditions"))]
    parts += [("Listener: ", "Listener", part.get("conditions")) for part in status.get("listeners") or ()]
    for prefix, noun, found in parts:
        if found is None:
            continue
        for kind in ("ResolvedRefs", "Accepted"):
            if (refused := _first(found, kind, lambda s: s == "False")) is not None:
                return Health(DEGRADED, prefix + refused.get("message", f"Failed condition: {kind}"))
        if (pending := _first(found, "Programmed", lambda s: s != "True")) is not None:
            text = pending.get("message", f"{noun} is still being programmed")
            return Health(PROGRESSING, prefix + text)
    if status.get("conditions") is not None or status.get("listeners"):
        return Health(HEALTHY, "Gateway is healthy")
    return Health(PROGRESSING, "Waiting for Gateway status")


def volume_snapshot(obj: Object) -> Health:
    """A VolumeSnapshot, or its content, by `readyToUse`."""
    status = obj.get("status") or {}
    if status.get("readyToUse"):
        return Health(HEALTHY, "Ready to use")
    if (error := status.get("error")) is not None:
        return Health(DEGRADED, error.get("message", ""))
    return Health(PROGRESSING, "Waiting for status")


CHECKS: Mapping[str, Callable[[Object], Health]] = {
    "batch/CronJob": cron_job,
    "apiextensions.k8s.io/CustomResourceDefinition": definition,
    "policy/PodDisruptionBudget": disruption_budget,
    "argoproj.io/ApplicationSet": application_set,
    "argoproj.io/Rollout": rollout,
    "argoproj.io/AnalysisRun": analysis_run,
    "argoproj.io/Experiment": experiment,
    "flagger.app/Canary": canary,
    "keda.sh/ScaledObject": scaled_object,
    "gateway.networking.k8s.io/Gateway": gateway,
    "snapshot.storage.k8s.io/VolumeSnapshot": volume_snapshot,
}
"""`group/Kind` -> its check."""


def _by_phase(obj: Object, phases: Mapping[str, tuple[str, str | None, str]], waiting: str) -> Health:
    status = obj.get("status")
    if status is None:
        return Health(PROGRESSING, waiting)
    health, field, default = phases.get(status.get("phase", ""), (UNKNOWN, None, ""))
    return Health(health, str(status.get(field, default)) if field else default)


def _conditions(obj: Object) -> Sequence[Condition]:
    return (obj.get("status") or {}).get("conditions") or ()


def _first(found: Iterable[Condition], kind: str, state: Callable[[str], bool]) -> Condition | None:
    return next((c for c in found if c.get("type") == kind and state(c.get("status", ""))), None)


def _to_number(value: object) -> float | None:
    # As Lua's tonumber: what is no number is nil.
    try:
        return float(str(value)) if value is not None else None
    except ValueError:
        return None

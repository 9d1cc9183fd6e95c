"""Is the rollout getting anywhere?  The Progressing condition and when to look again.  Decides; never acts.

**Imitates:** ``pkg/controller/deployment/progress.go`` (v1.36) and ``DeploymentTimedOut`` of
``util/deployment_util.go``.
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.deployment.status import (
    PROGRESSING,
    REPLICA_FAILURE,
    Condition,
    calculate_status,
    deployment_complete,
    deployment_progressing,
    get_condition,
    new_condition,
    remove_condition,
    set_condition,
)
from kcsim.engine.clock import SECOND, parse_rfc3339

Object = dict[str, Any]
Status = dict[str, Any]

NEW_REPLICA_SET = "NewReplicaSetCreated"
FOUND_NEW_REPLICA_SET = "FoundNewReplicaSet"
NEW_REPLICA_SET_AVAILABLE = "NewReplicaSetAvailable"
REPLICA_SET_UPDATED = "ReplicaSetUpdated"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
FAILED_CREATE = "ReplicaSetCreateError"

_INT32_MAX = 2**31 - 1


def has_progress_deadline(deployment: Object) -> bool:
    """Whether progress is watched at all: a deadline of the largest int32 means none."""
    deadline = deployment["spec"].get("progressDeadlineSeconds")
    return deadline is not None and deadline != _INT32_MAX


def deployment_timed_out(deployment: Object, status: Status, now: int) -> bool:
    """Whether the last progress in ``status`` is longer ago than the deadline. A completed rollout never times out."""
    condition = get_condition(status, PROGRESSING)
    if not has_progress_deadline(deployment) or condition is None:
        return False
    reason = condition.get("reason", "")
    if reason == NEW_REPLICA_SET_AVAILABLE:
        return False
    if reason == TIMED_OUT:
        return True
    return _deadline(deployment, condition) < now


def _deadline(deployment: Object, condition: Condition) -> int:
    last = parse_rfc3339(condition["lastUpdateTime"])
    return last + int(deployment["spec"]["progressDeadlineSeconds"]) * SECOND


def rollout_status(deployment: Object, all_sets: list[Object | None], new: Object | None, now: int) -> Status:
    """The status during a rollout, with Progressing and ReplicaFailure (syncRolloutStatus)."""
    status = calculate_status(deployment, all_sets, new, now)
    conditions = status["conditions"]
    if not has_progress_deadline(deployment):
        conditions = remove_condition(conditions, PROGRESSING)
    else:
        conditions = _progress(deployment, status, new, now)
    failure = _replica_failure(all_sets, new)
    if failure is not None:
        conditions = set_condition(conditions, failure)
    else:
        conditions = remove_condition(conditions, REPLICA_FAILURE)
    return {**status, "conditions": conditions}


def _progress(deployment: Object, status: Status, new: Object | None, now: int) -> list[Condition]:
    conditions: list[Condition] = status["conditions"]
    current = get_condition(deployment.get("status") or {}, PROGRESSING)
    # Once complete, only a new rollout starts the clock again: a resize or a pod that fails later does not.
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0) and (
        current is not None and current.get("reason") == NEW_REPLICA_SET_AVAILABLE
    )
    if settled:
        return conditions
    kind = "ReplicaSet" if new is not None else "Deployment"
    who = f'{kind} "{(new or deployment)["metadata"]["name"]}"'
    if deployment_complete(deployment, status):
        text = f"{who} has successfully progressed."
        done = new_condition(PROGRESSING, "True", NEW_REPLICA_SET_AVAILABLE, text, now)
        return set_condition(conditions, done)
    if deployment_progressing(deployment, status):
        text = f"{who} is progressing."
        moved = new_condition(PROGRESSING, "True", REPLICA_SET_UPDATED, text, now)
        # Unlike elsewhere the same reason is written again: lastUpdateTime is what the deadline counts from.
        if current is not None and current["status"] == "True" and "lastTransitionTime" in current:
            moved = {**moved, "lastTransitionTime": current["lastTransitionTime"]}
        return [*remove_condition(conditions, PROGRESSING), moved]
    if deployment_timed_out(deployment, status, now):
        text = f"{who} has timed out progressing."
        return set_condition(conditions, new_condition(PROGRESSING, "False", TIMED_OUT, text, now))
    return conditions


def _replica_failure(all_sets: list[Object | None], new: Object | None) -> Condition | None:
    """The failure of the new ReplicaSet, else that of the first old one, as a condition of the Deployment."""
    for rs in [new, *all_sets]:
        condition = get_condition((rs or {}).get("status") or {}, REPLICA_FAILURE)
        if condition is not None:
            stamp = condition.get("lastTransitionTime")
            return {
                "type": REPLICA_FAILURE,
                "status": condition["status"],
                "lastUpdateTime": stamp,
                "lastTransitionTime": stamp,
                "reason": condition.get("reason", ""),
                "message": condition.get("message", ""),
            }
    return None


def progress_deadline(deployment: Object) -> int | None:
    """The instant (µs) after which the stored Progressing condition is out of date; None when it never is."""
    current = get_condition(deployment.get("status") or {}, PROGRESSING)
    return (
        _deadline(deployment, current) if current is not None and has_progress_deadline(deployment) else None
    )


def requeue_stuck_deployment(deployment: Object, status: Status, now: int) -> int | None:
    """When to look again for a missed deadline: µs until then, 0 for at once (rate limited), None for never.

    The caller adds a second to a wait, against skew.
    """
    current = get_condition(deployment.get("status") or {}, PROGRESSING)
    if not has_progress_deadline(deployment) or current is None:
        return None
    if deployment_complete(deployment, status) or current.get("reason") == TIMED_OUT:
        return None
    after = _deadline(deployment, current) - now
    return after if after >= SECOND else 0


def paused_condition(deployment: Object, now: int) -> Condition | None:
    """The Progressing condition to set because the Deployment was paused or resumed, None when there is nothing to say.

    A rollout that is known to be stuck stays so, paused or not.
    """
    if not has_progress_deadline(deployment):
        return None
    current = get_condition(deployment.get("status") or {}, PROGRESSING)
    reason = current.get("reason", "") if current else ""
    if reason == TIMED_OUT:
        return None
    paused = bool(deployment["spec"].get("paused"))
    if paused and reason != PAUSED:
        return new_condition(PROGRESSING, "Unknown", PAUSED, "Deployment is paused", now)
    if not paused and reason == PAUSED:
        return new_condition(PROGRESSING, "Unknown", RESUMED, "Deployment is resumed", now)
    return None

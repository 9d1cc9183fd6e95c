"""The status of a Deployment from its ReplicaSets.  Decides; never acts.

**Imitates:** ``calculateStatus`` of ``pkg/controller/deployment/sync.go`` and the condition helpers of
``util/deployment_util.go`` (v1.36), feature DeploymentReplicaSetTerminatingReplicas on.
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.deployment.replica_sets import (
    spec_replicas,
    status_count,
    total_replicas,
    total_status,
    total_terminating,
)
from kcsim.cluster.controllers.deployment.rollout import max_unavailable
from kcsim.engine.clock import rfc3339

Object = dict[str, Any]
Status = dict[str, Any]
Condition = dict[str, Any]

AVAILABLE = "Available"
PROGRESSING = "Progressing"
REPLICA_FAILURE = "ReplicaFailure"


# --- conditions -------------------------------------------------------------------------------------------------


def new_condition(kind: str, status: str, reason: str, message: str, now: int) -> Condition:
    """A condition that changes at ``now`` (µs)."""
    stamp = rfc3339(now)
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }


def get_condition(status: Status, kind: str) -> Condition | None:
    """The condition of that type."""
    for condition in status.get("conditions") or ():
        if condition["type"] == kind:
            return condition  # type: ignore[no-any-return]
    return None


def set_condition(conditions: list[Condition], new: Condition) -> list[Condition]:
    """The conditions with ``new`` at the end, in place of the one of its type.

    One with the same status and reason is left as it is, its message and times too; the transition time is kept while
    the status is the same.
    """
    current = next((c for c in conditions if c["type"] == new["type"]), None)
    if current is not None and current["status"] == new["status"]:
        if current.get("reason", "") == new.get("reason", ""):
            return conditions
        if "lastTransitionTime" in current:
            new = {**new, "lastTransitionTime": current["lastTransitionTime"]}
    return [*remove_condition(conditions, new["type"]), new]


def remove_condition(conditions: list[Condition], kind: str) -> list[Condition]:
    """The conditions without the one of that type."""
    return [c for c in conditions if c["type"] != kind]


# --- status -----------------------------------------------------------------------------------------------------


def calculate_status(
    deployment: Object, all_sets: list[Object | None], new: Object | None, now: int
) -> Status:
    """The status the ReplicaSets add up to, with the Available condition. Counts of 0 are left out, as the API does."""
    old = deployment.get("status") or {}
    available = total_status(all_sets, "availableReplicas")
    counts = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": total_status(all_sets, "replicas"),
        "updatedReplicas": total_status([new], "replicas"),
        "readyReplicas": total_status(all_sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total_replicas(all_sets) - available),
    }
    status: Status = {field: count for field, count in counts.items() if count}
    terminating = total_terminating(all_sets)
    if terminating is not None:
        status["terminatingReplicas"] = terminating
    if old.get("collisionCount") is not None:
        status["collisionCount"] = old["collisionCount"]
    if available >= spec_replicas(deployment) - max_unavailable(deployment):
        text = "Deployment has minimum availability."
        condition = new_condition(AVAILABLE, "True", "MinimumReplicasAvailable", text, now)
    else:
        text = "Deployment does not have minimum availability."
        condition = new_condition(AVAILABLE, "False", "MinimumReplicasUnavailable", text, now)
    status["conditions"] = set_condition(old.get("conditions") or [], condition)
    return status


def deployment_complete(deployment: Object, status: Status) -> bool:
    """Whether the rollout is over: all replicas are updated and available, and none is old."""
    wanted = spec_replicas(deployment)
    counts = [status.get(field, 0) for field in ("updatedReplicas", "replicas", "availableReplicas")]
    observed: int = status.get("observedGeneration", 0)
    return all(count == wanted for count in counts) and observed >= deployment["metadata"].get(
        "generation", 0
    )


def deployment_progressing(deployment: Object, status: Status) -> bool:
    """Whether ``status`` is further than the stored one: more updated, ready or available pods, or fewer old ones."""
    stale = {"status": status}
    fewer_old = _old_replicas(stale) < _old_replicas(deployment)
    return fewer_old or any(
        status_count(stale, field) > status_count(deployment, field)
        for field in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )


def _old_replicas(obj: Object) -> int:
    return status_count(obj, "replicas") - status_count(obj, "updatedReplicas")

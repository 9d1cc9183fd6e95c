"""The status of a ReplicaSet from counts of its pods.  Decides; never acts.

**Imitates:** ``calculateStatus`` and the condition helpers of ``pkg/controller/replicaset/replica_set_utils.go``
(v1.36), feature DeploymentReplicaSetTerminatingReplicas on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.engine.clock import rfc3339

ReplicaSet = dict[str, Any]
Status = dict[str, Any]

REPLICA_FAILURE = "ReplicaFailure"


@dataclass(frozen=True, slots=True)
class Counts:
    """The pods of one ReplicaSet, counted. Active pods are neither terminal nor being deleted."""

    active: int
    fully_labeled: int
    ready: int
    available: int
    terminating: int | None
    """Pods being deleted and not yet terminal; None when they are not reported."""


def calculate_status(rs: ReplicaSet, counts: Counts, failure: str | None, now: int) -> Status:
    """The new status. ``failure`` is the message of the error that kept this sync from managing the replicas."""
    old = rs.get("status") or {}
    status: Status = {"replicas": counts.active}
    # The API leaves out counts that are zero, except replicas and terminatingReplicas.
    if counts.fully_labeled:
        status["fullyLabeledReplicas"] = counts.fully_labeled
    if counts.ready:
        status["readyReplicas"] = counts.ready
    if counts.available:
        status["availableReplicas"] = counts.available
    if counts.terminating is not None:
        status["terminatingReplicas"] = counts.terminating
    generation = rs["metadata"].get("generation", 0)
    if generation:
        status["observedGeneration"] = generation
    conditions = _failure_conditions(rs, old.get("conditions") or [], counts.active, failure, now)
    if conditions:
        status["conditions"] = conditions
    return status


def _failure_conditions(
    rs: ReplicaSet, conditions: list[Any], active: int, failure: str | None, now: int
) -> list[Any]:
    present = any(c["type"] == REPLICA_FAILURE for c in conditions)
    if failure is None:
        return [c for c in conditions if c["type"] != REPLICA_FAILURE] if present else conditions
    if present:
        # The first failure stays as it was reported until a sync goes through.
        return conditions
    diff = active - rs["spec"].get("replicas", 1)
    reason = "FailedCreate" if diff < 0 else "FailedDelete" if diff > 0 else ""
    condition = {
        "type": REPLICA_FAILURE,
        "status": "True",
        "lastTransitionTime": rfc3339(now),
        "reason": reason,
        "message": failure,
    }
    return [*conditions, condition]

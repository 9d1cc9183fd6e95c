"""The status of a StatefulSet.  Decides; never acts.

**Imitates:** ``computeReplicaStatus`` of ``pkg/controller/statefulset/stateful_set_control.go``,
``completeRollingUpdate`` and ``inconsistentStatus`` of ``stateful_set_utils.go`` (v1.36). A StatefulSet has no
conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from kcsim.cluster.controllers import pods as podutil
from kcsim.cluster.controllers.statefulset.identity import pod_revision, replicas_of

Object = dict[str, Any]


def is_created(pod: Object) -> bool:
    """Whether the API server holds the pod: one that was only planned has no phase."""
    return podutil.phase(pod) != ""


def is_running_and_ready(pod: Object) -> bool:
    """Phase Running and condition Ready."""
    return podutil.phase(pod) == "Running" and podutil.is_ready(pod)


def is_unavailable(pod: Object, min_ready_seconds: int, now: int) -> bool:
    """Not ready for long enough, or on its way out."""
    return bool(pod["metadata"].get("deletionTimestamp")) or not podutil.is_available(
        pod, min_ready_seconds, now
    )


@dataclass(frozen=True, slots=True)
class SetStatus:
    """A StatefulSet's status, to be written."""

    observed_generation: int
    current_revision: str
    update_revision: str
    collision_count: int
    replicas: int = 0
    ready: int = 0
    available: int = 0
    current: int = 0
    updated: int = 0

    def counted(self, pods: Iterable[Object], min_ready_seconds: int, now: int) -> SetStatus:
        """The same with the pods counted anew."""
        replicas = ready = available = current = updated = 0
        for pod in pods:
            created = is_created(pod)
            replicas += created
            if is_running_and_ready(pod):
                ready += 1
                available += podutil.is_available(pod, min_ready_seconds, now)
            if created and not pod["metadata"].get("deletionTimestamp"):
                revision = pod_revision(pod)
                current += revision == self.current_revision
                updated += revision == self.update_revision
        return replace(
            self, replicas=replicas, ready=ready, available=available, current=current, updated=updated
        )

    def completed(self, stateful_set: Object) -> SetStatus:
        """The same; when every replica is updated and ready, the update revision is the current one."""
        wanted = replicas_of(stateful_set)
        strategy = (stateful_set["spec"].get("updateStrategy") or {}).get("type")
        if strategy == "RollingUpdate" and self.updated == self.ready == self.replicas == wanted:
            return replace(self, current=self.updated, current_revision=self.update_revision)
        return self

    def is_inconsistent_with(self, stateful_set: Object) -> bool:
        """Whether the set's present status says something else."""
        old = stateful_set.get("status") or {}
        return bool(
            self.observed_generation > old.get("observedGeneration", 0)
            or self.replicas != old.get("replicas", 0)
            or self.current != old.get("currentReplicas", 0)
            or self.ready != old.get("readyReplicas", 0)
            or self.updated != old.get("updatedReplicas", 0)
            or self.current_revision != old.get("currentRevision", "")
            or self.available != old.get("availableReplicas", 0)
            or self.update_revision != old.get("updateRevision", "")
        )

    def as_object(self) -> Object:
        """The status as JSON; the API leaves out counts of zero, except replicas and availableReplicas."""
        status: Object = {
            "observedGeneration": self.observed_generation,
            "replicas": self.replicas,
            "readyReplicas": self.ready,
            "currentReplicas": self.current,
            "updatedReplicas": self.updated,
            "currentRevision": self.current_revision,
            "updateRevision": self.update_revision,
        }
        status = {key: value for key, value in status.items() if value or key == "replicas"}
        return {**status, "collisionCount": self.collision_count, "availableReplicas": self.available}

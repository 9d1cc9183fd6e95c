"""The annotations by which a Deployment and its ReplicaSets remember revisions and sizes.  Decides; never acts.

**Imitates:** ``SetNewReplicaSetAnnotations``, ``ReplicasAnnotationsNeedUpdate`` and their helpers in
``pkg/controller/deployment/util/deployment_util.go`` (v1.36).
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"

# What belongs to the Deployment alone and is not copied to its ReplicaSets.
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
        "deprecated.deployment.rollback.to",
    }
)
_HISTORY_LENGTH_MAX = 2000
_INT32_MAX = 2**31 - 1


def annotations_of(obj: Object) -> dict[str, str]:
    """metadata.annotations, empty when there are none."""
    return obj["metadata"].get("annotations") or {}


def revision(obj: Object) -> int:
    """The revision annotation, 0 when absent or malformed."""
    text = annotations_of(obj).get(REVISION, "")
    return int(text) if text.lstrip("-").isdigit() else 0


def max_revision(replica_sets: list[Object]) -> int:
    """The highest revision among them, 0 for none."""
    return max((revision(rs) for rs in replica_sets), default=0)


def non_negative_int_annotation(obj: Object, key: str) -> int | None:
    """The annotation as an int32 of at least 0; None when it is absent or anything else."""
    text = annotations_of(obj).get(key)
    if text is None or not text.isascii() or not text.isdigit():
        return None
    value = int(text)
    return value if value <= _INT32_MAX else None


def replicas_annotations_need_update(rs: Object, desired: int, maximum: int) -> bool:
    """Whether desired-replicas and max-replicas of the ReplicaSet say something else."""
    have = annotations_of(rs)
    return any(have.get(key) != value for key, value in replicas_annotations(desired, maximum).items())


def replicas_annotations(desired: int, maximum: int) -> dict[str, str]:
    """The two size annotations."""
    return {DESIRED_REPLICAS: str(desired), MAX_REPLICAS: str(maximum)}


def new_replica_set_annotations(
    deployment: Object, current: dict[str, str], new_revision: int
) -> dict[str, str]:
    """The annotations the new ReplicaSet should have; ``current`` itself when nothing changes.

    Annotations of the Deployment are copied, the revision only ever grows, and a revision that is left behind (the
    ReplicaSet is rolled back to) is remembered in the revision history.
    """
    copied = {key: value for key, value in annotations_of(deployment).items() if key not in _NOT_COPIED}
    result = {**current, **copied}
    old_text = current.get(REVISION, "")
    if old_text and not old_text.lstrip("-").isdigit():
        # Someone wrote over the revision: upstream warns in its log and touches nothing else.
        return current if result == current else result
    if int(old_text or 0) < new_revision:
        result[REVISION] = str(new_revision)
        if REVISION in current:
            result[REVISION_HISTORY] = _extended(current.get(REVISION_HISTORY, ""), old_text)
    return current if result == current else result


def _extended(history: str, old_revision: str) -> str:
    revisions = [*history.split(","), old_revision] if history else [old_revision]
    while len(",".join(revisions)) > _HISTORY_LENGTH_MAX and len(revisions) > 1:
        del revisions[0]
    return ",".join(revisions)

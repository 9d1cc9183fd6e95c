"""The ReplicaSets of a Deployment: which is new, which are old, how large they are.  Decides; never acts.

**Imitates:** ``FindNewReplicaSet``, ``FindOldReplicaSets``, ``EqualIgnoreHash`` and the counters of
``pkg/controller/deployment/util/deployment_util.go`` and ``pkg/controller/controller_utils.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.cluster.controllers.deployment.template_hash import POD_TEMPLATE_HASH

Object = dict[str, Any]


def spec_replicas(obj: Object) -> int:
    """spec.replicas, which the API server defaults to 1."""
    return obj["spec"].get("replicas", 1)  # type: ignore[no-any-return]


def status_count(obj: Object, field: str) -> int:
    """A count in the status, 0 when it is left out."""
    return (obj.get("status") or {}).get(field, 0)  # type: ignore[no-any-return]


def by_creation(replica_sets: Iterable[Object]) -> list[Object]:
    """Oldest first, ties by name."""
    return sorted(replica_sets, key=creation_key)


def creation_key(obj: Object) -> tuple[str, str]:
    """Sorts by creationTimestamp (RFC 3339 texts in UTC sort as times), then name."""
    metadata = obj["metadata"]
    return metadata.get("creationTimestamp") or "", metadata["name"]


def active(replica_sets: Iterable[Object | None]) -> list[Object]:
    """Those that ask for at least one pod."""
    return [rs for rs in replica_sets if rs is not None and spec_replicas(rs) > 0]


def total_replicas(replica_sets: Iterable[Object | None]) -> int:
    """Sum of spec.replicas."""
    return sum(spec_replicas(rs) for rs in replica_sets if rs is not None)


def total_status(replica_sets: Iterable[Object | None], field: str) -> int:
    """Sum of one count over the statuses."""
    return sum(status_count(rs, field) for rs in replica_sets if rs is not None)


def total_terminating(replica_sets: Iterable[Object | None]) -> int | None:
    """Sum of status.terminatingReplicas; None when one of them does not report it.

    A ReplicaSet that was never observed cannot report yet and counts as 0 terminating when it has no pods.
    """
    total = 0
    for rs in replica_sets:
        if rs is None:
            continue
        status = rs.get("status") or {}
        count = status.get("terminatingReplicas")
        if count is None and (status.get("observedGeneration", 0) or status.get("replicas", 0)):
            return None
        total += count or 0
    return total


def equal_ignore_hash(one: Object, other: Object) -> bool:
    """Whether two pod templates are the same but for the pod-template-hash label."""
    if one["spec"] is not other["spec"] and one["spec"] != other["spec"]:
        return False
    return _comparable(one.get("metadata") or {}) == _comparable(other.get("metadata") or {})


def _comparable(metadata: dict[str, Any]) -> dict[str, Any]:
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != POD_TEMPLATE_HASH}
    # Go's zero values: an empty map or a null creationTimestamp is the same as nothing.
    return {k: v for k, v in {**metadata, "labels": labels}.items() if v}


def find_new_replica_set(deployment: Object, replica_sets: Iterable[Object]) -> Object | None:
    """The oldest ReplicaSet with the Deployment's template: the oldest, so that all syncs agree on one."""
    template = deployment["spec"]["template"]
    matching = [rs for rs in replica_sets if equal_ignore_hash(rs["spec"]["template"], template)]
    return min(matching, key=creation_key, default=None)


def find_old_replica_sets(replica_sets: Iterable[Object], new: Object | None) -> list[Object]:
    """All but the new one, in the order given."""
    new_uid = new["metadata"].get("uid") if new else None
    return [rs for rs in replica_sets if new is None or rs["metadata"].get("uid") != new_uid]

"""Which old ReplicaSets are deleted.  Decides; never acts.

**Imitates:** ``cleanupDeployment`` of ``pkg/controller/deployment/sync.go`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.deployment.annotations import revision
from kcsim.cluster.controllers.deployment.replica_sets import creation_key, spec_replicas, status_count

Object = dict[str, Any]

_INT32_MAX = 2**31 - 1


def replica_sets_to_delete(deployment: Object, old: list[Object]) -> list[Object]:
    """Old ReplicaSets beyond spec.revisionHistoryLimit, lowest revision first; those still in use are passed over."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None or limit == _INT32_MAX:
        return []
    alive = [rs for rs in old if not rs["metadata"].get("deletionTimestamp")]
    surplus = len(alive) - limit
    if surplus <= 0:
        return []
    alive.sort(key=lambda rs: (revision(rs), creation_key(rs)))
    return [rs for rs in alive[:surplus] if _is_idle(rs)]


def _is_idle(rs: Object) -> bool:
    observed = status_count(rs, "observedGeneration")
    return (
        status_count(rs, "replicas") == 0
        and spec_replicas(rs) == 0
        and rs["metadata"].get("generation", 0) <= observed
    )

"""The Recreate strategy: nothing new before everything old is gone.  Decides; never acts.

**Imitates:** ``pkg/controller/deployment/recreate.go`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.deployment.replica_sets import active, total_status
from kcsim.cluster.controllers.deployment.rollout import Scaling

Object = dict[str, Any]


def scale_down_for_recreate(old: list[Object]) -> list[Scaling]:
    """All active old ReplicaSets go to 0."""
    return [Scaling(rs["metadata"]["name"], 0) for rs in active(old)]


def old_pods_running(old: list[Object], old_pods_exist: bool) -> bool:
    """Whether something old may still run: a status says so, or a pod that has not ended exists.

    A Terminating pod counts: a node that died keeps its pods, and so the rollout, until someone removes them.
    """
    return total_status(old, "replicas") > 0 or old_pods_exist

"""Resizing a Deployment in the middle of a rollout: every active ReplicaSet gets its share.  Decides; never acts.

**Imitates:** ``scale``, ``isScalingEvent`` of ``pkg/controller/deployment/sync.go`` and the proportions of
``util/deployment_util.go`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.deployment.annotations import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    non_negative_int_annotation,
)
from kcsim.cluster.controllers.deployment.replica_sets import (
    active,
    creation_key,
    spec_replicas,
    status_count,
    total_replicas,
)
from kcsim.cluster.controllers.deployment.rollout import Scaling, is_rolling_update, max_surge

Object = dict[str, Any]


def is_scaling_event(deployment: Object, all_sets: list[Object | None]) -> bool:
    """Whether spec.replicas was changed since an active ReplicaSet was last sized."""
    wanted = spec_replicas(deployment)
    for rs in active(all_sets):
        desired = non_negative_int_annotation(rs, DESIRED_REPLICAS)
        if desired is not None and desired != wanted:
            return True
    return False


def plan_scale(deployment: Object, new: Object | None, old: list[Object]) -> list[Scaling]:
    """The sizes ReplicaSets get when the Deployment was resized or is paused.

    A step whose size is the current one is still carried out for its annotations.
    """
    wanted = spec_replicas(deployment)
    single = find_active_or_latest(new, old)
    if single is not None:
        return [Scaling(single["metadata"]["name"], wanted)] if spec_replicas(single) != wanted else []
    if is_saturated(deployment, new):
        return [Scaling(rs["metadata"]["name"], 0) for rs in active(old)]
    if not is_rolling_update(deployment):
        return []
    return _proportional(deployment, active([*old, new]))


def _proportional(deployment: Object, sets: list[Object]) -> list[Scaling]:
    wanted = spec_replicas(deployment)
    allowed = wanted + max_surge(deployment) if wanted > 0 else 0
    to_add = allowed - total_replicas(sets)
    # Larger sets first; among equals the newer one grows first and the older one shrinks first.
    ordered = sorted(sets, key=creation_key, reverse=to_add > 0)
    ordered.sort(key=spec_replicas, reverse=True)
    sizes: dict[str, int] = {}
    added = 0
    for rs in ordered:
        share = replica_set_proportion(deployment, rs, to_add, added) if to_add else 0
        sizes[rs["metadata"]["name"]] = spec_replicas(rs) + share
        added += share
    if to_add and ordered:
        first = ordered[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + to_add - added)
    return [Scaling(name, size) for name, size in sizes.items()]


def find_active_or_latest(new: Object | None, old: list[Object]) -> Object | None:
    """The only active ReplicaSet, or the latest when none is active; None when several are active."""
    if new is None and not old:
        return None
    running = active([*old, new])
    if len(running) > 1:
        return None
    if running:
        return running[0]
    return new if new is not None else max(old, key=creation_key)


def is_saturated(deployment: Object, rs: Object | None) -> bool:
    """Whether the ReplicaSet has all replicas the Deployment wants, sized for it and available."""
    if rs is None:
        return False
    wanted = spec_replicas(deployment)
    return (
        spec_replicas(rs) == wanted
        and non_negative_int_annotation(rs, DESIRED_REPLICAS) == wanted
        and status_count(rs, "availableReplicas") == wanted
    )


def replica_set_proportion(deployment: Object, rs: Object, to_add: int, added: int) -> int:
    """The share of ``to_add`` replicas (negative: taken away) for one set, when ``added`` were dealt out already."""
    if spec_replicas(rs) == 0 or to_add in (0, added):
        return 0
    fraction = replica_set_fraction(deployment, rs)
    return min(fraction, to_add - added) if to_add > 0 else max(fraction, to_add - added)


def replica_set_fraction(deployment: Object, rs: Object) -> int:
    """How many replicas a set gains so that it keeps its share of the Deployment's allowed total."""
    size = spec_replicas(rs)
    if spec_replicas(deployment) == 0:
        return -size
    before = non_negative_int_annotation(rs, MAX_REPLICAS) or status_count(deployment, "replicas")
    if not before:
        return 0
    after = spec_replicas(deployment) + max_surge(deployment)
    # Half away from zero, in integers: upstream rounds the float quotient.
    return (2 * size * after + before) // (2 * before) - size

"""The rolling update, one step at a time.  Decides; never acts.

**Imitates:** ``pkg/controller/deployment/rolling.go`` and the fenceposts of ``util/deployment_util.go`` (v1.36).
**Walk:** a sync first asks `reconcile_new_replica_set`; only when that one needs nothing it asks
`reconcile_old_replica_sets`, which removes unhealthy old replicas before healthy ones. Sizes are counted from the spec
of the ReplicaSets, availability from their status, which lags: the guard in `reconcile_old_replica_sets` keeps the two
from being mixed up into a second scale-down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api.intstr import get_scaled_value_from_int_or_percent
from kcsim.cluster.controllers.deployment.replica_sets import (
    by_creation,
    spec_replicas,
    status_count,
    total_replicas,
    total_status,
)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scaling:
    """Resize one ReplicaSet to ``replicas``."""

    name: str
    replicas: int


# --- fenceposts -------------------------------------------------------------------------------------------------


def resolve_fenceposts(
    max_surge: int | str | None, max_unavailable: int | str | None, desired: int
) -> tuple[int, int]:
    """Surge and unavailable pods in numbers. Surge rounds up, unavailable down; both 0 makes unavailable 1.

    Raises:
        ValueError: when a value is neither a number nor a percentage.
    """
    surge = get_scaled_value_from_int_or_percent(
        0 if max_surge is None else max_surge, desired, round_up=True
    )
    unavailable = get_scaled_value_from_int_or_percent(
        0 if max_unavailable is None else max_unavailable, desired, round_up=False
    )
    if surge == 0 and unavailable == 0:
        # Percentages of few replicas can both come to nothing; without this no rollout would ever move.
        unavailable = 1
    return surge, unavailable


def is_rolling_update(deployment: Object) -> bool:
    """Whether the strategy is RollingUpdate."""
    return (deployment["spec"].get("strategy") or {}).get("type") == "RollingUpdate"


def _fenceposts(deployment: Object) -> tuple[int, int]:
    rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
    return resolve_fenceposts(
        rolling.get("maxSurge"), rolling.get("maxUnavailable"), spec_replicas(deployment)
    )


def max_surge(deployment: Object) -> int:
    """How many pods above spec.replicas a rollout may have; 0 unless it is a rolling update."""
    return _fenceposts(deployment)[0] if is_rolling_update(deployment) else 0


def max_unavailable(deployment: Object) -> int:
    """How many pods below spec.replicas may be available; 0 unless it is a rolling update."""
    replicas = spec_replicas(deployment)
    if not is_rolling_update(deployment) or replicas == 0:
        return 0
    return min(_fenceposts(deployment)[1], replicas)


def min_available(deployment: Object) -> int:
    """How many pods must stay available; 0 unless it is a rolling update."""
    return spec_replicas(deployment) - max_unavailable(deployment) if is_rolling_update(deployment) else 0


# --- one step ---------------------------------------------------------------------------------------------------


def new_rs_new_replicas(deployment: Object, all_sets: list[Object], current: int) -> int:
    """The size the new ReplicaSet should have, from its ``current`` one. ``all_sets`` includes it if it exists."""
    replicas = spec_replicas(deployment)
    if not is_rolling_update(deployment):
        return replicas
    room = replicas + max_surge(deployment) - total_replicas(all_sets)
    if room <= 0:
        return current
    return current + min(room, replicas - current)


def reconcile_new_replica_set(deployment: Object, all_sets: list[Object], new: Object) -> Scaling | None:
    """The resize of the new ReplicaSet in this step, None when its size is right for now."""
    current = spec_replicas(new)
    wanted = spec_replicas(deployment)
    if current == wanted:
        return None
    size = wanted if current > wanted else new_rs_new_replicas(deployment, all_sets, current)
    return Scaling(new["metadata"]["name"], size) if size != current else None


def reconcile_old_replica_sets(deployment: Object, old: list[Object], new: Object | None) -> list[Scaling]:
    """The resizes of old ReplicaSets in this step, in the order to carry them out."""
    if total_replicas(old) == 0:
        return []
    all_sets = [*old, new] if new else list(old)
    floor = spec_replicas(deployment) - max_unavailable(deployment)
    new_unavailable = spec_replicas(new) - status_count(new, "availableReplicas") if new else 0
    max_scaled_down = total_replicas(all_sets) - floor - new_unavailable
    if max_scaled_down <= 0:
        return []
    try:
        cleanup = cleanup_unhealthy_replicas(old, max_scaled_down)
    except StaleStatus as stale:
        return stale.steps
    sizes = {step.name: step.replicas for step in cleanup}
    return [*cleanup, *scale_down_old_replica_sets(deployment, old, new, sizes)]


class StaleStatus(Exception):
    """A ReplicaSet's status counts more available pods than its spec asks for: it has not caught up with a scale-down.

    Upstream calls that an "invalid request to scale down" and takes no healthy replicas away in this step. Without it two
    steps in quick succession would count the same pods twice, and take more than maxUnavailable allows.

    Attributes:
        steps: what was decided before it was met.
    """

    def __init__(self, steps: list[Scaling]) -> None:
        super().__init__("the status of an old ReplicaSet lags behind its spec")
        self.steps = steps


def cleanup_unhealthy_replicas(old: list[Object], max_cleanup_count: int) -> list[Scaling]:
    """Take away replicas that are not available, oldest set first: they block a rollout and serve nobody.

    Raises:
        StaleStatus: a set's status has more available replicas than its spec has replicas.
    """
    steps: list[Scaling] = []
    left = max_cleanup_count
    for rs in by_creation(old):
        if left <= 0:
            break
        size = spec_replicas(rs)
        unhealthy = size - status_count(rs, "availableReplicas")
        if size == 0 or unhealthy == 0:
            continue
        if unhealthy < 0:
            raise StaleStatus(steps)
        down = min(left, unhealthy)
        left -= down
        steps.append(Scaling(rs["metadata"]["name"], size - down))
    return steps


def scale_down_old_replica_sets(
    deployment: Object, old: list[Object], new: Object | None, sizes: dict[str, int] | None = None
) -> list[Scaling]:
    """Take away healthy replicas above the minimum, oldest set first. ``sizes``: what clean-up just made of them."""
    known = sizes or {}
    floor = spec_replicas(deployment) - max_unavailable(deployment)
    left = total_status([*old, new], "availableReplicas") - floor
    steps: list[Scaling] = []
    for rs in by_creation(old):
        if left <= 0:
            break
        name = rs["metadata"]["name"]
        size = known.get(name, spec_replicas(rs))
        if size == 0:
            continue
        down = min(size, left)
        left -= down
        steps.append(Scaling(name, size - down))
    return steps

"""When a node counts as silent, and what is written about it then.  Decides; never acts.

**Imitates:** pkg/controller/nodelifecycle/node_lifecycle_controller.go (v1.36): ``tryUpdateNodeHealth``,
``doNoScheduleTaintingPass``, ``ComputeZoneState``, and pkg/util/node (``GetZoneKey``). Times are µs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.profile.constants import DEFAULT, Profile

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
EXCLUDE_DISRUPTION = "node.kubernetes.io/exclude-disruption"
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

# Condition -> status -> key of the NoSchedule taint (nodeConditionToTaintKeyStatusMap).
TAINT_KEYS: dict[str, dict[str, str]] = {
    "Ready": {"False": NOT_READY, "Unknown": UNREACHABLE},
    "MemoryPressure": {"True": "node.kubernetes.io/memory-pressure"},
    "DiskPressure": {"True": "node.kubernetes.io/disk-pressure"},
    "NetworkUnavailable": {"True": "node.kubernetes.io/network-unavailable"},
    "PIDPressure": {"True": "node.kubernetes.io/pid-pressure"},
}
MANAGED_KEYS = frozenset(
    (_UNSCHEDULABLE, *(key for by_status in TAINT_KEYS.values() for key in by_status.values()))
)
_OLD_LABELS = {
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
}
"""Label of old -> the label whose value it has (labelReconcileInfo)."""
WATCHED_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True, slots=True)
class LifecycleConfig:
    """Flags of the controller. Durations in µs, rates in nodes a second and zone.

    Attributes:
        monitor_grace: silence after which a node is unknown: 50 s, 40 s up to 1.31.
        startup_grace: the same for a node that never reported.
        unhealthy_zone_threshold: share of nodes not ready from which a zone is partially disrupted.
        large_cluster_threshold: nodes in a zone up to which evictions stop altogether in a partial disruption.
    """

    monitor_period: int
    monitor_grace: int
    startup_grace: int
    eviction_rate: float
    secondary_eviction_rate: float
    unhealthy_zone_threshold: float
    large_cluster_threshold: int


def config_of(profile: Profile) -> LifecycleConfig:
    """The defaults of a profile."""
    manager = "kube-controller-manager"
    return LifecycleConfig(
        monitor_period=profile.us(f"{manager}/node-monitor-period"),
        monitor_grace=profile.us(f"{manager}/node-monitor-grace-period"),
        startup_grace=profile.us(f"{manager}/node-startup-grace-period"),
        eviction_rate=profile.number(f"{manager}/node-eviction-rate"),
        secondary_eviction_rate=profile.number(f"{manager}/secondary-node-eviction-rate"),
        unhealthy_zone_threshold=profile.number(f"{manager}/unhealthy-zone-threshold"),
        large_cluster_threshold=profile.count(f"{manager}/large-cluster-size-threshold"),
    )


CONFIG = config_of(DEFAULT)


def missing_labels(node: Object) -> dict[str, str]:
    """The old labels that do not say what the present ones say."""
    labels = objects.labels(node)
    return {
        old: labels[present]
        for old, present in _OLD_LABELS.items()
        if present in labels and labels.get(old) != labels[present]
    }


# --- silence ----------------------------------------------------------------------------------------------------


def first_tick(start: int, period: int, when: int) -> int:
    """The first tick of the grid from ``start`` that comes at ``when`` or later."""
    return start + max(0, -(-(when - start) // period)) * period


def overdue_tick(*, start: int, period: int, seen: int, grace: int, early: bool) -> int:
    """The tick at which a node that was last seen at the tick ``seen`` is found silent for longer than ``grace``.

    A pass comes to a node somewhere within itself. ``early``: the pass exactly ``grace`` after ``seen`` comes to it a
    moment earlier than the one that saw it did, finds the grace not quite exceeded, and leaves it to the next.
    """
    tick = first_tick(start, period, seen + grace)
    return tick + period if early and tick == seen + grace else tick


def can_fall_silent(node: Object) -> bool:
    """Whether there is a condition that would change when the kubelet is silent."""
    for kind in WATCHED_CONDITIONS:
        condition = objects.condition(node, kind)
        if condition is None or condition["status"] != "Unknown":
            return True
    return False


def silent_conditions(node: Object, now: str) -> list[Object]:
    """The four conditions that change when a kubelet is silent; empty when all are Unknown already. ``now``: RFC 3339."""
    changed = []
    for kind in WATCHED_CONDITIONS:
        condition = objects.condition(node, kind)
        if condition is None:
            new = {
                "type": kind,
                "status": "Unknown",
                "reason": "NodeStatusNeverUpdated",
                "message": "Kubelet never posted node status.",
                "lastHeartbeatTime": node["metadata"].get("creationTimestamp"),
                "lastTransitionTime": now,
            }
            changed.append(new)
        elif condition["status"] != "Unknown":
            new = {
                **condition,
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
                "lastTransitionTime": now,
            }
            changed.append(new)
    return changed


def ready_status(node: Object) -> str:
    """The status of the Ready condition; "" when there is none."""
    condition = objects.condition(node, "Ready")
    return condition["status"] if condition is not None else ""


def heartbeat_time(node: Object) -> str:
    """When the kubelet last reported Ready, as written."""
    condition = objects.condition(node, "Ready")
    return (condition.get("lastHeartbeatTime") or "") if condition is not None else ""


# --- taints -----------------------------------------------------------------------------------------------------


def taints_by_condition(node: Object) -> list[Object]:
    """The NoSchedule taints that the node's conditions and its cordon call for."""
    taints = []
    # The first of a type counts.
    statuses = {c.get("type"): c.get("status", "") for c in reversed(objects.conditions(node))}
    for kind, keys in TAINT_KEYS.items():
        key = keys.get(statuses.get(kind, ""))
        if key is not None:
            taints.append({"key": key, "effect": "NoSchedule"})
    if (node.get("spec") or {}).get("unschedulable"):
        taints.append({"key": _UNSCHEDULABLE, "effect": "NoSchedule"})
    return taints


def no_schedule_changes(node: Object) -> tuple[list[Object], list[Object]]:
    """(taints to add, taints to remove) so that the NoSchedule taints follow the conditions."""
    wanted = taints_by_condition(node)
    present = [
        taint
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint.get("effect") == "NoSchedule" and taint["key"] in MANAGED_KEYS
    ]
    wanted_keys = {taint["key"] for taint in wanted}
    present_keys = {taint["key"] for taint in present}
    return (
        [taint for taint in wanted if taint["key"] not in present_keys],
        [taint for taint in present if taint["key"] not in wanted_keys],
    )


def no_execute_changes(node: Object) -> tuple[list[Object], list[Object]]:
    """(taints to add, taints to remove) so that the NoExecute taint follows the Ready condition."""
    wanted = {"False": NOT_READY, "Unknown": UNREACHABLE}.get(ready_status(node))
    keys = [
        taint["key"]
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint.get("effect") == "NoExecute" and taint["key"] in {NOT_READY, UNREACHABLE}
    ]
    add = [{"key": wanted, "effect": "NoExecute"}] if wanted is not None and wanted not in keys else []
    return add, [{"key": key, "effect": "NoExecute"} for key in keys if key != wanted]


def swap_taints(
    taints: Iterable[Object], add: Iterable[Object], remove: Iterable[Object], now: str
) -> list[Object]:
    """The list of taints without ``remove`` and with ``add`` (stamped ``now``) at its end (SwapNodeControllerTaint)."""
    gone = {(taint["key"], taint["effect"]) for taint in (*remove, *add)}
    kept = [taint for taint in taints if (taint["key"], taint.get("effect")) not in gone]
    return [*kept, *({**taint, "timeAdded": now} for taint in add)]


# --- zones ------------------------------------------------------------------------------------------------------


class ZoneState(StrEnum):
    """How bad it is in a zone."""

    INITIAL = "Initial"
    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


def compute_zone_state(ready: int, not_ready: int, threshold: float) -> ZoneState:
    """The state of a zone with so many nodes ready and not."""
    if ready == 0 and not_ready > 0:
        return ZoneState.FULL
    if not_ready > 2 and not_ready / (not_ready + ready) >= threshold:
        return ZoneState.PARTIAL
    return ZoneState.NORMAL


def eviction_rate(state: ZoneState, nodes: int, config: LifecycleConfig) -> float:
    """Nodes tainted a second in a zone of that state and size; 0: none."""
    if state == ZoneState.PARTIAL:
        return config.secondary_eviction_rate if nodes > config.large_cluster_threshold else 0.0
    return config.eviction_rate


def excluded_from_disruption_checks(node: Object) -> bool:
    """Whether the node is left out when a zone is judged."""
    return EXCLUDE_DISRUPTION in (node["metadata"].get("labels") or ())

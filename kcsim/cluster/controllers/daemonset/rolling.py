"""The rolling update of a DaemonSet.  Decides; never acts.

Nodes come sorted by what the rollout sees on them (`Roll`), so that a decision costs what it decides, not a look at
every node.

**Imitates:** ``rollingUpdate`` of ``pkg/controller/daemon/update.go``, ``UnavailableCount``, ``SurgeCount`` and
``AllowsSurge`` of ``pkg/controller/daemon/util/daemonset_util.go`` (v1.36). Among equal candidates upstream takes nodes
in the order of a Go map; here those that have been candidates for longest come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from kcsim.api.intstr import get_scaled_value_from_int_or_percent
from kcsim.cluster.controllers.daemonset.node_view import Roll

Object = dict[str, Any]
Buckets = Mapping[Roll, Mapping[str, str]]
"""Per kind of node: node name -> name of its outdated pod ("" without one)."""


def surge_count(daemon_set: Object, desired: int) -> int:
    """maxSurge in pods, percentages rounded up."""
    return _scaled(daemon_set, "maxSurge", desired, 0)


def unavailable_count(daemon_set: Object, desired: int) -> int:
    """maxUnavailable in pods, percentages rounded up."""
    return _scaled(daemon_set, "maxUnavailable", desired, 0)


def limits(daemon_set: Object, desired: int) -> tuple[int, int]:
    """(maxUnavailable, maxSurge) in pods; when both come out as 0, one pod may be unavailable."""
    unavailable, surge = unavailable_count(daemon_set, desired), surge_count(daemon_set, desired)
    if desired > 0 and unavailable == 0 and surge == 0:
        unavailable = 1
    return unavailable, surge


def allows_surge(daemon_set: Object) -> bool:
    """Whether maxSurge lets new pods start beside old ones."""
    # Upstream asks for one pod: 1 % of it rounds up to 1.
    return surge_count(daemon_set, 1) > 0


def _scaled(daemon_set: Object, field: str, desired: int, absent: int) -> int:
    strategy = daemon_set["spec"].get("updateStrategy") or {}
    if strategy.get("type") != "RollingUpdate":
        return 0
    value = (strategy.get("rollingUpdate") or {}).get(field)
    if value is None:
        return absent
    return get_scaled_value_from_int_or_percent(value, desired, round_up=True)


def rolling_update(daemon_set: Object, buckets: Buckets, desired: int) -> tuple[list[str], list[str]]:
    """(names of pods to delete, names of nodes to create a pod on)."""
    max_unavailable, max_surge = limits(daemon_set, desired)
    if max_surge == 0:
        return _replace(buckets, max_unavailable), []
    return _surge(buckets, max_surge, desired)


def _replace(buckets: Buckets, max_unavailable: int) -> list[str]:
    """Delete old pods: all that serve nobody anyway, and as many of the others as may be unavailable."""
    broken: list[str] = []
    working: list[Mapping[str, str]] = []
    unavailable = 0
    for roll, nodes in buckets.items():
        if roll.excess or (roll.new == "none") == (roll.old == "none"):
            # Without a pod, or with both: the controller has yet to do its part there.
            unavailable += len(nodes)
        elif roll.new != "none":
            unavailable += len(nodes) if roll.new == "unavailable" else 0
        elif roll.old == "unavailable":
            broken.extend(nodes.values())
            unavailable += len(nodes)
        else:
            working.append(nodes)
    return broken + list(islice(_names(working), max(0, max_unavailable - unavailable)))


def _surge(buckets: Buckets, max_surge: int, desired: int) -> tuple[list[str], list[str]]:
    """Create new pods beside old ones, and delete old pods whose successor is available."""
    remove: list[str] = []
    leaving: list[Mapping[str, str]] = []
    create: list[str] = []
    candidates: list[str] = []
    surging = available = 0
    for roll, nodes in buckets.items():
        if roll.excess:
            surging += len(nodes)
            continue
        serving = roll.new if roll.old == "none" else roll.old
        if serving == "available":
            available += len(nodes)
        if roll.old == "none":
            continue
        if roll.new == "available":
            remove.extend(nodes.values())
        elif roll.new == "unavailable":
            surging += len(nodes)
        elif roll.old == "unavailable":
            if roll.should_run:
                create.extend(nodes)
            else:
                remove.extend(nodes.values())
        elif roll.should_run:
            candidates.extend(nodes)
        else:
            leaving.append(nodes)
    # Pods on nodes that should no longer run one go when others have taken over.
    remove.extend(islice(_names(leaving), max(0, available - desired)))
    return remove, create + candidates[: max(0, max_surge - surging)]


def _names(groups: list[Mapping[str, str]]) -> Iterator[str]:
    for nodes in groups:
        yield from nodes.values()

"""When a node counts as silent, and how zones are judged: pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.controllers.nodelifecycle.health import (
    CONFIG,
    ZoneState,
    compute_zone_state,
    config_of,
    eviction_rate,
    first_tick,
    no_execute_changes,
    no_schedule_changes,
    overdue_tick,
    silent_conditions,
)
from kcsim.cluster.controllers.nodelifecycle.zones import Turn, ZoneQueue, Zones
from kcsim.engine.clock import SECOND
from kcsim.engine.dice import Dice
from kcsim.profile.constants import PROFILES

NOW = "2026-01-01T00:01:00Z"


@pytest.mark.parametrize(("version", "low", "high", "mean"), [("1.36", 40, 60, 50), ("1.31", 30, 50, 40)])
def test_crash_is_noticed_after_the_grace(version: str, low: int, high: int, mean: int) -> None:
    """A crash at any instant, renewals every 10 to 10.4 s, passes every 5 s."""
    config, dice = config_of(PROFILES[version]), Dice(1, version)
    delays = []
    for _ in range(4000):
        start = dice.integer(config.monitor_period)
        last = 300 * SECOND + dice.integer(10 * SECOND)
        crash = last + dice.integer(dice.jitter(10 * SECOND, 0.04))
        found = overdue_tick(
            start=start,
            period=config.monitor_period,
            seen=first_tick(start, config.monitor_period, last),
            grace=config.monitor_grace,
            early=dice.integer(2) == 0,
        )
        delays.append((found - crash) / SECOND)
    assert low - 0.5 <= min(delays) < low + 2
    assert high - 2 < max(delays) <= high
    assert abs(sum(delays) / len(delays) - mean) < 0.5


@pytest.mark.parametrize(("when", "tick"), [(0, 3), (3, 3), (4, 8), (8, 8), (12, 13)])
def test_first_tick(when: int, tick: int) -> None:
    assert first_tick(3, 5, when) == tick


def node(ready: str | None, *taints: tuple[str, str], **spec: object) -> dict[str, object]:
    conditions = [] if ready is None else [{"type": "Ready", "status": ready}]
    items = [{"key": f"node.kubernetes.io/{key}", "effect": effect} for key, effect in taints]
    return {
        "metadata": {"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"taints": items, **spec},
        "status": {"conditions": conditions},
    }


def keys(taints: list[dict[str, str]]) -> list[str]:
    return [taint["key"].partition("/")[2] for taint in taints]


@pytest.mark.parametrize(
    ("given", "add", "remove"),
    [
        (node("Unknown"), ["unreachable"], []),
        (node("False"), ["not-ready"], []),
        (node("True", ("not-ready", "NoSchedule")), [], ["not-ready"]),
        (node("Unknown", ("not-ready", "NoSchedule")), ["unreachable"], ["not-ready"]),
        (node("True", unschedulable=True), ["unschedulable"], []),
        (node("Unknown", ("unreachable", "NoSchedule")), [], []),
        (node(None), [], []),
    ],
)
def test_no_schedule_taints_follow_conditions(given, add, remove) -> None:
    added, removed = no_schedule_changes(given)
    assert (keys(added), keys(removed)) == (add, remove)


@pytest.mark.parametrize(
    ("given", "add", "remove"),
    [
        (node("Unknown"), ["unreachable"], []),
        (node("False", ("unreachable", "NoExecute")), ["not-ready"], ["unreachable"]),
        (node("True", ("unreachable", "NoExecute")), [], ["unreachable"]),
        (node("Unknown", ("unreachable", "NoExecute")), [], []),
    ],
)
def test_no_execute_taint_follows_readiness(given, add, remove) -> None:
    added, removed = no_execute_changes(given)
    assert (keys(added), keys(removed)) == (add, remove)


def test_silent_conditions_are_worded_by_what_was_known() -> None:
    texts = {
        c["type"]: (c["status"], c["reason"], c["message"]) for c in silent_conditions(node("True"), NOW)
    }
    never = ("Unknown", "NodeStatusNeverUpdated", "Kubelet never posted node status.")
    stopped = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    assert texts == {"Ready": stopped, "MemoryPressure": never, "DiskPressure": never, "PIDPressure": never}


@pytest.mark.parametrize(
    ("ready", "not_ready", "state"),
    [
        (3, 0, ZoneState.NORMAL),
        (0, 1, ZoneState.FULL),
        (1, 2, ZoneState.NORMAL),
        (1, 3, ZoneState.PARTIAL),
        (3, 3, ZoneState.NORMAL),
        (9, 11, ZoneState.PARTIAL),
    ],
)
def test_zone_states(ready: int, not_ready: int, state: ZoneState) -> None:
    assert compute_zone_state(ready, not_ready, 0.55) == state


@pytest.mark.parametrize(
    ("state", "nodes", "rate"),
    [
        (ZoneState.NORMAL, 10, 0.1),
        (ZoneState.PARTIAL, 50, 0.0),
        (ZoneState.PARTIAL, 51, 0.01),
        (ZoneState.FULL, 3, 0.1),
    ],
)
def test_eviction_rates(state: ZoneState, nodes: int, rate: float) -> None:
    assert eviction_rate(state, nodes, CONFIG) == rate


def test_nodes_of_a_zone_are_tainted_ten_seconds_apart() -> None:
    queue = ZoneQueue(0.1)
    for name in "ab":
        assert queue.add(name)
    assert queue.take(SECOND) == "a"
    assert queue.take(10 * SECOND) is None
    assert queue.due(2 * SECOND) == 11 * SECOND
    assert queue.take(11 * SECOND) == "b"


def zone_node(name: str, zone: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone}}}


def test_nodes_count_once_and_in_the_zone_that_they_are_in() -> None:
    zones = Zones(CONFIG)
    zones.count(zone_node("a", "z1"), False)
    zones.count(zone_node("a", "z1"), False)
    zones.count(zone_node("b", "z1"), True)
    assert zones.judge(0) == Turn.NONE
    zones.count(zone_node("b", "z2"), True)
    zones.count(zone_node("b", "z2"), None)
    assert zones.judge(0) == Turn.MASTER_DISRUPTION
    excluded = zone_node("a", "z1")
    excluded["metadata"]["labels"]["node.kubernetes.io/exclude-disruption"] = ""
    zones.count(excluded, False)
    assert zones.judge(0) == Turn.NONE, "no node is left to judge by"


def test_master_disruption_and_recovery() -> None:
    zones = Zones(CONFIG)
    a, b = zone_node("a", "z1"), zone_node("b", "z2")
    zones.count(a, True)
    zones.count(b, False)
    assert zones.judge(0) == Turn.NONE
    assert zones.of(b).rate == 0.1
    zones.count(a, False)
    assert zones.judge(SECOND) == Turn.MASTER_DISRUPTION
    assert zones.of(a).rate == 0.0
    assert zones.judge(2 * SECOND) == Turn.NONE
    zones.count(a, True)
    assert zones.judge(3 * SECOND) == Turn.RECOVERY
    zones.of(b).add("b")
    assert zones.due(3 * SECOND) == 13 * SECOND

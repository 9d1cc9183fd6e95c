"""The rolling update as steps of the pure functions: where it stalls, and how it goes when pods become available."""

from __future__ import annotations

import pytest

from kcsim.cluster.controllers.deployment.rollout import (
    max_surge,
    max_unavailable,
    reconcile_new_replica_set,
    reconcile_old_replica_sets,
)


def deployment(replicas, surge="25%", unavailable="25%"):
    """A Deployment of this size with a rolling update strategy."""
    strategy = {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }
    return {"metadata": {"name": "web"}, "spec": {"replicas": replicas, "strategy": strategy}}


class Sets:
    """An old and a new ReplicaSet whose status follows the spec at once, but for what is available."""

    def __init__(self, replicas):
        self.sizes = {"old": replicas, "new": 0}
        self.available = {"old": replicas, "new": 0}

    def replica_set(self, name):
        return {
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": self.sizes[name]},
            "status": {"availableReplicas": self.available[name]},
        }

    def step(self, d):
        """One sync. The (new, old) sizes after it, None when it changed nothing."""
        old, new = self.replica_set("old"), self.replica_set("new")
        up = reconcile_new_replica_set(d, [old, new], new)
        steps = [up] if up else reconcile_old_replica_sets(d, [old], new)
        for step in steps:
            self.sizes[step.name] = step.replicas
            self.available[step.name] = min(self.available[step.name], step.replicas)
        return (self.sizes["new"], self.sizes["old"]) if steps else None

    def settle(self, d):
        """Syncs until nothing changes: the (new, old) sizes passed through."""
        seen = []
        floor = min(sum(self.available.values()), d["spec"]["replicas"] - max_unavailable(d))
        while (sizes := self.step(d)) is not None:
            seen.append(sizes)
            assert sum(sizes) <= d["spec"]["replicas"] + max_surge(d)
            assert sum(self.available.values()) >= floor
        return seen


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "new", "old"),
    [
        (1, 1, 0, 1, 1),
        (2, 1, 0, 1, 2),
        (3, 1, 0, 1, 3),
        (4, 1, 1, 2, 3),
        (5, 2, 1, 3, 4),
        (6, 2, 1, 3, 5),
        (8, 2, 2, 4, 6),
        (10, 3, 2, 5, 8),
        (12, 3, 3, 6, 9),
        (20, 5, 5, 10, 15),
        (50, 13, 12, 25, 38),
        (100, 25, 25, 50, 75),
    ],
)
def test_bad_template_stalls(replicas, surge, unavailable, new, old):
    d = deployment(replicas)
    sets = Sets(replicas)
    sets.settle(d)
    assert (max_surge(d), max_unavailable(d)) == (surge, unavailable)
    assert (sets.sizes["new"], sets.sizes["old"]) == (new, old)


@pytest.mark.parametrize(
    ("replicas", "waves"),
    [
        (10, [[(3, 10), (3, 8), (5, 8)], [(5, 3), (10, 3)], [(10, 0)]]),
        (3, [[(1, 3)], [(1, 2), (2, 2)], [(2, 1), (3, 1)], [(3, 0)]]),
    ],
)
def test_healthy_waves(replicas, waves):
    """Each wave, all new pods become available; within one the sizes go as listed."""
    d = deployment(replicas)
    sets = Sets(replicas)
    for wave in waves:
        assert sets.settle(d) == wave
        sets.available["new"] = sets.sizes["new"]
    assert sets.settle(d) == []


@pytest.mark.parametrize("replicas", [1, 2, 5, 7])
def test_surge_one_unavailable_none_takes_a_wave_a_pod(replicas):
    d = deployment(replicas, 1, 0)
    sets = Sets(replicas)
    waves = 0
    while sets.sizes["old"]:
        sets.settle(d)
        if sets.sizes["new"] > sets.available["new"]:
            waves += 1
            sets.available["new"] = sets.sizes["new"]
    assert waves == replicas


def test_unhealthy_old_pods_go_first_and_need_no_availability():
    d = deployment(10)
    sets = Sets(10)
    sets.available["old"] = 4
    # Below the minimum of 8 already, yet the six that serve nobody may go.
    assert sets.settle(d) == [(3, 10), (3, 8), (5, 8)]
    assert sets.available["old"] == 4


def test_nothing_healthy_is_taken_while_a_status_lags_behind_its_spec():
    """Upstream: "when cleaning up unhealthy replicas, got invalid request to scale down", and the step is left out."""
    d = deployment(10)
    sets = Sets(10)
    sets.settle(d)
    sets.available["new"] = 2
    before = dict(sets.sizes)
    # The old set was scaled down to 8, but its status still counts 10.
    sets.available["old"] = before["old"] + 2
    sets.settle(d)
    assert sets.sizes["old"] == before["old"]

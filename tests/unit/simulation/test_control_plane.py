"""Leaders of the control plane: one instance works; when it falls silent another takes over, or it starts anew."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.faults import FaultError
from kcsim.simulation.simulation import Simulation
from tests.unit.simulation.conftest import deployment

MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"


def lease(sim: Simulation, name: str = MANAGER) -> dict[str, Any]:
    spec: dict[str, Any] = sim.get(f"lease/{name}", "kube-system")["spec"]
    return spec


def holder(sim: Simulation, name: str = MANAGER) -> str:
    """The host of the leader."""
    host: str = lease(sim, name)["holderIdentity"].partition("_")[0]
    return host


def working(sim: Simulation, name: str = MANAGER) -> list[str]:
    return [i.host for i in sim.cluster().instances[name] if i.work is not None and i.work.running]


def test_a_world_begins_with_elected_leaders_and_upstreams_times() -> None:
    sim = Simulation(nodes=1)
    for name in (MANAGER, SCHEDULER):
        assert holder(sim, name) == "control-plane"
        assert (lease(sim, name)["leaseDurationSeconds"], lease(sim, name)["leaseTransitions"]) == (15, 0)
    sim.run("1m")
    renewed = sim.kubectl("get lease kube-scheduler -n kube-system -o jsonpath={.spec.renewTime}").stdout
    assert 0 <= sim.now - parse_rfc3339(renewed) / SECOND <= 2


def test_leading_and_standing_by_cost_nothing_while_idle() -> None:
    sim = Simulation(nodes=1, control_plane=ControlPlane(3, 3))
    sim.run("2h")  # the Events of the start are forgotten
    before = sim.engine.steps
    sim.run("24h")
    assert sim.engine.steps == before


@pytest.mark.parametrize("seed", range(8))
def test_another_instance_takes_over_when_the_leader_dies(seed: int) -> None:
    sim = Simulation(nodes=1, seed=seed, control_plane=ControlPlane(2, 2))
    sim.run("1m")
    sim.inject("component-crash", MANAGER)
    assert working(sim) == []
    died = sim.now
    sim.run_until(lambda s: working(s) == ["control-plane-2"], timeout="1m")
    # The lease runs out 15 s after the candidate saw its last renewal (up to 2 s before the crash); it looks every 2 to 4.4 s.
    assert 13 <= sim.now - died <= 15 + 2 * 4.4
    sim.run("1s")
    assert (holder(sim), lease(sim)["leaseTransitions"]) == ("control-plane-2", 1)
    told = [e["message"] for e in sim.list("events", "kube-system") if e["reason"] == "LeaderElection"]
    assert [message.endswith(" became leader") for message in told] == [True]


def test_nothing_is_reconciled_while_nobody_leads_and_all_of_it_afterwards() -> None:
    sim = Simulation(nodes=2, seed=1)
    sim.run("10s")
    sim.inject("component-crash", MANAGER, duration="1m")
    sim.apply(deployment(2))
    sim.run("1m")
    assert sim.list("replicasets") == []
    # Its own old lease has run out meanwhile: it leads as soon as it has looked twice.
    sim.run("25s")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 2


def test_without_a_scheduler_pods_wait_and_are_placed_when_it_is_back() -> None:
    sim = Simulation(nodes=2, seed=1)
    sim.run("10s")
    sim.inject("component-crash", SCHEDULER, duration="2m")
    sim.apply(deployment(2))
    sim.run("2m")
    assert [p["spec"].get("nodeName") for p in sim.list("pods")] == [None, None]
    sim.run("30s")
    assert all(p["spec"].get("nodeName") for p in sim.list("pods"))


def test_a_leader_that_cannot_renew_exits_and_comes_back_under_another_name() -> None:
    sim = Simulation(nodes=1, seed=3)
    sim.run("1m")
    first = lease(sim)["holderIdentity"]
    sim.inject("api-partition", MANAGER, duration="5m")
    sim.run("11s")
    # The renew deadline of 10 s counts from the attempt that failed first, up to 2 s after the last renewal.
    assert working(sim) in (["control-plane"], [])
    sim.run("2s")
    assert working(sim) == []
    sim.run("287s")  # the partition ends now
    mended = sim.now
    sim.run_until(lambda s: working(s) == ["control-plane"], timeout="1m")
    # The new process has not seen the old one's last renewal for 15 s of its own clock.
    assert 15 <= sim.now - mended <= 15 + 5 + 2 * 4.4
    sim.run("1s")
    assert lease(sim)["holderIdentity"] != first


def test_a_short_partition_loses_nothing() -> None:
    sim = Simulation(nodes=1, seed=3)
    sim.run("1m")
    first = lease(sim)
    sim.inject("api-partition", MANAGER, duration="8s")
    sim.run("1m")
    assert lease(sim)["holderIdentity"] == first["holderIdentity"]
    assert working(sim) == ["control-plane"]
    assert all(node["status"]["conditions"][-1]["status"] == "True" for node in sim.list("nodes"))


def test_two_never_lead_at_once() -> None:
    sim = Simulation(nodes=1, seed=5, control_plane=ControlPlane(3, 1))
    sim.run("1m")
    for _ in range(6):
        sim.inject("api-partition", "control-plane", duration="20s")
        sim.inject("api-partition", "control-plane-2", duration="45s")
        for _ in range(60):
            sim.run("1s")
            assert len(working(sim)) <= 1
    sim.run("1m")
    assert len(working(sim)) == 1


def test_what_cannot_be_killed_is_named() -> None:
    sim = Simulation(nodes=1)
    with pytest.raises(FaultError, match="kube-controller-manager, kube-scheduler"):
        sim.inject("component-crash", "etcd")
    with pytest.raises(ValueError, match="at least one instance"):
        ControlPlane(0, 1)


def test_every_reading_of_a_lease_tells_the_last_renewal() -> None:
    sim = Simulation(nodes=1)
    sim.run("1m")
    lines = ("-o jsonpath={.spec.renewTime}", "-o custom-columns=R:.spec.renewTime --no-headers")
    told = {sim.kubectl(f"get lease kube-scheduler -n kube-system {line}").stdout.strip() for line in lines}
    told.add(sim.get("lease/kube-scheduler", "kube-system")["spec"]["renewTime"])
    told |= {
        one["spec"]["renewTime"]
        for one in sim.list("leases", "kube-system")
        if one["metadata"]["name"] == "kube-scheduler"
    }
    assert told == {"2026-01-01T00:01:00.000000Z"}

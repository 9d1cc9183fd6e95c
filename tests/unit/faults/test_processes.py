"""Faults of processes: who dies, who takes over, and what is done twice or late."""

from __future__ import annotations

import pytest

from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.faults import FaultError
from kcsim.simulation.simulation import Simulation
from tests.unit.faults.conftest import ready, told
from tests.unit.simulation.conftest import deployment

MANAGER = "kube-controller-manager"


def test_a_restart_empties_queues_and_caches_and_the_work_goes_on(sim):
    sim.kubectl("scale deployment web --replicas=6")
    sim.inject("component-restart", MANAGER, down="5s")
    sim.run("10s")
    assert len(sim.list("pods")) == 3
    sim.run("1m")
    assert ready(sim) == 6


def test_one_of_many_kubelets_is_restarted_by_its_host_and_its_containers_stay(sim):
    sim.inject("component-restart", "kubelet@node-2", down="3s")
    assert not sim.cluster().kubelets["node-2"].running
    assert sim.cluster().kubelets["node-1"].running
    sim.run("30s")
    assert sim.cluster().kubelets["node-2"].running
    assert {p["status"]["containerStatuses"][0]["restartCount"] for p in sim.list("pods")} == {0}


def test_a_crash_point_is_a_fault_like_any_other(sim):
    record = sim.inject(
        "crash-point", MANAGER, verb="create", resource="pods", nth=2, reconciler="replicaset-controller"
    )
    sim.kubectl("scale deployment web --replicas=6")
    sim.run("2m")
    (crash,) = told(sim, "fault", "crash")
    assert crash.cause is record
    assert crash.detail["when"].startswith("after create pods/default/web-")
    assert ready(sim) == 6
    assert len(sim.list("pods")) == 6


def test_a_crash_point_that_was_lifted_does_nothing(sim):
    sim.inject("crash-point", MANAGER, duration="5s")
    sim.run("6s")
    sim.kubectl("scale deployment web --replicas=4")
    sim.run("1m")
    assert not told(sim, "fault", "crash")


def test_two_leaders_work_at_the_same_time_until_the_old_one_finds_out():
    sim = Simulation(nodes=3, seed=1, control_plane=ControlPlane(controller_managers=2))
    sim.run_until("5s")
    sim.apply(deployment(3))
    sim.run("20s")
    sim.inject("two-leaders", MANAGER, duration="2m")
    sim.run("1m")
    instances = sim.world.cluster.instances[MANAGER]
    assert [i.leads for i in instances] == [True, True]
    assert all(i.work.running for i in instances)
    before = len(sim.trace)
    sim.kubectl("scale deployment web --replicas=9")
    sim.run("30s")
    conflicts = [r for r in sim.trace.records[before:] if r.verb == "error" and "modified" in str(r.detail)]
    assert conflicts, "both of them write"
    sim.run("2m")
    assert sum(i.leads for i in instances) == 1
    assert ready(sim) == 9
    assert len(sim.list("pods")) == 9


def test_two_leaders_need_a_second_instance(sim):
    with pytest.raises(FaultError, match="needs a second kube-controller-manager that stands by"):
        sim.inject("two-leaders", MANAGER)


def test_a_slow_worker_takes_its_time_for_each_key(sim):
    sim.inject("slow-worker", MANAGER, delay="10s", duration="3m")
    sim.kubectl("scale deployment web --replicas=4")
    sim.run("9s")
    assert sim.list("replicasets")[0]["spec"]["replicas"] == 3
    sim.run("2s")
    assert sim.list("replicasets")[0]["spec"]["replicas"] == 4
    assert len(sim.list("pods")) == 3
    sim.run("4m")
    assert ready(sim) == 4


@pytest.mark.parametrize(
    ("amounts", "message"),
    [
        ({"resource": "podz"}, "no resource 'podz'; did you mean pods"),
        ({"reconciler": "replicaset"}, "has no reconciler 'replicaset'; did you mean replicaset-controller"),
    ],
)
def test_a_write_that_nobody_makes_is_refused(sim, amounts, message):
    with pytest.raises(FaultError, match=message):
        sim.inject("crash-point", MANAGER, **amounts)


def test_a_resource_may_be_named_in_the_singular(sim):
    sim.inject("crash-point", MANAGER, verb="create", resource="pod", duration="5m")
    sim.kubectl("scale deployment web --replicas=4")
    sim.run("2m")
    assert told(sim, "fault", "crash")
    assert ready(sim) == 4


def test_a_crash_point_does_not_bring_back_what_another_fault_holds_down(sim):
    sim.inject("crash-point", MANAGER, down="5s")
    sim.inject("component-crash", MANAGER, duration="1m")
    sim.kubectl("scale deployment web --replicas=4")
    sim.run("50s")
    assert not any(instance.up for instance in sim.world.cluster.instances[MANAGER])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("kube-schedular", "no component 'kube-schedular'; did you mean kube-scheduler"),
        ("kubelet@node-9", "no kubelet on 'node-9'; write kubelet@HOST"),
        ("", "needs the component that it hits"),
    ],
)
def test_a_component_that_does_not_exist_is_refused(sim, target, message):
    with pytest.raises(FaultError, match=message):
        sim.inject("component-restart", target)

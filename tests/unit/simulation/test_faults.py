"""Faults, as their effects show in the API: when they are noticed, what follows, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.simulation.faults import Fault, FaultError, heal, inject
from kcsim.simulation.simulation import Simulation
from tests.unit.simulation.conftest import IMAGE, settled


def since(obj: dict[str, Any], condition: str, status: str) -> float:
    """When (seconds) a condition took a status."""
    found = objects.condition(obj, condition)
    assert found is not None
    assert found["status"] == status, found
    return parse_rfc3339(found["lastTransitionTime"]) / SECOND


def pods_on(sim: Simulation, node: str) -> list[str]:
    return [p["metadata"]["name"] for p in sim.list("pods") if p["spec"].get("nodeName") == node]


def busy_node(sim: Simulation) -> str:
    node: str = sim.list("pods")[0]["spec"]["nodeName"]
    return node


def restarts(sim: Simulation, pod: str) -> int:
    statuses = sim.get(f"pod/{pod}")["status"].get("containerStatuses") or [{"restartCount": 0}]
    count: int = statuses[0]["restartCount"]
    return count


# --- a machine dies ---------------------------------------------------------------------------------------------


def test_a_dead_node_is_unknown_after_its_grace_and_its_pods_are_replaced_300_s_later() -> None:
    sim = settled()
    node = busy_node(sim)
    lost = pods_on(sim, node)
    sim.inject("node-crash", node)
    sim.run_until(lambda s: objects.condition_is(s.get(f"node/{node}"), "Ready", "Unknown"), timeout="2m")
    # 50 s of grace since the last renewal as a 5 s monitor saw it; renewals come every 10 to 10.4 s.
    noticed = sim.now - 20
    assert 39 < noticed < 60
    assert lost == pods_on(sim, node)
    sim.run("2s")
    taints = {(t["key"], t["effect"]) for t in sim.get(f"node/{node}")["spec"]["taints"]}
    key = "node.kubernetes.io/unreachable"
    assert {(key, "NoSchedule"), (key, "NoExecute")} <= taints
    for name in lost:
        assert objects.condition_is(sim.get(f"pod/{name}"), "Ready", "False")
    sim.run("290s")
    assert not any(objects.is_deleting(p) for p in sim.list("pods"))
    sim.run("20s")
    evicted = [p for p in sim.list("pods") if objects.is_deleting(p)]
    assert sorted(p["metadata"]["name"] for p in evicted) == sorted(lost)
    sim.run("30s")
    # Nobody confirms that the old pods ended: they stay, Terminating, and are replaced elsewhere.
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 3
    assert pods_on(sim, node) == lost


def test_a_node_that_comes_back_late_finds_its_pods_deleted_and_lets_them_go() -> None:
    sim = settled()
    node = busy_node(sim)
    lost = pods_on(sim, node)
    sim.inject("node-crash", node, duration="8m")
    sim.run("10m")
    assert not set(lost) & {p["metadata"]["name"] for p in sim.list("pods")}
    assert objects.condition_is(sim.get(f"node/{node}"), "Ready")
    assert not sim.get(f"node/{node}")["spec"].get("taints")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 3
    assert any(e["reason"] == "Rebooted" for e in sim.list("events"))
    assert not sim.cluster().kubelets[node].runtime.sandboxes() or pods_on(sim, node)


def test_a_reboot_within_the_grace_restarts_containers_in_the_same_pods() -> None:
    sim = settled()
    node = busy_node(sim)
    pods = pods_on(sim, node)
    addresses = {p: sim.get(f"pod/{p}")["status"]["podIP"] for p in pods}
    sim.inject("node-crash", node, duration="10s")
    sim.run("40s")
    assert pods_on(sim, node) == pods
    for name in pods:
        assert restarts(sim, name) == 1
        status = sim.get(f"pod/{name}")["status"]
        assert objects.condition_is(sim.get(f"pod/{name}"), "Ready")
        assert status["podIP"] != addresses[name]
        last = status["containerStatuses"][0]["lastState"]["terminated"]
        assert (last["exitCode"], last["reason"]) == (255, "Unknown")
    assert objects.condition_is(sim.get(f"node/{node}"), "Ready")


def test_lost_pods_give_their_addresses_back() -> None:
    sim = settled()
    node = busy_node(sim)
    for _ in range(100):
        sim.inject("node-crash", node, duration="5s")
        sim.run("30s")
    # A hundred reboots of up to three pods would have used up a /24 if any address had been kept.
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 3


def test_overlapping_crashes_end_with_the_last_one() -> None:
    sim = settled()
    sim.inject("node-crash", "node-2", duration="20s")
    sim.run("10s")
    sim.inject("node-crash", "node-2", duration="20s")
    sim.run("15s")
    assert not sim.world.network.is_up("node-2")
    sim.run("10s")
    assert sim.world.network.is_up("node-2")


def test_a_fault_for_good_can_be_healed_by_hand() -> None:
    sim = settled()
    record = sim.inject("node-crash", "node-2")
    sim.run("1h")
    assert [o.record for o in sim.world.faults] == [record]
    assert heal(sim.world, record).subject == "node-crash/node-2"
    sim.run("30s")
    assert objects.condition_is(sim.get("node/node-2"), "Ready")
    with pytest.raises(FaultError, match="no such fault"):
        heal(sim.world, record)


# --- the API server ---------------------------------------------------------------------------------------------


def test_while_the_api_is_down_pods_go_on_and_nobody_is_blamed_afterwards() -> None:
    sim = settled()
    before = len(sim.trace)
    sim.inject("api-outage", duration="10m")
    sim.run("9m")
    written = [r for r in sim.trace.records[before:] if r.verb in {"create", "update", "patch", "delete"}]
    assert not written
    sim.run("5m")
    assert all(objects.condition_is(n, "Ready") for n in sim.list("nodes"))
    assert [restarts(sim, p["metadata"]["name"]) for p in sim.list("pods")] == [0, 0, 0]


def test_changes_asked_for_before_an_outage_are_carried_out_after_it() -> None:
    sim = settled()
    sim.kubectl("scale deployment web --replicas=5")
    sim.inject("api-outage", duration="60s")
    sim.run("59s")
    assert len(sim.list("pods")) == 3
    sim.run("90s")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 5


@pytest.mark.parametrize(
    ("client", "stands_still"),
    [
        ("kube-controller-manager", "pods"),
        ("kube-scheduler", "binding"),
        ("ci", ""),
        ("flux", ""),
        ("maria", ""),
    ],
)
def test_one_client_is_cut_off_and_the_others_are_not(client: str, stands_still: str) -> None:
    sim = settled()
    record = sim.inject("api-partition", client, duration="2m")
    sim.kubectl("scale deployment web --replicas=5")
    sim.run("1m")
    pods = sim.list("pods")
    assert len(pods) == (3 if stands_still == "pods" else 5)
    assert len([p for p in pods if p["spec"].get("nodeName")]) == (3 if stands_still else 5)
    sim.run("3m")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 5
    assert ("note" in record.facts()) == (client not in {"kube-controller-manager", "kube-scheduler"})


def test_a_node_cut_off_from_the_api_is_unknown_while_its_pods_run_on() -> None:
    sim = settled()
    node = busy_node(sim)
    sim.inject("api-partition", node, duration="2m")
    sim.run("70s")
    assert objects.condition_is(sim.get(f"node/{node}"), "Ready", "Unknown")
    assert all(s.running() for s in sim.cluster().kubelets[node].runtime.sandboxes())
    sim.run("2m")
    assert objects.condition_is(sim.get(f"node/{node}"), "Ready")
    assert [restarts(sim, name) for name in pods_on(sim, node)] == [0] * len(pods_on(sim, node))


# --- images -----------------------------------------------------------------------------------------------------


def test_an_image_that_crashes_takes_running_containers_down_and_heals() -> None:
    sim = settled()
    record = sim.inject("image-crash", IMAGE, duration="60s")
    sim.run("1s")
    assert not any(s.running() for k in sim.cluster().kubelets.values() for s in k.runtime.sandboxes())
    sim.run("50s")
    waiting = [
        p["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason")
        for p in sim.list("pods")
    ]
    assert "CrashLoopBackOff" in waiting
    reports = [r for r in sim.trace.records if r.subject.startswith("pod/default/web-")]
    assert record in reports[-1].chain()
    sim.run("6m")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == 3
    assert all(restarts(sim, p["metadata"]["name"]) >= 2 for p in sim.list("pods"))


def test_an_image_changes_its_behaviour_and_the_newest_of_two_faults_counts() -> None:
    sim = settled()

    def latency() -> set[int]:
        runtimes = [k.runtime for k in sim.cluster().kubelets.values()]
        return {c.behaviour.latency for r in runtimes for s in r.sandboxes() for c in s.running()}

    usual = latency()
    inject(
        sim.world, Fault("image-behaviour", IMAGE, 60 * SECOND, behaviour=ImageBehaviour(IMAGE, latency=7))
    )
    sim.run("10s")
    assert latency() == {7}
    inject(
        sim.world, Fault("image-behaviour", IMAGE, 10 * SECOND, behaviour=ImageBehaviour(IMAGE, latency=9))
    )
    assert latency() == {9}
    sim.run("15s")
    assert latency() == {7}
    sim.run("60s")
    assert latency() == usual
    assert sim.world.healthy_images == {}


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        ("node-crsh", "node-1", "no fault 'node-crsh'"),
        ("node-crash", "node-9", "no node 'node-9'; there are node-1"),
        ("git-outage", "shop/web", "no repository 'shop/web'"),
        ("api-partition", "", "needs the client"),
        ("api-outage", "node-1", "takes no target"),
        ("image-behaviour", IMAGE, "needs the image"),
        ("image-crash", "not an image!", "no image"),
    ],
)
def test_what_does_not_exist_cannot_fail(kind: str, target: str, message: str) -> None:
    sim = Simulation(nodes=1, seed=1)
    before = len(sim.trace)
    with pytest.raises(FaultError, match=message):
        sim.inject(kind, target)
    assert len(sim.trace) == before
    assert sim.world.faults == []


def test_an_unknown_cluster_is_refused() -> None:
    with pytest.raises(FaultError, match="no cluster 'staging'"):
        Simulation(nodes=1).inject("api-outage", cluster="staging")


def test_a_repository_can_fail_alone() -> None:
    sim = Simulation(nodes=1, seed=1)
    git = sim.world.git
    for name in ("shop/web", "shop/infra"):
        git.create(name)
    sim.inject("git-outage", "shop/web", duration="1m")
    assert (git.is_available("shop/web"), git.is_available("shop/infra")) == (False, True)
    sim.inject("git-outage", duration="10s")
    assert not git.is_available("shop/infra")
    sim.run("11s")
    assert (git.is_available("shop/web"), git.is_available("shop/infra")) == (False, True)
    sim.run("1m")
    assert git.is_available("shop/web")

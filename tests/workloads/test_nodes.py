"""Machines that die, come back, or take a zone along; and a control plane that is away."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.simulation.simulation import Simulation
from tests.workloads.worlds import (
    cluster,
    events,
    image,
    pods,
    ready,
    restarts,
    service,
    settle,
    when,
    workload,
    zoned,
)

UNREACHABLE = "node.kubernetes.io/unreachable"


def is_evicted(node: Object) -> bool:
    taints = node["spec"].get("taints") or ()
    return any((taint["key"], taint["effect"]) == (UNREACHABLE, "NoExecute") for taint in taints)


def status(sim: Simulation, node: str) -> str:
    found = objects.condition(sim.get(f"node/{node}"), "Ready")
    return found["status"] if found else ""


def deleting(sim: Simulation, node: str) -> list[str]:
    return [p["metadata"]["name"] for p in pods(sim, node=node) if objects.is_deleting(p)]


def test_a_dead_node_is_noticed_tainted_and_emptied():
    """S02: NotReady after 40 to 60 s, deletions 300 s after the taint, replacements within seconds of them."""
    sim = cluster(2)
    settle(sim, workload(replicas=20), service(), ready=20)
    lost = len(pods(sim, node="node-2"))
    died = sim.now
    sim.inject("node-crash", "node-2")
    sim.run_until(lambda s: status(s, "node-2") == "Unknown", timeout="2m")
    assert 40 <= sim.now - died <= 60
    assert objects.condition(sim.get("node/node-2"), "Ready")["reason"] == "NodeStatusUnknown"
    assert when(sim, lambda s: is_evicted(s.get("node/node-2"))) < 0.5
    tainted = sim.now
    sim.run("5s")
    assert events(sim, "NodeNotReady")
    assert ready(sim) == 20 - lost
    sim.run_until(lambda s: len(deleting(s, "node-2")) == lost, timeout="10m")
    assert 300 <= sim.now - tainted <= 302
    sim.run_until(lambda s: s.get("deployment/web")["status"].get("readyReplicas") == 20, timeout="1m")
    assert 340 <= sim.now - died <= 375
    assert events(sim, "TaintManagerEviction")
    sim.run("1h")
    assert len(deleting(sim, "node-2")) == lost  # nobody confirms their end


def test_requests_to_a_dead_node_fail_until_its_endpoints_are_gone():
    """S02: a share of the requests times out from the crash until the slices have changed."""
    sim = cluster(2)
    settle(sim, workload(replicas=20), service(), ready=20)
    share = len(pods(sim, node="node-2")) / 20
    users = sim.world.add_traffic("users", service="web", rate=20, start=sim.engine.now)
    died = sim.now
    sim.inject("node-crash", "node-2")
    sim.run_until(lambda s: status(s, "node-2") == "Unknown", timeout="2m")
    sim.run("5s")
    silence = sim.now - died
    until_now = users.totals().failed
    assert until_now == pytest.approx(20 * (silence - 4) * share, rel=0.25)
    sim.run("2m")
    assert users.totals().failed - until_now <= 2


def test_a_toleration_of_30_s_shortens_it():
    sim = cluster(2)
    tolerations = [{"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}]
    settle(sim, workload(replicas=4, pod={"tolerations": tolerations}), ready=4)
    sim.inject("node-crash", "node-2")
    assert 70 <= when(sim, lambda s: deleting(s, "node-2")) <= 95


def test_a_node_that_is_back_in_time_loses_nothing():
    """S03: away for three minutes: NotReady, tainted, forgiven; no pod is deleted and no container restarts."""
    sim = cluster(2)
    settle(sim, workload(replicas=4), ready=4)
    names = {p["metadata"]["name"] for p in pods(sim)}
    sim.inject("api-partition", "node-2", duration="3m")
    sim.run("2m")
    assert status(sim, "node-2") == "Unknown"
    sim.run("1m")
    assert when(sim, lambda s: status(s, "node-2") == "True") <= 10
    assert when(sim, lambda s: not s.get("node/node-2")["spec"].get("taints")) <= 6
    assert when(sim, lambda s: ready(s) == 4) <= 10
    sim.run("10m")
    assert {p["metadata"]["name"] for p in pods(sim)} == names
    assert {restarts(p) for p in pods(sim)} == {0}
    assert events(sim, "TaintManagerEviction")[-1]["message"].startswith("Cancelling deletion of Pod")


def test_a_short_silence_is_invisible():
    """S03: shorter than the grace: no pod and no condition is touched."""
    sim = cluster(2)
    settle(sim, workload(replicas=4), ready=4)
    before = len(sim.trace)
    sim.inject("api-partition", "node-2", duration="30s")
    sim.run("5m")
    assert not [r for r in sim.trace.records[before:] if r.subject.startswith("pod/")]
    assert status(sim, "node-2") == "True"


class TestZones:
    """S04: how fast a zone is emptied depends on how much of it is lost, and on the others."""

    @pytest.fixture
    def sim(self):
        return cluster([*zoned("a", 10, 0), *zoned("b", 10, 1), *zoned("c", 10, 2)])

    def tainted(self, sim):
        return [n["metadata"]["name"] for n in sim.list("nodes") if is_evicted(n)]

    def test_a_whole_zone_is_emptied_one_node_each_ten_seconds(self, sim):
        for number in range(10):
            sim.inject("node-crash", f"a-{number}")
        assert 40 <= when(sim, self.tainted) <= 61
        assert 85 <= when(sim, lambda s: len(self.tainted(s)) == 10) <= 95

    def test_a_part_of_a_small_zone_is_spared(self, sim):
        for number in range(6):
            sim.inject("node-crash", f"a-{number}")
        sim.run("30m")
        assert len(self.tainted(sim)) <= 2

    def test_nothing_is_evicted_when_every_node_falls_silent(self, sim):
        settle(sim, workload(replicas=30), ready=30)
        for node in sim.list("nodes"):
            sim.inject("api-partition", node["metadata"]["name"], duration="20m")
        sim.run("15m")
        assert {status(sim, n["metadata"]["name"]) for n in sim.list("nodes")} == {"Unknown"}
        assert self.tainted(sim) == []
        sim.run("15m")
        assert not [p for p in pods(sim) if objects.is_deleting(p)]
        assert ready(sim) == 30


class TestStatefulSet:
    """S17: nobody replaces the pod of a dead node until somebody says that the node is gone."""

    @pytest.fixture
    def sim(self):
        sim = cluster(3)
        settle(sim, workload("StatefulSet"), ready=3, kind="statefulset")
        return sim

    def kill_the_node(self, sim, minutes):
        pod = sim.get("pod/web-1")
        sim.inject("node-crash", pod["spec"]["nodeName"])
        sim.run(f"{minutes}m")
        assert objects.is_deleting(sim.get("pod/web-1"))
        assert sim.get("pod/web-1")["metadata"]["uid"] == pod["metadata"]["uid"]
        return pod["spec"]["nodeName"], pod["metadata"]["uid"]

    def test_it_waits_and_out_of_service_frees_it(self, sim):
        node, uid = self.kill_the_node(sim, 60)
        sim.kubectl(f"taint node {node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
        assert when(sim, lambda s: s.get("pod/web-1")["metadata"]["uid"] != uid) <= 21
        assert when(sim, lambda s: s.get("statefulset/web")["status"].get("readyReplicas") == 3) <= 10

    def test_deleting_the_node_frees_it_after_the_quarantine(self, sim):
        node, uid = self.kill_the_node(sim, 10)
        sim.kubectl(f"delete node {node}")
        assert 40 <= when(sim, lambda s: s.get("pod/web-1")["metadata"]["uid"] != uid) <= 80

    def test_a_forced_delete_frees_it_at_once(self, sim):
        _, uid = self.kill_the_node(sim, 10)
        sim.kubectl("delete pod web-1 --force --grace-period=0")
        assert when(sim, lambda s: s.get("pod/web-1")["metadata"]["uid"] != uid) <= 1


def test_an_outage_of_the_api_server_changes_nothing_that_runs():
    """S31: for ten minutes nobody reconciles; afterwards leaders are elected anew and no node is blamed."""
    sim = cluster(2)
    settle(sim, workload(replicas=4), service(), ready=4)
    users = sim.world.add_traffic("users", service="web", rate=5, start=sim.engine.now)
    sim.inject("api-outage", duration="10m")
    before = len(sim.trace)
    sim.run("10m")
    written = [r for r in sim.trace.records[before:] if r.subject.startswith(("pod/", "node/", "deployment"))]
    assert written == []
    assert users.totals().failed == 0
    back = sim.now
    sim.apply(workload(replicas=5))
    sim.run_until(lambda s: s.get("deployment/web")["status"].get("readyReplicas") == 5, timeout="2m")
    # The old leader's lease runs out 15 s after the new process has first seen it, and is looked at every 2 to 4.4 s.
    assert 15 <= sim.now - back <= 15 + 2 * 4.4 + 8
    sim.run("10m")
    assert {status(sim, n["metadata"]["name"]) for n in sim.list("nodes")} == {"True"}
    assert not events(sim, "NodeNotReady")
    assert {restarts(p) for p in pods(sim)} == {0}


def test_a_quick_reboot_restarts_containers_and_is_not_taken_for_a_loss():
    """S34: 35 s is below the grace: new sandboxes and addresses, the same pods."""
    sim = cluster(2)
    settle(sim, workload(replicas=4), ready=4)
    there = {p["metadata"]["name"]: p["status"]["podIP"] for p in pods(sim, node="node-2")}
    sim.inject("node-crash", "node-2", duration="35s")
    sim.run("2m")
    again = {p["metadata"]["name"]: p["status"]["podIP"] for p in pods(sim, node="node-2")}
    assert again.keys() == there.keys()
    assert all(again[name] != there[name] for name in there)
    assert {restarts(p) for p in pods(sim, node="node-2")} == {1}
    assert {e["reason"] for e in sim.list("events")} >= {"Rebooted", "SandboxChanged"}
    assert not events(sim, "TaintManagerEviction")


def test_a_full_disk_sends_pods_away_one_by_one():
    """S22: a look within ten seconds, a taint, one pod a look until there is room, and five minutes of caution."""
    hungry = image(disk_bytes=20 << 30)
    sim = cluster(zoned("zone-a", 2), hungry)
    pinned = {"nodeSelector": {"kubernetes.io/hostname": "zone-a-0"}}
    settle(sim, workload(replicas=4, pod=pinned), ready=4)
    sim.apply(workload(replicas=4))  # from now on replacements may go elsewhere
    sim.run("2m")
    node = max(("zone-a-0", "zone-a-1"), key=lambda name: len(pods(sim, node=name)))
    began = sim.now
    writer = {"name": "app", "image": "registry.example/writer:1"}
    sim.world.push_image(image("registry.example/writer:1", disk_growth=(100 << 30) // 60))
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "writer", "labels": {"is": "writer"}}}
    sim.apply({**pod, "spec": {"nodeName": node, "containers": [writer]}})
    sim.run_until(lambda s: objects.condition_is(s.get(f"node/{node}"), "DiskPressure"), timeout="5m")
    assert events(sim, "EvictionThresholdMet")
    assert sim.now - began < 70
    pressed = sim.now
    sim.run("15s")
    taints = sim.get(f"node/{node}")["spec"].get("taints") or []
    assert ("node.kubernetes.io/disk-pressure", "NoSchedule") in [(t["key"], t["effect"]) for t in taints]
    sim.run("1m")
    evicted = [p for p in pods(sim) if p["status"].get("reason") == "Evicted"]
    assert evicted
    assert all(p["status"]["phase"] == "Failed" for p in evicted)
    told = [e for e in events(sim, "Evicted") if e["involvedObject"]["kind"] == "Pod"]
    assert len(told) == len(evicted)
    assert "The node was low on resource: ephemeral-storage." in evicted[0]["status"]["message"]
    sim.run_until(lambda s: not objects.condition_is(s.get(f"node/{node}"), "DiskPressure"), timeout="20m")
    assert sim.now - pressed >= 299.99
    sim.run("1m")
    assert ready(sim) == 4


def test_a_pod_that_has_ended_stays_ended_through_a_reboot():
    """The machine dies between the last status of a deleted pod and its removal; nothing of it runs again."""
    sim = cluster(1)
    settle(sim, workload(replicas=1), ready=1)
    name = pods(sim)[0]["metadata"]["name"]
    sim.kubectl(f"delete pod {name} --wait=false")
    sim.run_until(lambda s: s.get(f"pod/{name}")["status"]["phase"] == "Failed", timeout="1m")
    sim.inject("node-crash", "node-1", duration="10s")
    sim.run("2m")
    log = sim.cluster().server.log
    resource = sim.cluster().direct().resource("pods")
    phases = [version.object["status"].get("phase") for version in log.history(resource, ("default", name))]
    assert list(dict.fromkeys(phases)) == ["Pending", "Running", "Failed"]
    assert phases[phases.index("Failed") :] == ["Failed"] * (len(phases) - phases.index("Failed"))
    assert name not in {pod["metadata"]["name"] for pod in pods(sim)}

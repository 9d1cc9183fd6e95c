"""Faults with a person behind them: a hand in the cluster, what was forgotten, and stolen credentials."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.simulation.faults import FaultError
from tests.unit.faults.conftest import ready, told


def test_an_edit_by_hand_is_a_patch_by_that_person(sim):
    sim.inject("human-edit", "deployment/web", patch='{"spec":{"paused":true}}', person="mallory")
    sim.run("5s")
    assert sim.get("deployment/web")["spec"]["paused"] is True
    assert any(r.actor == "mallory" and r.verb == "patch" for r in sim.trace.records)
    assert told(sim, "mallory", "kubectl")


def test_scaling_by_hand_is_undone_by_an_agent_and_not_by_a_pipeline(story):
    for delivery, wanted in (("flux", 3), ("push", 1)):
        sim = story(delivery, "15m")
        sim.inject("human-scale", "deployment/web", namespace="shop", replicas=1)
        sim.run("14m")
        assert ready(sim, namespace="shop") == wanted


def test_a_deletion_takes_the_pods_along(sim):
    sim.inject("human-delete", "deployment/web")
    sim.run("1m")
    assert sim.list("pods") == []


def test_a_forced_deletion_removes_the_object_at_once_while_the_container_runs(sim):
    pod = sim.list("pods")[0]
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    sim.inject("network-partition", f"{node} -> control-plane", duration="5m")
    sim.inject("human-force-delete", f"pod/{name}")
    sim.run("10s")
    assert name not in {p["metadata"]["name"] for p in sim.list("pods")}
    running = [s.name for s in sim.cluster().kubelets[node].runtime.sandboxes() if s.running()]
    assert running == [name] or name in running


def test_a_label_that_is_taken_off_takes_the_pod_out_of_its_replica_set(sim):
    name = sim.list("pods")[0]["metadata"]["name"]
    sim.inject("human-label-removed", f"pod/{name}", label="app")
    sim.run("30s")
    assert "app" not in objects.labels(sim.get(f"pod/{name}"))
    assert len(sim.list("pods")) == 4, "the ReplicaSet makes another"


def test_what_is_suspended_and_forgotten_does_not_deliver_until_somebody_remembers(story):
    sim = story("flux", "9m")
    sim.inject("suspend-forgotten", "kustomization/shop", duration="10m")
    sim.run_until("18m")
    assert sim.get("kustomization/shop", "flux-system")["spec"]["suspend"] is True
    image = sim.get("deployment/web", "shop")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(":1.0.0")
    sim.run_until("30m")
    image = sim.get("deployment/web", "shop")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(":1.1.0")


@pytest.mark.parametrize(
    ("kind", "target", "more", "message"),
    [
        ("human-scale", "deployment/wep", {}, "no deployment/wep in namespace default; there are web"),
        ("human-scale", "web", {}, "needs an object as KIND/NAME"),
        ("human-edit", "deployment/web", {}, "human-edit needs patch"),
        ("human-edit", "deployment/web", {"patch": "{"}, "human-edit: Expecting property name"),
        ("human-edit", "deployment/web", {"patch": "[]"}, "patch is a JSON object, not"),
        (
            "human-label-removed",
            "deployment/web",
            {"lable": "app"},
            "takes no lable; it takes namespace, person, label",
        ),
        ("human-delete", "deployment/web", {"replicas": 1}, "takes no replicas"),
    ],
)
def test_a_hand_that_reaches_for_nothing_is_refused(sim, kind, target, more, message):
    with pytest.raises(FaultError, match=message):
        sim.inject(kind, target, **more)


def test_a_hand_takes_no_time(sim):
    with pytest.raises(FaultError, match="over at once: it takes no duration"):
        sim.inject("human-delete", "deployment/web", duration="1m")


# --- credentials ------------------------------------------------------------------------------------------------


def test_a_thief_reads_and_starts_what_the_stolen_rights_allow(story):
    sim = story("push", "8m")
    sim.kubectl("create secret generic card --from-literal=number=4711", namespace="shop")
    sim.inject("credential-leaked", "ci", namespace="shop")
    sim.run("10s")
    (theft,) = told(sim, "intruder", "steal")
    assert theft.detail["secrets"] >= 1
    assert theft.detail["could"] == "everything in the cluster"
    pod = sim.get("pod/miner", "shop")
    write = next(r for r in sim.trace.records if r.subject == "pod/shop/miner" and r.verb == "create")
    assert (write.actor, pod["spec"]["containers"][0]["name"]) == ("ci-deployer", "miner")


CHANGE = {
    "resource": "deployments",
    "object_name": "web",
    "patch": '{"metadata":{"annotations":{"mine":"now"}}}',
}


def test_a_thief_changes_what_the_stolen_rights_allow(story):
    sim = story("push", "8m")
    sim.inject("credential-leaked", "ci", namespace="shop", **CHANGE)
    sim.run("10s")
    assert sim.get("deployment/web", "shop")["metadata"]["annotations"]["mine"] == "now"
    writes = [r for r in sim.trace.records if r.subject == "deployment.apps/shop/web" and r.verb == "patch"]
    assert writes[-1].actor == "ci-deployer"
    assert writes[-1].cause.actor == "intruder"


def test_what_a_thief_changes_is_named_in_full(sim):
    with pytest.raises(FaultError, match="resource, objectName and patch together"):
        sim.inject("credential-leaked", "kube-scheduler", resource="deployments")


def test_a_thief_of_a_components_credentials_meets_rbac(sim):
    sim.inject("credential-leaked", "kube-scheduler")
    sim.run("10s")
    (theft,) = told(sim, "intruder", "steal")
    assert theft.detail["secrets"] == 0
    assert told(sim, "intruder", "refused")
    assert "miner" not in {p["metadata"]["name"] for p in sim.list("pods")}


@pytest.mark.parametrize(
    ("client", "user"), [("flux", "kustomize-controller"), ("node-2", "system:node:node-2"), ("dana", "dana")]
)
def test_a_leak_is_of_that_clients_identity(story, client, user):
    sim = story("flux", "6m")
    sim.inject("credential-leaked", client, namespace="shop")
    sim.run("10s")
    (theft,) = told(sim, "intruder", "steal")
    everything = theft.detail["could"] == "everything in the cluster"
    assert everything == (client != "node-2")
    made = [r.actor for r in sim.trace.records if r.subject == "pod/shop/miner" and r.verb == "create"]
    assert all(user in actor for actor in made)
    assert bool(made) == (client != "node-2")


def test_a_pipeline_with_expired_credentials_cannot_deploy(story):
    sim = story("push", "9m")
    sim.inject("credential-expired", "ci")
    sim.run_until("20m")
    errors = " ".join(str(r.detail) for r in told(sim, "ci", "fail"))
    assert "Unauthorized" in errors
    assert sim.get("deployment/web", "shop")["status"]["readyReplicas"] == 3


# --- load -------------------------------------------------------------------------------------------------------


def test_a_spike_multiplies_the_requests_while_it_lasts(story):
    sim = story("push", "10m")
    traffic = sim.world.traffic["shoppers"]
    usual = traffic.rate
    sim.inject("load-spike", "shoppers", factor=20, duration="2m")
    before = traffic.totals().sent
    sim.run("2m")
    assert 20 * 120 * usual * 0.9 < traffic.totals().sent - before < 20 * 120 * usual * 1.1
    before = traffic.totals().sent
    sim.run("2m")
    assert traffic.totals().sent - before < 130 * usual


def test_a_spike_of_unknown_traffic_is_refused(sim):
    with pytest.raises(FaultError, match="no traffic 'shoppers'; there is none"):
        sim.inject("load-spike", "shoppers")

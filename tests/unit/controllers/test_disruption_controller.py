"""Disruption budgets in a tiny world: how many pods may be evicted, what eviction answers, what is forgotten."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.api.eviction import check_budget
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.disruption.budget import Counts, expected_and_desired, go_selector
from kcsim.cluster.controllers.disruption.controller import DisruptionController, StaleDisruptions
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.cluster.controllers.statefulset.controller import StatefulSetController
from kcsim.engine.clock import SECOND


@pytest.fixture
def world(make_world, make):
    world = make_world()
    world.run_controllers(
        DeploymentController(),
        ReplicaSetController(),
        StatefulSetController(),
        DisruptionController(),
        StaleDisruptions(),
        limits=make.unlimited,
    )
    return world


@pytest.fixture
def budget(make):
    def build(name="pdb", **spec):
        body = {"selector": {"matchLabels": {"app": "web"}}, **spec}
        return make.manifest("policy/v1", "PodDisruptionBudget", name, spec=body)

    return build


def start(world, make, replicas, budget_object, duration="10s"):
    world.do(world.client.create("deployments", make.deployment(replicas)))
    world.do(world.client.create("poddisruptionbudgets", budget_object))
    world.run(duration)


def status(world, name="pdb"):
    found = dict(world.get("poddisruptionbudgets", name)["status"])
    (condition,) = found.pop("conditions")
    found.pop("observedGeneration")
    return found, (condition["status"], condition["reason"])


def evict(world, pod):
    """The answer to an eviction: its code, and the causes of a refusal."""
    try:
        world.do(world.client.evict("shop", pod))
    except StatusError as refusal:
        return refusal.code, [cause["message"] for cause in (refusal.details or {}).get("causes", ())]
    return 201, []


@pytest.mark.parametrize(
    ("spec", "matching", "scale", "expected"),
    [
        ({"minAvailable": 2}, 5, 0, (5, 2)),
        ({"minAvailable": "50%"}, 7, 7, (7, 4)),
        ({"maxUnavailable": 1}, 3, 3, (3, 2)),
        ({"maxUnavailable": "1%"}, 10, 10, (10, 9)),
        ({"maxUnavailable": 5}, 3, 3, (3, 0)),
        ({}, 3, 3, (0, 0)),
    ],
)
def test_percentages_round_up_of_what_the_controllers_ask_for(spec, matching, scale, expected):
    assert expected_and_desired({"spec": spec}, matching, scale) == expected


@pytest.mark.parametrize(
    ("healthy", "desired", "expected", "allowed"), [(3, 2, 3, 1), (1, 2, 3, 0), (2, 0, 0, 0)]
)
def test_no_pods_expected_means_none_may_go(healthy, desired, expected, allowed):
    assert Counts(healthy, desired, expected).allowed == allowed


def test_the_status_follows_the_pods(world, make, budget):
    start(world, make, 3, budget(maxUnavailable=1))
    counts = {"currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 3, "disruptionsAllowed": 1}
    assert status(world) == (counts, ("True", "SufficientPods"))
    world.nodes.report(objects.key(world.list("pods")[0]), False)
    world.run("1s")
    counts |= {"currentHealthy": 2, "disruptionsAllowed": 0}
    assert status(world) == (counts, ("False", "InsufficientPods"))
    # What is asked for counts, not what is there.
    world.patch("deployments", "web", {"spec": {"replicas": 4}})
    world.run("10s")
    counts |= {"currentHealthy": 3, "desiredHealthy": 3, "expectedPods": 4}
    assert status(world)[0] == counts


def test_evictions_go_one_at_a_time_and_wait_for_the_replacement(world, make, budget):
    start(world, make, 3, budget(minAvailable=2))
    first, second, _ = world.names("pods")
    assert evict(world, first) == (201, [])
    why = "The disruption budget pdb needs 2 healthy pods and has 3 currently"
    assert evict(world, second)[0] == 429
    found, condition = status(world)
    assert (found["disruptionsAllowed"], list(found["disruptedPods"]), condition[0]) == (0, [first], "False")
    target = objects.condition(world.get("pods", first), "DisruptionTarget")
    assert (target["reason"], target["message"]) == ("EvictionByEvictionAPI", "Eviction API: evicting")
    world.run("0.5s")
    assert evict(world, second) == (429, [why.replace("has 3", "has 2")])
    assert "disruptedPods" not in status(world)[0]
    world.run("5s")
    assert evict(world, second) == (201, [])


def test_a_budget_that_was_just_changed_is_not_trusted(world, make, budget):
    start(world, make, 3, budget(minAvailable=1))
    world.patch("poddisruptionbudgets", "pdb", {"spec": {"minAvailable": 2}})
    with pytest.raises(StatusError) as refusal:
        world.do(world.client.evict("shop", world.names("pods")[0]))
    assert refusal.value.retry_after == 10
    assert refusal.value.details["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget pdb is still being processed by the server.",
        }
    ]


@pytest.mark.parametrize(
    ("spec", "unready", "code"),
    [
        ({"minAvailable": 2}, 1, 201),  # enough others are healthy
        ({"minAvailable": 2}, 2, 429),
        ({"minAvailable": 2, "unhealthyPodEvictionPolicy": "IfHealthyBudget"}, 2, 429),
        ({"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"}, 3, 201),
        ({"maxUnavailable": 0}, 1, 429),
    ],
)
def test_pods_that_are_not_ready(world, make, budget, spec, unready, code):
    start(world, make, 3, budget(**spec))
    for name in world.names("pods")[:unready]:
        world.nodes.report(("shop", name), False)
    world.run("1s")
    assert evict(world, world.names("pods")[0])[0] == code


def test_pods_that_serve_nobody_need_no_budget(world, make, budget):
    start(world, make, 2, budget(maxUnavailable=0))
    failed, running = world.names("pods")
    assert evict(world, running)[0] == 429
    world.nodes.report(("shop", failed), False, "Failed")
    assert evict(world, failed)[0] == 201


def test_several_budgets_for_a_pod_are_an_error(world, make, budget):
    start(world, make, 2, budget(minAvailable=1))
    world.do(world.client.create("poddisruptionbudgets", budget("second", minAvailable=1)))
    with pytest.raises(StatusError, match="more than one PodDisruptionBudget") as refusal:
        world.do(world.client.evict("shop", world.names("pods")[0]))
    assert (refusal.value.code, refusal.value.reason) == (500, "")
    world.nodes.report(("shop", world.names("pods")[0]), False)
    world.run("1s")
    told = {(reason, text.partition(" matches ")[2]) for _, reason, text in world.events("Pod")}
    assert (
        "MultiplePodDisruptionBudgets",
        'multiple PodDisruptionBudgets.  Chose "pdb" arbitrarily.',
    ) in told


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ({"disruptionsAllowed": -1}, 403, "pdb disruptions allowed is negative"),
        (
            {"disruptionsAllowed": 1, "disruptedPods": dict.fromkeys(map(str, range(2001)), "x")},
            403,
            "too big",
        ),
        (
            {
                "conditions": [
                    {
                        "type": "DisruptionAllowed",
                        "status": "False",
                        "reason": "SyncFailed",
                        "message": "no scale",
                    }
                ]
            },
            429,
            "The disruption budget b does not allow evicting pods currently because it failed sync: no scale",
        ),
        (
            {"currentHealthy": 3, "desiredHealthy": 2},
            429,
            "The disruption budget b does not allow evicting pods currently",
        ),
    ],
)
def test_statuses_that_make_no_sense_are_refused_with_their_reason(status, code, text):
    with pytest.raises(StatusError) as refusal:
        check_budget(
            {"metadata": {"name": "b", "generation": 1}, "status": {"observedGeneration": 1, **status}}
        )
    error = refusal.value
    causes = " ".join(cause["message"] for cause in error.details.get("causes", ()))
    assert error.code == code
    assert text in (error.message if code == 403 else causes)


def test_an_eviction_that_came_to_nothing_is_forgotten_after_two_minutes(world, make, budget):
    """Somebody marks a pod as evicted, and then does not delete it."""
    start(world, make, 3, budget(maxUnavailable=1))
    pod = world.list("pods")[0]
    now = world.get("deployments", "web")["metadata"]["creationTimestamp"]
    live = world.get("poddisruptionbudgets", "pdb")
    facts = {**live["status"], "disruptedPods": {objects.name(pod): now}, "disruptionsAllowed": 0}
    world.do(world.client.update_status("poddisruptionbudgets", {**live, "status": facts}))
    mark = {"type": "DisruptionTarget", "status": "True", "reason": "Test", "lastTransitionTime": now}
    conditions = [*objects.conditions(pod), mark]
    world.do(
        world.client.update_status("pods", {**pod, "status": {**pod["status"], "conditions": conditions}})
    )
    world.run("60s")
    assert status(world)[0]["currentHealthy"] == 2
    world.run("60s")
    found, _ = status(world)
    assert (found["currentHealthy"], found.get("disruptedPods")) == (3, None)
    assert not objects.condition_is(world.get("pods", objects.name(pod)), "DisruptionTarget")
    told = [text for _, reason, text in world.events("Pod") if reason == "NotDeleted"]
    assert told == ["Pod was expected by PDB shop/shop to be deleted but it wasn't"]
    assert world.engine.now <= 131 * SECOND


def test_pods_without_a_controller_are_told(world, make, budget):
    pod = make.manifest("v1", "Pod", "stray", spec=make.pod_template()["spec"])
    pod["metadata"]["labels"] = {"app": "web"}
    world.do(world.client.create("pods", pod))
    start(world, make, 2, budget(maxUnavailable=1))
    found, _ = status(world)
    assert (found["expectedPods"], found["currentHealthy"]) == (2, 3)
    text = next(text for _, reason, text in world.events("PodDisruptionBudget") if reason == "UnmanagedPods")
    assert "(selector: &LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:" in text


def test_controllers_without_scale_fail_the_budget_safely(world, make, budget):
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": True}
    pod = make.manifest("v1", "Pod", "worker", spec=make.pod_template()["spec"])
    pod["metadata"] |= {"labels": {"app": "web"}, "ownerReferences": [owner]}
    world.do(world.client.create("pods", pod))
    world.do(world.client.create("poddisruptionbudgets", budget(maxUnavailable=1)))
    world.run("2s")
    live = world.get("poddisruptionbudgets", "pdb")
    (condition,) = live["status"]["conditions"]
    assert live["status"]["disruptionsAllowed"] == 0
    assert (condition["reason"], condition["message"]) == (
        "SyncFailed",
        "jobs.batch does not implement the scale subresource",
    )


def test_stateful_sets_count_by_their_scale(world, make, budget):
    sets = make.manifest(
        "apps/v1",
        "StatefulSet",
        "db",
        spec={
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": make.pod_template(),
        },
    )
    world.do(world.client.create("statefulsets", sets))
    world.do(world.client.create("poddisruptionbudgets", budget(minAvailable="100%")))
    world.run("10s")
    assert status(world)[0] == {
        "currentHealthy": 2,
        "desiredHealthy": 2,
        "expectedPods": 2,
        "disruptionsAllowed": 0,
    }


def test_controllers_of_other_kinds_are_asked_for_their_scale(world, make, budget):
    template = make.pod_template()
    spec = {"replicas": 4, "selector": {"app": "web"}, "template": template}
    owner = world.do(
        world.client.create(
            "replicationcontrollers", make.manifest("v1", "ReplicationController", "rc", spec=spec)
        )
    )
    pod = make.manifest("v1", "Pod", "one", spec=template["spec"])
    pod["metadata"] |= {"labels": {"app": "web"}, "ownerReferences": [objects.owner_reference(owner)]}
    world.do(world.client.create("pods", pod))
    world.do(world.client.create("poddisruptionbudgets", budget(maxUnavailable=1)))
    world.run("5s")
    found, _ = status(world)
    assert (found["expectedPods"], found["desiredHealthy"], found["currentHealthy"]) == (4, 3, 1)


def test_selectors_print_as_go_prints_them():
    selector = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}
    assert go_selector(selector) == (
        "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{"
        "LabelSelectorRequirement{Key:a,Operator:In,Values:[x y],},},}"
    )


def test_nothing_ticks_once_all_is_well(world, make, budget):
    start(world, make, 3, budget(maxUnavailable=1), "15m")
    world.run("2h")  # the Events of the start are forgotten
    steps = world.engine.steps
    world.run("24h")
    assert world.engine.steps == steps

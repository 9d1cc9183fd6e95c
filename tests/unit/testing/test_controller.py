"""Controllers of one's own: what the kit does for them."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Simulation
from kcsim.testing.controller import Operator
from kcsim.testing.tiny import crd
from tests.unit.testing.controllers import (
    Archives,
    BadHandler,
    Endless,
    Mutating,
    ReturnsANumber,
    Spinning,
    WebApps,
    YieldsANumber,
    web_app,
)


@pytest.fixture
def sim() -> Simulation:
    world = Simulation(nodes=1, seed=3, checking=True)
    world.apply([crd("WebApp", "example.com"), crd("Archive", "example.com")])
    return world


def test_pure_functions_make_a_controller(sim: Simulation) -> None:
    sim.add_controller(WebApps)
    sim.apply(web_app())
    sim.run_until(lambda s: s.get("webapp/web")["status"]["ready"] == 2, timeout="1m")
    deployment = sim.get("deployment/web")
    assert objects.controller_of(deployment)["kind"] == "WebApp"
    assert sim.get("service/web")["spec"]["ports"][0]["port"] == 80


def test_it_settles(sim: Simulation) -> None:
    sim.add_controller(WebApps)
    sim.apply(web_app())
    sim.run("1m")
    records = len(sim.trace)
    sim.run("10m")
    assert not [r for r in sim.trace.records[records:] if r.actor.endswith(":webapps")]


def test_drift_is_repaired_and_what_others_set_is_left_alone(sim: Simulation) -> None:
    sim.add_controller(WebApps)
    sim.apply(web_app())
    sim.run("30s")
    sim.kubectl("scale deployment web --replicas=5")
    sim.kubectl("annotate deployment web owner=dana")
    sim.run("30s")
    deployment = sim.get("deployment/web")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["metadata"]["annotations"]["owner"] == "dana"


def test_what_is_no_longer_desired_is_deleted(sim: Simulation) -> None:
    sim.add_controller(WebApps)
    sim.apply(web_app())
    sim.run("30s")
    sim.apply(web_app(exposed=False))
    sim.run("30s")
    with pytest.raises(NotFound):
        sim.get("service/web")
    assert sim.get("deployment/web")


def test_a_child_of_somebody_else_is_not_deleted(sim: Simulation) -> None:
    sim.add_controller(WebApps)
    sim.apply(web_app(exposed=False))
    labels = {"app.kubernetes.io/instance": "web"}
    spec = {"selector": {"app": "x"}, "ports": [{"port": 80}]}
    sim.apply(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other", "labels": labels}, "spec": spec}
    )
    sim.run("30s")
    assert sim.get("service/other")


def test_a_finalizer_is_set_and_taken_off_when_all_is_cleaned_up(sim: Simulation) -> None:
    sim.add_controller(Archives)
    archive = {"apiVersion": "example.com/v1", "kind": "Archive", "metadata": {"name": "old"}, "spec": {}}
    sim.apply(archive)
    sim.run("10s")
    assert sim.get("archive/old")["metadata"]["finalizers"] == ["example.com/archives"]
    assert sim.get("configmap/old")
    sim.kubectl("delete archive old --wait=false")
    sim.run("10s")
    assert not sim.list("archive")
    assert "old" not in [objects.name(each) for each in sim.list("configmap")]
    written = [(r.verb, r.subject) for r in sim.trace.records if r.actor.endswith(":archives")]
    # The last patch, which takes the finalizer off, is what removes the object.
    assert [verb for verb, _ in written[-2:]] == ["delete", "delete"]


def test_an_operator_says_what_it_watches(sim: Simulation) -> None:
    with pytest.raises(TypeError, match="Operator says not what it watches"):
        sim.add_controller(Operator)


class Strangers(WebApps):
    name = "strangers"
    owns = ("deployments.apps",)


def test_a_child_of_a_kind_that_it_does_not_own_is_its_failure(sim: Simulation) -> None:
    sim.add_controller(Strangers)
    sim.apply(web_app())
    sim.run("1s")
    error = next(
        record for record in sim.trace.records if record.verb == "error" and "WebApp" not in record.subject
    )
    assert "wants a Service of v1, which `owns` does not name" in error.facts()["error"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "desired returned None: give a list of children, [] for none"),
        ([{"kind": "ConfigMap"}], "desired gave no object with apiVersion, kind and metadata.name: {'kind': 'ConfigMap'}"),
        (["web"], "desired gave no object with apiVersion, kind and metadata.name: 'web'"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_objects_is_told_in_its_own_words(
    sim: Simulation, given: object, told: str
) -> None:
    class Careless(WebApps):
        name = "careless"

        def desired(self, obj: object, observed: object) -> object:  # type: ignore[override]
            del obj, observed
            return given

    sim.add_controller(Careless)
    sim.apply(web_app())
    sim.run("10s")
    errors = [record.facts()["error"] for record in sim.trace.records if record.verb == "error"]
    assert f"Careless.{told}" in errors


# --- what goes wrong in a user's code ---------------------------------------------------------------------------


def failures(sim: Simulation, name: str) -> list[str]:
    return [
        f"{record.subject}: {record.facts()['exception']}: {record.facts()['error']}"
        for record in sim.trace.records
        if record.actor == name and record.verb == "error" and "exception" in record.facts()
    ]


def test_what_a_controller_changes_in_place_is_its_own(sim: Simulation) -> None:
    sim.kubectl("create configmap others --from-literal=mine=no")
    sim.add_controller(Mutating)
    sim.apply(web_app())
    sim.run("10s")
    assert failures(sim, "mutating") == []
    assert sim.get("webapp/web")["spec"]["seen"] is True
    assert sim.get("configmap/others")["data"]["mine"] == "yes"
    changed = [v for v in sim.cluster().server.log.versions if v.manager == "mutating"]
    assert [v.resource.plural for v in changed] == ["webapps", "configmaps"]
    assert "seen" not in changed[0].previous.object["spec"]
    sim.cluster().server.log.verify()


def test_a_handler_that_raises_is_its_controllers_failure_and_the_world_goes_on(sim: Simulation) -> None:
    sim.add_controller(BadHandler)
    sim.apply(web_app())
    sim.run("10s")
    told = failures(sim, "bad-handler")
    assert "configmaps default/kube-root-ca.crt: KeyError: 'labels'" in told
    assert sim.get("webapp/web")["status"] == {"ready": 1}
    assert sim.get("node/node-1")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (YieldsANumber, "yields-a-number default/web: TypeError: 42 was yielded, which is nothing to wait for"),
        (ReturnsANumber, "returns-a-number default/web: TypeError: reconcile gave 42, which is neither None nor a"),
    ],
)  # fmt: skip
def test_what_is_no_call_and_no_result_is_told(sim: Simulation, made: type[Operator], words: str) -> None:
    sim.add_controller(made)
    sim.apply(web_app())
    sim.run("10s")
    assert failures(sim, made.name)[0].startswith(words)


def test_its_namespace_is_made_when_it_is_not_there(sim: Simulation) -> None:
    sim.add_controller(WebApps, namespace="operators")
    assert sim.get("serviceaccount/webapps", "operators")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Spinning, "is in a hot loop: it is reconciled "),
        (Endless, "is in a hot loop: one reconcile does not end, and sends "),
    ],
)
def test_a_hot_loop_is_told_once_with_its_object_and_time_and_the_world_goes_on(
    sim: Simulation, made: type[Operator], told: str
) -> None:
    sim.add_controller(made)
    sim.apply(web_app())
    sim.run("2m")
    (found,) = [record for record in sim.trace.records if record.verb == "hot-loop"]
    assert (found.actor, found.subject) == (made.name, f"{made.name} default/web")
    assert found.facts()["error"].startswith(told)
    assert 15 <= found.time / 1_000_000 < 25
    assert sim.now == 120


def test_a_controller_that_has_much_to_do_and_comes_to_rest_is_in_no_hot_loop(sim: Simulation) -> None:
    sim.add_controller(WebApps)
    for number in range(60):
        sim.apply(web_app(name=f"web-{number}"))
    sim.run("2m")
    assert not [record for record in sim.trace.records if record.verb == "hot-loop"]

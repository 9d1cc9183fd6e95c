"""Controllers of one's own: what the kit does for them."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.simulation.simulation import NotFound, Simulation
from kcsim.testing.controller import Operator
from kcsim.testing.tiny import crd
from tests.unit.testing.controllers import Archives, WebApps, web_app


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

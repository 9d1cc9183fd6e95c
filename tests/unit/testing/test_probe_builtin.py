"""kcsim's own controllers under the probe, each as a program of its own; and the kustomize-controller of Flux.

What upstream's do as well is told by name: a StatefulSet that restarts into the past acts on what it sees there
(kubernetes/kubernetes#59848), and makes good for it when its caches catch up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kcsim.api.kit.queue import Reconciler
from kcsim.api.objects import Object
from kcsim.cluster.controllers.daemonset.controller import DaemonSetController
from kcsim.cluster.controllers.deployment.controller import DeploymentController
from kcsim.cluster.controllers.endpointslice.controller import EndpointSliceController
from kcsim.cluster.controllers.job.controller import JobController
from kcsim.cluster.controllers.replicaset.controller import ReplicaSetController
from kcsim.cluster.controllers.statefulset.controller import StatefulSetController
from kcsim.engine.clock import MINUTE
from kcsim.scenario.model import Scenario
from kcsim.testing.operations import Operation, scenario_of
from kcsim.testing.probing.probe import probe
from kcsim.testing.probing.report import Report
from kcsim.testing.tiny import Step, story


@pytest.fixture(autouse=True)
def kcsim_worlds_keep_their_promises() -> None:
    """The probe judges its worlds itself; there are hundreds of them."""


def workload(kind: str, replicas: int | None, **more: Any) -> Object:
    labels = {"app": "web"}
    pod = {"containers": [{"name": "web", "image": "web:1"}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec: Object = {"selector": {"matchLabels": labels}, "template": template, **more}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "work"},
    "spec": {
        "completions": 3,
        "parallelism": 2,
        "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "work", "image": "work:1"}]}},
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
STORIES: dict[type[Reconciler], tuple[Step, ...]] = {
    ReplicaSetController: (("5s", workload("ReplicaSet", 2)), ("1m", "scale rs web --replicas=1")),
    DeploymentController: (("5s", workload("Deployment", 2)), ("1m", "set image deployment/web web=web:2")),
    JobController: (("5s", JOB),),
    DaemonSetController: (("5s", workload("DaemonSet", None)),),
    EndpointSliceController: (
        ("5s", [SERVICE, workload("ReplicaSet", 2)]),
        ("1m", "scale rs web --replicas=3"),
    ),
}


def probed(made: type[Reconciler], steps: tuple[Step, ...]) -> Report:
    scenario: Scenario = story(
        "own",
        *steps,
        controllers={made.name: made},
        builtin=("*", f"-{made.name}"),
        user="system:kube-controller-manager",
        until="3m",
    )
    return probe(scenario)


@pytest.mark.slow
@pytest.mark.parametrize("made", STORIES, ids=lambda made: made.name)
def test_a_controller_of_kcsims_own_goes_right(made: type[Reconciler]) -> None:
    report = probed(made, STORIES[made])
    assert report.tried["intermediate"]
    assert report.tried["stale"]
    assert report.passed, report.text()


@pytest.mark.slow
def test_a_stateful_set_that_looks_at_the_past_acts_on_it_as_upstreams_does() -> None:
    steps = (("5s", workload("StatefulSet", 2, serviceName="web")), ("1m", "scale sts web --replicas=1"))
    report = probed(StatefulSetController, steps)
    assert report.patterns == ("stale",)
    told = {(each.subject, each.what) for violation in report.violations for each in violation.differences}
    assert told <= {("pod/default/web-1", "created again"), ("pod/default/web-1", "deleted again")}


@pytest.mark.slow
def test_the_kustomize_controller_survives_a_crash_at_each_of_its_writes() -> None:
    operations = [Operation(0, "commit-version", 0, 1), Operation(60, "scale", 0, 3)]
    scenario = replace(scenario_of(operations), until=11 * MINUTE, expectations=())
    report = probe(scenario, "kustomize-controller", delivery="flux", patterns=("intermediate",))
    assert report.tried["intermediate"] >= 5
    assert report.passed, report.text()

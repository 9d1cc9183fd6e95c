"""Whole applications, delivered by `kcsim run` from a git repository on disk under push and under flux.

Each goes to Ready, survives the crash of a node that runs a part of it, and drifts: a person scales a Deployment. The
agent repairs that at its next interval; the pipeline never looks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import kcsim
from kcsim.cli.main import main
from kcsim.delivery.ci.render import read_objects, render
from kcsim.delivery.git.repository import Repository
from kcsim.engine.clock import SECOND
from kcsim.manifests import dump_all
from tests.end_to_end.applications import APPLICATIONS, Application

DELIVERIES = ("push", "flux")
CRASH, DRIFT, END = "10m", "35m", "50m"

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: {name}
until: {end}
cluster:
  nodes: 4
repositories:
  - name: app
    clone: {repository}
    path: deploy
deliveries:
  push:
    type: push
    pipeline:
      stages:
        - {{name: tests, duration: {{min: 30s, max: 60s}}}}
    deploy: {deploy}
  flux:
    type: flux
    kustomization:
      interval: 10m
      wait: true
      timeout: 5m
{target}
timeline:
{crashes}
  - at: {drift}
    name: scaled-by-hand
    as: nico
    kubectl: scale deployment/{drifting} --replicas={wrong} -n {namespace}
expectations:
  - name: goes-to-ready
    eventually: {ready}
    within: 8m
  - name: survives-the-crash
    after: crash
    eventually: {ready}
    within: 9m
    stays: 10m
  - name: drift-is-repaired
    after: scaled-by-hand
    eventually: desired("deployment/{drifting}", "{namespace}") == {right}
    within: 12m
    failsUnder: [push]
"""
CRASHED = """\
  - at: {at}
    name: crash
    fault: node-crash
    node: {node}
    for: 20m
"""


def story(app: Application, repository: Path, node: str) -> str:
    drifting, right = next(iter(app.replicas.items()))
    given = app.placed_by == "delivery"
    return STORY.format(
        name=app.name,
        end=END,
        repository=repository,
        deploy=f"{{namespace: {app.namespace}}}" if given else "{}",
        target=f"      targetNamespace: {app.namespace}" if given else "",
        crashes=CRASHED.format(at=CRASH, node=node),
        drift=DRIFT,
        drifting=drifting,
        right=right,
        wrong=right + 2,
        namespace=app.namespace,
        ready=" and ".join(
            f'ready("deployment/{name}", "{app.namespace}") == {count}'
            for name, count in app.deployments().items()
        ),
    )


def node_of(app: Application, path: Path, delivery: str) -> str:
    """A node that runs a pod of the application when the crash is due."""
    world = kcsim.load(path, delivery=delivery)
    world.run_until(CRASH)
    pods = world.list("pods", app.namespace)
    return str(pods[0]["spec"]["nodeName"])


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("app", APPLICATIONS, ids=lambda app: app.name)
def test_an_application_is_delivered_survives_a_crash_and_drifts(
    app: Application, delivery: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if app.missing:
        pytest.skip(app.missing)
    repository = app.write_repository(tmp_path / "repository")
    path = tmp_path / "story.yaml"
    path.write_text(story(app, repository, "node-1"))
    path.write_text(story(app, repository, node_of(app, path, delivery)))
    code = main(["run", str(path), "--delivery", delivery, "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    (world,) = document["worlds"]
    verdicts = {each["name"]: each for each in world["expectations"]}
    failed = [f"{name}: {each['why']}" for name, each in verdicts.items() if not each["passed"]]
    assert failed == []
    assert code == 0


def test_our_own_application_covers_the_kinds_people_use() -> None:
    (ours,) = (app for app in APPLICATIONS if app.ours)
    kinds = {obj["kind"] for obj in read_objects(render(ours.files(), "deploy"))}
    assert kinds >= {
        "Namespace",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ConfigMap",
        "Secret",
        "Service",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "NetworkPolicy",
        "PodDisruptionBudget",
    }
    assert ours.deployments() == {"cart": 2, "catalogue": 3, "front": 1, "store": 1}


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_repo_gives_a_story_of_a_repository_on_disk_another_place(
    delivery: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ours,) = (app for app in APPLICATIONS if app.ours)
    repository = ours.write_repository(tmp_path / "repository")
    path = tmp_path / "story.yaml"
    path.write_text(story(ours, Path("elsewhere"), "node-1"))
    main(["run", str(path), "--delivery", delivery, "--repo", str(repository), "--json"])
    (world,) = json.loads(capsys.readouterr().out)["worlds"]
    passed = {each["name"]: each["passed"] for each in world["expectations"]}
    assert passed == {"goes-to-ready": True, "survives-the-crash": True, "drift-is-repaired": True}


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_repo_replays_a_history_in_a_story_of_the_gallery(delivery: str, tmp_path: Path) -> None:
    repository = Repository("r")
    (ours,) = (app for app in APPLICATIONS if app.ours)
    objects = read_objects(render(ours.files(), "deploy"))
    wanted = [obj for obj in objects if obj["kind"] in {"Namespace", "Deployment", "ServiceAccount"}]
    plain = [obj for obj in objects if obj["kind"] in {"ConfigMap", "Secret"}]
    repository.commit("main", {"README.md": "Books"}, "Begin", "Ana", 0)
    repository.commit("main", {"k8s/1.yaml": dump_all(wanted + plain)}, "Deploy", "Ana", 60 * SECOND)
    newer = dump_all(wanted + plain).replace("cart:0.9.4", "cart:0.9.5")
    repository.commit("main", {"k8s/1.yaml": newer}, "cart 0.9.5", "Ben", 600 * SECOND)
    repository.write_to(str(tmp_path / "r"))
    world = kcsim.load("plain-release", delivery=delivery, repository=tmp_path / "r")
    world.finish()
    cart = world.get("deployment/cart", "bookshop")
    assert cart["spec"]["template"]["spec"]["containers"][0]["image"].endswith("cart:0.9.5")
    assert {
        d["metadata"]["name"]: d["status"].get("readyReplicas") for d in world.list("deployments", "bookshop")
    } == {
        "cart": 2,
        "catalogue": 3,
        "front": 1,
        "store": 1,
    }
    commits = [r for r in world.trace.records if r.verb == "commit"]
    # The intervals are those of the repository: 540 s between the two that touch manifests.
    assert [(r.actor, r.facts()["message"]) for r in commits] == [("Ana", "Deploy"), ("Ben", "cart 0.9.5")]
    assert commits[1].time - commits[0].time == 540 * SECOND
    assert str(world.why("deployment/cart", "bookshop").origin.verb) == "commit"

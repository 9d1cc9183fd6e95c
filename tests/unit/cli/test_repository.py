"""`kcsim run --repo`: which folders of a repository are delivered, what the run says it is, and what it hints at."""

from __future__ import annotations

import pytest

import kcsim
from kcsim.cli.exits import Exit
from kcsim.delivery.git.repository import Repository

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
"""
FILES = {
    "app/base/kustomization.yaml": "resources: [web.yaml]\n",
    "app/base/web.yaml": WEB,
    "app/prod/kustomization.yaml": "namespace: default\nnamePrefix: prod-\nresources: [../base]\n",
    "app/dev/kustomization.yaml": "namespace: default\nnamePrefix: dev-\nresources: [../base]\n",
}


@pytest.fixture
def shop(tmp_path):
    repo = Repository("shop")
    repo.commit("main", dict(FILES), "First", "ana <ana@example.com>", 0)
    repo.write_to(str(tmp_path / "shop"))
    return str(tmp_path / "shop")


def deployments(shop, delivery, path):
    play = kcsim.load("plain-release", delivery, repository=shop, path=path, until="4m")
    play.finish()
    return [each["metadata"]["name"] for each in play.list("deployments", "default")]


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_overlays_are_delivered_and_their_base_is_not(shop, delivery):
    assert deployments(shop, delivery, None) == ["dev-web", "prod-web"]
    assert deployments(shop, delivery, "app/prod") == ["prod-web"]


def test_the_heading_names_the_repository_and_further_commands_the_folder(kcsim, shop):
    said = kcsim("run", "drift-at-night", "--repo", shop, "--path", "app/prod", "--until", "3m")
    assert said.code == Exit.OK
    assert said.out.startswith("The commits of shop\n")
    assert "nico" not in said.out
    assert "Drift at night" not in said.out
    assert "--path app/prod" in said.out


def test_a_folder_without_a_repository_has_no_meaning(kcsim):
    said = kcsim("run", "plain-release", "--path", "app")
    assert said.code == Exit.BAD_INPUT
    assert "--path goes with --repo only" in said.err


def test_refused_objects_without_a_namespace_hint_at_target_namespace(kcsim, shop):
    options = ("--repo", shop, "--path", "app/base", "--until", "4m")
    said = kcsim("run", "plain-release", *options)
    hint = "--set deliveries.flux.kustomization.targetNamespace=default"
    assert "flux: Flux refused objects that name no namespace" in said.out
    assert hint in said.out
    assert (
        "targetNamespace"
        not in kcsim("run", "plain-release", *options, *hint.split()).out.split("Try next")[0]
    )

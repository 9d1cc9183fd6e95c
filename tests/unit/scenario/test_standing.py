"""Objects that stand in a cluster before its story begins are checked like any manifest, where they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.scenario.diagnostics import ScenarioError
from kcsim.scenario.load import examine, examine_text, loads
from kcsim.scenario.play import Play
from kcsim.scenario.played_checks import check_played
from kcsim.views.timeline import timeline

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: standing
until: 5m
cluster:
  nodes: 1
  objects:
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: p}
    spec:
      podSelector: {}
      ingress:
      - from:
        - ipBlock: {cidr: 10.0.0.300/8}
  - {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: nobody}, ports: [{port: 80}]}}
  - {apiVersion: v1, kind: Pod, metadata: {name: one, labels: {app: one}}, spec: {containers: [{name: c, imag: x}]}}
traffic:
- {name: users, to: service/web, rate: 10/s}
- {name: lost, to: service/wbe, rate: 10/s}
"""


def test_each_fault_is_told_once_where_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(STORY)
    told = examine(str(file)).diagnostics
    found = [(each.code, each.position.line, each.position.column) for each in told]
    assert found == [
        ("KC504", 15, 27),
        ("KC508", 16, 77),
        ("KC503", 17, 106),
        ("KC205", 20, 20),
    ], "and none for the Service that stands there"


GIVEN = """\
apiVersion: kcsim/v1
kind: Scenario
name: given
until: 5m
repositories: [{name: shop, files: {a.yaml: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}"}}]
deliveries:
  flux:
    type: flux
    objects:
    - {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: flux-system}}
  argocd:
    type: argocd
    objects:
    - {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: argocd}}
    - apiVersion: argoproj.io/v1alpha1
      kind: Application
      metadata: {name: shop, namespace: argocd}
      spec:
        project: default
        destination: {server: "https://kubernetes.default.svc", namespace: default}
        source: {repoURL: "https://git.example/shop", path: .}
"""
ALERT = "{apiVersion: notification.toolkit.fluxcd.io/v1beta3, kind: Alert, metadata: {name: a, namespace: flux-system}, spec: {}}"


def test_what_a_delivery_is_given_may_be_of_any_kind_that_its_world_serves() -> None:
    assert examine_text(GIVEN).diagnostics == ()
    assert check_played(loads(GIVEN)) == ()


def test_what_the_api_server_refuses_at_the_beginning_is_told_where_it_stands() -> None:
    """Not as a defect of kcsim, which it was; by `check` as by `run`."""
    text = GIVEN.replace("name: a, namespace: argocd", "name: a, namespace: nowhere")
    (found,) = check_played(loads(text))
    assert (found.code, found.position.line) == ("KC516", 14)
    assert found.message == 'ConfigMap a: namespaces "nowhere" not found'
    with pytest.raises(ScenarioError, match="KC516"):
        Play(loads(text), "argocd")


def test_a_kind_whose_controller_is_not_installed_is_refused() -> None:
    text = GIVEN.replace(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: flux-system}}", ALERT
    )
    assert [(each.code, each.remedy) for each in examine_text(text).diagnostics] == [
        ("KC505", "Write `components: [notification-controller]` under the Flux delivery.")
    ]
    (found,) = check_played(loads(text))
    assert (
        found.message
        == 'Alert a: no matches for kind "Alert" in version "notification.toolkit.fluxcd.io/v1beta3"'
    )


@pytest.mark.parametrize(
    "wrong", ["5", "{kind: ConfigMap}", "{apiVersion: v1, kind: ConfigMap, metadata: []}"]
)
def test_what_is_no_object_is_told(wrong: str) -> None:
    text = GIVEN.replace(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: flux-system}}", wrong
    )
    assert [(each.code, each.position.line) for each in examine_text(text).diagnostics] == [("KC502", 10)]
    text = GIVEN.replace("deliveries:", f"cluster: {{nodes: 1, objects: [{wrong}]}}\ndeliveries:")
    assert "KC502" in {each.code for each in examine_text(text).diagnostics}


def test_flags_of_a_controller_are_added_to_what_was_installed() -> None:
    part = (
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: kustomize-controller, namespace: flux-system}, "
        "spec: {template: {spec: {containers: [{name: manager, args: ['--concurrent=20', '--bogus']}]}}}}"
    )
    text = GIVEN.replace(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: flux-system}}", part
    )
    assert examine_text(text).diagnostics == ()
    play = Play(loads(text), "flux")
    cluster = play.world.cluster
    found = cluster.admin.now(cluster.admin.get("deployments", "flux-system", "kustomize-controller"))
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["--concurrent=20", "--bogus"]
    assert container["image"].startswith("ghcr.io/fluxcd/kustomize-controller:")
    play.run_until("1m")
    told = [moment.text for moment in timeline(play)]
    assert told.count("kustomize-controller: --bogus is not modelled") == 1

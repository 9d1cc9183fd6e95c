"""Charts in a story: held from the beginning, published later, refused where they cannot be."""

from __future__ import annotations

import pytest

from kcsim.delivery.gitops.flux.versions import lowest
from kcsim.scenario.load import examine_text
from kcsim.scenario.play import Play

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: charts
until: 30m
cluster: {nodes: 2}
charts:
- name: web
  repository: ADDRESS
  versions:
  - version: 1.0.0
    objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {value: "1"}}]
repositories:
- name: shop
  files:
    shop.yaml: |
      apiVersion: v1
      kind: Namespace
      metadata: {name: shop}
      ---
      SOURCE
      ---
      apiVersion: helm.toolkit.fluxcd.io/v2
      kind: HelmRelease
      metadata: {name: web, namespace: shop}
      spec: {interval: 10m, CHART}
deliveries:
  flux: {type: flux, components: [helm-controller], kustomization: {wait: true, timeout: 5m}}
timeline:
- at: 10m
  publish:
    chart: web
    version: 1.1.0
    objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {value: "2"}}]
"""
GROUP = "apiVersion: source.toolkit.fluxcd.io/v1"
HTTP = (
    "https://charts.example/shop",
    (
        f"{{{GROUP}, kind: HelmRepository, metadata: {{name: charts, namespace: shop}}, "
        "spec: {interval: 5m, url: https://charts.example/shop}}"
    ),
    "chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: charts}}}",
)
TYPE_OCI = (
    "oci://registry.example/charts",
    (
        f"{{{GROUP}, kind: HelmRepository, metadata: {{name: charts, namespace: shop}}, "
        "spec: {interval: 5m, type: oci, url: 'oci://registry.example/charts'}}"
    ),
    "chart: {spec: {chart: web, interval: 5m, sourceRef: {kind: HelmRepository, name: charts}}}",
)
OCI = (
    "oci://registry.example/charts",
    (
        f"{{{GROUP}, kind: OCIRepository, metadata: {{name: web, namespace: shop}}, "
        "spec: {interval: 5m, url: 'oci://registry.example/charts/web', ref: {semver: 1.x}}}"
    ),
    "chartRef: {kind: OCIRepository, name: web}",
)


def story(address, source, chart):
    text = STORY.replace("ADDRESS", address).replace("SOURCE", source).replace("CHART", chart)
    return examine_text(text, "story.yaml")


def shown(play, word, name="web", namespace="shop"):
    return play.get(f"{word}/{name}", namespace)


@pytest.mark.parametrize("where", [HTTP, TYPE_OCI, OCI], ids=["http", "type oci", "OCIRepository"])
def test_a_chart_is_installed_and_its_next_version_upgraded_to(where):
    loaded = story(*where)
    assert loaded.scenario is not None, [str(each) for each in loaded.diagnostics]
    play = Play(loaded.scenario)
    play.run_until("5m")
    assert shown(play, "configmap", "settings")["data"] == {"value": "1"}
    play.finish()
    assert shown(play, "configmap", "settings")["data"] == {"value": "2"}
    history = shown(play, "helmrelease")["status"]["history"]
    assert [(each["chartVersion"].partition("+")[0], each["status"]) for each in history] == [
        ("1.1.0", "deployed"),
        ("1.0.0", "superseded"),
    ]
    assert ("ociDigest" in history[0]) == (where is OCI)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("chart: web\n    version: 1.1.0", "chart: webb\n    version: 1.1.0", "KC226"),
        ("  - version: 1.0.0", "  - version: new", "KC104"),
        ("https://charts.example/shop\n  versions", "charts.example\n  versions", "KC104"),
        (
            'objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {value: "1"}}]',
            "path: nowhere",
            "KC104",
        ),
        ('data: {value: "2"}', "data: [value]", "KC504"),
    ],
)
def test_what_is_wrong_with_a_chart_is_said_where_it_is_written(old, new, code):
    text = STORY.replace("ADDRESS", HTTP[0]).replace("SOURCE", HTTP[1]).replace("CHART", HTTP[2])
    assert old in text
    loaded = examine_text(text.replace(old, new, 1), "story.yaml")
    found = [each for each in loaded.diagnostics if each.code == code]
    assert found, [str(each) for each in loaded.diagnostics]
    assert found[0].position.line > 1


@pytest.mark.parametrize(
    ("constraint", "version"),
    [
        ("1.x", "1.0.0"),
        (">= 1.8.0-rc.0", "1.8.0-rc.0"),
        ("*", "0.1.0"),
        ("6.5.4", "6.5.4"),
        ("^2.1", "2.1.0"),
        (">1.0.0 <2", "1.0.1"),
        (">=3 || 1.2", "1.2.0"),
        (">0.9", "0.10.0"),
        ("latest", None),
    ],
)
def test_the_lowest_version_of_a_range(constraint, version):
    assert lowest(constraint) == version


def test_a_release_without_helm_controller_is_told_of():
    text = STORY.replace("ADDRESS", HTTP[0]).replace("SOURCE", HTTP[1]).replace("CHART", HTTP[2])
    loaded = examine_text(text.replace("components: [helm-controller], ", ""), "story.yaml")
    found = [each for each in loaded.diagnostics if each.code == "KC505"]
    assert [each.message for each in found] == [
        "no delivery installs the helm-controller that serves a HelmRepository",
        "no delivery installs the helm-controller that serves a HelmRelease",
    ]
    assert "components: [helm-controller]" in found[0].remedy

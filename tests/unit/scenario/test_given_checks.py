"""What `kcsim check` says of objects of a delivery that lead nowhere, and of folders that are never there."""

from __future__ import annotations

import pytest

from kcsim.scenario.build_checks import check_built
from kcsim.scenario.load import examine_text, loads

HEAD = """\
apiVersion: kcsim/v1
kind: Scenario
name: given
until: 20m
repositories:
  - name: shop
    files:
      app/web.yaml: |
        {apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: default}}
"""
FLUX = """\
deliveries:
  flux:
    type: flux
    components: [notification-controller]
    objects:
      - apiVersion: source.toolkit.fluxcd.io/v1
        kind: GitRepository
        metadata: {name: shop, namespace: flux-system}
        spec:
          interval: 1m
          url: https://git.example/shop
          ref: {branch: main}
      - apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata: {name: apps, namespace: flux-system}
        spec:
          interval: 1m
          prune: true
          path: ./app
          sourceRef: {kind: GitRepository, name: shop}
"""
ARGOCD = """\
deliveries:
  argocd:
    type: argocd
    objects:
      - apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: default
          destination: {server: "https://kubernetes.default.svc", namespace: default}
          source: {repoURL: "https://git.example/shop.git", targetRevision: HEAD, path: app}
"""
WAITS = "          dependsOn: [{name: apps}]\n"
ALERT = """\
      - apiVersion: notification.toolkit.fluxcd.io/v1beta3
        kind: Alert
        metadata: {name: told, namespace: flux-system}
        spec:
          providerRef: {name: chat}
          eventSources: [{kind: Kustomization, name: app}, {kind: GitRepository, name: "*"}]
"""


def told(text: str) -> list[tuple[str, int, str]]:
    return [
        (each.code, each.position.line, f"{each.message} {each.remedy}")
        for each in examine_text(text).diagnostics
    ]


@pytest.mark.parametrize("way", [FLUX, ARGOCD])
def test_what_leads_somewhere_is_not_told(way: str) -> None:
    assert told(HEAD + way) == []


NOWHERE = [
    (FLUX.replace("branch: main", "branch: mian"), 21, "no branch or tag mian", "'main'"),
    (FLUX.replace("          ref: {branch: main}\n", ""), 19, "no branch or tag master, which is what", "main"),
    (FLUX.replace("example/shop", "example/shp"), 20, "no repository of the story has the address", "'https://git.example/shop'"),
    (FLUX.replace("path: ./app", "path: ./ap"), 28, "repository 'shop' has no folder ap", "'app'"),
    (FLUX.replace("Repository, name: shop}", "Repository, name: shp}"), 29, "there is no GitRepository flux-system/shp", "'shop'"),
    (FLUX.replace("          prune", "          dependsOn: [{name: aps}]\n          prune"), 27, "no Kustomization flux-system/aps", "'apps'"),
    (ARGOCD.replace("project: default", "project: defualt"), 18, "no project defualt in argocd", "'default'"),
    (ARGOCD.replace("HEAD", "release"), 20, "no branch or tag release", "main"),
    (ARGOCD.replace("path: app", "path: apps"), 20, "no folder apps", "'app'"),
    (ARGOCD.replace("shop.git", "shpo.git"), 20, "address https://git.example/shpo.git", "'https://git.example/shop'"),
]  # fmt: skip


@pytest.mark.parametrize(("way", "line", "why", "remedy"), NOWHERE, ids=[row[2] for row in NOWHERE])
def test_what_leads_nowhere_is_told_where_it_is_written(way: str, line: int, why: str, remedy: str) -> None:
    ((code, at, said),) = told(HEAD + way)
    assert (code, at) == ("KC518", line)
    assert why in said
    assert remedy in said


def test_alerts_name_their_provider_and_what_they_are_about() -> None:
    names = [said.partition(": ")[2].partition(" did")[0] for _, _, said in told(HEAD + FLUX + ALERT)]
    assert names == [
        "there is no Provider flux-system/chat in flux-system: none",
        "there is no Kustomization flux-system/app",
    ]


def test_a_circle_of_given_kustomizations() -> None:
    text = HEAD + FLUX.replace("          prune", WAITS + "          prune")
    assert [(code, "apps -> flux-system/apps" in said) for code, _, said in told(text)] == [("KC227", True)]


@pytest.mark.parametrize(
    "later",
    [
        "timeline:\n  - {at: 1m, tag: v1.0.0}\n",
        'timeline:\n  - {at: 1m, commit: {branch: v1.0.0, message: m, files: {app/b.yaml: "{}"}, brokenOnPurpose: true}}\n',
    ],
)
def test_what_comes_later_is_there(later: str) -> None:
    assert told(HEAD + ARGOCD.replace("HEAD", "v1.0.0") + later) == []


def test_given_owners_are_built_and_compared() -> None:
    other = FLUX.partition("      - apiVersion: kustomize")[2].replace("name: apps", "name: two")
    found = check_built(loads(HEAD + FLUX + "      - apiVersion: kustomize" + other))
    assert [(each.code, each.position.line) for each in found] == [("KC515", 30)]
    assert "Kustomization apps and Kustomization two both bring ConfigMap default/web" in found[0].message
    broken = HEAD + "      app/kustomization.yaml: |\n        resources: [nope.yaml]\n"
    for way in (FLUX, ARGOCD):
        assert [each.code for each in check_built(loads(broken + way))] == ["KC514"]


def test_one_folder_in_two_target_namespaces_has_two_owners_and_no_fault() -> None:
    two = (
        "deliveries:\n  flux:\n    type: flux\n    kustomizations:\n"
        "      - {name: one, path: app, targetNamespace: a}\n      - {name: two, path: app, targetNamespace: b}\n"
    )
    assert check_built(loads(HEAD + two)) == ()


@pytest.mark.parametrize(
    ("way", "line", "column"),
    [
        ("  push: {type: push, path: nope}\n", 11, 28),
        (
            "  flux:\n    type: flux\n    kustomizations: [{name: a, path: app}, {name: b, path: nope}]\n",
            13,
            60,
        ),
        ("  argocd:\n    type: argocd\n    application: {path: nope}\n", 13, 25),
    ],
)
def test_a_folder_that_is_never_there_is_told_where_it_is_named(way: str, line: int, column: int) -> None:
    text = HEAD + "deliveries:\n" + way
    (found,) = examine_text(text).diagnostics
    assert (found.code, found.position.line, found.position.column) == ("KC506", line, column)
    assert (
        examine_text(text.replace("  - name: shop", "  - name: shop\n    brokenOnPurpose: true")).diagnostics
        == ()
    )
    later = "timeline:\n  - at: 1m\n    commit: {message: m, files: {nope/a.yaml: '{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}'}}\n"
    assert examine_text(text + later).diagnostics == ()


def test_images_of_what_is_broken_on_purpose_may_be_built() -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: 'web:1'}]}}"
    text = (
        HEAD.replace("  - name: shop", "  - name: shop\n    brokenOnPurpose: true")
        + f"      app/p.yaml: |\n        {pod}\n"
    )
    stages = "deliveries:\n  push: {type: push, pipeline: {stages: [{name: build, duration: 1s, builds: [WEB]}]}}\n"
    assert told(text + stages.replace("WEB", "web")) == []
    assert [each[0] for each in told(text + stages.replace("WEB", "wbe"))] == ["KC203"]


@pytest.mark.parametrize(
    "way",
    [
        ARGOCD.replace("namespace: default}", "namespace: team}"),
        "deliveries:\n  argocd: {type: argocd, application: {path: app, namespace: team}}\n",
        FLUX.replace("prune: true", "prune: true\n          targetNamespace: team"),
    ],
)
def test_objects_without_a_namespace_are_where_they_are_delivered_to(way: str) -> None:
    role = "apiVersion: rbac.authorization.k8s.io/v1, kind: Role, rules: []"
    text = HEAD.replace(", namespace: default", "").replace("apiVersion: v1, kind: ConfigMap", role) + way
    line = "timeline:\n  - {at: 5m, kubectl: delete role/web -n team}\n"
    assert told(text + line) == []

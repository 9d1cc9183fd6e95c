"""What `kcsim check` says of kustomizations that cannot be built, of circles and of objects with two owners."""

from __future__ import annotations

import pytest

from kcsim.scenario.build_checks import check_built
from kcsim.scenario.load import examine_text, loads

HEAD = """\
apiVersion: kcsim/v1
kind: Scenario
name: built
until: 20m
repositories:
  - name: shop
    path: app
    files:
      app/web.yaml: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: web, namespace: default}
        data: {a: b}
      app/kustomization.yaml: |
        resources: [web.yaml]
"""
ALL = "deliveries:\n  push: {type: push}\n  flux: {type: flux}\n  argocd: {type: argocd}\n"
RESOURCES = "        resources: [web.yaml]\n"
PATCH = "        patches:\n          - patch: |\n"


def told(text):
    return [
        (each.code, each.position.line, each.position.column, f"{each.message} {each.remedy}")
        for each in check_built(loads(text))
    ]


BROKEN = [
    ("        resources: [web.yaml, nope.yaml]\n", 15, 31, "'nope.yaml': no such file", "take it off the list"),
    (RESOURCES + "        namspace: x\n", 16, 9, 'unknown field "namspace" (did you mean', "mend its name"),
    ("        resources: [web.yaml\n", 16, 9, "did not find expected", "`kustomize build` would refuse it"),
    ("        resources: [web.yaml, ../app]\n", 15, 34, "cycle detected", "reach itself"),
    ("        resources: ['https://github.com/a/b?ref=v1']\n", 15, 22, "remote bases are not fetched", "Copy the base"),
    (RESOURCES + "        nameSuffix: -x\n        replicas: [{name: wbe, count: 2}]\n", 17, 20, "resource with name wbe does not match", "Mend it"),
    (RESOURCES + "        nameSuffix: -x\n        configMapGenerator: [{name: x, behavior: merge, literals: [a=b]}]\n", 17, 30, "does not exist; cannot merge", "Mend it"),
    (RESOURCES + PATCH + "              - {op: replace, path: /data/a, value: c}\n", 17, 13, "must specify a target", "target: {kind"),
    (RESOURCES + PATCH + "              kind: ConfigMap\n              apiVersion: v1\n              metadata: {name: other}\n", 17, 13, "no resource matches", "Name an object"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "line", "column", "why", "remedy"), BROKEN, ids=[row[3][:30] for row in BROKEN]
)
def test_a_kustomization_that_cannot_be_built_is_told_at_its_line(written, line, column, why, remedy):
    ((code, at, where, said),) = told(HEAD.replace(RESOURCES, written) + ALL)
    assert (code, at, where) == ("KC514", line, column)
    assert said.startswith("app/kustomization.yaml: ")
    assert why in said
    assert remedy in said


TO = "        patches:\n          - patch: '[{op: remove, path: /data/a}]'\n            target: "
COPY = "        replacements:\n          - sourceValue: x\n            targets:\n              - fieldPaths: [data.a]\n                select: "
IDLE = [
    (TO + "{kind: ConfigMap, name: wbe}\n", 18, 45, "target (kind: ConfigMap, name: wbe) selects no", "'web'? (there are: web)"),
    (TO + "{kind: Deployment}\n", 18, 28, "(kind: Deployment) selects no resource", "there are: ConfigMap"),
    (TO + "{labelSelector: app=web}\n", 18, 21, "(labelSelector: app=web) selects no", "does not say so"),
    (TO.replace("patches", "patchesJson6902") + "{version: v1, kind: ConfigMap, name: wbe}\n", 18, 58, "selects no", "'web'"),
    ("        images: [{name: shop/web, newTag: two}]\n", 16, 25, "no container has the image shop/web", "does not say so"),
    (COPY + "{name: wbe}\n", 20, 32, "replacement's target (name: wbe) selects no", "'web'"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "line", "column", "why", "remedy"), IDLE, ids=[row[3] for row in IDLE])
def test_what_kustomize_does_to_nothing_without_a_word_is_told(written, line, column, why, remedy):
    text = HEAD.replace(RESOURCES, RESOURCES + written)
    ((code, at, where, said),) = told(text + ALL)
    assert (code, at) == ("KC517", line)
    assert why in said
    assert remedy in said
    assert where == column


def test_what_an_earlier_patch_takes_away_is_no_target_any_more():
    gone = TO.replace(
        "[{op: remove, path: /data/a}]", "{kind: ConfigMap, metadata: {name: web}, $patch: delete}"
    )
    text = HEAD.replace(
        RESOURCES, RESOURCES + gone + "{name: web}\n" + TO.partition("\n")[2] + "{name: web}\n"
    )
    assert [each[:2] for each in told(text + ALL)] == [("KC517", 20)]
    assert told(HEAD.replace(RESOURCES, RESOURCES + TO + "{name: web}\n") + ALL) == []


def test_a_later_commit_is_built_too_unless_it_is_broken_on_purpose():
    commit = "timeline:\n  - at: 5m\n    commit:\n      message: more\n      edit: {app/kustomization.yaml: {replace: {web.yaml: wbe.yaml}}}\n"
    ((code, line, _, said),) = told(HEAD + ALL + commit)
    assert (code, "'wbe.yaml': no such file" in said) == ("KC514", True)
    assert line > 15
    assert told(HEAD + ALL + commit + "      brokenOnPurpose: true\n") == []


FLUX = "deliveries:\n  flux:\n    type: flux\n    kustomizations:\n"
ARGOCD = "deliveries:\n  argocd:\n    type: argocd\n    applications:\n"


@pytest.mark.parametrize(
    ("owners", "kind", "namespace"),
    [
        (
            FLUX + "      - {name: one, path: app}\n      - {name: two, path: app}\n",
            "Kustomization",
            "default",
        ),
        (
            ARGOCD + "      - {name: one, path: app}\n      - {name: two, path: ./app}\n",
            "Application",
            "default",
        ),
    ],
)
def test_two_owners_of_one_object(owners, kind, namespace):
    ((code, line, _, said),) = told(HEAD + owners)
    assert (code, line) == ("KC515", HEAD.count("\n") + 6)
    assert (
        f"{kind} one and {kind} two both bring ConfigMap {namespace}/web: they will undo each other" in said
    )


def test_the_same_folder_in_two_namespaces_is_no_fault():
    text = HEAD.replace(", namespace: default", "")
    apps = "      - {name: one, path: app, namespace: a}\n      - {name: two, path: app, namespace: b}\n"
    assert told(text + ARGOCD + apps) == []
    spaces = apps.replace("namespace:", "targetNamespace:")
    assert told(text + FLUX + spaces) == []


@pytest.mark.parametrize(("one", "two", "circle"), [("b", "a", "a -> b -> a"), ("a", "a", "a -> a")])
def test_kustomizations_that_wait_for_each_other(one, two, circle):
    first = f"      - {{name: a, path: app, dependsOn: [{{name: {one}}}]}}\n"
    found = examine_text(
        HEAD + FLUX + first + f"      - {{name: b, path: base, dependsOn: [{{name: {two}}}]}}\n"
    ).diagnostics
    (warning,) = [each for each in found if each.code == "KC227"]
    assert (warning.severity, circle in warning.message) == ("warning", True)
    assert warning.position.line == HEAD.count("\n") + 5


def test_what_is_meant_to_be_so_is_not_told():
    text = HEAD.replace("    path: app\n", "    path: app\n    brokenOnPurpose: true\n").replace(
        RESOURCES, BROKEN[0][0]
    )
    assert told(text + ALL) == []
    assert told(text + FLUX + "      - {name: one, path: app}\n      - {name: two, path: app}\n") == []

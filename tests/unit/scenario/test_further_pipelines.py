"""Several pipelines in one delivery: of an application and of its configuration, and two on one target."""

from __future__ import annotations

import json

import pytest

from kcsim.scenario.load import examine_text, loads
from kcsim.scenario.play import Play

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: two-repositories
seed: 3
until: 40m
images:
  - {name: "shop/web:v1"}
  - {name: "shop/web:v2", readyAfter: 5s}
repositories:
  - name: app
    files: {main.go: "package main"}
  - name: config
    path: deploy
    files:
      deploy/web.yaml: |
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: default}
        spec:
          replicas: 2
          selector:
            matchLabels: {app: web}
          template:
            metadata:
              labels: {app: web}
            spec:
              containers:
                - name: web
                  image: shop/web:v1
deliveries:
  push:
    type: push
    repository: config
    pipelines: &app
      - name: app
        repository: app
        on: {branches: [], tags: ["v*"]}
        jobs:
          release:
            steps:
              - {name: test, duration: 1m}
              - {name: image, duration: 1m, builds: ["shop/web:${{ github.ref_name }}"]}
              - name: bump
                commit:
                  repository: config
                  message: "web: ${{ github.ref_name }}"
                  set: {deploy/web.yaml: {"spec.template.spec.containers[name=web].image": "shop/web:${{ github.ref_name }}"}}
  flux:
    type: flux
    repository: config
    pipelines: *app
  argocd:
    type: argocd
    repository: config
    pipelines: *app
timeline:
  - {at: 1m, tag: {repository: app, name: v1}}
  - {at: 10m, commit: {repository: app, message: Faster, files: {main.go: "package main // faster"}}}
  - {at: 12m, name: release, tag: {repository: app, name: v2}}
expectations:
  - {name: released, after: release, within: 20m, eventually: 'image("deployment/web") == "shop/web:v2" and ready("deployment/web") == 2'}
"""
STORY = STORY.replace("&app", "").replace(
    "*app", STORY[STORY.index("&app") + 4 : STORY.index("  flux:\n")].rstrip()
)
BUMP = "              - name: bump\n                commit:\n"


def played(text=STORY, delivery="push"):
    play = Play(loads(text), delivery)
    play.finish()
    return play


def runs(play):
    return [(run.pipeline, run.ref, run.status) for system in play.world.ci for run in system.runs]


@pytest.mark.parametrize("delivery", ["push", "flux", "argocd"])
def test_a_tag_of_the_application_ends_in_a_commit_to_the_configuration_and_in_the_cluster(delivery):
    play = played(delivery=delivery)
    assert [each.passed for each in play.verdicts()] == [True]
    config = play.world.git.repository("config").head()
    assert (config.subject, config.author) == ("web: v2", "ci-bot <ci-bot@example.com>")
    origin = play.why("deployment/web").origin.object
    assert origin.startswith(("tag/app/v2", "commit/app/"))


def test_what_is_there_already_is_no_commit():
    play = played()
    assert [each.subject for each in play.world.git.repository("config").log()] == [
        "web: v2",
        "Initial commit",
    ]
    first = play.world.ci[0].runs[1]
    bump = first.jobs[0].steps[2]
    assert (first.ref, bump.status) == ("refs/tags/v1", "succeeded")
    assert bump.log == ["nothing to commit, working tree clean"]


def test_a_bot_may_ask_instead_of_committing_and_adds_to_what_it_has_asked():
    text = STORY.replace(
        BUMP,
        "              - name: bump\n                mergeRequest:\n                  branch: bump\n                  auto: false\n",
    )
    text = text.replace("  - {at: 12m", "  - {at: 11m, tag: {repository: app, name: v3}}\n  - {at: 12m")
    text = text.replace("expectations:", "unused:").partition("unused:")[0]
    text = text.replace("images:\n", 'images:\n  - {name: "shop/web:v3"}\n')
    play = played(text, "flux")
    (request,) = play.git.requests("config")
    assert (request.state, request.title) == ("open", "web: v3")
    assert [each.subject for each in play.world.git.repository("config").log("bump")][:2] == [
        "web: v2",
        "web: v3",
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("set: {deploy/web.yaml:", "set: {deploy/wbe.yaml:"), "the repository has no file 'deploy/wbe.yaml' then"),
        (("    path: deploy\n", "    path: deploy\n    protection: [{approvals: 1}]\n"), "GH006: Protected branch update failed for refs/heads/main: Changes must be made through a pull request."),
        (("  - {at: 12m", "  - {at: 11m, fault: git-outage, repository: config, for: 10m}\n  - {at: 12m"), "fatal: unable to access 'https://git.example/config/': The requested URL returned error: 503"),
    ],
)  # fmt: skip
def test_a_commit_that_cannot_be_made_fails_the_step(change, why):
    play = played(STORY.replace(*change).partition("expectations:")[0])
    last = [run for run in play.world.ci[0].runs if run.pipeline == "app"][-1]
    assert (last.status, last.reason) == ("failed", f"job release: step bump: {why}")


def test_a_commit_that_says_so_starts_no_run():
    play = played(
        STORY.replace('message: "web: $', 'message: "[skip ci] web: $').partition("expectations:")[0]
    )
    assert play.world.git.repository("config").head().subject == "[skip ci] web: v2"
    assert len([each for each in runs(play) if each[0] == "config"]) == 1
    assert play.get("deployment/web")["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/web:v1"


# --- two pipelines, one target -------------------------------------------------------------------------------------

TARGET = """\
apiVersion: kcsim/v1
kind: Scenario
name: one-target
seed: 3
until: 30m
repositories:
  - name: shop
    files:
      deploy/settings.yaml: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings, namespace: default, labels: {app: shop}}
        data: {owner: shop}
  - name: platform
    files:
      base/limits.yaml: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: limits, namespace: default, labels: {app: shop}}
        data: {owner: platform}
deliveries:
  push:
    type: push
    repository: shop
    path: deploy
    deploy: {PRUNE}
    deployer: {user: shop-deployer}
    pipelines:
      - name: platform
        repository: platform
        path: base
        deploy: {PRUNE}
        deployer: {user: platform-deployer}
timeline:
  - {at: 10m, commit: {repository: shop, message: two, edit: {deploy/settings.yaml: {replace: {"owner: shop": "owner: shop, two: x"}}}}}
"""


def target(prune, more=""):
    return played(TARGET.replace("PRUNE", prune) + more)


def names(play):
    return [
        each["metadata"]["name"]
        for each in play.list("configmaps", "default")
        if each["metadata"].get("labels")
    ]


def test_two_pipelines_deploy_side_by_side_each_as_its_own_deployer():
    play = target("")
    assert names(play) == ["limits", "settings"]
    assert {each.pipeline for system in play.world.ci for each in system.runs} == {"shop", "platform"}
    who = {each.user for each in play.world.ci[0].credentials()}
    assert who == {"shop-deployer", "platform-deployer"}
    writers = {
        record.key[1]: record.actor
        for record in play.trace.records
        if record.actor.endswith("-deployer") and hasattr(record, "resource")
    }
    assert writers == {"settings": "shop-deployer", "limits": "platform-deployer"}


def test_pruning_by_one_label_deletes_what_the_other_pipeline_made():
    play = target("prune: app=shop")
    assert names(play) == ["settings"]


def test_a_hand_in_what_a_further_pipeline_deployed_is_drift_until_it_deploys_again():
    patch = json.dumps({"data": {"owner": "nico"}})
    hand = f"  - at: 15m\n    kubectl: >-\n      patch configmap limits -p '{patch}'\n"
    play = target("", hand)
    assert play.drift("default") == ["configmap/limits"]
    mended = (
        hand
        + "  - {at: 20m, commit: {repository: platform, message: again, edit: {base/limits.yaml: {replace: {'owner: platform': 'owner: platform, n: x'}}}}}\n"
    )
    assert target("", mended).drift("default") == []


def test_its_runners_can_be_hit():
    play = target("", "  - {at: 19m, fault: runner-crash, runner: platform-runner-1}\n")
    assert not play.world.ci[0].runners["platform-runner-1"].up


# --- bad input -----------------------------------------------------------------------------------------------------

BAD = [
    ("repository: app\n        on", "repository: ap\n        on", "KC201", "did you mean 'app'"),
    ("      - name: app\n", "      - name: config\n", "KC106", "another pipeline 'config'"),
    ("repository: config\n                  message", "repository: confg\n                  message", "KC201", "did you mean 'config'"),
    ('message: "web: ${{ github.ref_name }}', 'message: "web: ${{ github.refname }}', "KC218", "did you mean 'ref_name'"),
    ('builds: ["shop/web:$', 'builds: ["shop/${{ github.actor }}:$', "KC104", "only the tag"),
    (", duration: 1m, builds", ", duration: 1m, deploy: true, builds", "KC105", "builds and deploy"),
    ("        repository: app\n        on", "        repository: app\n        deployer: {user: x}\n        on", "KC105", "deployer"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "words"), BAD, ids=[row[1][:40] for row in BAD])
def test_what_is_wrong_is_told_where_it_stands(old, new, code, words):
    assert old in STORY
    found = [each for each in examine_text(STORY.replace(old, new, 1)).diagnostics if each.code == code]
    assert found, examine_text(STORY.replace(old, new, 1)).diagnostics
    assert words in f"{found[0].message} {found[0].remedy}"
    assert found[0].position.line > 1


def test_an_agents_further_pipeline_does_not_deploy():
    text = STORY.replace("    pipelines:", "    pipelines: ", 1)
    text = text[: text.index("  flux:\n")] + text[text.index("  flux:\n") :].replace(
        "        repository: app\n", "        repository: app\n        deploy: {}\n", 1
    )
    found = [each for each in examine_text(text).diagnostics if each.code == "KC105"]
    assert [each.message for each in found] == ["an agent delivers here, type flux"]

"""Pipelines of jobs and merge requests in scenarios: from a branch, through review and checks, to the cluster."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from kcsim.engine.clock import MINUTE
from kcsim.scenario import gh_lines
from kcsim.scenario.compare import Twins
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.git_lines import BadLine
from kcsim.scenario.load import examine_text, loads
from kcsim.scenario.play import Play
from kcsim.scenario.recording import write

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: reviewed
seed: 3
until: 2h
repositories:
  - name: shop
    path: deploy
    protection:
      - {approvals: 1, codeOwners: true, checks: [test, manifests]}
    files:
      CODEOWNERS: "/deploy/ @olga"
      requirements.txt: |
        left-pad==1.0
      policies/replicas.yaml: |
        apiVersion: admissionregistration.k8s.io/v1
        kind: ValidatingAdmissionPolicy
        metadata: {name: few-replicas}
        spec:
          matchConstraints:
            resourceRules:
              - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
          validations:
            - {expression: object.spec.replicas <= 5, message: at most five replicas}
        ---
        apiVersion: admissionregistration.k8s.io/v1
        kind: ValidatingAdmissionPolicyBinding
        metadata: {name: few-replicas}
        spec: {policyName: few-replicas, validationActions: [Deny]}
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
                  image: shop/web:1
deliveries:
  push:
    type: push
    pipeline:
      runners:
        - {name: small, count: 2, labels: [linux]}
      jobs:
        test:
          runsOn: linux
          steps:
            - {name: unit, run: make test, duration: 30s}
            - {name: integration, duration: {min: 40s, max: 60s}, failureRate: 0.2, retries: 2}
        manifests:
          runsOn: linux
          steps:
            - {name: schema, validate: true}
            - {name: policies, policies: [policies]}
            - {name: secrets, scan: {of: secrets}}
            - {name: licences, scan: {of: licences, files: [requirements.txt], allowed: [MIT], known: {left-pad==1.0: [{id: MIT}]}}}
            - {name: gate, gate: [schema, policy, secrets, licences]}
        release:
          needs: [test, manifests]
          if: github.ref == 'refs/heads/main' && github.event_name == 'push'
          environment: {name: production, reviewer: paul, approval: 5m}
          concurrency: production
          steps:
            - {name: deploy, deploy: true}
timeline:
  - at: 10m
    name: more
    mergeRequest:
      author: dana
      message: Three replicas
      branch: more
      set:
        deploy/web.yaml: {spec.replicas: 3}
      reviewers: [{name: olga, takes: 20m}]
"""


def played(text=STORY, delivery="push"):
    play = Play(loads(text), delivery)
    play.finish()
    return play


def measure(play, name):
    return next(each for each in play.measures() if each.name == name)


def test_a_change_goes_through_review_checks_and_approval_into_the_cluster():
    play = played()
    (request,) = play.git.requests()
    assert (request.state, list(request.approvals)) == ("merged", ["olga"])
    assert request.merged_at == request.opened_at + 20 * MINUTE
    runs = play.world.ci[0].runs
    assert [(run.event, run.status) for run in runs] == [
        ("push", "succeeded"),
        ("pull_request", "succeeded"),
        ("push", "succeeded"),
    ]
    assert [job.status for job in runs[1].jobs] == ["succeeded", "succeeded", "skipped"]
    assert {evidence.check for evidence in runs[1].evidence} == {
        "schema",
        "policy",
        "secrets",
        "licences",
        "gate",
    }
    assert play.get("deployment/web")["spec"]["replicas"] == 3
    chain = [(record.actor, record.verb) for record in request.record.chain()]
    assert ("dana", "open") in chain
    assert ("olga", "approve") in chain
    origin = play.why("deployment/web").origin
    assert (origin.actor, origin.verb) == ("dana", "open")


def test_lead_time_from_the_first_commit_and_from_the_merge_differ_by_the_review():
    play = played()
    whole, rest = measure(play, "lead_time_from_first_commit").value, measure(play, "change_lead_time").value
    assert measure(play, "review_time").value == 20 * 60
    assert whole - rest == measure(play, "review_time").value


def test_checks_that_fail_keep_it_from_being_merged():
    play = played(STORY.replace("spec.replicas: 3", "spec.replicas: 9"))
    (request,) = play.git.requests()
    assert request.state == "open"
    assert request.blocked == ('Required status check "manifests" is failing.',)
    assert play.get("deployment/web")["spec"]["replicas"] == 2


def test_a_hand_may_merge_it():
    later = STORY.replace("      reviewers:", "      auto: false\n      reviewers:")
    play = played(
        later + "  - {at: 20m, name: early, merge: more}\n  - {at: 40m, name: merged, merge: more}\n"
    )
    (request,) = play.git.requests()
    assert request.merged_at == 40 * MINUTE
    failed = next(record for record in play.trace.records if record.verb == "merge-failed")
    assert failed.time == 20 * MINUTE
    assert "Waiting on code owner review from olga." in failed.facts()["error"]


def test_pushing_past_reviews_is_refused():
    play = played(
        STORY.split("timeline:", maxsplit=1)[0]
        + "timeline:\n  - at: 5m\n    commit: {message: x, delete: [CODEOWNERS]}\n"
    )
    failed = next(record for record in play.trace.records if record.verb == "commit-failed")
    assert failed.facts()["error"].startswith("GH006: Protected branch update failed for refs/heads/main")


def test_tags_deploy_where_the_pipeline_says_so():
    text = STORY.replace("      runners:", "      on: {branches: [], tags: ['v*']}\n      runners:")
    text = text.replace("github.ref == 'refs/heads/main'", "github.ref_type == 'tag'")
    play = played(text + "  - {at: 1h, name: v1, tag: v1.0.0}\n")
    runs = play.world.ci[0].runs
    assert [run.ref for run in runs] == ["refs/pull/1/head", "refs/tags/v1.0.0"]
    assert play.get("deployment/web")["spec"]["replicas"] == 3


def test_force_pushes_take_commits_away_again():
    text = STORY.replace("approvals: 1, codeOwners: true, checks: [test, manifests]", "allowForce: true")
    text += "  - {at: 1h, name: back, forcePush: {to: HEAD~1}}\n"
    play = played(text)
    assert "replicas: 2" in play.git.files()["deploy/web.yaml"]
    assert play.get("deployment/web")["spec"]["replicas"] == 2


def test_the_same_from_python():
    play = Play(loads(STORY), "push")
    play.run_until("5m")
    play.git.merge_request(
        "Four", "four", set={"deploy/web.yaml": {"spec.replicas": 4}}, reviewers={"olga": "5m"}, auto=False
    )
    with pytest.raises(ValueError, match="nothing was merged: Pull request is not mergeable"):
        play.git.merge("four")
    play.run("10m")
    play.git.merge("four", author="olga")
    play.git.tag("v1", message="one")
    with pytest.raises(ValueError, match="nothing was tagged: tag 'v1' already exists"):
        play.git.tag("v1")
    with pytest.raises(ValueError, match="nothing was pushed: GH006"):
        play.git.force_push("FIRST")
    assert "replicas: 4" in play.git.files()["deploy/web.yaml"]
    assert play.fork().trace.sha256() == play.trace.sha256()


def test_repositories_are_written_out_with_their_branches(tmp_path):
    scenario = loads(STORY)
    play = Play(scenario, "push")
    play.finish()
    twins = Twins(scenario, {"push": play})
    for _ in range(2):
        write(tmp_path / "out", twins, twins.result())
    place = tmp_path / "out" / "push" / "repositories" / "shop"

    def git(*words):
        done = subprocess.run(["git", "-C", str(place), *words], capture_output=True, text=True, check=True)
        return done.stdout

    assert git("log", "--format=%s", "main").splitlines() == [
        "Merge pull request #1 from more",
        "Three replicas",
        "Initial commit",
    ]
    assert "+  replicas: 3" in git("diff", "main~1", "main")
    assert git("status", "--short") == ""
    assert "more" in git("branch")


def test_lost_webhooks_are_sent_again_by_hand():
    outage = "    fault: webhook-loss\n    for: 2m\n  - at: 10m10s\n    mergeRequest:"
    text = STORY.replace("    name: more\n    mergeRequest:", outage)
    waiting = played(text)
    assert waiting.git.requests()[0].state == "open"
    play = played(text + "  - {at: 30m, redeliver: shop}\n")
    assert play.git.requests()[0].state == "merged"
    asked = next(record for record in play.trace.records if record.verb == "redeliver")
    assert asked.facts()["webhooks"] == 2  # of the branch, and of the merge request
    step = waiting.git.redeliver()
    assert step.records[0].verb == "redeliver"


CUT = """\
  - {at: 5m, fault: api-partition, client: ci, for: 10m}
  - {at: 6m, commit: {message: three, set: {deploy/web.yaml: {spec.replicas: 3}}}}
"""


def test_somebody_may_run_what_failed_again():
    plain = STORY.replace(
        "{approvals: 1, codeOwners: true, checks: [test, manifests]}", "{allowDirect: true}"
    )
    story = (
        plain.split("timeline:")[0].replace("paul, approval: 5m", "paul, approval: 10s") + "timeline:\n" + CUT
    )
    left = played(story)
    assert left.get("deployment/web")["spec"]["replicas"] == 2
    play = played(story + "  - {at: 20m, as: mia, rerun: failed}\n")
    assert [run.status for run in play.world.ci[0].runs] == ["succeeded", "failed", "succeeded"]
    assert play.get("deployment/web")["spec"]["replicas"] == 3
    again = play.world.ci[0].runs[2]
    assert (again.attempt, again.sha) == (2, play.world.ci[0].runs[1].sha)
    assert ("mia", "rerun") in [(record.actor, record.verb) for record in again.record.chain()]
    nothing = played(STORY + "  - {at: 1h, rerun: failed}\n")
    assert any(record.verb == "rerun-failed" for record in nothing.trace.records)


def test_a_run_is_run_again_by_its_number_as_gh_says_it():
    play = played(STORY + "  - {at: 1h, rerun: 1}\n")
    runs = play.world.ci[0].runs
    assert (runs[-1].sha, runs[-1].attempt) == (runs[0].sha, 2)
    assert [line.split()[0] for line in gh_lines.listed(play, play.engine.now).splitlines()[1:]] == [
        "✓"
    ] * len(runs)
    entry = gh_lines.entry_of(play, "run rerun 2", "mia")
    assert (entry.rerun, entry.as_, entry.at) == (2, "mia", play.engine.now)
    assert (
        loads(to_yaml(replace(play.scenario, timeline=(*play.scenario.timeline, entry)))).timeline[-1].rerun
        == 2
    )
    with pytest.raises(BadLine, match="HTTP 404: Not Found: runs here are 1 to"):
        gh_lines.entry_of(play, "run rerun 99", "mia")
    nothing = played(STORY + "  - {at: 1h, rerun: 99}\n")
    told = [record.facts()["error"] for record in nothing.trace.records if record.verb == "rerun-failed"]
    assert told[0].startswith("there is no run 99, only")


def test_the_merge_queue_tries_before_it_merges():
    text = STORY.replace("{approvals: 1, codeOwners: true,", "{approvals: 1, queue: true,")
    play = played(text)
    (request,) = play.git.requests()
    assert request.state == "merged"
    events = [run.event for run in play.world.ci[0].runs]
    assert events == ["push", "pull_request", "merge_group", "push"]
    tried = play.world.ci[0].runs[2]
    assert tried.sha == play.world.ci[0].runs[3].sha == request.merged_as
    assert play.get("deployment/web")["spec"]["replicas"] == 3


def test_a_merge_queue_deploys_a_group_once():
    text = STORY.replace("{approvals: 1, codeOwners: true,", "{queue: {minGroup: 2, wait: 1h},")
    text += """\
  - at: 10m
    mergeRequest: {message: Note, branch: note, files: {NOTE.md: x}, reviewers: [{name: paul, takes: 10m}]}
"""
    play = played(text)
    assert [request.state for request in play.git.requests()] == ["merged", "merged"]
    events = [run.event for run in play.world.ci[0].runs]
    assert (events.count("merge_group"), events.count("push")) == (2, 2)
    assert play.world.ci[0].runs[-1].sha == play.git.requests()[0].merged_as
    assert play.get("deployment/web")["spec"]["replicas"] == 3


def test_a_conflict_waits_for_somebody_to_resolve_it():
    text = STORY.replace("approvals: 1, codeOwners: true, checks: [test, manifests]", "allowDirect: true")
    text = text.replace("takes: 20m", "takes: 1h")
    play = played(
        text
        + "  - {at: 20m, commit: {message: four, set: {deploy/web.yaml: {spec.replicas: 4}}}}\n"
        + "  - {at: 30m, name: early, commit: {message: back, branch: more, set: {deploy/web.yaml: {spec.replicas: 2}}}}\n"
    )
    why = [record.facts()["why"] for record in play.trace.records if record.verb == "blocked"]
    assert why == [["This branch has conflicts that must be resolved: deploy/web.yaml"]]
    assert play.git.requests()[0].state == "merged"
    assert play.get("deployment/web")["spec"]["replicas"] == 4


# --- bad input ------------------------------------------------------------------------------------------------------

BAD = [
    ("deliveries:\n", "registry: {retention: [{every: 1h}]}\ndeliveries:\n", "KC105", "{every", "deletes nothing"),
    ("deliveries:\n", "registry: {retention: [{keepLast: 1, every: 0s}]}\ndeliveries:\n", "KC104", "0s}]", "an interval of nothing"),
    ("{approvals: 1, codeOwners: true,", "{queue: {minGroup: 6},", "KC105", "6}, checks", "more than 'maxGroup' 5"),
    ("{approvals: 1, codeOwners: true,", "{queue: {buildConcurrency: 0},", "KC104", "0}, checks", "from 1 to 100"),
    ("{approvals: 1, codeOwners: true,", "{queue: {checkTimeout: 0s},", "KC104", "0s}, checks", "no check takes no time"),
    ("{approvals: 1, codeOwners: true,", '{queue: true, branches: ["ma*"],', "KC104", '"ma*"', "is for one branch"),
    ("{approvals: 1, codeOwners: true,", "{queue: {minGruop: 2},", "KC102", "minGruop", "did you mean 'minGroup'"),
    ("needs: [test, manifests]", "needs: [tests]", "KC215", "tests]", "did you mean 'test'"),
    ("runsOn: linux\n          steps:\n            - {name: unit", "runsOn: linx\n          steps:\n            - {name: unit", "KC216", "linx", "did you mean 'linux'"),
    ("        manifests:\n          runsOn", "        manifests:\n          needs: [release]\n          runsOn", "KC217", "needs: [release]", "manifests -> release -> manifests"),
    ("github.event_name == 'push'", "github.event == 'push'", "KC218", "github.event ==", "did you mean 'event_name'"),
    ("github.event_name == 'push'", "needs.tst.result == 'success'", "KC218", "needs.tst", "did you mean 'test'"),
    ("gate: [schema,", "gate: [shema,", "KC104", "shema", "did you mean 'schema'"),
    ("checks: [test,", "checks: [tset,", "KC220", "tset", "did you mean 'test'"),
    ("deploy: true", "deploy: [prod]", "KC208", "prod]", "no cluster 'prod'"),
    ("deploy: true", "deploy: true, validate: true", "KC105", "{name: deploy", "a step does one thing"),
    ("      branch: more\n", "      branch: main\n", "KC219", "main\n      set", "it would go into"),
    ("      set:\n        deploy/web.yaml: {spec.replicas: 3}\n", "", "KC219", "more\n      reviewers", "there is no branch 'more'"),
    ("        deploy/web.yaml: {spec", "        deploy/wbe.yaml: {spec", "KC210", "deploy/wbe.yaml", "did you mean 'deploy/web.yaml'"),
    ("      reviewers: [{name: olga, takes: 20m}]\n", "  - {at: 20m, merge: mroe}\n", "KC219", "{at: 20m", "did you mean 'more'"),
    ("      reviewers: [{name: olga, takes: 20m}]\n", "  - {at: 20m, forcePush: {to: nothing}}\n", "KC219", "nothing", "has no 'nothing'"),
    ("      reviewers: [{name: olga, takes: 20m}]\n", "  - {at: 20m, tag: {name: v1, of: mor}}\n", "KC219", "mor}", "did you mean 'more'"),
    ("      reviewers: [{name: olga, takes: 20m}]\n", "  - {at: 20m, redeliver: shpo}\n", "KC201", "shpo", "did you mean 'shop'"),
    ("      reviewers: [{name: olga, takes: 20m}]\n", "  - {at: 20m, rerun: faild}\n", "KC104", "faild", "did you mean 'failed'"),
    ("      reviewers: [{name: olga, takes: 20m}]\n", "  - {at: 20m, rerun: 0}\n", "KC104", "0}", "Runs count from 1"),
    ("      jobs:\n", "      trigger: poll\n      jobs:\n", "KC220", "test, manifests]}\n", "under push no merge request"),
    ("  push:\n", "  bare: {type: flux}\n  push:\n", "KC220", "test, manifests]}\n", "under bare no merge request"),
    ("      jobs:\n", "      stages: [{name: lint, duration: 1s}]\n      jobs:\n", "KC105", "jobs:\n", "both 'stages' and 'jobs'"),
    ("    type: push\n", "    type: flux\n", "KC105", "deploy: true", "an agent delivers here"),
    ("          environment:", "          downloads: [bin]\n          environment:", "KC215", "bin]", "no job uploads"),
    ("concurrency: production", "timeout: 0s", "KC104", "0s\n          steps", "no time"),
    ("{name: integration,", "{name: unit,", "KC106", "unit, duration: {min", "another step 'unit'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "place", "words"), BAD, ids=[f"{row[2]} {row[1][:30]}" for row in BAD]
)
def test_what_is_wrong_is_told_where_it_stands(old, new, code, place, words):
    assert STORY.count(old) >= 1
    text = STORY.replace(old, new)
    found = [each for each in examine_text(text).diagnostics if each.code == code]
    assert found, examine_text(text).diagnostics
    before = text[: text.rindex(place)]
    assert (found[0].position.line, found[0].position.column) == (
        before.count("\n") + 1,
        len(before) - before.rfind("\n"),
    )
    assert words in f"{found[0].message} {found[0].remedy}"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('CODEOWNERS: "/deploy/ @olga"', "CODEOWNERS: |\n        /deploy/ @olga\n        *.md olga", "*.md olga", "'olga' is no owner"),
        ('      CODEOWNERS: "/deploy/ @olga"\n', "", "codeOwners", "nobody has to approve"),
    ],
)  # fmt: skip
def test_what_means_nothing_in_codeowners_is_warned_of(old, new, place, words):
    text = STORY.replace(old, new)
    (found,) = examine_text(text).diagnostics
    before = text[: text.rindex(place)]
    assert (found.code, found.severity, found.position.line) == ("KC229", "warning", before.count("\n") + 1)
    assert words in found.message


def test_what_no_pipeline_ran_cannot_be_run_again():
    text = STORY.split("deliveries:", maxsplit=1)[0].replace(", checks: [test, manifests]", "")
    (found,) = examine_text(text + "timeline:\n  - {at: 20m, rerun: failed}\n").diagnostics
    assert (found.code, found.message) == ("KC206", "no delivery has a pipeline that could be run again")


def test_the_story_itself_is_sound():
    assert examine_text(STORY).diagnostics == ()

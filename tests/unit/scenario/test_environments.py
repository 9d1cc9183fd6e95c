"""Environments and promotions: what goes where under each delivery, when a version goes on, and what leads nowhere."""

from __future__ import annotations

import pytest

from kcsim.delivery.promotion.plan import Pending, Promotion, frozen_until, next_step
from kcsim.engine.clock import MINUTE
from kcsim.scenario.load import examine_text, loads
from kcsim.scenario.play import Play

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
STORY = f"""\
apiVersion: kcsim/v1
kind: Scenario
name: environments
until: 40m
images: [{{name: "*"}}]
repositories:
  - name: shop
    files:
      dev/web.yaml: |
{WEB}
      live/web.yaml: |
{WEB}
environments:
  - {{name: dev, path: dev, namespace: dev}}
  - {{name: live, path: live, namespace: live}}
promotion:
  - {{from: dev, to: live, files: [web.yaml]}}
deliveries:
  push: {{type: push}}
  flux: {{type: flux}}
  argocd: {{type: argocd, webhook: true, application: {{selfHeal: true}}}}
timeline:
  - at: 10m
    name: release
    commit:
      message: second
      edit: {{dev/web.yaml: {{replace: {{"web:1": "web:2"}}}}}}
"""


def played(text, delivery, until="40m"):
    play = Play(loads(text), delivery)
    play.run_until(until)
    return play


def image(play, namespace):
    return play.get("deployment/web", namespace)["spec"]["template"]["spec"]["containers"][0]["image"]


@pytest.mark.parametrize("delivery", ["push", "flux", "argocd"])
def test_a_healthy_version_goes_on_by_itself(delivery):
    play = played(STORY, delivery)
    assert (image(play, "dev"), image(play, "live")) == ("web:2", "web:2")
    (record,) = [record for record in play.trace.records if record.verb == "promote"]
    assert record.subject == "promotion/dev-to-live"
    commits = [change.title for change in play.changes()]
    assert commits == ['"Initial commit"', '"second"', '"promote dev to live"']
    assert all(change.arrived is not None for change in play.changes())


@pytest.mark.parametrize("delivery", ["push", "flux", "argocd"])
def test_why_leads_from_the_next_environment_back_to_the_first_commit(delivery):
    play = played(STORY, delivery)
    told = str(play.why("deployment/web", "live"))
    assert "promote" in told
    assert "second" in told


@pytest.mark.parametrize(("wait", "live"), [("0s", "web:2"), ("2m", "web:1")])
def test_what_crashes_goes_no_further_once_health_has_to_last(wait, live):
    story = STORY.replace('{name: "*"}', '{name: "web:1"}, {name: "web:2", crashAfter: 1s}')
    # Without a probe a container is ready as soon as it runs: for a second all is well.
    play = played(story.replace("files: [web.yaml]", f"files: [web.yaml], healthyFor: {wait}"), "flux")
    assert (image(play, "dev"), image(play, "live")) == ("web:2", live)


def test_a_break_in_health_begins_the_wait_anew():
    story = STORY.replace("files: [web.yaml]", "files: [web.yaml], healthyFor: 10m")
    broken = story + "  - {at: 15m, kubectl: delete pods --all -n dev}\n"
    calm, shaken = (played(each, "push") for each in (story, broken))
    first, second = (
        next(record.time for record in play.trace.records if record.verb == "promote")
        for play in (calm, shaken)
    )
    assert second - first > 4 * MINUTE


def test_a_tag_asks_for_a_promotion():
    story = STORY.replace("files: [web.yaml]", 'files: [web.yaml], tag: "v*"')
    assert image(played(story, "flux"), "live") == "web:1"
    tagged = story + "  - {at: 20m, tag: {name: nightly}}\n  - {at: 25m, tag: {name: v2}}\n"
    play = played(tagged, "flux")
    assert image(play, "live") == "web:2"
    (record,) = [record for record in play.trace.records if record.verb == "promote"]
    assert record.facts()["tag"] == "v2"
    assert record.time > 25 * MINUTE


def test_somebody_has_to_approve():
    story = STORY.replace("files: [web.yaml]", "files: [web.yaml], approval: {by: ana, takes: 15m}")
    play = played(story, "flux")
    asked, approved, promoted = (
        next(record for record in play.trace.records if record.verb == verb)
        for verb in ("ask", "approve", "promote")
    )
    assert approved.actor == "ana"
    assert approved.time - asked.time == 15 * MINUTE
    assert promoted.time >= approved.time
    assert image(play, "live") == "web:2"


def test_a_merge_request_waits_for_its_reviewer():
    story = STORY.replace(
        "files: [web.yaml]", "files: [web.yaml], via: mergeRequest, reviewers: [{name: omar, takes: 12m}]"
    )
    play = played(story, "push")
    assert image(play, "live") == "web:2"
    opened = [record for record in play.trace.records if record.verb == "open"]
    assert [record.facts()["source"] for record in opened] == ["promote-dev-to-live-1"]


def test_a_freeze_without_an_end_keeps_it_out():
    frozen = "namespace: live, freezes: [{from: 5m}]}"
    play = played(STORY.replace("namespace: live}", frozen), "flux")
    assert (image(play, "dev"), image(play, "live")) == ("web:2", "web:1")
    assert [record.subject for record in play.trace.records if record.verb == "hold"] == [
        "promotion/dev-to-live"
    ]


def test_the_promoter_needs_the_git_host():
    down = STORY.replace("  - at: 10m", "  - {at: 9m, fault: git-outage, for: 15m}\n  - at: 10m")
    play = played(down, "flux")
    assert image(play, "live") == "web:2"
    (record,) = [record for record in play.trace.records if record.verb == "promote"]
    assert record.time > 24 * MINUTE


# What is wrong with it.


@pytest.mark.parametrize(
    ("old", "new", "code", "message", "remedy"),
    [
        ("to: live", "to: lvie", "KC223", "no environment 'lvie': the promotion leads nowhere", "did you mean 'live'?"),
        ("from: dev", "from: de", "KC223", "no environment 'de'", "did you mean 'dev'?"),
        ("to: live", "to: dev", "KC224", "what is promoted from 'dev' comes back to it", "one way"),
        ("[web.yaml]", "[version.yaml]", "KC210", "there is no file 'dev/version.yaml' to promote", "web.yaml"),
        ("path: live", "path: prod", "KC210", "the repository has no folder 'prod'", "live"),
        ("path: live", "path: live, cluster: blue", "KC208", "no cluster 'blue'", "default"),
        ("namespace: live", "freezes: [{from: 9m, until: 3m}]", "KC104", "the freeze ends before", "later"),
        ("type: push", "type: push, path: dev", "KC105", "both `environments` and `path`", "Leave `path` out"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_told(old, new, code, message, remedy):
    found = examine_text(STORY.replace(old, new, 1), "story.yaml").diagnostics
    told = [each for each in found if each.code == code]
    assert told, found
    assert message in told[0].message
    assert remedy in told[0].remedy
    assert told[0].position.file == "story.yaml"
    assert told[0].position.line > 1


# The plan.

VERSION = (("version.yaml", b"2"),)
HAS = (("version.yaml", b"1"),)


def plan(**more):
    return Promotion("dev", "live", "dev", "live", "dev", ("version.yaml",), **more)


def test_the_gates_come_one_after_the_other():
    gated = plan(soak=5, approver="ana", freezes=((0, 20),))
    assert next_step(gated, None, HAS, 0) == ("nothing", 0)
    assert next_step(gated, Pending(VERSION, 0), VERSION, 9) == ("nothing", 0)
    assert next_step(gated, Pending(VERSION, 0), HAS, 2) == ("wait", 3)
    assert next_step(gated, Pending(VERSION, 0), HAS, 5) == ("ask", 0)
    assert next_step(gated, Pending(VERSION, 0, asked=5), HAS, 6) == ("await", 0)
    assert next_step(gated, Pending(VERSION, 0, asked=5, approved=7), HAS, 8) == ("hold", 12)
    assert next_step(gated, Pending(VERSION, 0, asked=5, approved=7), HAS, 20) == ("carry", 0)


@pytest.mark.parametrize(
    ("freezes", "now", "until"),
    [
        ((), 5, None),
        (((10, 20),), 9, None),
        (((10, 20),), 10, 20),
        (((10, 20),), 20, None),
        (((10, 20), (20, 30)), 15, 30),
        (((10, 25), (20, 30)), 15, 30),
        (((10, None),), 15, -1),
        (((10, 20), (20, None)), 15, -1),
    ],
)
def test_freezes_that_touch_are_one(freezes, now, until):
    assert frozen_until(freezes, now) == until

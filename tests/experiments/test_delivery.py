"""G and D: what push and pull do to drift, to outages of git and to a leaked token, and what the measures say of a history."""

from __future__ import annotations

import math
from statistics import mean

import pytest

from kcsim.engine.clock import DAY, HOUR, MINUTE, SECOND
from kcsim.engine.dice import Dice
from kcsim.scenario.load import loads
from kcsim.scenario.play import Play

WEB = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: default}
        spec:
          replicas: 1
          progressDeadlineSeconds: 60
          selector:
            matchLabels: {app: web}
          template:
            metadata:
              labels: {app: web}
            spec:
              containers:
                - {name: web, image: "shop/web:1"}
"""
STORY = f"""\
apiVersion: kcsim/v1
kind: Scenario
name: delivery
seed: 5
until: UNTIL
cluster: {{nodes: 1}}
images:
  - {{name: "shop/web:1", readyAfter: 2s}}
  - {{name: "shop/web:bad", pull: notFound}}
repositories:
  - name: shop
    path: deploy
    files:
      deploy/config.yaml: |
        apiVersion: v1
        kind: ConfigMap
        metadata: {{name: config, namespace: default}}
        data: {{round: "0"}}
      deploy/web.yaml: |{WEB}
deliveries:
  push:
    type: push
    pipeline: {{trigger: webhook}}
    deploy: {{rolloutTimeout: 2m}}
  flux:
    type: flux
    kustomization: {{interval: 10m}}
timeline:
"""


def played(timeline: str, delivery: str, until: str = "2h") -> Play:
    play = Play(loads(STORY.replace("UNTIL", until) + timeline), delivery)
    play.finish()
    return play


def measure(play: Play, name: str) -> object:
    return next(each.value for each in play.measures() if each.name == name)


def commit(at: int, number: int, name: str = "") -> str:
    named = f", name: {name}" if name else ""
    change = f'{{deploy/config.yaml: {{data.round: "{number}"}}}}'
    return f'  - {{at: {at // SECOND}s{named}, commit: {{message: "n {number}", set: {change}}}}}\n'


def by_hand(at: int) -> str:
    return f'  - {{at: {at // SECOND}s, as: nico, kubectl: "scale deployment/web --replicas=2"}}\n'


def test_g11_drift_under_push_lives_until_the_next_deployment_comes_along() -> None:
    days = 60
    dice = Dice(11, "deploys")
    entries: list[tuple[int, str]] = []
    at = HOUR
    while at < days * 24 * HOUR:
        at += round(-math.log(1 - dice.uniform()) * 8 * HOUR)  # three a day
        entries.append((at, commit(at, len(entries) + 1)))
    entries.extend((at, by_hand(at)) for at in range(3 * HOUR, days * 24 * HOUR, 5 * HOUR))
    timeline = "".join(text for _, text in sorted(entries))
    episodes = played(timeline, "push", f"{(days + 10) * 24}h").episodes.episodes
    lives = [(each.ended - each.began) / HOUR for each in episodes if each.ended is not None]
    # Some 110 episodes: the mean of so many exponential lives scatters by a tenth around 8 h.
    assert len(lives) > 80
    assert mean(lives) == pytest.approx(8, rel=0.25)
    assert sum(life > 8 for life in lives) / len(lives) == pytest.approx(1 / math.e, abs=0.12)


def test_g11_without_further_deployments_it_lives_for_ever() -> None:
    play = played(by_hand(HOUR), "push", "200h")
    assert [episode.ended for episode in play.episodes.episodes] == [None]


def test_g11_flux_repairs_it_within_its_interval() -> None:
    timeline = "".join(by_hand(HOUR + number * 17 * MINUTE) for number in range(60))
    episodes = played(timeline, "flux", "20h").episodes.episodes
    lives = [(each.ended or 0) - each.began for each in episodes]
    assert max(lives) < 11 * MINUTE
    assert mean(lives) / MINUTE == pytest.approx(5, abs=1)


OUTAGE = f"""\
  - {{at: 20m, fault: git-outage, for: 1h}}
{by_hand(30 * MINUTE)}{commit(40 * MINUTE, 1, "change")}"""


def test_g14_while_git_is_down_push_deploys_nothing_and_changes_queue_up() -> None:
    play = played(OUTAGE, "push")
    (drift,) = play.episodes.episodes
    assert drift.ended is not None
    assert drift.ended > 80 * MINUTE
    (change,) = play.changes()[1:]
    assert 80 * MINUTE <= change.at < 81 * MINUTE
    assert play.get("configmap/config")["data"]["round"] == "1"


def test_g14_while_git_is_down_flux_heals_from_the_artifact_it_holds() -> None:
    play = played(OUTAGE, "flux")
    (drift,) = play.episodes.episodes
    assert drift.ended is not None
    assert drift.ended - drift.began < 11 * MINUTE
    assert play.get("configmap/config")["data"]["round"] == "1"


def test_g15_a_leaked_token_of_ci_reaches_what_its_pipeline_deploys_to() -> None:
    push = played("", "push", "10m")
    (credential,) = push.world.ci[0].credentials()
    assert credential.reach.is_whole_cluster
    assert measure(push, "credentials_outside") == "ci-deployer (everything)"
    flux = played("", "flux", "10m")
    assert measure(flux, "credentials_outside") is None
    assert flux.world.ci == []


BAD = '  - {at: 30m, name: bad, commit: {message: bad, edit: {deploy/web.yaml: {replace: {"web:1": "web:bad"}}}}}\n'
BACK = "  - {at: 50m, name: back, revert: {commit: bad}}\n"
HISTORY = commit(20 * MINUTE, 1) + BAD + BACK


def test_d1_one_of_four_deployments_failed() -> None:
    play = played(HISTORY, "push")
    assert len(play.changes()) == 4
    assert measure(play, "change_failure_rate") == 25
    # The revert came because of it; and so often a day would they come at that pace.
    assert measure(play, "rework_rate") == 25
    deployments = measure(play, "deployments")
    assert measure(play, "deployment_frequency") == round(deployments * DAY / play.engine.now, 2)


def test_d4_recovery_from_deploy_and_from_detection_differ_by_the_time_to_detect() -> None:
    (failed,) = (each for each in played(HISTORY, "push").changes() if each.failed_at and not each.alone)
    assert failed.recovered is not None
    assert failed.reached is not None
    assert failed.failed_at is not None
    from_detection = failed.recovered - failed.failed_at
    assert failed.recovery_time is not None
    assert failed.recovery_time - from_detection == failed.failed_at - failed.reached
    assert failed.failed_at - failed.reached > 60 * SECOND  # the rollout's deadline, or its timeout


def test_d4_lead_time_from_the_first_commit_and_from_the_merge_differ_by_the_review() -> None:
    request = """\
  - at: 20m
    mergeRequest:
      message: n 1
      branch: change
      set: {deploy/config.yaml: {data.round: "1"}}
      reviewers: [{name: olga, takes: {min: 10m, max: 40m}}]
"""
    (change,) = played(request, "push").changes()[1:]
    assert change.lead_time is not None
    assert change.lead_time_from_first_commit is not None
    assert change.review_time is not None
    assert 10 * MINUTE <= change.review_time <= 40 * MINUTE
    assert change.lead_time_from_first_commit - change.lead_time == change.review_time

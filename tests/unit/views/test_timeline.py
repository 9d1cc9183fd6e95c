"""The timeline of shipped stories: the moments a reader needs, in the field's words, and no more than a few dozen."""

from functools import cache

import pytest

import kcsim
from kcsim.engine.clock import told_duration
from kcsim.scenario.load import gallery, load, loads
from kcsim.scenario.play import Play
from kcsim.views.text import timeline_text
from kcsim.views.timeline import LANES, timeline


@cache
def told(scenario: str, delivery: str):
    play = kcsim.load(scenario, delivery)
    play.finish()
    return play, timeline(play)


def texts(moments, lane):
    return [moment.text for moment in moments if moment.lane == lane]


LONG = {
    "a-monorepo-cut-into-artifacts": 120,
    "fifty-apps-in-one-repository": 400,  # fifty applications, each with its own words
    "an-autoscaler-against-git": 200,  # they fight every few seconds under Argo CD
    "two-teams-one-namespace": 150,
    "three-environments": 150,
}
"""Stories that are longer than a screen or two, and how long."""


@pytest.mark.parametrize(
    ("scenario", "delivery"), [(name, way) for name in sorted(gallery()) for way in load(name).deliveries]
)
def test_a_story_fits_on_a_screen_or_two_and_every_moment_can_be_asked_why(scenario, delivery):
    play, moments = told(scenario, delivery)
    assert 10 <= len(moments) <= LONG.get(scenario, 90)
    assert [moment.time for moment in moments] == sorted(moment.time for moment in moments)
    assert {moment.lane for moment in moments} <= set(LANES)
    assert all(len(moment.text) <= 130 and "\n" not in moment.text for moment in moments)
    assert all(str(play.why(moment.record)) for moment in moments)


def test_push_tells_its_pipeline():
    _, moments = told("plain-release", "push")
    ci = texts(moments, "ci")
    assert ci[-5:] == [
        "run 2: lint passed",
        "run 2: integration tests passed",
        "kubectl apply -f deploy",
        "run 2: deploy passed",
        "run 2 succeeded",
    ]
    assert texts(moments, "agent") == []


def test_flux_tells_what_it_fetched_and_applied():
    _, moments = told("plain-release", "flux")
    head = texts(moments, "git")[-1].split()[2]
    assert texts(moments, "agent")[-3:] == [
        f"source-controller fetched {head}",
        "applied deployment/web",
        f"shop: applied revision {head}",
    ]
    assert texts(moments, "ci") == []


def test_what_argocd_did_for_git_and_what_against_drift_is_told_apart():
    _, moments = told("drift-at-night", "argocd")
    agent = texts(moments, "agent")
    assert "shop: sync to 4ab233e succeeded" in agent
    assert agent.count("shop: self-heal to d239a11 succeeded") >= 2, "both changes by hand are undone"


def test_a_rollout_is_told_step_by_step():
    _, moments = told("plain-release", "push")
    steps = texts(moments, "pods")[-4:]
    assert steps[0] == "deployment/web: rollout begins: registry.example/shop/web:1.1.0"
    assert steps[1:3] == [f"deployment/web: {n} of 3 ready at the new version" for n in (1, 2)]
    assert steps[3].startswith("deployment/web: rollout complete, 3 of 3 ready, after ")


def test_drift_and_its_repair():
    for delivery, after in (("push", 39 * 60), ("flux", 0)):
        _, moments = told("drift-at-night", delivery)
        assert texts(moments, "person")[0] == "nico: kubectl scale deployment/web --replicas=1 -n shop"
        api = [moment for moment in moments if moment.lane == "api"]
        assert api[0].text == "drift: deployment/web: replicas is 1, git says 3"
        repaired = next(moment for moment in api if moment.text.startswith("repaired: deployment/web"))
        assert repaired.time - api[0].time >= after * 1_000_000


def test_failure_and_recovery():
    _, moments = told("bad-release-during-node-failure", "flux")
    assert texts(moments, "fault") == ["node-crash of node-2 begins, for 20m", "node-crash of node-2 is over"]
    pods = texts(moments, "pods")
    assert "node-2 is NotReady: the kubelet is silent" in pods
    assert any(text.endswith("CrashLoopBackOff") for text in pods)
    assert any("is evicted from node-2" in text for text in pods)
    assert "deployment/web: rollout is stuck: ProgressDeadlineExceeded" in pods
    traffic = texts(moments, "traffic")
    assert traffic == ["shoppers: requests fail: 33% timed out", "shoppers: requests are answered again"]
    # A failure that lasts is told once, however often the agent tries again.
    assert sum("HealthCheckFailed" in text for text in texts(moments, "agent")) <= 2


def test_a_bare_simulation_has_a_timeline_as_well():
    sim = kcsim.Simulation(nodes=3, seed=1)
    sim.run_until("1m")
    assert [moment.text for moment in timeline(sim)] == ["3 nodes are Ready"]
    sim.kubectl("create namespace shop", as_="nico")
    assert [moment.text for moment in timeline(sim)][-1] == "nico: kubectl create namespace shop"


def test_as_text():
    _, moments = told("plain-release", "push")
    lines = timeline_text(moments, width=60).splitlines()
    assert lines[0] == '00:00:00  git     dana commits d239a11 "Initial commit"'
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize("scenario", ["drift-at-night", "plain-release"])
@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_durations_read_as_in_the_measures(scenario, delivery):
    """A repair that took 5.6 s is not 5 s in the timeline and 6 s in the table; neither is a rollout."""
    play, moments = told(scenario, delivery)
    measured = {line for measure in play.measures() for line in measure.detail if " by nico: after " in line}
    repairs = [moment.text for moment in moments if moment.text.startswith("repaired: ")]
    for text in repairs:
        assert any(line.endswith(text.rpartition(", ")[2]) for line in measured), (text, measured)
    began: int | None = None
    for moment in moments:
        if "rollout begins: " in moment.text:
            began = moment.time
        elif "rollout complete" in moment.text and began is not None:
            assert moment.text.endswith(f"after {told_duration(moment.time - began)}")


def test_a_key_with_dots_is_told_whole():
    play = kcsim.load("two-teams-one-namespace", "flux")
    play.finish()
    told = [moment.text for moment in timeline(play) if moment.text.startswith("drift: configmap/settings")]
    assert told[0].startswith("drift: configmap/settings: kustomize.toolkit.fluxcd.io/name is ")


def test_the_merge_queue_tells_what_it_tries_and_who_goes_in_together():
    play = kcsim.load("from-a-tag-to-the-cluster", "flux")
    play.run_until("30m")
    told = [moment.text for moment in timeline(play) if moment.lane == "git"]
    assert [text.partition('"')[2] for text in told if text.startswith("the merge queue tries ")] == [
        'Merge pull request #1 from faster"',
        'Merge pull request #2 from nicer"',
    ]
    together = told.index("merge requests 1 and 2 go in together")
    assert told[together + 1].startswith("nico pushes ")


@pytest.mark.parametrize("delivery", ["push", "flux"])
def test_runs_are_told_with_their_pipeline_where_a_story_has_several(delivery):
    sim = kcsim.load("from-a-tag-to-the-cluster", delivery)
    sim.run_until("3m")
    told = [moment.text for moment in timeline(sim) if moment.lane == "ci" and "run 1" in moment.text]
    assert told[-1] == "run 1 of app succeeded"


def test_runs_are_told_with_their_environment_where_a_push_has_several():
    sim = kcsim.load("three-environments", "push")
    sim.run_until("5m")
    told = [
        moment.text for moment in timeline(sim) if moment.lane == "ci" and moment.text.startswith("run 1")
    ]
    assert {text.split()[3] for text in told if "starts" in text} == {
        "shop-dev",
        "shop-production",
        "shop-staging",
    }


def test_a_path_that_is_not_there_is_told_though_the_source_was_not_there_before():
    text = """\
apiVersion: kcsim/v1
kind: Scenario
name: nowhere
until: 5m
repositories:
  - {name: shop, brokenOnPurpose: true, files: {app/a.yaml: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"}}
deliveries:
  flux: {type: flux, kustomization: {path: nope}}
"""
    play = Play(loads(text), "flux")
    play.run_until("2m")
    told = [moment.text for moment in timeline(play) if "ArtifactFailed" in moment.text]
    assert "kustomization path not found" in told[-1]
    assert len(told) <= 2

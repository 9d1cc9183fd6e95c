"""Demands over time: what they mean at their edges, and what a broken one tells."""

from __future__ import annotations

import re

import pytest

import kcsim
from kcsim.testing.temporal import Broken, ask, expect, text_of
from kcsim.testing.tiny import crd

READY = 'ready("deployment/web", "default")'


@pytest.fixture(scope="module")
def sim():
    """Two replicas from 10 s on, three from 60 s, one from 120 s; it ends at 180 s."""
    sim = kcsim.Simulation(nodes=2, seed=1)
    sim.run_until("10s")
    sim.kubectl("create deployment web --image=web:1 --replicas=2")
    sim.run_until("60s")
    sim.kubectl("scale deployment/web --replicas=3")
    sim.run_until("120s")
    sim.kubectl("scale deployment/web --replicas=1")
    sim.run_until("180s")
    return sim


def replicas(moment):
    return moment.get("deployment/web")["spec"]["replicas"]


class TestConditions:
    def test_an_expression_and_a_function_mean_the_same(self, sim):
        text = ask(sim).eventually(f"{READY} == 3")
        call = ask(sim).eventually(lambda at: at.get("deployment/web")["status"]["readyReplicas"] == 3)
        assert text.held
        assert call.held
        assert text.at == call.at

    @pytest.mark.parametrize(
        ("condition", "told"),
        [
            (lambda at: at.list("podz"), "there is no kind 'podz'; did you mean 'pods'?"),
            (lambda at: at.get("deploymint/web"), "there is no kind 'deploymint'"),
            (lambda at: at.list("pods", cluster="moon"), "no cluster 'moon'"),
        ],
    )
    def test_a_kind_or_cluster_that_never_was_is_told_and_makes_no_promise_true(self, sim, condition, told):
        with pytest.raises(ValueError, match=re.escape(told)):
            ask(sim).never(condition)

    def test_a_kind_that_was_taken_away_may_be_asked_about(self):
        sim = kcsim.Simulation(nodes=1, seed=1)
        sim.apply(crd("Cog", "example.com"))
        sim.apply({"apiVersion": "example.com/v1", "kind": "Cog", "metadata": {"name": "one"}})
        sim.run("10s")
        sim.kubectl("delete crd cogs.example.com")
        sim.run("10s")
        expect(sim).eventually(lambda at: not at.list("cogs"), since="11s")
        expect(sim).eventually(lambda at: at.get("cog/one"), within="9s")

    def test_what_is_not_there_makes_a_condition_false(self, sim):
        assert not ask(sim).eventually(lambda at: at.get("deployment/nobody")).held
        assert ask(sim).never(lambda at: at.get("deployment/web"), until="9s").held

    def test_a_function_that_gives_no_answer_is_told_with_what_it_raised(self, sim):
        typo = r"deployment.*\(which raised KeyError: 'sepc'\) did not become true"
        with pytest.warns(UserWarning, match="raised KeyError: 'sepc' whenever it was looked at"):  # noqa: SIM117
            with pytest.raises(Broken, match=typo):
                expect(sim).eventually(lambda at: at.get("deployment/web")["sepc"]["replicas"] == 3)
        with pytest.warns(UserWarning, match="is never true, for it raised KeyError: 'sepc'"):
            expect(sim).never(lambda at: at.get("deployment/web")["sepc"]["replicas"] > 9)

    @pytest.mark.filterwarnings("error")
    def test_a_function_that_waits_for_a_field_is_none_of_these(self, sim):
        expect(sim).eventually(lambda at: at.get("deployment/web")["status"]["readyReplicas"] == 3)
        expect(sim).never(lambda at: at.get("deployment/nobody")["status"]["readyReplicas"] == 3)

    def test_a_condition_may_look_at_many(self, sim):
        found = ask(sim).eventually(lambda at: len(at.list("pods", "default")) >= 3)
        assert found.held
        assert 60_000_000 <= found.at < 61_000_000

    def test_it_is_asked_again_only_when_what_it_read_has_changed(self, sim):
        asked = []

        def looks(moment):
            asked.append(moment.now)
            return moment.get("deployment/web")

        ask(sim).eventually(looks)
        writes = [r for r in sim.trace.records if r.subject.startswith("deployment.apps/")]
        assert len(asked) <= len({r.time for r in writes}) + 2

    def test_words(self):
        assert text_of(replicas) == "replicas"
        assert text_of(lambda at: at.get("pod/a", "shop")) == 'lambda at: at.get("pod/a", "shop")'


class TestMeaning:
    def test_always(self, sim):
        assert ask(sim).always(f"{READY} >= 1", since="20s").held
        lost = ask(sim).always(f"{READY} >= 2", since="20s")
        assert (lost.held, 120_000_000 <= lost.at < 122_000_000) == (False, True)
        assert ask(sim).always(f"{READY} >= 2", since="20s", until="119s").held

    def test_never(self, sim):
        assert ask(sim).never(f"{READY} > 3").held
        assert not ask(sim).never(f"{READY} == 3").held

    def test_eventually_within(self, sim):
        assert ask(sim).eventually(f"{READY} == 3", since="60s", within="20s").held
        assert not ask(sim).eventually(f"{READY} == 3", within="50s").held

    def test_eventually_stays(self, sim):
        assert ask(sim).eventually(f"{READY} == 3", stays="40s").held
        assert not ask(sim).eventually(f"{READY} == 3", stays="70s").held

    def test_until(self, sim):
        assert ask(sim).until(f"{READY} >= 2", f"{READY} == 3", since="20s").held
        assert not ask(sim).until(f"{READY} == 2", f"{READY} == 1", since="20s").held
        assert not ask(sim).until(f"{READY} >= 1", f"{READY} == 9", since="20s").held

    def test_leads_to(self, sim):
        wanted = 'desired("deployment/web", "default")'
        assert ask(sim).leads_to(f"{wanted} == 3", f"{READY} == 3", within="20s").held
        assert not ask(sim).leads_to(f"{wanted} == 3", f"{READY} == 3", within="100ms").held
        assert ask(sim).leads_to(f"{wanted} == 9", f"{READY} == 9", within="1s").held

    def test_before(self, sim):
        assert ask(sim).before(f"{READY} == 2", f"{READY} == 3").held
        assert not ask(sim).before(f"{READY} == 3", f"{READY} == 2").held

    def test_stable_for(self, sim):
        assert ask(sim).stable_for(f"{READY} == 1", "50s").held
        assert not ask(sim).stable_for(f"{READY} == 1", "100s").held

    def test_a_window_that_ends_before_it_begins(self, sim):
        with pytest.raises(ValueError, match=r"ends \(5s\) before it begins \(10s\)"):
            ask(sim).always(f"{READY} == 1", since="10s", until="5s")

    def test_an_expression_that_can_never_be_evaluated(self, sim):
        with pytest.raises(ValueError, match="redy"):
            ask(sim).always('redy("deployment/web") == 1')


class TestConvergence:
    def test_a_pulled_world_comes_to_follow_git(self):
        world = kcsim.load("drift-at-night", delivery="flux")
        world.finish()
        expect(world).converges(within="15m", stays="3m", namespace="shop")

    def test_it_is_asked_of_stories(self, sim):
        with pytest.raises(TypeError, match="use eventually"):
            ask(sim).converges(within="1m")


class TestTelling:
    def test_demands_chain(self, sim):
        expect(sim).never(f"{READY} > 3").eventually(f"{READY} == 3").stable_for(f"{READY} == 1", "30s")

    def test_a_broken_one_tells_time_value_change_and_cause(self, sim):
        with pytest.raises(Broken) as broken:
            expect(sim).always(f"{READY} >= 2", since="20s")
        lines = str(broken.value).splitlines()
        assert lines[0].startswith("always is broken at t=2m")
        assert f"{READY} was 1" in lines[1]
        assert "kube-controller-manager" in lines[2]
        assert '"readyReplicas":1' in lines[2]
        assert "kubectl scale deployment/web --replicas=1" in str(broken.value)
        assert lines[-1] == f"seed 1; trace {sim.trace.sha256()[:12]}"
        assert broken.value.finding.held is False

    def test_a_story_tells_its_steps(self):
        world = kcsim.load("plain-release", delivery="push")
        world.run_until("2m")
        with pytest.raises(Broken, match=r"steps; push; seed \d+; trace"):
            expect(world).never(lambda at: at.get("namespace/shop"))


def test_what_never_comes_is_told_with_the_last_change_it_looks_at_and_the_faults_before():
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.run("10s")
    sim.inject("crash-point", "kube-controller-manager", resource="replicasets", verb="create")
    sim.kubectl("create deployment web --image=web:1 --replicas=2")
    sim.run("1m")
    with pytest.raises(Broken) as broken:
        expect(sim).eventually(lambda at: len(at.list("pods", "default")) == 3)
    told = str(broken.value)
    assert "last of what it looks at: t=" in told
    assert re.search(
        r"fault t=\d+\.\d+s crash kube-controller-manager/control-plane  when after create replicasets", told
    )


def test_faults_after_the_window_are_not_told():
    sim = kcsim.Simulation(nodes=1, seed=1)
    sim.run("10s")
    sim.inject("node-crash", "node-1")
    sim.run("1m")
    with pytest.raises(Broken) as broken:
        expect(sim).eventually(lambda at: at.list("pods", "default"), within="5s")
    assert "fault t=" not in str(broken.value)


def test_what_broke_it_is_not_told_as_coming_after_it(sim):
    for count in (1, 2, 3):
        with pytest.raises(Broken) as broken:
            expect(sim).never(f"{READY} == {count}")
        found, by = re.findall(r"t=(?:(\d+)m)?([\d.]+)s", str(broken.value).replace("\n    because", "\0"))[
            :2
        ]
        at, written = (60 * int(minutes or 0) + float(seconds) for minutes, seconds in (found, by))
        assert at == pytest.approx(written)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda world: world.always("redy() >= 1"), "there is no function 'redy'\n  did you mean 'ready'?"),
        (
            lambda world: world.always(f"{READY} >= 1", since="1h"),
            "the window begins at 1h, but the run ends at 3m",
        ),
        (lambda world: world.converges(within="1m"), "converges is asked of a story with a delivery"),
    ],
)
def test_a_question_that_cannot_be_asked_shows_the_line_that_asks_it(sim, asked, told):
    with pytest.raises((ValueError, TypeError), match=re.escape(told)) as error:
        asked(expect(sim))
    shown = [entry.frame.code.path.name for entry in error.traceback if not entry.ishidden(error)]
    assert set(shown) == {"test_temporal.py"}

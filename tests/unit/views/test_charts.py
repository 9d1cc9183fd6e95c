"""Charts: rollouts, heat maps, spreads, the three columns of an object, chains of causes, the network with its paths."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import comb
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kcsim
from kcsim.simulation.finding import NotFound
from kcsim.views.causes import causal_graph, causes
from kcsim.views.heatmap import grid, nodes
from kcsim.views.rollout_chart import rollout
from kcsim.views.spread import interval, spread
from kcsim.views.svg import Svg
from kcsim.views.three_way import three_way
from kcsim.views.topology import policies, topology

HOSTILE = "</title><script>alert(1)</script>&\"'\x00\u202e"


def parsed(svg: Svg) -> ET.Element:
    """The picture as a tree, which must be well-formed, titled, and the same each time."""
    assert str(svg) == str(svg)
    root = ET.fromstring(str(svg))
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert "<script" not in str(svg)
    return root


@pytest.fixture(scope="module")
def drifted() -> kcsim.Simulation:
    """Drift at night under push, after both changes by hand."""
    play = kcsim.load("drift-at-night", delivery="push")
    play.run_until("45m")
    return play


@pytest.fixture(scope="module")
def released() -> kcsim.Simulation:
    play = kcsim.load("plain-release", delivery="push")
    play.finish()
    return play


class TestRollout:
    def test_pods_stay_within_the_bounds(self, released) -> None:
        told = rollout(released, "web", "shop")
        rows = told.to_records()
        by_time: dict[float, list[dict]] = {}
        for row in rows:
            by_time.setdefault(row["time"], []).append(row)
        for at in by_time.values():
            assert sum(row["replicas"] for row in at) <= at[0]["max_pods"]
            assert sum(row["ready"] for row in at) >= at[0]["min_available"]
        assert {row["images"] for row in rows} == {
            "registry.example/shop/web:1.0.0",
            "registry.example/shop/web:1.1.0",
        }
        last = by_time[max(by_time)]
        assert [(row["images"][-5:], row["ready"]) for row in last] == [("1.0.0", 0), ("1.1.0", 3)]

    def test_it_is_drawn_and_told(self, released) -> None:
        told = rollout(released, "deployment/web", "shop")
        parsed(told.svg())
        assert "registry.example/shop/web:1.1.0" in str(told)

    def test_windows_nobody_can_show(self, released) -> None:
        with pytest.raises(ValueError, match="has not happened yet"):
            rollout(released, "web", "shop", until="5h")
        with pytest.raises(ValueError, match="is empty"):
            rollout(released, "web", "shop", since="10m", until="5m")
        with pytest.raises(NotFound, match="did you mean web"):
            rollout(released, "wob")

    def test_recreate_promises_no_pod(self) -> None:
        sim = kcsim.Simulation(nodes=1, seed=1)
        sim.apply(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, strategy: {type: Recreate}, "
            "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}"
        )
        sim.run("30s")
        assert {row["min_available"] for row in rollout(sim, "web").to_records() if row["wanted"]} == {0}


class TestHeatMap:
    def test_nodes_by_what_pods_ask_for(self, drifted) -> None:
        told = nodes(drifted, "cpu")
        rows = told.to_records()
        assert [row["name"] for row in rows] == ["node-1", "node-2", "node-3"]
        assert sum(row["value"] for row in rows) == pytest.approx(0.25 / 4 * 1, abs=0.001)  # one pod is left
        parsed(told.svg())

    def test_a_node_that_is_not_ready_is_marked(self) -> None:
        sim = kcsim.Simulation(nodes=20, seed=1)
        sim.run("10s")
        sim.inject("node-crash", "node-7")
        sim.run("2m")
        told = nodes(sim, "pods")
        assert [row["name"] for row in told.to_records() if row["state"] == "failed"] == ["node-7"]
        assert "✗" in str(told)
        parsed(told.svg())

    def test_the_past_can_be_asked(self, drifted) -> None:
        early = nodes(drifted, "cpu", at="5m").to_records()
        assert sum(row["value"] for row in early) > sum(row["value"] for row in nodes(drifted).to_records())

    def test_an_unknown_share_is_refused(self, drifted) -> None:
        with pytest.raises(ValueError, match="cpu, memory or pods"):
            nodes(drifted, "gpu")

    def test_a_grid_shades_from_least_to_most(self) -> None:
        told = grid(HOSTILE, ["a", HOSTILE], ["x", "y"], [[1, 2], [None, 3]], "s")
        assert [row["value"] for row in told.to_records()] == [0, 0.5, None, 1]
        parsed(told.svg())


class TestSpread:
    @given(st.integers(6, 60))
    def test_the_interval_covers_with_the_confidence_it_claims(self, n: int) -> None:
        low, high, confidence = interval([float(i) for i in range(n)])
        j = int(low)
        assert high == n - 1 - j
        assert confidence == pytest.approx(1 - 2 * sum(comb(n, i) for i in range(j + 1)) / 2**n)
        assert confidence >= 0.95

    def test_it_covers_the_median_of_many_samples_as_often_as_it_says(self) -> None:
        dice = random.Random(7)
        hits = 0
        for _ in range(2000):
            low, high, confidence = interval(sorted(dice.expovariate(1) for _ in range(25)))
            hits += low <= 0.6931 <= high
        assert hits / 2000 == pytest.approx(confidence, abs=0.015)

    @pytest.mark.parametrize("n", range(6))
    def test_too_few_runs_have_none(self, n: int) -> None:
        assert interval([float(i) for i in range(n)]) is None

    def test_what_never_happened_is_counted_and_told(self) -> None:
        told = spread("repair", {"push": [None, None], "flux": [1.0, 2.0, None], HOSTILE: [5.0] * 9}, "s")
        assert "never, in 2 runs" in str(told)
        assert "never in 1 of 3" in str(told)
        assert [row["never"] for row in told.to_records()] == [2, 1, 0]
        parsed(told.svg())

    def test_nothing_at_all_is_drawn_as_well(self) -> None:
        parsed(spread("none", {}).svg())
        parsed(spread("none", {"a": []}).svg())


class TestThreeWay:
    def test_drift_stands_between_last_applied_and_live(self, drifted) -> None:
        told = three_way(drifted, "deployment/web")
        rows = {row["path"]: row for row in told.to_records()}
        assert (rows["spec.replicas"]["git"], rows["spec.replicas"]["live"]) == (3, 1)
        assert rows["spec.replicas"]["applied"] == 3
        assert "drift" in rows["spec.replicas"]["says"]
        image = rows["spec.template.spec.containers[web].image"]
        assert image["live"].endswith("1.0.0-nico")
        assert image["managers"]
        parsed(told.svg())

    def test_a_commit_that_has_not_come_stands_between_git_and_last_applied(self) -> None:
        play = kcsim.load("plain-release", delivery="push")
        play.run_until("10m10s")
        (row,) = three_way(play, "deployment/web").to_records()
        assert (row["git"][-5:], row["applied"][-5:], row["live"][-5:]) == ("1.1.0", "1.0.0", "1.0.0")
        assert "git has moved on" in row["says"]

    def test_all_agree_in_the_end(self, released) -> None:
        told = three_way(released, "deployment/web")
        assert told.verdict == "git, last applied and live agree"
        assert told.lines == ()
        parsed(told.svg())

    def test_what_is_deleted_by_hand_is_told(self) -> None:
        play = kcsim.load("plain-release", delivery="push")
        play.run_until("5m")
        play.kubectl("delete deployment/web -n shop")
        play.run("10s")
        assert three_way(play, "deployment/web").verdict == "it is not in the cluster, git has it"

    def test_what_nobody_delivers_is_refused_with_what_there_is(self, released) -> None:
        with pytest.raises(NotFound, match=r"the delivery manages .*deployment/web"):
            three_way(released, "deployment/wob")


@dataclass
class Told:
    t: str
    actor: str
    verb: str
    object: str
    facts: str = ""


class TestCauses:
    def test_chains_share_what_they_have_in_common(self) -> None:
        commit, left, right = (Told(t, a, "did", a) for t, a in (("0", "dana"), ("1", "push"), ("2", "flux")))
        (root,) = causes({"a": [left, commit], "b": [right, commit]})
        assert root.link is commit
        assert [(step.link, step.ends) for step in root.led_to] == [(left, ["a"]), (right, ["b"])]

    def test_equal_chains_are_one(self) -> None:
        chain = [Told("1", "x", "did", "y"), Told("0", "dana", "commit", "c")]
        (root,) = causes({"a": chain, "b": list(chain)})
        assert root.led_to[0].ends == ["a", "b"]

    def test_a_long_chain_is_folded_in_its_middle(self) -> None:
        chain = [Told(str(i), "x", "did", f"n{i}") for i in range(30, -1, -1)]
        steps = []
        level = causes({"": chain})
        while level:
            (step,) = level
            steps.append(step)
            level = step.led_to
        assert len(steps) <= 10
        assert sum(step.folded or 1 for step in steps) == 31
        assert (steps[0].link.object, steps[-1].link.object) == ("n0", "n30")

    def test_hostile_names_stay_text(self) -> None:
        parsed(causal_graph({HOSTILE: [Told("0", HOSTILE, HOSTILE, HOSTILE, HOSTILE)]}, HOSTILE))
        parsed(causal_graph({}))


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""


class TestTopology:
    def test_paths_and_policies_lie_over_the_network(self) -> None:
        play = kcsim.load("plain-release", delivery="push")
        play.run_until("5m")
        before = topology(play, ("users", "service/web"))
        play.apply(POLICY)
        play.run("5s")
        after = topology(play, ("users", "service/web"))
        assert [bool(each.paths[0].ok) for each in (before, after)] == [True, False]
        (mark,) = after.policies
        assert (mark.name, len(mark.ingress), mark.egress) == ("shop/closed", 3, ())
        assert policies(play) == [mark]
        assert "NetworkPolicy shop/closed: ingress of 3 pods" in str(after.svg())
        assert "does not reach" in str(after.svg())
        for each in (before, after):
            parsed(each.svg())

    def test_records_name_everything_there_is(self) -> None:
        play = kcsim.load("plain-release", delivery="push")
        play.run_until("5m")
        rows = topology(play).to_records()
        assert {row["kind"] for row in rows} >= {"node", "pod", "service", "users"}
        assert all(row["ip"] for row in rows if row["kind"] == "pod")

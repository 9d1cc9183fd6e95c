"""The lanes of worlds as SVG: what each lane shows, in words as well, and the same bytes each time."""

from __future__ import annotations

import json
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

import kcsim
from kcsim.engine.clock import SECOND
from kcsim.views.picture import own_lanes, picture, picture_of
from kcsim.views.readiness import ReadyStep
from kcsim.views.strips import Happened, Strip, strip_of

SVG = "{http://www.w3.org/2000/svg}"


def hovers(drawn) -> list[str]:
    return [each.text or "" for each in ET.fromstring(str(drawn)).iter(f"{SVG}title")]


@pytest.fixture(scope="module")
def twins():
    return kcsim.compare("drift-at-night", ["push", "flux"])


def test_every_lane_that_has_something_is_there(twins) -> None:
    words = [text.text for text in ET.fromstring(str(picture_of(twins))).iter(f"{SVG}text")]
    for lane in ("git", "person", "ci", "agent", "api", "pods", "requests", "push", "flux"):
        assert lane in words
    assert own_lanes(strip_of(twins["push"])) == ["ci", "api", "pods", "requests"]
    assert own_lanes(strip_of(twins["flux"])) == ["agent", "api", "pods", "requests"]


def test_drift_runs_from_the_hand_to_the_repair(twins) -> None:
    (first, *_) = strip_of(twins["flux"]).drift
    assert first.since // SECOND == 22 * 60
    assert first.since < first.until < 25 * 60 * SECOND
    assert "replicas is 1, git says 3 (by nico)" in first.text
    assert any("replicas is 1, git says 3 (by nico)" in hover for hover in hovers(picture_of(twins)))


def test_writes_to_the_api_are_counted_once_each(twins) -> None:
    world = twins["flux"]
    assert sum(strip_of(world).writes) == len(world.cluster().server.log.versions)


def test_a_strip_can_be_kept_and_drawn_again(twins) -> None:
    strips = [strip_of(world) for world in twins.worlds.values()]
    kept = [Strip.from_json(json.loads(json.dumps(strip.to_json()))) for strip in strips]
    end = 80 * 60 * SECOND
    assert str(picture(kept, end, "x")) == str(picture(strips, end, "x"))


@pytest.mark.parametrize(
    "data", [{}, {"name": 1}, {"name": "", "moments": [["x"]]}, {"name": "", "moments": 3}]
)
def test_what_is_no_strip_is_refused(data) -> None:
    with pytest.raises(ValueError, match=r"is no|no strip"):
        Strip.from_json(data)


def test_every_mark_says_where_it_stands_in_time() -> None:
    moments = [Happened(n * SECOND, "git", "dana", "commit", f"c{n}", f"commit {n}") for n in range(5)]
    strip = Strip("push", moments, [ReadyStep(0, 1, 2)], [], [], [], False, 10 * SECOND)
    links = {(3 * SECOND, "git", "commit 3"): "#t-3"}
    root = ET.fromstring(str(picture([strip], 10 * SECOND, "x", links=links)))
    marks = [e for e in root.iter(f"{SVG}polygon") if e.get("data-a")]
    assert [float(e.get("data-a")) for e in marks] == [0, 1, 2, 3, 4]
    xs = [float(e.get("points").split(",")[0]) for e in marks]
    assert xs == sorted(xs)
    assert len({round(b - a, 3) for a, b in pairwise(xs)}) == 1
    (link,) = root.iter(f"{SVG}a")
    assert link.get("href") == "#t-3"
    spans = [
        (float(e.get("data-a")), float(e.get("data-b"))) for e in root.iter(f"{SVG}rect") if e.get("data-b")
    ]
    assert spans == [(0, 10), (0, 10)]


def test_an_empty_world_is_drawn_as_well() -> None:
    assert "no pods" in picture_of(kcsim.Simulation(nodes=0)).description


def test_an_image_that_is_pushed_later_stands_in_the_lane_of_the_registry() -> None:
    from kcsim.views.timeline import timeline

    sim = kcsim.Simulation(nodes=1, seed=1)
    registry = sim.world.registry
    registry.push("registry.example/web:1", None)
    sim.run("1m")
    registry.push("registry.example/web:2", None)
    told = [(m.lane, m.text) for m in timeline(sim) if m.lane == "registry"]
    assert told == [("registry", "registry.example/web:2 is pushed")]


def test_a_story_without_end_is_thinned_and_says_so() -> None:
    from kcsim.views.strips import MOST, thinned

    steps = [ReadyStep(n * SECOND, 5 if n % 97 else 0, 5) for n in range(50_000)]
    kept = thinned(steps, 50_000 * SECOND)
    assert len(kept) <= MOST
    assert min(step.ready for step in kept) == 0  # the worst of each stretch stays
    assert kept[-1] == steps[-1]
    assert [step.time for step in kept] == sorted(step.time for step in kept)
    assert thinned(steps[:MOST], 1) == steps[:MOST]


def test_of_too_many_moments_those_about_pods_go_first(monkeypatch) -> None:
    from kcsim.views import strips

    sim = kcsim.load("plain-release", delivery="push")
    sim.finish()
    whole = strip_of(sim)
    monkeypatch.setattr(strips, "MOST", 14)
    few = strip_of(sim)
    assert len(few.moments) == 14
    assert few.left_out == len(whole.moments) - 14
    assert {m for m in whole.moments if m.lane == "git"} <= set(few.moments)
    assert list(few.moments) == [m for m in whole.moments if m in set(few.moments)]


def test_what_happened_in_one_world_only_stands_in_its_own_lane() -> None:
    both = Happened(0, "git", "dana", "commit", "c", "dana commits c")
    alone = Happened(SECOND, "git", "git", "webhook-lost", "argocd", "a webhook is lost")
    strips = [Strip(name, moments, [], [], [], [], False, 9 * SECOND) for name, moments in
              (("push", [both]), ("argocd", [both, alone]))]  # fmt: skip
    root = ET.fromstring(str(picture(strips, 9 * SECOND, "x")))
    lanes = [(text.text, float(text.get("y"))) for text in root.iter(f"{SVG}text")]
    gits = [y for words, y in lanes if words == "git"]
    assert len(gits) == 2
    assert gits[1] > dict(lanes)["argocd"]
    marks = [float(e.get("points").split(",")[1].split()[0]) for e in root.iter(f"{SVG}polygon")]
    assert len(marks) == 2
    assert marks[1] > marks[0]
    assert [e.get("class") for e in root.iter(f"{SVG}polygon")] == ["git m", "failed m"]


def test_a_fault_that_goes_on_reaches_the_present_and_not_the_end_of_the_lanes() -> None:
    sim = kcsim.Simulation(nodes=1)
    sim.run_until("10s")
    sim.inject("node-freeze", "node-1")
    sim.run_until("30s")
    drawn = ET.fromstring(str(picture([strip_of(sim)], 60 * SECOND, "a minute")))
    ends = [float(bar.get("data-b")) for bar in drawn.iter(f"{SVG}rect") if bar.get("class") == "fault faint"]
    assert ends == [30.0]


def test_the_pods_lane_is_about_the_pods_of_all_clusters() -> None:
    sim = kcsim.load("three-environments", delivery="flux", until="3m")
    sim.finish()
    pods = strip_of(sim).pods
    assert (
        pods[-1].total
        == pods[-1].ready
        == sum(
            sim.get("deployment/web", "shop", cluster)["spec"]["replicas"]
            for cluster in ("dev", "staging", "production")
        )
    )
    assert [step.time for step in pods] == sorted(step.time for step in pods)

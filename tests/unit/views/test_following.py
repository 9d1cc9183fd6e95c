"""A world told line by line: the same story as the timeline, and what is wrong, in the order of time."""

from __future__ import annotations

import kcsim
from kcsim.views.following import Following, opening, results
from kcsim.views.timeline import timeline


def test_it_tells_the_story_of_the_timeline_and_plays_the_same_world() -> None:
    world = kcsim.load("drift-at-night", delivery="flux")
    told = list(Following(world).run())
    alone = kcsim.load("drift-at-night", delivery="flux")
    alone.finish()
    assert world.trace.sha256() == alone.trace.sha256(), "watching changes nothing"
    lines = [line for line in told if line.lane != "why"]
    moments = timeline(alone)
    assert [(line.time, line.lane) for line in lines] == [(m.time, m.lane) for m in moments]
    assert all(moment.text in line.text for line, moment in zip(lines, moments, strict=True))


def test_it_says_what_is_wrong_why_and_when_it_is_over() -> None:
    told = [str(line) for line in Following(kcsim.load("drift-at-night", delivery="flux")).run()]
    wrong = [line for line in told if " why: " in line]
    assert any("deployment/web has drifted" in line and "because nico at 22m" in line for line in wrong)
    assert wrong[-1].endswith("nothing is wrong any more")
    assert all("\n" not in line for line in told)


def test_the_results_are_lines_too() -> None:
    world = kcsim.load("drift-at-night", delivery="flux")
    assert "drift-at-night under flux" in opening(world)
    world.finish()
    lines = list(results(world))
    assert any(line.startswith("expectation replicas-are-repaired: held, as expected") for line in lines)
    assert lines[-1] == f"trace_sha256 {world.trace.sha256()}"

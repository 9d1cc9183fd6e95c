"""Whatever people, commits and faults do: when all has healed, a cluster under flux follows git again, and stays so.

Operations are data first; the smallest story that breaks the promise is saved as a scenario file that replays.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings

from kcsim.scenario.dump import to_yaml
from kcsim.scenario.load import loads
from kcsim.scenario.model import Expectation, Scenario
from kcsim.testing.operations import COMMITS, DRIFT, FAULTS, KINDS, Operation, scenario_of
from kcsim.testing.promises import check_deterministic
from kcsim.testing.stories import BrokenStory, demand, play
from kcsim.testing.strategies import operations, scenarios


@settings(max_examples=40)
@given(scenario=scenarios(name="test-pull-converges"))
def test_pull_converges(scenario: Scenario) -> None:
    demand(scenario, "flux", checking=True).world.cluster.server.log.verify()


@pytest.mark.parametrize("kind", FAULTS)
def test_pull_converges_after_each_fault_by_itself(kind: str) -> None:
    @settings(max_examples=12)
    @given(
        scenario=scenarios((*COMMITS, *DRIFT, kind), min_size=1, max_size=5, name=f"test-pull-heals-{kind}")
    )
    def converges(scenario: Scenario) -> None:
        demand(scenario, "flux")

    converges()


@settings(max_examples=15)
@given(scenario=scenarios((*DRIFT, *COMMITS), min_size=1, max_size=4))
def test_one_scenario_and_seed_is_one_trace(scenario: Scenario) -> None:
    for delivery in scenario.deliveries:
        assert play(scenario, delivery).trace.sha256() == play(scenario, delivery).trace.sha256()


@pytest.mark.slow
@settings(max_examples=2)
@given(scenario=scenarios(min_size=1, max_size=4))
def test_a_generated_story_gives_the_same_trace_in_another_process_with_other_hashes(
    scenario: Scenario,
) -> None:
    check_deterministic(scenario, "flux")


@settings(max_examples=30)
@given(scenario=scenarios())
def test_a_generated_story_is_a_valid_file_that_loads_to_itself(scenario: Scenario) -> None:
    assert loads(to_yaml(scenario)) == scenario


@settings(max_examples=15)
@given(ops=operations(("scale", "set-image", "delete"), max_size=4))
@example(ops=[Operation(10, "scale", 0, 0)])
def test_push_repairs_no_drift_while_nobody_deploys(ops: list[Operation]) -> None:
    world = play(scenario_of(ops), "push")
    assert [
        episode.ref for episode in world.episodes.episodes if episode.by_delivery or episode.noticed
    ] == []


class TestCounterexample:
    """An impossible promise is broken by every story; the smallest one is told and saved."""

    def test_is_saved_as_a_scenario_that_fails_again(self, tmp_path: Path) -> None:
        scenario = _impossible([Operation(10, "scale", 0, 1)])
        with pytest.raises(BrokenStory) as broken:
            demand(scenario, "push", folder=tmp_path)
        saved = tmp_path / "impossible.yaml"
        assert f"replay: kcsim test {saved}" in str(broken.value)
        again = loads(saved.read_text(), str(saved))
        assert not play(again, "push").verdicts()[0].passed

    def test_shrinks_to_what_matters(self, tmp_path: Path) -> None:
        @settings(max_examples=60)
        @given(ops=operations((*DRIFT, *COMMITS), max_size=4))
        def nobody_ever_scales(ops: list[Operation]) -> None:
            demand(_impossible(ops), "push", folder=tmp_path)

        with pytest.raises(BrokenStory):
            nobody_ever_scales()
        smallest = loads((tmp_path / "impossible.yaml").read_text())
        assert len(smallest.timeline) == 1

    def test_tells_when_why_and_what(self, tmp_path: Path) -> None:
        with pytest.raises(BrokenStory, match=r"never-adrift does not hold under push at t=5m10") as broken:
            demand(_impossible([Operation(10, "scale", 0, 1)]), "push", folder=tmp_path)
        message = str(broken.value)
        assert "adrift at the end: deployment/web" in message
        assert "nico" in message
        assert "  by t=310.067s nico patch deployment.apps/shop/web" in message
        assert "    because t=310.000s nico kubectl scale deployment/web" in message
        assert "1 step: scale-1: scale deployment/web --replicas=1 -n shop (t=5m10s)" in message

    def test_tells_of_a_fault_what_it_hit_and_how_long(self, tmp_path: Path) -> None:
        operations = [Operation(10, "scale", 0, 1), Operation(1, "node-crash", 1, lasts=60)]
        with pytest.raises(BrokenStory) as broken:
            demand(_impossible(operations), "push", folder=tmp_path)
        assert "node-crash-2: node-crash node-2 for 1m (t=5m11s); seed 1" in str(broken.value)


def _impossible(ops: list[Operation]) -> Scenario:
    never = Expectation(name="never-adrift", never='now() > 300 and drifted("shop")')
    return replace(scenario_of(ops, name="impossible"), expectations=(never,))


def test_every_kind_of_operation_can_happen() -> None:
    for kind in KINDS:
        assert len(scenario_of([Operation(1, kind, 0, 2)]).timeline) == 1, kind

"""Strategies for objects, steps and worlds: what they make is taken, meets, and shrinks to the plainest."""

from __future__ import annotations

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from kcsim.scenario.dump import to_yaml
from kcsim.scenario.load import loads
from kcsim.simulation.simulation import Simulation
from kcsim.testing.operations import COMMITS, DRIFT, FAULTS
from kcsim.testing.promises import check_esr
from kcsim.testing.strategies import (
    MANIFESTS,
    commits,
    drift,
    faults,
    histories,
    manifests,
    timelines,
    worlds,
)
from kcsim.testing.tiny import story


@pytest.mark.parametrize("kind", MANIFESTS)
def test_every_manifest_is_taken_as_it_is(kind: str) -> None:
    world = Simulation(nodes=1)

    @settings(max_examples=25)
    @given(made=manifests(kind))
    def is_taken(made: dict) -> None:  # type: ignore[type-arg]
        world.apply(made)
        assert world.get(f"{kind}/{made['metadata']['name']}")["kind"] == kind

    is_taken()


@settings(max_examples=15)
@given(worlds(orders=("fifo", "random@10ms")))
def test_whatever_is_asked_for_comes_about(world: Simulation) -> None:
    check_esr(world, within="5m", stays="1m")


def test_a_manifest_shrinks_to_the_plainest_that_matters() -> None:
    found = find(
        manifests(), lambda made: made["spec" if "spec" in made else "metadata"].get("replicas", 0) >= 2
    )
    assert (found["kind"], found["metadata"]["name"], found["spec"]["replicas"]) == ("Deployment", "a", 2)


@settings(max_examples=25)
@given(timelines(st.one_of(manifests(), st.just("delete deployment a --ignore-not-found")), max_size=4))
def test_steps_over_time_make_a_story_that_loads_to_itself(steps: list) -> None:  # type: ignore[type-arg]
    made = story("steps", *steps, controllers={}, until="2h")
    assert [entry.at for entry in made.timeline] == sorted(entry.at for entry in made.timeline)
    assert loads(to_yaml(made)) == made


@settings(max_examples=10)
@given(commits(max_size=3), drift(max_size=3), faults(max_size=3), histories(max_size=3))
def test_each_family_keeps_to_its_kinds(commit: list, hand: list, fault: list, history: object) -> None:  # type: ignore[type-arg]
    assert {each.kind for each in commit} <= set(COMMITS)
    assert {each.kind for each in hand} <= set(DRIFT)
    assert {each.kind for each in fault} <= set(FAULTS)
    assert all(entry.commit is not None for entry in history.timeline)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kinds": "Deploymnt"}, "no manifests of Deploymnt; choose from ConfigMap"),
        ({"kinds": ()}, "no kinds of manifests; choose from"),
        ({"names": ()}, "no names for manifests"),
    ],
)
def test_manifests_of_nothing_are_refused(options: dict, told: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=told):
        manifests(**options)

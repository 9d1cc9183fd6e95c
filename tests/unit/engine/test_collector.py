"""The cyclic collector while worlds grow, and between them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from kcsim.engine.collector import collector_at_rest


@pytest.fixture(autouse=True)
def threshold() -> Iterator[None]:
    """As a program finds it: what the suite has frozen is thawed meanwhile."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.unfreeze()
    gc.collect()
    yield
    gc.set_threshold(*before)
    if frozen:
        gc.freeze()


def collections() -> list[int]:
    return [generation["collections"] for generation in gc.get_stats()]


def a_world_in_a_cycle(objects: int) -> list[Any]:
    world: list[Any] = [[] for _ in range(objects)]
    world.append(world)
    return world


def test_a_block_is_not_looked_at_while_it_grows() -> None:
    before = collections()
    with collector_at_rest():
        world = a_world_in_a_cycle(100_000)
        assert collections() == before
    assert len(world) == 100_001


def test_what_a_large_block_made_is_in_the_oldest_generation_unwalked() -> None:
    before = collections()
    with collector_at_rest():
        world = a_world_in_a_cycle(100_000)
    assert collections() == before
    assert sum(part is world for part in gc.get_objects(generation=2)) == 1


def test_small_worlds_are_cleared_away_several_at_a_time() -> None:
    gc.set_threshold(700, 10, 10)
    before = collections()
    for _ in range(40):
        with collector_at_rest():
            a_world_in_a_cycle(5_000)
    after = collections()
    assert 2 <= after[0] - before[0] <= 6
    assert after[2] == before[2], "nobody walks the modules for small worlds"
    gc.collect(0)
    young_or_old = sum(type(part) is list and len(part) == 5_001 for part in gc.get_objects())
    assert young_or_old == 0, "small worlds do not gather in the oldest generation"


@pytest.mark.parametrize(("set_to", "then"), [(0, 0), (700, 50_000), (90_000, 90_000)])
def test_what_somebody_set_for_a_reason_stays(set_to: int, then: int) -> None:
    gc.set_threshold(set_to, 11, 12)
    with collector_at_rest(), collector_at_rest():
        pass
    assert gc.get_threshold() == (then, 11, 12)

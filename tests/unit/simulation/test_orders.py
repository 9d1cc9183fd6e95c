"""Exploring orders: all of them, each once, and the one that breaks something can be played again."""

from __future__ import annotations

import pytest

from kcsim.simulation.orders import explore
from kcsim.simulation.simulation import Simulation


def begin(order: str) -> Simulation:
    sim = Simulation(nodes=0, seed=1, order=order)
    sim.run_until("1s")
    sim.log = []
    for name in "abc":
        sim.engine.after(10_000_000, sim.log.append, name)
    return sim


def then(sim: Simulation) -> None:
    sim.run_until("11s")


def test_every_order_is_tried_once():
    paths = list(explore(begin, then, depth=5))
    assert sorted("".join(path.world.log) for path in paths) == ["abc", "acb", "bac", "bca", "cab", "cba"]
    assert "".join(paths[0].world.log) == "abc"
    assert [path.number for path in paths] == list(range(6))


def test_a_path_can_be_played_again():
    for path in explore(begin, then, depth=5):
        again = begin(path.order)
        then(again)
        assert again.log == path.world.log


def test_bounds_hold():
    assert len(list(explore(begin, then, depth=1))) == 3
    assert len(list(explore(begin, then, depth=5, limit=4))) == 4
    with pytest.raises(ValueError, match="1 or more"):
        next(explore(begin, then, depth=0))


def test_a_world_without_the_order_is_refused():
    with pytest.raises(ValueError, match="has to make its world with that order"):
        next(explore(lambda _order: Simulation(nodes=0), then))

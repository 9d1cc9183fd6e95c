"""The world of these tests: three nodes, a Deployment; with delivery where it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.scenario.play import Play, load
from kcsim.simulation.simulation import Simulation
from tests.unit.simulation.conftest import settled


@pytest.fixture
def sim() -> Simulation:
    return settled()


@pytest.fixture
def story() -> Callable[..., Play]:
    """A gallery story, run for a while."""

    def play(delivery: str, until: str = "2m", name: str = "plain-release") -> Play:
        sim = load(name, delivery=delivery)
        sim.run_until(until)
        return sim

    return play


def ready(sim: Any, name: str = "web", namespace: str | None = None) -> int:
    count: int = sim.get(f"deployment/{name}", namespace)["status"].get("readyReplicas", 0)
    return count


def told(sim: Any, actor: str, verb: str) -> list[Any]:
    return [r for r in sim.trace.records if (r.actor, r.verb) == (actor, verb)]

"""What the façade gives says in plain text what it is: never an address in memory, which differs from run to run."""

from __future__ import annotations

import re

import pytest

import kcsim
from kcsim.notebook import causes, picture, player


@pytest.fixture(scope="module")
def sim() -> kcsim.Simulation:
    world = kcsim.load("drift-at-night", delivery="flux")
    world.run_until("24m")
    return world


VALUES = {
    "git": lambda sim: sim.git,
    "network": lambda sim: sim.network,
    "traffic": lambda sim: sim.traffic,
    "trace": lambda sim: sim.trace,
    "cluster": lambda sim: sim.cluster(),
    "condition": lambda sim: sim.deploy("web", "shop").available,
    "player": player,
    "picture": picture,
    "causes": lambda sim: causes(web=sim.why("deployment/web", "shop")),
    "run": lambda sim: sim.fork().run("1s"),
    "sim": lambda sim: sim,
    "past": lambda sim: sim.at("3m"),
    "subject": lambda sim: sim.deploy("web", "shop"),
}


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_value_names_itself(sim: kcsim.Simulation, name: str) -> None:
    said = repr(VALUES[name](sim))
    assert not re.search(r"0x[0-9a-f]{4,}", said)
    assert len(said) > 10


def test_their_words_are_facts(sim: kcsim.Simulation) -> None:
    assert repr(sim.git) == "<Git shop: 3 files>"
    assert repr(sim.traffic["shoppers"]).startswith("<TrafficSource shoppers to ")
    assert repr(sim.deploy("web", "shop").available).startswith("<deployment/web is available: yes (3 of 3")
    assert repr(sim.cluster()) == "<Cluster (the only one): 3 nodes>"
    assert "pods ready" in repr(picture(sim))


def test_a_lesson_may_be_named_by_its_number() -> None:
    assert repr(kcsim.lesson(4)) == repr(kcsim.lesson("4"))

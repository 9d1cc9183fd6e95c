"""What the façade refuses at its door, naming the argument and the value."""

from __future__ import annotations

from typing import Any

import pytest

import kcsim
from kcsim import Simulation


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"nodes": -1}, ValueError, "nodes must be 0 or more, not -1"),
        ({"nodes": "three"}, TypeError, "nodes must be a count or a list of NodeSpec, not 'three'"),
        ({"nodes": None}, TypeError, "nodes must be a count or a list of NodeSpec, not None"),
        ({"seed": "7"}, TypeError, "seed must be a whole number, not '7'"),
        ({"seed": -7}, ValueError, "seed must be 0 or more, not -7"),
        ({"order": 3}, TypeError, "order must be a text such as .* not 3"),
    ],
)
def test_a_simulation_that_cannot_be_built(arguments: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Simulation(**arguments)


def test_a_seed_of_the_wrong_type_starts_no_story() -> None:
    with pytest.raises(TypeError, match="seed must be a whole number, not 'x'"):
        kcsim.load("plain-release", seed="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "mine"])
def test_a_controller_that_is_none(name: str) -> None:
    with pytest.raises(
        TypeError, match=r"give what makes a Reconciler, usually a subclass of it: .*int.* made 0"
    ):
        Simulation(nodes=0).add_controller(int, name=name)  # type: ignore[arg-type]

"""The annotation that tells kubelets how old their knowledge may be, and the labels of old."""

from __future__ import annotations

import pytest

from kcsim.cluster.controllers.nodelifecycle.health import missing_labels
from kcsim.cluster.controllers.ttl.controller import ANNOTATION, next_step
from kcsim.simulation.simulation import Simulation


@pytest.mark.parametrize(
    ("step", "size", "wanted"),
    [
        (0, 100, 0),
        (0, 101, 1),
        (1, 95, 1),
        (1, 89, 0),
        (0, 600, 2),
        (4, 5000, 4),
        (4, 50, 0),
        (5, 100_000, 5),
    ],
)
def test_boundaries_overlap(step: int, size: int, wanted: int) -> None:
    assert next_step(step, size) == wanted


def test_every_node_gets_the_annotation() -> None:
    sim = Simulation(nodes=2, seed=1)
    sim.run("5s")
    assert {n["metadata"]["annotations"][ANNOTATION] for n in sim.list("nodes")} == {"0"}


@pytest.mark.parametrize(
    ("labels", "missing"),
    [
        ({"kubernetes.io/os": "linux"}, {"beta.kubernetes.io/os": "linux"}),
        (
            {"kubernetes.io/arch": "arm64", "beta.kubernetes.io/arch": "amd64"},
            {"beta.kubernetes.io/arch": "arm64"},
        ),
        ({"kubernetes.io/os": "linux", "beta.kubernetes.io/os": "linux"}, {}),
        ({}, {}),
    ],
)
def test_labels_of_old_follow(labels: dict[str, str], missing: dict[str, str]) -> None:
    assert missing_labels({"metadata": {"name": "n", "labels": labels}}) == missing

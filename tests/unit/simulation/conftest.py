"""Three nodes and a Deployment: the world of these tests."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.images import ImageBehaviour
from kcsim.simulation.simulation import Simulation

IMAGE = "registry.example/web:1.0"


def deployment(replicas: int = 3, image: str = IMAGE, **spec: Any) -> dict[str, Any]:
    """A Deployment named web."""
    probe = {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 2}
    container = {"name": "web", "image": image, "ports": [{"containerPort": 8080}], "readinessProbe": probe}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
            **spec,
        },
    }


def settled(replicas: int = 3, seed: int = 1) -> Simulation:
    """A world whose Deployment has been Ready for a while: it is t=20s."""
    sim = Simulation(nodes=3, seed=seed, checking=True)
    sim.world.push_image(ImageBehaviour(IMAGE))
    sim.run_until("5s")
    sim.apply(deployment(replicas))
    sim.run_until("20s")
    assert sim.get("deployment/web")["status"]["readyReplicas"] == replicas
    return sim


@pytest.fixture
def sim() -> Simulation:
    return settled()

"""A cluster of three nodes with an app behind a Service, and users who ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.cluster.images import ImageBehaviour
from kcsim.cluster.traffic.source import TrafficSource
from kcsim.simulation.simulation import Simulation

IMAGE = "registry.example/web:1.0"
MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %(replicas)d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: web
        image: registry.example/web:1.0
        ports: [{name: http, containerPort: 8080}]
        %(probe)s
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
"""
PROBE = "readinessProbe: {httpGet: {port: 8080, path: /}, periodSeconds: 2}"


class Shop:
    """A running app: nodes are Ready at 5 s, the app is served well before 20 s."""

    def __init__(self, replicas: int = 3, *, probe: str = PROBE, seed: int = 1, **behaviour: Any) -> None:
        self.sim = Simulation(nodes=3, seed=seed, checking=True)
        self.sim.world.push_image(ImageBehaviour(IMAGE, **behaviour))
        self.sim.run_until("5s")
        self.sim.apply(MANIFESTS % {"replicas": replicas, "probe": probe})
        self.sim.run_until("20s")

    def users(self, rate: float = 10, **options: Any) -> TrafficSource:
        """Users of the app, from now on."""
        options = {"service": "web", "port": 80, "start": self.sim.engine.now, **options}
        return self.sim.world.add_traffic("users", rate=rate, **options)

    def node_of(self, index: int = 0) -> str:
        """The node of a pod."""
        node: str = self.sim.list("pods")[index]["spec"]["nodeName"]
        return node


@pytest.fixture
def shop() -> Callable[..., Shop]:
    return Shop

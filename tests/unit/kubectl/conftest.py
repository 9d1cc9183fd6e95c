"""A small cluster and somebody who types."""

from __future__ import annotations

import pytest

from kcsim.simulation.simulation import Simulation

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: "registry.example/app:1"}
"""


class Terminal:
    """Runs command lines and keeps nothing but what they print."""

    def __init__(self, simulation):
        self.simulation = simulation

    def __call__(self, line, stdin="", as_=""):
        """Standard output of a command that must succeed without a word on standard error."""
        outcome = self.simulation.kubectl(line, stdin=stdin, as_=as_)
        assert (outcome.exit_code, outcome.stderr) == (0, ""), outcome.text
        return outcome.stdout

    def fails(self, line, stdin="", as_=""):
        """Standard error of a command that must fail."""
        outcome = self.simulation.kubectl(line, stdin=stdin, as_=as_)
        assert outcome.exit_code == 1, outcome.text
        return outcome.stderr


@pytest.fixture
def sim():
    return Simulation(nodes=2, seed=1)


@pytest.fixture
def k(sim):
    return Terminal(sim)


@pytest.fixture
def web(k, sim):
    """The terminal, with a Deployment of two ready pods."""
    k("apply -f -", stdin=WEB)
    k("rollout status deploy/web")
    return k

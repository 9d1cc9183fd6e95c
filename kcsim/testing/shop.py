"""The little world that generated stories happen in: a shop of two Deployments, delivered by push and by flux.

Small on purpose: two machines, quick probes, short intervals, so that a story of an hour is played in a blink and a
counterexample is read in one look.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from kcsim.scenario.load import loads
from kcsim.scenario.model import Scenario

NAMESPACE = "shop"
WORKLOADS = ("web", "api")
VERSIONS = ("1", "2", "3")
NODES = ("node-1", "node-2")
CLIENTS = ("flux", "ci", "kube-controller-manager", "kube-scheduler", *NODES)

_NAMESPACE_FILE = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """What git says of one Deployment."""

    replicas: int = 2
    version: str = "1"


def path(name: str) -> str:
    """The file of a workload's manifests."""
    return f"deploy/{name}.yaml"


def manifest(name: str, workload: Workload) -> str:
    """The text of that file."""
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {NAMESPACE}
spec:
  replicas: {workload.replicas}
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
        - name: {name}
          image: registry.example/{NAMESPACE}/{name}:{workload.version}
          ports:
            - containerPort: 8080
          readinessProbe:
            httpGet:
              path: /ready
              port: 8080
            periodSeconds: 2
"""


@cache
def shop() -> Scenario:
    """The world before anything happens."""
    files = {"deploy/namespace.yaml": _NAMESPACE_FILE} | {
        path(name): manifest(name, Workload()) for name in WORKLOADS
    }
    written = "".join(f"      {name}: |\n{_indented(text)}" for name, text in files.items())
    return loads(_HEAD + written + _DELIVERIES, "generated.yaml")


def _indented(text: str) -> str:
    return "".join(f"        {line}\n" for line in text.splitlines())


_HEAD = f"""\
apiVersion: kcsim/v1
kind: Scenario
name: generated
title: A generated story
summary: Operations that a property test chose.
cluster:
  nodes: {len(NODES)}
images:
  - name: "*"
    readyAfter: 2s
repositories:
  - name: {NAMESPACE}
    path: deploy
    files:
"""
_DELIVERIES = """\
deliveries:
  push:
    type: push
    pipeline:
      stages:
        - name: test
          duration: 20s
    deploy:
      rolloutTimeout: 2m
  flux:
    type: flux
    gitRepository:
      interval: 1m
    kustomization:
      interval: 2m
      retryInterval: 30s
      timeout: 90s
"""

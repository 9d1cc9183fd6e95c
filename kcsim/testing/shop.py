"""The little world that generated stories happen in: a shop of two Deployments, delivered by push and by flux.

Small on purpose: two machines in two zones, quick probes, short intervals, so that a story of an hour is played in a blink
and a counterexample is read in one look. Every fault of the catalogue has something to hit: the control plane's programs
have one that stands by, the images are named, and one user looks in now and then.
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
ZONES = ("zone-a", "zone-b")
CLIENTS = ("flux", "ci", "kube-controller-manager", "kube-scheduler", *NODES)

_FIRST = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: {NAMESPACE}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """What git says of one Deployment."""

    replicas: int = 2
    version: str = "1"


def path(name: str) -> str:
    """The file of a workload's manifests."""
    return f"deploy/{name}.yaml"


def image(name: str, version: str) -> str:
    """What a workload runs."""
    return f"registry.example/{NAMESPACE}/{name}:{version}"


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
          image: {image(name, workload.version)}
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
    files = {"deploy/namespace.yaml": _FIRST} | {path(name): manifest(name, Workload()) for name in WORKLOADS}
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
  controlPlaneReplicas: 2
  nodes:
{"".join(f"    - {{name: {node}, zone: {zone}}}{chr(10)}" for node, zone in zip(NODES, ZONES, strict=True))}\
images:
{"".join(f"  - {{name: {image(name, version)}, readyAfter: 2s}}{chr(10)}" for name in WORKLOADS for version in VERSIONS)}\
traffic:
  - name: users
    to: service/web
    namespace: {NAMESPACE}
    rate: 1/m
    start: 1m
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

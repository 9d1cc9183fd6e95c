"""Flux in a simulation of one's own, with repositories of charts."""

from __future__ import annotations

import kcsim
from kcsim.delivery.charts import chart_files
from kcsim.testing.flux import Flux

RELEASE = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: default}
spec: {interval: 5m, url: "https://charts.example"}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: default}
spec:
  interval: 10m
  chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: charts}}}
"""


def test_a_published_chart_is_installed():
    sim = kcsim.Simulation(nodes=2)
    flux = Flux(sim, "helm-controller")
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
    flux.charts.publish("https://charts.example", chart_files("web", "1.0.0", [settings]))
    sim.run("30s")
    sim.apply(RELEASE)
    sim.run("1m")
    assert sim.get("configmap/settings", "default")["data"] == {"a": "1"}
    assert sim.get("helmrelease/web", "default")["status"]["history"][0]["status"] == "deployed"

"""Clients who ask for what nobody makes: a Gateway, a name; and those of whom nothing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.scenario.load import examine

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: ways
until: 5m
cluster:
  nodes: 1
  gateway: true
  objects:
  - {apiVersion: v1, kind: Pod, metadata: {name: one, labels: {app: one}}, spec: {containers: [{name: c, image: x}]}}
  - {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: one}, ports: [{port: 80}]}}
  - apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: {name: public}
    spec: {gatewayClassName: kcsim, listeners: [{name: http, port: 80, protocol: HTTP}]}
traffic:
- {name: users, %s, rate: 10/s}
"""


@pytest.mark.parametrize(
    ("clients", "code", "remedy"),
    [
        ("to: http://web/, from: pod/one", "", ""),
        ("to: http://web.default.svc.cluster.local/, from: pod/one", "", ""),
        ("to: http://git.example/, from: pod/one", "", ""),
        ("to: http://10.96.0.10/, from: pod/one", "", ""),
        ("to: http://kube-dns.kube-system/, from: pod/one", "", ""),
        ("to: http://public-kcsim/, from: pod/one", "", ""),
        ("to: http://wbe/, from: pod/one", "KC513", "did you mean 'web.default'"),
        ("to: http://web.shop/, from: pod/one", "KC513", "Services: web.default"),
        ("to: http://shop.example/, entry: Gateway, gateway: public", "", ""),
        ("to: http://shop.example/, entry: Gateway, gateway: publik", "KC407", "did you mean 'public'"),
        ("to: http://shop.example/, entry: Gateway, gateway: public, namespace: shop", "KC407", "public"),
    ],
)
def test_whom_clients_ask(tmp_path: Path, clients: str, code: str, remedy: str) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(STORY % clients)
    told = examine(str(file)).diagnostics
    assert [each.code for each in told] == ([code] if code else [])
    assert not code or (told[0].position.line == 16 and remedy in told[0].remedy)

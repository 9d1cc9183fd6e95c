"""Clients in scenarios: every key is played, measured and written back."""

from __future__ import annotations

import textwrap

import pytest

from kcsim.scenario.dump import to_yaml
from kcsim.scenario.load import examine_text, loads
from kcsim.scenario.play import Play

STORY = textwrap.dedent(
    """\
    apiVersion: kcsim/v1
    kind: Scenario
    name: clients
    seed: 4
    until: 10m
    cluster: {nodes: 3, dns: true, ingress: true, gateway: true}
    images:
      - name: "*"
      - name: shop/web:1
        calls:
          - http://cart
          - {to: http://ads, optional: true, timeout: 200ms, retries: 1, share: 0.5}
      - name: shop/cart:1
        latency: 4ms
    repositories:
      - name: shop
        files:
          web.yaml: |
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              replicas: 2
              selector: {matchLabels: {app: web}}
              template:
                metadata: {labels: {app: web}}
                spec:
                  containers:
                    - name: web
                      image: shop/web:1
                      ports: [{containerPort: 8080}]
                      readinessProbe: {tcpSocket: {port: 8080}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
          cart.yaml: |
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: cart}
            spec:
              replicas: 2
              selector: {matchLabels: {app: cart}}
              template:
                metadata: {labels: {app: cart}}
                spec:
                  containers:
                    - name: cart
                      image: shop/cart:1
                      ports: [{containerPort: 8080}]
                      readinessProbe: {tcpSocket: {port: 8080}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: cart}
            spec: {selector: {app: cart}, ports: [{port: 80, targetPort: 8080}]}
          ingress.yaml: |
            apiVersion: networking.k8s.io/v1
            kind: Ingress
            metadata: {name: shop}
            spec:
              ingressClassName: nginx
              defaultBackend: {service: {name: web, port: {number: 80}}}
    deliveries:
      push: {type: push}
    traffic:
      - name: shoppers
        to: http://shop.example/
        entry: Ingress
        rate: 50/s
        start: 3m
        objective: 0.99
        shape: [{at: 0s, factor: 1}, {at: 5m, factor: 2}]
        bursts: [{at: 6m, for: 10s, factor: 3}]
      - name: pages
        to: http://cart
        from: deployment/web
        users: 20
        think: 900ms
        timeout: 500ms
        start: 3m
        retries: {attempts: 1, backoff: 50ms, budget: 0.5, on: [connect, timeout]}
        keepAlive: {connections: 8, maxAge: 1m}
      - name: few
        to: service/web
        rate: 2/s
        start: 3m
        each: true
        headers: {x-a: b}
    timeline:
      - at: 8m
        kubectl: scale deployment cart --replicas=0
    """
)


@pytest.fixture(scope="module")
def play() -> Play:
    found = Play(loads(STORY, "clients.yaml"))
    found.finish()
    return found


def test_what_leads_nowhere_is_told_and_nothing_else():
    loaded = examine_text(STORY, "clients.yaml")
    assert [(each.code, each.severity) for each in loaded.diagnostics] == [("KC513", "warning")]
    assert "http://ads" in loaded.diagnostics[0].message


def test_a_scenario_with_clients_reads_back_as_it_was():
    scenario = loads(STORY, "clients.yaml")
    assert loads(to_yaml(scenario), "again.yaml") == scenario


def test_the_day_has_a_shape_and_a_burst(play):
    # Two minutes at 50, five at 100, ten seconds of which at 300.
    sent = play.traffic["shoppers"].totals().sent
    assert sent == pytest.approx(120 * 50 + 290 * 100 + 10 * 300, abs=2)


def test_measures_tell_what_users_noticed(play):
    found = {measure.name: measure for measure in play.measures()}
    assert {"availability_shoppers", "availability_pages", "availability_few"} <= set(found)
    assert 10 <= found["latency_p50"].value <= 80
    assert found["latency_p50"].unit == "ms"
    # Two of seven minutes, at twice the rate and more.
    assert found["error_budget_used"].value > 2_000
    assert "5xx" in found["error_kinds"].value
    assert any("cart: no ready endpoints" in line for line in found["failed_requests"].detail)
    assert any("scale deployment cart" in line for line in found["failed_requests"].detail)


def test_results_are_data(play):
    sources = {each["name"]: each for each in play.result()["traffic"]}
    shoppers = sources["shoppers"]
    assert shoppers["failed"] == sum(shoppers["errors"].values()) == sum(shoppers["causes"].values())
    assert shoppers["failures"][-1]["why"].endswith("scale deployment cart --replicas=0")
    assert shoppers["latency"]["p50"] < shoppers["latency"]["p99"]
    assert sources["pages"]["errors"].keys() <= {
        "no endpoints",
        "not ready",
        "connection refused",
        "timeout",
        "reset",
    }
    assert sources["few"]["sent"] == pytest.approx(841, abs=1)


def test_users_wait_for_their_answers(play):
    totals = play.traffic["pages"].totals(8 * 60 * 1_000_000)
    assert totals.failed == 0
    assert totals.sent / 300 == pytest.approx(20 / 0.907, rel=0.02)

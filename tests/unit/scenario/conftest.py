"""A small valid scenario that the tests of this folder break in one place each."""

import textwrap

import pytest

BASE = textwrap.dedent(
    """\
    apiVersion: kcsim/v1
    kind: Scenario
    name: base
    seed: 3
    until: 1h
    cluster:
      nodes:
        - name: node-1
          zone: a
        - name: node-2
    images:
      - name: shop/web:1
        readyAfter: 5s
      - name: shop/web:2
        crashAfter: 3s
    repositories:
      - name: shop
        path: deploy
        files:
          deploy/web.yaml: |
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: web
              namespace: shop
            spec:
              replicas: 3
              selector:
                matchLabels: {app: web}
              template:
                metadata:
                  labels: {app: web}
                spec:
                  containers:
                    - name: web
                      image: shop/web:1
          deploy/service.yaml: |
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop}
            spec:
              selector: {app: web}
              ports:
                - name: http
                  port: 80
    deliveries:
      push:
        type: push
        pipeline:
          stages:
            - name: build
              duration: {min: 10s, max: 20s}
              builds: [shop/web]
      flux:
        type: flux
        kustomization: {interval: 5m, wait: true}
    traffic:
      - name: shoppers
        to: service/web
        namespace: shop
        rate: 2/s
    timeline:
      - at: 5m
        name: release
        commit:
          message: v2
          edit:
            deploy/web.yaml: {replace: {"web:1": "web:2"}}
      - at: 10m
        name: by-hand
        as: nico
        kubectl: scale deployment/web --replicas=1 -n shop
      - at: 20m
        name: crash
        fault: node-crash
        node: node-2
        for: 5m
      - at: 30m
        revert: {commit: release}
      - at: 31m
        flux: suspend kustomization shop
    expectations:
      - name: comes-up
        eventually: ready("deployment/web", "shop") == 3
        within: 5m
      - name: repaired
        after: by-hand
        eventually: desired("deployment/web", "shop") == 3
        within: 10m
        failsUnder: [push]
      - name: served
        always: success_rate("shoppers", "1m") >= 0.9
    """
)


@pytest.fixture
def base() -> str:
    return BASE

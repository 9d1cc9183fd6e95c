"""Objects that stand in a cluster before its story begins are checked like any manifest, where they are written."""

from __future__ import annotations

from pathlib import Path

from kcsim.scenario.load import examine

STORY = """\
apiVersion: kcsim/v1
kind: Scenario
name: standing
until: 5m
cluster:
  nodes: 1
  objects:
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: p}
    spec:
      podSelector: {}
      ingress:
      - from:
        - ipBlock: {cidr: 10.0.0.300/8}
  - {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: nobody}, ports: [{port: 80}]}}
  - {apiVersion: v1, kind: Pod, metadata: {name: one, labels: {app: one}}, spec: {containers: [{name: c, imag: x}]}}
traffic:
- {name: users, to: service/web, rate: 10/s}
- {name: lost, to: service/wbe, rate: 10/s}
"""


def test_each_fault_is_told_once_where_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "story.yaml"
    file.write_text(STORY)
    told = examine(str(file)).diagnostics
    found = [(each.code, each.position.line, each.position.column) for each in told]
    assert found == [
        ("KC504", 15, 27),
        ("KC508", 16, 77),
        ("KC503", 17, 106),
        ("KC205", 20, 20),
    ], "and none for the Service that stands there"

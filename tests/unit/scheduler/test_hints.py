"""Which cluster events give a refused pod another try."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.scheduler.hints import NodeChanged, PlacedPodGone, worth_requeuing
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import Shapes

SHAPES = Shapes()


def pod(**spec: Any) -> Any:
    container: dict[str, Any] = {"name": "c", "resources": {"requests": {"cpu": "2"}}}
    if ports := spec.pop("ports", None):
        container["ports"] = [{"hostPort": port, "containerPort": port} for port in ports]
    return SHAPES.info(
        {"metadata": {"name": "p", "namespace": "d", "uid": "p"}, "spec": {"containers": [container], **spec}}
    )


def node(cpu: str = "4", labels: dict[str, str] | None = None, **spec: Any) -> NodeInfo:
    return NodeInfo(
        {
            "metadata": {"name": "n", "labels": labels or {}},
            "spec": spec,
            "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}},
        }
    )


TAINT = [{"key": "a", "effect": "NoSchedule"}]
CASES = [
    ("NodeResourcesFit", pod(), NodeChanged(None, node()), True),
    ("NodeResourcesFit", pod(), NodeChanged(None, node("1")), False),
    ("NodeResourcesFit", pod(), NodeChanged(node("1"), node("4")), True),
    ("NodeResourcesFit", pod(), NodeChanged(node("4"), node("8")), True),
    ("NodeResourcesFit", pod(), NodeChanged(node("4"), node("4", {"x": "y"})), False),
    ("NodeResourcesFit", pod(), PlacedPodGone(pod()), True),
    ("NodeAffinity", pod(nodeSelector={"x": "y"}), NodeChanged(node(), node(labels={"x": "y"})), True),
    ("NodeAffinity", pod(nodeSelector={"x": "y"}), NodeChanged(node(), node(labels={"x": "z"})), False),
    ("NodeAffinity", pod(nodeSelector={"x": "y"}), PlacedPodGone(pod()), False),
    ("TaintToleration", pod(), NodeChanged(node(taints=TAINT), node()), True),
    ("TaintToleration", pod(), NodeChanged(None, node(taints=TAINT)), False),
    ("NodeUnschedulable", pod(), NodeChanged(node(unschedulable=True), node()), True),
    ("NodePorts", pod(ports=[80]), PlacedPodGone(pod(ports=[80])), True),
    ("NodePorts", pod(ports=[80]), PlacedPodGone(pod(ports=[81])), False),
    ("NodePorts", pod(ports=[80]), NodeChanged(None, node()), True),
]


@pytest.mark.parametrize(("plugin", "waiting", "event", "worth"), CASES)
def test_hints(plugin: str, waiting: Any, event: Any, worth: bool) -> None:
    assert worth_requeuing(frozenset((plugin,)), waiting, event) == worth

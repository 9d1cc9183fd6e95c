"""Which cluster events give a refused pod another try."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.cluster.scheduler.hints import (
    NodeChanged,
    NodeGone,
    PlacedPodChanged,
    PlacedPodGone,
    StorageChanged,
    worth_requeuing,
)
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_index import PodIndex
from kcsim.cluster.scheduler.pod_info import Shapes

SHAPES = Shapes()


def pod(**spec: Any) -> Any:
    container: dict[str, Any] = {"name": "c", "resources": {"requests": {"cpu": "2"}}}
    labels = spec.pop("labels", {})
    if ports := spec.pop("ports", None):
        container["ports"] = [{"hostPort": port, "containerPort": port} for port in ports]
    return SHAPES.info(
        {
            "metadata": {"name": "p", "namespace": "d", "uid": "p", "labels": labels},
            "spec": {"containers": [container], **spec},
        }
    )


def node(cpu: str = "4", labels: dict[str, str] | None = None, **spec: Any) -> NodeInfo:
    return NodeInfo(
        {
            "metadata": {"name": "n", "labels": labels or {}},
            "spec": spec,
            "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}},
        }
    )


TERM = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}}
REQUIRED = {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}


def web() -> Any:
    return pod(labels={"app": "web"})


def spread() -> Any:
    constraint = {**TERM, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    return pod(topologySpreadConstraints=[constraint])


def near() -> Any:
    return pod(affinity={"podAffinity": REQUIRED})


def away() -> Any:
    return pod(affinity={"podAntiAffinity": REQUIRED})


def claiming() -> Any:
    return pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}])


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
    ("PodTopologySpread", spread(), PlacedPodGone(web()), True),
    ("PodTopologySpread", spread(), PlacedPodGone(pod(labels={"app": "db"})), False),
    ("PodTopologySpread", spread(), PlacedPodChanged(web()), True),
    ("PodTopologySpread", spread(), PlacedPodChanged(web(), {"app": "web", "x": "y"}), False),
    ("PodTopologySpread", spread(), PlacedPodChanged(web(), {"app": "db"}), True),
    ("PodTopologySpread", spread(), NodeChanged(None, node(labels={"zone": "a"})), True),
    ("PodTopologySpread", spread(), NodeChanged(None, node()), False),
    ("PodTopologySpread", spread(), NodeChanged(node(), node(labels={"zone": "a"})), True),
    ("PodTopologySpread", spread(), NodeGone(node(labels={"zone": "a"})), True),
    ("PodTopologySpread", spread(), NodeGone(node()), False),
    ("InterPodAffinity", near(), PlacedPodChanged(web()), True),
    ("InterPodAffinity", near(), PlacedPodChanged(pod(labels={"app": "db"})), False),
    ("InterPodAffinity", near(), PlacedPodGone(web()), False),
    ("InterPodAffinity", near(), NodeChanged(None, node(labels={"zone": "a"})), True),
    ("InterPodAffinity", near(), NodeChanged(None, node()), False),
    ("InterPodAffinity", away(), PlacedPodGone(web()), True),
    ("InterPodAffinity", away(), PlacedPodChanged(web()), False),
    ("InterPodAffinity", away(), PlacedPodChanged(pod(labels={"app": "db"}), {"app": "web"}), True),
    ("InterPodAffinity", web(), PlacedPodGone(away()), True),
    ("InterPodAffinity", pod(), PlacedPodGone(away()), False),
    ("VolumeBinding", claiming(), StorageChanged("persistentvolumeclaims", "d", "data"), True),
    ("VolumeBinding", claiming(), StorageChanged("persistentvolumeclaims", "d", "other"), False),
    ("VolumeBinding", claiming(), StorageChanged("persistentvolumes", "", "v"), True),
    ("VolumeBinding", claiming(), StorageChanged("csinodes", "", "n"), False),
    ("VolumeBinding", claiming(), NodeChanged(node(), node(labels={"zone": "a"})), True),
    ("NodeVolumeLimits", claiming(), PlacedPodGone(claiming()), True),
    ("NodeVolumeLimits", claiming(), PlacedPodGone(pod()), False),
    ("NodeVolumeLimits", claiming(), StorageChanged("csinodes", "", "n"), True),
    ("VolumeRestrictions", claiming(), PlacedPodGone(claiming()), True),
]


@pytest.mark.parametrize(("plugin", "waiting", "event", "worth"), CASES)
def test_hints(plugin: str, waiting: Any, event: Any, worth: bool) -> None:
    index = PodIndex(lambda _: None, lambda _: {})
    assert worth_requeuing(frozenset((plugin,)), waiting, event, index) == worth

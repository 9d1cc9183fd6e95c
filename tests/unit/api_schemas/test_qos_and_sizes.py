"""What a pod asks for as a whole: its class, its defaults, and what a node counts."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.defaults.core_pod import pod
from kcsim.api.qos import qos_class
from kcsim.cluster.kubelet.admission import pod_requests

ASKS = {"resources": {"requests": {"cpu": "1"}}}


def spec(resources: dict[str, Any], *containers: dict[str, Any]) -> dict[str, Any]:
    return {
        "containers": [{"name": str(n), **each} for n, each in enumerate(containers)],
        "resources": resources,
    }


@pytest.mark.parametrize(
    ("resources", "shown"),
    [
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
        ({"requests": {"cpu": "0"}}, "BestEffort"),
        ({}, "Burstable"),  # of its containers
    ],
)
def test_the_class_of_a_pod_that_asks_as_a_whole(resources, shown):
    assert qos_class(spec(resources, ASKS, {})) == shown


def test_requests_of_a_pod_come_from_its_containers_and_its_limits():
    """defaultPodRequests: only where the pod has limits of its own."""
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    made = pod({**obj, "spec": spec({"limits": {"cpu": "2", "memory": "1Gi"}}, ASKS, ASKS)})
    assert made["spec"]["resources"]["requests"] == {"cpu": "2", "memory": "1Gi"}
    made = pod({**obj, "spec": spec({"requests": {"cpu": "4"}}, ASKS)})
    assert made["spec"]["resources"] == {"requests": {"cpu": "4"}}


def test_a_node_counts_what_the_pod_asks_for_as_a_whole():
    assert pod_requests(spec({"requests": {"cpu": "500m", "memory": "1Mi"}}, ASKS)) == {
        "pods": 1,
        "cpu": 500,
        "memory": 1 << 20,
    }

"""LimitRange: what containers are given, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.admission.limit_ranger import pod_violations
from tests.unit.api_admission.conftest import containers


def limit_range(door: Any, **item: Any) -> None:
    door.create("v1", "LimitRange", "r", spec={"limits": [item]})


def test_containers_get_defaults_and_the_pod_says_so(door):
    limit_range(
        door,
        type="Container",
        default={"cpu": "500m", "memory": "1Gi"},
        defaultRequest={"cpu": "250m"},
    )
    pod = door.create(
        "v1", "Pod", "p", spec=containers({}, {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}})
    )
    first, second = (c["resources"] for c in pod["spec"]["containers"])
    assert first == {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "500m", "memory": "1Gi"}}
    assert second == {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    assert pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c0; cpu, memory limit for container c0; "
        "memory request for container c1; memory limit for container c1"
    )
    assert pod["status"]["qosClass"] == "Burstable"


def test_a_removed_range_gives_nothing_more(door):
    limit_range(door, type="Container", default={"cpu": "1"})
    spec = containers({})
    assert door.create("v1", "Pod", "one", spec=spec)["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "1"
    }
    door.delete("limitranges", "r")
    assert door.create("v1", "Pod", "two", spec=spec)["spec"]["containers"][0]["resources"] == {}


CASES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"min": {"cpu": "1"}}, {}, ["minimum cpu usage per Container is 1.  No request is specified"]),
    (
        {"min": {"cpu": "1"}},
        {"requests": {"cpu": "500m"}, "limits": {"cpu": "2"}},
        ["minimum cpu usage per Container is 1, but request is 500m"],
    ),
    ({"max": {"cpu": "1"}}, {}, ["maximum cpu usage per Container is 1.  No limit is specified"]),
    (
        {"max": {"cpu": "1", "memory": "1Gi"}},
        {"limits": {"cpu": "2", "memory": "2Gi"}},
        [
            "maximum cpu usage per Container is 1, but limit is 2",
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ],
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
        ["cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"],
    ),
    (
        {"maxLimitRequestRatio": {"cpu": "2"}},
        {"limits": {"cpu": "3"}},
        ["cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"],
    ),
    ({"min": {"cpu": "1"}, "max": {"cpu": "2"}}, {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}, []),
]


@pytest.mark.parametrize(("bounds", "resources", "expected"), CASES)
def test_bounds_of_containers(bounds, resources, expected):
    pod = {"spec": containers(resources)}
    assert pod_violations(pod, {"spec": {"limits": [{"type": "Container", **bounds}]}}) == expected


def test_a_pod_counts_as_its_containers_or_its_hungriest_init_container():
    spec = containers({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1"}})
    limit = {"spec": {"limits": [{"type": "Pod", "min": {"cpu": "3"}}]}}
    assert pod_violations({"spec": spec}, limit) == ["minimum cpu usage per Pod is 3, but request is 2"]
    spec["initContainers"] = [{"name": "i", "resources": {"requests": {"cpu": "3"}}}]
    assert pod_violations({"spec": spec}, limit) == []


def test_several_violations_are_one_refusal(door):
    limit_range(door, type="Container", max={"cpu": "1", "memory": "1Gi"})
    refusal = door.create("v1", "Pod", "p", spec=containers({"limits": {"cpu": "2", "memory": "2Gi"}}))
    assert refusal == (
        403,
        (
            'pods "p" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, '
            "maximum memory usage per Container is 1Gi, but limit is 2Gi]"
        ),
    )


def test_claims_keep_to_the_bounds_too(door):
    limit_range(door, type="PersistentVolumeClaim", max={"storage": "1Gi"})
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    assert door.create("v1", "PersistentVolumeClaim", "c", spec=spec) == (
        403,
        (
            'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, '
            "but request is 2Gi"
        ),
    )


def test_a_resize_keeps_to_the_range(door):
    limit_range(door, type="Container", max={"cpu": "1"})
    door.create("v1", "Pod", "p", spec=containers({"limits": {"cpu": "500m"}}))
    resources = {"requests": {"cpu": "500m"}, "limits": {"cpu": "2"}}
    body = {"spec": {"containers": [{"name": "c0", "resources": resources}]}}
    assert door.patch("pods", "p", body, type="strategic", subresource="resize") == (
        403,
        'pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    )

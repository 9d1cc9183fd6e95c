"""What the API server writes into a new pod for the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NewWorld = Callable[..., Any]


def test_a_gated_pod_says_so_from_the_first(new_world: NewWorld) -> None:
    world = new_world()
    world.pod("p", schedulingGates=[{"name": "example.com/g"}])
    pod = world.get("p")
    assert pod["status"]["conditions"] == [
        {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": pod["metadata"]["creationTimestamp"],
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }
    ]


def test_label_keys_are_merged_into_selectors(new_world: NewWorld) -> None:
    world = new_world()
    term = {
        "topologyKey": "zone",
        "labelSelector": {"matchLabels": {"app": "web"}},
        "matchLabelKeys": ["version", "absent"],
        "mismatchLabelKeys": ["tenant"],
    }
    constraint = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
        "matchLabelKeys": ["version"],
    }
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    world.pod(
        "p",
        labels={"app": "web", "version": "2", "tenant": "t"},
        affinity={"podAffinity": required},
        topologySpreadConstraints=[constraint],
    )
    spec = world.get("p")["spec"]
    version = {"key": "version", "operator": "In", "values": ["2"]}
    (merged,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert merged["labelSelector"]["matchExpressions"] == [
        version,
        {"key": "tenant", "operator": "NotIn", "values": ["t"]},
    ]
    assert spec["topologySpreadConstraints"][0]["labelSelector"]["matchExpressions"] == [version]

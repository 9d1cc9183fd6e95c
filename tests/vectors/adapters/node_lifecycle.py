"""Node taints by condition, tolerations, and what kubectl says of rollouts, against upstream's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.cluster.controllers.nodelifecycle.health import (
    excluded_from_disruption_checks,
    taints_by_condition,
)
from kcsim.cluster.controllers.tainteviction.tolerations import FOREVER, min_toleration_time, time_to_stay
from kcsim.engine.clock import SECOND
from kcsim.kubectl.rollout import RolloutFailed, daemon_set_status, deployment_status, stateful_set_status

Given = dict[str, Any]


def minimum(given: Given) -> Given:
    time = min_toleration_time(given.get("tolerations") or ())
    return {"time": "-1ns" if time == FOREVER else f"{time // SECOND}s"}


def evict_pod(given: Given) -> Given:
    spec = given["pod"].get("spec") or {}
    taints = (given.get("taintedNodes") or {}).get(spec.get("nodeName", "")) or []
    return {"deleted": time_to_stay(taints, spec.get("tolerations") or []) == 0}


def rollout(describe: Callable[[Given], tuple[str, bool]]) -> Callable[[Given], Given]:
    def told(given: Given) -> Given:
        strategy = given.get("strategy") or {"type": "RollingUpdate"}
        spec = {"replicas": given.get("specReplicas", 3), "updateStrategy": strategy}
        metadata = {"name": "foo", "generation": given.get("generation", 0)}
        deployed = {"metadata": metadata, "spec": spec, "status": given.get("status") or {}}
        try:
            message, done = describe(deployed)
        except RolloutFailed as error:
            return {"message": "", "done": True, "error": str(error)}
        return {"message": message, "done": done}

    return told


def same_taints(case: Given, outcome: Given) -> None:
    def ordered(taints: list[Given]) -> list[Given]:
        return sorted(taints, key=lambda taint: taint["key"])

    assert ordered(outcome["taints"]) == ordered(case["expect"]["taints"])


ADAPTERS = {
    "minTolerationTime": minimum,
    "taintsByCondition": lambda given: {"taints": taints_by_condition(given["node"])},
    "excludedFromDisruptionChecks": lambda given: {
        "excluded": excluded_from_disruption_checks({"metadata": {}, **given["node"]})
    },
    "evictPod": evict_pod,
    "rolloutStatus_deployment": rollout(deployment_status),
    "rolloutStatus_daemonSet": rollout(daemon_set_status),
    "rolloutStatus_statefulSet": rollout(stateful_set_status),
}
CHECKS = {"taintsByCondition": same_taints}

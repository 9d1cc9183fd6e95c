"""Pod phase, conditions and hostname, as the kubelet works them out."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.kubelet.conditions import (
    containers_ready_condition,
    initialized_condition,
    pod_ready_condition,
)
from kcsim.cluster.kubelet.hostname import generate_pod_host_name_and_domain, truncate_pod_hostname
from kcsim.cluster.kubelet.phase import get_phase


def phase(case: dict[str, Any]) -> dict[str, Any]:
    statuses = [*(case.get("initContainerStatuses") or []), *(case.get("containerStatuses") or [])]
    return {
        "phase": get_phase(
            case["spec"],
            statuses,
            pod_is_terminal=case.get("podIsTerminal", False),
            pod_has_initialized=case.get("podHasInitialized", False),
        )
    }


def containers_ready(case: dict[str, Any]) -> dict[str, Any]:
    return containers_ready_condition(case["spec"], case.get("containerStatuses"), case["phase"])


def ready(case: dict[str, Any]) -> dict[str, Any]:
    statuses = case.get("containerStatuses")
    return pod_ready_condition(case["spec"], case.get("conditions") or [], statuses, case["phase"])


def initialized(case: dict[str, Any]) -> dict[str, Any]:
    return initialized_condition(case["spec"], case.get("containerStatuses"), case["phase"])


def host_and_domain(case: dict[str, Any]) -> dict[str, Any]:
    try:
        hostname, domain = generate_pod_host_name_and_domain(
            case["podName"], "default", case["hostname"], case["subdomain"]
        )
    except ValueError as error:
        return {"error": str(error)}
    return {"hostname": hostname, "domain": domain}


ADAPTERS = {
    "podPhase": phase,
    "podPhaseContainerRestartPolicy": phase,
    "containersReadyCondition": containers_ready,
    "podReadyCondition": ready,
    "initializedCondition": initialized,
    "hostname": lambda case: {"hostname": truncate_pod_hostname(case["name"])},
    "hostnameAndDomain": host_and_domain,
}

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


def spec_of(case: dict[str, Any]) -> dict[str, Any]:
    """The pod's spec; upstream's tables have rows without one."""
    return case.get("spec") or {}


def phase(case: dict[str, Any]) -> dict[str, Any]:
    statuses = [*(case.get("initContainerStatuses") or []), *(case.get("containerStatuses") or [])]
    return {
        "phase": get_phase(
            spec_of(case),
            statuses,
            pod_is_terminal=case.get("podIsTerminal", False),
            pod_has_initialized=case.get("podHasInitialized", False),
        )
    }


def containers_ready(case: dict[str, Any]) -> dict[str, Any]:
    return containers_ready_condition(spec_of(case), case.get("containerStatuses"), case.get("phase", ""))


def ready(case: dict[str, Any]) -> dict[str, Any]:
    statuses = case.get("containerStatuses")
    return pod_ready_condition(spec_of(case), case.get("conditions") or [], statuses, case.get("phase", ""))


def initialized(case: dict[str, Any]) -> dict[str, Any]:
    return initialized_condition(spec_of(case), case.get("containerStatuses"), case.get("phase", ""))


def host_and_domain(case: dict[str, Any]) -> dict[str, Any]:
    try:
        hostname, domain = generate_pod_host_name_and_domain(
            case["podName"],
            "default",
            case.get("hostname") or "",
            case.get("subdomain") or "",
            override=case.get("hostnameOverride"),
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

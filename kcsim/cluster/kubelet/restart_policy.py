"""Whether a container that ended is started again.

**Imitates:** ``pkg/kubelet/container/helpers.go`` (``ShouldContainerBeRestarted``) and
``pkg/api/v1/pod/util.go`` (container restart rules), v1.36. Left out: ``RestartAllContainers`` (alpha).
"""

from __future__ import annotations

from typing import Any

Container = dict[str, Any]
PodSpec = dict[str, Any]


def is_restartable_init_container(container: Container) -> bool:
    """Whether an init container is a sidecar: it keeps running beside the main containers."""
    return container.get("restartPolicy") == "Always"


def restart_policy_of(container: Container, spec: PodSpec) -> str:
    """The policy in force: the container's own, else the pod's, else ``Always``."""
    return container.get("restartPolicy") or spec.get("restartPolicy") or "Always"


def restarts_after(container: Container, spec: PodSpec, exit_code: int) -> bool:
    """Whether a container that ended with ``exit_code`` is to run again: its rules first, then the policy."""
    for rule in container.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        listed = exit_code in (codes.get("values") or ())
        if listed == (codes.get("operator", "In") == "In"):
            return bool(rule.get("action") == "Restart")
    policy = restart_policy_of(container, spec)
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)

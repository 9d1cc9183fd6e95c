"""Host ports: what a pod occupies on its node, and whether two claims collide.

**Imitates:** ``HostPortInfo`` in staging/src/k8s.io/kube-scheduler/framework/types.go and
plugins/nodeports/node_ports.go (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a wildcard claim of a pod, nothing listens here


class HostPort(NamedTuple):
    """One claim on a node's port."""

    protocol: str
    port: int
    address: str


def host_ports(spec: dict[str, Any]) -> tuple[HostPort, ...]:
    """The host ports of a pod's containers and sidecars."""
    containers = [
        *(spec.get("containers") or ()),
        *(c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"),
    ]
    return tuple(
        HostPort(port.get("protocol") or "TCP", port["hostPort"], port.get("hostIP") or ANY_ADDRESS)
        for container in containers
        for port in container.get("ports") or ()
        if port.get("hostPort", 0) > 0
    )


def conflicts(wanted: Iterable[HostPort], used: Iterable[HostPort]) -> bool:
    """Whether any wanted claim meets a used one: same protocol and port, and the same or a wildcard address."""
    taken: dict[tuple[str, int], set[str]] = {}
    for claim in used:
        taken.setdefault((claim.protocol, claim.port), set()).add(claim.address)
    for claim in wanted:
        addresses = taken.get((claim.protocol, claim.port))
        if addresses and (
            claim.address == ANY_ADDRESS or ANY_ADDRESS in addresses or claim.address in addresses
        ):
            return True
    return False

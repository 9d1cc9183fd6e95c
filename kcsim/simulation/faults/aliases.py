"""What other tools call the same faults: Chaos Mesh's kinds and actions, LitmusChaos's faults, chaostoolkit-kubernetes' actions.

They are as near as they map; what hits a pod there hits an image, a link or a node here where that is what the fault is
about. Names without a counterpart say why, so that nobody searches for them.

**Source:** chaos-mesh.org v2.7 (api/v1alpha1: kinds and their actions), LitmusChaos 3.x (chaos-charts, faults/kubernetes),
chaostoolkit-kubernetes 0.40 (``chaosk8s`` modules).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_CHAOS_MESH = {
    "pod-kill": "human-delete",
    "pod-failure": "image-crash",
    "container-kill": "image-crash",
    "partition": "network-partition",
    "loss": "network-loss",
    "delay": "network-delay",
    "PodChaos": "human-delete",
    "NetworkChaos": "network-partition",
    "TimeChaos": "node-clock-skew",
    "StressChaos": "node-memory-pressure",
    "ec2-stop": "node-crash",
    "ec2-restart": "node-reboot",
    "node-stop": "node-crash",
    "node-reset": "node-reboot",
    "vm-stop": "node-crash",
    "vm-restart": "node-reboot",
}
_LITMUS = {
    "pod-delete": "human-delete",
    "pod-network-loss": "network-loss",
    "pod-network-latency": "network-delay",
    "pod-network-partition": "network-partition",
    "pod-autoscaler": "human-scale",
    "pod-http-latency": "network-delay",
    "disk-fill": "node-disk-pressure",
    "node-io-stress": "node-disk-pressure",
    "node-memory-hog": "node-memory-pressure",
    "node-restart": "node-reboot",
    "node-poweroff": "node-crash",
    "kubelet-service-kill": "component-restart",
    "docker-service-kill": "node-freeze",
    "time-chaos": "node-clock-skew",
    "k8s-service-kill": "component-restart",
}
_CHAOS_TOOLKIT = {
    "terminate_pods": "human-delete",
    "delete_pods": "human-delete",
    "kill_microservice": "human-delete",
    "scale_deployment": "human-scale",
    "scale_microservice": "human-scale",
    "scale_statefulset": "human-scale",
    "delete_deployment": "human-delete",
    "remove_service_endpoint": "human-delete",
    "deny_all_ingress": "network-partition",
    "deny_all_egress": "network-partition",
}
ALIASES: Mapping[str, str] = MappingProxyType({**_CHAOS_MESH, **_LITMUS, **_CHAOS_TOOLKIT})
"""another tool's name -> ours."""

_TOOL = {
    "Chaos Mesh": tuple(_CHAOS_MESH),
    "LitmusChaos": tuple(_LITMUS),
    "Chaos Toolkit": tuple(_CHAOS_TOOLKIT),
}
TOOLS: Mapping[str, tuple[str, ...]] = MappingProxyType(_TOOL)
"""tool -> the names of it that are understood."""

_NO_PACKETS = "kcsim sends requests, not packets: use network-loss, which is what requests notice of it"
_NO_CPU = "kcsim does not model CPU that is taken away: use an image whose latency grows, or load-spike"
_NO_IO = "kcsim does not model file systems: use an image that fails, or node-disk-pressure"
_NO_NAMES = (
    "use network-partition between the clients and the DNS service's nodes, or image-crash on its image"
)
UNMAPPED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "duplicate",
                "corrupt",
                "reorder",
                "bandwidth",
                "netem",
                "pod-network-corruption",
                "pod-network-duplication",
            ),
            _NO_PACKETS,
        ),
        **dict.fromkeys(("pod-cpu-hog", "node-cpu-hog", "pod-cpu-hog-exec"), _NO_CPU),
        **dict.fromkeys(
            ("IOChaos", "latency", "fault", "attrOverride", "mistake", "pod-io-stress", "BlockChaos"), _NO_IO
        ),
        **dict.fromkeys(("DNSChaos", "pod-dns-error", "pod-dns-spoof"), _NO_NAMES),
        **dict.fromkeys(
            ("JVMChaos", "KernelChaos"),
            "kcsim runs no real programs: use an image that behaves as the fault makes it",
        ),
        "HTTPChaos": "use an image whose errors or latency grow, or network-delay",
        "pod-memory-hog": "use an image whose memory grows: memoryGrowth in an `image` entry",
        "node-drain": "type it: {kubectl: drain NODE --ignore-daemonsets}",
        "node-taint": "type it: {kubectl: taint nodes NODE KEY=VALUE:NoExecute}",
        "drain_nodes": "type it: {kubectl: drain NODE --ignore-daemonsets}",
        "cordon_node": "type it: {kubectl: cordon NODE}",
    }
)
"""another tool's name -> what to do instead of it."""

"""Clusters and their machines, as a scenario writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.scenario.model.network import ClusterNetwork
from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Count, Json, Name, Quantity


@dataclass(frozen=True, kw_only=True)
class Taint(Part):
    """A node's taint, as in `spec.taints`."""

    key: Annotated[str, "The taint's key."]
    value: Annotated[str, "The taint's value."] = ""
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"], "What it does to pods without a toleration."
    ]


@dataclass(frozen=True, kw_only=True)
class Node(Part):
    """One machine of a cluster."""

    name: Annotated[Name, "The node's name."]
    cpu: Annotated[Quantity, "Cores it offers."] = "4"
    memory: Annotated[Quantity, "Memory it offers."] = "16Gi"
    pods: Annotated[Count, "Pods it may run."] = 110
    zone: Annotated[str, "Failure zone, the label topology.kubernetes.io/zone."] = ""
    rack: Annotated[str, "Where it stands in its zone: nodes of a rack share a switch."] = ""
    labels: Annotated[Mapping[str, str], "Further labels."] = field(default_factory=dict)
    taints: Annotated[tuple[Taint, ...], "Taints it registers with."] = ()


@dataclass(frozen=True, kw_only=True)
class Cluster(Part):
    """One Kubernetes cluster with an API server of its own."""

    name: Annotated[Name, "The cluster's name."] = "default"
    nodes: Annotated[
        Count | tuple[Node, ...],
        "How many like machines (node-1, node-2, ...; among several clusters NAME-node-1, ...), or each machine by itself.",
    ] = 3
    network: Annotated[ClusterNetwork, "Ranges of addresses, overlay, links."] = field(
        default_factory=ClusterNetwork
    )
    dns: Annotated[
        bool, "CoreDNS in two pods: names are looked up there. Left out: a name is taken for its Service."
    ] = False
    ingress: Annotated[
        bool, "An ingress controller (ingress-nginx) behind a load balancer plays Ingresses of class nginx."
    ] = False
    gateway: Annotated[bool, "The Gateway API and a controller that plays Gateways of class kcsim."] = False
    control_plane_replicas: Annotated[
        Count,
        "Instances of the controller manager and of the scheduler: one leads, the others stand by.",
    ] = 1
    control_plane_controllers: Annotated[
        tuple[str, ...],
        "What the controller manager runs, as its flag --controllers says it: `*` for all, `-replicaset-controller` for "
        "all but that one.",
    ] = ("*",)
    objects: Annotated[
        tuple[Json, ...],
        "Objects that stand there before the story begins: namespaces, definitions of kinds.",
    ] = ()

    def all_nodes(self, prefix: str = "") -> tuple[Node, ...]:
        """Every node, in order; a number is resolved into node-1, node-2, ... behind the prefix."""
        if isinstance(self.nodes, int):
            return tuple(Node(name=f"{prefix}node-{number}") for number in range(1, self.nodes + 1))
        return self.nodes

"""A cluster's network as a scenario writes it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from kcsim.scenario.model.part import Part
from kcsim.scenario.values import Count, Duration, Fraction, Quantity


@dataclass(frozen=True, kw_only=True)
class Link(Part):
    """A link between two places: nodes, racks, zones, `control-plane`, `internet`, or another host outside."""

    between: Annotated[tuple[str, ...], "Its two ends."]
    latency: Annotated[Duration, "One way, of half of the packets."]
    jitter: Annotated[Duration, "What one packet in a hundred takes longer."] = 0
    loss: Annotated[Fraction, "Share of packets that are lost, each way; less than 1."] = 0.0
    bandwidth: Annotated[
        Quantity | None,
        "Bits a second (10G, 100M): as fast as images are pulled over it; left out: no limit.",
    ] = None


@dataclass(frozen=True, kw_only=True)
class ClusterNetwork(Part):
    """What is particular about a cluster's network."""

    pod_subnet: Annotated[
        str | tuple[str, ...],
        "The cluster CIDR (kubeadm podSubnet), or one IPv4 and one IPv6 (dual stack); as large as the nodes need when left out.",
    ] = ()
    service_subnet: Annotated[
        str | tuple[str, ...], "Where Services have addresses from; with two the first is the default family."
    ] = "10.96.0.0/16"
    node_mask: Annotated[Count, "Mask of the IPv4 range of each node (--node-cidr-mask-size-ipv4)."] = 24
    node_mask_ipv6: Annotated[Count, "Mask of the IPv6 range of each node (--node-cidr-mask-size-ipv6)."] = 64
    mode: Annotated[
        Literal["routed", "vxlan", "geneve", "ipip", "wireguard"],
        "How packets travel between pods of two nodes: as they are, or packed (an overlay: a hop more, a smaller MTU).",
    ] = "routed"
    mtu: Annotated[Count, "Largest packet of the nodes' network, in bytes."] = 1500
    route_reflectors: Annotated[
        str,
        "Label selector of the nodes that tell the others by BGP where pods are; left out: every node tells every other.",
    ] = ""
    links: Annotated[
        tuple[Link, ...],
        "Links that differ from the usual ones; between zones and racks they are taken first.",
    ] = ()

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        """The cluster CIDRs, one a family; none: they follow from the number of nodes."""
        return (self.pod_subnet,) if isinstance(self.pod_subnet, str) else self.pod_subnet

    @property
    def service_cidrs(self) -> tuple[str, ...]:
        """The ranges of Services, one a family."""
        return (self.service_subnet,) if isinstance(self.service_subnet, str) else self.service_subnet

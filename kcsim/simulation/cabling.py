"""How a cluster's network is planned: its ranges of addresses, its links, and how packets between pods are carried.

**Walk:** a ``NetworkPlan`` -> ``places`` lays out switches and links by it -> the controller manager cuts its ranges for the
nodes, the API server takes Services' addresses from it, the pod network packs packets as ``Encapsulation`` says.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from kcsim.api.allocation import SERVICE_CIDR
from kcsim.api.ip_families import IPV4, family_of
from kcsim.cluster.podnet.ipam import NODE_MASK, NODE_MASK_IPV6, cluster_cidr_for
from kcsim.profile.distributions import Distribution, Fixed, Skewed

NODES_IPV6 = 0xFD00 << 112
"""The IPv6 addresses of nodes are their IPv4 addresses in this block (unique local, RFC 4193)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPlan:
    """A link that a cluster has beside, or in place of, the usual ones.

    Attributes:
        a, b: a node, a rack, a zone, or any other host.
        latency: one way, of half of the packets (µs).
        jitter: what one packet in a hundred takes longer (µs).
        loss: the share of packets that are lost, each way.
        bandwidth: bits a second; 0: more than anybody needs.
    """

    a: str
    b: str
    latency: int
    jitter: int = 0
    loss: float = 0.0
    bandwidth: int = 0

    @property
    def distribution(self) -> Distribution:
        """The latency as it is drawn."""
        return Skewed(self.latency, self.latency + self.jitter) if self.jitter else Fixed(self.latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """What is particular about a cluster's network.

    Attributes:
        pod_cidrs: the cluster CIDR, one a family; None: as large as the nodes need, (): nodes get no ranges
            (``--allocate-node-cidrs=false``) and are not ready until somebody else gives them one.
        node_masks: of the range of each node, IPv4 and IPv6.
        service_cidrs: where Services have their addresses from, one a family; the first is the default family.
        encapsulation: "" (packets are routed as they are), ``vxlan``, ``geneve``, ``ipip`` or ``wireguard``.
        mtu: of the nodes' network (bytes).
        reflectors: a label selector of the nodes that tell the others where pods are; "": all tell all.
        links: those that are described.
    """

    pod_cidrs: tuple[str, ...] | None = None
    node_masks: tuple[int, int] = (NODE_MASK, NODE_MASK_IPV6)
    service_cidrs: tuple[str, ...] = (SERVICE_CIDR,)
    encapsulation: str = ""
    mtu: int = 1500
    reflectors: str = ""
    links: tuple[LinkPlan, ...] = ()

    def ranges_for(self, nodes: int) -> tuple[str, ...]:
        """The cluster CIDRs of a cluster of that many nodes."""
        return (cluster_cidr_for(nodes),) if self.pod_cidrs is None else self.pod_cidrs


USUAL = NetworkPlan()


def node_addresses(address: str, cidrs: Sequence[str]) -> tuple[str, ...]:
    """The InternalIPs of a node with an IPv4 address, in the order of its cluster's families."""
    six = str(ipaddress.IPv6Address(NODES_IPV6 | int(ipaddress.IPv4Address(address))))
    families = [family_of(cidr) for cidr in cidrs] or [IPV4]
    return tuple(address if family == IPV4 else six for family in families)

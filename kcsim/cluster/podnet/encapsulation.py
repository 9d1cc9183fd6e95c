"""Overlay networks: packets between pods of different nodes travel packed into packets between the nodes.

**Imitates:** the overlay modes of flannel, Calico and Cilium (VXLAN, Geneve, IP-in-IP, WireGuard): a header a packet, which
leaves less room in it (the MTU), and the work of packing and unpacking. Left out: packets that are too large for the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kcsim.network.topology import Route
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

OVERHEADS = {
    "vxlan": DEFAULT.count("network/vxlan-overhead"),
    "geneve": DEFAULT.count("network/geneve-overhead"),
    "ipip": DEFAULT.count("network/ipip-overhead"),
    "wireguard": DEFAULT.count("network/wireguard-overhead"),
}
"""The bytes that each kind adds to a packet."""
PACKING: Distribution = DEFAULT.delay("network/encapsulation")
"""Packing at one end and unpacking at the other."""


@dataclass(frozen=True, slots=True)
class Encapsulation:
    """How packets between pods are carried; ``kind`` "": as they are. ``mtu`` is that of the nodes' network (bytes)."""

    kind: str = ""
    mtu: int = DEFAULT.count("network/mtu")

    @property
    def pod_mtu(self) -> int:
        """The largest packet of a pod (bytes)."""
        return self.mtu - OVERHEADS.get(self.kind, 0)

    def packed(self, route: Route) -> Route:
        """A route between nodes as a pod's packets take it: one hop more."""
        first, *rest = route.hops
        return replace(route, hops=(first, self.kind, *rest), latencies=(PACKING, *route.latencies))


ROUTED = Encapsulation()

"""Where everything stands: the hosts of a world and the links between them.

A star of stars: the internet joins the sites (each cluster's network, the git host, the image registry, the CI system,
people's machines, the app's users). Latencies are one way (workloads reference, 15.5).
"""

from __future__ import annotations

from kcsim.network.topology import Network
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution
from kcsim.simulation.cabling import LinkPlan

INTERNET = "internet"
GIT, REGISTRY, CI, LAPTOP, USERS = "git.example", "registry.example", "ci.example", "laptop", "users"

OUTSIDE = (GIT, REGISTRY, CI, LAPTOP, USERS, INTERNET)
"""What every world has outside its clusters."""
CONTROL_PLANE_IP = "192.168.255.1"

ACCESS: Distribution = DEFAULT.delay("network/access")
"""A node's link to its cluster's network: 0.1 to 0.5 ms round trip within a zone, two links a path."""
RACK_UPLINK: Distribution = DEFAULT.delay("network/rack-uplink")
ZONE_UPLINK: Distribution = DEFAULT.delay("network/zone-uplink")
UPLINK: Distribution = DEFAULT.delay("network/internet-uplink")
"""From a site to the internet: sites of one region, some ms apart."""


def lay_out(network: Network) -> None:
    """Place what every world has outside its clusters."""
    network.add_host(INTERNET, kind="switch")
    for name, kind, address in (
        (GIT, "git-host", "198.51.100.10"),
        (REGISTRY, "registry", "198.51.100.11"),
        (CI, "ci", "198.51.100.12"),
        (LAPTOP, "laptop", "203.0.113.5"),
        (USERS, "users", "203.0.113.80"),
    ):
        network.add_host(name, kind=kind, address=address)
        network.connect(name, INTERNET, UPLINK)


def add_outside(network: Network, name: str, kind: str) -> None:
    """Place a further service outside the clusters, as far away as the git host."""
    network.add_host(name, kind=kind)
    network.connect(name, INTERNET, UPLINK)


def lay_out_cluster(network: Network, prefix: str) -> tuple[str, str]:
    """Place a cluster's network and its control plane; gives their names."""
    switch, control_plane = f"{prefix}network", f"{prefix}control-plane"
    network.add_host(switch, kind="switch")
    network.connect(switch, INTERNET, UPLINK)
    network.add_host(control_plane, kind="control-plane", address=CONTROL_PLANE_IP)
    network.connect(control_plane, switch, ACCESS)
    return switch, control_plane


def add_control_plane_machine(network: Network, switch: str, name: str) -> None:
    """Place a further machine of the control plane."""
    network.add_host(name, kind="control-plane")
    network.connect(name, switch, ACCESS)


class Site:
    """The switches of a cluster: nodes hang on their rack's, or their zone's, or the cluster's own.

    Racks have switches as soon as a node says that it stands in one; zones when a link names one.
    """

    def __init__(self, network: Network, switch: str, links: tuple[LinkPlan, ...] = ()) -> None:
        self._network = network
        self._switch = switch
        self._links = links
        self._ends = {end for link in links for end in (link.a, link.b)}

    def add_machine(self, name: str, zone: str, rack: str = "", address: str = "") -> None:
        """Place a node."""
        above = self._rack_switch(zone, rack) if rack else self._zone_switch(zone)
        self._network.add_host(name, kind="node", zone=zone, address=address, rack=rack)
        self._network.connect(name, above, ACCESS)

    def _rack_switch(self, zone: str, rack: str) -> str:
        name = f"{self._switch}/{rack}"
        return self._switch_at(name, self._zone_switch(zone), RACK_UPLINK, zone, rack)

    def _zone_switch(self, zone: str) -> str:
        if not zone or zone not in self._ends:
            return self._switch
        return self._switch_at(f"{self._switch}/{zone}", self._switch, ZONE_UPLINK, zone, "")

    def _switch_at(self, name: str, above: str, latency: Distribution, zone: str, rack: str) -> str:
        if not self._network.has_host(name):
            self._network.add_host(name, kind="switch", zone=zone, rack=rack)
            self._network.connect(name, above, latency)
        return name

    def lay_links(self) -> None:
        """Put the described links in, once all machines stand.

        Raises:
            UnknownHost: an end is neither a host nor a rack or zone with machines.
        """
        for link in self._links:
            a, b = self._place(link.a), self._place(link.b)
            self._network.connect(
                a, b, link.distribution, bandwidth=link.bandwidth, loss=link.loss, preferred=True
            )

    def _place(self, end: str) -> str:
        inner = f"{self._switch}/{end}"
        return self._network.host(inner if self._network.has_host(inner) else end).name

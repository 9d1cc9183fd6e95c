"""Where everything stands: the hosts of a world and the links between them.

A star of stars: the internet joins the sites (each cluster's network, the git host, the image registry, the CI system,
people's machines, the app's users). Latencies are one way (workloads reference, 15.5).
"""

from __future__ import annotations

from kcsim.network.topology import Network
from kcsim.profile.distributions import Distribution, Skewed

INTERNET = "internet"
GIT, REGISTRY, CI, LAPTOP, USERS = "git.example", "registry.example", "ci.example", "laptop", "users"

OUTSIDE = (GIT, REGISTRY, CI, LAPTOP, USERS, INTERNET)
"""What every world has outside its clusters."""
CONTROL_PLANE_IP = "192.168.255.1"

ACCESS: Distribution = Skewed(100, 400)
"""A node's link to its cluster's network: 0.1 to 0.5 ms round trip within a zone, two links a path."""
UPLINK: Distribution = Skewed(5_000, 20_000)
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


def add_machine(network: Network, switch: str, name: str, zone: str, address: str = "") -> None:
    """Place a node."""
    network.add_host(name, kind="node", zone=zone, address=address)
    network.connect(name, switch, ACCESS)

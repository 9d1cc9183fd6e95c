"""Which connections a fault of the network hits, as a text: ``node-1``, ``zone-a <-> zone-b``, ``node-1 -> control-plane``.

Each side names hosts, zones, racks, ``nodes`` (all of the cluster) or several of these with commas; a side alone is cut off from
everybody else. ``<->`` is both ways, ``->`` one.

**Walk:** a text -> ``parse`` against the hosts there are -> pairs of groups, one for each direction.
"""

from __future__ import annotations

from kcsim.network.topology import Network
from kcsim.simulation.cluster import Cluster

Groups = tuple[frozenset[str], frozenset[str]]
NODES = "nodes"


class UnknownLink(ValueError):
    """The text names nothing that exists; the message says what there is."""


def parse(text: str, network: Network, cluster: Cluster) -> list[Groups]:
    """The groups between which packets are hit, one pair a direction.

    Raises:
        UnknownLink: a side is empty or unknown, or both sides have a host in common.
    """
    both = "<->" in text
    left, arrow, right = text.partition("<->" if both else "->")
    sources = _hosts(left, network, cluster)
    if not arrow:
        others = frozenset(host.name for host in network.hosts) - sources
        return [(sources, others), (others, sources)]
    targets = _hosts(right, network, cluster)
    shared = sorted(sources & targets)
    if shared:
        raise UnknownLink(f"{shared[0]} is on both sides of {text!r}")
    return [(sources, targets), (targets, sources)] if both else [(sources, targets)]


def _hosts(side: str, network: Network, cluster: Cluster) -> frozenset[str]:
    found: set[str] = set()
    for word in (part.strip() for part in side.split(",")):
        if not word:
            raise UnknownLink(
                'a side names nobody: write "node-1", "zone-a <-> zone-b" or "node-1 -> control-plane"'
            )
        named = _named(word, network, cluster)
        if not named:
            places = [network.host(node) for node in cluster.kubelets]
            zones = sorted({name for host in places for name in (host.zone, host.rack)} - {""})
            hosts = ", ".join(host.name for host in network.hosts[:8])
            raise UnknownLink(
                f"no host, zone or rack {word!r}; zones and racks are {', '.join(zones) or 'none'}, hosts {hosts} ..., or {NODES}"
            )
        found.update(named)
    return frozenset(found)


def _named(word: str, network: Network, cluster: Cluster) -> list[str]:
    if word == NODES:
        return list(cluster.kubelets)
    if network.has_host(word):
        return [word]
    return [
        host.name
        for host in network.hosts
        if word in (host.zone, host.rack) and host.name in cluster.kubelets
    ]

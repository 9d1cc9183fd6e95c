"""Checks of a cluster's network: its ranges of addresses, and the ends of its links."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from kcsim.api import quantity, selectors
from kcsim.cluster.controllers.endpointslice.endpoints import ZONE_LABEL
from kcsim.cluster.podnet.encapsulation import OVERHEADS
from kcsim.cluster.podnet.ipam import CidrSet, cluster_cidr_for, node_mask_wrong
from kcsim.scenario.contents import at
from kcsim.scenario.diagnostics import Report, did_you_mean
from kcsim.scenario.model import Cluster, ClusterNetwork, Link, Node
from kcsim.simulation.cabling import NODES_IPV6
from kcsim.simulation.places import OUTSIDE

Net = ipaddress.IPv4Network | ipaddress.IPv6Network

MTU_MIN, MTU_MAX = 1280, 65_535
"""RFC 8200, 5: every link has to carry 1280 bytes; and what the length of an IPv4 packet can say."""
BITS_MAX = 10**15
SERVICE_HOST_BITS = 4
"""A range of Services is no smaller than a /28 or a /124: a static band of 16 addresses has to fit."""


class _Range(NamedTuple):
    """A range as it was written: its network, the field, and its place in that field's list."""

    net: Net
    field: str
    path: tuple[str | int, ...]


def check_network(
    cluster: Cluster, nodes: Sequence[Node], number: int, hosts: Sequence[str], report: Report
) -> None:
    """Add what is wrong; ``number`` is the cluster's place in the scenario, ``hosts`` its machines that are no nodes."""
    plan = cluster.network
    pods = _ranges(plan, "podSubnet", plan.pod_subnet, report)
    services = _ranges(plan, "serviceSubnet", plan.service_subnet, report)
    if pods is not None and services is not None:
        _check_room(plan, pods, len(nodes), report)
        _check_services(plan, pods, services, report)
        _check_overlaps(plan, [*pods, *services], len(nodes), number, report)
    least = MTU_MIN + OVERHEADS.get(plan.mode, 0)
    if not least <= plan.mtu <= MTU_MAX:
        remedy = f"Write {least} to {MTU_MAX}; Ethernet has 1500, jumbo frames 9000."
        report.add("KC104", at(plan, "mtu"), f"an MTU of {plan.mtu} bytes", remedy)
    _check_reflectors(plan, nodes, report)
    for link in plan.links:
        _check_link(link, nodes, hosts, report)


# Addresses.


def _ranges(
    plan: ClusterNetwork, field: str, written: str | tuple[str, ...], report: Report
) -> list[_Range] | None:
    """The ranges of a field; None when they cannot be read, or are not one a family."""
    texts = (written,) if isinstance(written, str) else written
    found: list[_Range] = []
    for index, text in enumerate(texts):
        path: tuple[str | int, ...] = (field,) if isinstance(written, str) else (field, index)
        try:
            found.append(_Range(ipaddress.ip_network(text), field, path))
        except ValueError:
            report.add("KC104", at(plan, *path), f"'{text[:60]}' is no range of addresses", _mended(text))
    if len(found) < len(texts):
        return None
    families = [each.net.version for each in found]
    if len(set(families)) < len(families) or (not found and field == "serviceSubnet"):
        text = f"{field} has {len(found)} ranges, and not one of each family"
        report.add("KC104", at(plan, field), text, "Write one range, or one IPv4 and one IPv6 range.")
        return None
    return found


def _mended(text: str) -> str:
    try:
        return (
            f"Its address has bits set behind the prefix: write {ipaddress.ip_network(text, strict=False)}."
        )
    except ValueError:
        return "Write it like 10.244.0.0/16 or fd00:10:244::/56."


def _check_room(plan: ClusterNetwork, pods: Sequence[_Range], nodes: int, report: Report) -> None:
    for net, _, path in pods:
        field, mask = (
            ("nodeMask", plan.node_mask) if net.version == 4 else ("nodeMaskIpv6", plan.node_mask_ipv6)
        )
        if wrong := node_mask_wrong(str(net), mask):
            # Where the mask is the usual one, the range is what was written.
            where = at(plan, *path) if mask in (24, 64) else at(plan, field)
            report.add("KC221", where, wrong, f"Change {field}, or take a shorter prefix.")
            continue
        room = CidrSet(str(net), mask).size
        if room < nodes:
            text = f"{net} has room for {room} nodes with a /{mask} each, and the cluster has {nodes}"
            remedy = f"Take a range of /{mask - (nodes - 1).bit_length()} or shorter, or a longer {field}."
            report.add("KC221", at(plan, *path), text, remedy)


def _check_services(
    plan: ClusterNetwork, pods: Sequence[_Range], services: Sequence[_Range], report: Report
) -> None:
    families = {each.net.version for each in pods} or {4}
    for net, _, path in services:
        longest = net.max_prefixlen - SERVICE_HOST_BITS
        if net.prefixlen > longest:
            text = f"{net} is too small for Services"
            report.add("KC221", at(plan, *path), text, f"Take a range of /{longest} or shorter.")
        if net.version not in families:
            text = f"Services have IPv{net.version} addresses, and pods have none"
            remedy = "Give podSubnet a range of that family, too."
            report.add("KC221", at(plan, *path), text, remedy)


def _check_overlaps(
    plan: ClusterNetwork, written: Sequence[_Range], nodes: int, number: int, report: Report
) -> None:
    taken = [
        _Range(ipaddress.ip_network(f"192.{168 + number}.0.0/16"), "the addresses of nodes", ()),
        _Range(ipaddress.IPv6Network((NODES_IPV6, 96)), "the addresses of nodes", ()),
    ]
    if not plan.pod_subnet:
        taken.append(_Range(ipaddress.ip_network(cluster_cidr_for(nodes)), "the usual podSubnet", ()))
    taken += [each for each in written if not _is_written(plan, each.field)]
    theirs = [each for each in written if _is_written(plan, each.field)]
    for one, other in combinations([*taken, *theirs], 2):
        if other in theirs and one.net.version == other.net.version and one.net.overlaps(other.net):
            text = f"{other.field} {other.net} has addresses in common with {one.field}, {one.net}"
            remedy = "Take ranges that do not overlap: nobody could tell whose address it is."
            report.add("KC222", at(plan, *other.path), text, remedy)


def _check_reflectors(plan: ClusterNetwork, nodes: Sequence[Node], report: Report) -> None:
    if not plan.route_reflectors:
        return
    where = at(plan, "routeReflectors")
    try:
        selector = selectors.parse(plan.route_reflectors)
    except selectors.SelectorError as error:
        report.add("KC104", where, str(error), "Write it as for kubectl get -l: route-reflector=true.")
        return
    if not any(selector.matches(_labels(node)) for node in nodes):
        text = f"no node has the labels {plan.route_reflectors}: no pod would reach another node's"
        report.add("KC202", where, text, "Give a node the label, or leave routeReflectors out.")


def _labels(node: Node) -> dict[str, str]:
    """The labels that a node registers with."""
    zone = {ZONE_LABEL: node.zone} if node.zone else {}
    return {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", **zone, **node.labels}


def _is_written(plan: ClusterNetwork, field: str) -> bool:
    """Whether the file says it: a story made in Python says everything."""
    return plan.source is None or plan.source.child(field) is not None


# Links.


def _check_link(link: Link, nodes: Sequence[Node], hosts: Sequence[str], report: Report) -> None:
    if len(link.between) != 2 or link.between[0] == link.between[1]:
        text = f"a link between {', '.join(link.between) or 'nothing'}"
        report.add("KC104", at(link, "between"), text, "Name its two ends: between: [zone-a, zone-b].")
        return
    named = [name for node in nodes for name in (node.name, node.zone, node.rack) if name]
    known = list(dict.fromkeys([*named, *hosts, *OUTSIDE]))
    for index, end in enumerate(link.between):
        if end not in known:
            text = f"no node, rack, zone or host '{end}'"
            report.add("KC213", at(link, "between", index), text, did_you_mean(end, known, "places"))
    if link.loss >= 1:
        remedy = "Write less than 1; a fault cuts a link."
        report.add("KC104", at(link, "loss"), "every packet is lost", remedy)
    if link.latency == 0:
        report.add("KC104", at(link, "latency"), "a link that takes no time", 'Write it like "100us".')
    if link.bandwidth is not None and not 1 <= bits_a_second(link.bandwidth) <= BITS_MAX:
        text = f"a bandwidth of {link.bandwidth} bits a second"
        report.add("KC104", at(link, "bandwidth"), text, "Write it like 10G or 100M.")


def bits_a_second(text: str | None) -> int:
    """A bandwidth in bits a second; 0: no limit."""
    return quantity.value(text) if text is not None else 0

"""Addresses for nodes and pods: a range for each node, of each family, and out of these the addresses of each pod.

**Imitates:** the range allocator of kube-controller-manager (``pkg/controller/nodeipam/ipam/range_allocator.go`` and
``cidrset``, v1.36) and the CNI plugin ``host-local`` on each node.

**Walk:** a Node appears without podCIDRs -> ``NodeIpam`` takes the next free range of each family and patches the Node -> a
sandbox asks ``PodAddresses`` -> of each range the address after the last one given, whoever released what in between.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from kcsim.api import objects
from kcsim.api.allocation import SERVICE_CIDR
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.log import Version
from kcsim.api.objects import Key, Object
from kcsim.api.resources import Resource
from kcsim.api.server import ApiServer
from kcsim.profile.constants import DEFAULT

CLUSTER_CIDR = "10.244.0.0/16"
LARGE_CLUSTER_CIDR = "10.128.0.0/9"
"""For more nodes than the usual range has /24s."""
NODE_MASK = DEFAULT.count("kube-controller-manager/node-cidr-mask-size-ipv4")
NODE_MASK_IPV6 = DEFAULT.count("kube-controller-manager/node-cidr-mask-size-ipv6")
NODE_MASK_MAX = {32: 30, 128: 126}
"""A node has to have room for its gateway and one pod at least; by the family's length."""
PARTS_MAX_BITS = 16
"""cidr_set.go, clusterSubnetMaxDiff: more parts of an IPv6 range than 2^16 are refused."""


def cluster_cidr_for(nodes: int) -> str:
    """The range to plan a cluster of that many nodes with: the usual /16, or one that is large enough."""
    usual = ipaddress.IPv4Network(CLUSTER_CIDR)
    return CLUSTER_CIDR if nodes <= 1 << (NODE_MASK - usual.prefixlen) else LARGE_CLUSTER_CIDR


class Range(NamedTuple):
    """A range: its first address as a number, the length of its prefix, and of its family's addresses (32 or 128)."""

    first: int
    length: int
    bits: int


@lru_cache(maxsize=65_536)
def parse_cidr(cidr: str) -> Range:
    """A range, read.

    Raises:
        ValueError: it is none.
    """
    network = ipaddress.ip_network(cidr, strict=False)
    return Range(int(network.network_address), network.prefixlen, network.max_prefixlen)


def written(number: int, bits: int) -> str:
    """An address as people write it."""
    if bits == 32:
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return str(ipaddress.IPv6Address(number))


def node_mask_wrong(cluster_cidr: str, mask: int) -> str:
    """Why a range cannot be cut into parts of that mask; "" when it can."""
    _, length, bits = parse_cidr(cluster_cidr)
    if not length <= mask <= NODE_MASK_MAX[bits]:
        return f"a node mask of /{mask} does not fit into {cluster_cidr}"
    if bits == 128 and mask - length > PARTS_MAX_BITS:
        return f"{cluster_cidr} in parts of /{mask} is more than 2^{PARTS_MAX_BITS} parts"
    return ""


class CidrSet:
    """The equal parts of a range: each is free or taken, and the next one is looked for after the last one given."""

    def __init__(self, cluster_cidr: str, mask: int) -> None:
        """Raises ValueError: the mask does not fit the range."""
        self._first, self._length, self._bits = parse_cidr(cluster_cidr)
        if wrong := node_mask_wrong(cluster_cidr, mask):
            raise ValueError(wrong)
        self._mask = mask
        self.size = 1 << (mask - self._length)
        self._taken: set[int] = set()
        self._next = 0

    def take_next(self) -> str | None:
        """The next free part; None when all are taken."""
        if len(self._taken) == self.size:
            return None
        for step in range(self.size):
            index = (self._next + step) % self.size
            if index not in self._taken:
                self._taken.add(index)
                self._next = (index + 1) % self.size
                return f"{written(self._first + (index << self._bits - self._mask), self._bits)}/{self._mask}"
        return None

    def occupy(self, cidr: str) -> None:
        """Somebody has these addresses already: no part with any of them is given."""
        self._taken.update(self._parts(cidr))

    def release(self, cidr: str) -> None:
        """The part is free again."""
        self._taken.difference_update(self._parts(cidr))

    def _parts(self, cidr: str) -> range:
        """The parts that have addresses in common with a range."""
        first, length, bits = parse_cidr(cidr)
        if bits != self._bits:
            return range(0)
        shift = bits - self._mask
        last = first + (1 << bits - length) - 1
        begin, end = (first - self._first) >> shift, (last - self._first) >> shift
        return range(max(begin, 0), min(end, self.size - 1) + 1)


class NodeIpam(Reconciler):
    """Gives each Node its spec.podCIDRs, one of each of the cluster's ranges."""

    name = "node-ipam-controller"
    workers = 30

    def __init__(
        self,
        cluster_cidrs: Sequence[str] = (CLUSTER_CIDR,),
        masks: Sequence[int] = (NODE_MASK, NODE_MASK_IPV6),
        service_cidrs: Sequence[str] = (SERVICE_CIDR,),
    ) -> None:
        """``masks`` are those of IPv4 and IPv6; what Services have their addresses from is not given to nodes."""
        self._cluster_cidrs = tuple(cluster_cidrs)
        self._masks = dict(zip((32, 128), masks, strict=False))
        self._service_cidrs = tuple(service_cidrs)

    def setup(self, component: Component) -> None:
        """Subscribe to nodes."""
        self.reset()
        self._nodes = component.informer("nodes")
        self._nodes.on_change(self._node_changed)

    def reset(self) -> None:
        """Forget who has what: a new start learns it from the Nodes."""
        self._sets = [CidrSet(cidr, self._masks[parse_cidr(cidr).bits]) for cidr in self._cluster_cidrs]
        for services in self._service_cidrs:
            self._occupy(services)
        self._reserved: dict[str, list[str]] = {}

    def _occupy(self, cidr: str) -> None:
        for each in self._sets:
            each.occupy(cidr)

    def _release(self, cidrs: Sequence[str]) -> None:
        for cidr in dict.fromkeys(cidrs):
            for each in self._sets:
                each.release(cidr)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            self._release([*pod_cidrs(old), *self._reserved.pop(objects.name(old), ())])
            return
        if cidrs := pod_cidrs(new):
            self._reserved.pop(objects.name(new), None)
            for cidr in cidrs:
                self._occupy(cidr)
        elif old is None:
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Outcome | None:
        """Give one Node its podCIDRs, if it has none."""
        node = self._nodes.get(*key)
        if node is None or pod_cidrs(node):
            return None
        return self._assign(node)

    def _assign(self, node: Object) -> Outcome:
        name = objects.name(node)
        cidrs = self._reserved.get(name) or self._take()
        if not cidrs:
            message = f"Node {name} status is now: CIDRNotAvailable"
            self.component.events.event(node, "Normal", "CIDRNotAvailable", message, "cidrAllocator")
            raise NoCidrLeft(
                "CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range"
            )
        self._reserved[name] = cidrs
        body = {"spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}}
        yield self.client.patch("nodes", "", name, body, type="strategic")
        return None

    def _take(self) -> list[str]:
        """The next range of each family; none when any of them is exhausted (AllocateOrOccupyCIDR)."""
        taken: list[str] = []
        for each in self._sets:
            cidr = each.take_next()
            if cidr is None:
                self._release(taken)
                return []
            taken.append(cidr)
        return taken


class NoCidrLeft(Exception):
    """Every part of the cluster's range is taken."""


def pod_cidrs(node: Object) -> list[str]:
    """spec.podCIDRs of a Node, as one list whatever field it is in."""
    spec = node.get("spec") or {}
    return list(spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else []))


class HostLocal:
    """The addresses of one of a node's ranges: ``.1`` is the gateway, the rest go round robin."""

    __slots__ = ("_bits", "_first", "_last", "_taken", "cidr", "room")

    def __init__(self, cidr: str) -> None:
        first, length, self._bits = parse_cidr(cidr)
        self.cidr = cidr
        self._first = first + 2
        # The last address of an IPv4 range is for everybody on it.
        self.room = max((1 << (self._bits - length)) - (3 if self._bits == 32 else 2), 0)
        self._last = -1
        self._taken: set[int] = set()

    def allocate(self) -> str | None:
        """The next free address; None when all are in use."""
        if len(self._taken) == self.room:
            return None
        for step in range(1, self.room + 1):
            offset = (self._last + step) % self.room
            if offset not in self._taken:
                self._taken.add(offset)
                self._last = offset
                return written(self._first + offset, self._bits)
        return None

    def release(self, ip: str) -> None:
        """The address is free again; harmless when it is none of this range."""
        self._taken.discard(int(ipaddress.ip_address(ip)) - self._first)


class PodAddresses:
    """Addresses for the pods of every node of one cluster; each node's are its own."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        nodes = server.catalog.by_word("nodes")
        assert nodes is not None
        self._nodes: Resource = nodes
        self._plugins: dict[str, tuple[HostLocal, ...]] = {}

    def is_ready(self, node: str) -> bool:
        """Whether the node has its ranges; before, its plugin is not configured and the kubelet says so."""
        return bool(self._cidrs(node))

    def _cidrs(self, node: str) -> list[str]:
        version: Version | None = self._server.log.get(self._nodes, "", node)
        return pod_cidrs(version.object) if version is not None else []

    def allocate(self, node: str, pod: dict[str, Any]) -> tuple[str, ...]:
        """The addresses for the pod, one of each range; none when the node has none left, or no range yet."""
        del pod
        cidrs = self._cidrs(node)
        plugins = self._plugins.get(node, ())
        if [each.cidr for each in plugins] != cidrs:
            plugins = self._plugins[node] = tuple(map(HostLocal, cidrs))
        given: list[str] = []
        for plugin in plugins:
            ip = plugin.allocate()
            if ip is None:
                self.release(node, tuple(given))
                return ()
            given.append(ip)
        return tuple(given)

    def release(self, node: str, ips: tuple[str, ...]) -> None:
        """The addresses are free again."""
        for plugin, ip in zip(self._plugins.get(node, ()), ips, strict=False):
            plugin.release(ip)

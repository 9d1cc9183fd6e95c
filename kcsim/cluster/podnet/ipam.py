"""Addresses for nodes and pods: a podCIDR for each node, and out of it an address for each pod.

**Imitates:** the range allocator of kube-controller-manager (``pkg/controller/nodeipam/ipam/range_allocator.go`` and
``cidrset``, v1.36) and the CNI plugin ``host-local`` on each node. Left out: dual stack, and excluding the Services'
range from a cluster CIDR that overlaps it.

**Walk:** a Node appears without a podCIDR -> ``NodeIpam`` takes the next free one and patches the Node -> a sandbox
asks ``PodAddresses`` -> the address after the last one given, whoever released what in between.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Any

from kcsim.api import objects
from kcsim.api.catalog import Resource
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.log import Version
from kcsim.api.objects import Key, Object
from kcsim.api.server import ApiServer

CLUSTER_CIDR = "10.244.0.0/16"
LARGE_CLUSTER_CIDR = "10.128.0.0/9"
"""For more nodes than the usual range has /24s."""
NODE_MASK = 24


def cluster_cidr_for(nodes: int) -> str:
    """The range to plan a cluster of that many nodes with: the usual /16, or one that is large enough."""
    usual = ipaddress.IPv4Network(CLUSTER_CIDR)
    return CLUSTER_CIDR if nodes <= 1 << (NODE_MASK - usual.prefixlen) else LARGE_CLUSTER_CIDR


@lru_cache(maxsize=65_536)
def parse_cidr(cidr: str) -> tuple[int, int]:
    """The first address of a range, as a number, and the length of its prefix.

    Raises:
        ValueError: it is no IPv4 range.
    """
    network = ipaddress.IPv4Network(cidr, strict=False)
    return int(network.network_address), network.prefixlen


class CidrSet:
    """The equal parts of a range: each is free or taken, and the next one is looked for after the last one given."""

    def __init__(self, cluster_cidr: str, mask: int) -> None:
        network = ipaddress.IPv4Network(cluster_cidr)
        if not network.prefixlen <= mask <= 30:
            raise ValueError(f"a node mask of /{mask} does not fit into {cluster_cidr}")
        self._network = network
        self._mask = mask
        self._first = int(network.network_address)
        self.size = 1 << (mask - network.prefixlen)
        self._taken: set[int] = set()
        self._next = 0

    def take_next(self) -> str | None:
        """The next free part; None when all are taken."""
        for step in range(self.size):
            index = (self._next + step) % self.size
            if index not in self._taken:
                self._taken.add(index)
                self._next = (index + 1) % self.size
                return f"{ipaddress.IPv4Address(self._first + (index << (32 - self._mask)))}/{self._mask}"
        return None

    def occupy(self, cidr: str) -> None:
        """Somebody has this part already."""
        index = self._index(cidr)
        if index is not None:
            self._taken.add(index)

    def release(self, cidr: str) -> None:
        """The part is free again."""
        index = self._index(cidr)
        if index is not None:
            self._taken.discard(index)

    def _index(self, cidr: str) -> int | None:
        address, length = parse_cidr(cidr)
        whole = self._network.prefixlen
        if length < whole or (address ^ self._first) >> (32 - whole):
            return None
        return (address - self._first) >> (32 - self._mask)


class NodeIpam(Reconciler):
    """Gives each Node its spec.podCIDR."""

    name = "node-ipam-controller"
    workers = 30

    def __init__(self, cluster_cidr: str = CLUSTER_CIDR, mask: int = NODE_MASK) -> None:
        self._cluster_cidr = cluster_cidr
        self._mask = mask

    def setup(self, component: Component) -> None:
        """Subscribe to nodes."""
        self.reset()
        self._nodes = component.informer("nodes")
        self._nodes.on_change(self._node_changed)

    def reset(self) -> None:
        """Forget who has what: a new start learns it from the Nodes."""
        self._cidrs = CidrSet(self._cluster_cidr, self._mask)
        self._reserved: dict[str, str] = {}

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            for cidr in {*pod_cidrs(old), self._reserved.pop(objects.name(old), "")} - {""}:
                self._cidrs.release(cidr)
            return
        if cidrs := pod_cidrs(new):
            self._reserved.pop(objects.name(new), None)
            for cidr in cidrs:
                self._cidrs.occupy(cidr)
        elif old is None:
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Outcome | None:
        """Give one Node a podCIDR, if it has none."""
        node = self._nodes.get(*key)
        if node is None or pod_cidrs(node):
            return None
        return self._assign(node)

    def _assign(self, node: Object) -> Outcome:
        name = objects.name(node)
        cidr = self._reserved.get(name) or self._cidrs.take_next()
        if cidr is None:
            message = f"Node {name} status is now: CIDRNotAvailable"
            self.component.events.event(node, "Normal", "CIDRNotAvailable", message, "cidrAllocator")
            raise NoCidrLeft(
                "CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range"
            )
        self._reserved[name] = cidr
        body = {"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}
        yield self.client.patch("nodes", "", name, body, type="strategic")
        return None


class NoCidrLeft(Exception):
    """Every part of the cluster's range is taken."""


def pod_cidrs(node: Object) -> list[str]:
    """spec.podCIDRs of a Node, as one list whatever field it is in."""
    spec = node.get("spec") or {}
    return list(spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else []))


class HostLocal:
    """The addresses of one node's podCIDR: ``.1`` is the gateway, the rest go round robin."""

    __slots__ = ("_first", "_last", "_taken", "cidr", "room")

    def __init__(self, cidr: str) -> None:
        address, length = parse_cidr(cidr)
        self.cidr = cidr
        self._first = address + 2
        self.room = max((1 << (32 - length)) - 3, 0)
        self._last = -1
        self._taken: set[int] = set()

    def allocate(self) -> str | None:
        """The next free address; None when all are in use."""
        for step in range(1, self.room + 1):
            offset = (self._last + step) % self.room
            if offset not in self._taken:
                self._taken.add(offset)
                self._last = offset
                return _dotted(self._first + offset)
        return None

    def release(self, ip: str) -> None:
        """The address is free again."""
        self._taken.discard(int(ipaddress.IPv4Address(ip)) - self._first)


def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class PodAddresses:
    """Addresses for the pods of every node of one cluster; each node's are its own."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        nodes = server.catalog.by_word("nodes")
        assert nodes is not None
        self._nodes: Resource = nodes
        self._plugins: dict[str, HostLocal] = {}

    def is_ready(self, node: str) -> bool:
        """Whether the node has a podCIDR; before, its plugin is not configured and the kubelet says so."""
        return bool(self._cidrs(node))

    def _cidrs(self, node: str) -> list[str]:
        version: Version | None = self._server.log.get(self._nodes, "", node)
        return pod_cidrs(version.object) if version is not None else []

    def allocate(self, node: str, pod: dict[str, Any]) -> str | None:
        """An address for the pod; None when the node has none left, or no podCIDR yet."""
        del pod
        cidrs = self._cidrs(node)
        if not cidrs:
            return None
        plugin = self._plugins.get(node)
        if plugin is None or plugin.cidr != cidrs[0]:
            plugin = self._plugins[node] = HostLocal(cidrs[0])
        return plugin.allocate()

    def release(self, node: str, ip: str) -> None:
        """The address is free again."""
        plugin = self._plugins.get(node)
        if plugin is not None:
            plugin.release(ip)

"""What nodes offer, what pods ask of them, and how the nodes are: kept up to date version by version, for maps of all of them.

**Walk:** ``Usage.update`` reads what the log has gained -> ``asked`` of each node; ``Machines.of`` reads a node once a version.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kcsim.api import objects, quantity
from kcsim.api.log import Log
from kcsim.api.objects import Key, Object
from kcsim.views.states import State

MEASURES = ("pods", "cpu", "memory")
"""What is added up, in the order of ``Amounts``."""

Amounts = tuple[int, int, int]
"""Pods, CPU and memory; in thousandths, of a core and of a byte."""

_NOTHING: Amounts = (0, 0, 0)


def asked_by(pod: Object) -> Amounts:
    """What a pod asks of its node: the sum of its containers or its largest init container, if that is more."""
    spec = pod["spec"]
    cpu, memory = _sum(spec.get("containers") or ())
    for container in spec.get("initContainers") or ():
        first = _sum((container,))
        cpu, memory = max(cpu, first[0]), max(memory, first[1])
    return 1000, cpu, memory


def _sum(containers: Iterable[Object]) -> tuple[int, int]:
    cpu = memory = 0
    for container in containers:
        asked = (container.get("resources") or {}).get("requests")
        if asked:
            cpu += quantity.milli(str(asked.get("cpu", "0")))
            memory += quantity.milli(str(asked.get("memory", "0")))
    return cpu, memory


def place_of(pod: Object) -> str:
    """The node that a pod takes room on; "" of one that takes none."""
    over = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
    return "" if over else pod["spec"].get("nodeName") or ""


def added_up(pods: Iterable[Object]) -> dict[str, Amounts]:
    """What pods ask of each node."""
    found: dict[str, Amounts] = {}
    for pod in pods:
        node = place_of(pod)
        if node:
            found[node] = _plus(found.get(node, _NOTHING), asked_by(pod), 1)
    return found


def _plus(a: Amounts, b: Amounts, sign: int) -> Amounts:
    return a[0] + sign * b[0], a[1] + sign * b[1], a[2] + sign * b[2]


class Usage:
    """What the pods of the present ask of each node.

    Attributes:
        asked: by node.
    """

    def __init__(self) -> None:
        self.asked: dict[str, Amounts] = {}
        self._pods: dict[Key, tuple[str, Amounts]] = {}
        self._read = 0

    def update(self, log: Log, most: int | None = None) -> bool:
        """Read what the log has gained, or ``most`` versions of it; gives whether that was all."""
        versions = log.versions
        end = len(versions) if most is None else min(len(versions), self._read + most)
        for place in range(self._read, end):
            version = versions[place]
            if version.resource.kind == "Pod" and not version.resource.group:
                node = "" if version.deleted else place_of(version.object)
                before = self._pods.get(version.key)
                if node != ("" if before is None else before[0]):
                    self._move(version.key, node, version.object)
        self._read = end
        return end == len(versions)

    def _move(self, key: Key, node: str, pod: Object) -> None:
        before = self._pods.pop(key, None)
        if before is not None:
            self.asked[before[0]] = _plus(self.asked[before[0]], before[1], -1)
        if node:
            amounts = asked_by(pod)
            self._pods[key] = node, amounts
            self.asked[node] = _plus(self.asked.get(node, _NOTHING), amounts, 1)


@dataclass(frozen=True, slots=True)
class Machine:
    """A node: where it stands among the others, how it is, and what it offers (None: nothing is said)."""

    order: tuple[str, str, int]
    name: str
    state: State
    offers: tuple[int | None, int | None, int | None]


class Machines:
    """The nodes of one cluster, read once a version: an object is never changed in place."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Object, Machine]] = {}

    def of(self, nodes: Iterable[Object]) -> list[Machine]:
        """The nodes in the order of their zones, then of their names as people count."""
        return sorted((self._read(node) for node in nodes), key=lambda machine: machine.order)

    def _read(self, node: Object) -> Machine:
        name = node["metadata"]["name"]
        known = self._known.get(name)
        if known is None or known[0] is not node:
            known = self._known[name] = node, machine_of(node)
        return known[1]


def machine_of(node: Object) -> Machine:
    """What one node's object says."""
    name = objects.name(node)
    stem = name.rstrip("0123456789")
    zone = objects.labels(node).get("topology.kubernetes.io/zone", "")
    offered = (node.get("status") or {}).get("allocatable") or {}
    pods, cpu, memory = (quantity.milli(str(offered[what])) if what in offered else None for what in MEASURES)
    return Machine((zone, stem, int(name[len(stem) :] or 0)), name, _state(node), (pods, cpu, memory))


def _state(node: Object) -> State:
    conditions = {c["type"]: c["status"] for c in (node.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready")
    if ready == "Unknown":
        return "unknown"
    if ready != "True":
        return "failed"
    pressed = any(status == "True" for kind, status in conditions.items() if kind.endswith("Pressure"))
    return "pending" if node["spec"].get("unschedulable") or pressed else "ok"

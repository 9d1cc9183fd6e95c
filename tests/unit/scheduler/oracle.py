"""Where a pod may go, worked out the long way: every rule from its definition, every pod counted anew.

Objects are small: a node has a name, labels and amounts; a pod has a namespace, labels, requests, terms. Nothing here
uses the scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor, log

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
Labels = dict[str, str]


@dataclass
class Term:
    key: str
    app: str
    weight: int = 0


@dataclass
class Constraint:
    key: str
    app: str
    skew: int
    hard: bool
    min_domains: int = 1


@dataclass
class OracleNode:
    name: str
    labels: Labels
    cpu: int
    memory: int


@dataclass
class OraclePod:
    app: str
    cpu: int
    memory: int
    node: str = ""
    disk: str = ""
    near: list[Term] = field(default_factory=list)
    away: list[Term] = field(default_factory=list)
    likes: list[Term] = field(default_factory=list)
    spread: list[Constraint] = field(default_factory=list)
    ending: bool = False


class Oracle:
    """A cluster and the questions about it."""

    def __init__(self, nodes: list[OracleNode], pods: list[OraclePod], defaults: set[str]) -> None:
        self.nodes = nodes
        self.pods = pods
        self.defaults = defaults
        self.by_name = {node.name: node for node in nodes}

    def where(self, pod: OraclePod) -> set[str]:
        """The nodes with the best score among those where the pod may go."""
        fit = [node for node in self.nodes if self.may(pod, node)]
        if len(fit) < 2:
            return {node.name for node in fit}
        totals = [self.resources(pod, node) for node in fit]
        for extra in (self.soft(pod, fit), self.likes(pod, fit)):
            totals = [total + 2 * more for total, more in zip(totals, extra, strict=True)]
        return {node.name for node, total in zip(fit, totals, strict=True) if total == max(totals)}

    # --- may it? ------------------------------------------------------------------------------------------------

    def may(self, pod: OraclePod, node: OracleNode) -> bool:
        here = [other for other in self.pods if other.node == node.name]
        if pod.cpu > node.cpu - sum(other.cpu for other in here):
            return False
        if pod.memory > node.memory - sum(other.memory for other in here):
            return False
        if pod.disk and node.labels.get("disk") != pod.disk:
            return False
        return self.spreads(pod, node) and self.near_enough(pod, node) and self.far_enough(pod, node)

    def spreads(self, pod: OraclePod, node: OracleNode) -> bool:
        hard = [c for c in pod.spread if c.hard]
        if any(c.key not in node.labels for c in hard):
            return False
        part = [
            n
            for n in self.nodes
            if all(c.key in n.labels for c in hard) and (not pod.disk or n.labels.get("disk") == pod.disk)
        ]
        for c in hard:
            domains = {n.labels[c.key]: 0 for n in part}
            for n in part:
                domains[n.labels[c.key]] += self.count(c.app, n)
            least = min(domains.values()) if len(domains) >= c.min_domains and domains else 0
            if domains.get(node.labels[c.key], 0) + (c.app == pod.app) - least > c.skew:
                return False
        return True

    def count(self, app: str, node: OracleNode) -> int:
        return sum(1 for p in self.pods if p.node == node.name and p.app == app and not p.ending)

    def near_enough(self, pod: OraclePod, node: OracleNode) -> bool:
        if any(term.key not in node.labels for term in pod.near):
            return False
        meant = [p for p in self.pods if all(p.app == term.app for term in pod.near)]
        found = [any(self.together(p, node, term.key) for p in meant) for term in pod.near]
        if all(found):
            return True
        nowhere = not any(term.key in self.by_name[p.node].labels for p in meant for term in pod.near)
        return nowhere and all(term.app == pod.app for term in pod.near)

    def far_enough(self, pod: OraclePod, node: OracleNode) -> bool:
        for other in self.pods:
            if any(other.app == term.app and self.together(other, node, term.key) for term in pod.away):
                return False
            if any(pod.app == term.app and self.together(other, node, term.key) for term in other.away):
                return False
        return True

    def together(self, other: OraclePod, node: OracleNode, key: str) -> bool:
        value = self.by_name[other.node].labels.get(key)
        return value is not None and value == node.labels.get(key)

    # --- how good? ----------------------------------------------------------------------------------------------

    def resources(self, pod: OraclePod, node: OracleNode) -> int:
        here = [other for other in self.pods if other.node == node.name]
        cpu, memory = sum(p.cpu for p in here), sum(p.memory for p in here)
        least = (
            (node.cpu - cpu - pod.cpu) * 100 // node.cpu
            + (node.memory - memory - pod.memory) * 100 // node.memory
        ) // 2

        def balance(used_cpu: int, used_memory: int) -> int:
            return int((1 - abs(used_cpu / node.cpu - used_memory / node.memory) / 2) * 100)

        after, before = balance(cpu + pod.cpu, memory + pod.memory), balance(cpu, memory)
        return least + 50 + (50 + after - before) // 2

    def soft(self, pod: OraclePod, fit: list[OracleNode]) -> list[int]:
        soft = [c for c in pod.spread if not c.hard]
        own = bool(pod.spread)
        if not own and pod.app in self.defaults:
            soft = [Constraint(HOSTNAME, pod.app, 3, False), Constraint(ZONE, pod.app, 5, False)]
        if not soft:
            return [0] * len(fit)
        scored = [n for n in fit if not own or all(c.key in n.labels for c in soft)]
        raw: dict[str, int] = {}
        for node in scored:
            score = 0.0
            for c in soft:
                if c.key not in node.labels:
                    continue
                if c.key == HOSTNAME:
                    size, pods = len(scored), self.count(c.app, node)
                else:
                    size = len({n.labels.get(c.key, "") for n in scored})
                    pods = sum(
                        self.count(c.app, n)
                        for n in self.nodes
                        if n.labels.get(c.key) == node.labels[c.key]
                        and (not own or all(k.key in n.labels for k in soft))
                        and (not pod.disk or n.labels.get("disk") == pod.disk)
                    )
                score += pods * log(size + 2) + c.skew - 1
            raw[node.name] = floor(score + 0.5)
        most, least = max(raw.values(), default=0), min(raw.values(), default=0)
        return [
            0 if n.name not in raw else 100 if most == 0 else 100 * (most + least - raw[n.name]) // most
            for n in fit
        ]

    def likes(self, pod: OraclePod, fit: list[OracleNode]) -> list[int]:
        raw = []
        for node in fit:
            score = 0
            for other in self.pods:
                wishes = [(t, other.app) for t in pod.likes] + [(t, pod.app) for t in other.likes]
                wishes += [(Term(t.key, t.app, 1), pod.app) for t in other.near]
                score += sum(
                    t.weight for t, app in wishes if t.app == app and self.together(other, node, t.key)
                )
            raw.append(score)
        low, high = min(raw), max(raw)
        return [0 if low == high else int(100 * ((score - low) / (high - low))) for score in raw]

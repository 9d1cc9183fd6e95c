"""What NetworkPolicies make of a connection in one cluster: asked of the agents on the nodes of its two ends.

**Walk:** an address or a host -> its ``End`` -> the source's node says whether the pod may send, the target's node
whether it may be sent to -> a ``Verdict``. While no policy has ever been written, the answer is yes, without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.log import Version, Watch
from kcsim.api.objects import Key, Object
from kcsim.cluster.podnet.policy import (
    EGRESS,
    INGRESS,
    Decision,
    End,
    Policy,
    Verdict,
    container_ports,
    decide,
    isolating,
)
from kcsim.cluster.podnet.policy_agent import POLICIES, PolicyAgent

OPEN = Verdict(
    (Decision(EGRESS, True, "there are no policies"), Decision(INGRESS, True, "there are no policies"))
)

_ENDS_MAX = 65_536
"""Pods whose ends are remembered: more than most clusters have."""


class Places(Protocol):
    """Who lives where, as the firewall has to know it."""

    def pod_at(self, ip: str) -> Key | None:
        """The pod that has an address of its own, as namespace and name."""
        ...

    def node_of(self, ip: str) -> str | None:
        """The node that packets to an address are routed to."""
        ...

    def address_of(self, host: str) -> str:
        """The address of a node or of a host outside."""
        ...

    def is_node(self, host: str) -> bool:
        """Whether a host is a node of the cluster."""
        ...


class Firewall:
    """The agents of a cluster and what they enforce."""

    def __init__(self, endpoint: Endpoint, places: Places) -> None:
        self._endpoint = endpoint
        self._places = places
        self._agents: dict[str, PolicyAgent] = {}
        self._listeners: list[Callable[[], None]] = []
        self._isolating: dict[tuple[Key, str], tuple[Mapping[str, str], int, tuple[Policy, ...]]] = {}
        self._seen = False
        self._ends: dict[Key, tuple[Object, End]] = {}
        catalog, log = endpoint.server.catalog, endpoint.server.log
        policies, pods = catalog.by_word(POLICIES), catalog.by_word("pods")
        assert policies is not None
        assert pods is not None
        self._pods = pods
        self._policy_watch = log.watch(policies, self._first_policy)
        self._pod_watch: Watch | None = None

    # --- following ----------------------------------------------------------------------------------------------

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener()`` whenever connections may be judged differently."""
        self._listeners.append(listener)

    def set_up(self, node: str, up: bool) -> None:
        """A machine goes down, or is back: so does its agent."""
        agent = self._agents.get(node)
        if agent is not None and up:
            agent.start()
        elif agent is not None:
            agent.stop()

    def _first_policy(self) -> None:
        self._policy_watch.stop()
        self._seen = True
        self._ends.clear()
        self._pod_watch = self._endpoint.server.log.watch(self._pods, self._pods_changed)
        self._tell()

    def _pods_changed(self) -> None:
        assert self._pod_watch is not None
        relabelled = False
        for _, version in self._pod_watch.take():
            before = version.previous
            if version.deleted:
                for direction in (EGRESS, INGRESS):
                    self._isolating.pop((version.key, direction), None)
            elif before is not None:
                relabelled |= objects.labels(before.object) != objects.labels(version.object)
        if relabelled:
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    # --- asking -------------------------------------------------------------------------------------------------

    @property
    def enforcing(self) -> bool:
        """Whether there has been a policy at all."""
        return self._seen

    def end_of_host(self, host: str) -> End:
        """A host: a node of the cluster, or somebody outside."""
        if self._places.is_node(host):
            return End(self._places.address_of(host), node=host, host=True)
        return End(self._places.address_of(host))

    def end_of_pod(self, pod: Object) -> End:
        """A pod, by its object; remembered for as long as that is the newest."""
        key = objects.key(pod)
        known = self._ends.get(key)
        if known is not None and known[0] is pod:
            return known[1]
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        end = End(
            status.get("podIP") or "",
            *key,
            objects.labels(pod),
            {},
            container_ports(pod) if self._seen else {},  # only policies name ports
            spec.get("nodeName") or "",
            bool(spec.get("hostNetwork")),
            tuple(item["ip"] for item in (status.get("podIPs") or ())[1:]),
        )
        if len(self._ends) >= _ENDS_MAX:
            self._ends.clear()
        self._ends[key] = pod, end
        return end

    def end_at(self, ip: str) -> End:
        """Whoever has an address: a pod, a node, or somebody outside."""
        key = self._places.pod_at(ip)
        version = self._version(key)
        if version is not None:
            end = self.end_of_pod(version.object)
            return replace(end, ip=ip) if end.further_ips else end
        node = self._places.node_of(ip)
        return End(ip, node=node or "", host=node is not None)

    def verdict(self, source: End, target: End, port: int, protocol: str = "TCP") -> Verdict:
        """Whether a connection may be opened right now, and what decided."""
        if not self._seen:
            return OPEN
        source = source.facing(target)
        here, there = self._agent(source), self._agent(target)
        egress = self._isolates(here, source, EGRESS)
        ingress = self._isolates(there, target, INGRESS)
        if not egress and not ingress:
            return decide(source, target, port, protocol, (), ())
        sees = here if egress else there
        if sees is there or there is None or here is None:
            return decide(_named(source, sees), _named(target, sees), port, protocol, egress, ingress)
        # Each side judges by the namespaces' labels that its own node knows.
        out = decide(_named(source, here), _named(target, here), port, protocol, egress, ())
        into = decide(_named(source, there), _named(target, there), port, protocol, (), ingress)
        return Verdict((out.decisions[0], into.decisions[1]))

    def _version(self, key: Key | None) -> Version | None:
        return self._endpoint.server.log.get(self._pods, *key) if key is not None else None

    def _agent(self, end: End) -> PolicyAgent | None:
        """The agent of the node where a pod runs: those of nodes and of people outside do not matter."""
        if not end.is_pod or not end.node:
            return None
        agent = self._agents.get(end.node)
        if agent is None:
            agent = self._agents[end.node] = PolicyAgent(self._endpoint, end.node)
            agent.on_rules(self._tell)
            if self._endpoint.network.has_host(end.node) and self._endpoint.network.is_up(end.node):
                agent.warm_up()
                agent.start()
        return agent

    def _isolates(self, agent: PolicyAgent | None, pod: End, direction: str) -> tuple[Policy, ...]:
        if agent is None:
            return ()
        key = ((pod.namespace, pod.name), direction)
        cached = self._isolating.get(key)
        # A version's labels are one object for as long as nobody changes them.
        if cached is not None and cached[0] is pod.labels and cached[1] == agent.version:
            return cached[2]
        found = isolating(agent.policies(pod.namespace), pod, direction)
        self._isolating[key] = (pod.labels, agent.version, found)
        return found


def _named(end: End, agent: PolicyAgent | None) -> End:
    """The end with its namespace's labels as an agent knows them."""
    if agent is None or not end.namespace:
        return end
    return replace(end, namespace_labels=agent.labels_of(end.namespace))

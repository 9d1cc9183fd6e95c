"""NetworkPolicy: whether a connection may be opened, and which rule decided.  Decides; never acts.

**Imitates:** the semantics of ``networking.k8s.io/v1`` (types.go and the e2e tests in ``test/e2e/network/netpol``,
v1.36): allow-lists that add up, each direction by itself. Upstream leaves some cases to the plug-in; here, as in most
plug-ins, policies neither select pods on the host network nor count them as pods when a peer is matched, and what
passes between a pod and its own node is never stopped.

**Walk:** ``compile_policy`` reads an object -> those that ``select`` a pod isolate it -> ``decide`` asks the source's
egress, then the target's ingress -> a ``Verdict`` that names the rule.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from kcsim.api import objects, selectors
from kcsim.api.objects import Object
from kcsim.api.selectors import LabelSelector

INGRESS, EGRESS = "ingress", "egress"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: a pod, a node, or somebody outside.

    Attributes:
        ip: its address.
        namespace, name: of the pod; "" when it is none.
        labels, namespace_labels: of the pod.
        ports: container ports by name and protocol.
        node: where the pod runs, or the node it is; "" outside.
        host: whether it is a node, or a pod on a node's own network.
        further_ips: its addresses of further families.
    """

    ip: str
    namespace: str = ""
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)
    node: str = ""
    host: bool = False
    further_ips: tuple[str, ...] = ()

    def facing(self, other: End) -> End:
        """The end with the address that a connection with the other has here: both are of one family."""
        if not self.further_ips or (":" in self.ip) == (":" in other.ip):
            return self
        return replace(
            self, ip=next((ip for ip in self.further_ips if (":" in ip) == (":" in other.ip)), self.ip)
        )

    @property
    def ips(self) -> tuple[str, ...]:
        """All its addresses, the first one first."""
        return (self.ip, *self.further_ips)

    @property
    def is_pod(self) -> bool:
        """Whether policies see a pod in it."""
        return bool(self.name) and not self.host

    def __str__(self) -> str:
        if self.name:
            return f"{self.namespace}/{self.name}"
        return self.node or self.ip


@dataclass(frozen=True, slots=True)
class PortMatch:
    """One entry of ``ports``; ``port`` None means all of the protocol."""

    protocol: str
    port: int | str | None
    end_port: int | None

    def matches(self, target: End, port: int, protocol: str) -> bool:
        """Whether it means this port of the target."""
        if protocol != self.protocol:
            return False
        if isinstance(self.port, str):
            # A name is looked up in the pod that is connected to, in either direction.
            return target.is_pod and target.ports.get((self.port, protocol)) == port
        if self.port is None:
            return True
        return self.port <= port <= (self.end_port or self.port)


@dataclass(frozen=True, slots=True)
class PeerMatch:
    """One entry of ``from`` or ``to``: selectors for pods, or a block of addresses."""

    pods: LabelSelector | None
    namespaces: LabelSelector | None
    cidr: str
    excepted: tuple[str, ...]

    def matches(self, peer: End, home: str) -> bool:
        """Whether it means this peer; ``home`` is the policy's namespace."""
        if self.cidr:
            return in_cidr(peer.ip, self.cidr) and not any(in_cidr(peer.ip, e) for e in self.excepted)
        if not peer.is_pod:
            return False
        if self.namespaces is None:
            in_namespace = peer.namespace == home
        else:
            in_namespace = self.namespaces.matches(peer.namespace_labels)
        return in_namespace and (self.pods is None or self.pods.matches(peer.labels))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; no ports: any port, no peers: anybody. ``where`` says which it is, e.g. ``ingress[0]``."""

    where: str
    ports: tuple[PortMatch, ...]
    peers: tuple[PeerMatch, ...]

    def allows(self, peer: End, target: End, port: int, protocol: str, home: str) -> bool:
        """Whether a connection with this peer, to this port of the target, is meant."""
        if self.ports and not any(p.matches(target, port, protocol) for p in self.ports):
            return False
        return not self.peers or any(p.matches(peer, home) for p in self.peers)


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy as it is enforced; ``rules`` of a direction are None when it does not isolate in it."""

    namespace: str
    name: str
    selector: LabelSelector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    def rules(self, direction: str) -> tuple[Rule, ...] | None:
        """The rules of a direction."""
        return self.ingress if direction == INGRESS else self.egress

    def __str__(self) -> str:
        return f"NetworkPolicy {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What one direction says.

    Attributes:
        direction: ``ingress`` or ``egress``.
        allowed: whether it lets the connection pass.
        why: the rule that decided, in words.
        policies: those that isolate the pod in this direction, ``namespace/name``.
    """

    direction: str
    allowed: bool
    why: str
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a connection may be opened, with what decided on either side, in the order in which it is asked."""

    decisions: tuple[Decision, ...]

    @property
    def allowed(self) -> bool:
        """Whether all let it pass."""
        return all(d.allowed for d in self.decisions)

    @property
    def why(self) -> str:
        """The decision that matters: the first refusal, or else all that allowed."""
        refused = next((d.why for d in self.decisions if not d.allowed), None)
        return refused if refused is not None else "; ".join(d.why for d in self.decisions)


# --- reading ----------------------------------------------------------------------------------------------------


def compile_policy(policy: Object) -> Policy:
    """A NetworkPolicy object, ready to be asked."""
    spec = policy.get("spec") or {}
    types = spec.get("policyTypes")
    if not types:
        # The default of SetDefaults_NetworkPolicy, for objects that did not pass an API server.
        types = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return Policy(
        objects.namespace(policy),
        objects.name(policy),
        selectors.from_object(spec.get("podSelector") or {}),
        _rules(INGRESS, spec.get("ingress"), "from") if "Ingress" in types else None,
        _rules(EGRESS, spec.get("egress"), "to") if "Egress" in types else None,
    )


def _rules(direction: str, rules: Sequence[Mapping[str, Any]] | None, peers: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            f"{direction}[{i}]",
            tuple(
                PortMatch(p.get("protocol") or "TCP", p.get("port"), p.get("endPort"))
                for p in rule.get("ports") or ()
            ),
            tuple(_peer(p) for p in rule.get(peers) or ()),
        )
        for i, rule in enumerate(rules or ())
    )


def _peer(peer: Mapping[str, Any]) -> PeerMatch:
    block = peer.get("ipBlock") or {}
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    return PeerMatch(
        selectors.from_object(pods) if pods is not None else None,
        selectors.from_object(namespaces) if namespaces is not None else None,
        block.get("cidr", ""),
        tuple(block.get("except") or ()),
    )


def container_ports(pod: Object) -> dict[tuple[str, str], int]:
    """The named ports of a pod's containers, by name and protocol; the first of a name counts."""
    found: dict[tuple[str, str], int] = {}
    spec = pod.get("spec") or {}
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *sidecars):
        for port in container.get("ports") or ():
            if port.get("name"):
                key = (port["name"], port.get("protocol") or "TCP")
                found.setdefault(key, port["containerPort"])
    return found


@lru_cache(maxsize=4096)
def _block(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr, strict=False)


@lru_cache(maxsize=65536)
def in_cidr(ip: str, cidr: str) -> bool:
    """Whether an address lies in a block."""
    return bool(ip) and ipaddress.ip_address(ip) in _block(cidr)


# --- deciding ---------------------------------------------------------------------------------------------------


def isolating(policies: Sequence[Policy], pod: End, direction: str) -> tuple[Policy, ...]:
    """The policies, out of those of the pod's namespace, that isolate it in a direction."""
    if not pod.is_pod:
        return ()
    return tuple(p for p in policies if p.rules(direction) is not None and p.selector.matches(pod.labels))


def decide(
    source: End,
    target: End,
    port: int,
    protocol: str,
    egress: Sequence[Policy],
    ingress: Sequence[Policy],
) -> Verdict:
    """Whether ``source`` may connect to a port of ``target``.

    Args:
        egress: the policies that isolate the source for egress.
        ingress: those that isolate the target for ingress.
    """
    free = _never_stopped(source, target)
    if free:
        return Verdict((Decision(EGRESS, True, free), Decision(INGRESS, True, free)))
    return Verdict(
        (
            _ask(EGRESS, egress, source, target, target, port, protocol),
            _ask(INGRESS, ingress, target, source, target, port, protocol),
        )
    )


def _never_stopped(source: End, target: End) -> str:
    if source.is_pod and (source.namespace, source.name) == (target.namespace, target.name):
        return "a pod always reaches itself"
    if source.node and source.node == target.node and (source.host or target.host):
        return "a node and its own pods always reach each other"
    return ""


def _ask(
    direction: str,
    policies: Sequence[Policy],
    pod: End,
    peer: End,
    target: End,
    port: int,
    protocol: str,
) -> Decision:
    if not policies:
        return Decision(direction, True, f"no policy isolates {pod} for {direction}")
    names = tuple(f"{p.namespace}/{p.name}" for p in policies)
    for policy in policies:
        for rule in policy.rules(direction) or ():
            if rule.allows(peer, target, port, protocol, policy.namespace):
                return Decision(direction, True, f"{policy} {rule.where} allows it", names)
    several = "NetworkPolicies" if len(names) > 1 else "NetworkPolicy"
    why = f"{several} {', '.join(names)}: {pod} is isolated for {direction}, and no rule allows {protocol} {port}"
    return Decision(direction, False, f"{why} {'to' if direction == EGRESS else 'from'} {peer}", names)

"""The agent on one node that enforces NetworkPolicies: its rules follow the API after the delay of programming them.

An agent is made when a connection from or to its node is first asked about while policies exist: in a cluster without
policies there is none, and nothing costs anything. A node that is cut off from the API keeps the rules it has.

**Imitates:** the node agents of network plug-ins that implement policies (Calico's Felix, Cilium's agent). Upstream
leaves the delay open. Differs: a pod's own labels count at once, on every node; connections that exist are not tracked;
its rights are those of an administrator instead of a role of its own.

**Walk:** a policy or a namespace's labels change -> 100 ms to 1 s later the rules of that namespace are in place ->
those who listen ask again.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import User
from kcsim.cluster.podnet.policy import Policy, compile_policy
from kcsim.engine.clock import SECOND
from kcsim.engine.trace import Record
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

PROGRAMMING: Distribution = DEFAULT.delay("network-policy-agent/programming")
"""From seeing a policy to enforcing it (workloads reference, 15.3: 0.1 to 5 s, growing with pods)."""
POLICIES = "networkpolicies.networking.k8s.io"

Labels = dict[str, str]


class PolicyAgent(Component):
    """The NetworkPolicies as they are enforced on one node.

    Attributes:
        version: grows with each change of what is enforced, for those who cache.
    """

    def __init__(self, endpoint: Endpoint, host: str) -> None:
        user = User("system:serviceaccount:kube-system:network-agent", ("system:masters",))
        super().__init__(endpoint, "network-agent", user, host, event_host=host)
        self.version = 0
        self._programming = self.dice("programming")
        self._enforced: dict[str, dict[str, Policy]] = {}
        self._labels: dict[str, Labels] = {}
        self._listeners: list[Callable[[], None]] = []
        self._policies = self.informer(POLICIES)
        self._policies.on_change(self._policy_changed)
        self._namespaces = self.informer("namespaces")
        self._namespaces.on_change(self._namespace_changed)

    def policies(self, namespace: str) -> tuple[Policy, ...]:
        """What is enforced for the pods of a namespace, in the order of names."""
        known = self._enforced.get(namespace)
        return tuple(known[name] for name in sorted(known)) if known else ()

    def labels_of(self, namespace: str) -> Labels:
        """The labels of a namespace, as the agent knows them."""
        return self._labels.get(namespace, {})

    def on_rules(self, listener: Callable[[], None]) -> None:
        """Call ``listener()`` whenever something else is enforced."""
        self._listeners.append(listener)

    def warm_up(self) -> None:
        """Know at once what an agent that has been here all along would know: it is only made now."""
        server = self.endpoint.server
        for version in server.log.list(self.client.resource("namespaces")):
            self._labels[version.key[1]] = dict(objects.labels(version.object))
        for version in server.log.list(self.client.resource(POLICIES)):
            settled = _settled(version, self.engine.now)
            if settled is not None:
                namespace, name = settled.key
                self._enforced.setdefault(namespace, {})[name] = compile_policy(settled.object)

    def on_stop(self) -> None:
        """The host went down: its rules with it."""
        self._enforced.clear()
        self._labels.clear()
        self._tell(self.engine.cause)

    # --- following ----------------------------------------------------------------------------------------------

    def _policy_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and old.get("spec") == new.get("spec"):
            return
        obj = new or old
        assert obj is not None
        policy = compile_policy(new) if new is not None else None
        if policy == self._enforced.get(objects.namespace(obj), {}).get(objects.name(obj)):
            return
        delay = self._programming.draw(PROGRAMMING)
        self.after(delay, self._enforce, objects.namespace(obj), objects.name(obj), self.engine.cause)

    def _enforce(self, namespace: str, name: str, cause: Record | None) -> None:
        """Bring the rules where the cache is by now: it may be further than when this was planned."""
        current = self._policies.get(namespace, name)
        known = self._enforced.setdefault(namespace, {})
        if current is None:
            changed = known.pop(name, None) is not None
        else:
            policy = compile_policy(current)
            changed = known.get(name) != policy
            known[name] = policy
        if changed:
            self._tell(cause)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        name = objects.name(obj)
        if new is None or dict(objects.labels(new)) != self._labels.get(name):
            self.after(self._programming.draw(PROGRAMMING), self._relabel, name, self.engine.cause)

    def _relabel(self, name: str, cause: Record | None) -> None:
        namespace = self._namespaces.get("", name)
        labels = dict(objects.labels(namespace)) if namespace is not None else {}
        if labels != self._labels.get(name, {}):
            self._labels[name] = labels
            self._tell(cause)

    def _tell(self, cause: Record | None) -> None:
        self.version += 1
        with self.engine.because(cause):
            for listener in self._listeners:
                listener()


def _settled(version: Version, now: int) -> Version | None:
    """The version of an object that was there long enough to be in force everywhere."""
    settled: Version | None = version
    while settled is not None and settled.time > now - SECOND:
        settled = settled.previous
    return settled if settled is not None and not settled.deleted else None

"""A Service proxy at one place: its rules follow the API after the delays of watching and programming.

A node's proxy is made when somebody on that node first asks for it, and so is the one at the cluster's edge, where
connections from outside come in: rules nobody uses cost nothing.

**Imitates:** kube-proxy (``pkg/proxy/iptables/proxier.go`` and its bounded frequency runner, v1.36). Left out: retries of
a failed sync, partial failure, connection tracking.

**Walk:** a Service or slice changes -> a sync at once, or a second after the last one -> 20 to 200 ms later the rules
are in place -> those who listen hear which Service is served differently.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.objects import Key, Object
from kcsim.api.request import User
from kcsim.cluster.podnet.services import (
    Place,
    ServiceRules,
    cluster_ips,
    not_modelled,
    outside_ips,
    service_of_slice,
    service_rules,
)
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.trace import Record
from kcsim.profile.api import KUBE_PROXY
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

MIN_SYNC_PERIOD = DEFAULT.us("kube-proxy/min-sync-period")
"""pkg/proxy/apis/config/v1alpha1/defaults.go (workloads reference, 9.2)."""
PROGRAMMING: Distribution = DEFAULT.delay("kube-proxy/sync-duration")
"""How long a sync takes in a small cluster (workloads reference, 16.3)."""

ZONE = "topology.kubernetes.io/zone"
SLICES = "endpointslices.discovery.k8s.io"
START_WAIT = 100 * MILLISECOND

Changes = dict[Key, tuple[ServiceRules | None, Record | None]]


class Proxy(Component):
    """The Services as they are programmed at one host."""

    def __init__(self, endpoint: Endpoint, host: str) -> None:
        user = User("system:kube-proxy", ("system:authenticated",))
        super().__init__(endpoint, "kube-proxy", user, host, limits=KUBE_PROXY, event_host=host)
        self._programming = self.dice("programming")
        self._rules: dict[Key, ServiceRules] = {}
        self._unread: dict[Key, tuple[Object, list[Object], Place]] = {}
        self._dirty: dict[Key, Record | None] = {}
        self._told: set[tuple[Key, str]] = set()
        self._armed = False
        self._last = -MIN_SYNC_PERIOD
        self._listeners: list[Callable[[Key], None]] = []
        self._services = self.informer("services")
        self._services.on_change(self._service_changed)
        self._slices = self.informer(SLICES)
        self._slices.add_index("service", service_of_slice)
        self._slices.on_change(self._slice_changed)

    def rules(self, namespace: str, name: str) -> ServiceRules | None:
        """What is programmed for a Service right now; None: there is no such Service here."""
        key = namespace, name
        rules = self._rules.get(key)
        if rules is None and key in self._unread:
            rules = self._rules[key] = service_rules(*self._unread.pop(key))
        return rules

    def on_rules(self, listener: Callable[[Key], None]) -> None:
        """Call ``listener(key)`` whenever a Service is served differently."""
        self._listeners.append(listener)

    def place(self) -> Place:
        """Where it stands, by the labels of its own Node."""
        nodes = self.client.resource("nodes")
        node = self.endpoint.server.log.get(nodes, "", self.host)
        return Place(self.host, objects.labels(node.object).get(ZONE, "")) if node is not None else Place()

    def lists(self, key: Key) -> bool:
        """Whether any endpoint of a Service is listed, ready or not."""
        return any(slice_.get("endpoints") for slice_ in self._slices.by_index("service", "/".join(key)))

    def find(self, ip: str) -> Key | None:
        """The Service that has an address, its own or one for the outside."""
        found = [k for k, r in self._rules.items() if ip in r.cluster_ips or ip in r.outside_ips]
        found += [
            key
            for key, (service, _, _) in self._unread.items()
            if ip in cluster_ips(service["spec"]) or ip in outside_ips(service)
        ]
        return min(found, default=None)

    def find_node_port(self, port: int) -> Key | None:
        """The Service that a port of every node leads to."""
        found = [k for k, r in self._rules.items() if any(p.node_port == port for p in r.ports)]
        found += [
            key
            for key, (service, _, _) in self._unread.items()
            if any(p.get("nodePort") == port for p in service["spec"].get("ports") or ())
        ]
        return min(found, default=None)

    def on_stop(self) -> None:
        """The host went down: its rules with it."""
        lost = sorted({*self._rules, *self._unread})
        self._rules.clear()
        self._unread.clear()
        self._dirty.clear()
        self._armed = False
        self._last = self.engine.now - MIN_SYNC_PERIOD
        for key in lost:
            self._tell(key)

    def warm_up(self) -> None:
        """Know at once what a proxy that has been here all along would know: it is only made now.

        What it knows of a Service is worked out when somebody asks for it.
        """
        server = self.endpoint.server
        place = self.place()
        slices: dict[str, list[Object]] = {}
        for version in server.find(self.client.resource(SLICES), None, "", ""):
            for service in service_of_slice(version.object):
                slices.setdefault(service, []).append(version.object)
        for version in server.find(self.client.resource("services"), None, "", ""):
            key = version.key
            self._unread[key] = version.object, slices.get("/".join(key), []), place

    # --- following ----------------------------------------------------------------------------------------------

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        if old is None or new is None or old.get("spec") is not new.get("spec") or _moved(old, new):
            self._touch(objects.key(obj))

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        for obj in (old, new):
            for service in service_of_slice(obj) if obj is not None else ():
                namespace, _, name = service.partition("/")
                self._touch((namespace, name))

    def _touch(self, key: Key) -> None:
        self._dirty.setdefault(key, self.engine.cause)
        if not self._armed:
            self._armed = True
            self.after(max(self._last + MIN_SYNC_PERIOD - self.engine.now, 0), self._sync)

    def _sync(self) -> None:
        if not (self._services.synced and self._slices.synced):
            # Nothing is programmed before both lists are complete (Proxier.isInitialized).
            self.after(START_WAIT, self._sync)
            return
        dirty, self._dirty = self._dirty, {}
        place = self.place()
        changes: Changes = {}
        for key, cause in dirty.items():
            service = self._services.get(*key)
            if service is None:
                changes[key] = (None, cause)
                continue
            self._report(key, service)
            slices = self._slices.by_index("service", "/".join(key))
            changes[key] = (service_rules(service, slices, place), cause)
        self.after(self._programming.draw(PROGRAMMING), self._programmed, changes)

    def _programmed(self, changes: Changes) -> None:
        self._last = self.engine.now
        self._armed = False
        if self._dirty:
            first = next(iter(self._dirty.values()))
            self._armed = True
            with self.engine.because(first):
                self.after(MIN_SYNC_PERIOD, self._sync)
        for key, (rules, cause) in changes.items():
            if rules == self.rules(*key):
                continue
            if rules is None:
                self._rules.pop(key, None)
            else:
                self._rules[key] = rules
            with self.engine.because(cause):
                self._tell(key)

    def _tell(self, key: Key) -> None:
        for listener in self._listeners:
            listener(key)

    def _report(self, key: Key, service: Object) -> None:
        """Say once what a Service asks for and does not get."""
        for field, value in not_modelled(service).items():
            if (key, field) not in self._told:
                self._told.add((key, field))
                subject = f"service/{key[0]}/{key[1]}"
                self.engine.note(self.name, "not modelled", subject, {"field": field, "value": value})


def _moved(old: Object, new: Object) -> bool:
    """Whether a Service got or lost a load balancer's address."""
    return outside_ips(old) != outside_ips(new)

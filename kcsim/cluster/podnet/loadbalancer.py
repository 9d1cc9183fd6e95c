"""The cloud's load balancers: an address for each Service that asks for one, some time after it asks.

The controller exists from the moment the first Service of type LoadBalancer does; a cluster without one pays nothing.

**Imitates:** cloud-provider ``controllers/service/controller.go`` (v1.36) with a cloud that makes a balancer in 10 to 60 s.
Left out: source ranges, classes, ports of different protocols, changes of the node set (every Ready node that is not
excluded is a target at once).

**Walk:** a Service of type LoadBalancer -> a finalizer, ``EnsuringLoadBalancer`` -> the cloud's delay -> its address in
the status, ``EnsuredLoadBalancer`` -> deleted, or of another type: the address is free, the finalizer gone.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.log import Log
from kcsim.api.objects import Key, Object
from kcsim.api.request import User
from kcsim.api.resources import Resource
from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
POOL = ipaddress.IPv4Network("198.51.100.128/25")
"""Where the cloud's addresses come from: a block kept for documentation."""
PROVISIONING: Distribution = DEFAULT.delay("cloud/load-balancer-provisioning")
"""How long a cloud takes (workloads reference, 9.3: 10 to 180 s)."""


class LoadBalancers(Reconciler):
    """Gives each Service of type LoadBalancer its address."""

    name = "service-lb-controller"
    workers = 1

    def setup(self, component: Component) -> None:
        """Subscribe to Services."""
        self._due: dict[Key, int] = {}
        self._dice = component.dice("cloud")
        self._services = component.informer("services")
        self._services.on_change(self._service_changed)

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        if new is None:
            self._due.pop(objects.key(obj), None)
        elif wants_balancer(new) or FINALIZER in (new["metadata"].get("finalizers") or ()):
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Outcome | None:
        """Bring one Service and its balancer together."""
        service = self._services.get(*key)
        if service is None:
            return None
        if objects.is_deleting(service) or not wants_balancer(service):
            return self._release(key, service)
        if balancer_ips(service):
            return None
        return self._ensure(key, service)

    def _ensure(self, key: Key, service: Object) -> Outcome:
        now = self.component.engine.now
        if key not in self._due:
            self._due[key] = now + self._dice.draw(PROVISIONING)
            self._say(service, "EnsuringLoadBalancer", "Ensuring load balancer")
            if FINALIZER not in (service["metadata"].get("finalizers") or ()):
                finalizers = [*(service["metadata"].get("finalizers") or ()), FINALIZER]
                yield self.client.patch(
                    "services", *key, {"metadata": {"finalizers": finalizers}}, type="merge"
                )
        if now < self._due[key]:
            return Result(requeue_after=self._due[key] - now, what="the cloud made a load balancer")
        ip = self._free_ip()
        if ip is None:
            self._say(
                service,
                "SyncLoadBalancerFailed",
                "Error syncing load balancer: no address is left",
                "Warning",
            )
            return Result(requeue=True)
        body: dict[str, Any] = {"status": {"loadBalancer": {"ingress": [{"ip": ip, "ipMode": "VIP"}]}}}
        yield self.client.patch("services", *key, body, type="merge", subresource="status")
        self._say(service, "EnsuredLoadBalancer", "Ensured load balancer")
        return None

    def _release(self, key: Key, service: Object) -> Outcome:
        self._due.pop(key, None)
        finalizers = service["metadata"].get("finalizers") or ()
        if FINALIZER not in finalizers:
            return None
        self._say(service, "DeletingLoadBalancer", "Deleting load balancer")
        if balancer_ips(service):
            body = {"status": {"loadBalancer": {"ingress": None}}}
            yield self.client.patch("services", *key, body, type="merge", subresource="status")
        left = [f for f in finalizers if f != FINALIZER] or None
        yield self.client.patch("services", *key, {"metadata": {"finalizers": left}}, type="merge")
        self._say(service, "DeletedLoadBalancer", "Deleted load balancer")
        return None

    def _free_ip(self) -> str | None:
        taken = {ip for service in self._services.list() for ip in balancer_ips(service)}
        return next((str(ip) for ip in POOL.hosts() if str(ip) not in taken), None)

    def _say(self, service: Object, reason: str, message: str, kind: str = "Normal") -> None:
        self.component.events.event(service, kind, reason, message, "service-controller")


class Cloud:
    """Starts the controller when it is first needed."""

    def __init__(self, endpoint: Endpoint, services: Resource) -> None:
        self._endpoint = endpoint
        self._log: Log = endpoint.server.log
        self._watch = self._log.watch(services, self._first_asks, match=wants_balancer)

    def _first_asks(self) -> None:
        self._watch.stop()
        user = User("system:kube-controller-manager")
        manager = Component(self._endpoint, "cloud-controller-manager", user, self._endpoint.host)
        manager.run(LoadBalancers())
        manager.start()


def wants_balancer(service: Object) -> bool:
    """Whether a Service asks the cloud for a load balancer."""
    spec = service["spec"]
    return spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass")


def balancer_ips(service: Object) -> tuple[str, ...]:
    """The addresses of a Service's load balancer."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return tuple(i["ip"] for i in ingress if i.get("ip"))

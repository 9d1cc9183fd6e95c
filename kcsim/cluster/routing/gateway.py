"""The Gateway API's programs: a controller that plays GatewayClasses, Gateways and HTTPRoutes, and the proxies it makes.

**Imitates:** what conformant implementations do (gateway-api v1: conditions and reasons; GEP-1762: names and labels of what a
Gateway makes): a Deployment of proxies and a Service of type LoadBalancer for each Gateway. Differs: the proxies watch the
API themselves, where most implementations send them their configuration. Left out: leader election.

**Walk:** a Gateway -> its Deployment and Service -> an address from the cloud -> ``Programmed`` -> a route is attached,
``Accepted`` -> the proxies pass its requests on by the weights of its backends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.request import service_account
from kcsim.api.status import StatusError
from kcsim.cluster.podnet.services import outside_ips
from kcsim.cluster.routing import attach
from kcsim.cluster.routing.attach import CONTROLLER, GROUP, Condition, View
from kcsim.cluster.routing.program import RouterProgram
from kcsim.cluster.routing.proxies import GATEWAY_NAME, proxies_of
from kcsim.cluster.routing.table import Table
from kcsim.cluster.traffic.front import gateway_service
from kcsim.engine.clock import MILLISECOND, rfc3339
from kcsim.engine.task import Steps
from kcsim.profile.distributions import Distribution, Uniform

PROXY = "gateway-proxy"
MANAGER = "gateway-controller"
SYNCING: Distribution = Uniform(10 * MILLISECOND, 100 * MILLISECOND)
"""How long a proxy takes to use a new configuration: [model]."""
CLASSES, GATEWAYS = f"gatewayclasses.{GROUP}", f"gateways.{GROUP}"
ROUTES, GRANTS = f"httproutes.{GROUP}", f"referencegrants.{GROUP}"


class GatewayProxy(RouterProgram):
    """A running proxy of one Gateway."""

    syncing = SYNCING
    word = "gateway"
    tries = 1

    def __init__(
        self,
        endpoint: Endpoint,
        pod: Object,
        host: str,
        changed: Callable[[], None],
        on_stop: Callable[[Key], None],
    ) -> None:
        super().__init__(endpoint, PROXY, pod, host, changed, on_stop)
        self._gateway: Key = (objects.namespace(pod), objects.labels(pod).get(GATEWAY_NAME, ""))
        self.gateways = self.informer(GATEWAYS)
        self.routes = self.informer(ROUTES)
        self.grants = self.informer(GRANTS)
        self.namespaces = self.informer("namespaces")
        self._told: set[tuple[Key, str]] = set()
        for informer in (self.gateways, self.grants):
            informer.on_change(self.touch)
        self.routes.on_change(self._route_changed)

    def ready(self) -> bool:
        """Whether everything has been listed once."""
        watched = (self.gateways, self.routes, self.grants, self.namespaces)
        return super().ready() and all(informer.synced for informer in watched)

    def table(self) -> Table:
        """The rules of the routes that its Gateway takes."""
        gateway = self.gateways.get(*self._gateway)
        if gateway is None:
            return Table()
        services = {objects.key(s): s for s in self.services.list()}
        spaces = {objects.name(n): objects.labels(n) for n in self.namespaces.list()}
        view = View(services, spaces, self.grants.list())
        return Table.of(attach.rules_of(gateway, self.routes.list(), view))

    def _route_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and old.get("spec") is new.get("spec"):
            return
        if new is not None:
            for field, value in attach.not_modelled(new).items():
                place = (objects.key(new), field)
                if place not in self._told:
                    self._told.add(place)
                    subject = f"httproute/{'/'.join(place[0])}"
                    self.engine.note(self.name, "not modelled", subject, {"field": field, "value": value})
        self.touch(old, new)


class GatewayController(Component):
    """The running controller."""

    def __init__(self, endpoint: Endpoint, pod: Object, host: str) -> None:
        account = pod["spec"].get("serviceAccountName") or "default"
        super().__init__(endpoint, MANAGER, service_account(objects.namespace(pod), account), host)
        self.run(_Classes())
        self.run(_Gateways())
        self.run(_Routes())


class _Classes(Reconciler):
    name = "gatewayclass"

    def setup(self, component: Component) -> None:
        self._classes = component.informer(CLASSES)
        self._classes.on_change(lambda old, new: self.enqueue(objects.key(new or old or {})))

    def reconcile(self, key: Key) -> Outcome | None:
        found = self._classes.get(*key)
        if found is None or found["spec"].get("controllerName") != CONTROLLER:
            return None
        return self._accept(found)

    def _accept(self, found: Object) -> Steps:
        accepted = Condition("Accepted", True, "Accepted", "Valid GatewayClass")
        status = {"conditions": _conditions(found, (found.get("status") or {}), [accepted], self)}
        yield from _write(self, CLASSES, found, status)


class _Gateways(Reconciler):
    name = "gateway"

    def setup(self, component: Component) -> None:
        self._gateways = component.informer(GATEWAYS)
        self._classes = component.informer(CLASSES)
        self._routes = component.informer(ROUTES)
        self._namespaces = component.informer("namespaces")
        self._services = component.informer("services")
        self._deployments = component.informer("deployments.apps")
        self._gateways.on_change(lambda old, new: self.enqueue(objects.key(new or old or {})))
        self._routes.on_change(self._route_changed)
        for made in (self._services, self._deployments):
            made.on_change(self._made_changed)

    def _route_changed(self, old: Object | None, new: Object | None) -> None:
        for route in (old, new):
            for _, key in attach.gateways_named(route) if route is not None else ():
                self.enqueue(key)

    def _made_changed(self, old: Object | None, new: Object | None) -> None:
        made = new or old or {}
        gateway = objects.labels(made).get(GATEWAY_NAME)
        if gateway:
            self.enqueue((objects.namespace(made), gateway))

    def reconcile(self, key: Key) -> Outcome | None:
        gateway = self._gateways.get(*key)
        if gateway is None or objects.is_deleting(gateway):
            return None
        class_ = self._classes.get("", gateway["spec"].get("gatewayClassName", ""))
        if class_ is None or class_["spec"].get("controllerName") != CONTROLLER:
            return None
        return self._bring_about(gateway)

    def _bring_about(self, gateway: Object) -> Steps:
        namespace = objects.namespace(gateway)
        name = gateway_service(*objects.key(gateway))[1]
        for word, wanted in zip(("deployments.apps", "services"), proxies_of(gateway), strict=True):
            informer = self._deployments if word == "deployments.apps" else self._services
            present = informer.get(namespace, name)
            if present is None:
                try:
                    yield self.client.create(word, wanted)
                except StatusError as error:
                    if error.reason != "AlreadyExists":
                        raise
            elif word == "services" and _ports(present) != _ports(wanted):
                body = {"spec": {"ports": wanted["spec"]["ports"]}}
                yield self.client.patch(word, namespace, name, body, type="merge")
        yield from _write(self, GATEWAYS, gateway, self._status(gateway, name))

    def _status(self, gateway: Object, name: str) -> dict[str, Any]:
        namespace = objects.namespace(gateway)
        service, proxies = self._services.get(namespace, name), self._deployments.get(namespace, name)
        addresses = outside_ips(service) if service is not None else ()
        available = ((proxies or {}).get("status") or {}).get("availableReplicas") or 0
        accepted = Condition("Accepted", True, "Accepted", "Gateway is accepted")
        if not addresses:
            programmed = Condition("Programmed", False, "AddressNotAssigned", "No address has been assigned")
        elif not available:
            programmed = Condition("Programmed", False, "Pending", "No proxy is available")
        else:
            programmed = Condition("Programmed", True, "Programmed", "Gateway is programmed")
        before = gateway.get("status") or {}
        status: dict[str, Any] = {
            "conditions": _conditions(gateway, before, [accepted, programmed], self),
            "listeners": [
                self._listener(gateway, listener, before, programmed)
                for listener in gateway["spec"].get("listeners") or ()
            ],
        }
        if addresses:
            status["addresses"] = [{"type": "IPAddress", "value": ip} for ip in addresses]
        return status

    def _listener(
        self, gateway: Object, listener: Mapping[str, Any], before: Mapping[str, Any], programmed: Condition
    ) -> dict[str, Any]:
        supported = listener["protocol"] in ("HTTP", "HTTPS")
        spaces = {objects.name(n): objects.labels(n) for n in self._namespaces.list()}
        view = View({}, spaces)
        attached = sum(
            listener["name"] in attach.attachment(route, parent, gateway, view).listeners
            for route in self._routes.list()
            for parent, key in attach.gateways_named(route)
            if key == objects.key(gateway)
        )
        if supported:
            accepted = Condition("Accepted", True, "Accepted", "Listener is accepted")
        else:
            text = f"protocol {listener['protocol']} is not supported"
            accepted = Condition("Accepted", False, "UnsupportedProtocol", text)
        ready = programmed if supported else Condition("Programmed", False, "Invalid", accepted.message)
        conditions = [
            accepted,
            Condition("Conflicted", False, "NoConflicts", ""),
            ready,
            Condition("ResolvedRefs", True, "ResolvedRefs", "All references resolved"),
        ]
        was: dict[str, Any] = next(
            (each for each in before.get("listeners") or () if each["name"] == listener["name"]), {}
        )
        return {
            "name": listener["name"],
            "attachedRoutes": attached,
            "supportedKinds": [{"group": GROUP, "kind": "HTTPRoute"}] if supported else [],
            "conditions": _conditions(gateway, was, conditions, self),
        }


class _Routes(Reconciler):
    name = "httproute"

    def setup(self, component: Component) -> None:
        self._routes = component.informer(ROUTES)
        self._gateways = component.informer(GATEWAYS)
        self._classes = component.informer(CLASSES)
        self._services = component.informer("services")
        self._namespaces = component.informer("namespaces")
        self._grants = component.informer(GRANTS)
        self._routes.on_change(lambda old, new: self.enqueue(objects.key(new or old or {})))
        for informer in (self._gateways, self._services, self._grants, self._namespaces):
            informer.on_change(self._other_changed)

    def _other_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and old.get("spec") is new.get("spec"):
            return
        for route in self._routes.list():
            self.enqueue(objects.key(route))

    def reconcile(self, key: Key) -> Outcome | None:
        route = self._routes.get(*key)
        if route is None or objects.is_deleting(route):
            return None
        services = {objects.key(s): s for s in self._services.list()}
        spaces = {objects.name(n): objects.labels(n) for n in self._namespaces.list()}
        view = View(services, spaces, self._grants.list())
        before = (route.get("status") or {}).get("parents") or []
        parents = [each for each in before if each["controllerName"] != CONTROLLER]
        for parent, name in attach.gateways_named(route):
            gateway = self._gateways.get(*name)
            if gateway is None or not self._is_mine(gateway):
                continue
            attached = attach.attachment(route, parent, gateway, view)
            was: dict[str, Any] = next((p for p in before if p["parentRef"] == parent), {})
            conditions = [attached.accepted, attach.resolved(route, view)]
            parents.append(
                {
                    "parentRef": dict(parent),
                    "controllerName": CONTROLLER,
                    "conditions": _conditions(route, was, conditions, self),
                }
            )
        return _write(self, ROUTES, route, {"parents": parents})

    def _is_mine(self, gateway: Object) -> bool:
        class_ = self._classes.get("", gateway["spec"].get("gatewayClassName", ""))
        return class_ is not None and class_["spec"].get("controllerName") == CONTROLLER


def _conditions(
    obj: Object, before: Mapping[str, Any], wanted: list[Condition], reconciler: Reconciler
) -> list[dict[str, Any]]:
    """The conditions with their times: that of the last change of each status stays."""
    known = {each["type"]: each for each in before.get("conditions") or ()}
    generation = obj["metadata"].get("generation", 1)
    found = []
    for condition in wanted:
        made = {**condition.to_json(), "observedGeneration": generation}
        was = known.get(condition.type)
        same = was is not None and was["status"] == made["status"]
        now = rfc3339(reconciler.component.engine.now)
        made["lastTransitionTime"] = was["lastTransitionTime"] if same and was is not None else now
        found.append(made)
    return found


def _write(reconciler: Reconciler, word: str, obj: Object, status: dict[str, Any]) -> Steps:
    before = obj.get("status") or {}
    if {**before, **status} == before:
        return
    namespace, name = objects.key(obj)
    yield reconciler.client.patch(
        word, namespace, name, {"status": status}, type="merge", subresource="status"
    )


def _ports(service: Object) -> list[tuple[Any, ...]]:
    return [(p.get("name"), p["port"], p.get("targetPort")) for p in service["spec"].get("ports") or ()]

"""Which routes a Gateway takes, where they lead, and the conditions that say so.  Decides; never acts.

**Imitates:** gateway-api v1 (apis/v1 gateway_types.go, httproute_types.go, shared_types.go: condition types and reasons; GEP-1364)
for Gateways of class ``kcsim`` and HTTPRoutes. Left out: listeners of other protocols than HTTP and HTTPS, TLS, filters.

**Walk:** a ``View`` of the objects -> ``attachment`` of a route to each parent -> ``resolve`` its backends -> conditions for the
route's status, rules for the proxies (``rules_of``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Key, Object
from kcsim.api.selectors import from_object
from kcsim.cluster.routing.table import EXACT, PREFIX, REGULAR, Header, Rule, Upstream, host_fits

GROUP = "gateway.networking.k8s.io"
CONTROLLER = "kcsim.example/gateway-controller"
_KINDS = {"PathPrefix": PREFIX, "Exact": EXACT, "RegularExpression": REGULAR}
_HTTP = ("HTTP", "HTTPS")


@dataclass(frozen=True, slots=True)
class View:
    """The objects that decide, as somebody has seen them.

    Attributes:
        services: ports of the Services, by key.
        namespaces: their labels.
        grants: ReferenceGrants.
    """

    services: Mapping[Key, Object]
    namespaces: Mapping[str, Mapping[str, str]]
    grants: Sequence[Object] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition without its times."""

    type: str
    ok: bool
    reason: str
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it stands in a status, but for the times."""
        status = "True" if self.ok else "False"
        return {"type": self.type, "status": status, "reason": self.reason, "message": self.message}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A route and one of its parents: the listeners that take it, and the condition that says so."""

    parent: Mapping[str, Any]
    gateway: Key
    listeners: tuple[str, ...]
    accepted: Condition
    hosts: tuple[str, ...] = field(default=())


def gateways_named(route: Object) -> list[tuple[Mapping[str, Any], Key]]:
    """The Gateways that a route wants to be attached to."""
    found = []
    for parent in (route.get("spec") or {}).get("parentRefs") or ():
        if parent.get("kind", "Gateway") != "Gateway" or parent.get("group", GROUP) != GROUP:
            continue
        found.append((parent, (parent.get("namespace") or objects.namespace(route), parent["name"])))
    return found


def attachment(route: Object, parent: Mapping[str, Any], gateway: Object, view: View) -> Attachment:
    """Whether a Gateway takes a route: by name and port of the listener, then by namespace, then by hostname."""
    key = objects.key(gateway)

    def refused(reason: str, message: str) -> Attachment:
        return Attachment(parent, key, (), Condition("Accepted", False, reason, message))

    listeners = [
        listener
        for listener in gateway["spec"].get("listeners") or ()
        if parent.get("sectionName") in (None, listener["name"])
        and parent.get("port") in (None, listener["port"])
        and listener["protocol"] in _HTTP
    ]
    if not listeners:
        return refused(
            "NoMatchingParent", f"no HTTP listener of Gateway {'/'.join(key)} matches the reference"
        )
    allowed = [each for each in listeners if _lets_in(each, gateway, route, view)]
    if not allowed:
        space = objects.namespace(route)
        return refused("NotAllowedByListeners", f"no listener allows HTTPRoutes from namespace {space}")
    wanted = (route["spec"].get("hostnames")) or []
    taken = [each for each in allowed if _hosts(each.get("hostname") or "", wanted)]
    if not taken:
        return refused("NoMatchingListenerHostname", "no hostname of the route intersects with a listener's")
    return Attachment(
        parent,
        key,
        tuple(each["name"] for each in taken),
        Condition("Accepted", True, "Accepted", "Route is accepted"),
    )


def _lets_in(listener: Mapping[str, Any], gateway: Object, route: Object, view: View) -> bool:
    allowed = listener.get("allowedRoutes") or {}
    kinds = allowed.get("kinds")
    if kinds and not any(kind["kind"] == "HTTPRoute" for kind in kinds):
        return False
    spaces = allowed.get("namespaces") or {}
    origin = spaces.get("from") or "Same"
    if origin == "All":
        return True
    if origin == "Selector":
        selector = from_object(spaces.get("selector"))
        return selector.matches(view.namespaces.get(objects.namespace(route), {}))
    return origin == "Same" and objects.namespace(route) == objects.namespace(gateway)


def _hosts(listener: str, wanted: Sequence[str]) -> list[str]:
    """The hostnames that a listener and a route have in common; "" stands for any."""
    if not wanted:
        return [listener]
    found = []
    for host in wanted:
        if not listener or host_fits(listener, host, one_label=False) or listener == host:
            found.append(host)
        elif host.startswith("*.") and host_fits(host, listener, one_label=False):
            found.append(listener)
    return found


# --- backends ---------------------------------------------------------------------------------------------------


def resolve(route: Object, ref: Mapping[str, Any], view: View) -> Condition:
    """Whether one backendRef leads to a Service: the condition ResolvedRefs that it alone would give."""

    def wrong(reason: str, message: str) -> Condition:
        return Condition("ResolvedRefs", False, reason, message)

    kind, group = ref.get("kind", "Service"), ref.get("group", "")
    if kind != "Service" or group:
        return wrong("InvalidKind", f"{group or 'core'}/{kind} cannot be a backend")
    key = (ref.get("namespace") or objects.namespace(route), ref["name"])
    if key[0] != objects.namespace(route) and not _granted(route, key, view):
        return wrong("RefNotPermitted", f"no ReferenceGrant lets routes refer to Service {'/'.join(key)}")
    service = view.services.get(key)
    if service is None:
        return wrong("BackendNotFound", f"Service {'/'.join(key)} not found")
    port = ref.get("port")
    if not any(each.get("port") == port for each in service["spec"].get("ports") or ()):
        return wrong("BackendNotFound", f"Service {'/'.join(key)} has no port {port}")
    return Condition("ResolvedRefs", True, "ResolvedRefs", "All references resolved")


def _granted(route: Object, key: Key, view: View) -> bool:
    for grant in view.grants:
        if objects.namespace(grant) != key[0]:
            continue
        spec = grant["spec"]
        sources = any(
            each["kind"] == "HTTPRoute"
            and each["group"] == GROUP
            and each["namespace"] == objects.namespace(route)
            for each in spec["from"]
        )
        targets = any(each["kind"] == "Service" and each.get("name") in (None, key[1]) for each in spec["to"])
        if sources and targets:
            return True
    return False


def resolved(route: Object, view: View) -> Condition:
    """The route's condition ResolvedRefs: the first reference that leads nowhere, or that all are good."""
    for rule in route["spec"].get("rules") or ():
        for ref in rule.get("backendRefs") or ():
            found = resolve(route, ref, view)
            if not found.ok:
                return found
    return Condition("ResolvedRefs", True, "ResolvedRefs", "All references resolved")


# --- rules ------------------------------------------------------------------------------------------------------


def rules_of(gateway: Object, routes: Iterable[Object], view: View) -> list[Rule]:
    """The rules that the proxies of a Gateway work by."""
    found: list[Rule] = []
    for route in routes:
        for parent, key in gateways_named(route):
            if key != objects.key(gateway):
                continue
            attached = attachment(route, parent, gateway, view)
            for listener in gateway["spec"].get("listeners") or ():
                if listener["name"] in attached.listeners:
                    found.extend(_listener_rules(route, listener, view))
    return found


def _listener_rules(route: Object, listener: Mapping[str, Any], view: View) -> Iterable[Rule]:
    hosts = _hosts(listener.get("hostname") or "", route["spec"].get("hostnames") or [])
    metadata = route["metadata"]
    age = f"{metadata.get('creationTimestamp', '')} {'/'.join(objects.key(route))}"
    for number, rule in enumerate(route["spec"].get("rules") or ()):
        upstreams = tuple(_upstream(route, ref, view) for ref in rule.get("backendRefs") or ())
        for match in rule.get("matches") or [{}]:
            path = match.get("path") or {}
            headers = tuple(
                Header(h["name"], h["value"], h.get("type") or EXACT) for h in match.get("headers") or ()
            )
            for host in hosts:
                yield Rule(
                    host,
                    path.get("value") or "/",
                    _KINDS[path.get("type") or "PathPrefix"],
                    upstreams,
                    match.get("method") or "",
                    headers,
                    age,
                    number,
                    one_label=False,
                    origin=f"HTTPRoute {'/'.join(objects.key(route))}",
                    port=listener["port"],
                )


def _upstream(route: Object, ref: Mapping[str, Any], view: View) -> Upstream:
    weight = ref.get("weight", 1)
    found = resolve(route, ref, view)
    if not found.ok:
        return Upstream(weight, status=500, why=f"{found.reason}: {found.message}")
    key = (ref.get("namespace") or objects.namespace(route), ref["name"])
    return Upstream(weight, key, ref["port"])


def not_modelled(route: Object) -> dict[str, str]:
    """What an HTTPRoute asks for and does not get here: ``{field: value}``."""
    found = {}
    for i, rule in enumerate(route["spec"].get("rules") or ()):
        for name in ("filters", "timeouts", "retry", "sessionPersistence"):
            if rule.get(name):
                found[f"spec.rules[{i}].{name}"] = "not played"
        for j, match in enumerate(rule.get("matches") or ()):
            if match.get("queryParams"):
                found[f"spec.rules[{i}].matches[{j}].queryParams"] = "matches any"
        for j, ref in enumerate(rule.get("backendRefs") or ()):
            if ref.get("filters"):
                found[f"spec.rules[{i}].backendRefs[{j}].filters"] = "not played"
    return found

"""Services, ingresses, endpoints and network policies.

**Imitates:** ``printService`` and its neighbours (pkg/printers/internalversion/printers.go, v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api.objects import Object
from kcsim.api.tables.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Kind,
    View,
    age,
    columns,
    default_name,
    first_of,
    labels_cell,
    name,
    selector_cell,
    spec,
    status,
)

_ADDRESSES_WIDTH = 16
_SHOWN = 3


def _service(obj: Object, view: View) -> list[Any]:
    body = spec(obj)
    addresses = body.get("clusterIPs") or ([body["clusterIP"]] if body.get("clusterIP") else [])
    return [
        name(obj),
        body.get("type", ""),
        addresses[0] if addresses else NONE,
        external_addresses(obj, view.wide),
        ports_cell(body.get("ports") or []) or NONE,
        age(obj, view),
        labels_cell(body.get("selector")),
    ]


def external_addresses(obj: Object, wide: bool) -> str:
    """The EXTERNAL-IP of a Service."""
    body = spec(obj)
    given = body.get("externalIPs") or []
    match body.get("type", ""):
        case "ClusterIP" | "NodePort":
            return ",".join(given) or NONE
        case "LoadBalancer":
            balancer = balancer_cell(obj, wide)
            if given:
                return ",".join([*balancer.split(","), *given] if balancer else given)
            return balancer or "<pending>"
        case "ExternalName":
            return str(body.get("externalName", ""))
    return UNKNOWN


def balancer_cell(obj: Object, wide: bool) -> str:
    """Addresses of a load balancer, cut to sixteen characters unless ``wide``."""
    entries = (status(obj).get("loadBalancer") or {}).get("ingress") or []
    text = ",".join(sorted({e.get("ip") or e.get("hostname") or "" for e in entries} - {""}))
    return f"{text[: _ADDRESSES_WIDTH - 3]}..." if len(text) > _ADDRESSES_WIDTH and not wide else text


def ports_cell(ports: list[Object]) -> str:
    """``80/TCP,443:30443/TCP``."""
    return ",".join(
        f"{p.get('port', 0)}:{p['nodePort']}/{p.get('protocol', '')}"
        if p.get("nodePort")
        else f"{p.get('port', 0)}/{p.get('protocol', '')}"
        for p in ports
    )


def _ingress(obj: Object, view: View) -> list[Any]:
    rules = spec(obj).get("rules") or []
    hosts = [rule["host"] for rule in rules if rule.get("host")]
    ports = "80, 443" if spec(obj).get("tls") else "80"
    kind = spec(obj).get("ingressClassName") or NONE
    return [
        name(obj),
        kind,
        first_of(hosts, _SHOWN) or "*",
        balancer_cell(obj, view.wide),
        ports,
        age(obj, view),
    ]


def _ingress_class(obj: Object, view: View) -> list[Any]:
    parameters = spec(obj).get("parameters")
    text = NONE
    if parameters is not None:
        group = parameters.get("apiGroup")
        text = f"{parameters['kind']}{f'.{group}' if group else ''}/{parameters['name']}"
    shown = default_name(obj, "ingressclass.kubernetes.io/is-default-class")
    return [shown, spec(obj).get("controller", ""), text, age(obj, view)]


def endpoints_cell(subsets: list[Object]) -> str:
    """The first three ``address:port`` of an Endpoints object."""
    items: list[str] = []
    for subset in subsets:
        addresses = [a["ip"] for a in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            items.extend(addresses)
            continue
        for port in ports:
            items.extend(f"[{a}]:{port['port']}" if ":" in a else f"{a}:{port['port']}" for a in addresses)
    return first_of(items, _SHOWN) if subsets else NONE


def _endpoints(obj: Object, view: View) -> list[Any]:
    return [name(obj), endpoints_cell(obj.get("subsets") or []), age(obj, view)]


def _endpoint_slice(obj: Object, view: View) -> list[Any]:
    ports = [
        str(p["port"]) if p.get("port") is not None else p.get("name") or "*" for p in obj.get("ports") or ()
    ]
    addresses = [a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()]
    return [
        name(obj),
        obj.get("addressType", ""),
        first_of(ports, _SHOWN) or UNSET,
        first_of(addresses, _SHOWN) or UNSET,
        age(obj, view),
    ]


def _network_policy(obj: Object, view: View) -> list[Any]:
    return [name(obj), selector_cell(spec(obj).get("podSelector") or {}), age(obj, view)]


def _ip_address(obj: Object, view: View) -> list[Any]:
    parent = spec(obj).get("parentRef") or {}
    words = (parent.get("resource"), parent.get("group"))
    kind = ".".join(word for word in words if word)
    text = "/".join(word for word in (kind, parent.get("namespace"), parent.get("name")) if word)
    return [name(obj), text, age(obj, view)]


def _service_cidr(obj: Object, view: View) -> list[Any]:
    return [name(obj), ",".join(spec(obj).get("cidrs") or ()), age(obj, view)]


NETWORK: dict[tuple[str, str], Kind] = {
    ("", "Service"): Kind(columns("Name Type Cluster-IP External-IP Port(s) Age | Selector"), _service),
    ("", "Endpoints"): Kind(columns("Name Endpoints Age"), _endpoints),
    ("discovery.k8s.io", "EndpointSlice"): Kind(
        columns("Name AddressType Ports Endpoints Age"), _endpoint_slice
    ),
    ("networking.k8s.io", "Ingress"): Kind(columns("Name Class Hosts Address Ports Age"), _ingress),
    ("networking.k8s.io", "IngressClass"): Kind(columns("Name Controller Parameters Age"), _ingress_class),
    ("networking.k8s.io", "NetworkPolicy"): Kind(columns("Name Pod-Selector Age"), _network_policy),
    ("networking.k8s.io", "IPAddress"): Kind(columns("Name ParentRef Age"), _ip_address),
    ("networking.k8s.io", "ServiceCIDR"): Kind(columns("Name CIDRs Age"), _service_cidr),
}

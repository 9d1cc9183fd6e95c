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
    ports = "80, 443" if spec(obj).get("tls") else "80"
    kind = spec(obj).get("ingressClassName") or NONE
    return [
        name(obj),
        kind,
        _hosts(rules),
        balancer_cell(obj, view.wide),
        ports,
        age(obj, view),
    ]


def _hosts(rules: list[Object]) -> str:
    """The first hosts. What is more counts rules, those without a host with them."""
    places = [place for place, rule in enumerate(rules) if rule.get("host")][:_SHOWN]
    shown = ",".join(rules[place]["host"] for place in places)
    cut = len(places) == _SHOWN and places[-1] < len(rules) - 1
    return f"{shown} + {len(rules) - _SHOWN} more..." if cut else shown or "*"


def _ingress_class(obj: Object, view: View) -> list[Any]:
    parameters = spec(obj).get("parameters")
    text = NONE
    if parameters is not None:
        group = parameters.get("apiGroup")
        text = f"{parameters.get('kind', '')}{f'.{group}' if group else ''}/{parameters.get('name', '')}"
    shown = default_name(obj, "ingressclass.kubernetes.io/is-default-class")
    return [shown, spec(obj).get("controller", ""), text, age(obj, view)]


def endpoints_cell(subsets: list[Object]) -> str:
    """The first three ``address:port`` of an Endpoints object."""
    items: list[str] = []
    for subset in subsets:
        addresses = [a.get("ip", "") for a in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            items.extend(addresses)
            continue
        for port in ports:
            number = port.get("port", 0)
            items.extend(f"[{a}]:{number}" if ":" in a else f"{a}:{number}" for a in addresses)
    return first_of(items, _SHOWN) if subsets else NONE


def _endpoints(obj: Object, view: View) -> list[Any]:
    return [name(obj), endpoints_cell(obj.get("subsets") or []), age(obj, view)]


def _endpoint_slice(obj: Object, view: View) -> list[Any]:
    ports = [str(p.get("port", p.get("name", "*"))) for p in obj.get("ports") or ()]
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
    parent = spec(obj).get("parentRef")
    if parent is None:
        return [name(obj), NONE, age(obj, view)]
    kind = ".".join(word for word in (parent.get("resource"), parent.get("group")) if word).lower()
    words = (kind, *filter(None, (parent.get("namespace"),)), parent.get("name", ""))
    return [name(obj), "/".join(words), age(obj, view)]


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
    # Its rows have an age, but no column is declared for it, so that nobody sees it.
    ("networking.k8s.io", "IPAddress"): Kind(columns("Name ParentRef"), _ip_address),
    ("networking.k8s.io", "ServiceCIDR"): Kind(columns("Name CIDRs Age"), _service_cidr),
}

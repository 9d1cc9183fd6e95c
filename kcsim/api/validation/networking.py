"""Validation of Ingresses, ingress classes and network policies.

**Imitates:** kubernetes pkg/apis/networking/validation/validation.go (v1.36). Left out: resource backends.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.common import (
    canonical_cidr,
    cidr,
    domain_prefixed_path,
    immutable,
    label_selector,
    path_segment,
    port_or_name,
)
from kcsim.api.validation.containers import PROTOCOLS
from kcsim.api.validation.field import Errors, each_invalid, forbidden, invalid, one_of, required

_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_MOST_FAMILIES: Final = 2
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


def ingress(obj: Mapping[str, Any]) -> Errors:
    """ValidateIngressCreate."""
    errors: Errors = []
    annotation = ((obj.get("metadata") or {}).get("annotations") or {}).get(_CLASS_ANNOTATION)
    name = (obj.get("spec") or {}).get("ingressClassName")
    if annotation and name and annotation != name:
        text = "must match `ingressClassName` when both are specified"
        errors.append(invalid(f"annotations.{_CLASS_ANNOTATION}", annotation, text))
    return errors + ingress_spec(obj)


def ingress_spec(obj: Mapping[str, Any]) -> Errors:
    """ValidateIngressSpec, on create and update."""
    spec = obj.get("spec") or {}
    rules, default = spec.get("rules") or [], spec.get("defaultBackend")
    errors: Errors = []
    if not rules and default is None:
        errors.append(invalid("spec", spec, "either `defaultBackend` or `rules` must be specified"))
    if default is not None:
        errors += _backend("spec.defaultBackend", default)
    for index, rule in enumerate(rules):
        errors += _rule(f"spec.rules[{index}]", rule)
    for index, tls in enumerate(spec.get("tls") or ()):
        for at, host in enumerate(tls.get("hosts") or ()):
            errors += _dns_name(f"spec.tls[{index}].hosts[{at}]", host)
    name = spec.get("ingressClassName")
    if name is not None:
        errors += each_invalid("spec.ingressClassName", name, names.is_dns1123_subdomain(name))
    return errors


def _dns_name(field: str, host: str) -> Errors:
    rule = names.is_wildcard_dns1123_subdomain if "*" in host else names.is_dns1123_subdomain
    return each_invalid(field, host, rule(host))


def _rule(path: str, rule: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    host = rule.get("host") or ""
    if host:
        try:
            ipaddress.ip_address(host)
            errors.append(invalid(f"{path}.host", host, "must be a DNS name, not an IP address"))
        except ValueError:
            errors += _dns_name(f"{path}.host", host)
    http = rule.get("http")
    if http is None:
        return errors
    if not http.get("paths"):
        errors.append(required(f"{path}.http.paths"))
    for index, item in enumerate(http.get("paths") or ()):
        errors += _path(f"{path}.http.paths[{index}]", item)
    return errors


def _path(path: str, item: Mapping[str, Any]) -> Errors:
    kind, value = item.get("pathType"), item.get("path") or ""
    errors: Errors = []
    if kind is None:
        return [required(f"{path}.pathType", "pathType must be specified")]
    if kind in ("Exact", "Prefix"):
        if not value.startswith("/"):
            errors.append(invalid(f"{path}.path", value, "must be an absolute path"))
        for part in ("//", "/./", "/../", "%2f", "%2F"):
            if part in value:
                errors.append(invalid(f"{path}.path", value, f"must not contain '{part}'"))
        for end in ("/..", "/."):
            if value.endswith(end):
                errors.append(invalid(f"{path}.path", value, f"cannot end with '{end}'"))
    elif kind == "ImplementationSpecific":
        if value and not value.startswith("/"):
            errors.append(invalid(f"{path}.path", value, "must be an absolute path"))
    else:
        errors += one_of(f"{path}.pathType", kind, _PATH_TYPES)
    return errors + _backend(f"{path}.backend", item.get("backend") or {})


def _backend(path: str, backend: Mapping[str, Any]) -> Errors:
    service, resource = backend.get("service"), backend.get("resource")
    if service is None and resource is None:
        return [required(path, "resource or service backend is required")]
    if service is not None and resource is not None:
        return [invalid(path, "", "cannot set both resource and service backends")]
    if service is None:
        return _typed(f"{path}.resource", resource or {})
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        errors = [required(f"{path}.service.name")]
    else:
        errors = each_invalid(f"{path}.service.name", name, names.is_dns1123_label(name))
    if port.get("name") and port.get("number"):
        errors.append(invalid(path, "", "cannot set both port name & port number"))
    elif port.get("name"):
        errors += each_invalid(
            f"{path}.service.port.name", port["name"], names.is_valid_port_name(port["name"])
        )
    elif port.get("number"):
        wrong = names.is_valid_port_num(port["number"])
        errors += each_invalid(f"{path}.service.port.number", port["number"], wrong)
    else:
        errors.append(required(path, "port name or number is required"))
    return errors


def ingress_class(obj: Mapping[str, Any]) -> Errors:
    """ValidateIngressClass."""
    controller = (obj.get("spec") or {}).get("controller") or ""
    errors = domain_prefixed_path("spec.controller", controller)
    parameters = (obj.get("spec") or {}).get("parameters")
    return errors if parameters is None else errors + _parameters("spec.parameters", parameters)


def _typed(path: str, ref: Mapping[str, Any]) -> Errors:
    """validateIngressTypedLocalObjectReference."""
    errors: Errors = []
    for name in ("kind", "name"):
        value = ref.get(name) or ""
        errors += (
            path_segment(f"{path}.{name}", value)
            if value
            else [required(f"{path}.{name}", f"{name} is required")]
        )
    return errors


def _parameters(path: str, ref: Mapping[str, Any]) -> Errors:
    """validateIngressClassParametersReference."""
    errors = _typed(path, ref)
    scope, namespace = ref.get("scope"), ref.get("namespace")
    if scope is None:
        return [*errors, required(f"{path}.scope")]
    if scope == "Namespace" and not namespace:
        errors.append(required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'"))
    if scope == "Cluster" and namespace is not None:
        errors.append(forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'"))
    return errors + one_of(f"{path}.scope", scope, ("Cluster", "Namespace"))


def ingress_class_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateIngressClassUpdate."""
    after, before = ((obj.get("spec") or {}).get("controller") for obj in (new, old))
    return immutable("spec.controller", after, before)


# ---- NetworkPolicy


def network_policy(obj: Mapping[str, Any]) -> Errors:
    """ValidateNetworkPolicySpec."""
    spec = obj.get("spec") or {}
    errors = label_selector("spec.podSelector", spec.get("podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            here = f"spec.{direction}[{index}]"
            for at, port in enumerate(rule.get("ports") or ()):
                errors += _port(f"{here}.ports[{at}]", port)
            for at, peer in enumerate(rule.get(peers) or ()):
                errors += _peer(f"{here}.{peers}[{at}]", peer)
    for index, kind in enumerate(spec.get("policyTypes") or ()):
        errors += one_of(f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress"))
    return errors


def _port(path: str, item: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    protocol = item.get("protocol")
    if protocol is not None:
        errors += one_of(f"{path}.protocol", protocol, PROTOCOLS)
    port, end = item.get("port"), item.get("endPort")
    if port is not None:
        errors += port_or_name(f"{path}.port", port)
    if end is not None:
        if isinstance(port, str):
            errors.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric"))
        elif port is None:
            errors.append(required(f"{path}.port", "must be specified when `endPort` is set"))
        elif end < port:
            # The port, not the end, is what upstream shows.
            errors.append(invalid(f"{path}.endPort", port, "must be greater than or equal to `port`"))
        errors += each_invalid(f"{path}.endPort", end, names.is_valid_port_num(end))
    return errors


def _peer(path: str, peer: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    block = peer.get("ipBlock")
    selectors = [name for name in ("podSelector", "namespaceSelector") if peer.get(name) is not None]
    for name in selectors:
        errors += label_selector(f"{path}.{name}", peer[name])
    if block is not None:
        errors += _ip_block(f"{path}.ipBlock", block)
        if selectors:
            errors.append(forbidden(path, "may not specify both ipBlock and another peer"))
    elif not selectors:
        errors.append(required(path, "must specify a peer"))
    return errors


def _ip_block(path: str, block: Mapping[str, Any]) -> Errors:
    outer = block.get("cidr") or ""
    if not outer:
        return [required(f"{path}.cidr")]
    errors = cidr(f"{path}.cidr", outer)
    if errors:
        return errors
    network = ipaddress.ip_network(outer, strict=False)
    for index, text in enumerate(block.get("except") or ()):
        field = f"{path}.except[{index}]"
        wrong = cidr(field, text)
        errors += wrong
        if not wrong:
            inner = ipaddress.ip_network(text, strict=False)
            inside = inner.version == network.version and inner.network_address in network
            if not inside or inner.prefixlen <= network.prefixlen:
                errors.append(invalid(field, text, "must be a strict subset of `cidr`"))
    return errors


# ---- addresses of Services


def service_cidr(obj: Mapping[str, Any]) -> Errors:
    """ValidateServiceCIDR."""
    spec = obj.get("spec") or {}
    field, blocks = "spec.cidrs", spec.get("cidrs") or []
    if not blocks:
        return [required(field, "at least one CIDR required")]
    shown = {"CIDRs": blocks}
    if len(blocks) > _MOST_FAMILIES:
        return [invalid(field, shown, f"may only hold up to {_MOST_FAMILIES} values")]
    if len(blocks) == _MOST_FAMILIES and (":" in blocks[0]) == (":" in blocks[1]):
        text = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        return [invalid(field, shown, text)]
    return [
        error for index, block in enumerate(blocks) for error in canonical_cidr(f"{field}[{index}]", block)
    ]


def service_cidr_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateServiceCIDRUpdate."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return immutable("spec.cidrs", after.get("cidrs"), before.get("cidrs"))


def ip_address_object(obj: Mapping[str, Any]) -> Errors:
    """ValidateIPAddress: what holds the address. That its name is one is a rule of names."""
    path, parent = "spec.parentRef", (obj.get("spec") or {}).get("parentRef")
    if parent is None:
        return [required(path)]
    errors: Errors = []
    if parent.get("group"):
        errors += each_invalid(f"{path}.group", parent["group"], names.is_dns1123_subdomain(parent["group"]))
    for name in ("resource", "name", "namespace"):
        value = parent.get(name) or ""
        if value:
            errors += path_segment(f"{path}.{name}", value)
        elif name != "namespace":
            errors.append(required(f"{path}.{name}"))
    return errors


def ip_address_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateIPAddressUpdate."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return immutable("spec.parentRef", after.get("parentRef"), before.get("parentRef"))

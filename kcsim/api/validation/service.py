"""Validation of Services.

**Imitates:** ValidateService and ValidateServiceUpdate in kubernetes pkg/apis/core/validation/validation.go (v1.36). Left out: allocation of addresses and ports, and which families a
cluster has (``kcsim.api.allocation``).
"""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.common import cidr, ip_address, labels, port_or_name
from kcsim.api.validation.containers import PROTOCOLS
from kcsim.api.validation.endpoints import special_address
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    one_of,
    required,
)

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_POLICIES: Final = ("Cluster", "Local")
_MAX_AFFINITY_SECONDS: Final = 86400
NODE_PORTS: Final = (30000, 32767)


_BALANCERS_ONLY: Final = "may only be used when `type` is 'LoadBalancer'"
_DISTRIBUTIONS: Final = ("PreferClose", "PreferSameNode", "PreferSameZone")
_FAMILIES: Final = ("IPv4", "IPv6")
_MOST_ADDRESSES: Final = 2
_FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")


def service(obj: Mapping[str, Any]) -> Errors:
    """ValidateService, beyond metadata."""
    spec = obj.get("spec") or {}
    kind, ports = spec.get("type") or "", spec.get("ports") or []
    headless = spec.get("clusterIP") == "None"
    errors: Errors = []
    if not ports and not headless and kind != "ExternalName":
        errors.append(required("spec.ports"))
    if kind in {"LoadBalancer", "NodePort"} and headless:
        text = f"may not be set to 'None' for {kind} services"
        errors.append(invalid("spec.clusterIPs[0]", "None", text))
    if kind == "ExternalName":
        errors += _external_name(spec)
    errors += _ports("spec.ports", ports, kind)
    errors += labels("spec.selector", spec.get("selector"))
    errors += one_of("spec.sessionAffinity", spec.get("sessionAffinity") or "", ("ClientIP", "None"))
    errors += _session_affinity(spec)
    if kind != "ExternalName":
        errors += _cluster_ips(spec, headless)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        errors += special_address(f"spec.externalIPs[{index}]", address)
    errors += [required("spec.type")] if not kind else one_of("spec.type", kind, TYPES)
    if spec.get("loadBalancerSourceRanges") and kind != "LoadBalancer":
        errors.append(forbidden("spec.loadBalancerSourceRanges", _BALANCERS_ONLY))
    for index, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        errors += cidr(f"spec.loadBalancerSourceRanges[{index}]", block)
    return errors + _traffic_policies(spec, kind)


def _external_name(spec: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    if spec.get("clusterIPs") or spec.get("clusterIP"):
        errors.append(forbidden("spec.clusterIPs", "may not be set for ExternalName services"))
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        return [*errors, required("spec.externalName")]
    return errors + each_invalid("spec.externalName", name, names.is_dns1123_subdomain(name))


def _ports(path: str, ports: list[dict[str, Any]], kind: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        here, name = f"{path}[{index}]", port.get("name") or ""
        if not name and len(ports) > 1:
            errors.append(required(f"{here}.name"))
        elif name:
            errors += each_invalid(f"{here}.name", name, names.is_dns1123_label(name))
            if name in seen:
                errors.append(duplicate(f"{here}.name", name))
            seen.add(name)
        errors += each_invalid(
            f"{here}.port", port.get("port") or 0, names.is_valid_port_num(port.get("port") or 0)
        )
        protocol = port.get("protocol") or ""
        errors += (
            [required(f"{here}.protocol")]
            if not protocol
            else one_of(f"{here}.protocol", protocol, PROTOCOLS)
        )
        errors += port_or_name(f"{here}.targetPort", port.get("targetPort", port.get("port", 0)))
        if port.get("appProtocol"):
            wrong = names.is_qualified_name(port["appProtocol"])
            errors += each_invalid(f"{here}.appProtocol", port["appProtocol"], wrong)
        node_port = port.get("nodePort") or 0
        if node_port and kind == "ClusterIP":
            errors.append(forbidden(f"{here}.nodePort", "may not be used when `type` is 'ClusterIP'"))
        elif node_port and not NODE_PORTS[0] <= node_port <= NODE_PORTS[1]:
            text = (
                "provided port is not in the valid range. "
                f"The range of valid ports is {NODE_PORTS[0]}-{NODE_PORTS[1]}"
            )
            errors.append(invalid(f"{here}.nodePort", node_port, text))
    return errors + _port_conflicts(path, ports)


def _port_conflicts(path: str, ports: list[dict[str, Any]]) -> Errors:
    errors: Errors = []
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol") or "", port.get("port") or 0)
        if key in seen:
            errors.append(duplicate(f"{path}[{index}]", {"protocol": key[0], "port": key[1]}))
        seen.add(key)
    taken: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol") or "", port.get("nodePort") or 0)
        if key[1] and key in taken:
            errors.append(duplicate(f"{path}[{index}].nodePort", key[1]))
        taken.add(key)
    return errors


def _session_affinity(spec: Mapping[str, Any]) -> Errors:
    config = spec.get("sessionAffinityConfig")
    if spec.get("sessionAffinity") == "None" and config is not None:
        return [forbidden("spec.sessionAffinityConfig", "must not be set when session affinity is None")]
    if spec.get("sessionAffinity") != "ClientIP":
        return []
    field = "spec.sessionAffinityConfig"
    seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
    if seconds is None:
        return [required(field, "when session affinity type is ClientIP")]
    if not 0 < seconds <= _MAX_AFFINITY_SECONDS:
        text = f"must be greater than 0 and less than {_MAX_AFFINITY_SECONDS}"
        return [invalid(f"{field}.clientIP.timeoutSeconds", seconds, text)]
    return []


def _cluster_ips(spec: Mapping[str, Any], headless: bool) -> Errors:
    """ValidateServiceClusterIPsRelatedFields: addresses, their families and how many there may be."""
    field, families = "spec.clusterIPs", spec.get("ipFamilies") or []
    address, addresses = spec.get("clusterIP"), spec.get("clusterIPs") or []
    errors: Errors = []
    if address and addresses and addresses[0] != address:
        errors.append(invalid(field, addresses, "first value must match `clusterIP`"))
    if addresses and not address:
        errors.append(invalid(field, addresses, "must be empty when `clusterIP` is not specified"))
    for index, family in enumerate(families):
        errors += one_of(f"spec.ipFamilies[{index}]", family, _FAMILIES)
        if family in families[:index]:
            errors.append(duplicate(f"spec.ipFamilies[{index}]", family))
    if spec.get("ipFamilyPolicy") is not None:
        errors += one_of("spec.ipFamilyPolicy", spec["ipFamilyPolicy"], _FAMILY_POLICIES)
    # Who gives the one gets the other: strategies fill it in before they validate.
    addresses = addresses or ([address] if address else [])
    wrong: Errors = []
    for index, one in enumerate(addresses):
        if index or one != "None":
            wrong += ip_address(f"{field}[{index}]", one)
        elif len(addresses) > 1:
            wrong.append(invalid(field, addresses, "'None' must be the first and only value"))
    if len(addresses) > _MOST_ADDRESSES:
        errors.append(invalid(field, addresses, f"may only hold up to {_MOST_ADDRESSES} values"))
    if wrong:
        return errors + wrong
    given = [] if headless else [f"IPv{ipaddress.ip_address(one).version}" for one in addresses]
    if len(given) > len(set(given)):
        errors.append(invalid(field, addresses, "may specify no more than one IP for each IP family"))
    return errors + [
        invalid(f"{field}[{index}]", one, f"expected an {family} value as indicated by `ipFamilies[{index}]`")
        for index, (one, has, family) in enumerate(zip(addresses, given, families, strict=False))
        if has != family
    ]


def _traffic_policies(spec: Mapping[str, Any], kind: str) -> Errors:
    errors: Errors = []
    external, internal = spec.get("externalTrafficPolicy"), spec.get("internalTrafficPolicy")
    if external:
        if kind not in ("NodePort", "LoadBalancer") and not spec.get("externalIPs"):
            text = "may only be set for externally-accessible services"
            errors.append(invalid("spec.externalTrafficPolicy", external, text))
        else:
            errors += one_of("spec.externalTrafficPolicy", external, _POLICIES)
    if internal:
        errors += one_of("spec.internalTrafficPolicy", internal, _POLICIES)
    local = kind == "LoadBalancer" and external == "Local"
    if spec.get("healthCheckNodePort") and not local:
        text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        errors.append(invalid("spec.healthCheckNodePort", spec["healthCheckNodePort"], text))
    if spec.get("allocateLoadBalancerNodePorts") is not None and kind != "LoadBalancer":
        errors.append(forbidden("spec.allocateLoadBalancerNodePorts", _BALANCERS_ONLY))
    balancer = spec.get("loadBalancerClass")
    if balancer is not None and kind != "LoadBalancer":
        errors.append(forbidden("spec.loadBalancerClass", _BALANCERS_ONLY))
    elif balancer is not None:
        errors += each_invalid("spec.loadBalancerClass", balancer, names.is_qualified_name(balancer))
    if spec.get("trafficDistribution") is not None:
        errors += one_of("spec.trafficDistribution", spec["trafficDistribution"], _DISTRIBUTIONS)
    return errors


def service_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateServiceUpdate: addresses stay while the type needs one, and so does the balancer's class."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors: Errors = []
    kind = after.get("type")
    given = after.get("clusterIPs") or ([after["clusterIP"]] if after.get("clusterIP") else [])
    if kind != "ExternalName" and before.get("type") != "ExternalName" and before.get("clusterIPs"):
        if given[:1] != before["clusterIPs"][:1]:
            errors.append(invalid("spec.clusterIPs[0]", given, "may not change once set"))
    if kind == before.get("type") == "LoadBalancer":
        if after.get("loadBalancerClass") != before.get("loadBalancerClass"):
            errors.append(
                invalid("spec.loadBalancerClass", after.get("loadBalancerClass"), "may not change once set")
            )
    return errors

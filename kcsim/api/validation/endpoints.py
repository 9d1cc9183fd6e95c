"""Validation of Endpoints and EndpointSlices.

**Imitates:** ValidateEndpoints in kubernetes pkg/apis/core/validation and ValidateEndpointSlice in pkg/apis/discovery/validation
(v1.36). Left out: hints.
"""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.common import immutable, ip_address, labels
from kcsim.api.validation.containers import PROTOCOLS
from kcsim.api.validation.field import (
    Errors,
    FieldError,
    duplicate,
    each_invalid,
    invalid,
    not_supported,
    one_of,
    required,
)

_ADDRESSES: Final = 100
_KINDS: Final = ("FQDN", "IPv4", "IPv6")


def special_address(field: str, value: str) -> Errors:
    """An address that traffic can be sent to (ValidateEndpointIP)."""
    why = _unusable(value)
    return [invalid(field, value, why)] if why else []


@lru_cache(maxsize=1 << 16)
def _unusable(value: str) -> str:
    """What is wrong with an address; most are seen again and again."""
    for error in ip_address("", value):
        return error.detail
    address = ipaddress.ip_address(value)
    if address.is_unspecified:
        return f"may not be unspecified ({value})"
    if address.is_loopback:
        return "may not be in the loopback range (127.0.0.0/8, ::1/128)"
    if address.is_link_local:
        return "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
    if address.is_multicast and value.startswith(("224.0.0.", "ff02:")):
        return "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
    return ""


def endpoints(obj: Mapping[str, Any]) -> Errors:
    """Endpoints: the subsets."""
    errors: Errors = []
    for index, subset in enumerate(obj.get("subsets") or ()):
        here = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(required(here, "must specify `addresses` or `notReadyAddresses`"))
        for name in ("addresses", "notReadyAddresses"):
            for at, address in enumerate(subset.get(name) or ()):
                errors += _address(f"{here}.{name}[{at}]", address)
        ports = subset.get("ports") or []
        for at, port in enumerate(ports):
            errors += _port(f"{here}.ports[{at}]", port, named=len(ports) > 1)
    return errors


def _address(path: str, item: Mapping[str, Any]) -> Errors:
    host, node = item.get("hostname"), item.get("nodeName")
    errors: Errors = []
    if host:
        errors += each_invalid(f"{path}.hostname", host, names.is_dns1123_label(host))
    if node is not None:
        errors += each_invalid(f"{path}.nodeName", node, names.is_dns1123_subdomain(node))
    return errors + special_address(f"{path}.ip", item.get("ip") or "")


def _port(path: str, port: Mapping[str, Any], *, named: bool) -> Errors:
    name, number, protocol = port.get("name") or "", port.get("port") or 0, port.get("protocol") or ""
    errors: Errors = []
    if name:
        errors += each_invalid(f"{path}.name", name, names.is_dns1123_label(name))
    elif named:
        errors.append(required(f"{path}.name"))
    errors += each_invalid(f"{path}.port", number, names.is_valid_port_num(number))
    errors += one_of(f"{path}.protocol", protocol, PROTOCOLS) if protocol else [required(f"{path}.protocol")]
    return errors + _application(path, port)


def _application(path: str, port: Mapping[str, Any]) -> Errors:
    protocol = port.get("appProtocol")
    if protocol is None:
        return []
    return each_invalid(f"{path}.appProtocol", protocol, names.is_qualified_name(protocol))


def endpoint_slice(obj: Mapping[str, Any]) -> Errors:
    """ValidateEndpointSlice."""
    kind = obj.get("addressType") or ""
    errors: Errors = []
    if not kind:
        errors.append(required("addressType"))
    elif kind not in _KINDS:
        return [not_supported("addressType", kind, _KINDS)]
    for index, item in enumerate(obj.get("endpoints") or ()):
        errors += _endpoint(f"endpoints[{index}]", item, kind)
    seen: set[str] = set()
    for index, port in enumerate(obj.get("ports") or ()):
        name = port.get("name") or ""
        if name:
            errors += each_invalid(f"ports[{index}].name", name, names.is_dns1123_label(name))
        if name in seen:
            errors.append(duplicate(f"ports[{index}].name", name))
        seen.add(name)
        errors += one_of(f"ports[{index}].protocol", port.get("protocol") or "", PROTOCOLS)
        errors += _application(f"ports[{index}]", port)
    return errors


def _endpoint(path: str, item: Mapping[str, Any], kind: str) -> Errors:
    addresses = item.get("addresses") or []
    here = f"{path}.addresses"
    errors: Errors = []
    if not addresses:
        errors.append(required(here, "must contain at least 1 address"))
    elif len(addresses) > _ADDRESSES:
        text = f"{len(addresses)}: must have at most {_ADDRESSES} items"
        errors.append(FieldError("TooMany", here, "", text))
    for at, address in enumerate(addresses):
        if kind == "FQDN":
            errors += each_invalid(f"{here}[{at}]", address, names.is_dns1123_subdomain(address))
        else:
            errors += special_address(f"{here}[{at}]", address) or _family(f"{here}[{at}]", address, kind)
    node, host = item.get("nodeName"), item.get("hostname")
    if node is not None:
        errors += each_invalid(f"{path}.nodeName", node, names.is_dns1123_subdomain(node))
    errors += labels(f"{path}.deprecatedTopology", item.get("deprecatedTopology"))
    if host is not None:
        errors += each_invalid(f"{path}.hostname", host, names.is_dns1123_label(host))
    return errors


def _family(field: str, address: str, kind: str) -> Errors:
    if kind in {"IPv4", "IPv6"} and ipaddress.ip_address(address).version != int(kind[-1]):
        return [invalid(field, address, f"must be a valid {kind} address")]
    return []


def endpoint_slice_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateEndpointSliceUpdate."""
    return immutable("addressType", new.get("addressType"), old.get("addressType"))

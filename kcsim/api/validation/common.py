"""Checks that many kinds share: numbers, percents, labels, selectors, quantities, immutability.

**Imitates:** apimachinery pkg/apis/meta/v1/validation and pkg/api/validation/generic.go, kubernetes
pkg/apis/core/validation (v1.36).
"""

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from kcsim.api import intstr, names, quantity, selectors
from kcsim.api.validation.field import Errors, each_invalid, forbidden, invalid, required, too_long

NOT_NEGATIVE: Final = "must be greater than or equal to 0"
IMMUTABLE: Final = "field is immutable"
_MIB: Final = 1024 * 1024
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9])0+(?=[0-9])")


def non_negative(field: str, value: Any) -> Errors:
    """Zero or more; absent is fine."""
    return [] if value is None or value >= 0 else [invalid(field, value, NOT_NEGATIVE)]


def non_negative_fields(path: str, obj: Mapping[str, Any], *fields: str) -> Errors:
    """`non_negative` for several fields, in the order given."""
    return [error for name in fields for error in non_negative(f"{path}.{name}", obj.get(name))]


def immutable(field: str, new: Any, old: Any) -> Errors:
    """The value as it was."""
    return [] if new == old else [invalid(field, new, IMMUTABLE)]


def int_or_percent(field: str, value: Any) -> Errors:
    """A non-negative number or a percentage."""
    if isinstance(value, str):
        return each_invalid(field, value, names.is_valid_percent(value))
    return non_negative(field, value)


def at_most_100_percent(field: str, value: Any) -> Errors:
    """A percentage of at most 100."""
    if isinstance(value, str) and not names.is_valid_percent(value) and int(value[:-1]) > 100:
        return [invalid(field, value, "must not be greater than 100%")]
    return []


def is_zero(value: Any) -> bool:
    """Whether an int-or-percent comes to 0 (getIntOrPercentValue); so does a text that is neither."""
    if isinstance(value, str):
        digits = value[:-1] if intstr.is_percent(value) else value
        return not digits.isdecimal() or int(digits) == 0
    return bool(value == 0)


def port_or_name(field: str, value: Any) -> Errors:
    """A port number, or the name of one."""
    check = names.is_valid_port_name if isinstance(value, str) else names.is_valid_port_num
    return each_invalid(field, value, check(value))


# ---- labels and selectors


def labels(field: str, values: Mapping[str, str] | None) -> Errors:
    """ValidateLabels: keys and values."""
    errors: Errors = []
    for key in sorted(values or {}):
        value = (values or {})[key]
        if isinstance(key, str) and isinstance(value, str) and _is_label(key, value):
            continue
        errors += each_invalid(field, key, names.is_qualified_name(key))
        errors += each_invalid(field, value, names.is_valid_label_value(value))
    return errors


@lru_cache(maxsize=8192)
def _is_label(key: str, value: str) -> bool:
    """Whether nothing is wrong with a label: most objects carry ones that were seen before."""
    return not names.is_qualified_name(key) and not names.is_valid_label_value(value)


def label_selector(path: str, selector: Mapping[str, Any] | None) -> Errors:
    """ValidateLabelSelector."""
    if not selector:
        return []
    errors = labels(f"{path}.matchLabels", selector.get("matchLabels"))
    for index, item in enumerate(selector.get("matchExpressions") or ()):
        errors += _selector_requirement(f"{path}.matchExpressions[{index}]", item)
    return errors


def _selector_requirement(path: str, item: Mapping[str, Any]) -> Errors:
    operator, values = item.get("operator", ""), item.get("values") or []
    errors: Errors = []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.append(
                forbidden(
                    f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                )
            )
    else:
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    errors += each_invalid(f"{path}.key", item.get("key", ""), names.is_qualified_name(item.get("key", "")))
    for index, value in enumerate(values):
        errors += each_invalid(f"{path}.values[{index}]", value, names.is_valid_label_value(value))
    return errors


def compiled(selector: Mapping[str, Any] | None) -> selectors.LabelSelector | None:
    """The selector ready to match, None when it is invalid."""
    try:
        return selectors.from_object(selector)
    except selectors.SelectorError:
        return None


# ---- values


def amount(field: str, value: Any) -> Errors:
    """A quantity of at least zero, shown as stored."""
    if quantity.of(value).nanos < 0:
        return [invalid(field, str(value), NOT_NEGATIVE)]
    return []


def ip_address(field: str, value: str) -> Errors:
    """An IPv4 or IPv6 address in one of its strict forms (IsValidIPForLegacyField with StrictIPCIDRValidation)."""
    try:
        address = ipaddress.ip_address(_without_zeros(value))
    except ValueError:
        address = None
    if address is None or "%" in value:
        return [invalid(field, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    if _without_zeros(value) != value:
        return [invalid(field, value, "must not have leading 0s")]
    if address.version == 6 and address.ipv4_mapped is not None:
        return [invalid(field, value, "must not be an IPv4-mapped IPv6 address")]
    return []


def canonical_ip(field: str, value: str) -> Errors:
    """An address in its one canonical form (IsValidIP)."""
    errors = ip_address(field, value)
    if not errors and value != str(ipaddress.ip_address(value)):
        errors.append(invalid(field, value, f'must be in canonical form ("{ipaddress.ip_address(value)}")'))
    return errors


def canonical_cidr(field: str, value: str) -> Errors:
    """A block in its one canonical form (IsValidCIDR)."""
    errors = cidr(field, value)
    if not errors and value != str(ipaddress.ip_network(value)):
        errors.append(invalid(field, value, f'must be in canonical form ("{ipaddress.ip_network(value)}")'))
    return errors


def cidr(field: str, value: str) -> Errors:
    """A CIDR block in one of its strict forms (IsValidCIDRForLegacyField with StrictIPCIDRValidation)."""
    text, _, length = value.partition("/")
    bits = length.lstrip("0") or length[-1:]
    try:
        block = ipaddress.ip_network(
            f"{_without_zeros(text)}/{bits}" if bits.isdecimal() else "", strict=False
        )
    except ValueError:
        return [invalid(field, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    if (_without_zeros(text), bits) != (text, length):
        return [invalid(field, value, "must not have leading 0s in IP or prefix length")]
    address = ipaddress.ip_address(text)
    if address.version == 6 and address.ipv4_mapped is not None:
        return [invalid(field, value, "must not have an IPv4-mapped IPv6 address")]
    if address != block.network_address:
        return [invalid(field, value, "must not have bits set beyond the prefix length")]
    return []


def _without_zeros(value: str) -> str:
    """An IPv4 address without the zeros before its numbers, which Go's old parser passes over."""
    return _LEADING_ZEROS.sub("", value) if ":" not in value else value


def total_size(field: str, data: Mapping[str, str] | None, binary: Mapping[str, str] | None = None) -> Errors:
    """ConfigMap and Secret data: at most 1 MiB in all."""
    size = sum(len(value.encode()) for value in (data or {}).values())
    size += sum(len(value) * 3 // 4 - value.count("=") for value in (binary or {}).values())
    return [] if size <= _MIB else [too_long(field, _MIB)]


# ---- names in paths


def domain_prefixed_path(field: str, value: str) -> Errors:
    """``acme.io/foo`` (apimachinery: IsDomainPrefixedPath)."""
    if not value:
        return [required(field)]
    host, slash, path = value.partition("/")
    if not slash or not host or not path:
        return [invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    return each_invalid(field, host, names.is_dns1123_subdomain(host))


def path_segment(field: str, value: str) -> Errors:
    """A name that can be part of a path (apimachinery: IsValidPathSegmentName)."""
    if value in {".", ".."}:
        return [invalid(field, value, f"may not be '{value}'")]
    return [invalid(field, value, f"may not contain '{sign}'") for sign in "/%" if sign in value]

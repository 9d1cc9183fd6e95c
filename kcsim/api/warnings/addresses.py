"""Warnings about addresses that are valid and yet not written as they should be.

**Imitates:** apimachinery pkg/util/validation/ip.go (GetWarningsForIP, GetWarningsForCIDR). Left out: the forms that
validation refuses since StrictIPCIDRValidation is on (v1.36).
"""

from __future__ import annotations

import ipaddress


def of_ip(field: str, value: str) -> list[str]:
    """An IPv6 address that is not in canonical form."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return []  # no address: some fields are not validated
    if address.version == 4 or str(address) == value:
        return []
    return [f'{field}: IPv6 address "{value}" should be in RFC 5952 canonical format ("{address}")']


def of_cidr(field: str, value: str) -> list[str]:
    """An IPv6 block that is not in canonical form."""
    try:
        block = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return []
    if block.version == 4 or str(block) == value:
        return []
    return [f'{field}: IPv6 CIDR value "{value}" should be in RFC 5952 canonical format ("{block}")']

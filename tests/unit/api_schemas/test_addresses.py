"""Addresses and blocks as StrictIPCIDRValidation (on since v1.36) takes them, in upstream's words."""

from __future__ import annotations

import pytest

from kcsim.api.validation.common import cidr, ip_address

_NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_NO_BLOCK = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_BEYOND = "must not have bits set beyond the prefix length"


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("10.0.0.10", []),
        ("2001:db8::1", []),
        ("010.0.0.1", ["must not have leading 0s"]),
        ("::ffff:1.2.3.4", ["must not be an IPv4-mapped IPv6 address"]),
        ("fe80::1%eth0", [_NO_ADDRESS]),
        ("256.1.1.1", [_NO_ADDRESS]),
        ("", [_NO_ADDRESS]),
    ],
)
def test_addresses(value: str, wrong: list[str]) -> None:
    assert [error.detail for error in ip_address("spec.ip", value)] == wrong


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("10.0.0.0/8", []),
        ("0.0.0.0/0", []),
        ("2001:db8::/32", []),
        ("10.0.0.1/8", [_BEYOND]),
        ("2001:db8::1/64", [_BEYOND]),
        ("010.0.0.0/8", ["must not have leading 0s in IP or prefix length"]),
        ("10.0.0.0/08", ["must not have leading 0s in IP or prefix length"]),
        ("::ffff:1.2.3.4/128", ["must not have an IPv4-mapped IPv6 address"]),
        ("10.0.0.0", [_NO_BLOCK]),
        ("10.0.0.0/", [_NO_BLOCK]),
        ("10.0.0.0/ 8", [_NO_BLOCK]),
        ("10.0.0.0/33", [_NO_BLOCK]),
        ("10.0.0.0/255.0.0.0", [_NO_BLOCK]),
    ],
)
def test_blocks(value: str, wrong: list[str]) -> None:
    assert [error.detail for error in cidr("spec.cidr", value)] == wrong

"""IP addresses and networks as values of expressions.

**Imitates:** apiserver ``pkg/cel/library/{ip,cidr}.go`` (v1.36): no zones, no IPv4 dressed as IPv6.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from kcsim.api.cel.messages import opaque

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _parse(text: str) -> Address:
    try:
        found = ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f'IP Address "{text}" parse error during conversion from string') from error
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id:
            raise ValueError(f'IP address "{text}" with zone value is not allowed')
        if found.ipv4_mapped:
            raise ValueError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return found


def _parse_net(text: str) -> Network:
    if "/" not in text:
        raise ValueError(
            f"network address parse error during conversion from string: netip.ParsePrefix({text!r}): no '/'"
        )
    _parse(text.split("/", 1)[0])
    try:
        return ipaddress.ip_interface(text)
    except ValueError as error:
        raise ValueError(f"network address parse error during conversion from string: {error}") from error


def ip(text: str) -> Any:
    """``ip('10.0.0.1')``."""
    return opaque("IP")(text=str(_parse(text)))


def is_ip(text: str) -> bool:
    """``isIP('10.0.0.1')``."""
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def is_canonical(text: str) -> bool:
    """Whether an address is written the way it is printed."""
    return str(_parse(text)) == text


def read(value: Any) -> Address:
    """The address of a value."""
    return ipaddress.ip_address(value.text)


def is_link_local_multicast(value: Any) -> bool:
    """224.0.0.0/24, ff02::/16 and ff12::/16 (netip.Addr.IsLinkLocalMulticast)."""
    found = read(value)
    if found.version == 4:
        return found.packed[:3] == b"\xe0\x00\x00"
    return found.packed[0] == 0xFF and found.packed[1] & 0x0F == 2


def is_global_unicast(value: Any) -> bool:
    """Neither unspecified, loopback, multicast, link-local nor the broadcast address (netip.Addr.IsGlobalUnicast)."""
    found = read(value)
    special = found.is_unspecified or found.is_loopback or found.is_multicast or found.is_link_local
    return not special and str(found) != "255.255.255.255"


def cidr(text: str) -> Any:
    """``cidr('10.0.0.0/8')``."""
    return opaque("CIDR")(text=_shown(_parse_net(text)))


def is_cidr(text: str) -> bool:
    """``isCIDR('10.0.0.0/8')``."""
    try:
        _parse_net(text)
    except ValueError:
        return False
    return True


def _shown(net: Network) -> str:
    return f"{net.ip}/{net.network.prefixlen}"


def _net(value: Any) -> Network:
    return ipaddress.ip_interface(value.text)


def contains(value: Any, text: str) -> bool:
    """Whether the network holds an address."""
    return _parse(text) in _net(value).network


def covers(value: Any, text: str) -> bool:
    """Whether the network holds all of another."""
    outer, inner = _net(value).network, _parse_net(text).network
    return outer.version == inner.version and outer.prefixlen <= inner.prefixlen and inner[0] in outer


def ip_of(value: Any) -> Any:
    """The address in a network's text."""
    return opaque("IP")(text=str(_net(value).ip))


def masked(value: Any) -> Any:
    """The network with the bits of the host cleared."""
    return opaque("CIDR")(text=str(_net(value).network))


def prefix_length(value: Any) -> int:
    """How many bits name the network."""
    return _net(value).network.prefixlen

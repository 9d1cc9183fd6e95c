"""Which of a name's addresses a client connects to first: IPv4 or IPv6.  Decides; never acts.

**Imitates:** RFC 6724 (section 2.1's table, rules 1, 5 and 6 of section 6), as Go and musl have it. Differs: glibc's table is older
and knows no low precedence for unique local addresses, so that it takes those before IPv4. Left out: the other rules,
and another try with the other family when the first is not answered (RFC 8305).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

_TABLE = tuple(
    (ipaddress.IPv6Network(prefix), precedence, label)
    for prefix, precedence, label in (
        ("::1/128", 50, 0),
        ("::ffff:0:0/96", 35, 4),
        ("::/96", 1, 3),
        ("2001::/32", 5, 5),
        ("2002::/16", 30, 2),
        ("3ffe::/16", 1, 12),
        ("fec0::/10", 1, 11),
        ("fc00::/7", 3, 13),
        ("::/0", 40, 1),
    )
)
_IPV4 = 35


def takes_ipv6(address: str, own: Iterable[str]) -> bool:
    """Whether a client with these addresses of its own connects to an IPv6 address though there is an IPv4 one, too."""
    mine = [ipaddress.ip_address(each) for each in own if each]
    sixes = [each for each in mine if isinstance(each, ipaddress.IPv6Address)]
    if not sixes:
        return False  # rule 1: it cannot be reached
    if len(sixes) == len(mine):
        return True
    precedence, label = _row(ipaddress.IPv6Address(address))
    if all(_row(each)[1] != label for each in sixes):
        return False  # rule 5: IPv4's labels match
    return precedence > _IPV4  # rule 6


def _row(address: ipaddress.IPv6Address) -> tuple[int, int]:
    return next((precedence, label) for prefix, precedence, label in _TABLE if address in prefix)

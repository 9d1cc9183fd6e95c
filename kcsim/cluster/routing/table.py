"""Which rule a request falls under, and where that sends it.  Decides; never acts.

**Imitates:** the precedence of Ingress (networking/v1 types.go: an exact path before a prefix, the longest first; prefixes by
whole elements) and of HTTPRoute (gateway-api apis/v1 httproute_types.go: hostname, exact path, longest prefix, method,
most headers, oldest, first in order).

**Walk:** ``Rule``s are made from objects -> ``Table`` sorts them once -> ``match`` finds the first that a request fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from kcsim.cluster.podnet.plane import Ask

EXACT, PREFIX, REGULAR = "Exact", "Prefix", "RegularExpression"


@dataclass(frozen=True, slots=True)
class Header:
    """A header that a request must have; ``kind`` is Exact or RegularExpression."""

    name: str
    value: str
    kind: str = EXACT

    def fits(self, headers: tuple[tuple[str, str], ...]) -> bool:
        """Whether the request has it; of several of a name the first counts."""
        found = next((value for name, value in headers if name.lower() == self.name.lower()), None)
        if found is None:
            return False
        return found == self.value if self.kind == EXACT else bool(_pattern(self.value).fullmatch(found))


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a share of a rule's requests goes: a Service's port, or, where that is not allowed or not there, nowhere.

    Attributes:
        weight: in relation to the rule's others.
        key, port: the Service and its port, number or name.
        status: what is answered in its place; 0: it is asked.
        why: what is wrong with it, in words.
    """

    weight: int
    key: tuple[str, str] = ("", "")
    port: int | str = 80
    status: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to match, and where requests that match go.

    Attributes:
        host: a name, ``*.name`` or "" for any.
        path, kind: what the path is compared with, and how.
        method: "" for any.
        age: ``creationTimestamp namespace/name`` of its object, and ``number`` within it: earlier ones win.
        one_label: a wildcard stands for one label (Ingress) or for one or more (Gateway).
        origin: the object, in words.
    """

    host: str
    path: str
    kind: str
    upstreams: tuple[Upstream, ...]
    method: str = ""
    headers: tuple[Header, ...] = ()
    age: str = ""
    number: int = 0
    one_label: bool = True
    origin: str = ""
    port: int = 0
    """The listener's port; 0: any."""

    def fits(self, ask: Ask, port: int) -> bool:
        """Whether a request that comes in at a port falls under it."""
        return (
            self.port in (0, port)
            and host_fits(self.host, ask.host, one_label=self.one_label)
            and path_fits(self.kind, self.path, ask.path)
            and self.method in ("", ask.method)
            and all(header.fits(ask.headers) for header in self.headers)
        )

    @property
    def rank(self) -> tuple[object, ...]:
        """Rules of a lower rank are tried first."""
        wild = self.host.startswith("*")
        kinds = {EXACT: 0, PREFIX: 1, REGULAR: 2}
        return (
            not self.host,
            wild,
            -len(self.host),
            kinds[self.kind],
            -len(self.path),
            not self.method,
            -len(self.headers),
            self.age,
            self.number,
        )


@dataclass(frozen=True, slots=True)
class Table:
    """All rules of a router, in the order in which they are tried."""

    rules: tuple[Rule, ...] = ()
    default: tuple[Upstream, ...] = field(default=())

    @classmethod
    def of(cls, rules: Iterable[Rule], default: tuple[Upstream, ...] = ()) -> Table:
        """A table of rules in any order; ``default`` takes what no rule fits."""
        return cls(tuple(sorted(rules, key=lambda rule: rule.rank)), default)

    def match(self, ask: Ask, port: int) -> Rule | None:
        """The rule a request falls under.

        A request belongs to the most specific host that has rules at all, and to no other.
        """
        hosts = [
            rule.host
            for rule in self.rules
            if rule.port in (0, port) and host_fits(rule.host, ask.host, one_label=rule.one_label)
        ]
        if not hosts:
            return None
        return next((rule for rule in self.rules if rule.host == hosts[0] and rule.fits(ask, port)), None)


def host_fits(pattern: str, host: str, *, one_label: bool) -> bool:
    """Whether a host is meant by a name, a wildcard or the empty pattern."""
    pattern, host = pattern.lower(), host.lower()
    if not pattern:
        return True
    if not pattern.startswith("*."):
        return pattern == host
    head = host.removesuffix(pattern[1:])
    return head != host and bool(head) and not (one_label and "." in head)


def path_fits(kind: str, pattern: str, path: str) -> bool:
    """Whether a path is meant; prefixes are compared element by element, a final slash counts for nothing."""
    if kind == EXACT:
        return path == pattern
    if kind == REGULAR:
        return bool(_pattern(pattern).fullmatch(path))
    wanted = pattern.rstrip("/")
    return not wanted or path == wanted or path.startswith(wanted + "/")


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:
        return re.compile(r"(?!)")  # an implementation that cannot read it matches nothing

"""What an answer about the present depended on: somebody who wants to hear when it may be different keeps this list."""

from __future__ import annotations

from kcsim.api.objects import Key


class Watched:
    """The rules, addresses and names that were asked for.

    Attributes:
        rules: host of a proxy and key of a Service.
        ips: addresses, in the order in which they were met.
        names: Services whose names were looked up.
    """

    __slots__ = ("ips", "names", "rules")

    def __init__(self) -> None:
        self.rules: set[tuple[str, Key]] = set()
        self.ips: dict[str, None] = {}
        self.names: set[Key] = set()

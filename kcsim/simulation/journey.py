"""What became of one request: its stations, where it ended and why, and the connection it went over."""

from __future__ import annotations

from dataclasses import dataclass, field

from kcsim.cluster.dns.records import NXDOMAIN
from kcsim.cluster.podnet.plane import Ask
from kcsim.engine.clock import MILLISECOND
from kcsim.engine.dice import Dice
from kcsim.engine.shown import Shown
from kcsim.simulation.connections import Connection
from kcsim.simulation.reach import Hop, Spot

ANSWERED = "answered"
SERVER_ERROR = "server error"
NO_ENDPOINTS, CONNECTION_REFUSED, TIMED_OUT = "no endpoints", "connection refused", "timeout"
POLICY_DROP, DNS_TIMEOUT, NOT_READY = "policy drop", "dns timeout", "not ready"
NOT_FOUND, RESET = "404", "reset"
OUTCOMES = (
    ANSWERED,
    SERVER_ERROR,
    NOT_FOUND,
    NXDOMAIN,
    DNS_TIMEOUT,
    NO_ENDPOINTS,
    NOT_READY,
    CONNECTION_REFUSED,
    RESET,
    POLICY_DROP,
    TIMED_OUT,
)
"""How a request can end."""


@dataclass(frozen=True, slots=True)
class Journey(Shown):
    """What became of one request.

    Attributes:
        hops: its stations, in order.
        outcome: one of ``OUTCOMES``.
        took: from sending it until it ended, as its client sees it (µs).
        connection: the one it went over, where one was opened; a later request can be sent over it.
    """

    client: str
    url: str
    hops: tuple[Hop, ...]
    outcome: str
    took: int
    connection: Connection | None = field(default=None, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether it was answered well."""
        return self.outcome == ANSWERED

    @property
    def why(self) -> str:
        """Where it ended and why."""
        return next(
            (hop.text for hop in self.hops if not hop.passed), self.hops[-1].text if self.hops else ""
        )

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        head = f"{self.client} -> {self.url}: {self.outcome} after {self.took / MILLISECOND:.3f} ms"
        return "\n".join([head, *(f"  {hop}" for hop in self.hops)])


class Story:
    """A journey while it goes on.

    Attributes:
        inside: the containers that called one another on the way here.
        via: the node that passes the client's packets on.
    """

    def __init__(self, client: Spot, url: str, ask: Ask, timeout: int, dice: Dice) -> None:
        self.client = client
        self.url = url
        self.ask = ask
        self.inside: tuple[str, ...] = ()
        self.timeout = timeout
        self.dice = dice
        self.hops: list[Hop] = []
        self.via = ""
        self.connection: Connection | None = None

    @property
    def took(self) -> int:
        """So far (µs)."""
        return sum(hop.took for hop in self.hops)

    def within(self, client: Spot, timeout: int, url: str = "", ask: Ask | None = None) -> Story:
        """A request that is made on the way of this one, by a program at a spot; the same one passed on, if none is given."""
        inner = Story(client, url or self.url, ask or self.ask, timeout, self.dice)
        inner.inside = self.inside
        return inner

    def add(self, *hops: Hop) -> None:
        """Further stations."""
        self.hops.extend(hops)

    def end(self, outcome: str, *last: Hop) -> Journey:
        """It ends so, at these last stations."""
        self.add(*last)
        # What is dropped costs the client its patience, after what it spent on the name.
        waits = self.timeout if outcome in (TIMED_OUT, POLICY_DROP) else self.took
        return Journey(self.client.name, self.url, tuple(self.hops), outcome, waits, self.connection)

"""What makes a way worse without closing it: lost packets and added delay, as delays that any traveller feels."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from kcsim.profile.constants import DEFAULT
from kcsim.profile.distributions import Distribution

RETRANSMISSION = DEFAULT.us("network/retransmission-timeout-min")
"""TCP's least wait before it sends a lost packet again (µs, Linux TCP_RTO_MIN); it doubles each time."""
_TRIES_MAX = 8


@dataclass(frozen=True)
class Lossy:
    """A way on which a packet is lost with probability ``loss``: its sender waits, and sends it again.

    As a delay it is what retransmission costs: nothing when the packet gets through, 200 ms, 600 ms, 1.4 s ... otherwise.
    """

    loss: float
    _thresholds: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            raise ValueError(f"loss is a share of 0 or more and less than 1, not {self.loss}")
        left, thresholds = 1.0, []
        for _ in range(_TRIES_MAX):
            left *= self.loss
            thresholds.append(1.0 - left)
        object.__setattr__(self, "_thresholds", tuple(thresholds))

    def at(self, u: float) -> int:
        """The delay in µs at quantile ``u``."""
        lost = bisect_right(self._thresholds, u)
        return RETRANSMISSION * ((1 << lost) - 1)


@dataclass(frozen=True, slots=True)
class Impairment:
    """Packets from any of ``sources`` to any of ``targets`` take this much longer (one way)."""

    sources: frozenset[str]
    targets: frozenset[str]
    delay: Distribution


def loss_of(links: tuple[Distribution, ...]) -> float:
    """The chance that a packet over these links is lost at its first try."""
    arrives = 1.0
    for link in links:
        if isinstance(link, Lossy):
            arrives *= 1.0 - link.loss
    return 1.0 - arrives


def without_loss(links: tuple[Distribution, ...]) -> tuple[Distribution, ...]:
    """The links' own latencies."""
    return tuple(link for link in links if not isinstance(link, Lossy))

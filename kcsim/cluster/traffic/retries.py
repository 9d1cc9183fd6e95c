"""A client's retries: what they make of its requests, and how many more requests they cost.  Decides; never acts.

**Imitates:** what HTTP clients and meshes agree on (gRPC's A6 retry design, Envoy's ``retry_on`` and budgets, Finagle's
retry budget): so many more tries, a wait that grows between them, and a share of requests that retries may add.

**Walk:** the mix of one try -> ``retried`` -> the mix of the request with all its tries, and tries a request.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.cluster.traffic.outcome import (
    DROPPED,
    NAME_TIMEOUT,
    NO_ENDPOINTS,
    REFUSED,
    RESET,
    SERVER_ERROR,
    TIMED_OUT,
    Mix,
    blend,
    onward,
)
from kcsim.engine.clock import MILLISECOND, SECOND

CONDITIONS: dict[str, frozenset[str]] = {
    "connect": frozenset({REFUSED, NO_ENDPOINTS, NAME_TIMEOUT}),
    "reset": frozenset({RESET}),
    "timeout": frozenset({TIMED_OUT, DROPPED}),
    "5xx": frozenset({SERVER_ERROR}),
}
"""What can be tried again, by the word a scenario uses."""
ALL = tuple(CONDITIONS)


@dataclass(frozen=True, slots=True)
class Retries:
    """When and how often a client tries again.

    Attributes:
        attempts: tries after the first.
        backoff: the wait before the second try (µs); it grows by ``factor`` up to ``max_backoff``.
        budget: how many retries there may be for each request on the average; None: any number.
        on: words of ``CONDITIONS``.
    """

    attempts: int = 0
    backoff: int = 0
    factor: float = 2.0
    max_backoff: int = 10 * SECOND
    budget: float | None = None
    on: tuple[str, ...] = ALL

    def __post_init__(self) -> None:
        unknown = [word for word in self.on if word not in CONDITIONS]
        if unknown:
            raise ValueError(f"a client retries on {', '.join(ALL)}, not on {unknown[0]!r}")
        if self.attempts < 0 or self.backoff < 0 or (self.budget is not None and self.budget < 0):
            raise ValueError("attempts, backoff and budget of retries must be 0 or more")

    def wait(self, tried: int) -> int:
        """The wait (µs) before try ``tried`` + 1, after ``tried`` (1 or more) that failed."""
        wait = float(self.backoff)
        for _ in range(tried - 1):
            wait = min(wait * self.factor, float(self.max_backoff))
        return int(min(wait, self.max_backoff))

    def again(self, cause: str) -> bool:
        """Whether a try that failed so is worth another."""
        return any(cause in CONDITIONS[word] for word in self.on)


NONE = Retries()


@dataclass(frozen=True, slots=True)
class Retried:
    """What retries make of requests: their mix, and how many tries a request takes on the average."""

    mix: Mix
    tries: float


def retried(mix: Mix, policy: Retries) -> Retried:
    """What becomes of requests whose tries each have this mix, one independent of the other."""
    again = [part for part in mix.parts if part.cause and policy.again(part.cause)]
    if not policy.attempts or not again:
        return Retried(mix, 1.0)
    share = sum(part.share for part in again)
    granted = _granted(share, policy)
    final = [part for part in mix.parts if part not in again]
    found: list[tuple[Mix, float]] = []
    waits: dict[int, float] = {0: 1.0}
    tries = 0.0
    for tried in range(policy.attempts + 1):
        last = tried == policy.attempts
        further: dict[int, float] = {}
        for waited, so_far in waits.items():
            tries += so_far
            found.append((onward((), waited, Mix(final)), so_far))
            stays = 1.0 if last else 1.0 - granted
            found.append((onward((), waited, Mix(again)), so_far * stays))
            if last:
                continue
            for part in again:
                later = waited + part.takes + policy.wait(tried + 1)
                further[later] = further.get(later, 0.0) + so_far * part.share * granted
        waits = {waited: so_far for waited, so_far in further.items() if so_far > 1e-9}
    return Retried(Mix(blend(found).parts, ((mix, tries),)), tries)


def _granted(share: float, policy: Retries) -> float:
    """The part of the wanted retries that the budget grants: such that they are as many as it allows."""
    if policy.budget is None or _retries(share, policy.attempts) <= policy.budget:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if _retries(share * middle, policy.attempts) > policy.budget:
            high = middle
        else:
            low = middle
    return low


def _retries(share: float, attempts: int) -> float:
    """Retries a request, when this share of tries fails and is tried again."""
    total, power = 0.0, 1.0
    for _ in range(attempts):
        power *= share
        total += power
    return total


DEFAULT_BACKOFF = 100 * MILLISECOND
"""What a scenario's retries wait before the second try when it does not say."""

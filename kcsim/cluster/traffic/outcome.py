"""What can become of a request, and the arithmetic of classes of outcomes.  Decides; never acts.

**Walk:** each station of a request makes a ``Mix`` -> ``blend`` puts those of several backends together in their shares,
``onward`` adds the way that led there, ``limited`` is the patience of who waits -> the mix of a whole request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kcsim.profile.distributions import Distribution

NO_SERVICE, NO_PORT, NO_ENDPOINTS = "service not found", "service has no such port", "no ready endpoints"
REFUSED, TIMED_OUT, SERVER_ERROR = "connection refused", "timed out", "server error"
DROPPED = "dropped by network policy"
"""To the client it is a timeout."""
NAME_UNKNOWN, NAME_TIMEOUT = "NXDOMAIN", "dns timeout"
RESET = "connection reset"
NOT_FOUND = "not found (404)"
CAUSES = (
    NO_SERVICE,
    NO_PORT,
    NO_ENDPOINTS,
    REFUSED,
    TIMED_OUT,
    DROPPED,
    SERVER_ERROR,
    NAME_UNKNOWN,
    NAME_TIMEOUT,
    RESET,
    NOT_FOUND,
)
"""Why a request can fail."""

NOT_READY = "not ready"
KINDS: Mapping[str, str] = {
    NO_SERVICE: "no endpoints",
    NO_PORT: "timeout",
    NO_ENDPOINTS: "no endpoints",
    REFUSED: "connection refused",
    TIMED_OUT: "timeout",
    DROPPED: "policy drop",
    SERVER_ERROR: "5xx",
    NAME_UNKNOWN: "NXDOMAIN",
    NAME_TIMEOUT: "dns timeout",
    RESET: "reset",
    NOT_FOUND: "404",
}
"""The kind of error that a cause belongs to; `no endpoints` is `not ready` where pods are there and none is ready."""

NEVER = 1 << 62
"""How long (µs) a client without patience would wait for an answer that does not come."""
_FEWEST = 1e-9
_MOST = 96
"""A mix of more classes is made coarser; only graphs of many services come near it."""


class Outcome(NamedTuple):
    """One class of outcomes.

    Attributes:
        cause: why these requests fail; "" when they do not.
        share: of all requests.
        takes: from sending a request until it ends (µs, the median for answered ones).
        pods: ``namespace/name`` of the pods they were meant for.
        links, work: what the time is made of: latencies of the links there and back, and µs of programs and waits.
        where: for failed ones the station at which they failed, in words; "" where the cause says it all.
    """

    cause: str
    share: float
    takes: int
    pods: tuple[str, ...] = ()
    links: tuple[Distribution, ...] = ()
    work: int = 0
    where: str = ""

    @property
    def kind(self) -> str:
        """The kind of error; "" when it is none."""
        if not self.cause:
            return ""
        if self.cause == NO_ENDPOINTS and "none is ready" in self.where:
            return NOT_READY
        return KINDS[self.cause]


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """Classes of outcomes whose shares add up to 1.

    Attributes:
        parts: the classes.
        made_of: the mixes it was made of, with how often a request of this one comes to them.
        pod: the pod whose program this mix begins with, ``namespace/name``.
        forgives: how a program may end under a request that who asks here gets over: it asks another, or does without.
    """

    parts: Sequence[Outcome]
    made_of: tuple[tuple[Mix, float], ...] = ()
    pod: str = ""
    forgives: tuple[str, ...] = ()

    @property
    def failed(self) -> float:
        """The share that fails."""
        return sum(part.share for part in self.parts if part.cause)

    @property
    def reached(self) -> bool:
        """Whether a request comes to any program."""
        return bool(self.pod) or any(mix.reached for mix, often in self.made_of if often > 0)

    def visits(self, ended: str = "") -> dict[str, float]:
        """How often a request visits the program of each pod on its way.

        ``ended``, a cause: only those that take the request with them when they end so while they work on it.
        """
        order: list[Mix] = []
        seen: set[int] = set()
        stack: list[tuple[Mix, bool]] = [(self, False)]
        while stack:
            mix, done = stack.pop()
            if done:
                order.append(mix)
            elif id(mix) not in seen and ended not in mix.forgives:
                seen.add(id(mix))
                stack.append((mix, True))
                stack.extend((inner, False) for inner, _ in mix.made_of)
        often = dict.fromkeys(map(id, order), 0.0)
        often[id(self)] = 1.0
        found: dict[str, float] = {}
        for mix in reversed(order):
            mine = often[id(mix)]
            if mix.pod:
                found[mix.pod] = found.get(mix.pod, 0.0) + mine
            for inner, times in mix.made_of:
                if id(inner) in often:
                    often[id(inner)] += mine * times
        return found


def one(cause: str, takes: int = 0, where: str = "", *, pods: tuple[str, ...] = ()) -> Mix:
    """A mix of one class."""
    return Mix((Outcome(cause, 1.0, takes, pods, (), takes, where),))


def lost(cause: str = TIMED_OUT, where: str = "") -> Mix:
    """No answer comes, ever."""
    return one(cause, NEVER, where)


def blend(mixes: Iterable[tuple[Mix, float]]) -> Mix:
    """Each with its share. Classes that differ in nothing but the pods become one."""
    taken = tuple([pair for pair in mixes if pair[1] > 0])
    if len(taken) == 1 and taken[0][1] == 1.0:
        return taken[0][0]
    return Mix(_merged(taken), taken)


def _merged(mixes: Iterable[tuple[Mix, float]]) -> list[Outcome]:
    """The classes of several mixes; those that differ in nothing but the pods become one."""
    groups: dict[tuple[str, int, int, str], list[_Group]] = {}
    for mix, weight in mixes:
        for part in mix.parts:
            key = (part.cause, part.takes, part.work, part.where)
            for group in groups.setdefault(key, []):
                # Links are few objects shared by all ways: comparing them is quick, hashing them is not.
                if group.first.links == part.links:
                    group.share += part.share * weight
                    group.pods.update(dict.fromkeys(part.pods))
                    break
            else:
                groups[key].append(_Group(part, part.share * weight, dict.fromkeys(part.pods)))
    return _fewer([each.outcome() for found in groups.values() for each in found])


class _Group:
    __slots__ = ("first", "pods", "share")

    def __init__(self, first: Outcome, share: float, pods: dict[str, None]) -> None:
        self.first = first
        self.share = share
        self.pods = pods

    def outcome(self) -> Outcome:
        first = self.first
        return Outcome(
            first.cause, self.share, first.takes, tuple(self.pods), first.links, first.work, first.where
        )


def _fewer(parts: list[Outcome]) -> list[Outcome]:
    """Without classes of next to no share; the smallest ones of a large mix become one for each cause and station."""
    parts = [part for part in parts if part.share > _FEWEST] or parts
    if len(parts) <= _MOST:
        return parts
    parts.sort(key=lambda part: -part.share)
    kept, rest = parts[:_MOST], parts[_MOST:]
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for part in rest:
        groups.setdefault((part.cause, part.where), []).append(part)
    for group in groups.values():
        share = sum(part.share for part in group)
        takes = int(sum(part.takes * part.share for part in group) / share)
        pods = tuple(dict.fromkeys(pod for part in group for pod in part.pods))
        kept.append(group[0]._replace(share=share, takes=takes, work=takes, links=(), pods=pods))
    return kept


def onward(links: tuple[Distribution, ...], work: int, mix: Mix) -> Mix:
    """The mix behind a way: it takes the latencies of the links and ``work`` µs longer."""
    if not links and not work:
        return mix
    longer = work + travel(links)
    parts = [
        part
        if part.takes >= NEVER
        else part._replace(takes=part.takes + longer, links=(*links, *part.links), work=part.work + work)
        for part in mix.parts
    ]
    return Mix(parts, mix.made_of, mix.pod, mix.forgives)


def limited(mix: Mix, timeout: int, cause: str = TIMED_OUT, where: str = "") -> Mix:
    """For somebody who waits ``timeout`` µs at most: what is not answered by then has failed, as ``cause``."""
    if all(part.takes <= timeout for part in mix.parts):
        return mix
    parts = []
    for part in mix.parts:
        if part.takes <= timeout:
            parts.append(part)
            continue
        silent = part.cause and part.takes >= NEVER
        kept = part.cause if silent and cause == TIMED_OUT else cause
        told = part.where if part.cause else where
        parts.append(part._replace(cause=kept, takes=timeout, work=timeout, links=(), where=told))
    return Mix(_merged([(Mix(parts), 1.0)]), mix.made_of, mix.pod, mix.forgives)


def in_turn(mixes: Sequence[Mix]) -> Mix:
    """One after the other, up to the first that fails."""
    done: Mix | None = None
    for mix in mixes:
        done = mix if done is None else _then(done, mix)
    return done if done is not None else NOTHING


def _then(first: Mix, second: Mix) -> Mix:
    pairs = []
    for part in first.parts:
        if part.cause:
            pairs.append((Mix((part._replace(share=1.0),)), part.share))
        else:
            whole = onward(part.links, part.work, second)
            pairs.append((Mix([p._replace(pods=part.pods or p.pods) for p in whole.parts]), part.share))
    return Mix(_merged(pairs), ((first, 1.0), (second, 1.0 - first.failed)))


NOTHING = Mix((Outcome("", 1.0, 0),))
"""All is well, at once."""


def travel(links: Iterable[Distribution]) -> int:
    """The usual time over some links (µs)."""
    return sum([link.at(0.5) for link in links])


def mean_of(link: Distribution) -> float:
    """The mean of a delay (µs), from the middles of 32 equally likely stretches."""
    return sum(link.at((i + 0.5) / 32) for i in range(32)) / 32


def mean_time(mix: Mix) -> float:
    """How long a request takes on the average (µs), whatever becomes of it."""
    return sum(
        part.share * (part.work + sum(map(mean_of, part.links)) if part.links else part.takes)
        for part in mix.parts
    )


def ordered(parts: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Failing classes first, and always in the same order."""
    return tuple(sorted(parts, key=lambda o: (not o.cause, o.cause, o.takes, o.where, o.pods)))

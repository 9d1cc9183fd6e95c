"""What the lanes of one world are drawn from, as plain values: moments, pods, requests, drift, writes to the API.

A strip can be made from a running world, or read back from a recording (``to_json``, ``from_json``), so that a picture
can be drawn again without running anything.

**Walk:** a world -> ``strip_of`` reads its trace, its log and its traffic once -> ``Strip``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.scenario.play import Play
from kcsim.simulation.simulation import Simulation
from kcsim.views.moments import Moment, short_actor
from kcsim.views.readiness import Readiness, ReadyStep
from kcsim.views.timeline import differs, timeline

MOST = 2000
"""So many moments, steps and stretches of one world are kept; beyond that no eye and no browser follows."""
BUCKETS = 240
"""Into so many stretches of equal length the writes to the API are counted."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A moment without its record: what a lane shows, and the words to say it with. ``time`` in µs."""

    time: int
    lane: str
    actor: str
    verb: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``since`` to ``until`` (µs) something was so, and what."""

    since: int
    until: int
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """What one world shows, as far as ``now`` (µs).

    Attributes:
        name: the delivery; "" when there is only one way.
        moments: what happened, in order.
        pods: how many there were and how many of them were ready.
        failing: stretches in which users' requests failed, and why.
        drift: stretches in which an object was other than git says.
        writes: to the API in each of ``len(writes)`` equal stretches of [0, now].
        has_traffic: whether there are users at all.
        left_out: how many moments and stretches there are beyond ``MOST``; those of the pods lane go first.
    """

    name: str
    moments: Sequence[Happened]
    pods: Sequence[ReadyStep]
    failing: Sequence[Stretch]
    drift: Sequence[Stretch]
    writes: Sequence[int]
    has_traffic: bool
    now: int
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """As plain data; times in whole µs, rows in the order of the fields."""
        return {
            "name": self.name,
            "now": self.now,
            "traffic": self.has_traffic,
            "moments": [[m.time, m.lane, m.actor, m.verb, m.subject, m.text] for m in self.moments],
            "pods": [[step.time, step.ready, step.total] for step in self.pods],
            "failing": [[each.since, each.until, each.text] for each in self.failing],
            "drift": [[each.since, each.until, each.text] for each in self.drift],
            "writes": list(self.writes),
            "leftOut": self.left_out,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Strip:
        """The strip that ``to_json`` wrote.

        Raises:
            ValueError: something is missing or of another type.
        """
        try:
            return cls(
                _text(data["name"]),
                [Happened(_number(time), *(_text(each) for each in rest)) for time, *rest in data["moments"]],
                [ReadyStep(*(_number(each) for each in row)) for row in data["pods"]],
                _stretches(data["failing"]),
                _stretches(data["drift"]),
                [_number(each) for each in data["writes"]],
                bool(data["traffic"]),
                _number(data["now"]),
                _number(data["leftOut"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no strip of a timeline: {error}") from None


def _stretches(rows: Iterable[Any]) -> list[Stretch]:
    return [Stretch(_number(since), _number(until), _text(text)) for since, until, text in rows]


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{str(value)[:40]!r} is no whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:40]!r} is no text")  # noqa: TRY004 - of a file, not of a caller
    return value


def strip_of(sim: Simulation, moments: Sequence[Moment] | None = None) -> Strip:
    """The lanes of a world, from its record; ``moments`` where its timeline is known already."""
    readiness = Readiness()
    readiness.update(*(cluster.server.log for cluster in sim.world.clusters.values()))
    now = sim.engine.now
    play = sim if isinstance(sim, Play) else None
    traffic = play.traffic if play is not None else {}
    failing = [
        Stretch(failure.since, failure.until, f"{name}: {_causes(failure.causes)}")
        for name, source in traffic.items()
        for failure in source.failures()
    ]
    told = timeline(sim) if moments is None else moments
    kept = _kept(told)
    drift = list(_drift(play, now)) if play is not None else []
    return Strip(
        play.delivery if play is not None else "",
        [happened(moment) for moment in kept],
        thinned(readiness.steps, now),
        failing[:MOST],
        drift[:MOST],
        _writes(sim),
        bool(traffic),
        now,
        len(told) - len(kept) + max(0, len(failing) - MOST) + max(0, len(drift) - MOST),
    )


def _kept(moments: Sequence[Moment]) -> Sequence[Moment]:
    """All of a story that can be followed; of a longer one what is not about pods, then the first of those."""
    if len(moments) <= MOST:
        return moments
    others = [place for place, moment in enumerate(moments) if moment.lane != "pods"]
    pods = [place for place, moment in enumerate(moments) if moment.lane == "pods"]
    return [moments[place] for place in sorted((others + pods)[:MOST])]


def thinned(steps: Sequence[ReadyStep], now: int) -> list[ReadyStep]:
    """At most about ``MOST`` steps: of those that share one of ``MOST`` / 2 stretches the worst, and the last."""
    if len(steps) <= MOST:
        return list(steps)
    buckets: dict[int, list[ReadyStep]] = {}
    for step in steps:
        buckets.setdefault(step.time * (MOST // 2) // max(1, now), []).append(step)
    found: list[ReadyStep] = []
    for bucket in buckets.values():
        worst = min(bucket, key=lambda step: (step.ready / step.total if step.total else 1.0, step.time))
        found.append(worst)
        if bucket[-1] is not worst:
            found.append(bucket[-1])
    return found


def happened(moment: Moment) -> Happened:
    """A moment as plain values."""
    return Happened(moment.time, moment.lane, moment.actor, moment.verb, moment.subject, moment.text)


def _drift(play: Play, now: int) -> Iterable[Stretch]:
    for episode in play.episodes.episodes:
        until = now if episode.ended is None else episode.ended
        yield Stretch(
            episode.began, until, f"{episode.ref}{differs(episode)} (by {short_actor(episode.cause.actor)})"
        )


def _writes(sim: Simulation) -> list[int]:
    counts = [0] * BUCKETS
    now = max(1, sim.engine.now)
    for cluster in sim.world.clusters.values():
        for version in cluster.server.log.versions:
            counts[min(BUCKETS - 1, version.time * BUCKETS // now)] += 1
    return counts


def _causes(causes: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in causes.items())

"""Moments: what a timeline is made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kcsim.engine.clock import clock_text, to_seconds
from kcsim.engine.shown import Tabular
from kcsim.engine.trace import Record

LANES = ("git", "registry", "ci", "agent", "api", "pods", "traffic", "fault", "person")
"""Every lane there is."""

_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened.

    Attributes:
        time: virtual µs.
        lane: one of ``LANES``: where in the story it belongs.
        actor: who did it.
        text: one line, without time and actor's lane.
        record: the trace record, for ``why``.
    """

    time: int
    lane: str
    actor: str
    text: str
    record: Record

    @property
    def verb(self) -> str:
        """What was done, as the record says it."""
        return self.record.verb

    @property
    def subject(self) -> str:
        """What it was done to, as the record says it."""
        return self.record.subject


class Moments(Tabular, list[Moment]):
    """The moments of a world, in the order in which they happened."""

    def __init__(self, moments: Iterable[Moment] = (), now: int = 0) -> None:
        """`now` is how far the world has come, µs."""
        super().__init__(moments)
        self.now = now

    def to_records(self) -> list[dict[str, Any]]:
        """``{time, lane, actor, verb, subject, text}`` for each moment; time in seconds."""
        return [
            {
                "time": to_seconds(moment.time),
                "lane": moment.lane,
                "actor": moment.actor,
                "verb": moment.verb,
                "subject": moment.subject,
                "text": moment.text,
            }
            for moment in self
        ]

    def __str__(self) -> str:
        return "\n".join(f"{clock_text(m.time)}  {m.lane:<8} {m.text}" for m in self)


def short_actor(actor: str) -> str:
    """A user name without what only machines need: ``kustomize-controller``, ``node-2``."""
    if actor.startswith(_ACCOUNT):
        return actor.rpartition(":")[2]
    return actor.removeprefix("system:node:").removeprefix("system:")

"""Moments: what a timeline is made of."""

from dataclasses import dataclass

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


def short_actor(actor: str) -> str:
    """A user name without what only machines need: ``kustomize-controller``, ``node-2``."""
    if actor.startswith(_ACCOUNT):
        return actor.rpartition(":")[2]
    return actor.removeprefix("system:node:").removeprefix("system:")

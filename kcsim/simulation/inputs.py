"""What was done to a world from outside, so that it can be done again: the record that ``sim.fork`` replays.

A world cannot be copied: its tasks are generators. But it is deterministic, so the same world made anew, with the same
inputs put in after the same number of events, is the same world to the byte.

**Walk:** a verb of the façade notes an ``Input`` -> ``replay`` makes each of them again at its place -> the world runs to
the instant that is asked for -> ``check_prefix`` compares the two traces up to there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.engine.clock import format_duration
from kcsim.engine.core import Engine

if TYPE_CHECKING:
    from kcsim.simulation.simulation import Simulation


class NotReplayable(RuntimeError):
    """The world cannot be made again as it was; the message says what stands in the way."""


@dataclass(frozen=True, slots=True)
class Input:
    """One call of the façade that changed the world.

    Attributes:
        steps: how many events the engine had processed.
        time: when it was (µs).
        verb: the façade's method; args, options: what it was called with.
    """

    steps: int
    time: int
    verb: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.verb}({', '.join(map(repr, self.args))}) at t={format_duration(self.time)}"


def replay(fresh: Simulation, inputs: Iterable[Input], steps: int, when: int) -> None:
    """Put the inputs up to ``when`` (µs) into a world that was just made, and run it to that instant.

    Args:
        steps: how many events had been processed there, where that is known; else -1, and the instant is run to its end.

    Raises:
        NotReplayable: an input of before lets time pass beyond ``when``.
    """
    engine = fresh.engine
    for put in inputs:
        if put.time > when:
            break
        _advance(engine, put.steps, put.time)
        getattr(fresh, put.verb)(*put.args, **put.options)
        if engine.now > when:
            raise NotReplayable(
                f"{put} waited until t={format_duration(engine.now)}: fork before it or after that"
            )
    if steps < 0:
        engine.run_until(when)
    else:
        _advance(engine, steps, when)


def _advance(engine: Engine, steps: int, when: int) -> None:
    """Process events until so many have been; an instant may have been left in its middle."""
    while engine.steps < steps and engine.step():
        pass
    if engine.now < when:
        engine.run_until(when)


def check_prefix(before: Engine, after: Engine, when: int) -> None:
    """Make sure that two worlds have the same past up to ``when`` (µs): what was done to the first was all recorded.

    Raises:
        NotReplayable: they differ; the first record that does is named.
    """
    count = len(after.trace)
    for old, new in zip(before.trace.records, after.trace.records, strict=False):
        if (old.time, old.actor, old.verb, old.subject) != (new.time, new.actor, new.verb, new.subject):
            raise NotReplayable(_told(old.time, f"{old.actor} {old.verb} {old.subject}"))
    more = before.trace.records[count:]
    if len(before.trace) < count:
        extra = after.trace.records[len(before.trace)]
        raise NotReplayable(_told(extra.time, f"{extra.actor} {extra.verb} {extra.subject}"))
    if more and more[0].time < when:
        raise NotReplayable(_told(more[0].time, f"{more[0].actor} {more[0].verb} {more[0].subject}"))


def _told(time: int, what: str) -> str:
    return (
        f"played again, the world differs from t={format_duration(time)} on ({what}): something was done to it past "
        "the façade; use sim.kubectl, sim.apply, sim.inject and sim.act"
    )

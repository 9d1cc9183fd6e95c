"""One world on the screen: its clock, where in time one looks, and what was done by hand. Knows nothing of Textual.

The screen asks for plain data and says what should happen; nothing else of it touches the world. That is the seam
between two processes (``kcsim.tui.link``).

**Walk:** whoever drives it calls ``advance`` with the wall time that passed -> events are processed for at most a few
milliseconds, instant by instant -> the screen reads ``look`` and ``moments`` and paints -> a key changes pace or cursor.
"""

from __future__ import annotations

import sys
import time
import traceback
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from kcsim.api.kit.brought import HungController
from kcsim.engine.clock import MILLISECOND, SECOND, format_duration, seconds, to_seconds
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.model import TimelineEntry
from kcsim.scenario.play import Play
from kcsim.scenario.recording import rooted
from kcsim.simulation.faults import FaultError
from kcsim.simulation.simulation import Simulation
from kcsim.tui.hands import PERSON, Deed, Hands
from kcsim.tui.predictions import UNSAID
from kcsim.tui.sight import Sight

SPEEDS: tuple[int | None, ...] = (1, 10, 60, 300, 1800, None)
"""Virtual seconds a second; None is as fast as it goes."""

QUANTUM = 0.008
"""Seconds of work between two looks at the keyboard: keys answer within 8 ms at the median, at half the full speed."""


class BadTime(ValueError):
    """The text names no instant; the message says what does."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What the world runs towards when it was told to jump: an instant (µs), or the next moment of the timeline."""

    until: int | None
    next_moment: bool = False


class Session(Sight):
    """A world being watched.

    Attributes:
        hands: what was done by hand.
        forked: for a branch: where it left the world it was forked from (µs); else None.
        failure: the traceback that stopped the world; "" while it is sound.
        stood: the instant of the past (µs) and the world as it stood there, made for what the log alone cannot answer.
        predictions: what the person said before it told.
        stops: instants (µs) at which it pauses by itself, so that a learner can act.
    """

    def __init__(self, play: Play, done: Iterable[TimelineEntry] = (), *, forked: int | None = None) -> None:
        super().__init__(play)
        self.hands = Hands(play, done)
        self.forked = forked
        self.failure = ""
        self.predictions = UNSAID
        self.stood: tuple[int, Simulation] | None = None
        self._speed = SPEEDS.index(60)
        self._goal: Goal | None = None
        self._credit = 0
        self._leap = MILLISECOND
        self._undone: list[Deed] = []
        lesson = play.scenario.lesson
        self.stops = tuple(stop.at for stop in lesson.stops) if lesson is not None else ()

    # --- pace ---------------------------------------------------------------------------------------------------

    @property
    def speed(self) -> int | None:
        """Virtual seconds a second; None: as fast as it goes."""
        return SPEEDS[self._speed]

    @property
    def speed_text(self) -> str:
        """The speed as the header shows it."""
        return "max" if self.speed is None else f"x{self.speed}"

    def change_speed(self, by: int) -> None:
        """Faster or slower by so many notches."""
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        self._credit = 0

    def toggle(self) -> None:
        """Run or pause. In the past: return to the present and run."""
        self.cursor = None
        self._goal, self._credit = None, 0
        self.running = not self.running and not self.at_end and not self.failure

    def pause(self) -> None:
        """Let no time pass."""
        self.running = False
        self._goal = None

    def advance(self, elapsed: float, quantum: float = QUANTUM) -> bool:
        """Let the world run for at most ``quantum`` seconds of work; gives whether time passed.

        Args:
            elapsed: seconds of wall time since the last call, which is what the pace turns into virtual time.
            quantum: when to come back.
        """
        if not self.running:
            return False
        before, engine = self.now, self.play.engine
        target = self._target(elapsed)
        deadline = time.perf_counter() + quantum
        try:
            while True:
                upcoming = engine.next_time
                if upcoming is None or upcoming > target:
                    if target < _NEVER:
                        engine.run_until(target)
                    self._arrived(target)
                    break
                watches = self._goal is not None and self._goal.next_moment
                began = time.perf_counter()
                # Instant by instant where one of them may be the last, else in leaps that take a part of the quantum.
                engine.run_until(upcoming if watches else min(target, max(upcoming, self.now + self._leap)))
                if watches and self._timeline.has_news():
                    self.pause()
                    break
                ended = time.perf_counter()
                self._adapt(ended - began, quantum)
                if ended >= deadline:
                    break
        except Exception:  # noqa: BLE001 - the world broke; the screen lives on, says so, and keeps the record so far
            self._broken()
        self._credit = max(0, target - self.now) if self._paced else 0
        if self._goal is None or not self._goal.next_moment:
            self.keep_up()
        return self.now != before

    def _adapt(self, took: float, quantum: float) -> None:
        """Longer leaps where they cost little, shorter ones where they cost much."""
        if took < quantum / 8:
            self._leap = min(2 * self._leap, _LEAP_MOST)
        elif took > quantum / 4:
            self._leap = max(self._leap // 2, 1)

    @property
    def is_busy(self) -> bool:
        """Whether the world has more to do than the keyboard leaves time for."""
        return not self._paced or self._credit > 0

    @property
    def _paced(self) -> bool:
        return self._goal is None and self.speed is not None

    def _target(self, elapsed: float) -> int:
        goal = self._goal
        if goal is not None and goal.until is not None:
            target = goal.until
        elif self._paced and self.speed is not None:
            # A world that cannot keep the pace does not save it up: at most a second's worth.
            wanted = self._credit + round(elapsed * self.speed * SECOND)
            target = self.now + min(wanted, self.speed * SECOND)
        else:
            target = _NEVER
        return min(target, max(self.end, self.now), self.next_stop)

    @property
    def next_stop(self) -> int:
        """The next instant at which it pauses by itself; beyond every end where there is none."""
        return next((stop for stop in self.stops if stop > self.now), _NEVER)

    def _arrived(self, target: int) -> None:
        goal = self._goal
        if (
            self.at_end
            or target == _NEVER
            or target in self.stops
            or (goal is not None and goal.until is not None and self.now >= goal.until)
        ):
            self.pause()

    def _broken(self) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, HungController):
            self.failure = f"{error}\n\n{error.remedy}"
        else:
            self.failure = traceback.format_exc()
        self.pause()

    # --- steps and jumps ----------------------------------------------------------------------------------------

    def step(self) -> None:
        """Process the next event that leaves a trace; in the past: go to the next moment."""
        if self.cursor is not None:
            self.next_change()
            return
        self.pause()
        upcoming = self.play.engine.next_time
        if self.failure or upcoming is None or upcoming > self.end:
            return
        try:
            self.play.step()
        except Exception:  # noqa: BLE001 - as in advance
            self._broken()

    def next_change(self) -> None:
        """Go to the next moment: in the past look at it, in the present run until it comes."""
        if self.cursor is not None:
            moments = self.moments
            place = bisect_right(moments, self.cursor, key=lambda moment: moment.time)
            self.look_at(moments[place].time if place < len(moments) else None)
            return
        self._run_to(Goal(None, next_moment=True))

    def previous_change(self) -> None:
        """Look at the moment before."""
        moments = self.moments
        place = bisect_left(moments, self.seen, key=lambda moment: moment.time)
        self.look_at(moments[place - 1].time if place else 0)

    def next_record(self, by: int) -> None:
        """Look at the instant of the next record of the trace after the one looked at, or (``by`` -1) of the one before."""
        records = self.play.trace.records
        if by > 0:
            place = bisect_right(records, self.seen, key=lambda record: record.time)
            self.look_at(records[place].time if place < len(records) else None)
        else:
            place = bisect_left(records, self.seen, key=lambda record: record.time)
            self.look_at(records[place - 1].time if place else 0)

    def look_at(self, when: int | None) -> None:
        """Look at an instant of the past; None, or the present: at now."""
        self.pause()
        self.cursor = None if when is None or when >= self.now else max(0, when)

    def go_to(self, when: int) -> None:
        """Look back at an instant of the past, or run to one that is still to come."""
        if when <= self.now:
            self.look_at(when)
        else:
            self.cursor = None
            self._run_to(Goal(when))

    def _run_to(self, goal: Goal) -> None:
        if not self.failure and not self.at_end:
            self._goal, self.running = goal, True

    def instant(self, text: str) -> int:
        """The instant (µs) a person means: ``90``, ``1m30s``, ``+30s``, ``-1m``, ``end``, or a word of the timeline.

        Raises:
            BadTime: nothing of that kind.
        """
        text = text.strip()
        if text == "end":
            return self.end
        if text in {"now", ""}:
            return self.now
        sign = {"+": 1, "-": -1}.get(text[0], 0)
        body = text[1:] if sign else text
        try:
            span = seconds(float(body)) if body.replace(".", "", 1).isdigit() else seconds(body)
        except ValueError:
            return self._named(text)
        when = self.seen + sign * span if sign else span
        if when > self.end:
            raise BadTime(f"the story ends at {format_duration(self.end)}")
        return max(0, when)

    def _named(self, text: str) -> int:
        """The next moment after the one looked at that holds the text, else the first."""
        wanted = text.lower()
        times = [m.time for m in self.moments if wanted in f"{m.lane} {m.actor} {m.text}".lower()]
        if not times:
            raise BadTime(
                f"{text!r} is no time and nothing in the timeline: write 90, 1m30s, +30s, commit or end"
            )
        return next((when for when in times if when > self.seen), times[0])

    # --- keeping and taking back --------------------------------------------------------------------------------

    def save(self, path: Path) -> str | None:
        """Write the story with everything done by hand as a scenario file; gives what went wrong.

        Played again it gives the same trace, as far as this run has come.
        """
        try:
            path.expanduser().write_text(
                to_yaml(rooted(self.hands.scenario(scenario_name(path)))), encoding="utf-8"
            )
        except OSError as error:
            return f"{path} cannot be written: {error.strerror or error}"
        self.hands.saved = len(self.hands.deeds)
        return None

    def undo(self) -> Deed | None:
        """Take the last deed back: the world is played again without it, up to the instant it was done at."""
        if not self.hands.deeds:
            return None
        undone = self.hands.deeds[-1]
        self._undone.append(undone)
        self._return_to_before(undone.entry.at)
        return undone

    def redo(self) -> Deed | None:
        """Do again what was last taken back, at the instant it was done at."""
        if not self._undone:
            return None
        again = self._undone.pop()
        self._return_to_before(again.entry.at)
        if not self.failure:
            self._carry_out(again.entry, again.entry.at)
        return again

    def _return_to_before(self, when: int) -> None:
        """Be the world as it was when everything but what is done at an instant had happened."""
        self.pause()
        self.cursor = None
        try:
            fresh = self.play.fork(to_seconds(when - 1))
            fresh.engine.run_until(when)
        except Exception:  # noqa: BLE001 - as in advance
            self._broken()
            return
        kept = [deed.entry for deed in self.hands.deeds if deed.entry.at < when]
        self._adopt(fresh)
        self.stood = None
        self.hands = Hands(fresh, kept)

    def branch(self, at: int, without: Collection[str | TimelineEntry] = ()) -> Session:
        """A world of its own with the same past up to an instant (µs), deeds and all.

        Raises:
            ValueError, NotReplayable: see ``Play.fork``.
        """
        fork = self.play.fork(to_seconds(at), without=without)
        done = [deed.entry for deed in self.hands.deeds if deed.entry.at <= at]
        return Session(fork, done, forked=at)

    # --- acting -------------------------------------------------------------------------------------------------

    @property
    def unsaved(self) -> int:
        """How many deeds are not saved yet."""
        return len(self.hands.deeds) - self.hands.saved

    def type(self, line: str, program: str = "kubectl") -> str | None:
        """Type a line that changes something; gives what went wrong. Its answer comes when the world has run far enough."""
        return self.do(TimelineEntry(at=self.now, as_=PERSON, **{program: line}))  # type: ignore[arg-type]

    def do(self, entry: TimelineEntry) -> str | None:
        """Do something by hand, at the next whole millisecond at which nothing else happens; gives what went wrong.

        So the deed stands alone in its instant, and a replay from a file meets it in the same order.
        """
        self.cursor = None
        self._undone.clear()
        engine = self.play.engine
        when = self.now - self.now % MILLISECOND + MILLISECOND
        try:
            engine.run_until(when - 1)
            while engine.next_time == when:
                when += MILLISECOND
                engine.run_until(when - 1)
            self._carry_out(entry, when)
        except FaultError as error:
            return str(error)
        except Exception:  # noqa: BLE001 - as in advance
            self._broken()
            return "the world stopped because of a defect of kcsim"
        return None

    def _carry_out(self, entry: TimelineEntry, when: int) -> None:
        engine = self.play.engine
        engine.run_until(when)
        self.hands.do(entry)
        engine.run_until(when)


def scenario_name(path: Path) -> str:
    """A scenario's name from its file's: lower case letters, digits and dashes."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in path.stem.lower()).split()
    return "-".join(words)[:63] or "by-hand"


_NEVER = 1 << 62
_LEAP_MOST = 60 * SECOND
"""The longest stretch of virtual time (µs) that is run without a look at the keyboard."""

"""A world told line by line while it runs: what happened, and each time the first thing that is wrong changes, what and why.

The same story as the panes and lanes of a screen, for screen readers, logs and pipes: one fact a line, in the order of time,
nothing drawn, no colour. The lines are the same whether or not somebody waits for them.

**Walk:** the world runs in steps of fixed virtual time -> moments that nothing can change any more -> ``Told`` lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from kcsim.engine.clock import SECOND, clock_text, format_duration, to_seconds
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.play import Play
from kcsim.simulation.finding import NotFound
from kcsim.simulation.why import of_record
from kcsim.views.concern import Concern, Concerns, adrift, in_short
from kcsim.views.moments import Moment
from kcsim.views.timeline import Timeline

STEP = 5 * SECOND
"""Virtual time between two looks at what is wrong."""

SETTLES = 30 * SECOND
"""What happens to many objects at once is told as one moment, which may still grow for so long."""

_WHY = 300
"""Characters that a chain of causes may take."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line: when (µs), which lane (``why`` for what is wrong), and the text."""

    time: int
    lane: str
    text: str

    def __str__(self) -> str:
        return f"t={clock_text(self.time)} {self.lane}: {self.text}"


class Following:
    """The lines of one world, as far as it has come."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._timeline = Timeline(play)
        self._concerns = Concerns(play)
        self._wrong = ""
        self._seen = "", 0
        self._waiting: list[Told] = []
        self._told: set[tuple[str, int, int]] = set()
        """Moments by lane, record, and which of several of the same record: their texts may still grow."""

    def run(self) -> Iterator[Told]:
        """Run the world to its end; gives each line once it is sure."""
        play, end = self._play, round(self._play.end * SECOND)
        while play.engine.now < end:
            play.run_until(to_seconds(min(end, play.engine.now + STEP)))
            self._look()
            yield from self._until(play.engine.now - SETTLES)
        yield from self._until(play.engine.now)

    def _look(self) -> None:
        """Note it when the first thing that is wrong has changed; what is on its way only once that takes long."""
        play, now = self._play, self._play.engine.now
        concern = self._concerns.first() or adrift(play, now)
        wrong = "" if concern is None else f"{concern.state}: {concern.ref} {concern.text}"
        if wrong != self._seen[0]:
            self._seen = wrong, now
        passing = concern is not None and concern.state == "pending" and now - self._seen[1] < SETTLES
        if wrong == self._wrong or passing:
            return
        self._wrong = wrong
        text = "nothing is wrong any more" if concern is None else wrong + self._because(concern)
        self._waiting.append(Told(now, "why", text))

    def _because(self, concern: Concern) -> str:
        try:
            if concern.record is not None:
                why = of_record(concern.record)
            else:
                why = self._play.why(str(concern.ref), concern.ref.namespace or None)
        except NotFound:
            return ""
        return f" because {in_short(why, _WHY).replace(' ← ', ', because ')}"

    def _until(self, when: int) -> Iterator[Told]:
        """The lines up to an instant, in the order of time."""
        fresh = []
        count: Counter[tuple[str, int]] = Counter()
        for moment in self._timeline.moments():
            place = moment.lane, moment.record.seq
            count[place] += 1
            key = *place, count[place]
            if moment.time <= when and key not in self._told:
                self._told.add(key)
                fresh.append(Told(moment.time, moment.lane, _words(moment)))
        told = [line for line in self._waiting if line.time <= when]
        self._waiting = self._waiting[len(told) :]
        yield from sorted([*fresh, *told], key=lambda line: line.time)


def _words(moment: Moment) -> str:
    if moment.lane in {"agent", "api"} and not moment.text.startswith(moment.actor):
        return f"{moment.actor}: {moment.text}"
    return moment.text


def results(play: Play) -> Iterator[str]:
    """The verdicts and measures of a finished world, a line each."""
    for verdict in play.verdicts():
        yield f"expectation {verdict.name}: {_verdict(verdict)}: {verdict.why}"
    for measure in play.measures():
        yield f"measure {measure.title}: {measure.text}"
    yield f"trace_sha256 {play.trace.sha256()}"


def _verdict(verdict: Verdict) -> str:
    if verdict.expected == "not judged":
        return "not judged"
    held = "held" if verdict.held else "did not hold"
    return f"{held}, as expected" if verdict.passed else f"{held}, which was not expected"


def opening(play: Play) -> str:
    """The first line: what is played, where, for how long."""
    where = f" under {play.delivery}" if play.delivery else ""
    length = format_duration(round(play.end * SECOND))
    return f"{play.scenario.name}{where}: {play.scenario.title}, seed {play.seed}, {length} of virtual time"

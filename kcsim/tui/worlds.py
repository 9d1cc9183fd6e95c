"""Every open world of one story: one a delivery, and the branches that were forked from them. Knows nothing of Textual.

**Walk:** ``open`` builds a delivery's world -> ``fork`` makes a named branch of one -> ``advance`` lets those that run have
their turn -> ``twins`` puts some of them side by side -> ``State`` is what the screen keeps of each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kcsim.engine.clock import format_duration, to_seconds
from kcsim.scenario.compare import Twins
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.model import Scenario, TimelineEntry
from kcsim.scenario.play import Play
from kcsim.scenario.recording import rooted
from kcsim.tui.hands import story_of
from kcsim.tui.predictions import UNSAID, Predictions
from kcsim.tui.session import QUANTUM, Session, scenario_name
from kcsim.tui.sight import told

NAMELESS = "world"
"""Name of the world of a story without deliveries."""


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is needed to play a world again: its record.

    Attributes:
        delivery, seed: of the world.
        now: how far it has come (µs).
        without: entries of the timeline that do not happen in it.
        deeds: what was done by hand.
        forked: where a branch left its origin (µs).
        predictions: what the person said of it.
        marks: bookmarks of the story: (µs, text).
    """

    delivery: str
    seed: int
    now: int
    without: tuple[TimelineEntry, ...]
    deeds: tuple[TimelineEntry, ...]
    forked: int | None = None
    predictions: Predictions = UNSAID
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """What the screen keeps of a world between two questions; times in µs.

    Attributes:
        name: of the world: its delivery, or the branch.
        title: of the story.
        cursor: the instant of the past that is looked at; None: now.
        busy: whether it has more to do than time passes.
        failure: the traceback that stopped it.
        arrived: the moment at which it stopped by itself, told in a line; "" when none happened then.
        records, deeds, unsaved: counts.
        kept: the record, to play it again.
    """

    name: str
    title: str
    delivery: str
    seed: int
    now: int
    end: int
    cursor: int | None
    running: bool
    busy: bool
    speed: str
    failure: str
    arrived: str
    records: int
    deeds: int
    unsaved: int
    worlds: tuple[str, ...]
    kept: Kept

    @property
    def seen(self) -> int:
        """The instant one looks at."""
        return self.now if self.cursor is None else self.cursor

    @property
    def at_end(self) -> bool:
        """Whether the story is over."""
        return self.now >= self.end


class Worlds:
    """The worlds of a story.

    Attributes:
        scenario: the story.
        sessions: {name: world}, deliveries and branches in the order they were opened.
        marks: bookmarks: {instant (µs): text}.
    """

    def __init__(self, scenario: Scenario, seed: int | None = None) -> None:
        self.scenario = scenario
        self.seed = seed
        self.sessions: dict[str, Session] = {}
        self.marks: dict[int, str] = {}

    def __getitem__(self, name: str) -> Session:
        return self.sessions[name]

    def open(self, delivery: str | None) -> str:
        """The world of a delivery, at its very beginning unless it is open already; gives its name.

        Raises:
            ScenarioError: the scenario has no such delivery.
        """
        play = Play(self.scenario, delivery or "", self.seed)
        name = play.delivery or NAMELESS
        if name not in self.sessions:
            self.sessions[name] = Session(play)
        return name

    def fork(self, base: str, name: str, at: int, without: Collection[int] = ()) -> str:
        """A branch of a world at an instant (µs); gives its name, which is made up when "" is given.

        ``without``: entries that do not happen in it, by their place in the scenario's timeline.

        Raises:
            ValueError: the name is taken, or the instant cannot be forked at.
            NotReplayable: the instant cannot be forked at.
        """
        name = name.strip() or self.free_name(base)
        if name in self.sessions:
            raise ValueError(f"there is a world {name!r} already; the others are {', '.join(self.sessions)}")
        session = self.sessions[base]
        session.pause()
        self.sessions[name] = session.branch(at, [self.scenario.timeline[place] for place in without])
        return name

    def free_name(self, base: str) -> str:
        """A name for a branch that is not taken: ``flux-2``."""
        stem = base.rstrip("0123456789").rstrip("-") or base
        number = 2
        while f"{stem}-{number}" in self.sessions:
            number += 1
        return f"{stem}-{number}"

    def discard(self, name: str) -> None:
        """Forget a world."""
        del self.sessions[name]

    def restore(self, name: str, kept: Kept) -> None:
        """Play a world again from its record."""
        play = Play(self.scenario, kept.delivery, kept.seed, without=self._same(kept.without))
        session = Session(play, forked=kept.forked)
        for entry in kept.deeds:
            session.play.engine.run_until(entry.at)
            session.hands.do(entry)
            session.play.engine.run_until(entry.at)
        for deed in session.hands.deeds:
            deed.told = True
        session.play.run_until(to_seconds(kept.now))
        session.predictions = kept.predictions
        self.marks.update(kept.marks)
        self.sessions[name] = session

    def _same(self, without: Iterable[TimelineEntry]) -> list[TimelineEntry]:
        """The scenario's own entries that are equal to those of a record."""
        return [entry for entry in self.scenario.timeline if entry in without]

    def advance(self, elapsed: float, quantum: float = QUANTUM) -> bool:
        """Let the worlds that run have a turn each; gives whether time passed. See ``Session.advance``."""
        running = [session for session in self.sessions.values() if session.running]
        share = quantum / max(1, len(running))
        passed = [session.advance(elapsed, share) for session in running]
        return any(passed)

    @property
    def running(self) -> bool:
        """Whether time passes anywhere."""
        return any(session.running for session in self.sessions.values())

    @property
    def has_chores(self) -> bool:
        """Whether something is worth doing while nobody asks and no time passes."""
        return any(session.has_chores for session in self.sessions.values())

    def do_chores(self) -> None:
        """Do it, for each world."""
        for session in self.sessions.values():
            session.do_chores()

    @property
    def busy(self) -> bool:
        """Whether a world has more to do than the keyboard leaves time for."""
        return any(session.running and session.is_busy for session in self.sessions.values())

    def twins(self, names: Sequence[str]) -> Twins:
        """Some of the worlds, side by side."""
        return Twins(self.scenario, {name: self.sessions[name].play for name in names})

    def state(self, name: str) -> State:
        """What the screen keeps of a world."""
        session = self.sessions[name]
        moments = session.moments if not session.running else []
        last = moments[-1] if moments else None
        arrived = ""
        if last is not None and last.time == session.now:
            arrived = f"t={format_duration(last.time)} {told(last)}"
        play = session.play
        return State(
            name=name,
            title=self.scenario.name,
            delivery=play.delivery,
            seed=play.seed,
            now=session.now,
            end=session.end,
            cursor=session.cursor,
            running=session.running,
            busy=session.running and session.is_busy,
            speed=session.speed_text,
            failure=session.failure,
            arrived=arrived,
            records=len(play.trace),
            deeds=len(session.hands.deeds),
            unsaved=session.unsaved,
            worlds=tuple(self.sessions),
            kept=self.kept(name),
        )

    def kept(self, name: str) -> Kept:
        """The record of a world."""
        session = self.sessions[name]
        play = session.play
        deeds = tuple(replace(deed.entry, source=None) for deed in session.hands.deeds)
        without = tuple(replace(entry, source=None) for entry in play.without)
        return Kept(
            play.delivery,
            play.seed,
            session.now,
            without,
            deeds,
            session.forked,
            session.predictions,
            tuple(sorted(self.marks.items())),
        )


def rescue(scenario: Scenario, worlds: Iterable[tuple[str, Kept, int]]) -> Iterator[Path]:
    """Write what was done by hand and would be lost, a scenario file for each world; gives the files.

    ``worlds``: name, record and how many deeds are not saved, of each.
    """
    for name, kept, unsaved in worlds:
        if not unsaved:
            continue
        path = Path(f"{scenario_name(Path(f'{scenario.name}-{name}'))}-rescued.yaml")
        story = story_of(scenario, path.stem, kept.seed, kept.without, kept.deeds)
        path.write_text(to_yaml(rooted(story)), encoding="utf-8")
        yield path

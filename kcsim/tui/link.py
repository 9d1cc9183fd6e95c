"""Between the screen and its worlds: questions are functions that run where the worlds are, and give plain data.

``Local`` keeps the worlds in this process (tests, notebooks, a browser without processes). ``Child`` keeps them in a
process of their own, so that the keyboard answers while a world runs at full speed, and neither takes the other along
when it breaks (ux reference, A3). The screen cannot tell them apart.

**Walk:** ``World.ask(fn, ...)`` -> the link runs ``fn(session, ...)`` -> its answer and the world's new ``State`` come back;
between ``talk`` and its end the worlds stand still and listen, so that a dozen questions cost one wait.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any, Concatenate, ParamSpec, Protocol, TypeVar

from kcsim.scenario.model import Scenario
from kcsim.tui.frames import receive, send
from kcsim.tui.session import Session
from kcsim.tui.worlds import Kept, State, Worlds

P = ParamSpec("P")
R = TypeVar("R")

FRAMES = 25
"""Looks at the clock of a running world a second: a few more than the twenty that it must reach."""

LEISURE = 19
"""How many times as long as the panes took to paint they then rest: a twentieth of a world's speed, so that with the looks at
its clock and the reading of its story watching takes less than a tenth."""

_PATIENCE = 2.0
"""Seconds that a process gets to end by itself."""


class WorldsLost(RuntimeError):
    """The process of the worlds has ended: how, and what it said at last."""


class Link(Protocol):
    """A way to the worlds of one story.

    Attributes:
        scenario: the story.
        rest: seconds to wait between two turns while a world runs.
        news: what the person should know about the way itself; whoever shows it empties it.
    """

    scenario: Scenario
    rest: float
    news: str

    def call(self, name: str | None, fn: Callable[..., Any], args: Any, options: Any) -> Any:
        """(what ``fn`` gives, the state of the world): ``fn`` gets the session of that name, without one the ``Worlds``."""
        ...

    def talk(self) -> AbstractContextManager[None]:
        """Several questions in a row: the worlds wait for each of them instead of running on in between."""
        ...

    def turn(self, elapsed: float) -> None:
        """Let the worlds run, where they do not do so by themselves."""
        ...

    def close(self) -> None:
        """End everything there is."""
        ...


class Local:
    """The worlds in this process."""

    def __init__(self, scenario: Scenario, seed: int | None = None) -> None:
        self.scenario = scenario
        self.worlds = Worlds(scenario, seed)
        self.rest = 0.001
        self.news = ""

    def call(self, name: str | None, fn: Callable[..., Any], args: Any, options: Any) -> Any:
        """See ``Link``."""
        return answer(self.worlds, name, fn, args, options)

    def talk(self) -> AbstractContextManager[None]:
        """They do not run in between."""
        return contextlib.nullcontext()

    def turn(self, elapsed: float) -> None:
        """8 ms of work, then the keyboard (ux reference, A3)."""
        self.worlds.advance(elapsed)
        self.rest = 0.001 if self.worlds.busy else 0.01

    def close(self) -> None:
        """Nothing to end."""


def answer(worlds: Worlds, name: str | None, fn: Callable[..., Any], args: Any, options: Any) -> Any:
    """What a question gives, and the state of the world that was asked."""
    given = fn(worlds if name is None else worlds[name], *args, **options)
    return given, worlds.state(name) if name is not None and name in worlds.sessions else None


class Child:
    """The worlds in a process of their own.

    When it breaks, another one is started and plays every world again from its record, up to where it was last seen; only
    a question that breaks two of them in a row is given up.
    """

    rest = 1 / FRAMES

    def __init__(self) -> None:
        self.news = ""
        self._seed: int | None = None
        self._kept: dict[str, Kept] = {}
        self._closed = False
        self._start()

    def _start(self) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kcsim.tui.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            start_new_session=True,  # signals of the terminal are the screen's; what ends the worlds is their pipe
        )

    def begin(self, scenario: Scenario, seed: int | None = None) -> Child:
        """Say which story it is."""
        self.scenario, self._seed = scenario, seed
        self._send(("begin", scenario, seed))
        return self

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def call(self, name: str | None, fn: Callable[..., Any], args: Any, options: Any) -> Any:
        """See ``Link``.

        Raises:
            WorldsLost: the question ended two processes in a row, or the worlds were closed.
        """
        question = ("ask", name, fn, args, options)
        try:
            return self._ask(question)
        except WorldsLost as lost:
            if self._closed:
                raise
            self._revive(lost)
        return self._ask(question)

    def _ask(self, question: Any) -> Any:
        self._send(question)
        assert self._process.stdout is not None, "it was opened"
        try:
            is_good, given = receive(self._process.stdout.fileno())
        except (EOFError, OSError):
            raise self._lost() from None
        if not is_good:
            raise given
        state = given[1]
        if state is not None:
            self._kept[state.name] = state.kept
            self._kept = {name: kept for name, kept in self._kept.items() if name in state.worlds}
        return given

    def _revive(self, lost: WorldsLost) -> None:
        """Another process, with the worlds as they were last seen."""
        self._drop()
        self._start()
        self.begin(self.scenario, self._seed)
        for name, kept in self._kept.items():
            self._ask(("ask", None, Worlds.restore, (name, kept), {}))
        self.news = f"{lost.args[0]}; it was played again from its record"

    @contextlib.contextmanager
    def talk(self) -> Iterator[None]:
        """See ``Link``. A process that is lost meanwhile is noticed by the next question."""
        with contextlib.suppress(WorldsLost):
            self._send(("listen",))
        try:
            yield
        finally:
            with contextlib.suppress(WorldsLost):
                self._send(("run on",))

    def turn(self, elapsed: float) -> None:
        """They run by themselves."""

    def close(self) -> None:
        """Say good-bye, and make sure of it."""
        if self._closed:
            return
        with contextlib.suppress(WorldsLost):
            self._send(("end",))
        self._drop()
        self._closed = True

    def _drop(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None, "it was opened"
        try:
            send(self._process.stdin.fileno(), message)
        except (OSError, ValueError):  # the other side is gone, or we closed it
            raise self._lost() from None

    def _lost(self) -> WorldsLost:
        if self._closed:
            return WorldsLost("the worlds were closed", "")
        code = self._process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()
        return WorldsLost(f"the process of the worlds {how}", said)


class Spare:
    """One process that is started before it is needed, because its imports take longest."""

    def __init__(self) -> None:
        self._waiting: Child | None = None

    def start(self) -> None:
        """Start it; the first screen should be there already, because both compete for the machine."""
        if self._waiting is None:
            self._waiting = Child()

    def begin(self, scenario: Scenario, seed: int | None = None) -> Child:
        """A process, with a story."""
        taken, self._waiting = self._waiting or Child(), None
        return taken.begin(scenario, seed)

    def close(self) -> None:
        """End what was not taken."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None


class World:
    """One world as the screen knows it.

    Attributes:
        link: the way to it.
        name: the world's, among those of its story.
        state: as it was when it was last asked.
    """

    state: State

    def __init__(self, link: Link, name: str) -> None:
        self.link = link
        self.name = name
        self.refresh()

    def ask(self, fn: Callable[Concatenate[Session, P], R], *args: P.args, **options: P.kwargs) -> R:
        """What a function of its session gives; it runs where the world is, so everything must be plain data."""
        given, self.state = self.link.call(self.name, fn, args, options)
        return given  # type: ignore[no-any-return]

    def ask_all(self, fn: Callable[Concatenate[Worlds, P], R], *args: P.args, **options: P.kwargs) -> R:
        """The same of all worlds of the story."""
        given, _ = self.link.call(None, fn, args, options)
        return given  # type: ignore[no-any-return]

    def refresh(self) -> State:
        """Its state now."""
        self.ask(_nothing)
        return self.state

    def pause(self) -> None:
        """Let no time pass in it."""
        self.ask(Session.pause)

    def other(self, name: str) -> World:
        """Another world of the story."""
        return World(self.link, name)

    @property
    def kept(self) -> Kept:
        """Its record, as of the last answer."""
        return self.state.kept


def _nothing(_session: Session) -> None:
    """Asked for the state alone."""

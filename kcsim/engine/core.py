"""The engine: SimPy's event queue behind four verbs, carrying causes along.

Order within one instant is SimPy's law: (time, priority, sequence number). Whatever arms a timer hands its cause to
what the timer does later, so nobody downstream has to think about causes.

**Walk:** ``after`` arms a ``Timer`` -> SimPy's heap -> ``step`` pops it -> the ambient cause is restored -> the call.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL

from kcsim.engine.dice import Dice
from kcsim.engine.trace import Record, Trace


class Timer:
    """A call that will be made at ``when`` (µs) unless it is cancelled first.

    It stands in SimPy's queue itself, with as much of an already triggered event as SimPy looks at: one small object
    for each wake-up.
    """

    __slots__ = ("_args", "_cause", "_engine", "_fn", "callbacks", "when")

    _ok = True

    def __init__(
        self,
        engine: Engine,
        when: int,
        cause: Record | None,
        fn: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        self.callbacks = _FIRE
        self._engine = engine
        self.when = when
        self._cause = cause
        self._fn: Callable[..., object] | None = fn
        self._args = args

    @property
    def active(self) -> bool:
        """Whether the call is still to come."""
        return self._fn is not None

    def cancel(self) -> None:
        """Do not make the call. Harmless when it was made already."""
        self._fn = None
        self._args = ()

    def fire(self) -> None:
        """Make the call, on behalf of what armed the timer."""
        fn = self._fn
        if fn is None:
            return
        args, self._fn, self._args = self._args, None, ()
        self._engine.cause = self._cause
        fn(*args)


_FIRE: Any = (Timer.fire,)
"""The callbacks of every timer: SimPy calls them with the event, which is the timer."""


class Because:
    """A block of code that runs on behalf of a cause."""

    __slots__ = ("_before", "_cause", "_engine")

    def __init__(self, engine: Engine, cause: Record | None) -> None:
        self._engine = engine
        self._cause = cause

    def __enter__(self) -> None:
        self._before = self._engine.cause
        self._engine.cause = self._cause

    def __exit__(self, *_error: object) -> None:
        self._engine.cause = self._before


class Engine:
    """One virtual clock and everything that waits on it.

    Attributes:
        seed: the number all dice grow from.
        trace: what happened.
        cause: the record on whose behalf code runs right now, or None for what comes from outside.
        now: the current instant, in µs since the simulation began. Only the engine moves it.
        steps: how many events the engine has processed: what idling is measured in.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.trace = Trace()
        self.cause: Record | None = None
        self._env = simpy.Environment()
        self._dice: dict[str, Dice] = {}
        self.now = 0
        self.steps = 0

    # --- time ---------------------------------------------------------------------------------------------------

    def after(self, delay: int, fn: Callable[..., object], *args: object) -> Timer:
        """Call ``fn(*args)`` in ``delay`` µs, for the same cause as now."""
        if delay < 0:
            raise ValueError(f"negative delay {delay}")
        env = self._env
        when = self.now + delay
        timer = Timer(self, when, self.cause, fn, args)
        # What Environment.schedule does with a triggered event.
        heappush(env._queue, (when, NORMAL, next(env._eid), timer))  # type: ignore[misc]  # noqa: SLF001
        return timer

    def at(self, when: int, fn: Callable[..., object], *args: object) -> Timer:
        """Call ``fn(*args)`` at the instant ``when`` (µs), for the same cause as now."""
        return self.after(when - self.now, fn, *args)

    def tick(self, delay: int, what: str, fn: Callable[..., object], *args: object) -> Timer:
        """Like ``after``, but caused by the clock: ``what`` names the period that passed, e.g. ``interval 10m``.

        The clock's record joins the trace only when something refers to it, so a tick without effect leaves none.
        """
        timer = self.after(delay, fn, *args)
        timer._cause = Record(timer.when, None, "clock", "tick", what)  # noqa: SLF001 - same file, same law
        return timer

    def tick_on(self, delay: int, what: str, fn: Callable[..., object], *args: object) -> Timer:
        """Like ``tick`` for what only waits: the clock's record has the present cause, so the chain goes on to it.

        Of several waits in a row that leave no trace only the last is told.
        """
        timer = self.after(delay, fn, *args)
        cause = self.cause
        if cause is not None and cause.seq < 0:
            cause = cause.cause
        timer._cause = Record(timer.when, cause, "clock", "tick", what)  # noqa: SLF001 - same file, same law
        return timer

    def because(self, cause: Record | None) -> Because:
        """Run a block (``with``) on behalf of ``cause``."""
        return Because(self, cause)

    # --- running ------------------------------------------------------------------------------------------------

    @property
    def next_time(self) -> int | None:
        """The instant of the next event in µs, or None when nothing waits."""
        when = self._env.peek()
        return None if when == float("inf") else int(when)

    def step(self) -> bool:
        """Process one event. False when nothing waits."""
        queue = self._env._queue  # noqa: SLF001
        if not queue:
            return False
        self.steps += 1
        self.now = queue[0][0]  # type: ignore[assignment]
        self._env.step()
        self.cause = None
        return True

    def run_until(self, until: int) -> None:
        """Process every event up to and including the instant ``until`` (µs); the clock then stands at ``until``."""
        # What Environment.step does, without its calls: everything that waits is a timer of ours.
        env: Any = self._env
        queue = env._queue  # noqa: SLF001
        count = 0
        try:
            while queue and queue[0][0] <= until:
                count += 1
                when, _, _, timer = heappop(queue)
                self.now = env._now = when  # noqa: SLF001
                fn = timer._fn  # noqa: SLF001
                if fn is not None:
                    args, timer._fn, timer._args = timer._args, None, ()  # noqa: SLF001
                    self.cause = timer._cause  # noqa: SLF001
                    fn(*args)
        finally:
            self.steps += count
            self.cause = None
        if until > self.now:
            self.now = env._now = until  # noqa: SLF001 - what Environment.run(until) does with a sentinel event

    # --- chance and the record ----------------------------------------------------------------------------------

    def dice(self, name: str) -> Dice:
        """The stream of draws of that name."""
        dice = self._dice.get(name)
        if dice is None:
            dice = self._dice[name] = Dice(self.seed, name)
        return dice

    def reseed(self, seed: int) -> None:
        """From now on all dice fall as another seed has it; what was drawn stays drawn."""
        self.seed = seed
        for name, dice in self._dice.items():
            dice.reseed(seed, name)

    def note(self, actor: str, verb: str, subject: str, detail: dict[str, Any] | None = None) -> Record:
        """Append to the trace, caused by what runs right now."""
        return self.trace.append(Record(self.now, self.cause, actor, verb, subject, detail))

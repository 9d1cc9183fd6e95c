"""Tasks: short sequential activities written as generators.

A reconcile, a kubectl command or a pipeline step reads best as a sequence, so it is a generator that yields what it
waits for. Nothing long-lived is one: the loops around them are callbacks. Killing a task between two of its yields
is a crash between two writes.

**Walk:** ``Task`` advances the generator -> it yields a ``Waitable`` -> ``start(done)`` -> later ``done(value, error)``
-> the generator is resumed with the value, or the error is raised at the yield.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

from kcsim.engine.core import Engine, Timer

Done = Callable[[Any, Exception | None], None]
Steps = Generator["Waitable", Any, Any]


class Waitable(Protocol):
    """Something a task can wait for: ``start`` begins it and promises exactly one ``done(value, error)``."""

    def start(self, done: Done) -> None:
        """Begin; call ``done(value, None)`` or ``done(None, error)`` once."""
        ...


class Sleep:
    """Wait ``delay`` µs of virtual time. With ``what``, the clock is the cause of what follows."""

    __slots__ = ("_delay", "_engine", "_what")

    def __init__(self, engine: Engine, delay: int, what: str = "") -> None:
        self._engine = engine
        self._delay = delay
        self._what = what

    def start(self, done: Done) -> None:
        """Arm the timer."""
        if self._what:
            self._engine.tick(self._delay, self._what, done, None, None)
        else:
            self._engine.after(self._delay, done, None, None)


class All:
    """Wait for several at once; gives the list of their values, an exception standing in for the value that failed."""

    __slots__ = ("_waitables",)

    def __init__(self, waitables: Sequence[Waitable]) -> None:
        self._waitables = waitables

    def start(self, done: Done) -> None:
        """Start all of them in order."""
        results: list[Any] = [None] * len(self._waitables)
        left = len(self._waitables)
        if not left:
            done(results, None)
            return

        def finished(index: int) -> Done:
            def one(value: Any, error: Exception | None) -> None:
                nonlocal left
                results[index] = value if error is None else error
                left -= 1
                if not left:
                    done(results, None)

            return one

        for i, waitable in enumerate(self._waitables):
            waitable.start(finished(i))


def exited(left: SystemExit) -> RuntimeError:
    """What a call of ``sys.exit`` in simulated code is: a failure of whoever made it."""
    return RuntimeError(f"sys.exit({left.code!r}) was called: return or raise to end a reconcile")


class Task:
    """Drives one generator to its end.

    Attributes:
        done: whether it ended (or was killed).
        value: what it returned.
        error: the exception that ended it, if one did.
    """

    __slots__ = ("_generator", "_on_done", "_waiting", "done", "error", "value")

    def __init__(self, generator: Steps, on_done: Done | None = None) -> None:
        self._generator = generator
        self._on_done = on_done
        self._waiting = False
        self.done = False
        self.value: Any = None
        self.error: Exception | None = None
        self._resume(None, None)

    def kill(self) -> None:
        """End it where it stands, as a crash would: nothing further is sent, nobody is told."""
        if not self.done:
            self.done = True
            self._generator.close()

    def _resume(self, value: Any, error: Exception | None) -> None:
        while not self.done:
            try:
                waitable = self._generator.send(value) if error is None else self._generator.throw(error)
            except StopIteration as stop:
                self._finish(stop.value, None)
                return
            except SystemExit as left:  # it ends a program of the story, never kcsim
                self._finish(None, exited(left))
                return
            except Exception as failure:  # noqa: BLE001 - handed to on_done, or raised there
                self._finish(None, failure)
                return
            if not hasattr(waitable, "start"):
                told = f"{waitable!r:.60} was yielded, which is nothing to wait for: yield calls of a client"
                value, error = None, TypeError(told)
                continue
            # A waitable may answer at once (a client without latency): loop instead of recursing.
            answered: list[tuple[Any, Exception | None]] = []
            self._waiting = False

            def done(
                value: Any,
                error: Exception | None,
                answered: list[tuple[Any, Exception | None]] = answered,
            ) -> None:
                if self._waiting:
                    self._waiting = False
                    self._resume(value, error)
                else:
                    answered.append((value, error))

            waitable.start(done)
            if not answered:
                self._waiting = True
                return
            value, error = answered[0]

    def _finish(self, value: Any, error: Exception | None) -> None:
        self.done = True
        self.value = value
        self.error = error
        if self._on_done is not None:
            self._on_done(value, error)
        elif error is not None:
            raise error


class _Branch:
    """One of several generators that run side by side."""

    __slots__ = ("_steps", "task")

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.task: Task | None = None

    def start(self, done: Done) -> None:
        """Begin to run it."""
        self.task = Task(self._steps, done)


def gather(branches: Sequence[Steps]) -> Steps:
    """Run generators side by side; gives their values, an exception standing in for the value of one that failed.

    They end with the one who waits for them: a crash takes them along.
    """
    started = [_Branch(steps) for steps in branches]
    try:
        return (yield All(started))
    finally:
        for branch in started:
            if branch.task is not None:
                branch.task.kill()


def run_now(engine: Engine, generator: Steps, limit: int | None = None) -> Any:
    """Run a task to its end, letting virtual time pass as far as it needs (at most ``limit`` µs).

    Raises:
        TimeoutError: when the limit, or the end of all events, came first.
    """
    task = Task(generator, lambda _value, _error: None)
    end = None if limit is None else engine.now + limit
    while not task.done:
        upcoming = engine.next_time
        if upcoming is None or (end is not None and upcoming > end):
            task.kill()
            raise TimeoutError("the command did not end in the time it was given")
        engine.step()
    if task.error is not None:
        raise task.error
    return task.value


__all__ = ["All", "Done", "Sleep", "Steps", "Task", "Timer", "Waitable", "exited", "gather", "run_now"]

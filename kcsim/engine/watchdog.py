"""Code that somebody brought and that does not come back: ended where it hangs, and told.

A step of a world takes no time in the world, so a loop without an end in such code would hang the process for good. A
thread looks at the calls under way; into one that has taken too long it raises. The wall clock decides only *that* a
call is given up: a run either gets to its end with the same trace as ever, or stops with ``Stuck``.

What stands at a debugger's prompt is left alone. Code in C that keeps the interpreter to itself (a regular expression
that backtracks for ever) cannot be ended, nor can anything where there are no threads (Pyodide).

**Walk:** ``call`` notes the call -> ``Watchdog`` finds it again, too old -> ``_Stop`` rises in its thread, past
``except Exception`` -> ``call`` raises ``Stuck`` with the line.
"""

from __future__ import annotations

import linecache
import sys
import threading
from collections.abc import Callable
from pathlib import Path, PurePath
from time import monotonic
from traceback import walk_tb
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_LOOKS = 0.1
"""Seconds of the wall clock between two looks; a call that is still there at the next one is told again to stop."""
_DEBUGGERS = ("bdb", "pdb", "_pydevd_bundle", "pydevd", "_pydevd_sys_monitoring")
_OURS = str(Path(__file__).resolve().parents[1])


class Stuck(Exception):
    """A call was ended because it did not come back.

    Attributes:
        patience: how long it was let run, seconds of the wall clock.
        place: where it was: ``file.py:12``.
        line: what is written there.
    """

    def __init__(self, patience: float, place: str, line: str) -> None:
        super().__init__(patience, place, line)
        self.patience, self.place, self.line = patience, place, line


class _Stop(BaseException):
    """Rises in a call that does not come back; no ``except Exception`` keeps it.

    What catches it all the same (``except:`` in a loop) has it rise once more in its very next line.
    """

    def __init__(self) -> None:
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
        while frame is not None and frame.f_code.co_filename != __file__:
            frame.f_trace = _stop_again
            frame = frame.f_back
        sys.settrace(_stop_again)


def _stop_again(frame: FrameType, _event: str, _value: object) -> Any:
    if frame.f_code.co_filename.startswith(_OURS):
        return None
    raise _Stop


class _UnderWay:
    """A call that has not come back yet."""

    __slots__ = ("patience", "seen", "told")

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.seen = 0.0
        """When it was first seen (wall clock); 0 before."""
        self.told = False


class Watchdog:
    """Looks after the calls of all threads. Its own thread lives while there are any."""

    def __init__(self) -> None:
        self._calls: dict[int, _UnderWay] = {}
        self._begun = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._can_watch = True

    def call(self, patience: float, fn: Callable[..., T], *args: Any) -> T:
        """What ``fn(*args)`` gives.

        Raises:
            Stuck: it did not come back within ``patience`` seconds of the wall clock.
        """
        me = threading.get_ident()
        if me in self._calls or not self._can_watch:
            return fn(*args)  # a part of a call that is watched already
        self._begun += 1
        self._calls[me] = _UnderWay(patience)
        if self._thread is None or not self._thread.is_alive():
            self._wake(me)
        tracing = sys.gettrace()
        try:
            try:
                return fn(*args)
            finally:
                self._leave(me, tracing)
        except _Stop as stop:
            self._leave(me, tracing)
            raise Stuck(patience, *_place(stop)) from None

    def _leave(self, me: int, tracing: Any) -> None:
        with self._lock:
            call = self._calls.pop(me, None)
            if call is not None and call.told:
                _raise_in(me, None)  # it came back at the last moment: nothing may rise in what follows
                sys.settrace(tracing)

    def _wake(self, me: int) -> None:
        """Start the thread; one that is there and dead stayed behind in the process that this one was forked from."""
        if self._thread is not None:
            self._lock, self._calls = threading.Lock(), {me: self._calls[me]}
        self._thread = threading.Thread(target=self._watch, name="kcsim-watchdog", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # there are no threads here
            self._can_watch = False

    def _watch(self) -> None:
        pause = threading.Event()
        begun = -1
        while begun != self._begun or self._calls:
            begun = self._begun
            pause.wait(_LOOKS)
            with self._lock:
                for thread, call in list(self._calls.items()):
                    self._look(thread, call)
        self._thread = None
        if self._calls and self._thread is None:  # a call began while the last look was made
            self._wake(next(iter(self._calls)))

    def _look(self, thread: int, call: _UnderWay) -> None:
        now = monotonic()
        if not call.seen or _is_debugged(sys._current_frames().get(thread)):  # noqa: SLF001
            call.seen = now
        elif now - call.seen >= call.patience:
            call.told = True
            _raise_in(thread, _Stop)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Let an exception rise in a thread with its next step; with None none, after all."""
    import ctypes

    raise_in = getattr(getattr(ctypes, "pythonapi", None), "PyThreadState_SetAsyncExc", None)
    if raise_in is not None:  # CPython has it
        raise_in(ctypes.c_ulong(thread), ctypes.py_object(error) if error is not None else None)


def _is_debugged(frame: FrameType | None) -> bool:
    """Whether a debugger has the word: somebody reads, and will go on."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False


def _place(stop: BaseException) -> tuple[str, str]:
    """(``file.py:12``, what is written there): where it first rose, in the innermost line of the first file that is not ours."""
    while isinstance(stop.__context__, _Stop):
        stop = stop.__context__
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(stop.__traceback__)]
    theirs = next((file for file, _ in frames if not file.startswith(_OURS)), frames[-1][0])
    file, line = next(each for each in reversed(frames) if each[0] == theirs)
    return f"{PurePath(file).name}:{line}", linecache.getline(file, line).strip()


WATCHDOG = Watchdog()
"""The one of this process."""

__all__ = ["WATCHDOG", "Stuck", "Watchdog"]

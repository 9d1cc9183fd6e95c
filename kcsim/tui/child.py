"""The process that the worlds of the screen live in: ``python -m kcsim.tui.child``, started by ``kcsim.tui.link``.

Messages are pickles on standard input and output, one question at a time. While worlds run, the pipe is looked at
between two slices of work; from ``listen`` to ``run on`` only questions are answered. When the screen is gone without a good-bye, what was done by hand is written to files.

**Walk:** ``begin`` -> ``ask``, or ``listen``, ``ask`` ..., ``run on`` -> ``end``; or the pipe closes.
"""

from __future__ import annotations

import os
import pickle
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from kcsim.engine.collector import collector_at_rest
from kcsim.tui.asks import (
    commands,
    comparing,
    explain,
    explore,
    faults,
    lanes,
    net,
    panes,
    score,
    steer,
    topology,
)
from kcsim.tui.frames import receive, send
from kcsim.tui.link import answer
from kcsim.tui.worlds import Worlds, rescue

QUESTIONS = (commands, comparing, explain, explore, faults, lanes, net, panes, score, steer, topology)
"""Where the functions that are asked for live: loaded before the first question comes."""

_ORPHANED = 10
"""Seconds after which a process whose screen is gone ends whatever it is doing."""


_IDLE = 0.05
"""Seconds without a question after which there is time for chores, one after the other."""


class Server:
    """Answers questions, and lets the worlds run in between."""

    def __init__(self, questions: int, answers: int) -> None:
        self._questions = questions
        self._answers = answers
        self._worlds: Worlds | None = None
        self._listens = False
        self._at_chores = False  # whether it did one last, and nobody has asked since

    def serve(self) -> None:
        """Until the end, or until nobody asks any more."""
        last = time.perf_counter()
        while True:
            worlds = self._worlds
            is_running = worlds is not None and worlds.running and not self._listens
            if select.select([self._questions], [], [], self._waits(is_running=is_running))[0]:
                try:
                    message = receive(self._questions)
                except EOFError:
                    self._keep()
                    return
                if message[0] == "end":
                    return
                self._take(*message)
                self._at_chores = False
            elif worlds is not None and not is_running:
                worlds.do_chores()
                self._at_chores = True
            now = time.perf_counter()
            if worlds is not None and is_running:
                worlds.advance(now - last)
            last = now

    def _waits(self, *, is_running: bool) -> float | None:
        """Seconds to wait for a question; None: until one comes."""
        worlds = self._worlds
        if worlds is None:
            return None
        if is_running:
            return 0.0 if worlds.busy else 0.002
        if self._listens or not worlds.has_chores:
            return None
        return 0.0 if self._at_chores else _IDLE

    def _take(self, word: str, *rest: Any) -> None:
        if word == "begin":
            self._worlds = Worlds(*rest)
            return
        if word in {"listen", "run on"}:
            self._listens = word == "listen"
            return
        name, fn, args, options = rest
        self._send(*self._answer(name, fn, args, options))

    def _answer(self, name: str | None, fn: Callable[..., Any], args: Any, options: Any) -> tuple[bool, Any]:
        assert self._worlds is not None, "the story comes first"
        try:
            return True, answer(self._worlds, name, fn, args, options)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            return False, portable(error)

    def _send(self, is_good: bool, given: Any) -> None:
        try:
            send(self._answers, (is_good, given))
        except OSError:
            return  # the screen is gone: the next question is the end of the pipe
        except Exception as error:  # noqa: BLE001 - an answer that is no plain data is a defect that is told
            send(self._answers, (False, RuntimeError(f"an answer cannot be sent: {error}")))

    def _keep(self) -> None:
        """The screen is gone: write what would be lost."""
        worlds = self._worlds
        if worlds is not None:
            kept = [(name, worlds.kept(name), session.unsaved) for name, session in worlds.sessions.items()]
            for path in rescue(worlds.scenario, kept):
                print(f"kcsim: what was done by hand is kept in {path}", file=sys.stderr)  # noqa: T201


def portable(error: Exception) -> Exception:
    """The error, or its text with its traceback where it cannot be sent."""
    try:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - errors are written by many
        return RuntimeError("".join(traceback.format_exception(error)))
    return again if str(again) == str(error) else RuntimeError(str(error))


def _watch_parent() -> None:
    """End with the process that started this one, even if the world hangs."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    time.sleep(_ORPHANED)
    os._exit(1)


def main() -> None:
    """Serve standard input."""
    # What a library prints must not get between the answers.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_watch_parent, daemon=True).start()
    with collector_at_rest():
        Server(sys.stdin.fileno(), answers).serve()
        sys.stderr.flush()
        os._exit(0)  # nothing is left to be done, and taking a large world apart takes seconds


if __name__ == "__main__":
    main()

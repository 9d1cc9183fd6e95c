"""Ends that nobody types: the terminal goes away, or a signal asks the program to end.

Textual takes a terminal that was hung up for one on which nobody types: it reads from it again and again, and writes until
nothing more fits in its queue. So a thread waits for the hang-up and ends the process at once. That is safe: there is no
screen to restore any more, and the process of the worlds keeps what was done by hand when its pipe closes.

**Walk:** ``watch_terminal`` before the screen -> ``watch_signals`` with it -> the terminal is closed: the process ends; a
signal comes: the screen is left as by its key; where it is not left soon, or a second signal comes, the process ends whatever
it is doing, even where the terminal takes nothing any more (ctrl+s, a connection that stands still).
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
PATIENCE_S = 10
"""Seconds that a screen has to be left in, before it is ended with the terminal put back and nothing else."""
LAST_WORDS_S = 2
"""Seconds that putting the terminal back may take then: what is written to one that nobody reads from never gets there."""


def code_of(number: int) -> int:
    """The exit code of a program that a signal ended, as shells have it."""
    return 128 + number


def watch_terminal(is_leaving: threading.Lock) -> None:
    """End this process when its terminal is closed; while somebody holds ``is_leaving``, that one ends it."""

    def watch() -> None:
        terminal = select.poll()
        terminal.register(sys.stdin.fileno(), 0)  # nothing but its end
        if any(event & (select.POLLHUP | select.POLLERR) for _, event in terminal.poll()):
            with is_leaving:
                os._exit(code_of(signal.SIGHUP))

    threading.Thread(target=watch, daemon=True).start()


def watch_signals(end: Callable[[int], object], restore: Callable[[], object]) -> None:
    """Have ``end`` called in the running event loop, with the exit code, when a signal asks for the end.

    ``restore`` puts the terminal back; it is called where the loop is too busy with something to end in time.
    """
    loop = asyncio.get_running_loop()

    def end_anyway(number: int) -> None:
        last = threading.Thread(target=restore, daemon=True)
        last.start()
        last.join(LAST_WORDS_S)
        os._exit(code_of(number))

    def told(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(end, code_of(number))
        late = threading.Timer(PATIENCE_S, end_anyway, (number,))
        late.daemon = True
        late.start()

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, told)

"""Running worlds with somebody watching: progress on a terminal, and Ctrl-C that keeps what was recorded.

A world is run in slices of virtual time. Slices change nothing in it; between two of them the progress line is drawn
and an interruption is noticed, so that no event is ever cut in half. The wall clock decides only how long a slice is.
"""

import signal
import threading
from collections.abc import Mapping
from time import monotonic
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from kcsim.cli.console import Console
from kcsim.engine.clock import SECOND, clock_text

if TYPE_CHECKING:  # loaded by the command
    from kcsim.scenario.play import Play

SHOWN_AFTER = 0.4
"""Wall seconds before a progress line appears: short runs show none."""
SLICE_MIN, SLICE_MAX = 0.02, 0.1
"""Wall seconds a slice should take."""
BAR = 24


class Interruption:
    """Turns the first Ctrl-C into a question to be asked; the second ends the process at once."""

    def __init__(self) -> None:
        """Nothing was pressed yet."""
        self.asked = False
        self._before: object = None

    def __enter__(self) -> Self:
        """Listen, where that is possible: in the main thread."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hand Ctrl-C back."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]  # what signal.signal gave

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def play(
    worlds: Mapping[str, "Play"], console: Console, interruption: Interruption, *, quiet: bool
) -> list[str]:
    """Run each world to its end, one after the other; gives the names of those that got there."""
    done: list[str] = []
    progress = Progress(console, shown=console.interactive and not quiet)
    for name, world in worlds.items():
        _run(name, world, progress, interruption)
        if interruption.asked:
            break
        world.finish()
        done.append(name)
    progress.clear()
    return done


def _run(name: str, world: "Play", progress: "Progress", interruption: Interruption) -> None:
    length = 1.0
    end = world.end
    while world.now < end and not interruption.asked:
        began = monotonic()
        world.run_until(min(end, world.now + length))
        took = monotonic() - began
        if took < SLICE_MIN:
            length *= 2
        elif took > SLICE_MAX:
            length /= 2
        progress.show(name, world.now, end)


def clock_of(world: "Play") -> str:
    """How far a world has come, of how far it should."""
    return f"t={clock_text(world.engine.now)} of {clock_text(round(world.end * SECOND))}"


class Progress:
    """One line on stderr that is drawn over and over, and is gone in the end."""

    def __init__(self, console: Console, *, shown: bool) -> None:
        """Silent unless `shown`, and for the first moments."""
        self._console = console
        self._shown = shown
        self._began = monotonic()
        self._drawn = False

    def show(self, name: str, now: float, end: float) -> None:
        """How far a world is (virtual seconds)."""
        if not self._shown or monotonic() - self._began < SHOWN_AFTER:
            return
        share = now / end if end else 1.0
        full = round(BAR * share)
        bar = "█" * full + "░" * (BAR - full)
        clock = f"t={clock_text(round(now * SECOND))} of {clock_text(round(end * SECOND))}"
        text = f"{name}  {bar} {share:>4.0%}  {clock}"
        self._console.draw("\r\x1b[K" + text[: self._console.width - 1])
        self._drawn = True

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._console.draw("\r\x1b[K")

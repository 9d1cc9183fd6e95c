"""Worlds and a driver for the tests of the terminal interface."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual import events
from textual.keys import _character_to_key, key_to_character
from textual.pilot import Pilot
from textual.widgets import Input

from kcsim.scenario.load import load
from kcsim.scenario.play import Play
from kcsim.scenario.progress import Progress
from kcsim.tui.app import KcsimApp
from kcsim.tui.link import Local
from kcsim.tui.run import RunScreen
from kcsim.tui.session import Session

SMALL = str(Path(__file__).with_name("small.yaml"))


def small(delivery: str = "push") -> Session:
    """The small story, at its beginning."""
    return Session(Play(load(SMALL), delivery))


def rest(session: Session) -> Session:
    """Let the world run until it comes to rest by itself."""
    while session.running:
        session.advance(1.0)
    assert not session.failure, session.failure
    return session


class Driver:
    """Presses keys and waits for the world."""

    def __init__(self, app: KcsimApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    def send(self, *keys: str) -> None:
        """Keys that arrive together, as from a slow link; nobody waits for what they do."""
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
            self.app.post_message(events.Key(name, key if len(key) == 1 else key_to_character(name)))

    async def press(self, *keys: str) -> None:
        """Keys, one after the other, each when the one before is done."""
        for key in keys:
            self.send(key)
            await self.settle()

    async def click(self, selector: str, offset: tuple[int, int] = (0, 0)) -> None:
        """The mouse, on a widget."""
        await self.pilot.click(selector, offset=offset)
        await self.settle()

    async def type(self, text: str) -> None:
        """A text and enter, into the line that has the focus."""
        line = self.app.focused
        assert isinstance(line, Input), line
        line.value = text
        await self.settle()  # what follows the text as it is typed
        await self.press("enter")

    async def settle(self) -> None:
        """Until all that was set going is done and painted. No clock decides: the machine may be busy with other things."""
        quiet = 0
        while quiet < 2:  # what the last refresh made known is done, too
            # Away meanwhile: whoever waits its turn in the event loop keeps the keys waiting, this here included.
            await asyncio.sleep(0.005 if self.app._typed else 0.001)
            quiet = 0 if self.app.is_running and not self.app.has_done_all else quiet + 1
            if self.app.is_running:
                self.app.screen._on_timer_update()

    async def until(self, holds: Callable[[], object]) -> None:
        """Until something holds that takes its time, and the screen shows it."""
        while not holds():
            await self.pilot.pause(0.005)
        await self.settle()

    async def rest(self) -> None:
        """Until the world has come to rest and the screen shows it."""
        await self.until(lambda: not self.session.running and not self.screen_below._wake.is_set())

    @property
    def screen(self) -> RunScreen:
        """The live screen."""
        assert isinstance(self.app.screen, RunScreen), self.app.screen
        return self.app.screen

    @property
    def screen_below(self) -> RunScreen:
        """The live screen under whatever stands on it."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, RunScreen))

    @property
    def session(self) -> Session:
        """Its world."""
        world = self.screen_below.world
        assert isinstance(world.link, Local)
        return world.link.worlds[world.name]

    @property
    def message(self) -> str:
        """The line of messages."""
        return str(self.app.screen.query_one("#message").render())

    @property
    def text(self) -> str:
        """What is on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)


def play(
    story: Callable[[Driver], Awaitable[None]],
    asked: str | None = None,
    delivery: str | None = None,
    size: tuple[int, int] = (80, 24),
    progress: Progress | None = None,
) -> None:
    """Run the application without a terminal, and a story on it; what lessons reach is kept in memory."""

    async def run() -> None:
        app = KcsimApp(asked, delivery, progress=progress or Progress())
        async with app.run_test(size=size) as pilot:
            user = Driver(app, pilot)
            await user.settle()
            await story(user)

    asyncio.run(run())

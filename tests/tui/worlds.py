"""Worlds and a driver for the tests of the terminal interface."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

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

    async def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """A text and enter, into the line that has the focus."""
        line = self.app.focused
        assert isinstance(line, Input), line
        line.value = text
        await self.pilot.pause()  # what follows the text as it is typed
        await self.pilot.press("enter")

    async def rest(self) -> None:
        """Until the world has come to rest and the screen shows it."""
        while self.session.running:
            await self.pilot.pause(0.005)
        await self.pilot.pause()

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
            await pilot.pause()
            await story(Driver(app, pilot))

    asyncio.run(run())

"""Keys typed in one breath reach the screen they are meant for, however long it takes to come."""

from __future__ import annotations

import asyncio

import pytest
from textual.screen import Screen
from textual.widgets import Input

from kcsim.engine.clock import MINUTE
from kcsim.tui.gallery import GalleryScreen
from kcsim.tui.run import RunScreen
from kcsim.tui.scrubber import ScrubberScreen
from tests.tui.worlds import SMALL, Driver, play

TURNS = 100
"""Turns of the event loop that a screen is kept from coming: more than a key takes that does not wait for it."""


def test_what_is_typed_after_a_key_that_asks_goes_into_the_answer():
    async def story(user: Driver) -> None:
        user.send("g", "4", "m")
        await user.settle()
        assert isinstance(user.app.focused, Input)
        assert user.app.focused.value == "4m"
        assert user.screen_below.board.current == "story", "4 is no pane here"
        await user.press("enter")
        await user.rest()
        assert user.session.now == 4 * MINUTE
        assert not user.screen_below.world.state.kept.marks, "and m no bookmark"

    play(story, SMALL, "push")


def test_what_is_typed_after_a_key_that_opens_a_screen_goes_there():
    async def story(user: Driver) -> None:
        await user.press("g")
        await user.type("6m")
        await user.rest()
        user.send("t", "+", "+")
        await user.settle()
        assert isinstance(user.app.screen, ScrubberScreen)
        start, end = user.app.screen.window
        assert end - start < 10 * MINUTE

    play(story, SMALL, "push")


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every screen takes its time to be built."""
    build = Screen.mount_composed_widgets

    async def at_leisure(self: Screen, widgets: list) -> None:
        await asyncio.sleep(0.01)
        await build(self, widgets)

    monkeypatch.setattr(Screen, "mount_composed_widgets", at_leisure)


def test_no_key_reaches_a_screen_before_it_is_there(monkeypatch):
    async def story(user: Driver) -> None:
        come = asyncio.Event()
        build = Screen.mount_composed_widgets

        async def when_told(self: Screen, widgets: list) -> None:
            await come.wait()
            await build(self, widgets)

        await user.press("g", *"6m", "enter")
        await user.rest()
        monkeypatch.setattr(Screen, "mount_composed_widgets", when_told)
        user.send("t", "+", "+")
        for _ in range(TURNS):
            await asyncio.sleep(0.001)
        assert isinstance(user.app.screen, ScrubberScreen)
        assert not user.app.screen.is_mounted
        come.set()
        await user.settle()
        start, end = user.app.screen.window
        assert end - start < 10 * MINUTE

    play(story, SMALL, "push")


def test_nor_does_anything_else_that_is_asked_of_it(late):
    async def story(user: Driver) -> None:
        user.app.push_screen(ScrubberScreen(user.screen_below.world))
        screen = user.app.screen
        assert not screen.is_mounted
        assert await user.app.run_action("whole", screen)
        assert screen.is_mounted
        user.app.pop_screen()
        await user.settle()

    play(story, SMALL, "push")


def test_what_is_told_waits_for_the_screen_it_is_told_on(late):
    async def story(user: Driver) -> None:
        user.app.switch_world(user.screen_below.world)
        user.app.tell("here I am")
        assert not user.app.screen.is_mounted
        await user.settle()
        assert user.message == "here I am"

    play(story, SMALL, "push")


JOURNEYS = {
    "panes": ("2", "down", "down", "enter", "y", "D", "H"),
    "why": ("2", "down", "w", "down", "p"),
    "timeline": ("t", "+", "+", "left", "left", "m", "-", "n"),
    "network": ("n", "tab", "down", "enter", "y"),
    "a path": ("n", "r", *"users", "enter", "enter", *"http://web.shop/", "enter"),
    "help": ("?", *"heat", "enter", "2", "M"),
    "palette": ("ctrl+p", *"timeline", "enter", "+"),
    "inject": ("i", *"node-crash", "enter", "enter", "down", "enter", "down", "enter"),
    "inject, not": ("i", *"node-crash", "enter", "enter", "enter", "enter"),
    "command": (":", *"kubectl get pods -n shop", "enter", "down"),
    "own command": (":", *"timeline", "enter", "+", "+"),
    "kind": (":", *"deploy", "enter", "enter", "y"),
    "filter": ("2", "/", *"web", "enter", "down", "enter", "y"),
    "predict": ("P", "enter", "down", "enter", "escape"),
    "save": ("s", "ctrl+u", *"mine.yaml", "enter", "s", "ctrl+u", *"mine.yaml", "enter", "down", "enter"),
    "export": ("x", "down", "enter"),
    "delete, not": ("2", "down", "ctrl+d", "enter", "1"),
    "fork": ("f", "ctrl+u", *"calm", "enter", "t", "+", "escape", "b", "down", "enter", "b", "enter"),
    "compare": ("c", "enter", "[", "["),
    "gallery": ("escape", "escape", "down", "up", "enter", "2", "down"),
    "leave, not": ("q", "enter", "1"),
}


def test_a_breath_of_keys_does_on_every_screen_what_the_same_keys_do_one_by_one(late, tmp_path, monkeypatch):
    seen: dict[str, dict[str, str]] = {}

    def journey(way: str) -> None:
        async def story(user: Driver) -> None:
            await user.press("g", *"6m", "enter")
            await user.rest()
            for name, keys in JOURNEYS.items():
                if way == "slowly":
                    await user.press(*keys)
                else:
                    user.send(*keys)
                await user.settle()
                seen.setdefault(name, {})[way] = user.text
                while not isinstance(user.app.screen, RunScreen | GalleryScreen):
                    await user.press("escape")
                if isinstance(user.app.screen, GalleryScreen):
                    await user.press("enter")

        where = tmp_path / way
        where.mkdir()
        monkeypatch.chdir(where)
        play(story, SMALL, "push")

    journey("slowly")
    journey("in one breath")
    for name, ways in seen.items():
        assert ways["in one breath"] == ways["slowly"], name

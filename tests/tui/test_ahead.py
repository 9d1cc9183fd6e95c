"""Keys typed in one breath reach the screen they are meant for."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from kcsim.engine.clock import MINUTE
from kcsim.tui.scrubber import ScrubberScreen
from tests.tui.worlds import SMALL, Driver, play


def at_once(user: Driver, *keys: str) -> None:
    """Keys that arrive together, as from a slow link."""
    for key in keys:
        char = {"full_stop": ".", "plus": "+"}.get(key, key)
        user.app.post_message(events.Key(key, char if len(char) == 1 else None))


def test_what_is_typed_after_a_key_that_asks_goes_into_the_answer():
    async def story(user: Driver) -> None:
        at_once(user, "g", "4", "m")
        for _ in range(50):
            await user.pilot.pause(0.02)
            if isinstance(user.app.focused, Input) and user.app.focused.value == "4m":
                break
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
        at_once(user, "t", "plus", "plus")
        for _ in range(50):
            await user.pilot.pause(0.02)
            if isinstance(user.app.screen, ScrubberScreen) and user.app.screen.window[1] < 10 * MINUTE:
                break
        assert isinstance(user.app.screen, ScrubberScreen)
        start, end = user.app.screen.window
        assert end - start < 10 * MINUTE

    play(story, SMALL, "push")

"""A picture of the terminal interface: the real application, driven by keys, drawn like the other terminals.

The world on the screen is made by its seed, so the picture changes only when the screen does. Colours become the sixteen
that `tools.pictures` knows, so that light and dark follow the reader's own setting here too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual.widgets import Input

from kcsim.tui.app import KcsimApp
from kcsim.tui.run import RunScreen
from kcsim.tui.themes import DARK
from tools.pictures import draw

_COLOURS = {
    DARK.error: "31",
    DARK.success: "32",
    DARK.warning: "33",
    DARK.primary: "34",
    DARK.accent: "35",
    DARK.variables["muted"]: "2",
    DARK.panel: "2",
    DARK.foreground: "",
}


def screen(story: str, delivery: str, keys: Sequence[str], size: tuple[int, int], title: str) -> str:
    """The picture of a run after some keys; a key that begins with ``=`` is a text typed into the line that is open."""
    return draw(asyncio.run(_lines(story, delivery, keys, size)), title)


async def _lines(story: str, delivery: str, keys: Sequence[str], size: tuple[int, int]) -> list[str]:
    app = KcsimApp(story, delivery)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for key in keys:
            if key.startswith("="):
                assert isinstance(app.focused, Input), f"no line is open for {key}"
                app.focused.value = key[1:]
                await pilot.press("enter")
            else:
                await pilot.press(key)
            while isinstance(app.screen, RunScreen) and app.screen.world.refresh().running:
                await pilot.pause(0.01)
        await pilot.pause()
        strips = app.screen._compositor.render_strips()  # noqa: SLF001 - what export_screenshot reads
        return ["".join(_text(strip)).rstrip() for strip in strips]


def _text(segments: Iterable[Segment]) -> Iterable[str]:
    for text, style, _ in segments:
        codes = []
        if style is not None:
            if style.bold:
                codes.append("1")
            triplet = style.color.get_truecolor() if style.color is not None else None
            if triplet is not None and (code := _COLOURS.get(_nearest(triplet.hex))):
                codes.append(code)
        yield f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if codes else text


def _nearest(colour: str) -> str:
    """The colour of the theme that is closest: blending moves them a little."""

    def parts(text: str) -> list[int]:
        return [int(text[at : at + 2], 16) for at in (1, 3, 5)]

    def distance(known: str) -> int:
        return sum((a - b) ** 2 for a, b in zip(parts(known), parts(colour), strict=True))

    return min((known for known in _COLOURS if known is not None), key=distance)

"""How the screens look, kept as text: reviewable in a diff, and the same under every version of Textual and its fonts.

    KCSIM_UPDATE_SCREENS=1 python -m pytest tests/tui/test_screens.py       writes them anew

What the world decides by dice or by its profile of delays (names of pods, fractions of seconds) is blotted out.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.tui.worlds import SMALL, Driver, play

KEPT = Path(__file__).with_name("screens")
_SUFFIX = re.compile(r"(?<=web-)[a-z0-9]{6,10}(?:-[a-z0-9]{5})?|(?<=-controller-)[a-z0-9]{6,10}-[a-z0-9]{5}")
_SECONDS = re.compile(r"(?<=:)\d\d(?= )|(?<=\d\.)\d{3}(?=s)")
_AGE = re.compile(r"(?<=m)\d+(?=s\b)|\b\d+(?=s\b)|(?<=records )[\d,]+")
_SHA = re.compile(r"\b[0-9a-f]{7}\b")


def blotted(text: str) -> str:
    """The screen without what dice decide; the width of everything stays."""
    for pattern in (_SUFFIX, _SHA):
        text = pattern.sub(lambda found: "x" * len(found[0]), text)
    for pattern in (_SECONDS, _AGE):
        text = pattern.sub(lambda found: "0" * len(found[0]), text)
    return text


async def visit(user: Driver) -> dict[str, str]:
    """One walk past all screens: {name: what is seen}."""
    seen = {}

    async def look(name: str, *keys: str) -> None:
        await user.press(*keys)
        await user.pilot.pause()
        seen[name] = blotted(user.text)

    async def go_to(text: str) -> None:
        await user.press("g")
        await user.type(text)
        await user.rest()

    await look("beginning", "escape", "enter")
    await look("help", "question_mark")
    await user.press("escape")
    await go_to("8m")
    await look("story", "1")
    await look("pods", "2")
    await look("why", "4", "w")
    await look("palette", "i", "enter", "enter", "enter")
    await user.press("escape", "4", "v", "4")
    await go_to("4m")
    await look("past", "4")
    await user.press("escape")
    await go_to("end")
    await look("score", "6")
    await look("gallery", *["escape"] * (1 if user.app.size.width >= 140 else 2))
    return seen


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_screens_look_as_they_did(size, monkeypatch):
    # The gallery of the test is the one story: shipped ones may change without changing the screen.
    monkeypatch.setattr("kcsim.tui.catalogue.gallery", dict)
    seen = {}

    async def story(user: Driver) -> None:
        seen.update(await visit(user))

    play(story, SMALL, "push", size=size)
    if os.environ.get("KCSIM_UPDATE_SCREENS"):
        KEPT.mkdir(exist_ok=True)
        for name, text in seen.items():
            kept(name, size).write_text(text + "\n", encoding="utf-8")
    for name, text in seen.items():
        assert text + "\n" == kept(name, size).read_text(encoding="utf-8"), name


def kept(name: str, size: tuple[int, int]) -> Path:
    return KEPT / f"{name}-{size[0]}x{size[1]}.txt"

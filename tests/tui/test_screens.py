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


async def at_the_gallery(user: Driver) -> None:
    await user.press("escape")


async def in_the_middle(user: Driver) -> None:
    await user.press("g")
    await user.type("8m")
    await user.rest()


async def with_pods(user: Driver) -> None:
    await in_the_middle(user)
    await user.press("2")


async def with_a_reason(user: Driver) -> None:
    await in_the_middle(user)
    await user.press("4", "w")


async def in_the_past(user: Driver) -> None:
    await in_the_middle(user)
    await user.press("4", "g")
    await user.type("4m")


async def at_the_end(user: Driver) -> None:
    await user.press("g")
    await user.type("end")
    await user.rest()
    await user.press("6")


async def with_help(user: Driver) -> None:
    await user.press("question_mark")


async def with_the_palette(user: Driver) -> None:
    await in_the_middle(user)
    await user.press("i", "enter", "enter", "enter")


SCREENS = {
    "gallery": at_the_gallery,
    "story": in_the_middle,
    "pods": with_pods,
    "why": with_a_reason,
    "past": in_the_past,
    "score": at_the_end,
    "help": with_help,
    "palette": with_the_palette,
}


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_did(name, size, monkeypatch):
    # The gallery of the test is the one story: shipped ones may change without changing the screen.
    monkeypatch.setattr("kcsim.tui.catalogue.gallery", dict)
    seen = []

    async def story(user: Driver) -> None:
        await SCREENS[name](user)
        await user.pilot.pause()
        seen.append(blotted(user.text))

    play(story, SMALL, "push", size=size)
    file = KEPT / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("KCSIM_UPDATE_SCREENS"):
        KEPT.mkdir(exist_ok=True)
        file.write_text(seen[0] + "\n", encoding="utf-8")
    assert seen[0] + "\n" == file.read_text(encoding="utf-8")

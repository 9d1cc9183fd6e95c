"""How the screens look, kept as text: reviewable in a diff, and the same under every version of Textual and its fonts.

Beside each screen stands which colour of the theme each character has, as one letter: every theme must give the same.

    KCSIM_UPDATE_SCREENS=1 python -m pytest tests/tui/test_screens.py       writes them anew

What the world decides by dice or by its profile of delays (names of pods, fractions of seconds) is blotted out.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from textual.color import Color
from textual.screen import ModalScreen

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


def colours(user: Driver) -> str:
    """A letter for each character that is not blank: the colour of the theme that it has; ``.`` is that of plain text."""
    theme = user.app.current_theme
    known = {
        "p": theme.primary,
        "s": theme.success,
        "w": theme.warning,
        "e": theme.error,
        "a": theme.accent,
        "m": theme.variables["muted"],
        ".": theme.foreground,
        "-": theme.panel,
    }
    parts = {letter: Color.parse(text or "#000000").rgb for letter, text in known.items()}

    def letter_of(rgb: tuple[int, int, int]) -> str:
        return min(parts, key=lambda each: sum(abs(a - b) for a, b in zip(parts[each], rgb, strict=True)))

    lines = []
    for strip in user.app.screen._compositor.render_strips():
        line = ""
        for text, style, _ in strip:
            colour = style.color if style is not None else None
            letter = "." if colour is None else letter_of(tuple(colour.get_truecolor()))
            line += "".join(" " if char == " " else letter for char in text)
        lines.append(line.rstrip())
    return "\n".join(lines)


async def visit(user: Driver) -> dict[str, str]:
    """One walk past all screens: {name: what is seen, and in which colours}."""
    seen = {}

    async def look(name: str, *keys: str) -> None:
        await user.press(*keys)
        await user.settle()
        await user.settle()
        # What a question stands over is dimmed, and has no colour of the theme.
        painted = "" if isinstance(user.app.screen, ModalScreen) else f"\n\n{colours(user)}"
        seen[name] = blotted(user.text) + painted

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
    await look("object-yaml", "4", "enter", "y")
    await look("object-diff", "D")
    await look("object-history", "H")
    await look("why", "w")
    await look("prevented", "p")
    await user.press("escape", "escape")
    await look("network", "n")
    await user.press("escape")
    await user.press("i")
    await user.settle()
    await user.type("node-crash")
    await user.settle()
    await look("palette", "enter", "enter")
    await user.press("escape", "4", "v", "4")
    await go_to("4m")
    await look("past", "4")
    await look("timeline", "t", "m")
    await user.press("escape", "f")
    await user.type("calm")
    await user.settle()
    await go_to("8m")
    await look("worlds", "b")
    await user.press("escape", "c")
    await user.settle()
    await user.press("down", "enter")  # with Flux, which has not begun
    await user.settle()
    await look("compare", "left_square_bracket")
    await user.press("escape", "escape", "b", "enter")
    await user.settle()
    await go_to("end")
    await look("score", "6")
    await look("gallery", *["escape"] * (1 if user.app.size.width >= 140 else 2))
    return seen


@pytest.mark.parametrize("theme", ["kcsim-dark", "kcsim-light"])
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_screens_look_as_they_did(size, theme, monkeypatch):
    # The gallery of the test is the one story: shipped ones may change without changing the screen.
    monkeypatch.setattr("kcsim.tui.catalogue.gallery", dict)
    monkeypatch.setattr("kcsim.tui.catalogue.lessons", dict)
    seen = {}

    async def story(user: Driver) -> None:
        user.app.theme = theme
        seen.update(await visit(user))

    play(story, SMALL, "push", size=size)
    if os.environ.get("KCSIM_UPDATE_SCREENS") and theme == "kcsim-dark":
        KEPT.mkdir(exist_ok=True)
        for name, text in seen.items():
            kept(name, size).write_text(text + "\n", encoding="utf-8")
    for name, text in seen.items():
        assert text + "\n" == kept(name, size).read_text(encoding="utf-8"), name


def kept(name: str, size: tuple[int, int]) -> Path:
    return KEPT / f"{name}-{size[0]}x{size[1]}.txt"

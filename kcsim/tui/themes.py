"""How kcsim looks: dark, light, one for colour-blind eyes (Okabe and Ito's palette), and one without colour.

Every state has a glyph and a word beside its colour (``kcsim.views.states``), so that the last one loses nothing.
"""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="kcsim-dark",
    primary="#5fafff",
    secondary="#87afd7",
    accent="#ffd75f",
    success="#5fd787",
    warning="#ffaf5f",
    error="#ff6b6b",
    foreground="#d8dee9",
    background="#11151c",
    surface="#171c25",
    panel="#222a36",
    dark=True,
    variables={"muted": "#8b95a7"},
)
LIGHT = Theme(
    name="kcsim-light",
    primary="#005f9e",
    secondary="#3c6e91",
    accent="#8a5a00",
    success="#00713a",
    warning="#9a5200",
    error="#b3261e",
    foreground="#1b1f24",
    background="#ffffff",
    surface="#f5f7f9",
    panel="#dfe5ea",
    dark=False,
    variables={"muted": "#5b6570"},
)
COLOUR_BLIND = Theme(
    name="kcsim-cb",
    primary="#56b4e9",
    secondary="#999999",
    accent="#f0e442",
    success="#009e73",
    warning="#e69f00",
    error="#d55e00",
    foreground="#e6e6e6",
    background="#101010",
    surface="#181818",
    panel="#2a2a2a",
    dark=True,
    variables={"muted": "#a0a0a0"},
)
MONO = Theme(
    name="kcsim-mono",
    primary="#ffffff",
    secondary="#c0c0c0",
    accent="#ffffff",
    success="#ffffff",
    warning="#ffffff",
    error="#ffffff",
    foreground="#e0e0e0",
    background="#000000",
    surface="#000000",
    panel="#303030",
    dark=True,
    variables={"muted": "#a0a0a0"},
)
THEMES = (DARK, LIGHT, COLOUR_BLIND, MONO)
"""In the order in which the theme key goes round."""


def following(name: str) -> str:
    """The theme after the one of that name."""
    names = [theme.name for theme in THEMES]
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]

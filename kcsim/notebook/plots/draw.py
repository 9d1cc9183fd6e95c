"""The one place that knows matplotlib: a figure in the colours of all pictures, and its SVG, the same bytes every time.

No ``pyplot``: it keeps figures in a global list and takes longer to load.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from kcsim.engine.extras import needed
from kcsim.views.markup import tag

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, as in every other picture."""
INK = "#7a828c"
"""Is read on light pages and on dark ones."""
_SETTINGS = {
    "svg.hashsalt": "kcsim",  # ids come from what is drawn, not from chance
    "svg.fonttype": "none",  # words stay words
    "font.family": "sans-serif",
    "font.size": 9,
}


def _matplotlib(module: str) -> Any:
    return needed(f"matplotlib.{module}", "a plot", "kcsim[plots]", "str() and to_records() have its numbers")


def canvas(title: str, across: str, up: str) -> tuple[Any, Any]:
    """(figure, axes), empty.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    figure = _matplotlib("figure").Figure(figsize=(7.2, 3.8), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.set_title(title, color=INK, fontsize=10)
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.tick_params(colors=INK)
    axes.grid(alpha=0.25, color=INK)
    for side, spine in axes.spines.items():
        spine.set_color(INK)
        spine.set_visible(side in {"left", "bottom"})
    return figure, axes


def svg(figure: Any, described: str) -> str:
    """A figure as an SVG element that says what it shows."""
    matplotlib = needed("matplotlib", "a plot", "kcsim[plots]")
    out = StringIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    drawn = text[text.index("<svg") :]
    opened, rest = drawn.split(">", 1)
    return f'{opened} role="img" style="max-width:100%;height:auto">{tag("desc", described)}{rest}'

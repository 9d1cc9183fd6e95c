"""The little HTML that notebooks show: tables and words, every text escaped, in the colours of whatever page they are in."""

from __future__ import annotations

from collections.abc import Sequence

from kcsim.views.markup import EMPTY, Markup, joined, tag
from kcsim.views.svg import STYLE, Svg

ROWS = 12
"""Rows of a table that stand open; the rest is a fold away."""

_STYLE = Markup(
    ".kcsim{font:13px/1.5 system-ui,sans-serif}.kcsim table{border-collapse:collapse;margin:.4em 0}"
    ".kcsim th,.kcsim td{border-bottom:1px solid #8884;padding:2px 12px 2px 0;text-align:left;vertical-align:top}"
    ".kcsim .soft{opacity:.7}.kcsim .bad{font-weight:600}.kcsim code,.kcsim pre{font:12px ui-monospace,monospace}"
    ".kcsim pre{overflow-x:auto;margin:.4em 0}.kcsim svg{display:block;margin:.4em 0}"
)


def page(*parts: str) -> str:
    """Parts as one output cell; the rules of pictures come along when there is one."""
    body = joined(parts)
    style = joined([_STYLE, STYLE]) if "<svg" in body else _STYLE
    return str(joined([tag("style", style), tag("div", body, class_="kcsim")]))


def line(strong: object, soft: object = "") -> Markup:
    """A line: what matters, then what goes with it."""
    return tag("div", tag("b", strong), " ", tag("span", soft, class_="soft"))


def note(words: object) -> Markup:
    """A line of what matters less."""
    return tag("div", words, class_="soft")


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> Markup:
    """A table of texts; the first column of each row is its heading. A long one is folded after ``ROWS`` rows."""
    shown = _table(head, rows[:ROWS])
    rest = len(rows) - ROWS
    if rest <= 0:
        return shown
    return joined([shown, tag("details", tag("summary", f"{rest} more"), _table(head, rows[ROWS:]))])


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> Markup:
    heads = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = (tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows)
    return tag("table", tag("thead", heads), tag("tbody", *body))


def fold(title: object, *parts: object) -> Markup:
    """Something that stands closed under its title."""
    return tag("details", tag("summary", title), *parts)


def code(words: object) -> Markup:
    """Text as a machine wrote it."""
    return tag("pre", words) if str(words).strip() else EMPTY


def drawn(picture: Svg) -> Markup:
    """A picture."""
    return picture.embedded()

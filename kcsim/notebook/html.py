"""The little HTML that notebooks show: tables and words, every text escaped, in the colours of whatever page they are in."""

from __future__ import annotations

from collections.abc import Sequence

from kcsim.views.markup import EMPTY, Markup, joined, tag
from kcsim.views.moments import short_actor
from kcsim.views.svg import STYLE, Svg

ROWS = 12
"""Rows of a table that stand open; the rest is a fold away."""

_STYLE = Markup(
    ".kcsim{font:13px/1.5 system-ui,sans-serif;overflow-x:auto}"
    ".kcsim.kcsim.kcsim table{border-collapse:collapse;margin:.4em 0;table-layout:auto;font-size:inherit}"
    ".kcsim.kcsim.kcsim tr{background:none}"
    ".kcsim.kcsim.kcsim th,.kcsim.kcsim.kcsim td{border:0;border-bottom:1px solid #8884;padding:2px 12px 2px 0;"
    "text-align:left;vertical-align:top;line-height:1.5}"
    ".kcsim.kcsim.kcsim tbody th{font-weight:400}.kcsim.kcsim.kcsim thead th{font-weight:600}"
    ".kcsim .soft{opacity:.7}.kcsim .bad{font-weight:600}.kcsim code,.kcsim pre{font:12px ui-monospace,monospace}"
    ".kcsim .detail{overflow-wrap:anywhere}"
    ".kcsim pre{overflow-x:auto;margin:.4em 0}.kcsim svg{display:block;margin:.4em 0}"
)
"""Named thrice, as JupyterLab has rules of its own for tables in outputs, and more particular ones than a class."""


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


def who(actor: str) -> object:
    """Who did it, without what only machines need; the whole name where a pointer rests."""
    short = short_actor(actor)
    return short if short == actor else tag("span", short, title=actor)


def detail(words: str) -> Markup:
    """Words that may be long and without a blank: broken where need be."""
    return tag("span", words, class_="detail") if words else EMPTY


def code(words: object) -> Markup:
    """Text as a machine wrote it."""
    return tag("pre", words) if str(words).strip() else EMPTY


def drawn(picture: Svg) -> Markup:
    """A picture."""
    return picture.embedded()

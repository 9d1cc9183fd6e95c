"""Text in markup: what HTML and SVG pages are made of, escaped by construction.

A ``Markup`` is finished; every other value is a text and is escaped when it becomes part of an element. What no XML or
HTML page can hold (control characters, halves of surrogate pairs) and what would turn the direction of the text around
it becomes U+FFFD, so that no name of an object, commit or scenario can break a page or lie about what stands beside it.

**Walk:** ``tag("td", name, class_="soft")`` -> children escaped -> attributes escaped -> ``Markup``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_UNFIT = re.compile(
    "[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef]|[\U0001fffe-\U0001ffff]"
)
VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta"})
"""Elements of HTML without an end."""


class Markup(str):
    """Markup that is safe to be put into a page as it is."""

    __slots__ = ()


EMPTY = Markup("")


def fit(value: object) -> str:
    """The text with everything replaced that a page cannot hold."""
    return _UNFIT.sub("\ufffd", str(value))


def text(value: object) -> Markup:
    """A value as markup: itself when it is, escaped otherwise."""
    return value if isinstance(value, Markup) else Markup(escape(fit(value), quote=True))


def joined(parts: Iterable[object], between: str = "") -> Markup:
    """Parts one after the other."""
    return Markup(between.join(text(part) for part in parts))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: markup as it is, everything else escaped.
        attributes: ``class_`` is class, ``data_at`` data-at; True stands alone, None and False are left out.
    """
    opened = f"<{name}{_attributes(attributes)}>"
    return Markup(opened) if name in VOID else Markup(f"{opened}{joined(children)}</{name}>")


def _attributes(attributes: dict[str, object]) -> str:
    return "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )

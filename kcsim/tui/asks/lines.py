"""Lines of text with spans in named styles, and how they are made; drawn by ``kcsim.tui.widgets.pager``."""

from __future__ import annotations

from collections.abc import Sequence

Span = tuple[str, str]
"""A piece of text and its style: "" plain, or ``key``, ``dim``, ``title``, ``state--failed`` ..."""
TextLine = Sequence[Span]


MANAGER_STYLES = ("manager--0", "manager--1", "manager--2", "manager--3", "manager--4", "manager--5")
"""Styles of the managers of fields, in the order in which an object names them."""


def wrapped(line: TextLine, width: int) -> list[TextLine]:
    """A line broken at blanks into lines of at most ``width``; the further ones are indented by two more."""
    whole = "".join(text for text, _ in line)
    if len(whole) <= width:
        return [line]
    hang = min(len(whole) - len(whole.lstrip(" ")) + 2, width // 2)
    parts: list[TextLine] = []
    start, indent = 0, 0
    while start < len(whole):
        end = start + width - indent
        if end < len(whole):
            blank = whole.rfind(" ", start + max(1, hang - indent), end + 1)
            end = blank if blank > start else end
        cut = _cut(line, start, end)
        parts.append([(" " * indent, ""), *cut] if indent else cut)
        start = end + len(whole[end:]) - len(whole[end:].lstrip(" "))
        indent = hang
    return parts


def _cut(line: TextLine, start: int, end: int) -> list[Span]:
    """The spans of the characters from ``start`` to ``end``."""
    spans: list[Span] = []
    place = 0
    for text, style in line:
        piece = text[max(0, start - place) : max(0, end - place)]
        if piece:
            spans.append((piece, style))
        place += len(text)
    return spans


def plain(text: str) -> list[TextLine]:
    """A text as it is."""
    return [((line, ""),) for line in text.split("\n")]


def yaml_lines(text: str) -> list[TextLine]:
    """YAML with its keys set apart from their values."""
    return [_yaml_line(line) for line in text.rstrip("\n").split("\n")]


def _yaml_line(line: str) -> TextLine:
    body = line.lstrip(" -")
    head = line[: len(line) - len(body)]
    key, colon, value = body.partition(":")
    if not colon or (value and not value.startswith(" ")) or key[:1] in {'"', "'", "{", "["}:
        return ((line, ""),)
    return ((head, ""), (f"{key}:", "key"), (value, ""))


def dim(text: str) -> TextLine:
    """A remark."""
    return ((text, "dim"),)


def short(text: str, most: int) -> str:
    """A text in at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"

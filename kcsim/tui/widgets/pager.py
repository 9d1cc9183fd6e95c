"""A text one can scroll through, drawn line by line, with spans in named styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kcsim.tui.keys import key
from kcsim.tui.widgets.states import STATE_CLASSES

Span = tuple[str, str]
"""A piece of text and its style: "" plain, or ``key``, ``dim``, ``title``, ``state--failed`` ..."""
TextLine = Sequence[Span]


class Pager(ScrollView, can_focus=True):
    """Lines of text; scrolls both ways."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pager--key", "pager--dim", "pager--title", *STATE_CLASSES}
    BINDINGS: ClassVar[list[BindingType]] = [
        key("up,k", "scroll_up", "Up", "Scroll up"),
        key("down,j", "scroll_down", "Down", "Scroll down"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._given: list[TextLine] = []
        self._lines: list[TextLine] = []
        self._wrap = False

    def show(self, lines: Iterable[TextLine], *, keep_place: bool = False, wrap: bool = False) -> None:
        """Show a text, from its top unless the place is to be kept; ``wrap`` breaks lines that are too long."""
        given = list(lines)
        if (given, wrap) != (self._given, self._wrap):
            self._given, self._wrap = given, wrap
            self._lay_out()
        if not keep_place:
            self.scroll_to(0, 0, animate=False)

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._lay_out()

    def _lay_out(self) -> None:
        # One column is kept for the scroll bar, so that its coming does not change the breaks.
        room = self.size.width - 3
        if self._wrap and room > 0:
            self._lines = [part for line in self._given for part in wrapped(line, room)]
        else:
            self._lines = self._given
        width = max((sum(len(text) for text, _ in line) for line in self._lines), default=0)
        self.virtual_size = Size(width + 2, len(self._lines))
        self.refresh()

    @property
    def text(self) -> str:
        """The text without styles."""
        return "\n".join("".join(part for part, _ in line) for line in self._lines)

    def render_line(self, y: int) -> Strip:
        """One line."""
        left, top = round(self.scroll_offset.x), round(self.scroll_offset.y)
        width, base = self.scrollable_content_region.width, self.rich_style
        if top + y >= len(self._lines):
            return Strip.blank(width, base)
        segments = [Segment(" ", base)]
        for text, name in self._lines[top + y]:
            component = name if name.startswith("state--") else f"pager--{name}"
            style = base + self.get_component_rich_style(component, partial=True) if name else base
            segments.append(Segment(text, style))
        return Strip(segments).crop_extend(left, left + width, base)


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

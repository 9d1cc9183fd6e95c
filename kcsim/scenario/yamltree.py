"""YAML with positions kept: text -> a tree of scalars, sequences and mappings that know their line and column.

**Imitates:** YAML 1.2's core schema for plain scalars. Left out on purpose: tags, the YAML 1.1 booleans yes/no/on/off
(refused, as their meaning depends on the reader), dates and base-60 numbers (plain text here).
**Walk:** libyaml's event stream is folded into the tree by one loop with its own stack, so deep nesting can neither
overflow the C stack nor Python's, and aliases share one tree whose unfolded size is counted before anything copies it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from kcsim.scenario.diagnostics import Position, Report

try:
    _Loader: Any = yaml.CSafeLoader
except AttributeError:  # a PyYAML built without libyaml: slower, the same events
    _Loader = yaml.SafeLoader

TEXT_MAX = 2_000_000
"""Characters of one file. The largest shipped scenario has some thousands."""
DEPTH_MAX = 60
NODES_MAX = 200_000
"""Nodes of one file with every alias unfolded."""
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True, eq=False)
class Tree:
    """Any node; `position` is where it begins."""

    position: Position
    size: int = field(default=1, kw_only=True)
    """Nodes below and with this one, aliases unfolded."""

    def value(self) -> Any:
        """Plain JSON data."""
        raise NotImplementedError

    def at(self, *path: str | int) -> Position:
        """Where the value at `path` begins; the nearest that exists when it does not."""
        node: Tree = self
        for step in path:
            below = node.child(step)
            if below is None:
                break
            node = below
        return node.position

    def key_at(self, *path: str | int) -> Position:
        """Where the key of `path` stands; for an item of a sequence the item itself."""
        node: Tree = self
        position = self.position
        for step in path:
            below = node.child(step)
            if below is None:
                return position
            position = node.keys[str(step)] if isinstance(node, Mapping) else below.position
            node = below
        return position

    def child(self, step: str | int) -> "Tree | None":
        """The node one step down."""
        if isinstance(self, Mapping):
            return self.items.get(str(step))
        if isinstance(self, Sequence) and isinstance(step, int) and 0 <= step < len(self.items):
            return self.items[step]
        return None


@dataclass(slots=True, eq=False)
class Scalar(Tree):
    """A text, number, boolean or null."""

    text: str
    plain: bool
    """Unquoted: its type comes from how it looks."""
    block: bool = False
    """Written as `|`: line n of the text is line n below the key."""
    block_indent: int = 0
    start: int = 0
    """Offset of its first character in the file; with `end` for edits in place."""
    end: int = 0

    def value(self) -> Any:
        """The text, or what a plain scalar stands for."""
        return plain_value(self.text) if self.plain else self.text

    def inside(self, line: int, column: int = 1) -> Position:
        """Where line and column (from 1) of the text stand in the file; only a `|` block keeps its lines."""
        if not self.block:
            return self.position
        here = self.position
        return Position(here.file, here.line + line, self.block_indent + column)

    def in_line(self, offset: int) -> Position:
        """Where character `offset` of a one-line text stands; block and multi-line texts give their beginning."""
        here = self.position
        if self.block:
            line = self.text.count("\n", 0, offset)
            column = offset - (self.text.rfind("\n", 0, offset) + 1)
            return self.inside(line + 1, column + 1)
        if "\n" in self.text:
            return here
        return Position(here.file, here.line, here.column + offset + (0 if self.plain else 1))


@dataclass(slots=True, eq=False)
class Sequence(Tree):
    """A list."""

    items: list[Tree] = field(default_factory=list)

    def value(self) -> Any:
        """A list of the items' values."""
        return [item.value() for item in self.items]


@dataclass(slots=True, eq=False)
class Mapping(Tree):
    """A map; `keys` tells where each key stands."""

    items: dict[str, Tree] = field(default_factory=dict)
    keys: dict[str, Position] = field(default_factory=dict)

    def value(self) -> Any:
        """A dict of the values, in the file's order."""
        return {key: item.value() for key, item in self.items.items()}


_INT = re.compile(r"[-+]?[0-9]{1,19}")
_OCTAL = re.compile(r"0o[0-7]{1,21}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
AMBIGUOUS = frozenset({"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"})


def plain_value(text: str) -> Any:
    """What an unquoted scalar stands for: null, a boolean, a number, or its text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and any(mark in text for mark in ".eE"):
        return float(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEX.fullmatch(text):
        return int(text, 0)
    return text


class _TooLarge(Exception):
    """The document passed a limit; `args` are message and mark."""


class _Builder:
    """Folds events into a tree; one instance a document."""

    def __init__(self, file: str, lines: list[str], report: Report) -> None:
        self.file = file
        self.lines = lines
        self.report = report
        self.stack: list[Tree] = []
        self.pending: list[tuple[str, Position] | None] = []
        self.anchors: dict[str, Tree] = {}
        self.open_anchors: list[str | None] = []
        self.root: Tree | None = None
        self.count = 0

    def position(self, mark: Any) -> Position:
        return Position(self.file, mark.line + 1, mark.column + 1)

    def feed(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.add(self.scalar(event), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self.alias(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self.open(Sequence(self.position(event.start_mark)), event)
        elif isinstance(event, yaml.MappingStartEvent):
            self.open(Mapping(self.position(event.start_mark)), event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self.close()

    def scalar(self, event: Any) -> Scalar:
        style = event.style
        start, end = event.start_mark, event.end_mark
        plain = style is None or style == ""
        block = style == "|"
        node = Scalar(self.position(start), event.value, plain, block, start=start.index, end=end.index)
        if block:
            node.block_indent = self.block_indent(event)
        if plain and event.value in AMBIGUOUS and not self.expects_key():
            self.report.add(
                "KC010", node.position, f"{event.value!r} is a boolean to some and a text to others"
            )
        return node

    def block_indent(self, event: Any) -> int:
        for offset, line in enumerate(event.value.split("\n")):
            if line.strip():
                number = event.start_mark.line + 1 + offset
                raw = self.lines[number] if number < len(self.lines) else ""
                return max(0, len(raw.rstrip("\r")) - len(line))
        return 0

    def expects_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1], Mapping) and self.pending[-1] is None

    def open(self, node: Tree, event: Any) -> None:
        if len(self.stack) >= DEPTH_MAX:
            raise _TooLarge(f"nested more than {DEPTH_MAX} levels deep", event.start_mark)
        if self.expects_key():
            self.report.add("KC007", node.position, "a list or map cannot be a key")
        self.stack.append(node)
        self.pending.append(None)
        self.open_anchors.append(event.anchor)

    def close(self) -> None:
        node = self.stack.pop()
        self.pending.pop()
        anchor = self.open_anchors.pop()
        below = node.items.values() if isinstance(node, Mapping) else getattr(node, "items", ())
        node.size = 1 + sum(item.size for item in below)
        if isinstance(node, Mapping):
            self.merge(node)
        self.add(node, anchor)

    def alias(self, event: Any) -> None:
        position = self.position(event.start_mark)
        node = self.anchors.get(event.anchor)
        if node is None:
            self.report.add(
                "KC012", position, f"alias *{event.anchor} has no finished anchor &{event.anchor} before it"
            )
            node = Scalar(position, "", plain=True)
        self.add(node, None, position)

    def add(self, node: Tree, anchor: str | None, position: Position | None = None) -> None:
        self.count += node.size if position is not None else 1
        if self.count > NODES_MAX or node.size > NODES_MAX:
            raise _TooLarge(f"more than {NODES_MAX} values, aliases unfolded", None)
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif isinstance(parent, Mapping):
            self.add_to_mapping(parent, node, position or node.position)

    def add_to_mapping(self, parent: Mapping, node: Tree, position: Position) -> None:
        pending = self.pending[-1]
        if pending is None:
            if isinstance(node, Scalar):
                key = node.text
            else:
                key = f"({position.line}:{position.column})"
            self.pending[-1] = (key, position)
            return
        key, key_position = pending
        self.pending[-1] = None
        if key in parent.items:
            first = parent.keys[key]
            self.report.add("KC006", key_position, f"'{key}' is written twice; first in line {first.line}")
            return
        parent.items[key] = node
        parent.keys[key] = key_position

    def merge(self, node: Mapping) -> None:
        """`<<: *defaults`: keys of the merged map that are not written here."""
        source = node.items.get("<<")
        if source is None:
            return
        sources = source.items if isinstance(source, Sequence) else [source]
        position = node.keys["<<"]
        del node.items["<<"], node.keys["<<"]
        for each in sources:
            if not isinstance(each, Mapping):
                self.report.add(
                    "KC103", position, "'<<' merges maps", "Write `<<: *name` with an anchor on a map."
                )
                continue
            for key, item in each.items.items():
                if key not in node.items:
                    node.items[key] = item
                    node.keys[key] = each.keys[key]
        node.size = 1 + sum(item.size for item in node.items.values())


def parse(text: str, file: str, report: Report) -> Tree | None:
    """The tree of a file that holds one YAML document; None when it cannot be read or is empty.

    Faults go into `report`; several may be found although a tree comes back (duplicate keys).
    """
    trees = list(parse_all(text, file, report))
    if len(trees) > 1:
        report.add("KC008", trees[1].position, f"{len(trees)} documents in one file")
    return trees[0] if trees else None


def parse_all(text: str, file: str, report: Report) -> Iterator[Tree]:
    """The trees of a stream of documents; empty ones are left out. Stops at the first syntax fault."""
    if len(text) > TEXT_MAX:
        report.add("KC005", Position(file), f"{len(text)} characters; at most {TEXT_MAX} are read")
        return
    stray = _SURROGATE.search(text)
    if stray is not None:  # bytes of a command line that were no UTF-8
        line = text.count("\n", 0, stray.start())
        column = stray.start() - text.rfind("\n", 0, stray.start())
        report.add("KC002", Position(file, line + 1, column), "there is a character that no UTF-8 text holds")
        return
    lines = text.split("\n")
    builder = _Builder(file, lines, report)
    position = Position(file)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            position = builder.position(event.start_mark)
            builder.feed(event)
            if isinstance(event, yaml.DocumentEndEvent):
                if builder.root is not None and not _is_null(builder.root):
                    yield builder.root
                builder = _Builder(file, lines, report)
    except yaml.YAMLError as error:
        _syntax_fault(error, file, report)
    except _TooLarge as error:
        message, mark = error.args
        report.add("KC005", builder.position(mark) if mark is not None else position, message)


def _is_null(node: Tree) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text == ""


def _syntax_fault(error: Exception, file: str, report: Report) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        position = Position(file, mark.line + 1, mark.column + 1)
    else:
        position = Position(file)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    context = getattr(error, "context", None)
    message = f"{context}: {problem}" if context else str(problem)
    report.add("KC004", position, message, _syntax_remedy(str(problem)))


def _syntax_remedy(problem: str) -> str:
    if "\\t" in problem or "tab" in problem or "cannot start any token" in problem:
        return "Indent with spaces, never with tabs; quote texts that begin with @ ` % or a tab."
    if "mapping values are not allowed" in problem:
        return "Quote the text if it holds ': ', or mend the indentation of this line."
    if "could not find expected ':'" in problem:
        return "A key needs ': ' after it; the line above may lack an indent or a quote."
    return ""

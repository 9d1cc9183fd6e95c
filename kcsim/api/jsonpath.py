r"""JSONPath as kubectl, printer columns and scale paths write it: ``{.items[*].metadata.name}{"\n"}``.

**Imitates:** client-go ``util/jsonpath`` (v1.36): text between actions, fields, subscripts, slices, unions, wildcards,
recursive descent, filters, ``range``/``end``. Left out: nothing that kubectl's own documentation shows.

**Walk:** text -> ``parse`` (nodes) -> ``find`` (the values of each action) or ``render`` (their text).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


class JsonPathError(ValueError):
    """The template cannot be parsed, or names what is not there."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is printed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """``.name`` or ``['name']``."""

    name: str


@dataclass(frozen=True, slots=True)
class Slice:
    """``[1]``, ``[-1:]``, ``[0:4:2]``; ``single`` for one subscript."""

    start: int | None
    end: int | None
    step: int | None
    single: bool


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``[*]`` or ``.*``."""


@dataclass(frozen=True, slots=True)
class Recursive:
    """``..``: the value and everything below it."""


@dataclass(frozen=True, slots=True)
class Union:
    """``['a','b']`` or ``[0,2]``."""

    steps: tuple[Field | Slice, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """``[?(@.type=="Ready")]``; without an operator the left side must exist."""

    left: Path | Text
    operator: str
    right: Path | Text | None


Step = Field | Slice | Wildcard | Recursive | Union | Filter


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the current value, or from the root (``$``)."""

    steps: tuple[Step, ...]
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """``{range X}...{end}``: the body once for each value."""

    over: Path
    body: tuple[Node, ...]


Node = Text | Path | Range

_RELAXED = re.compile(r"^\{\.?([^{}]+)\}$|^\.?([^{}]+)$")
_OPERATORS = ("==", "!=", "<=", ">=", "<", ">")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_NAME = re.compile(r"(?:\\.|[^\s.\[\]{}'\"$@,()?*])+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def relaxed(text: str) -> str:
    """The strict form of a path that may lack braces and leading dot, as --sort-by and custom-columns take it.

    Raises:
        JsonPathError: when it is neither.
    """
    if not text:
        return text
    match = _RELAXED.match(text)
    if match is None:
        raise JsonPathError(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"
        )
    inner = match[1] or match[2]
    return "{" + (inner if inner.startswith("[") else f".{inner}") + "}"


@lru_cache(maxsize=512)
def parse(text: str) -> tuple[Node, ...]:
    """The nodes of a template.

    Raises:
        JsonPathError: naming what is wrong.
    """
    nodes, rest = _parse_nodes(_actions(text), 0, inside=False)
    if rest != len(_actions(text)):
        raise JsonPathError("not in range, nothing to end")
    return nodes


def _actions(text: str) -> list[tuple[bool, str]]:
    """The template cut into (is action, content)."""
    parts: list[tuple[bool, str]] = []
    position = 0
    while position < len(text):
        brace = text.find("{", position)
        if brace < 0:
            parts.append((False, text[position:]))
            break
        if brace > position:
            parts.append((False, text[position:brace]))
        end = _closing(text, brace + 1)
        parts.append((True, text[brace + 1 : end].strip()))
        position = end + 1
    return parts


def _closing(text: str, position: int) -> int:
    while position < len(text):
        char = text[position]
        if char == "}":
            return position
        if char in "\"'":
            match = _STRING.match(text, position)
            if match is None:
                raise JsonPathError("unterminated quoted string")
            position = match.end()
        else:
            position += 1
    raise JsonPathError("unclosed action")


def _parse_nodes(parts: list[tuple[bool, str]], at: int, *, inside: bool) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    while at < len(parts):
        action, content = parts[at]
        at += 1
        if not action:
            nodes.append(Text(content))
        elif content == "end":
            if not inside:
                raise JsonPathError("not in range, nothing to end")
            return tuple(nodes), at
        elif content.startswith("range "):
            body, at = _parse_nodes(parts, at, inside=True)
            nodes.append(Range(_path(content[6:].strip()), body))
        else:
            nodes.extend(_action(content))
    if inside:
        raise JsonPathError("unterminated range, expected end")
    return tuple(nodes), at


def _action(content: str) -> list[Node]:
    """The values an action lists: quoted texts and paths."""
    nodes: list[Node] = []
    position = 0
    while position < len(content):
        if content[position].isspace():
            position += 1
            continue
        if content[position] in "\"'":
            match = _STRING.match(content, position)
            if match is None:
                raise JsonPathError("unterminated quoted string")
            nodes.append(Text(_unquote(match[0])))
            position = match.end()
            continue
        path, position = _read_path(content, position)
        nodes.append(path)
    return nodes


def _path(text: str) -> Path:
    path, end = _read_path(text, 0)
    if end != len(text):
        raise JsonPathError(f"unrecognized character in action: {text[end]!r}")
    return path


def _read_path(text: str, position: int) -> tuple[Path, int]:
    steps: list[Step] = []
    absolute = text.startswith("$", position)
    if position < len(text) and text[position] in "$@":
        position += 1
    start = position
    while position < len(text):
        if text.startswith("..", position):
            steps.append(Recursive())
            position += 2
            if position < len(text) and text[position] not in ".[":
                step, position = _name(text, position)
                steps.append(step)
        elif text[position] == ".":
            position += 1
            if position == len(text) or text[position].isspace() or text[position] in "[)":
                continue
            step, position = _name(text, position)
            steps.append(step)
        elif text[position] == "[":
            step, position = _subscript(text, position)
            steps.append(step)
        elif position == start and not absolute:
            step, position = _name(text, position)
            steps.append(step)
        else:
            break
    return Path(tuple(steps), absolute), position


def _name(text: str, position: int) -> tuple[Step, int]:
    if text[position] == "*":
        return Wildcard(), position + 1
    match = _NAME.match(text, position)
    if match is None:
        raise JsonPathError(
            f"unrecognized character in action: U+{ord(text[position]):04X} {text[position]!r}"
        )
    return Field(re.sub(r"\\(.)", r"\1", match[0])), match.end()


def _subscript(text: str, position: int) -> tuple[Step, int]:
    end, depth = position + 1, 1
    while end < len(text) and depth:
        if text[end] in "\"'":
            match = _STRING.match(text, end)
            if match is None:
                raise JsonPathError("unterminated quoted string")
            end = match.end()
            continue
        depth += {"[": 1, "]": -1}.get(text[end], 0)
        end += 1
    if depth:
        raise JsonPathError("unterminated array")
    inner = text[position + 1 : end - 1].strip()
    return _bracket(inner), end


def _bracket(inner: str) -> Step:
    if inner == "*":
        return Wildcard()
    if inner.startswith("?(") and inner.endswith(")"):
        return _filter(inner[2:-1].strip())
    parts = _split(inner, ",")
    steps = tuple(_element(part.strip()) for part in parts)
    return steps[0] if len(steps) == 1 else Union(steps)


def _element(part: str) -> Field | Slice:
    if _STRING.fullmatch(part):
        return Field(_unquote(part))
    part = part or "0"  # ``[]`` is the first element
    bounds = part.split(":")
    if len(bounds) <= 3 and all(re.fullmatch(r"(-?\d+)?", bound.strip()) for bound in bounds):
        numbers = [int(bound) if bound.strip() else None for bound in bounds]
        start, stop, step = (*numbers, None, None)[:3]
        return Slice(start, stop, step, len(bounds) == 1)
    raise JsonPathError(f"invalid array index {part}")


def _filter(text: str) -> Filter:
    for position in range(len(text)):
        for operator in _OPERATORS:
            if text.startswith(operator, position) and not _quoted(text, position):
                left, right = text[:position].strip(), text[position + len(operator) :].strip()
                return Filter(_operand(left), operator, _operand(right))
    return Filter(_operand(text), "", None)


def _operand(text: str) -> Path | Text:
    if _STRING.fullmatch(text):
        return Text(_unquote(text))
    if text and text[0] in "@$.":
        return _path(text)
    return Text(text)


def _quoted(text: str, position: int) -> bool:
    return any(match.start() < position < match.end() for match in _STRING.finditer(text))


def _split(text: str, separator: str) -> list[str]:
    parts, last = [], 0
    for position, char in enumerate(text):
        if char == separator and not _quoted(text, position):
            parts.append(text[last:position])
            last = position + 1
    return [*parts, text[last:]]


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1])


# --- evaluation -------------------------------------------------------------------------------------------------


def find(text: str, value: Any, *, missing: bool = True) -> list[Any]:
    """The values that the paths of a template lead to; ``missing`` lets absent keys give nothing.

    Raises:
        JsonPathError: a bad template; an absent key or a subscript out of bounds.
    """
    found: list[Any] = []
    for node in parse(text):
        if isinstance(node, Path):
            found.extend(_walk(node, value, value, missing))
        elif isinstance(node, Range):
            raise JsonPathError("a range cannot be used where one value is wanted")
    return found


def render(text: str, value: Any, *, missing: bool = True) -> str:
    """The text of a template over a value.

    Raises:
        JsonPathError: as ``find``.
    """
    return "".join(_render(parse(text), value, value, missing))


def _render(nodes: Sequence[Node], value: Any, root: Any, missing: bool) -> list[str]:
    out: list[str] = []
    for node in nodes:
        if isinstance(node, Text):
            out.append(node.text)
        elif isinstance(node, Path):
            out.append(" ".join(show(found) for found in _walk(node, value, root, missing)))
        else:
            for item in _walk(node.over, value, root, missing):
                out.extend(_render(node.body, item, root, missing))
    return out


def show(value: Any) -> str:
    """One value as kubectl prints it: texts plain, lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _walk(path: Path, value: Any, root: Any, missing: bool) -> list[Any]:
    values = [root if path.absolute else value]
    for step in path.steps:
        found: list[Any] = []
        for current in values:
            found.extend(_step(step, current, root, missing))
        values = found
    return values


def _step(step: Step, value: Any, root: Any, missing: bool) -> list[Any]:
    match step:
        case Field(name):
            return _field(name, value, missing)
        case Slice():
            return _slice(step, value, missing)
        case Wildcard():
            return _children(value)
        case Recursive():
            return _below(value)
        case Union(steps):
            return [found for part in steps for found in _step(part, value, root, missing)]
        case Filter():
            items = value if isinstance(value, list) else _children(value)
            return [item for item in items if _accepts(step, item, root)]
    raise AssertionError(step)


def _field(name: str, value: Any, missing: bool) -> list[Any]:
    if isinstance(value, dict) and name in value:
        return [value[name]]
    if missing or value is None:
        return []
    raise JsonPathError(f"{name} is not found")


def _slice(step: Slice, value: Any, missing: bool) -> list[Any]:
    if value is None and missing:
        return []
    if not isinstance(value, list):
        raise JsonPathError(f"{show(value)} is not array or slice")
    if not step.single:
        return value[step.start : step.end : step.step]
    index = step.start or 0
    if -len(value) <= index < len(value):
        return [value[index]]
    raise JsonPathError(f"array index out of bounds: index {index}, length {len(value)}")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, list) else []


def _below(value: Any) -> list[Any]:
    found = [value] if isinstance(value, dict | list) else []
    for child in _children(value):
        found.extend(_below(child))
    return found


def _accepts(step: Filter, item: Any, root: Any) -> bool:
    left = _operand_values(step.left, item, root)
    if not step.operator:
        return bool(left)
    if not left or step.right is None:
        return False
    right = _operand_values(step.right, item, root)
    return bool(right) and _compare(step.operator, left[0], right[0])


def _operand_values(operand: Path | Text, item: Any, root: Any) -> list[Any]:
    return [operand.text] if isinstance(operand, Text) else _walk(operand, item, root, True)


def _compare(operator: str, left: Any, right: Any) -> bool:
    try:
        a, b = float(left), float(right)
        order = (a > b) - (a < b)
    except (TypeError, ValueError):
        x, y = show(left), show(right)
        order = (x > y) - (x < y)
    return {
        "==": order == 0,
        "!=": order != 0,
        "<": order < 0,
        ">": order > 0,
        "<=": order <= 0,
        ">=": order >= 0,
    }[operator]

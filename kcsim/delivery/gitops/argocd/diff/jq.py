"""Paths of jq, as far as `jqPathExpressions` uses them: which places of an object an expression names.

**Imitates:** `del(<expression>)` of jq 1.7 (gojq in argo-cd util/argo/normalizers/diff_normalizer.go) for paths: fields,
quoted fields, indexes, slices, `[]`, `..`, `?`, `|`, `,`, parentheses, and `select` with comparisons, `and`, `or`, `not`,
`test`, `startswith`, `endswith`, `contains`, `has`, `any`, `all`, `length`, `type`, `tostring`, `ascii_downcase`.
Left out: everything else (variables, arithmetic, `reduce`, `env`); `compile_path` refuses it by name.

**Walk:** an expression -> `compile_path` -> `paths` in an object -> `delete` without them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

Place = tuple[str | int, ...]
Found = tuple[Place, Any]
Filter = Callable[[Found], Iterator[Found]]
"""From a place and its value to places and values; a value that no place holds has the place `_NOWHERE`."""

_NOWHERE: Place = (-1,)
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<field>\.[A-Za-z_]\w*)
    |(?P<word>[A-Za-z_]\w*)|(?P<sign>\.\.|==|!=|<=|>=|[.\[\](){}|,:?<>])
    |(?P<other>\S))""",
    re.VERBOSE,
)
_ORDER = {"null": 0, "false": 1, "true": 2, "number": 3, "string": 4, "array": 5, "object": 6}


class UnsupportedExpressionError(ValueError):
    """An expression that is no jq, or a part of jq that is not modelled."""


class EvaluationError(ValueError):
    """An expression that does not fit the object; upstream skips the expression then."""


@lru_cache(maxsize=1024)
def compile_path(expression: str) -> Filter:
    """The filter behind an expression.

    Raises: UnsupportedExpressionError, naming the part.
    """
    parser = _Parser(expression)
    made = parser.pipe()
    if parser.at < len(parser.tokens):
        raise parser.refused()
    return made


def paths(expression: str, obj: Any) -> list[Place]:
    """The places that an expression names, in its order.

    Raises: UnsupportedExpressionError; EvaluationError where the object has another shape.
    """
    found = [place for place, _ in compile_path(expression)(((), obj))]
    if any(place == _NOWHERE for place in found):
        raise EvaluationError(f"invalid path expression: {expression}")
    return found


def delete(obj: Any, places: Sequence[Place]) -> Any:
    """The object without some places; those that are not there are of no account."""
    if () in places:
        return None
    by_step: dict[str | int, list[Place]] = {}
    for place in places:
        by_step.setdefault(place[0], []).append(place[1:])
    if isinstance(obj, dict):
        made = {}
        for key, value in obj.items():
            rest = by_step.get(key)
            if rest is None:
                made[key] = value
            elif () not in rest:
                made[key] = delete(value, rest)
        return made
    if isinstance(obj, list):
        wanted = {(s + len(obj) if s < 0 else s): rest for s, rest in by_step.items() if isinstance(s, int)}
        return [
            delete(value, wanted[i]) if i in wanted else value
            for i, value in enumerate(obj)
            if () not in wanted.get(i, ())
        ]
    return obj


class _Parser:
    """Recursive descent: pipe > comma > or > and > comparison > term with its suffixes."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            assert found is not None, "the last alternative takes anything"
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            position = found.end()

    def refused(self) -> UnsupportedExpressionError:
        rest = self.tokens[self.at][1] if self.at < len(self.tokens) else "its end"
        return UnsupportedExpressionError(f"jq: {self.text!r}: not modelled from {rest!r} on")

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, text: str) -> bool:
        if self.peek() == text and self.kind() != "string":
            self.at += 1
            return True
        return False

    def need(self, text: str) -> None:
        if not self.take(text):
            raise self.refused()

    def pipe(self) -> Filter:
        made = self.comma()
        while self.take("|"):
            made = _piped(made, self.comma())
        return made

    def comma(self) -> Filter:
        parts = [self.either()]
        while self.take(","):
            parts.append(self.either())
        return parts[0] if len(parts) == 1 else _each(parts)

    def either(self) -> Filter:
        made = self.both()
        while self.take("or"):
            made = _logical(made, self.both(), stop=True)
        return made

    def both(self) -> Filter:
        made = self.comparison()
        while self.take("and"):
            made = _logical(made, self.comparison(), stop=False)
        return made

    def comparison(self) -> Filter:
        left = self.term()
        for sign, holds in _COMPARISONS.items():
            if self.take(sign):
                return _compared(left, self.term(), holds)
        return left

    def term(self) -> Filter:
        made = self.primary()
        while True:
            if self.kind() == "field":
                name = self.tokens[self.at][1][1:]
                self.at += 1
                made = _piped(made, _member(name))
            elif self.peek() == "." and self._next() in ("string", "["):
                self.at += 1
            elif self.kind() == "string" and self.tokens[self.at - 1][1] == ".":
                made = _piped(made, _member(self.string()))
            elif self.take("["):
                made = _piped(made, self.bracket())
            elif self.take("?"):
                made = _tried(made)
            else:
                return made

    def _next(self) -> str:
        if self.at + 1 >= len(self.tokens):
            return ""
        kind, text = self.tokens[self.at + 1]
        return "string" if kind == "string" else text

    def primary(self) -> Filter:
        kind, text = self.kind(), self.peek()
        if kind == "field":
            self.at += 1
            return _member(text[1:])
        if kind == "string":
            return _constant(self.string())
        if kind == "number":
            self.at += 1
            return _constant(float(text) if "." in text else int(text))
        if self.take(".."):
            return _recurse
        if self.take("."):
            if self.kind() == "string":
                return _member(self.string())
            return _identity
        if self.take("("):
            made = self.pipe()
            self.need(")")
            return made
        if kind == "word":
            self.at += 1
            return self.call(text)
        raise self.refused()

    def string(self) -> str:
        raw = self.tokens[self.at][1]
        if "\\(" in raw:
            raise self.refused()
        self.at += 1
        return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), raw[1:-1])

    def bracket(self) -> Filter:
        if self.take("]"):
            return _items
        if self.take(":"):
            upper = self.index()
            self.need("]")
            return _slice(None, upper)
        if self.kind() == "string":
            name = self.string()
            self.need("]")
            return _member(name)
        lower = self.index()
        if self.take(":"):
            end = None if self.peek() == "]" else self.index()
            self.need("]")
            return _slice(lower, end)
        self.need("]")
        return _item(lower)

    def index(self) -> int:
        if self.kind() != "number" or "." in self.peek():
            raise self.refused()
        self.at += 1
        return int(self.tokens[self.at - 1][1])

    def call(self, name: str) -> Filter:
        if name in _CONSTANTS:
            return _constant(_CONSTANTS[name])
        if name in _PLAIN:
            return _valued(_PLAIN[name])
        if name == "recurse":
            return _recurse
        if name == "empty":
            return lambda _found: iter(())
        if name in ("any", "all") and self.peek() != "(":
            return _quantified(_identity, every=name == "all")
        if name not in (*_WITH_ARGUMENT, "select", "any", "all", "first"):
            self.at -= 1
            raise self.refused()
        self.need("(")
        argument = self.pipe()
        self.need(")")
        if name == "select":
            return _selected(argument)
        if name in ("any", "all"):
            return _quantified(argument, every=name == "all")
        if name == "first":
            return _first(argument)
        return _applied(_WITH_ARGUMENT[name], argument)


def _type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _key(value: Any) -> Any:
    # jq's order: null, false, true, numbers, strings, arrays, objects (these by their sorted keys, then values).
    kind = _type(value)
    rank = _ORDER[str(value).lower() if kind == "boolean" else kind]
    match kind:
        case "array":
            return rank, [_key(item) for item in value]
        case "object":
            names = sorted(value)
            return rank, names, [_key(value[name]) for name in names]
        case "number" | "string":
            return rank, value
        case _:
            return (rank,)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: _key(a) == _key(b),
    "!=": lambda a, b: _key(a) != _key(b),
    "<=": lambda a, b: bool(_key(a) <= _key(b)),
    ">=": lambda a, b: bool(_key(a) >= _key(b)),
    "<": lambda a, b: bool(_key(a) < _key(b)),
    ">": lambda a, b: bool(_key(a) > _key(b)),
}
_CONSTANTS = {"null": None, "true": True, "false": False}


def _length(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, bool):
        raise EvaluationError("boolean has no length")
    return abs(value) if isinstance(value, (int, float)) else len(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise EvaluationError(f"{_type(value)} cannot be matched, as it is not a string")
    return value


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, dict) and isinstance(part, dict):
        return all(k in value and _contains(value[k], v) for k, v in part.items())
    if isinstance(value, list) and isinstance(part, list):
        return all(any(_contains(item, wanted) for item in value) for wanted in part)
    if isinstance(value, str) and isinstance(part, str):
        return part in value
    return bool(_key(value) == _key(part))


def _has(value: Any, key: Any) -> bool:
    if isinstance(value, list) and isinstance(key, int):
        return 0 <= key < len(value)
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    raise EvaluationError(f"cannot check whether {_type(value)} has a key of type {_type(key)}")


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "not": lambda v: not _truth(v),
    "length": _length,
    "type": _type,
    "tostring": lambda v: v if isinstance(v, str) else str(v).lower() if isinstance(v, bool) else str(v),
    "ascii_downcase": lambda v: _text(v).lower(),
}
_WITH_ARGUMENT: dict[str, Callable[[Any, Any], Any]] = {
    "test": lambda v, p: re.search(_text(p), _text(v)) is not None,
    "startswith": lambda v, p: _text(v).startswith(_text(p)),
    "endswith": lambda v, p: _text(v).endswith(_text(p)),
    "contains": _contains,
    "has": _has,
}


def _truth(value: Any) -> bool:
    return value is not None and value is not False


def _below(place: Place, step: str | int) -> Place:
    return place if place == _NOWHERE else (*place, step)


def _identity(found: Found) -> Iterator[Found]:
    yield found


def _member(name: str) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        place, value = found
        if value is not None and not isinstance(value, dict):
            raise EvaluationError(f'cannot index {_type(value)} with "{name}"')
        yield _below(place, name), (value or {}).get(name)

    return step


def _item(index: int) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        place, value = found
        if value is not None and not isinstance(value, list):
            raise EvaluationError(f"cannot index {_type(value)} with number")
        items = value or []
        inside = -len(items) <= index < len(items)
        yield _below(place, index), items[index] if inside else None

    return step


def _slice(lower: int | None, upper: int | None) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        place, value = found
        if value is not None and not isinstance(value, list):
            raise EvaluationError(f"cannot index {_type(value)} with object")
        items = value or []
        # The items of a slice one by one: deleting them all is deleting the slice.
        for i in range(*slice(lower, upper).indices(len(items))):
            yield _below(place, i), items[i]

    return step


def _items(found: Found) -> Iterator[Found]:
    place, value = found
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield _below(place, i), item
    elif isinstance(value, dict):
        for key in sorted(value):
            yield _below(place, key), value[key]
    else:
        raise EvaluationError(f"cannot iterate over {_type(value)}")


def _recurse(found: Found) -> Iterator[Found]:
    yield found
    if isinstance(found[1], (list, dict)):
        for inner in _items(found):
            yield from _recurse(inner)


def _piped(first: Filter, second: Filter) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        for middle in first(found):
            yield from second(middle)

    return step


def _each(parts: Sequence[Filter]) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        for part in parts:
            yield from part(found)

    return step


def _constant(value: Any) -> Filter:
    return lambda _found: iter([(_NOWHERE, value)])


def _valued(function: Callable[[Any], Any]) -> Filter:
    return lambda found: iter([(_NOWHERE, function(found[1]))])


def _applied(function: Callable[[Any, Any], Any], argument: Filter) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        for _, given in argument(found):
            yield _NOWHERE, function(found[1], given)

    return step


def _compared(left: Filter, right: Filter, holds: Callable[[Any, Any], bool]) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        for _, b in right(found):
            for _, a in left(found):
                yield _NOWHERE, holds(a, b)

    return step


def _logical(left: Filter, right: Filter, *, stop: bool) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        for _, a in left(found):
            if _truth(a) is stop:
                yield _NOWHERE, stop
                continue
            for _, b in right(found):
                yield _NOWHERE, _truth(b)

    return step


def _tried(inner: Filter) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        try:
            yield from inner(found)
        except EvaluationError:
            # What `?` is for: no error, and no further result.
            return

    return step


def _selected(condition: Filter) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        for _, value in condition(found):
            if _truth(value):
                yield found

    return step


def _quantified(condition: Filter, *, every: bool) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        values = [_truth(value) for item in _items(found) for _, value in condition(item)]
        yield _NOWHERE, all(values) if every else any(values)

    return step


def _first(inner: Filter) -> Filter:
    def step(found: Found) -> Iterator[Found]:
        for value in inner(found):
            yield value
            return

    return step

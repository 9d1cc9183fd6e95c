"""The part of jq in which Stages say what they look at.

**Imitates:** github.com/itchyny/gojq as KWOK uses it (``pkg/utils/expression/query.go``): all results but null, and
nothing at all where the query fails on the object. Covered: paths, ``[]``, pipes, commas, literals, comparisons,
arithmetic, ``and``, ``or``, ``//``, ``?``, and the functions of ``FUNCTIONS``. Everything else of jq is refused when the
Stage is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from kcsim.api.gotemplate import unquoted

Filter = Callable[[Any], Iterator[Any]]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:\\.|[^"\\])*") | (?P<number>\d+(?:\.\d+)?) | (?P<field>\.[A-Za-z_]\w*)
    | (?P<word>[A-Za-z_]\w*) | (?P<mark>==|!=|<=|>=|//|[.|,()\[\]<>+\-*/%?:])
    )""",
    re.VERBOSE,
)


class QuerySyntaxError(ValueError):
    """A query that is no jq, or not of the part that is covered."""


class _Failed(Exception):
    """The query fails on this value."""


class Query:
    """A query that was read."""

    __slots__ = ("_filter", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._filter = _Parser(text).query()

    def execute(self, value: Any) -> list[Any] | None:
        """All results but null; None where the query fails on the value."""
        try:
            return [result for result in self._filter(value) if result is not None]
        except _Failed:
            return None


def _truthy(value: Any) -> bool:
    return value is not None and value is not False


# --- functions --------------------------------------------------------------------------------------------------


def _length(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, str | list | dict):
        return len(value)
    if isinstance(value, bool):
        raise _Failed
    return abs(value)


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise _Failed


def _number(value: Any) -> Any:
    try:
        return value if isinstance(value, int | float) else float(value) if "." in value else int(value)
    except (TypeError, ValueError):
        raise _Failed from None


def _type(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return kinds[type(value)]


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Failed
    return value


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value.values())
    raise _Failed


def _has(value: Any, key: Any) -> bool:
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and isinstance(key, int):
        return 0 <= key < len(value)
    raise _Failed


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, dict) and isinstance(part, dict):
        return all(key in value and _contains(value[key], part[key]) for key in part)
    if isinstance(value, list) and isinstance(part, list):
        return all(any(_contains(item, each) for item in value) for each in part)
    if isinstance(value, str) and isinstance(part, str):
        return part in value
    return bool(value == part)


def _element(value: Any, key: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        return value[key] if -len(value) <= key < len(value) else None
    raise _Failed


def _sum(value: Any) -> Any:
    total = None
    for item in _items(value):
        total = item if total is None else _arithmetic("+", total, item)
    return total


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "not": lambda value: not _truthy(value),
    "length": _length,
    "keys": _keys,
    "type": _type,
    "tostring": _text_of,
    "tonumber": _number,
    "first": lambda value: _element(value, 0),
    "last": lambda value: _element(value, -1),
    "add": _sum,
    "any": lambda value: any(_truthy(item) for item in _items(value)),
    "all": lambda value: all(_truthy(item) for item in _items(value)),
    "ascii_downcase": lambda value: _text(value).lower(),
    "ascii_upcase": lambda value: _text(value).upper(),
}
_WITH_ARGUMENT: dict[str, Callable[[Any, Any], Any]] = {
    "has": _has,
    "startswith": lambda value, part: _text(value).startswith(_text(part)),
    "endswith": lambda value, part: _text(value).endswith(_text(part)),
    "contains": _contains,
    "test": lambda value, pattern: re.search(_text(pattern), _text(value)) is not None,
    "split": lambda value, separator: _text(value).split(_text(separator)),
    "join": lambda value, separator: _text(separator).join(_text_of(item) for item in _items(value)),
    "ltrimstr": lambda value, part: value.removeprefix(part) if isinstance(value, str) else value,
    "rtrimstr": lambda value, part: value.removesuffix(part) if isinstance(value, str) else value,
}
FUNCTIONS = (*_PLAIN, *_WITH_ARGUMENT, "select", "map", "any", "all", "empty")
"""What a query may call."""


# --- operators --------------------------------------------------------------------------------------------------

_ORDER = {"null": 0, "boolean": 1, "number": 2, "string": 3, "array": 4, "object": 5}


def _compare(operator: str, left: Any, right: Any) -> bool:
    same = left == right and _type(left) == _type(right)
    if operator == "==":
        return same
    if operator == "!=":
        return not same
    kinds = _ORDER[_type(left)], _ORDER[_type(right)]
    if kinds[0] != kinds[1]:
        less = kinds[0] < kinds[1]
    elif kinds[0] in (0, 5):
        less = False
    else:
        less = left < right
    return {"<": less, "<=": less or same, ">": not less and not same, ">=": not less}[operator]


def _arithmetic(operator: str, left: Any, right: Any) -> Any:
    if operator == "+" and (left is None or right is None):
        return right if left is None else left
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    if numbers and operator in "/%" and right == 0:
        raise _Failed
    if numbers:
        actions: dict[str, Callable[[], Any]] = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left / right,
            "%": lambda: int(left) % int(right),
        }
        return actions[operator]()
    if operator == "+" and type(left) is type(right) and isinstance(left, str | list | dict):
        return {**left, **right} if isinstance(left, dict) else left + right
    raise _Failed


def _binary(operator: str, left: Filter, right: Filter) -> Filter:
    def run(value: Any) -> Iterator[Any]:
        if operator == "//":
            yield from _alternative(left, right, value)
        elif operator in ("and", "or"):
            for a in left(value):
                if _truthy(a) is (operator == "or"):
                    yield operator == "or"
                else:
                    yield from (_truthy(b) for b in right(value))
        else:
            for b in right(value):
                for a in left(value):
                    compares = operator in ("==", "!=", "<", "<=", ">", ">=")
                    yield _compare(operator, a, b) if compares else _arithmetic(operator, a, b)

    return run


def _alternative(left: Filter, right: Filter, value: Any) -> Iterator[Any]:
    found: list[Any] = []
    with suppress(_Failed):
        found.extend(filter(_truthy, left(value)))
    if found:
        yield from found
    else:
        yield from right(value)


# --- reading ----------------------------------------------------------------------------------------------------

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("//",),
    ("or",),
    ("and",),
    ("==", "!=", "<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "/", "%"),
)
_CONSTANTS = {"true": True, "false": False, "null": None}


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._read(text)

    def _read(self, text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._wrong(f"unexpected {text[position:].strip()[0]!r}")
            assert match.lastgroup is not None
            tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        return tokens

    def _wrong(self, why: str) -> QuerySyntaxError:
        return QuerySyntaxError(f"the jq expression {self._text!r}: {why}")

    def _peek(self) -> str:
        return self._tokens[0][1] if self._tokens and self._tokens[0][0] != "string" else ""

    def _take(self, text: str) -> None:
        if self._peek() != text:
            found = repr(self._tokens[0][1]) if self._tokens else "its end"
            raise self._wrong(f"{text!r} is missing before {found}")
        self._tokens.pop(0)

    def query(self) -> Filter:
        if not self._tokens:
            raise self._wrong("it is empty")
        found = self._pipe()
        if self._tokens:
            raise self._wrong(f"unexpected {self._tokens[0][1]!r}")
        return found

    def _pipe(self) -> Filter:
        left = self._comma()
        if self._peek() != "|":
            return left
        self._tokens.pop(0)
        right = self._pipe()
        return lambda value: (out for middle in left(value) for out in right(middle))

    def _comma(self) -> Filter:
        parts = [self._level(0)]
        while self._peek() == ",":
            self._tokens.pop(0)
            parts.append(self._level(0))
        if len(parts) == 1:
            return parts[0]
        return lambda value: (out for part in parts for out in part(value))

    def _level(self, level: int) -> Filter:
        if level == len(_LEVELS):
            return self._postfix()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            operator = self._tokens.pop(0)[1]
            left = _binary(operator, left, self._level(level + 1))
        return left

    def _postfix(self) -> Filter:
        found = self._term()
        while self._tokens:
            kind, text = self._tokens[0]
            if kind == "field":
                self._tokens.pop(0)
                found = _getting(found, _always(text[1:]))
            elif text == "[":
                found = self._bracket(found)
            elif text == "." and len(self._tokens) > 1 and self._tokens[1][1] == "[":
                self._tokens.pop(0)
            elif text == "." and len(self._tokens) > 1 and self._tokens[1][0] == "string":
                self._tokens.pop(0)
                found = _getting(found, _always(unquoted(self._tokens.pop(0)[1])))
            elif text == "?":
                self._tokens.pop(0)
                found = _trying(found)
            else:
                break
        return found

    def _bracket(self, target: Filter) -> Filter:
        self._take("[")
        if self._peek() == "]":
            self._tokens.pop(0)
            return lambda value: (item for each in target(value) for item in _items(each))
        key = self._pipe()
        if self._peek() == ":":
            raise self._wrong("slices are not supported here")
        self._take("]")
        return _getting(target, key)

    def _term(self) -> Filter:
        if not self._tokens:
            raise self._wrong("something is missing at its end")
        kind, text = self._tokens.pop(0)
        if kind == "string":
            if "\\(" in text:
                raise self._wrong("text with \\( ) in it is not supported here")
            return _always(unquoted(text))
        if kind == "number":
            return _always(float(text) if "." in text else int(text))
        if kind == "field":
            return _getting(_identity, _always(text[1:]))
        if text == ".":
            if self._tokens and self._tokens[0][0] == "string":
                return _getting(_identity, _always(unquoted(self._tokens.pop(0)[1])))
            return _identity
        if text == "(":
            found = self._pipe()
            self._take(")")
            return found
        if text == "[":
            inner = None if self._peek() == "]" else self._pipe()
            self._take("]")
            return lambda value: iter([list(inner(value)) if inner is not None else []])
        if text == "-":
            negated = self._postfix()
            return lambda value: (_arithmetic("-", 0, each) for each in negated(value))
        if kind == "word":
            return self._call(text)
        raise self._wrong(f"unexpected {text!r}")

    def _call(self, name: str) -> Filter:
        if name in _CONSTANTS:
            return _always(_CONSTANTS[name])
        argument = None
        if self._peek() == "(":
            self._tokens.pop(0)
            argument = self._pipe()
            self._take(")")
        if name == "empty" and argument is None:
            return lambda _value: iter(())
        if argument is not None and name in ("select", "map", "any", "all"):
            return _higher(name, argument)
        if argument is not None and name in _WITH_ARGUMENT:
            return _applying(_WITH_ARGUMENT[name], argument)
        if argument is None and name in _PLAIN:
            plain = _PLAIN[name]
            return lambda value: iter([plain(value)])
        raise self._wrong(f"{name}: not supported here; there are {', '.join(sorted(set(FUNCTIONS)))}")


def _identity(value: Any) -> Iterator[Any]:
    return iter((value,))


def _always(constant: Any) -> Filter:
    return lambda _value: iter((constant,))


def _getting(target: Filter, key: Filter) -> Filter:
    return lambda value: (_element(each, k) for each in target(value) for k in key(value))


def _trying(inner: Filter) -> Filter:
    def run(value: Any) -> Iterator[Any]:
        try:
            yield from inner(value)
        except _Failed:  # what ``?`` is for
            return

    return run


def _applying(function: Callable[[Any, Any], Any], argument: Filter) -> Filter:
    return lambda value: (function(value, each) for each in argument(value))


def _higher(name: str, inner: Filter) -> Filter:
    if name == "select":
        return lambda value: (value for each in inner(value) if _truthy(each))
    if name == "map":
        return lambda value: iter([[out for item in _items(value) for out in inner(item)]])
    judge = any if name == "any" else all
    return lambda value: iter([judge(_truthy(out) for item in _items(value) for out in inner(item))])

"""JSON as Go reads it: what is wrong with a text, in the words of ``encoding/json``; and keys written twice.

**Imitates:** Go ``encoding/json`` scanner.go, and the duplicate-key report of sigs.k8s.io/json.
"""

from __future__ import annotations

import json
from typing import Any

from kcsim.api.gotext import go_quote

_SPACE = " \t\r\n"
_END = "unexpected end of JSON input"
_LITERALS = {"t": "true", "f": "false", "n": "null"}


class JsonSyntaxError(ValueError):
    """The text is not JSON; the message is Go's."""


def loads(text: str) -> tuple[Any, list[str]]:
    """The value, and the paths of keys that an object holds twice (the last one counts).

    Raises:
        JsonSyntaxError: with Go's message.
    """
    try:
        value = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_no_constant)
    except ValueError:
        raise JsonSyntaxError(_Scanner(text).fault() or _END) from None
    except RecursionError:
        raise JsonSyntaxError("exceeded max depth") from None
    duplicates: list[str] = []
    return _plain(value, "", duplicates), duplicates


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, so that keys written twice are seen."""


def _no_constant(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity, which only Python reads


def _plain(value: Any, path: str, duplicates: list[str]) -> Any:
    if isinstance(value, _Pairs):
        result: dict[str, Any] = {}
        for key, item in value:
            where = f"{path}.{key}" if path else key
            if key in result and where not in duplicates:
                duplicates.append(where)
            plain = _plain(item, where, duplicates)
            # Go decodes a second object into the first, so their members come together.
            before = result.get(key)
            result[key] = (
                {**before, **plain} if isinstance(before, dict) and isinstance(plain, dict) else plain
            )
        return result
    if isinstance(value, list):
        return [_plain(item, f"{path}[{place}]", duplicates) for place, item in enumerate(value)]
    return value


class _Fault(Exception):
    """Carries a message out of the scanner."""


class _Scanner:
    """Walks a text until the first character that JSON does not allow."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def fault(self) -> str:
        """The message, or "" when the text is JSON."""
        try:
            self._value()
            self._blanks()
            if self._at < len(self._text):
                self._refuse("after top-level value")
        except _Fault as fault:
            return str(fault)
        return ""

    def _blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1

    def _peek(self) -> str:
        self._blanks()
        return self._next()

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise _Fault(_END)
        return self._text[self._at]

    def _refuse(self, where: str) -> None:
        char = self._text[self._at]
        shown = {"'": r"'\''", '"': "'\"'"}.get(char) or f"'{go_quote(char)[1:-1]}'"
        raise _Fault(f"invalid character {shown} {where}")

    def _value(self) -> None:
        char = self._peek()
        if char == "{":
            self._object()
        elif char == "[":
            self._array()
        elif char == '"':
            self._string()
        elif char == "-" or char.isdigit():
            self._number()
        elif char in _LITERALS:
            self._literal(_LITERALS[char])
        else:
            self._refuse("looking for beginning of value")

    def _object(self) -> None:
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                self._refuse("looking for beginning of object key string")
            self._string()
            if self._peek() != ":":
                self._refuse("after object key")
            self._at += 1
            self._value()
            char = self._peek()
            if char == "}":
                self._at += 1
                return
            if char != ",":
                self._refuse("after object key:value pair")
            self._at += 1

    def _array(self) -> None:
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            self._value()
            char = self._peek()
            if char == "]":
                self._at += 1
                return
            if char != ",":
                self._refuse("after array element")
            self._at += 1

    def _string(self) -> None:
        self._at += 1
        while (char := self._next()) != '"':
            if char < " ":
                self._refuse("in string literal")
            self._at += 1
            if char == "\\":
                self._escape()
        self._at += 1

    def _escape(self) -> None:
        if self._next() not in 'bfnrt\\/"u':
            self._refuse("in string escape code")
        unicode = self._next() == "u"
        self._at += 1
        for _ in range(4 if unicode else 0):
            if self._next() not in "0123456789abcdefABCDEF":
                self._refuse("in \\u hexadecimal character escape")
            self._at += 1

    def _number(self) -> None:
        if self._text[self._at] == "-":
            self._at += 1
            if not self._next().isdigit():
                self._refuse("in numeric literal")
        if self._text[self._at] == "0":
            self._at += 1
        else:
            self._digits()
        if self._text[self._at : self._at + 1] == ".":
            self._at += 1
            if not self._next().isdigit():
                self._refuse("after decimal point in numeric literal")
            self._digits()
        if self._text[self._at : self._at + 1] in {"e", "E"}:
            self._at += 1
            if self._next() in "+-":
                self._at += 1
            if not self._next().isdigit():
                self._refuse("in exponent of numeric literal")
            self._digits()

    def _digits(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isdigit():
            self._at += 1

    def _literal(self, word: str) -> None:
        for expected in word:
            if self._next() != expected:
                self._refuse(f"in literal {word} (expecting '{expected}')")
            self._at += 1

"""Go's text forms of JSON values, as the API server prints them in apply errors and conflicts.

Imitates: the fmt verbs %q, %v, %T and %#v applied to structured-merge-diff values (value/valueunstructured.go, v6).
          Left out: Go's exponent rules for very large and very small floats.
"""

from __future__ import annotations

import json
from typing import Any

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quote(text: str) -> str:
    """%q: a double-quoted Go string literal."""
    if text.isalnum():
        return f'"{text}"'
    return '"' + "".join(_quote_rune(rune) for rune in text) + '"'


def _quote_rune(rune: str) -> str:
    if rune in _ESCAPES:
        return _ESCAPES[rune]
    if rune.isprintable():
        return rune
    code = ord(rune)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def scalar_text(value: Any) -> str:
    """A scalar without quotes: Go's %v of a JSON scalar."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def value_text(value: Any) -> str:
    """A scalar as it stands in a path: strings are quoted, null is `null` (value.ToString)."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return "[" + ",".join(value_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "".join(f"{key}={value_text(item)}" for key, item in sorted(value.items()))
    return scalar_text(value)


def plain(value: Any) -> str:
    """%v of the plain Go value: `map[a:b]`, `[1 2]`."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{plain(item)}" for key, item in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(plain(item) for item in value) + "]"
    return scalar_text(value)


def wrapped(value: Any) -> str:
    """%v of the value inside structured-merge-diff's wrapper, a pointer to a struct: `&{5}`."""
    return "&{" + plain(value) + "}"


def wrapped_sharp(value: Any) -> str:
    """%#v of the same wrapper."""
    return "&value.valueUnstructured{Value:" + _sharp(value) + "}"


def _sharp(value: Any) -> str:
    if isinstance(value, dict):
        items = ", ".join(f"{quote(key)}:{_sharp(item)}" for key, item in sorted(value.items()))
        return "map[string]interface {}{" + items + "}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(_sharp(item) for item in value) + "}"
    if isinstance(value, str):
        return quote(value)
    return "interface {}(nil)" if value is None else scalar_text(value)


def type_name(value: Any) -> str:
    """%T of the plain Go value that JSON decodes to."""
    if value is None:
        return "<nil>"
    for cls, name in _TYPE_NAMES:
        if isinstance(value, cls):
            return name
    raise TypeError(f"not a JSON value: {value!r}")


# bool stands before int, of which it is a subclass.
_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int64"),
    (float, "float64"),
    (str, "string"),
    (list, "[]interface {}"),
    (dict, "map[string]interface {}"),
)


def compact_json(value: Any) -> str:
    """encoding/json: compact, keys sorted, and <, > and & escaped for HTML."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text

"""Text forms of JSON values that only apply needs: in paths, in type errors, in the keys of FieldsV1.

Imitates: structured-merge-diff v6 value.ToString, Go's %v and %#v of its value wrapper, and encoding/json.
"""

from __future__ import annotations

import json
from typing import Any

from kcsim.api.gotext import go_quote, go_value

_COMPACT = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode


def value_text(value: Any) -> str:
    """A value as it stands in a path: strings are quoted, null is `null`."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return go_quote(value)
    if isinstance(value, list):
        return "[" + ",".join(value_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "".join(f"{key}={value_text(item)}" for key, item in sorted(value.items()))
    return go_value(value)


def wrapped(value: Any) -> str:
    """%v of a value in its wrapper, a pointer to a struct: `&{5}`, `&{map[a:b]}`."""
    return "&{" + go_value(value) + "}"


def wrapped_sharp(value: Any) -> str:
    """%#v of the same wrapper."""
    return "&value.valueUnstructured{Value:" + _sharp(value) + "}"


def _sharp(value: Any) -> str:
    if isinstance(value, dict):
        items = ", ".join(f"{go_quote(key)}:{_sharp(item)}" for key, item in sorted(value.items()))
        return "map[string]interface {}{" + items + "}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(_sharp(item) for item in value) + "}"
    if isinstance(value, str):
        return go_quote(value)
    return "interface {}(nil)" if value is None else go_value(value)


def compact_json(value: Any) -> str:
    """encoding/json: compact, keys sorted, and <, > and & escaped for HTML."""
    text = _COMPACT(value)
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text

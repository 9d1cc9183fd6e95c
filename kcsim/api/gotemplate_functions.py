"""The functions that every Go template has.

**Imitates:** Go's ``text/template/funcs.go`` (1.25). Left out: ``call``, and the escaping for HTML, JavaScript and URLs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from kcsim.api.gotemplate import show, truth

_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])")


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise TypeError("missing argument for comparison")
    return any(_same(first, other) for other in others)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool) and left is not None and right is not None:
        raise TypeError("incompatible types for comparison")
    return bool(left == right)


def _index(item: Any, *keys: Any) -> Any:
    for key in keys:
        if item is None:
            raise TypeError("index of untyped nil")
        if isinstance(item, Mapping):
            item = item.get(key)
        elif not isinstance(key, int) or not 0 <= key < len(item):
            raise IndexError(f"index out of range: {show(key)}")
        else:
            item = item[key]
    return item


def _slice(item: Any, *bounds: int) -> Any:
    return item[slice(*bounds)] if bounds else item


def _printf(text: str, *values: Any) -> str:
    left = list(values)

    def replace(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        return _formatted(verb, left.pop(0), precision).rjust(int(width or 0), "0" if "0" in flags else " ")

    return _VERB.sub(replace, text)


def _formatted(verb: str, value: Any, precision: str | None) -> str:
    if verb == "q":
        return json.dumps(show(value), ensure_ascii=False)
    if verb == "d":
        return str(int(value))
    if verb in "fe":
        return f"{float(value):.{precision or 6}{verb}}"
    if verb in "xX":
        text = value.encode().hex() if isinstance(value, str) else f"{value:x}"
        return text.upper() if verb == "X" else text
    return "<nil>" if value is None else show(value)


def _print(*values: Any) -> str:
    text = ""
    for place, value in enumerate(values):
        # Go puts a blank between two operands when neither is a string.
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            text += " "
        text += _formatted("v", value, None)
    return text


GO_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "not": lambda value: not truth(value),
    "eq": _eq,
    "ne": lambda a, b: not _same(a, b),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "len": len,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "printf": _printf,
    "println": lambda *values: " ".join(_formatted("v", v, None) for v in values) + "\n",
}
"""The functions that every template has (text/template/funcs.go), but those that escape."""

"""Tolerances: whether what a probe found is as the experiment wants it.  Decides; never acts.

**Imitates:** chaoslib/hypothesis.py (1.40): a boolean, a text, a number (an HTTP status or exit code), a list (two bounds,
or a choice), and the types regex, jsonpath and range. Left out: a probe as a tolerance. JSON paths are those of kubectl
(``kcsim.api.jsonpath``), which cover the common ones.
"""

import json
import re
from typing import Any

from kcsim.api.jsonpath import JsonPathError, find
from kcsim.api.jsonpath import parse as parse_path

TYPES = ("regex", "jsonpath", "range")


def problem(tolerance: Any) -> str:
    """What is wrong with a tolerance; "" when it can be used."""
    if isinstance(tolerance, bool | int | float | str | list):
        return ""
    if not isinstance(tolerance, dict):
        return "a tolerance is a boolean, a number, a text, a list or a map with a type"
    match tolerance.get("type"):
        case "regex":
            return _regex_problem(tolerance.get("pattern"))
        case "jsonpath":
            return _path_problem(tolerance.get("path"))
        case "range":
            bounds = tolerance.get("range")
            fits = isinstance(bounds, list) and len(bounds) == 2 and all(_is_number(b) for b in bounds)
            return "" if fits else "a range tolerance needs `range`: two numbers"
        case "probe":
            return "kcsim does not run a probe as the tolerance of another"
        case other:
            return f"there is no tolerance of type {other!r}; there are {', '.join(TYPES)}"


def _regex_problem(pattern: Any) -> str:
    if not isinstance(pattern, str):
        return "a regex tolerance needs `pattern`, a text"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"the pattern cannot be read: {error}"
    return ""


def _path_problem(path: Any) -> str:
    if not isinstance(path, str) or not path.strip():
        return "a jsonpath tolerance needs `path`, a text"
    try:
        parse_path(_braced(path))
    except JsonPathError as error:
        return f"the path cannot be read: {error}"
    return ""


def _braced(path: str) -> str:
    """``$.items[0].name`` as kubectl writes it."""
    return f"{{{path.strip()}}}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def within(tolerance: Any, value: Any) -> bool:
    """Whether a probe's value is within the tolerance."""
    if isinstance(tolerance, dict):
        target = tolerance.get("target")
        if target and isinstance(value, dict):
            value = value.get(target, value)
        match tolerance["type"]:
            case "regex":
                return re.search(tolerance["pattern"], str(value)) is not None
            case "range":
                low, high = tolerance["range"]
                return _is_number(value) and bool(low <= value <= high)
            case _:
                return _path_holds(tolerance, value)
    if isinstance(value, dict) and "status" in value and not isinstance(tolerance, bool | str):
        value = value["status"]
        return value in tolerance if isinstance(tolerance, list) else bool(value == tolerance)
    if isinstance(tolerance, list):
        if len(tolerance) == 2 and _is_number(value) and all(_is_number(bound) for bound in tolerance):
            return bool(tolerance[0] <= value <= tolerance[1])
        return value in tolerance
    return bool(value == tolerance)


def _path_holds(tolerance: dict[str, Any], value: Any) -> bool:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return False
    try:
        values = find(_braced(tolerance["path"]), value)
    except JsonPathError:
        values = []
    if "expect" in tolerance:
        expected = tolerance["expect"]
        return values == (expected if isinstance(expected, list) else [expected])
    count = tolerance.get("count")
    return len(values) == count if count is not None else bool(values)

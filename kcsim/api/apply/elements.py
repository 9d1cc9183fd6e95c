"""Path elements: one step of a field path, in the text form that FieldsV1 uses.

An element is a plain string, so that sets of them are Python's own: `f:replicas` (field or map key),
`k:{"name":"app"}` (list item by its keys), `v:"a"` (member of a set list), `i:0` (index). The JSON after the colon
is canonical (compact, names sorted, 2.0 written 2), so equal elements are equal strings.

Imitates: structured-merge-diff v6 fieldpath/{element,path,serialize-pe}.go and value.Compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from kcsim.api.apply.texts import compact_json, value_text

Path = tuple[str, ...]
"""A field path, root first."""


class ElementError(ValueError):
    """A text that is no path element."""


def _canonical(value: Any) -> Any:
    """The one spelling of a number: 2.0 and 2 are the same key to the merge."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def key_element(fields: Iterable[tuple[str, Any]]) -> str:
    """The element of a list item with these key fields."""
    return "k:" + compact_json({name: _canonical(value) for name, value in fields})


@lru_cache(maxsize=8192)
def named_key_element(name: str, value: str) -> str:
    """key_element for the common case of one key that is a string."""
    return key_element(((name, value),))


def value_element(value: Any) -> str:
    """The element of a set list's member."""
    return "v:" + compact_json(_canonical(value))


def parse_element(text: str) -> str | None:
    """A text from FieldsV1 in canonical form; None for a kind of element this version does not know.

    Raises:
        ElementError: the text is not an element.
    """
    if text[1:2] != ":":
        raise ElementError(f"missing colon: {text}" if len(text) > 1 else "key must be 2 characters long:")
    kind, rest = text[0], text[2:]
    if kind == "f":
        return text
    if kind not in "kvi":
        return None
    try:
        value = json.loads(rest)
    except ValueError as error:
        raise ElementError(f"{text}: {error}") from error
    if kind == "k":
        if not isinstance(value, dict):
            raise ElementError(f"{text}: expected an object")
        return key_element(value.items())
    return value_element(value) if kind == "v" else f"i:{int(value)}"


def key_fields(element: str) -> dict[str, Any]:
    """The key fields of a `k:` element, by name; empty for any other element."""
    return dict(json.loads(element[2:])) if element[0] == "k" else {}


def _rank(value: Any) -> tuple[Any, ...]:
    """value.Compare's order across types: numbers, strings, booleans, lists, maps, null."""
    if value is None:
        return (5, "")
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, (int, float)):
        return (0, value)
    if isinstance(value, str):
        return (1, value)
    return (3 if isinstance(value, list) else 4, compact_json(value))


@lru_cache(maxsize=8192)
def _order(element: str) -> tuple[Any, ...]:
    kind, rest = element[0], element[2:]
    if kind == "f":
        return (0, rest)
    if kind == "k":
        return (1, tuple((name, _rank(value)) for name, value in json.loads(rest).items()))
    if kind == "v":
        return (2, _rank(json.loads(rest)))
    return (3, int(rest))


def sort_elements(elements: Iterable[str]) -> list[str]:
    """In upstream's order: fields, keyed items, set members, indexes."""
    listed = list(elements)
    if all(element[0] == "f" for element in listed):
        return sorted(listed)
    return sorted(listed, key=_order)


def element_text(element: str) -> str:
    """As messages show it: `.replicas`, `[name="app"]`, `[="a"]`, `[0]`."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return "." + rest
    if kind == "k":
        fields = json.loads(rest)
        return "[" + ",".join(f"{name}={value_text(value)}" for name, value in fields.items()) + "]"
    if kind == "v":
        return f"[={value_text(json.loads(rest))}]"
    return f"[{rest}]"


def path_text(path: Path) -> str:
    """`.spec.template.spec.containers[name="web"].image`."""
    return "".join(element_text(element) for element in path)

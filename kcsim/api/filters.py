"""Label and field selectors of a list or watch, compiled to one test.

**Imitates:** the selection predicates of kubernetes ``pkg/registry/*/strategy.go`` (MatchPod and friends) and the texts
of kubernetes-api reference, section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from kcsim.api import field_selectors, selectors, status
from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.selectors import SelectorError

Match = Callable[[Object], bool]
_META = ("metadata.name", "metadata.namespace")


def _read(obj: Any, path: str) -> str:
    for step in path.split("."):
        if not isinstance(obj, dict):
            return ""
        obj = obj.get(step)
    if obj is None:
        return ""
    if isinstance(obj, bool):
        return "true" if obj else "false"
    return str(obj)


# Paths that are not where the object keeps the value.
_ALIASES = {
    "spec.host": "spec.nodeName",
    "source": "source.component",
    "reportingComponent": "reportingComponent",
}


def field_value(obj: Object, path: str) -> str:
    """What a field selector compares: the field's text, "" where it is unset."""
    value = _read(obj, _ALIASES.get(path, path))
    if not value and path in {"spec.unschedulable", "spec.hostNetwork"}:
        return "false"
    return value


class ByField:
    """A test for the value of one field and nothing else: who watches by it can be found without asking."""

    __slots__ = ("_field", "_value")

    def __init__(self, field: str, value: str) -> None:
        self._field = field
        self._value = value

    def __call__(self, obj: Object) -> bool:
        return field_value(obj, self._field) == self._value


@lru_cache(maxsize=1024)
def compile_filter(
    resource: Resource, label_selector: str, field_selector: str
) -> tuple[Match | None, tuple[str, str] | None]:
    """A test for objects (None: all pass), and the index ``(field, value)`` watchers may be found by.

    Raises:
        StatusError: 400 for a selector that does not parse or a field that cannot be selected by.
    """
    labels = None
    if label_selector:
        try:
            labels = selectors.parse(label_selector)
        except SelectorError as error:
            raise status.bad_request(str(error)) from None
    if not field_selector:
        if labels is None or labels.empty:
            return None, None
        return _label_match(labels.matches), None
    try:
        terms = field_selectors.parse(field_selector).terms
    except SelectorError as error:
        raise status.bad_request(str(error)) from None
    supported = (
        (*_META, *resource.field_selectors)
        if resource.namespaced
        else ("metadata.name", *resource.field_selectors)
    )
    for term in terms:
        if term.field not in supported:
            raise status.bad_request(_unsupported(resource, term.field))
    index = next(
        (
            (t.field, t.value)
            for t in terms
            if t.operator != "!="
            and (t.field == "metadata.name" or (t.field == "spec.nodeName" and resource.kind == "Pod"))
        ),
        None,
    )

    if index is not None and labels is None and len(terms) == 1:
        return ByField(*index), index

    def match(obj: Object) -> bool:
        if labels is not None and not labels.matches(obj["metadata"].get("labels") or {}):
            return False
        for term in terms:
            if (field_value(obj, term.field) == term.value) is (term.operator == "!="):
                return False
        return True

    return match, index


def _label_match(matches: Callable[[dict[str, str]], bool]) -> Match:
    return lambda obj: matches(obj["metadata"].get("labels") or {})


def _unsupported(resource: Resource, field: str) -> str:
    if resource.field_selectors:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def named_by(field_selector: str) -> str:
    """The name that a field selector asks for with ``metadata.name=x``, "" when it does not."""
    try:
        terms = field_selectors.parse(field_selector).terms
    except SelectorError:
        return ""  # refused in its own words when the list is made
    return next((t.value for t in terms if t.field == "metadata.name" and t.operator != "!="), "")

"""Canonical values: quantities and times as the API server stores them.

**Imitates:** what decoding into and encoding from `resource.Quantity`, `metav1.Time` and `metav1.MicroTime` does to a
text (v1.36): `1000m` becomes `1`, a bare number becomes text, times become UTC.

**Walk:** a schema says where quantities and times can stand; only those branches of an object are visited.
"""

import re
from typing import Any, Final

from kcsim.api import quantity
from kcsim.api.defaults.spine import each
from kcsim.api.schemas.schema import Schema
from kcsim.engine.clock import parse_rfc3339, rfc3339, rfc3339_micro

_VALUE_FORMATS: Final = frozenset({"quantity", "date-time"})
_SECONDS: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
_MICROS: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")

# Facts of schemas, which are immutable: a cache that could only ever hold one answer a node.
_visited: dict[Schema, dict[str, Schema]] = {}

# Canonical pod specs by identity, held so that it stays theirs: most writes share the spec of the write before.
_POD_SPEC: Final = "io.k8s.api.core.v1.PodSpec"
_BOUND: Final = 2048
_known_specs: dict[int, dict[str, Any]] = {}


def canonical(value: Any, node: Schema, stored: Any = None) -> Any:
    """The object with canonical quantities and times; the same object when all are canonical already.

    Members that are the very ones of the ``stored`` version are canonical already.
    """
    if stored is not None and value is stored:
        return value
    if node.kind == "struct" and isinstance(value, dict):
        return _struct(value, node, stored if isinstance(stored, dict) else None)
    element = node.element
    if element is not None:
        if isinstance(value, list):
            return each(value, lambda item: canonical(item, element))
        if isinstance(value, dict):
            changed = {key: canonical(item, element) for key, item in value.items()}
            return changed if any(changed[key] is not value[key] for key in value) else value
    if node.format == "quantity" and isinstance(value, (str, int, float)):
        return _quantity(value)
    if node.format == "quantity" and value is None:
        return "0"  # what Go reads null as, in a map of quantities
    if node.format == "date-time" and isinstance(value, str):
        return _time(value, micro=node.name.endswith("MicroTime"))
    return value


def _struct(value: dict[str, Any], node: Schema, stored: dict[str, Any] | None) -> dict[str, Any]:
    if node.name != _POD_SPEC:
        return _struct_fields(value, node, stored)
    if _known_specs.get(id(value)) is value:
        return value
    result = _struct_fields(value, node)
    if len(_known_specs) >= _BOUND:
        _known_specs.clear()
    _known_specs[id(result)] = result
    return result


def with_canonical_fields(value: dict[str, Any], node: Schema, stored: dict[str, Any]) -> dict[str, Any]:
    """Like ``canonical`` for a struct; members that are the very ones of ``stored`` are canonical already."""
    return _struct_fields(value, node, stored)


def _struct_fields(
    value: dict[str, Any], node: Schema, stored: dict[str, Any] | None = None
) -> dict[str, Any]:
    result = value
    for name, child in _branches(node).items():
        item = value.get(name)
        if item is not None:
            new = canonical(item, child, None if stored is None else stored.get(name))
            if new is not item:
                result = {**result, name: new}
    return result


def _branches(node: Schema) -> dict[str, Schema]:
    """Fields of a struct below which a quantity or a time can stand."""
    found = _visited.get(node)
    if found is None:
        found = {name: child for name, child in node.fields.items() if _leads_to_value(child, {node})}
        _visited[node] = found
    return found


def _leads_to_value(node: Schema, above: set[Schema]) -> bool:
    if node.format in _VALUE_FORMATS:
        return True
    if node in above:  # a recursive definition adds nothing that its first round did not
        return False
    children = [*node.fields.values(), *([node.element] if node.element is not None else [])]
    return any(_leads_to_value(child, above | {node}) for child in children)


def _quantity(value: str | float) -> str:
    text = value if isinstance(value, str) else repr(value)
    stored = quantity.stored_text(text)
    return value if stored == value and isinstance(value, str) else stored


def _time(value: str, *, micro: bool) -> str:
    if (_MICROS if micro else _SECONDS).match(value):
        return value
    instant = parse_rfc3339(value)
    return rfc3339_micro(instant) if micro else rfc3339(instant)

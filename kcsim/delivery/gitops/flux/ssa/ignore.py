"""Fields that Flux leaves to others: ignored where objects are compared, and not taken back where they are applied.

**Imitates:** fluxcd/pkg ssa ignore rules (kustomize-controller 1.9 ``spec.ignore``): a path that another manager owns is dropped
from what is applied; one that only Flux owns keeps its live value.

**Walk:** ``spec.ignore`` -> ``rules`` -> an object's ``paths`` -> ``payload`` is applied, ``without`` is compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.objects import Object
from kcsim.api.patch.json_patch import parse_pointer
from kcsim.delivery.kustomize.resources import Resource, Selector

Path = tuple[str, ...]
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Rule:
    """JSON pointers, and the objects they hold for; no selector: all."""

    paths: tuple[Path, ...]
    target: Selector | None = None


def rules(wanted: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules of ``spec.ignore``."""
    found = []
    for given in wanted:
        target = given.get("target")
        selector = None
        if target:
            names = {"labelSelector": "labels", "annotationSelector": "annotations"}
            selector = Selector(**{names.get(k, k): v for k, v in target.items()})
        found.append(Rule(tuple(parse_pointer(p) for p in given["paths"]), selector))
    return tuple(found)


def paths(obj: Object, chosen: Sequence[Rule]) -> list[Path]:
    """The paths that are ignored in an object."""
    return [
        path
        for rule in chosen
        if rule.target is None or rule.target.selects(Resource(obj))
        for path in rule.paths
    ]


def without(obj: Object | None, ignored: Sequence[Path]) -> Object | None:
    """An object without the ignored fields, for comparison."""
    for path in ignored:
        if obj is not None:
            obj = _removed(obj, path)
    return obj


def payload(desired: Object, live: Object | None, ignored: Sequence[Path], manager: str) -> Object:
    """What is applied. ``live`` carries its managedFields."""
    if live is None:
        return desired
    for path in ignored:
        if _get(desired, path) is _MISSING:
            continue
        value = _get(live, path)
        if value is _MISSING or _owned_by_others(live, path, manager):
            desired = _removed(desired, path)
        else:
            desired = _replaced(desired, path, value)
    return desired


def _owned_by_others(live: Object, path: Path, manager: str) -> bool:
    entries = live["metadata"].get("managedFields") or ()
    return any(
        _has(FieldSet.from_json(entry["fieldsV1"]), live, path)
        for entry in entries
        if entry["manager"] != manager and entry.get("fieldsV1")
    )


def _has(owned: FieldSet, value: Any, path: Path) -> bool:
    """Whether a set of fields has a path of an object, or something below it."""
    if not path:
        return True
    token, rest = path[0], path[1:]
    if isinstance(value, list):
        index = int(token) if token.isdigit() else len(value)
        if index >= len(value):
            return False
        element = _element(owned, value[index])
        below = value[index]
    else:
        element, below = f"f:{token}", value.get(token) if isinstance(value, Mapping) else None
    if owned.has((element,)) and not owned.below(element):
        return True  # an atom, owned whole
    if not rest:
        return bool(owned.below(element))
    return _has(owned.below(element), below, rest)


def _element(owned: FieldSet, item: Any) -> str:
    """How a set of fields names an item of a list: by its keys or its value."""
    for path in owned.paths():
        kind, _, text = path[0].partition(":")
        if kind == "k" and isinstance(item, Mapping):
            keys = json.loads(text)
            if all(item.get(k) == v for k, v in keys.items()):
                return path[0]
        if kind == "v" and json.loads(text) == item:
            return path[0]
    return ""


def _get(value: Any, path: Path) -> Any:
    for token in path:
        if isinstance(value, list):
            if not token.isdigit() or int(token) >= len(value):
                return _MISSING
            value = value[int(token)]
        elif isinstance(value, Mapping) and token in value:
            value = value[token]
        else:
            return _MISSING
    return value


def _removed(value: Any, path: Path) -> Any:
    if _get(value, path) is _MISSING:
        return value
    token, rest = path[0], path[1:]
    if isinstance(value, list):
        index = int(token)
        inner = [] if not rest else [_removed(value[index], rest)]
        return [*value[:index], *inner, *value[index + 1 :]]
    kept = {k: v for k, v in value.items() if k != token}
    return kept if not rest else {**value, token: _removed(value[token], rest)}


def _replaced(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    token, rest = path[0], path[1:]
    if isinstance(value, list):
        index = int(token)
        return [*value[:index], _replaced(value[index], rest, new), *value[index + 1 :]]
    return {**value, token: _replaced(value[token], rest, new)}

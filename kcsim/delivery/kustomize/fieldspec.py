"""Field specs: "this path, in these kinds", and the walk that changes what they name.

**Imitates:** kustomize api/types/fieldspec.go, api/filters/fieldspec/fieldspec.go, kyaml/utils/pathsplitter.go.

A path such as `spec/template/spec/containers/image` passes through lists without naming them; `\\/` is a slash within
a field's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from kcsim.delivery.kustomize.resources import Gvk, ResId

Change = Callable[[Any], Any]
"""From the value at a path (None where it is missing or null) to the new one."""

Create = Literal["", "map", "scalar"]
"""What to make of a missing last field; "" makes nothing."""


class FieldPathError(ValueError):
    """A path that leads through something that is neither an object nor a list."""


ANY_KIND = Gvk()


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A path within objects of some kinds; `create` lets missing fields on the way be made."""

    path: str
    create: bool = False
    gvk: Gvk = ANY_KIND


def merge_specs(specs: tuple[FieldSpec, ...], more: Iterable[FieldSpec]) -> tuple[FieldSpec, ...]:
    """Both; what the first already covers is left out of the second.

    Upstream's notion of "already there" (`effectivelyEquals`) takes a spec for any kind as covered by one for a
    certain kind with the same path, so that a special spec can displace the general one.
    Raises: FieldPathError when both name a field and disagree on creating it.
    """
    merged = list(specs)
    by_path: dict[str, list[FieldSpec]] = {}
    for spec in specs:
        by_path.setdefault(spec.path, []).append(spec)
    for spec in more:
        same = by_path.setdefault(spec.path, [])
        known = next((s for s in same if ResId(*s.gvk, "", "").is_selected(spec.gvk)), None)
        if known is None:
            merged.append(spec)
            same.append(spec)
        elif known.create != spec.create:
            raise FieldPathError(f"conflicting fieldspecs for {spec.path} of {spec.gvk}")
    return tuple(merged)


def change_fields(
    obj: dict[str, Any], specs: Iterable[FieldSpec], change: Change, create: Create = ""
) -> dict[str, Any]:
    """The object with `change` applied to each field that the specs name in its kind.

    Raises: FieldPathError.
    """
    group, _, version = obj.get("apiVersion", "").rpartition("/")
    own = ResId(group, version, obj.get("kind", ""), "", "")
    for spec in specs:
        if own.is_selected(spec.gvk):
            obj = _walk(obj, split_path(spec.path, "/"), change, create if spec.create else "", spec.path)
    return obj


@lru_cache(maxsize=2048)
def split_path(path: str, delimiter: str) -> tuple[str, ...]:
    """The parts of a path; a backslash keeps the delimiter within a part, a leading delimiter is dropped."""
    parts = path.split(delimiter)
    if len(parts) > 1 and not parts[0]:
        parts = parts[1:]
    result = [parts[0]]
    for part in parts[1:]:
        if result[-1].endswith("\\"):
            result[-1] = result[-1][:-1] + delimiter + part
        else:
            result.append(part)
    return tuple(result)


def _walk(value: Any, path: tuple[str, ...], change: Change, create: Create, whole: str) -> Any:
    if not path:
        return change(value)
    if value is None:
        return None
    if isinstance(value, list):
        items = [_walk(item, path, change, create, whole) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        raise FieldPathError(f"considering field '{whole}': expected sequence or mapping node")
    name = path[0].removesuffix("[]")
    if name not in value and (not create or name != path[0]):
        return value
    before = value.get(name)
    start = {} if before is None and create and (len(path) > 1 or create == "map") else before
    after = _walk(start, path[1:], change, create, whole)
    return value if after is before else {**value, name: after}

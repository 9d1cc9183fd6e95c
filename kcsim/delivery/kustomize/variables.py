"""Vars: `$(NAME)` in some fields, replaced by a field of another object.

**Imitates:** kustomize api/internal/accumulator/{resaccumulator,refvartransformer}.go, api/filters/refvar. Deprecated
upstream in favour of replacements, and still in use. Differs: a var that is never used is no log line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.fieldspec import FieldPathError, FieldSpec, split_path
from kcsim.delivery.kustomize.resources import ResId, Resource, Resources, find_by_any_id
from kcsim.delivery.kustomize.transformers import change_all


@dataclass(frozen=True, slots=True)
class Variable:
    """One var: its name, the object it reads from, and the field."""

    name: str
    source: ResId
    field_path: str
    file: str


def variable_of(raw: Mapping[str, Any], file: str) -> Variable:
    """A var as kustomization files write it."""
    ref = raw.get("objref") or {}
    group, _, version = str(ref.get("apiVersion") or "").rpartition("/")
    source = ResId(
        ref.get("group") or group,
        ref.get("version") or version,
        ref.get("kind") or "",
        ref.get("name") or "",
        ref.get("namespace") or "",
    )
    path = (raw.get("fieldref") or {}).get("fieldPath") or (raw.get("fieldref") or {}).get("fieldpath")
    return Variable(raw.get("name") or "", source, path or "metadata.name", file)


def merge_variables(known: tuple[Variable, ...], more: tuple[Variable, ...]) -> tuple[Variable, ...]:
    """Both; the same name twice is an error.

    Raises: KustomizeError.
    """
    names = {v.name for v in known}
    for variable in more:
        if variable.name in names:
            raise KustomizeError(variable.file, f"var '{variable.name}' already encountered")
        names.add(variable.name)
    return (*known, *more)


def mark_sources(resources: Resources, variables: tuple[Variable, ...]) -> Resources:
    """The resources with the vars noted down that read from them, before their names change further.

    Raises: KustomizeError when a var could read from several.
    """
    for variable in variables:
        wanted = variable.source
        found = find_by_any_id(
            resources,
            wanted.equals
            if wanted.namespace or wanted.is_cluster_scoped
            else lambda id_, wanted=wanted: id_[:4] == wanted[:4],  # type: ignore[misc]
        )
        if len(found) > 1:
            raise KustomizeError(
                variable.file,
                f"found {len(found)} resId matches for var {variable.name} (unable to disambiguate)",
            )
        resources = tuple(
            replace(r, variables=(*r.variables, variable.name)) if i in found else r
            for i, r in enumerate(resources)
        )
    return resources


def resolve_variables(
    resources: Resources, variables: tuple[Variable, ...], specs: tuple[FieldSpec, ...]
) -> Resources:
    """The resources with every `$(NAME)` in the fields of `specs` replaced.

    Raises: KustomizeError when a var has no source.
    """
    if not variables:
        return resources
    values = {v.name: _value(resources, v) for v in variables}

    def change(value: Any) -> Any:
        if isinstance(value, str):
            return expand(value, values)
        if isinstance(value, dict):
            return {k: expand(v, values) if isinstance(v, str) else v for k, v in value.items()}
        if isinstance(value, list):
            if not all(isinstance(item, str) for item in value):
                raise FieldPathError("invalid value type expect a string")
            return [expand(item, values) for item in value]
        return value

    return tuple(change_all(r, specs, change) for r in resources)


def _value(resources: Resources, variable: Variable) -> Any:
    source = next((r for r in resources if variable.name in r.variables), None)
    if source is None:
        raise KustomizeError(
            variable.file, f"var '{variable.name}' cannot be mapped to a field in the set of known resources"
        )
    value = field_at(source, variable.field_path)
    if value is None:
        raise KustomizeError(
            variable.file, f"field specified in var '{variable.name}' not found in corresponding resource"
        )
    return value


def field_at(resource: Resource, path: str) -> Any:
    """The value at a dotted path such as `spec.ports[0].port`; None when there is none."""
    value: Any = resource.obj
    for part in split_path(path.replace("[", ".").replace("]", ""), "."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def expand(text: str, values: Mapping[str, Any]) -> Any:
    """A text with its `$(NAME)`s replaced; `$$` is a dollar; a text that is one var takes its type."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        dollar = text.find("$", position)
        if dollar < 0 or dollar + 1 == len(text):
            break
        parts.append(text[position:dollar])
        following = text[dollar + 1]
        close = text.find(")", dollar) if following == "(" else -1
        if close >= 0:
            name = text[dollar + 2 : close]
            value = values.get(name)
            if not isinstance(value, str | int | float):
                value = f"$({name})"
            if text == f"$({name})":
                return value
            parts.append(str(value).lower() if isinstance(value, bool) else str(value))
            position = close + 1
        else:
            parts.append("$" if following == "$" else f"${following}")
            position = dollar + 2
    return "".join(parts) + text[position:]

"""Patches: strategic merge and JSON 6902, with and without targets.

**Imitates:** kustomize api/internal/builtins/Patch{,StrategicMerge,Json6902}Transformer, `ApplySmPatch` of
api/resource and api/resmap, and kyaml/yaml/merge2 as kustomize calls it. The merge itself is kcsim.api.patch.strategic;
what differs in kustomize is arranged around it: the items of a patched list come first, fields nobody knows are no
error, and lists with several map keys (ports) go by all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kcsim.api.objects import assoc
from kcsim.api.patch import json_patch, strategic
from kcsim.api.patch.schema import FREE_FORM, OpenAPIPatchSchema, PatchField, PatchSchema
from kcsim.api.patch.values import PatchError
from kcsim.api.schemas.definitions import definition_name, definitions
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.resources import (
    Resource,
    Resources,
    Selector,
    find_one,
    replace_at,
    set_namespace,
)
from kcsim.manifests import ManifestError, documents, resolve_core

_SHARED: dict[str, OpenAPIPatchSchema] = {}
"""Schemas of the built-in kinds, looked up once for all builds; they never change."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, read but not yet applied."""

    source: str
    """The file that holds it, or the kustomization in which it is written."""
    merges: tuple[dict[str, Any], ...] = ()
    operations: tuple[dict[str, Any], ...] = ()
    target: Selector | None = None
    allow_name_change: bool = False
    allow_kind_change: bool = False


def read_patch(text: str | bytes, source: str, target: Selector | None, options: Mapping[str, Any]) -> Patch:
    """A patch of either kind, told apart by its shape.

    Raises: KustomizeError.
    """
    try:
        values = [d.value for d in documents(text, source, plain=resolve_core) if d.value is not None]
    except ManifestError as error:
        raise KustomizeError(error.file, error.message, error.line, error.column) from error
    if values and all(isinstance(v, list) for v in values):
        operations = values[0]
        if not all(isinstance(op, dict) and "op" in op for op in operations):
            raise KustomizeError(source, "unable to parse SM or JSON patch: an operation lacks 'op'")
        return Patch(source, operations=tuple(operations), target=_checked(target, source))
    for value in values:
        if not isinstance(value, dict):
            raise KustomizeError(source, "unable to parse SM or JSON patch")
        if not isinstance(value.get("kind"), str):
            raise KustomizeError(source, "unable to parse SM or JSON patch: missing field 'kind'")
        if not (value.get("metadata") or {}).get("name"):
            raise KustomizeError(source, "missing metadata.name in object " + value["kind"])
    return Patch(
        source,
        merges=tuple(values),
        target=_checked(target, source),
        allow_name_change=bool(options.get("allowNameChange")),
        allow_kind_change=bool(options.get("allowKindChange")),
    )


def _checked(target: Selector | None, source: str) -> Selector | None:
    if target is not None:
        for pattern in (target.group, target.version, target.kind, target.name, target.namespace):
            try:
                re.compile(pattern)
            except re.error as error:
                raise KustomizeError(
                    source, f"patch target: error parsing regexp {pattern!r}: {error}"
                ) from error
    return target


def apply_patch(resources: Resources, patch: Patch) -> Resources:
    """The resources with one patch applied to those it is for.

    Raises: KustomizeError when a patch without target finds none, or does not apply.
    """
    if patch.operations:
        return _apply_operations(resources, patch)
    if patch.target is None:
        for merge in patch.merges:
            wanted = Resource(merge).id
            index = find_one(
                resources, wanted, patch.source, f'no resource matches strategic merge patch "{wanted}"'
            )
            resources = replace_at(resources, {index: _merge(resources[index], merge, patch)})
        return resources
    if len(patch.merges) > 1:
        raise KustomizeError(
            patch.source,
            "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field",
        )
    changes = {
        i: _merge(r, patch.merges[0], patch)
        for i, r in enumerate(resources)
        if patch.merges and patch.target.selects(r)
    }
    return replace_at(resources, changes)


def _apply_operations(resources: Resources, patch: Patch) -> Resources:
    if patch.target is None:
        raise KustomizeError(patch.source, "must specify a target for JSON patch")
    changes: dict[int, Resource] = {}
    for i, resource in enumerate(resources):
        if patch.target.selects(resource):
            try:
                obj = json_patch.apply(resource.obj, list(patch.operations), as_server=True)
            except PatchError as error:
                raise KustomizeError(patch.source, f"{error} (object {resource.id})") from error
            changes[i] = resource.remember().with_object(obj)
    return replace_at(resources, changes)


def _merge(resource: Resource, merge: dict[str, Any], patch: Patch) -> Resource:
    before = resource.id
    if patch.allow_name_change or patch.allow_kind_change:
        resource = resource.remember()
    body = merge if patch.target is None else {**merge, "apiVersion": resource.obj.get("apiVersion")}
    try:
        obj = strategic_merge(resource.obj, body, schema_of(resource.obj))
    except PatchError as error:
        raise KustomizeError(patch.source, f"{error} (object {before})") from error
    if not obj:
        return resource.with_object({})
    if not patch.allow_kind_change:
        obj = assoc(obj, ("kind",), before.kind)
    if not patch.allow_name_change:
        obj = assoc(obj, ("metadata", "name"), before.name)
    if before.namespace or "namespace" in (obj.get("metadata") or {}):
        obj = set_namespace(obj, before.namespace)
    return resource.with_object(obj)


# ---------------------------------------------------------------- the merge, as kustomize does it


class _Lenient:
    """A schema that takes fields it does not know for free-form ones, and knows lists with several keys."""

    def __init__(self, inner: PatchSchema) -> None:
        self._inner = inner
        self.name = inner.name
        self._fields: dict[str, PatchField] = {}

    def field(self, key: str) -> PatchField | None:
        """What is known about a member; never None."""
        found = self._fields.get(key)
        if found is None:
            inner = self._inner.field(key) or PatchField(FREE_FORM)
            merge_key = _KEYS if inner.merge_key in _SEVERAL_KEYS else inner.merge_key
            found = PatchField(_Lenient(inner.schema), inner.strategy, merge_key, inner.retain_keys)
            self._fields[key] = found
        return found

    def keys_of(self, key: str) -> tuple[str, ...]:
        """The map keys of a list whose items several fields identify; empty for all others."""
        inner = self._inner.field(key)
        return _SEVERAL_KEYS.get(inner.merge_key, ()) if inner is not None else ()


_KEYS = "\0keys"
_SEVERAL_KEYS = {
    "containerPort": ("containerPort", "protocol"),
    "port": ("port", "protocol"),
    "topologyKey": ("topologyKey", "whenUnsatisfiable"),
}
"""Patch merge key -> x-kubernetes-list-map-keys, of the lists of the built-in kinds that have more than one."""


@lru_cache(maxsize=512)
def _schema(group: str, version: str, kind: str) -> _Lenient:
    name = definition_name((group, version, kind))
    return _Lenient(OpenAPIPatchSchema(definitions(), name, _SHARED) if name is not None else FREE_FORM)


def schema_of(obj: Mapping[str, Any]) -> _Lenient:
    """The merge schema of an object's kind; free-form for kinds nobody knows."""
    group, _, version = obj.get("apiVersion", "").rpartition("/")
    return _schema(group, version, obj.get("kind", ""))


def strategic_merge(original: dict[str, Any], patch: dict[str, Any], schema: _Lenient) -> dict[str, Any]:
    """The object after a strategic merge patch, lists in kustomize's order.

    Raises: PatchError.
    """
    tagged, patch_tagged = _tag(original, patch, schema)
    merged = strategic.apply(tagged, patch_tagged, schema)
    result: dict[str, Any] = _untag(_arrange(merged, patch_tagged, schema))
    return result


def _arrange(merged: Any, patch: Any, schema: PatchSchema) -> Any:
    """Patched items before the others, in the order of the patch, at every depth (MergeOptionsListPrepend)."""
    if not isinstance(merged, dict) or not isinstance(patch, dict) or "$patch" in patch:
        return merged
    result = merged
    for key, value in patch.items():
        field = schema.field(key)
        if field is None or key not in merged or not isinstance(value, dict | list):
            continue
        after = merged[key]
        if isinstance(value, dict):
            after = _arrange(after, value, field.schema)
        elif field.strategy == "merge" and isinstance(after, list):
            after = _arrange_items(after, value, field)
        if after is not merged[key]:
            result = {**result, key: after}
    return result


def _arrange_items(merged: list[Any], patch: list[Any], field: PatchField) -> list[Any]:
    if not field.merge_key:
        first = [item for item in dict.fromkeys(patch) if item in merged]
        return first + [item for item in merged if item not in first]
    items = {
        item.get(field.merge_key): item for item in patch if isinstance(item, dict) and "$patch" not in item
    }
    own = {item.get(field.merge_key): item for item in merged}
    first = [_arrange(own[key], item, field.schema) for key, item in items.items() if key in own]
    return first + [item for item in merged if item.get(field.merge_key) not in items]


def _tag(original: Any, patch: Any, schema: _Lenient) -> tuple[Any, Any]:
    """Both with one composite key in each item of the lists that have several, where the patch touches them."""
    if not isinstance(original, dict) or not isinstance(patch, dict):
        return original, patch
    old, new = original, patch
    for key, value in patch.items():
        below = schema.field(key)
        assert below is not None
        inner = below.schema
        assert isinstance(inner, _Lenient)
        before = original.get(key)
        if isinstance(value, dict):
            a, b = _tag(before, value, inner)
        elif isinstance(value, list) and below.strategy == "merge" and below.merge_key:
            keys = schema.keys_of(key)
            a, b = (
                _tag_items(before, value, keys) if keys else _tag_below(before, value, below.merge_key, inner)
            )
        else:
            continue
        if a is not before:
            old = {**old, key: a}
        if b is not value:
            new = {**new, key: b}
    return old, new


def _tag_below(before: Any, patch: list[Any], merge_key: str, inner: _Lenient) -> tuple[Any, list[Any]]:
    """The same for what stands inside the items of a list with one key."""
    own = {item.get(merge_key): i for i, item in enumerate(before or ()) if isinstance(item, dict)}
    old, new = list(before or ()), list(patch)
    for j, item in enumerate(patch):
        if not isinstance(item, dict):
            continue
        i = own.get(item.get(merge_key))
        a, new[j] = _tag(old[i] if i is not None else {}, item, inner)
        if i is not None:
            old[i] = a
    return (old if isinstance(before, list) else before), new


def _tag_items(before: Any, patch: list[Any], keys: tuple[str, ...]) -> tuple[Any, list[Any]]:
    own = [item for item in before or () if isinstance(item, dict)]
    values = [tuple(item.get(k) for k in keys) for item in (*patch, *own) if isinstance(item, dict)]

    def tagged(item: Any) -> Any:
        if not isinstance(item, dict) or ("$patch" in item and len(item) == 1):
            return item
        mine = tuple(item.get(k) for k in keys)
        # A missing secondary key agrees with any value (kyaml walk: mergeValues); the first that agrees counts.
        agreeing = [v for v in values if _agree(v, mine) and None not in v]
        return {**item, _KEYS: str(agreeing[0] if None in mine and agreeing else mine)}

    return ([tagged(i) for i in before] if isinstance(before, list) else before), [tagged(i) for i in patch]


def _agree(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return a[0] == b[0] and all(x == y or x is None or y is None for x, y in zip(a, b, strict=True))


def _untag(value: Any) -> Any:
    if isinstance(value, list):
        items = [_untag(item) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    cleaned = {k: _untag(v) for k, v in value.items() if k != _KEYS}
    same = len(cleaned) == len(value) and all(cleaned[k] is value[k] for k in cleaned)
    return value if same else cleaned

"""Replacements: a field of one object copied into fields of others.

**Imitates:** kustomize api/filters/replacement, api/types/replacement.go. Targets may lie inside a text that is JSON or
YAML itself. Left out: `options.encoding`, which upstream reads and does not use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.selectors import SelectorError
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.paths import MISSING, PathError, change_at, look_up, scalar_text, split
from kcsim.delivery.kustomize.resources import ResId, Resource, Resources, selector_of
from kcsim.manifests import ManifestError, documents, dump_like, resolve, resolve_core

_DEFAULT_PATH = "metadata.name"


class OptionError(PathError):
    """An option that does not fit the value it is for."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to take a part of a text, or to put one in."""

    delimiter: str = ""
    index: int = 0
    create: bool = False


def apply_replacement(resources: Resources, raw: Mapping[str, Any], file: str) -> Resources:
    """The resources after one replacement, written as in a kustomization file.

    Raises: KustomizeError.
    """
    source, given, targets = raw.get("source"), raw.get("sourceValue"), raw.get("targets")
    if (source is None and given is None) or not targets:
        raise KustomizeError(file, "replacements must specify a source and at least one target")
    if source is not None and given is not None:
        raise KustomizeError(file, "value and resource selectors are mutually exclusive")
    try:
        value = str(given) if source is None else _source_value(resources, source)
        for target in targets:
            resources = _into_targets(resources, target, value)
    except (PathError, re.error, SelectorError) as error:
        raise KustomizeError(file, str(error)) from error
    return resources


def _source_value(resources: Resources, source: Mapping[str, Any]) -> Any:
    wanted = _res_id(source)
    found = [r for r in resources if any(_is_selected_by(id_, wanted) for id_ in r.all_ids)]
    shown = _shown(source, wanted)
    if not found:
        raise PathError(f"nothing selected by {shown}")
    if len(found) > 1:
        raise PathError(f"multiple matches for selector {shown}")
    path = source.get("fieldPath") or _DEFAULT_PATH
    value = look_up(found[0].obj, split(path))
    if value is None or value in ({}, []):
        raise PathError(f"fieldPath `{path}` is missing for replacement source {wanted}")
    options = _options(source)
    if not options.delimiter:
        return value
    parts = _parts(value, options)
    if not 0 <= options.index < len(parts):
        raise PathError(f"options.index {options.index} is out of bounds for value {scalar_text(value)}")
    return parts[options.index]


def _into_targets(resources: Resources, target: Mapping[str, Any], value: Any) -> Resources:
    if target.get("select") is None:
        raise PathError("target must specify resources to select")
    paths = target.get("fieldPaths") or [_DEFAULT_PATH]
    options = _options(target)

    def changed(resource: Resource) -> Resource:
        if not is_replaced(target, resource):
            return resource
        obj = resource.obj
        for path in paths:
            obj = _copy_to(obj, path, value, options)
        return resource.with_object(obj)

    return tuple(changed(r) for r in resources)


def is_replaced(target: Mapping[str, Any], resource: Resource) -> bool:
    """Whether a resource is one that an entry of `targets`, which has a `select`, is for."""
    select = selector_of(target["select"])
    if not select.matches_metadata(resource.obj):
        return False
    for reject in map(selector_of, target.get("reject") or ()):
        by_metadata = bool(reject.labels or reject.annotations)
        if by_metadata and reject.matches_metadata(resource.obj):
            return False
        if not reject.names_nothing and any(reject.matches_id(id_) for id_ in resource.all_ids):
            return False
    return any(select.matches_id(id_) for id_ in resource.all_ids)


def _copy_to(obj: dict[str, Any], path: str, value: Any, options: Options) -> dict[str, Any]:
    parts = split(path)
    verb = "find or create" if options.create else "find"
    problem = f'unable to {verb} field "{path}" in replacement target'
    try:
        inside = _copy_into_text(obj, parts, value, options)
        if inside is not None:
            return inside
        after, count = change_at(
            obj, parts, lambda old: _set(old, value, options), value if options.create else None
        )
    except OptionError:
        raise
    except PathError as error:
        raise PathError(f"{problem}: {error}") from error
    if not count:
        raise PathError(problem)
    result: dict[str, Any] = after
    return result


def _set(old: Any, value: Any, options: Options) -> Any:
    if options.delimiter:
        parts = _parts(old, options)
        text = scalar_text(value)
        if options.index < 0:
            parts = [text, *parts]
        elif options.index >= len(parts):
            parts = [*parts, text]
        else:
            parts = [*parts[: options.index], text, *parts[options.index + 1 :]]
        value = options.delimiter.join(parts)
    if old is MISSING:
        return value if isinstance(value, dict | list) else resolve(scalar_text(value))
    if isinstance(old, dict | list) or isinstance(value, dict | list):
        return value
    # A scalar takes the text and keeps the type that it has.
    return scalar_text(value) if isinstance(old, str) else resolve(scalar_text(value))


def _parts(value: Any, options: Options) -> list[str]:
    if isinstance(value, dict | list):
        raise OptionError("delimiter option can only be used with scalar nodes")
    return scalar_text(value).split(options.delimiter)


# ---------------------------------------------------------------- targets inside a text


def _copy_into_text(
    obj: dict[str, Any], parts: list[str], value: Any, options: Options
) -> dict[str, Any] | None:
    """The object with the value put into JSON or YAML that one of its texts holds; None when the path leads to none.

    Raises: PathError when it leads into such a text, and not to a place in it.
    """
    for length in range(1, len(parts)):
        try:
            text = look_up(obj, parts[:length])
        except PathError:
            continue
        if isinstance(text, str):
            break
    else:
        return None
    try:
        [document] = documents(text, "", plain=resolve_core)
        inner, count = change_at(
            document.value,
            parts[length:],
            lambda old: _set(old, value, options),
            value if options.create else None,
        )
    except PathError:
        raise
    except (ManifestError, ValueError):
        return None
    if not count:
        return None
    written = _serialized(inner, text)
    after, _ = change_at(obj, parts[:length], lambda _: written)
    result: dict[str, Any] = after
    return result


def _serialized(value: Any, before: str) -> str:
    if before.strip()[:1] not in ("{", "["):
        return dump_like(value, before).strip()
    pretty = "\n" in before and "  " in before
    separators = (",", ": ") if pretty else (",", ":")
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, indent=2 if pretty else None, separators=separators
    )


# ---------------------------------------------------------------- reading


def _options(raw: Mapping[str, Any]) -> Options:
    options = raw.get("options") or {}
    return Options(options.get("delimiter") or "", options.get("index") or 0, bool(options.get("create")))


def _res_id(raw: Mapping[str, Any]) -> ResId:
    return ResId(*(raw.get(field) or "" for field in ("group", "version", "kind", "name", "namespace")))


def _is_selected_by(id_: ResId, wanted: ResId) -> bool:
    parts = zip(wanted[:4], id_[:4], strict=True)
    namespace = not wanted.namespace or wanted.effective_namespace == id_.effective_namespace
    return namespace and all(not want or want == have for want, have in parts)


def _shown(source: Mapping[str, Any], wanted: ResId) -> str:
    parts = [str(wanted)] + ([source["fieldPath"]] if source.get("fieldPath") else [])
    options = _options(source)
    if options.delimiter or options.create:
        parts.append(f"{options.delimiter}({options.index}), create={str(options.create).lower()}")
    return ":".join(parts)

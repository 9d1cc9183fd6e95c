"""The last-applied annotation of client-side apply, as server-side apply by `kubectl` treats it.

Imitates: apimachinery pkg/util/managedfields/internal/{lastapplied,lastappliedmanager,lastappliedupdater}.go (v1.36).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kcsim.api.apply.compare import compare
from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.apply.schema import TypedError, TypeSchema
from kcsim.api.apply.texts import compact_json
from kcsim.api.apply.typed import to_field_set, validate

ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"

KUBECTL: Final = "kubectl"
"""The one field manager that upgrades objects from client-side apply; others opt out by their name."""

_MAX_ANNOTATIONS_SIZE: Final = 256 * 1024


def _annotations(obj: Mapping[str, Any]) -> dict[str, Any]:
    return dict((obj.get("metadata") or {}).get("annotations") or {})


def allowed_conflicts(live: Mapping[str, Any], api_version: str, schema: TypeSchema) -> FieldSet | None:
    """The fields that client-side apply owns: applied last by it and unchanged since. None when there is no saying."""
    text = _annotations(live).get(ANNOTATION)
    if not text:
        return None
    try:
        last = json.loads(text)
    except ValueError:
        return None
    if not isinstance(last, dict) or last.get("apiVersion") != api_version:
        return None
    try:
        validate(live, schema.root)
        validate(last, schema.root)
    except TypedError:
        # Upstream reports the conflict as it is when either object does not fit the schema.
        return None
    difference = compare(last, live, schema.root)
    fields = to_field_set(last, schema.root)
    return fields.difference(difference.modified).difference(difference.added).difference(difference.removed)


def with_last_applied(new: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its annotation, if it has one, brought up to date for a later client-side apply."""
    annotations = _annotations(new)
    if not annotations.get(ANNOTATION):
        return new
    annotations[ANNOTATION] = compact_json(_without_annotation(config)) + "\n"
    size = sum(len(key.encode()) + len(str(value).encode()) for key, value in annotations.items())
    if size > _MAX_ANNOTATIONS_SIZE:
        del annotations[ANNOTATION]
    return {**new, "metadata": {**new["metadata"], "annotations": annotations}}


def _without_annotation(config: Mapping[str, Any]) -> Mapping[str, Any]:
    annotations = _annotations(config)
    if ANNOTATION not in annotations:
        return config
    del annotations[ANNOTATION]
    return {**config, "metadata": {**config["metadata"], "annotations": annotations}}

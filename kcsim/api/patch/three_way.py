"""Three-way merge patches, as `kubectl apply` makes them from last applied, wanted and live.

Imitates: apimachinery pkg/util/strategicpatch (CreateThreeWayMergePatch), pkg/util/jsonmergepatch
(CreateThreeWayJSONMergePatch) and pkg/util/mergepatch, v1.36.
Differs: a conflict's message shows the two sides as JSON, upstream as YAML.
Walk: additions and changes = live -> wanted; deletions = last applied -> wanted; both together are the patch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from kcsim.api.gotext import go_value
from kcsim.api.patch import merge_patch
from kcsim.api.patch.element_order import DIRECTIVE, holds_maps
from kcsim.api.patch.schema import MERGE, REPLACE, PatchField, PatchSchema, lookup
from kcsim.api.patch.strategic import COMBINE, RETAIN_KEYS_DIRECTIVE, merge_map
from kcsim.api.patch.strategic_diff import DiffOptions, diff_maps
from kcsim.api.patch.values import ConflictError, PatchError, PreconditionError, json_equal

Precondition = Callable[[dict[str, Any]], bool]
"""Does the patch keep what must stay?"""

_ADDITIONS = DiffOptions(set_element_order=True, ignore_deletions=True)
_DELETIONS = DiffOptions(set_element_order=True, ignore_changes_and_additions=True)
_CHANGES = DiffOptions()


def require_key_unchanged(key: str) -> Precondition:
    """The patch must not hold this key."""
    return lambda patch: key not in patch


def require_metadata_key_unchanged(key: str) -> Precondition:
    """The patch must not hold this key of metadata."""
    return lambda patch: not isinstance(patch.get("metadata"), dict) or key not in patch["metadata"]


def strategic(
    original: dict[str, Any],
    modified: dict[str, Any],
    current: dict[str, Any],
    schema: PatchSchema,
    *,
    overwrite: bool = True,
    preconditions: Iterable[Precondition] = (),
) -> dict[str, Any]:
    """The strategic merge patch to send: makes `current` what `modified` says, deletes what only `original` had.

    Raises: ConflictError without `overwrite` when somebody else changed what the patch changes; PreconditionError;
    PatchError.
    """
    additions = diff_maps(current, modified, schema, _ADDITIONS)
    deletions = diff_maps(original, modified, schema, _DELETIONS)
    patch = merge_map(deletions, additions, schema, COMBINE)
    _check_preconditions(patch, preconditions)
    if not overwrite:
        changed = diff_maps(original, current, schema, _CHANGES)
        if _maps_have_conflicts(patch, changed, schema):
            raise _conflict(patch, changed)
    return patch


def json_merge(
    original: dict[str, Any],
    modified: dict[str, Any],
    current: dict[str, Any],
    *,
    preconditions: Iterable[Precondition] = (),
) -> dict[str, Any]:
    """The JSON merge patch to send, for kinds without strategic merge (custom resources).

    Raises: PreconditionError; ConflictError when additions and deletions contradict each other.
    """
    additions = _keep_or_delete_null(merge_patch.diff(current, modified), keep_null=False)
    deletions = _keep_or_delete_null(merge_patch.diff(original, modified), keep_null=True)
    if _has_conflicts(additions, deletions):
        raise _conflict(additions, deletions)
    patch = _combine(deletions, additions)
    _check_preconditions(patch, preconditions)
    return patch


def _conflict(patch: dict[str, Any], changed: dict[str, Any]) -> ConflictError:
    shown = json.dumps(patch, sort_keys=True)
    return ConflictError(
        f"patch:\n{shown}\nconflicts with changes made from original to current:\n"
        f"{json.dumps(changed, sort_keys=True)}\n"
    )


def _check_preconditions(patch: dict[str, Any], preconditions: Iterable[Precondition]) -> None:
    if not all(holds(patch) for holds in preconditions):
        raise PreconditionError(f"precondition failed for: {go_value(patch)}")


# --- JSON merge patches -----------------------------------------------------------------------------------------


def _keep_or_delete_null(patch: dict[str, Any], *, keep_null: bool) -> dict[str, Any]:
    """Only the deletions of a merge patch, or all but them. An empty map is a value, not an empty patch."""
    kept: dict[str, Any] = {}
    for key, value in patch.items():
        if isinstance(value, dict) and value:
            nested = _keep_or_delete_null(value, keep_null=keep_null)
            if nested:
                kept[key] = nested
        elif (value is None) == keep_null:
            kept[key] = value
    return kept


def _combine(deletions: dict[str, Any], additions: dict[str, Any]) -> dict[str, Any]:
    """Both as one patch: the nulls of the deletions stay (merge_patch.apply would carry them out)."""
    patch = dict(deletions)
    for key, value in additions.items():
        before = patch.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            value = _combine(before, value)
        patch[key] = value
    return patch


def _has_conflicts(left: Any, right: Any) -> bool:
    """Do two merge patches say different things about one member?"""
    if isinstance(left, dict) and isinstance(right, dict):
        return any(_has_conflicts(value, right[key]) for key, value in left.items() if key in right)
    return not json_equal(left, right)


# --- Conflicts of strategic merge patches -----------------------------------------------------------------------


def _maps_have_conflicts(left: dict[str, Any], right: dict[str, Any], schema: PatchSchema) -> bool:
    """Does any member differ that both patches hold (mapsHaveConflicts)?"""
    if left.get(DIRECTIVE) != right.get(DIRECTIVE):
        return True
    for key, value in left.items():
        if key in (DIRECTIVE, RETAIN_KEYS_DIRECTIVE) or key not in right:
            continue
        field = None
        if isinstance(value, (dict, list)):
            # A deletion list in both is no field of the schema: an error, as upstream.
            field = lookup(schema, key)
        if _fields_have_conflicts(value, right[key], field):
            return True
    return False


def _fields_have_conflicts(left: Any, right: Any, field: PatchField | None) -> bool:
    if isinstance(left, dict):
        if not isinstance(right, dict) or left.get(DIRECTIVE) != right.get(DIRECTIVE):
            return True
        assert field is not None
        return field.strategy != REPLACE and _maps_have_conflicts(left, right, field.schema)
    if isinstance(left, list):
        assert field is not None
        return not isinstance(right, list) or _lists_have_conflicts(left, right, field)
    return not json_equal(left, right)


def _lists_have_conflicts(left: list[Any], right: list[Any], field: PatchField) -> bool:
    of_maps = holds_maps(left, right)
    if field.strategy == MERGE:
        if not of_maps:
            return False
        theirs = _by_merge_key(right, field.merge_key)
        ours = _by_merge_key(left, field.merge_key)
        return any(
            _maps_have_conflicts(ours[key], theirs[key], field.schema) for key in ours if key in theirs
        )
    if len(left) != len(right):
        return True
    if not of_maps:
        return sorted(map(go_value, left)) != sorted(map(go_value, right))
    return any(_maps_have_conflicts(a, b, field.schema) for a, b in zip(left, right, strict=True))


def _by_merge_key(items: list[Any], merge_key: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        if merge_key not in item:
            raise PatchError(f"cannot find merge key `{merge_key}` in merging list element:{go_value(item)}")
        found[go_value(item[merge_key])] = item
    return found

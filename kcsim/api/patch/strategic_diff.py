"""Strategic merge patch: make the one that leads from an object to another.

Imitates: apimachinery pkg/util/strategicpatch/patch.go, v1.36: CreateTwoWayMergeMapPatchUsingLookupPatchMeta and
its diffMaps, diffLists, diffListsOfMaps, diffListsOfScalars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from kcsim.api.gotext import go_value
from kcsim.api.patch.element_order import DELETE, DIRECTIVE, holds_maps, key_function, merge_value, sort_by
from kcsim.api.patch.schema import MERGE, REPLACE, PatchField, PatchSchema, lookup
from kcsim.api.patch.strategic import DELETE_PREFIX, ORDER_PREFIX, RETAIN_KEYS_DIRECTIVE
from kcsim.api.patch.values import PatchError, json_equal


@dataclass(frozen=True, slots=True)
class DiffOptions:
    """Which differences to write down."""

    set_element_order: bool = False
    ignore_changes_and_additions: bool = False
    ignore_deletions: bool = False
    build_retain_keys: bool = False


TWO_WAY = DiffOptions(set_element_order=True)


def two_way(original: dict[str, Any], modified: dict[str, Any], schema: PatchSchema) -> dict[str, Any]:
    """The strategic merge patch that turns `original` into `modified`.

    Raises: PatchError with upstream's message.
    """
    return diff_maps(original, modified, schema, TWO_WAY)


def diff_maps(
    original: dict[str, Any], modified: dict[str, Any], schema: PatchSchema, options: DiffOptions
) -> dict[str, Any]:
    """Upstream's diffMaps."""
    patch: dict[str, Any] = {}
    for key, after in modified.items():
        if key not in original:
            if not options.ignore_changes_and_additions:
                patch[key] = after
        elif key == DIRECTIVE:
            _diff_directive(original[key], after, patch)
        else:
            patch.update(_diff_member(key, original[key], after, schema, options))
    if not options.ignore_deletions:
        patch.update((key, None) for key in original if key not in modified)
    if options.build_retain_keys:
        dropped = any(value is not None and key not in modified for key, value in original.items())
        retained = sorted(key for key, value in modified.items() if value is not None)
        if retained and (patch or dropped):
            patch[RETAIN_KEYS_DIRECTIVE] = retained
    return patch


def _diff_directive(before: Any, after: Any, patch: dict[str, Any]) -> None:
    if not isinstance(before, str) or not isinstance(after, str):
        raise PatchError(f"invalid value for special key: {DIRECTIVE}")
    if before != after:
        patch[DIRECTIVE] = after


def _diff_member(
    key: str, before: Any, after: Any, schema: PatchSchema, options: DiffOptions
) -> dict[str, Any]:
    """What the patch says about one member that both have."""
    both_maps = isinstance(before, dict) and isinstance(after, dict)
    both_lists = isinstance(before, list) and isinstance(after, list)
    if both_maps or both_lists:
        field = schema.field(key)
        if field is None and not json_equal(before, after):
            field = lookup(schema, key)
        if field is None:
            return {}
        if both_maps:
            return _diff_map_member(key, before, after, field, options)
        if field.strategy == MERGE:
            return _diff_list_member(key, before, after, field, options)
    return {} if options.ignore_changes_and_additions or json_equal(before, after) else {key: after}


def _diff_map_member(
    key: str, before: dict[str, Any], after: dict[str, Any], field: PatchField, options: DiffOptions
) -> dict[str, Any]:
    if field.strategy == REPLACE:
        # Upstream writes such a map even when it did not change.
        return {} if options.ignore_changes_and_additions else {key: after}
    if before is after:
        return {}
    nested = diff_maps(before, after, field.schema, replace(options, build_retain_keys=field.retain_keys))
    return {key: nested} if nested else {}


def _diff_list_member(
    key: str, before: list[Any], after: list[Any], field: PatchField, options: DiffOptions
) -> dict[str, Any]:
    """A list with patch strategy `merge` (upstream's diffLists)."""
    if not before:
        return {key: after} if after and not options.ignore_changes_and_additions else {}
    options = replace(options, build_retain_keys=field.retain_keys)
    deletions: list[Any] = []
    if holds_maps(before, after):
        changes, order = _diff_lists_of_maps(before, after, field, options)
    else:
        changes, deletions, order = _diff_lists_of_scalars(before, after, options)
    parts = {key: changes, f"{DELETE_PREFIX}/{key}": deletions, f"{ORDER_PREFIX}/{key}": order}
    return {name: items for name, items in parts.items() if items}


def _diff_lists_of_maps(
    before: list[Any], after: list[Any], field: PatchField, options: DiffOptions
) -> tuple[list[Any], list[Any]]:
    """(items of the patch, order list) of two lists that are merged by key."""
    merge_key = field.merge_key
    changes: list[Any] = []
    deletions: list[Any] = []
    old = [(go_value(merge_value(item, merge_key)), item) for item in before]
    new = [(go_value(merge_value(item, merge_key)), item) for item in after]
    same_order = [key for key, _ in old] == [key for key, _ in new]
    old.sort(key=lambda pair: pair[0])
    new.sort(key=lambda pair: pair[0])
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and old[i][0] == new[j][0]:
            nested = diff_maps(old[i][1], new[j][1], field.schema, options)
            if nested:
                changes.append({**nested, merge_key: new[j][1][merge_key]})
            i, j = i + 1, j + 1
        elif i >= len(old) or (j < len(new) and old[i][0] > new[j][0]):
            if not options.ignore_changes_and_additions:
                changes.append(new[j][1])
            j += 1
        else:
            if not options.ignore_deletions:
                deletions.append({merge_key: old[i][1][merge_key], DIRECTIVE: DELETE})
            i += 1
    changes = sort_by(changes, after, key_function(merge_key, of_maps=True)) + deletions
    additions = not options.ignore_changes_and_additions and (bool(changes) or not same_order)
    ordered = options.set_element_order and (additions or (not options.ignore_deletions and bool(changes)))
    return changes, [{merge_key: item[merge_key]} for item in after] if ordered else []


def _diff_lists_of_scalars(
    before: list[Any], after: list[Any], options: DiffOptions
) -> tuple[list[Any], list[Any], list[Any]]:
    """(additions, deletions, order list) of two lists of scalars, compared as sorted multisets."""
    additions: list[Any] = []
    deletions: list[Any] = []
    old, new = sorted(before, key=go_value), sorted(after, key=go_value)
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and go_value(old[i]) == go_value(new[j]):
            i, j = i + 1, j + 1
        elif i >= len(old) or (j < len(new) and go_value(old[i]) > go_value(new[j])):
            if not options.ignore_changes_and_additions:
                additions.append(new[j])
            j += 1
        else:
            if not options.ignore_deletions:
                deletions.append(old[i])
            i += 1
    additions = sort_by(additions, after, key_function("", of_maps=False))
    # Upstream has sorted the old list in place by now: a list whose order is not alphabetical counts as changed.
    changed = not options.ignore_changes_and_additions and not json_equal(old, after)
    ordered = options.set_element_order and (changed or (not options.ignore_deletions and bool(deletions)))
    return additions, list(dict.fromkeys(deletions)), after if ordered else []

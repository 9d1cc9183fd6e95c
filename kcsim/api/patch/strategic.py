"""Strategic merge patch: apply one. (`strategic_diff` makes them.)

Imitates: apimachinery pkg/util/strategicpatch/patch.go, v1.36 (StrategicMergeMapPatchUsingLookupPatchMeta), with the
directives $patch, $retainKeys, $deleteFromPrimitiveList and $setElementOrder.
Walk: patch map -> directives of the map -> ordered lists -> the other members -> a new map that shares all that did
not change with the original (and is the original when nothing did).
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import is_not
from typing import Any

from kcsim.api.gotext import go_value
from kcsim.api.patch.element_order import (
    DELETE,
    DIRECTIVE,
    arrange,
    bad_argument,
    holds_maps,
    is_delete,
    key_function,
    merge_value,
)
from kcsim.api.patch.schema import MERGE, REPLACE, PatchField, PatchSchema, lookup
from kcsim.api.patch.values import PatchError, json_equal

RETAIN_KEYS_DIRECTIVE = "$retainKeys"
DELETE_PREFIX = "$deleteFromPrimitiveList"
ORDER_PREFIX = "$setElementOrder"

_BAD_RETAIN_KEYS = "invalid patch format of retainKeys"
_BAD_ORDER_LIST = "invalid patch format of setElementOrder list"
_BAD_DELETE_LIST = "invalid patch format of primitive list"
_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """What the merge is for."""

    parallel_lists: bool
    """Directives act on the object; else they are carried over, because the result is a patch again."""
    ignore_unmatched_nulls: bool
    """A null for an absent member is dropped; else it is carried over."""


APPLY = MergeOptions(parallel_lists=True, ignore_unmatched_nulls=True)
COMBINE = MergeOptions(parallel_lists=False, ignore_unmatched_nulls=False)


def apply(original: dict[str, Any], patch: dict[str, Any], schema: PatchSchema) -> dict[str, Any]:
    """Applies a strategic merge patch. Neither argument changes.

    Raises: PatchError with upstream's message.
    """
    return merge_map(original, patch, schema, APPLY)


def merge_map(
    original: dict[str, Any], patch: dict[str, Any], schema: PatchSchema, options: MergeOptions
) -> dict[str, Any]:
    """Upstream's mergeMap."""
    if not patch:
        return original
    if DIRECTIVE in patch:
        return _whole_map(patch)
    result = dict(original)
    for key in patch:
        if key[:1] == "$":
            patch = dict(patch)
            break
    else:
        return _merge_plain_map(original, result, patch, schema, options)
    _retain_keys(result, patch, options)
    for key in [key for key in patch if key.startswith(ORDER_PREFIX)]:
        _ordered_list(result, patch, key, schema, options)
    for key, value in patch.items():
        if not key.startswith(DELETE_PREFIX):
            _merge_member(result, key, value, schema, options)
        elif options.parallel_lists:
            _delete_from_list(result, _field_of(key, DELETE_PREFIX, _BAD_DELETE_LIST), value, schema, options)
        else:
            result[key] = value
    if len(result) == len(original) and all(
        original.get(key, _MISSING) is value for key, value in result.items()
    ):
        return original
    return result


def _merge_plain_map(
    original: dict[str, Any],
    result: dict[str, Any],
    patch: dict[str, Any],
    schema: PatchSchema,
    options: MergeOptions,
) -> dict[str, Any]:
    """A patch without directives at this level: member by member."""
    for key, value in patch.items():
        _merge_member(result, key, value, schema, options)
    if len(result) == len(original):
        for key, value in result.items():
            if original.get(key, _MISSING) is not value:
                return result
        return original
    return result


def _whole_map(patch: dict[str, Any]) -> dict[str, Any]:
    """`$patch` in a map: replace it by the other members, or empty it."""
    directive = patch[DIRECTIVE]
    if directive == REPLACE:
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if directive == DELETE:
        return {}
    raise PatchError(f"unknown patch type: {directive} in map: {go_value(patch)}")


def _retain_keys(result: dict[str, Any], patch: dict[str, Any], options: MergeOptions) -> None:
    """Takes `$retainKeys` out of the patch and the members it does not name out of the result."""
    retained = patch.pop(RETAIN_KEYS_DIRECTIVE, _MISSING)
    if retained is _MISSING:
        return
    if not options.parallel_lists:
        before = result.setdefault(RETAIN_KEYS_DIRECTIVE, retained)
        if not json_equal(before, retained):
            shown = f"{go_value(before)} and {go_value(retained)}"
            raise PatchError(
                f"{shown} are not deep equal: this may happen when calculating the 3-way diff patch"
            )
        return
    if not isinstance(retained, list):
        raise PatchError(_BAD_RETAIN_KEYS)
    for key, value in patch.items():
        if value is not None and not key.startswith((DELETE_PREFIX, ORDER_PREFIX)) and key not in retained:
            raise PatchError(_BAD_RETAIN_KEYS)
    for key in [key for key in result if key not in retained]:
        del result[key]


def _field_of(key: str, prefix: str, error: str) -> str:
    """The field that a directive such as `$setElementOrder/containers` is about."""
    head, slash, field = key.partition("/")
    if head != prefix or not slash:
        raise PatchError(error)
    return field


def _merge_member(
    result: dict[str, Any], key: str, value: Any, schema: PatchSchema, options: MergeOptions
) -> None:
    """One member of the patch into the result."""
    if value is None:
        result.pop(key, None)
        if not options.ignore_unmatched_nulls:
            result[key] = None
        return
    before = result.get(key, _MISSING)
    if type(value) in _SCALARS and type(before) is type(value):
        if before != value:
            result[key] = value
        return
    after: Any
    if isinstance(value, dict) and isinstance(before, dict):
        field = lookup(schema, key)
        if field.strategy != REPLACE:
            # What differs was found to differ inside.
            after = merge_map(before, value, field.schema, options)
            if after is not before:
                result[key] = after
            return
        after = value
    elif isinstance(value, list) and isinstance(before, list):
        field = lookup(schema, key)
        after = _merge_list(before, value, field, options) if field.strategy == MERGE else value
    else:
        # A scalar, a new member, or one of another type: the patch's value, without what only directs the merge.
        after = value
        if not _is_plain(value):
            after = _remove_directives(_discard_nulls(value) if options.ignore_unmatched_nulls else value)
        if after is _MISSING:
            result.pop(key, None)
            return
    if after is not before and not json_equal(after, before):
        result[key] = after


def _delete_from_list(
    result: dict[str, Any], key: str, values: Any, schema: PatchSchema, options: MergeOptions
) -> None:
    """`$deleteFromPrimitiveList/<field>`: takes these values out of a list of scalars."""
    if values is None:
        result.pop(key, None)
        return
    before = result.get(key)
    if not isinstance(before, list) or not isinstance(values, list) or not (before or values):
        return
    field = lookup(schema, key)
    if holds_maps(before, values):
        result[key] = _merge_list(before, values, field, options)
    else:
        kept = [item for item in before if item not in values]
        if len(kept) != len(before):
            result[key] = kept


def _is_plain(value: Any) -> bool:
    """Whether a value holds neither nulls in maps nor directives, at any depth."""
    if isinstance(value, dict):
        for key, member in value.items():
            if member is None or key == DIRECTIVE or (type(member) in _NESTED and not _is_plain(member)):
                return False
    elif isinstance(value, list):
        for item in value:
            if type(item) in _NESTED and not _is_plain(item):
                return False
    return True


_NESTED = (dict, list)
_SCALARS = frozenset({str, int, bool})


def _discard_nulls(value: Any) -> Any:
    """The value without null members, at any depth; itself when there are none."""
    if isinstance(value, dict):
        kept = {key: _discard_nulls(member) for key, member in value.items() if member is not None}
        same = len(kept) == len(value) and all(kept[key] is value[key] for key in kept)
        return value if same else kept
    if isinstance(value, list):
        items = [_discard_nulls(item) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _remove_directives(value: Any) -> Any:
    """The value without maps that hold `$patch`, at any depth; `_MISSING` when it is such a map itself."""
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return _MISSING
        cleaned = {key: _remove_directives(member) for key, member in value.items()}
        if all(cleaned[key] is value[key] for key in value):
            return value
        return {key: member for key, member in cleaned.items() if member is not _MISSING}
    if isinstance(value, list):
        items = [_remove_directives(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return [item for item in items if item is not _MISSING]
    return value


# --- Lists ------------------------------------------------------------------------------------------------------


def _merge_list(original: list[Any], patch: list[Any], field: PatchField, options: MergeOptions) -> list[Any]:
    """Merges a list with patch strategy `merge` (upstream's mergeSlice); the original when nothing changed."""
    if not original and not patch:
        return original
    of_maps = holds_maps(original, patch)
    if of_maps and not field.merge_key:
        raise PatchError(f"cannot merge lists without merge key for {field.schema.name}")
    if of_maps:
        base, items = _special_items(original, patch, field.merge_key)
        merged = _merge_items(base, items, field, options)
    else:
        base, items = original, patch
        merged = list(dict.fromkeys([*original, *patch]))
    arranged = arrange(merged, items, base, key_function(field.merge_key, of_maps=of_maps))
    same = len(arranged) == len(original) and all(a is b for a, b in zip(arranged, original, strict=True))
    return original if same else arranged


def _special_items(original: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """Carries out the items with `$patch`: the list without what they delete, and the other items."""
    replace = False
    ordinary: list[Any] = []
    for item in patch:
        match item.get(DIRECTIVE, _MISSING):
            case directive if directive is _MISSING:
                ordinary.append(item)
            case "delete":
                gone = merge_value(item, merge_key)
                original = [kept for kept in original if kept.get(merge_key, _MISSING) != gone]
            case "replace":
                replace = True
            case "merge":
                raise PatchError("merging lists cannot yet be specified in the patch")
            case directive:
                raise PatchError(f"unknown patch type: {directive} in map: {go_value(item)}")
    return (ordinary, []) if replace else (original, ordinary)


def _merge_items(
    original: list[Any], patch: list[Any], field: PatchField, options: MergeOptions
) -> list[Any]:
    """Merges items by their key; those that are new go to the end."""
    merged = list(original)
    where: dict[Any, int] = {}
    for index, item in enumerate(original):
        where.setdefault(merge_value(item, field.merge_key), index)
    for item in patch:
        key = merge_value(item, field.merge_key)
        index = where.get(key, -1)
        if index >= 0:
            merged[index] = merge_map(merged[index], item, field.schema, options)
        else:
            where[key] = len(merged)
            merged.append(item)
    return merged


def _ordered_list(
    result: dict[str, Any], patch: dict[str, Any], key: str, schema: PatchSchema, options: MergeOptions
) -> None:
    """`$setElementOrder/<field>`: merges that field of the patch now and puts it into the order given."""
    order = patch.pop(key)
    if not options.parallel_lists and not json_equal(result.setdefault(key, order), order):
        raise PatchError(_BAD_ORDER_LIST)
    if not isinstance(order, list):
        raise bad_argument([], order)
    name = _field_of(key, ORDER_PREFIX, _BAD_ORDER_LIST)
    before, ours = result.get(name, _MISSING), patch.get(name, _MISSING)
    for items in (before, ours):
        if items is not _MISSING and not isinstance(items, list):
            raise bad_argument([], items)
    field = lookup(schema, name)
    if ours is not _MISSING and (before is not _MISSING or _remove_directives(ours) is ours):
        arranged = _simply_ordered([] if before is _MISSING else before, ours, order, field, options)
        if arranged is not None:
            patch.pop(name)
            if before is _MISSING or len(arranged) != len(before) or any(map(is_not, arranged, before)):
                result[name] = arranged
            return
    _check_order(ours if ours is not _MISSING else [], order, field.merge_key)
    if before is _MISSING and ours is _MISSING:
        return
    server_order: list[Any] = []
    if before is _MISSING:
        merged = _remove_directives(ours)
    elif ours is _MISSING:
        merged = server_order = before
    else:
        merged = _merge_list(before, ours, field, options) if field.strategy == MERGE else ours
        server_order = _order_left_behind(before, ours, field.merge_key)
    lists = [items for items in (before, ours) if items is not _MISSING]
    arranged = arrange(merged, order, server_order, key_function(field.merge_key, of_maps=holds_maps(*lists)))
    patch.pop(name, None)
    if before is _MISSING or not json_equal(before, arranged):
        result[name] = arranged


def _simply_ordered(
    before: list[Any], ours: list[Any], order: list[Any], field: PatchField, options: MergeOptions
) -> list[Any] | None:
    """The short way for what clients mostly send: items known by distinct keys, all named in the order list.

    None when it is not as simple as that; the long way then also finds what is wrong.
    """
    key = field.merge_key
    if not key or field.strategy != MERGE:
        return None
    try:
        merged = {item[key]: item for item in before}
        if len(merged) != len(before):
            return None
        wanted = [item[key] for item in order]
        place = {k: i for i, k in enumerate(wanted)}
        last = -1
        for item in ours:
            k = item[key]
            if DIRECTIVE in item or place[k] <= last:
                return None
            last = place[k]
            old = merged.get(k)
            merged[k] = item if old is None else merge_map(old, item, field.schema, options)
        if len(place) != len(wanted) or not merged.keys() <= place.keys():
            return None
    except (TypeError, KeyError):
        return None
    return [merged[k] for k in wanted if k in merged]


def _order_left_behind(original: list[Any], patch: list[Any], merge_key: str) -> list[Any]:
    """The server's order as upstream sees it after merging.

    Upstream deletes and appends within the array of the original list and then looks up the order in that same
    array: what is new stands in the places of what was deleted. So a new item follows the server's own ones when
    the patch deletes another, and precedes them when it does not.
    """
    if not merge_key:
        return original
    gone = {item.get(merge_key) for item in patch if is_delete(item)}
    left = [item for item in original if item.get(merge_key) not in gone]
    known = {item.get(merge_key) for item in left}
    new = [item for item in patch if DIRECTIVE not in item and item.get(merge_key) not in known]
    return left + new[: len(original) - len(left)]


def _check_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """The items of the patch must appear in the order list, in its order (validatePatchWithSetOrderList)."""
    if not patch or not order:
        return
    key_of = key_function(merge_key, of_maps=bool(merge_key))
    wanted = (key_of(item) for item in order)
    for item in patch:
        if isinstance(item, dict) and (is_delete(item) or DIRECTIVE in item):
            continue
        key = key_of(item)
        if not any(key == candidate for candidate in wanted):
            shown = f"The order in patch list:\n{go_value(patch)}\n doesn't match {ORDER_PREFIX} list:\n"
            raise PatchError(f"{shown}{go_value(order)}\n")

"""Order and identity of the items of a merged list.

Imitates: apimachinery pkg/util/strategicpatch/patch.go, v1.36: sliceElementType, normalizeElementOrder,
mergeSortedSlice, partition*ByPresentInList.
Differs: a merge key whose value is an object or a list is an error here; upstream panics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api.gotext import go_type, go_value
from kcsim.api.patch.values import PatchError

DIRECTIVE = "$patch"
DELETE = "delete"

KeyOf = Callable[[Any], Any]


def bad_argument(expected: Any, actual: Any) -> PatchError:
    """Upstream's ErrBadArgType; `expected` is a sample of the type."""
    return PatchError(f"expected a {go_type(expected)}, but received a {go_type(actual)}")


def merge_value(item: Any, merge_key: str) -> Any:
    """The value that identifies an item.

    Raises: PatchError when the item is no object or lacks the key.
    """
    if not isinstance(item, dict):
        raise bad_argument({}, item)
    if merge_key not in item:
        raise PatchError(f"map: {go_value(item)} does not contain declared merge key: {merge_key}")
    value = item[merge_key]
    if isinstance(value, (dict, list)):
        raise PatchError(f"merge key {merge_key} of {go_value(item)} is not a scalar")
    return value


def key_function(merge_key: str, *, of_maps: bool) -> KeyOf:
    """What identifies an item: the merge key's value in lists of maps, itself in lists of scalars."""
    if of_maps and merge_key:
        return lambda item: merge_value(item, merge_key)
    return _scalar


def _scalar(item: Any) -> Any:
    if isinstance(item, (dict, list)):
        raise PatchError(f"cannot merge lists without merge key: {go_value(item)}")
    return item


def holds_maps(*lists: list[Any]) -> bool:
    """Are the items of these lists maps (else scalars)?

    Raises: PatchError when they are lists, of different types, or when there are none.
    """
    found: type | None = None
    for items in lists:
        for item in items:
            if found is None:
                found = type(item)
                if found is list:
                    raise PatchError("lists of lists are not supported")
            elif type(item) is not found:
                shown = go_value(list(lists))
                raise PatchError(f"list element types are not identical: {shown}")
    if found is None:
        raise PatchError("no elements in any of the given slices")
    return found is dict


def positions(items: list[Any], key_of: KeyOf) -> dict[Any, int]:
    """Where each key stands first."""
    found: dict[Any, int] = {}
    for index, item in enumerate(items):
        found.setdefault(key_of(item), index)
    return found


def is_delete(item: Any) -> bool:
    """Is it an item that says `$patch: delete`?"""
    return isinstance(item, dict) and item.get(DIRECTIVE) == DELETE


def sort_by(items: list[Any], order: list[Any], key_of: KeyOf) -> list[Any]:
    """The items in the order of another list, deletions last."""
    where = positions(order, key_of)
    kept = [item for item in items if not is_delete(item)]
    kept.sort(key=lambda item: where.get(key_of(item), -1))
    return kept + [item for item in items if is_delete(item)]


def arrange(merged: list[Any], patch_order: list[Any], server_order: list[Any], key_of: KeyOf) -> list[Any]:
    """The merged items: those of the patch in its order, the server's own kept near their neighbours."""
    in_patch = positions(patch_order, key_of)
    on_server = positions(server_order, key_of)
    ours: list[Any] = []
    theirs: list[Any] = []
    for item in merged:
        (ours if key_of(item) in in_patch else theirs).append(item)
    ours = sort_by(ours, patch_order, key_of)
    theirs = sort_by(theirs, server_order, key_of)
    result: list[Any] = []
    next_theirs = 0
    for item in ours:
        place = on_server.get(key_of(item), -1)
        # The server's item goes first only when the server has both and has it first.
        while next_theirs < len(theirs) and 0 <= on_server.get(key_of(theirs[next_theirs]), -1) < place:
            result.append(theirs[next_theirs])
            next_theirs += 1
        result.append(item)
    return result + theirs[next_theirs:]

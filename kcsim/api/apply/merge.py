"""Merges an applied configuration into a live value.

Unchanged parts of the live value are shared with the result, by identity.

Imitates: structured-merge-diff v6 typed/merge.go.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.apply.elements import element_text
from kcsim.api.apply.schema import LIST, MAP, ListType, MapType, Type, TypedError
from kcsim.api.apply.typed import MISSING, equal


def merge(live: Any, applied: Any, type: Type) -> Any:
    """The live value with everything that is applied: nothing is removed, applied leaves win, lists keep their order.

    Raises:
        TypedError: the applied value has duplicate or unidentifiable list items.
    """
    if live is applied:
        return live
    kind = type.kind_of(applied)
    if kind is MAP:
        maps = type.as_map
        lefts = live if isinstance(live, dict) else {}
        rights = applied if isinstance(applied, dict) else {}
        if not maps.atomic and (lefts or rights):
            return _merge_maps(lefts, rights, maps)
    elif kind is LIST:
        lists = type.as_list
        left_items = live if isinstance(live, list) else []
        right_items = applied if isinstance(applied, list) else []
        if not lists.atomic and (left_items or right_items):
            return _merge_lists(left_items, right_items, lists)
    return live if equal(live, applied) else applied


def _merge_maps(live: dict[str, Any], applied: dict[str, Any], type: MapType) -> dict[str, Any]:
    out = live
    for key, right in applied.items():
        left = live.get(key, MISSING)
        merged = right if left is MISSING else merge(left, right, type.type_of(key))
        if merged is not left:
            out = dict(live) if out is live else out
            out[key] = merged
    return out


def _index(items: list[Any], type: ListType, *, allow_duplicates: bool) -> tuple[list[str], dict[str, Any]]:
    """(path elements in order, the item of each); duplicates, where allowed, have no item to merge with."""
    elements: list[str] = []
    observed: dict[str, Any] = {}
    for index, item in enumerate(items):
        try:
            element = type.element_of(item)
        except TypedError as error:
            raise TypedError([("", f"element {index}: {error}")]) from error
        if element in observed:
            if not allow_duplicates:
                raise TypedError([("", f"duplicate entries for key {element_text(element)}")])
            observed[element] = None
        else:
            observed[element] = item
        elements.append(element)
    return elements, observed


def _merge_lists(live: list[Any], applied: list[Any], type: ListType) -> list[Any]:
    """Interleaves two associative lists: items of the configuration keep its order, others stay where they are."""
    right_elements, rights = _index(applied, type, allow_duplicates=False)
    left_elements, lefts = _index(live, type, allow_duplicates=True)
    shared = [element for element in right_elements if element in lefts]
    out: list[Any] = []
    merged: set[str] = set()

    def take(element: str) -> None:
        merged.add(element)
        right = rights[element]
        left = lefts.get(element, MISSING)
        out.append(right if left is MISSING else merge(left, right, type.element))

    left = right = following = 0
    while left < len(left_elements) or right < len(right_elements):
        if left < len(left_elements) and right < len(right_elements):
            element = left_elements[left]
            if element == right_elements[right]:
                take(element)
                left, right, following = left + 1, right + 1, following + 1
                continue
            if element in rights and following < len(shared) and shared[following] != element:
                # A shared item, but another one is next in the configuration's order.
                left += 1
                continue
        if left < len(left_elements):
            element = left_elements[left]
            if element not in rights:
                out.append(live[left])
                left += 1
                continue
            if element in merged:
                left += 1
        if right < len(right_elements):
            element = right_elements[right]
            take(element)
            right += 1
            if following < len(shared) and shared[following] == element:
                following += 1
    if len(out) == len(live) and all(new is old for new, old in zip(out, live, strict=True)):
        return live
    return out

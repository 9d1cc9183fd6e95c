"""Laws that hold for any values: of comparing, merging and applying."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kcsim.api.apply.compare import compare
from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.apply.merge import merge
from kcsim.api.apply.remove import extract_items, remove_items
from kcsim.api.apply.smd_schema import SmdSchema
from kcsim.api.apply.typed import equal, to_field_set
from kcsim.api.apply.updater import Managers, Writer, apply, update

TYPE = SmdSchema(
    {
        "types": [
            {
                "name": "root",
                "map": {
                    "fields": [
                        {"name": "number", "type": {"scalar": "numeric"}},
                        {"name": "nested", "type": {"namedType": "root"}},
                        {"name": "labels", "type": {"map": {"elementType": {"scalar": "string"}}}},
                        {"name": "set", "type": {"namedType": "set"}},
                        {"name": "items", "type": {"namedType": "items"}},
                        {"name": "whole", "type": {"namedType": "__untyped_atomic_"}},
                    ]
                },
            },
            {
                "name": "set",
                "list": {"elementType": {"scalar": "string"}, "elementRelationship": "associative"},
            },
            {
                "name": "items",
                "list": {
                    "elementType": {
                        "map": {
                            "fields": [
                                {"name": "name", "type": {"scalar": "string"}},
                                {"name": "value", "type": {"scalar": "numeric"}},
                            ]
                        }
                    },
                    "elementRelationship": "associative",
                    "keys": ["name"],
                },
            },
        ]
    }
).named("root")

NAMES = st.sampled_from("abcd")
ITEMS = st.fixed_dictionaries({"name": NAMES}, optional={"value": st.integers(0, 3)})
FLAT = {
    "number": st.integers(0, 3) | st.none(),
    "labels": st.dictionaries(NAMES, NAMES, max_size=3),
    "set": st.lists(NAMES, unique=True, max_size=4),
    "items": st.lists(ITEMS, unique_by=lambda item: item["name"], max_size=4),
    "whole": st.lists(st.integers(0, 2), max_size=2) | st.dictionaries(NAMES, st.booleans(), max_size=2),
}
VALUES = st.recursive(
    st.fixed_dictionaries({}, optional=FLAT),
    lambda inner: st.fixed_dictionaries({}, optional={**FLAT, "nested": inner}),
    max_leaves=4,
)
FEW = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def unordered(value: Any) -> Any:
    """The value with lists as sets: reordering items changes nobody's fields."""
    if isinstance(value, dict):
        return {key: unordered(item) for key, item in value.items() if key != "whole"} | {
            "whole": value.get("whole", "none")
        }
    if isinstance(value, list):
        return sorted(map(repr, map(unordered, value)))
    return value


def solid(value: Any) -> Any:
    """The value without nulls and empty maps and lists: pruning leaves null where the configuration has {}."""
    if not isinstance(value, dict):
        return value
    kept = {key: solid(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in (None, {}, [])}


@FEW
@given(VALUES, VALUES)
def test_comparing_finds_exactly_the_differences(old: Any, new: Any) -> None:
    assert compare(old, copy(old), TYPE).is_same()
    there, back = compare(old, new, TYPE), compare(new, old, TYPE)
    assert there.is_same() == (unordered(old) == unordered(new))
    assert (there.added, there.removed, there.modified) == (back.removed, back.added, back.modified)


@FEW
@given(VALUES, VALUES)
def test_merging_twice_is_merging_once(live: Any, config: Any) -> None:
    before = copy(live), copy(config)
    once = merge(live, config, TYPE)
    assert merge(once, copy(config), TYPE) is once
    assert merge(live, copy(live), TYPE) is live
    assert (live, config) == before
    assert not to_field_set(config, TYPE).difference(
        to_field_set(once, TYPE).union(to_field_set(config, TYPE))
    )


@FEW
@given(VALUES)
def test_taking_all_and_taking_nothing(value: Any) -> None:
    paths = to_field_set(value, TYPE)
    assert remove_items(value, FieldSet(), TYPE) is value
    rest = remove_items(value, paths, TYPE)
    assert rest is None or not to_field_set(rest, TYPE).intersection(paths.leaves()) or rest == value
    assert FieldSet.from_json(paths.to_json()) == paths
    assert extract_items(value, FieldSet(), TYPE) in (None, {})


@FEW
@given(st.lists(st.tuples(st.sampled_from(["apply", "update"]), st.sampled_from("xyz"), VALUES), max_size=6))
def test_any_history_of_writes(history: list[tuple[str, str, Any]]) -> None:
    live: Any = {}
    managers: Managers = {}
    for operation, name, value in history:
        before = copy(live)
        writer = Writer(f"{operation} {name}", "v1")
        if operation == "update":
            managers = update(live, value, TYPE, managers, writer)
            old, live = live, value
        else:
            old = live
            live, managers = apply(live, value, TYPE, managers, writer, force=True)
            live = {} if live is None else live
            again, same = apply(live, value, TYPE, managers, writer, force=False)
            assert equal(solid(again), solid(live))
            assert same == managers
        assert old == before, "an input was changed"
        assert all(owned.fields for owned in managers.values())

"""Patches: the server's reading of JSON patch, directives on real kinds, and the laws of merging."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.api.patch import json_patch, merge_patch, strategic, strategic_diff, three_way
from kcsim.api.patch.schema import OpenAPIPatchSchema, split_strategies
from kcsim.api.patch.values import ConflictError, PatchError, PreconditionError, json_equal

TEXT = {"type": "string"}


def merged_list(items, merge_key="", strategy="merge"):
    return {
        "type": "array",
        "items": items,
        "x-kubernetes-patch-strategy": strategy,
        "x-kubernetes-patch-merge-key": merge_key,
    }


DEFINITIONS = {
    "io.example.Pod": {
        "properties": {
            "phase": TEXT,
            "labels": {"type": "object", "additionalProperties": TEXT},
            "finalizers": merged_list(TEXT),
            "args": {"type": "array", "items": TEXT},
            "containers": merged_list({"$ref": "#/definitions/io.example.Container"}, "name"),
            "volumes": merged_list(
                {"$ref": "#/definitions/io.example.Container"}, "name", "merge,retainKeys"
            ),
            "strategy": {
                "allOf": [{"$ref": "#/components/schemas/io.example.Strategy"}],
                "default": {},
                "x-kubernetes-patch-strategy": "retainKeys",
            },
            "inline": {"type": "object", "properties": {"containers": merged_list(TEXT)}},
            "raw": {"type": "object"},
        }
    },
    "io.example.Container": {
        "properties": {
            "name": TEXT,
            "image": TEXT,
            "env": merged_list({"$ref": "#/definitions/io.example.Env"}, "name"),
        }
    },
    "io.example.Env": {"properties": {"name": TEXT, "value": TEXT}},
    "io.example.Strategy": {"properties": {"type": TEXT, "rollingUpdate": {"type": "object"}}},
}
SCHEMA = OpenAPIPatchSchema(DEFINITIONS, "io.example.Pod")


# --- JSON patch ---


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        ({"a": 1}, {"op": "replace", "path": "/b", "value": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"op": "copy", "from": "/x", "path": "/b"}, {"a": 1, "b": None}),
        ({"a": 1}, {"op": "test", "path": "/b", "value": None}, {"a": 1}),
        ([1, 2], {"op": "remove", "path": "/-1"}, [1]),
        ([1, 2], {"op": "add", "path": "/-1", "value": 3}, [1, 2, 3]),
    ],
)
def test_what_only_the_server_takes(document, operation, result):
    assert json_patch.apply(document, [operation], as_server=True) == result
    with pytest.raises(json_patch.JSONPatchError):
        json_patch.apply(document, [operation])


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/b"},
        {"op": "move", "from": "/b", "path": "/a"},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "replace", "path": "/l/2", "value": 1},
        {"op": "test", "path": "/a", "value": True},
        {"op": "frobnicate", "path": "/a"},
        {"path": "/a"},
        {"op": "add", "value": 1},
        "add",
    ],
)
def test_what_nobody_takes(operation):
    document = {"a": 1, "l": [1, 2]}
    for as_server in (False, True):
        with pytest.raises(json_patch.JSONPatchError):
            json_patch.apply(document, [operation], as_server=as_server)
    assert document == {"a": 1, "l": [1, 2]}


def test_json_patch_shares_what_it_does_not_touch():
    document = {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "status": {}}
    patched = json_patch.apply(document, [{"op": "replace", "path": "/spec/containers/1/name", "value": "c"}])
    assert document["spec"]["containers"][1] == {"name": "b"}
    assert patched["status"] is document["status"]
    assert patched["spec"]["containers"][0] is document["spec"]["containers"][0]


# --- strategic merge patch ---


@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [
        ({"labels": {"a": "1"}}, {"labels": {"$patch": "replace", "b": "2"}}, {"labels": {"b": "2"}}),
        ({"labels": {"a": "1"}}, {"labels": {"$patch": "delete"}}, {"labels": {}}),
        ({"finalizers": ["a"]}, {"finalizers": ["c"]}, {"finalizers": ["c", "a"]}),
        ({"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
        ({"args": ["a"]}, {"args": ["b"]}, {"args": ["b"]}),
        (
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
            {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
            {"strategy": {"type": "Recreate"}},
        ),
        (
            {"containers": [{"name": "a"}, {"name": "b"}]},
            {"containers": [{"$patch": "replace"}, {"name": "c"}]},
            {"containers": [{"name": "c"}]},
        ),
        ({"raw": {"x": {"y": [1]}}}, {"raw": {"x": {"y": [2], "z": 1}}}, {"raw": {"x": {"y": [2], "z": 1}}}),
        ({}, {"labels": {"a": None, "b": "1"}, "phase": None}, {"labels": {"b": "1"}}),
        (
            {"inline": {"containers": ["a"]}},
            {"inline": {"containers": ["b"]}},
            {"inline": {"containers": ["b", "a"]}},
        ),
    ],
)
def test_strategic_apply(original, patch, result):
    before = copy.deepcopy((original, patch))
    assert strategic.apply(original, patch, SCHEMA) == result
    assert (original, patch) == before


@pytest.mark.parametrize(
    ("deleted", "names"),
    [
        # The order that upstream gives: its array of the server's items holds the new one in the deleted one's place.
        (["a"], ["sidecar", "new"]),
        ([], ["new", "a", "sidecar"]),
    ],
)
def test_new_items_and_items_only_the_server_has(deleted, names):
    live = {"containers": [{"name": "a"}, {"name": "sidecar"}]}
    items = [{"name": "new"}, *({"name": name, "$patch": "delete"} for name in deleted)]
    patch = {"$setElementOrder/containers": [{"name": "new"}], "containers": items}
    result = strategic.apply(live, patch, SCHEMA)
    assert [container["name"] for container in result["containers"]] == names


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"containers": [{"image": "x"}]}, "map: map[image:x] does not contain declared merge key: name"),
        ({"labels": {"$patch": "bogus"}}, "unknown patch type: bogus in map: map[$patch:bogus]"),
        (
            {"$setElementOrder/containers": [{"name": "z"}], "containers": [{"name": "a", "image": "p"}]},
            "The order in patch list:\n[map[image:p name:a]]\n doesn't match $setElementOrder list:\n[map[name:z]]\n",
        ),
        ({"strategy": {"$retainKeys": ["x"], "type": "R"}}, "invalid patch format of retainKeys"),
        ({"containers": [{"$patch": "merge"}]}, "merging lists cannot yet be specified in the patch"),
        ({"finalizers": [1]}, "list element types are not identical: [[f] [1]]"),
        ({"$setElementOrder/nope": []}, 'unable to find api field in struct Pod for the json field "nope"'),
        ({"$setElementOrder/containers": "x"}, "expected a []interface {}, but received a string"),
    ],
)
def test_strategic_errors(patch, message):
    original = {"containers": [{"name": "a"}], "labels": {}, "strategy": {"type": "R"}, "finalizers": ["f"]}
    with pytest.raises(PatchError) as caught:
        strategic.apply(original, patch, SCHEMA)
    assert str(caught.value) == message


def test_a_patch_that_changes_nothing_gives_the_object_itself():
    live = {
        "phase": "Running",
        "labels": {"a": "1"},
        "containers": [{"name": "a", "image": "x"}],
        "finalizers": ["f"],
    }
    for patch in (
        {},
        {"phase": "Running"},
        {"labels": {"a": "1", "b": None}},
        {"containers": [{"name": "a", "image": "x"}]},
    ):
        assert strategic.apply(live, patch, SCHEMA) is live
        assert merge_patch.apply(live, patch) is live


def test_what_a_patch_does_not_touch_is_shared():
    live = {"labels": {"a": "1"}, "containers": [{"name": "a", "env": []}, {"name": "b"}]}
    patched = strategic.apply(live, {"containers": [{"name": "a", "image": "y"}]}, SCHEMA)
    assert patched["labels"] is live["labels"]
    assert patched["containers"][1] is live["containers"][1]
    assert patched["containers"][0]["env"] is live["containers"][0]["env"]


def test_strategies():
    assert split_strategies("merge,retainKeys") == (True, "merge")
    assert split_strategies("retainKeys") == (True, "")
    with pytest.raises(PatchError, match="unexpected patch strategy"):
        split_strategies("merge,replace")


def test_a_list_that_is_not_alphabetical_always_gets_its_order_written():
    """Upstream sorts the old list in place before it compares: kubectl apply then says configured each time.

    For the same reason it does not notice that a list was brought into alphabetical order.
    """
    assert strategic_diff.two_way({"finalizers": ["b", "a"]}, {"finalizers": ["b", "a"]}, SCHEMA) == {
        "$setElementOrder/finalizers": ["b", "a"]
    }
    assert strategic_diff.two_way({"finalizers": ["b", "a"]}, {"finalizers": ["a", "b"]}, SCHEMA) == {}


# --- three-way ---


def test_apply_keeps_what_others_added_and_deletes_what_was_applied_before():
    last = {"labels": {"mine": "1", "old": "1"}, "containers": [{"name": "a", "image": "x"}]}
    wanted = {"labels": {"mine": "2"}, "containers": [{"name": "a", "image": "y"}]}
    live = {
        "labels": {"mine": "1", "old": "1", "theirs": "1"},
        "containers": [{"name": "a", "image": "x"}, {"name": "injected"}],
    }
    patch = three_way.strategic(last, wanted, live, SCHEMA)
    assert patch == {
        "labels": {"old": None, "mine": "2"},
        "$setElementOrder/containers": [{"name": "a"}],
        "containers": [{"name": "a", "image": "y"}],
    }
    assert strategic.apply(live, patch, SCHEMA) == {
        "labels": {"mine": "2", "theirs": "1"},
        "containers": [{"name": "a", "image": "y"}, {"name": "injected"}],
    }
    assert three_way.json_merge(last, wanted, live) == {
        "labels": {"old": None, "mine": "2"},
        "containers": [{"name": "a", "image": "y"}],
    }


def test_conflicts_and_preconditions():
    last, wanted, live = {"phase": "a"}, {"phase": "b"}, {"phase": "c"}
    with pytest.raises(ConflictError):
        three_way.strategic(last, wanted, live, SCHEMA, overwrite=False)
    keep = [three_way.require_key_unchanged("kind"), three_way.require_metadata_key_unchanged("name")]
    assert three_way.strategic(last, wanted, live, SCHEMA, preconditions=keep) == {"phase": "b"}
    with pytest.raises(PreconditionError, match=r"precondition failed for: map\[kind:B\]"):
        three_way.json_merge({"kind": "A"}, {"kind": "B"}, {"kind": "A"}, preconditions=keep)
    with pytest.raises(PreconditionError):
        three_way.json_merge({}, {"metadata": {"name": "b"}}, {"metadata": {"name": "a"}}, preconditions=keep)


# --- laws ---

keys = st.sampled_from("abcd")
scalars = st.one_of(st.booleans(), st.integers(0, 2), st.sampled_from("xy"))
documents = st.recursive(
    st.dictionaries(keys, scalars, max_size=3),
    lambda inner: st.dictionaries(keys, st.one_of(scalars, inner, st.lists(inner, max_size=2)), max_size=3),
    max_leaves=8,
)
names = st.sampled_from("abcde")
env = st.fixed_dictionaries({"name": names}, optional={"value": st.sampled_from("xy")})
containers = st.fixed_dictionaries(
    {"name": names},
    optional={
        "image": st.sampled_from("xyz"),
        "env": st.lists(env, unique_by=lambda item: item["name"], max_size=3),
    },
)
pods = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(["Pending", "Running"]),
        "labels": st.dictionaries(keys, st.sampled_from("xy")),
        "finalizers": st.lists(names, unique=True, max_size=4).map(
            sorted
        ),  # see the test about alphabetical lists
        "args": st.lists(names, max_size=3),
        "containers": st.lists(containers, unique_by=lambda item: item["name"], max_size=4),
        "volumes": st.lists(containers, unique_by=lambda item: item["name"], max_size=3),
        "strategy": st.fixed_dictionaries(
            {}, optional={"type": st.sampled_from("xy"), "rollingUpdate": st.just({"m": 1})}
        ),
    },
)


@given(documents, documents)
def test_merge_patch_of_the_difference_leads_there(a, b):
    before = copy.deepcopy((a, b))
    assert json_equal(merge_patch.apply(a, merge_patch.diff(a, b)), b)
    assert merge_patch.apply(a, {}) is a
    assert merge_patch.diff(a, a) == {}
    assert (a, b) == before


@given(pods, pods)
def test_strategic_patch_of_the_difference_leads_there(a, b):
    before = copy.deepcopy((a, b))
    patch = strategic_diff.two_way(a, b, SCHEMA)
    assert strategic.apply(a, patch, SCHEMA) == b
    assert strategic.apply(a, {}, SCHEMA) is a
    assert (a, b) == before


@given(pods, pods)
def test_three_way_patch_without_other_changes_leads_there(a, b):
    before = copy.deepcopy((a, b))
    assert strategic.apply(a, three_way.strategic(a, b, a, SCHEMA), SCHEMA) == b
    assert json_equal(merge_patch.apply(a, three_way.json_merge(a, b, a)), b)
    assert (a, b) == before


@given(pods, pods, pods)
def test_applying_again_changes_nothing(last, wanted, changes):
    # Others change and add but delete nothing: into a map or item that is gone upstream's patch writes $retainKeys
    # and nulls as if they were members.
    live = strategic.apply(last, changes, SCHEMA)
    once = strategic.apply(live, three_way.strategic(last, wanted, live, SCHEMA), SCHEMA)
    assert strategic.apply(once, three_way.strategic(wanted, wanted, once, SCHEMA), SCHEMA) == once


def test_retain_keys_for_a_map_that_is_gone_stay_in_the_object():
    """Upstream applies $retainKeys to maps that are there; what is left is an unknown field to the server."""
    patch = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
    assert strategic.apply({}, patch, SCHEMA) == patch

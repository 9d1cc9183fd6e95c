"""merge_patch.json: JSON merge patch, strategic merge patch, three-way patches; on the test kind `mergeItem`."""

from __future__ import annotations

from kcsim.api.patch import merge_patch, strategic, strategic_diff, three_way
from kcsim.api.patch.schema import OpenAPIPatchSchema
from kcsim.api.patch.values import ConflictError, PatchError

SCALAR = {"type": "string"}
ITEM = {"$ref": "#/definitions/mergeItem"}


def merging(items, **extensions):
    extensions = {"strategy": "merge", **extensions}
    return {
        "type": "array",
        "items": items,
        **{f"x-kubernetes-patch-{name.replace('_', '-')}": value for name, value in extensions.items()},
    }


MERGE_ITEM = {
    "type": "object",
    "properties": {
        "name": SCALAR,
        "value": SCALAR,
        "other": SCALAR,
        "mergingList": merging(ITEM, merge_key="name"),
        "nonMergingList": {"type": "array", "items": ITEM},
        "mergingIntList": merging({"type": "integer"}),
        "nonMergingIntList": {"type": "array", "items": {"type": "integer"}},
        "mergeItemPtr": merging(ITEM, merge_key="name"),
        "simpleMap": {"type": "object", "additionalProperties": SCALAR},
        "replacingItem": {"type": "object", "x-kubernetes-patch-strategy": "replace"},
        "retainKeysMap": {
            "$ref": "#/definitions/retainKeysMap",
            "x-kubernetes-patch-strategy": "retainKeys",
        },
        "retainKeysMergingList": merging(ITEM, strategy="merge,retainKeys", merge_key="name"),
    },
}
RETAINED = ("name", "value", "other", "simpleMap", "mergingIntList", "mergingList", "nonMergingList")
DEFINITIONS = {
    "mergeItem": MERGE_ITEM,
    "retainKeysMap": {
        "type": "object",
        "properties": {name: MERGE_ITEM["properties"][name] for name in RETAINED},
    },
}
SCHEMA = OpenAPIPatchSchema(DEFINITIONS, "mergeItem")


def three_way_merge_patch(case):
    patch = three_way.json_merge(case["original"], case["modified"], case["current"])
    return {"patch": patch, "result": merge_patch.apply(case["current"], patch)}


def strategic_apply(case):
    try:
        return {"result": strategic.apply(case["object"], case["patch"], SCHEMA)}
    except PatchError as error:
        return {"error": str(error)}


def strategic_three_way(case):
    sides = (case["original"], case["modified"], case["current"])
    try:
        return {"conflict": False, "patch": three_way.strategic(*sides, SCHEMA, overwrite=False)}
    except ConflictError:
        return {"conflict": True, "patch": three_way.strategic(*sides, SCHEMA)}


def as_sets(value, name=""):
    """The value with every list that merges sorted. A field name means the same at every depth of this kind."""
    if isinstance(value, dict):
        return {member_name: as_sets(member, member_name) for member_name, member in value.items()}
    if isinstance(value, list):
        field = SCHEMA.field(name)
        items = [as_sets(item) for item in value]
        return sorted(items, key=repr) if field is None or field.strategy == "merge" else items
    return value


def check(case, outcome):
    """Equality; where the order is ignored, of what is left after sorting the lists that merge."""
    expect = case["expect"]
    if "error" in expect:
        assert expect["error"] in outcome["error"]
        return
    for name, wanted in expect.items():
        got = outcome[name]
        if case["input"].get("listOrder") == "ignored" and isinstance(wanted, dict):
            assert as_sets(got) == as_sets(wanted)
        else:
            assert got == wanted


ADAPTERS = {
    "mergePatch": lambda case: {"result": merge_patch.apply(case.get("original"), case.get("patch"))},
    "threeWayMergePatch": three_way_merge_patch,
    "strategicApply": strategic_apply,
    "strategicTwoWay": lambda case: {
        "patch": strategic_diff.two_way(case["original"], case["modified"], SCHEMA)
    },
    "strategicThreeWay": strategic_three_way,
}
CHECKS = dict.fromkeys(("strategicApply", "strategicTwoWay", "strategicThreeWay"), check)

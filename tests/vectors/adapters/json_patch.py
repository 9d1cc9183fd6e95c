"""json_patch.json: kcsim.api.patch.json_patch, read as RFC 6902 says."""

from __future__ import annotations

from kcsim.api.patch import json_patch


def apply(case):
    try:
        return {"result": json_patch.apply(case["doc"], case["patch"])}
    except json_patch.JSONPatchError as error:
        return {"error": str(error)}


def check_apply(case, outcome):
    """`message` is informative only; a case that expects nothing must just not fail."""
    expect = case["expect"]
    if expect.get("error"):
        assert "error" in outcome
    elif "result" in expect:
        assert outcome == {"result": expect["result"]}
    else:
        assert "error" not in outcome


ADAPTERS = {"apply": apply}
CHECKS = {"apply": check_apply}

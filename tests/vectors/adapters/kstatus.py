"""kstatus.json: the status of built-in kinds."""

from __future__ import annotations

from typing import Any

from kcsim.delivery.gitops import kstatus
from kcsim.engine.clock import parse_rfc3339


def compute(given: dict[str, Any]) -> dict[str, Any]:
    now = parse_rfc3339(given["now"][:19] + "Z") if "now" in given else 0
    result = kstatus.compute(given["object"], now)
    return {"status": result.status, "conditions": result.conditions}


def check(case: dict[str, Any], outcome: dict[str, Any]) -> None:
    expect = case["expect"]
    assert outcome["status"] == expect["status"]
    got = {c["type"]: (c["status"], c["reason"]) for c in outcome["conditions"]}
    for wanted in expect.get("conditions", []):
        assert got.get(wanted["type"]) == (wanted["status"], wanted["reason"])
    assert not set(expect.get("absent", [])) & got.keys()


ADAPTERS = {"compute": compute}
CHECKS = {"compute": check}

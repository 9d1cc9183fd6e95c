"""server_side_apply.json: sequences of applies and updates on one object, and field set arithmetic."""

from __future__ import annotations

from typing import Any

from kcsim.api.apply import updater
from kcsim.api.apply.elements import path_text
from kcsim.api.apply.fieldset import EMPTY, FieldSet, keep_all, without
from kcsim.api.apply.merge import merge
from kcsim.api.apply.remove import extract_items
from kcsim.api.apply.schema import DEDUCED, Type, TypedError
from kcsim.api.apply.smd_schema import SmdSchema
from kcsim.api.apply.typed import validate


class State:
    """The live object and its managers, as the operations of one case leave them."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.type: Type = (
            DEDUCED if case["schema"] == "deduced" else SmdSchema(case["schema"]).named(case["rootType"])
        )
        self.ignored = case.get("ignoredFields", {})
        self.live: Any = {}
        self.managers: updater.Managers = {}

    def writer(self, manager: str, version: str) -> updater.Writer:
        fields = self.ignored.get(version)
        keep = without(FieldSet.from_json(fields)) if fields else keep_all
        return updater.Writer(manager, version, keep)

    def do(self, op: dict[str, Any]) -> None:
        getattr(self, op["op"])(op["object"], op["manager"], op["apiVersion"])

    def update(self, new: Any, manager: str, version: str) -> None:
        validate(new, self.type, allow_duplicates=True)
        self.managers = updater.update(
            self.live, new, self.type, self.managers, self.writer(manager, version)
        )
        self.live = new

    def apply(self, config: Any, manager: str, version: str, force: bool = False) -> None:
        validate(config, self.type)
        self.live, self.managers = updater.apply(
            self.live, config, self.type, self.managers, self.writer(manager, version), force=force
        )

    def forceApply(self, config: Any, manager: str, version: str) -> None:  # noqa: N802 - the vectors' name
        self.apply(config, manager, version, force=True)

    def extractApply(self, config: Any, manager: str, version: str) -> None:  # noqa: N802 - idem
        owned = self.managers[manager].fields if manager in self.managers else EMPTY
        extracted = extract_items(self.live, owned, self.type)
        self.apply(merge(extracted, config, self.type), manager, version)


def run(case: dict[str, Any]) -> dict[str, Any]:
    state = State(case)
    for op in case["ops"]:
        found: list[dict[str, str]] = []
        try:
            state.do(op)
        except updater.Conflicts as error:
            found = [{"manager": c.manager, "path": path_text(c.path)} for c in error.conflicts]
        except TypedError as error:
            return {"error": str(error)}
        assert sorted(map(str, found)) == sorted(map(str, op.get("conflicts", []))), op
    managed = {
        name: {"apiVersion": owned.api_version, "fields": owned.fields.to_json()}
        for name, owned in state.managers.items()
    }
    return {"object": state.live, "managed": managed}


def check_run(case: dict[str, Any], outcome: dict[str, Any]) -> None:
    expect = case["expect"]
    if expect.get("error"):
        assert outcome.get("error")
        return
    assert "error" not in outcome, outcome
    for member in ("object", "managed"):
        if expect.get(member) is not None:
            assert outcome[member] == expect[member]


def difference(case: dict[str, Any]) -> dict[str, Any]:
    a, b = FieldSet.from_json(case["a"]), FieldSet.from_json(case["b"])
    return {
        "difference": a.difference(b).to_json(),
        "recursiveDifference": a.recursive_difference(b).to_json(),
    }


def equals(case: dict[str, Any]) -> dict[str, Any]:
    return {"equal": FieldSet.from_json(case["a"]) == FieldSet.from_json(case["b"])}


def leaves(case: dict[str, Any]) -> dict[str, Any]:
    return {"leaves": FieldSet.from_json(case["set"]).leaves().to_json()}


def from_value(case: dict[str, Any]) -> dict[str, Any]:
    return {"set": FieldSet.from_value(case["object"]).to_json()}


ADAPTERS = {
    "run": run,
    "setDifference": difference,
    "setEquals": equals,
    "setLeaves": leaves,
    "fromValue": from_value,
}
CHECKS = {"run": check_run}

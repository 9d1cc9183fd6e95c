"""Rules of custom resources: when they are asked, what they see, and what is said of who breaks them."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.cel.rules import Rules, rule_faults
from kcsim.api.schemas.definitions import compile_crd_schema


def schema(rules: list[dict[str, Any]], **properties: Any) -> Any:
    spec = {"type": "object", "x-kubernetes-validations": rules, "properties": properties}
    return compile_crd_schema({"type": "object", "properties": {"spec": spec}})


def widget(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": spec}


INTEGER, STRING = {"type": "integer"}, {"type": "string"}
RULES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any] | None, list[str]]] = {
    "kept": ({"rule": "self.a < 2"}, {"a": 1}, None, []),
    "broken": ({"rule": "self.a < 2"}, {"a": 2}, None, ["spec: Invalid value: failed rule: self.a < 2"]),
    "message": (
        {"rule": "self.a < 2", "message": "too much"},
        {"a": 2},
        None,
        ["spec: Invalid value: too much"],
    ),
    "message expression": (
        {"rule": "self.a < 2", "messageExpression": "'a is ' + string(self.a)", "message": "no"},
        {"a": 2},
        None,
        ["spec: Invalid value: a is 2"],
    ),
    "message expression that fails": (
        {"rule": "self.a < 2", "messageExpression": "'b is ' + string(self.b)", "message": "no"},
        {"a": 2},
        None,
        ["spec: Invalid value: no"],
    ),
    "cannot be evaluated": (
        {"rule": "self.a < self.b"},
        {"a": 2},
        None,
        ['spec: Invalid value: "object": no such key: b evaluating rule: self.a < self.b'],
    ),
    "reason and path": (
        {"rule": "self.a < 2", "reason": "FieldValueForbidden", "fieldPath": ".a", "message": "no"},
        {"a": 2},
        None,
        ["spec.a: Forbidden: no"],
    ),
    "transition, new": ({"rule": "self.a == oldSelf.a"}, {"a": 2}, None, []),
    "transition": (
        {"rule": "self.a == oldSelf.a"},
        {"a": 2},
        {"a": 1},
        ["spec: Invalid value: failed rule: self.a == oldSelf.a"],
    ),
    "optional oldSelf, new": (
        {"rule": "oldSelf.hasValue() || self.a == 0", "optionalOldSelf": True, "message": "begin with 0"},
        {"a": 2},
        None,
        ["spec: Invalid value: begin with 0"],
    ),
    "optional oldSelf": (
        {
            "rule": "!oldSelf.hasValue() || oldSelf.value().a < self.a",
            "optionalOldSelf": True,
            "message": "grow",
        },
        {"a": 1},
        {"a": 1, "b": 1},
        ["spec: Invalid value: grow"],
    ),
    "escaped names": (
        {"rule": "self.my__dash__name == 'x' && self.__namespace__ == 'y'"},
        {"my-name": "x", "namespace": "y"},
        None,
        [],
    ),
    "numbers are doubles": ({"rule": "self.number / 2.0 == 1.5"}, {"number": 3}, None, []),
    "times": (
        {"rule": "self.when < timestamp('2026-01-02T00:00:00Z')"},
        {"when": "2026-01-01T00:00:00Z"},
        None,
        [],
    ),
}


@pytest.mark.parametrize("case", RULES)
def test_rules(case: str) -> None:
    rule, new, old, expected = RULES[case]
    node = schema(
        [rule],
        **{"a": INTEGER, "b": INTEGER, "my-name": STRING, "namespace": STRING},
        number={"type": "number"},
        when={"type": "string", "format": "date-time"},
    )
    found = Rules(node).broken(widget(**new), None if old is None else widget(**old))
    assert [str(error) for error in found.errors] == expected


def test_what_an_update_leaves_alone_is_only_warned_of() -> None:
    item = {
        "type": "object",
        "x-kubernetes-validations": [{"rule": "self.v > 0"}],
        "properties": {"name": STRING, "v": INTEGER},
    }
    keyed = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": item,
    }
    rules = Rules(schema([], items=keyed, a=INTEGER))
    old = widget(a=1, items=[{"name": "x", "v": 0}])
    found = rules.broken(widget(a=2, items=[{"name": "y", "v": 0}, {"name": "x", "v": 0}]), old)
    assert [str(error) for error in found.errors] == ["spec.items[0]: Invalid value: failed rule: self.v > 0"]
    assert found.warnings == ["spec.items[1]: Invalid value: failed rule: self.v > 0"]


def test_rules_of_the_root_see_the_name_alone() -> None:
    raw = {"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.name != 'one'"}]}
    rules = Rules(compile_crd_schema(raw))
    assert [str(e) for e in rules.broken(widget()).errors] == [
        "<nil>: Invalid value: failed rule: self.metadata.name != 'one'"
    ]
    other = {"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.labels.a == 'b'"}]}
    (fault,) = rule_faults(compile_crd_schema(other), "schema")
    assert "undefined field 'labels'" in str(fault)


@pytest.mark.parametrize(
    ("rule", "field", "why"),
    [
        ({"rule": ""}, "rule", "rule is not specified"),
        ({"rule": "self.a"}, "rule", "cel expression must evaluate to a bool"),
        ({"rule": "self.z == 1"}, "rule", "ERROR: <input>:1:5: undefined field 'z'"),
        (
            {"rule": "self.a + 'x' == 'x'"},
            "rule",
            "found no matching overload for '_+_' applied to '(int, string)'",
        ),
        (
            {"rule": "true", "messageExpression": "1"},
            "messageExpression",
            "messageExpression must evaluate to a string",
        ),
    ],
)
def test_what_no_rule_may_be(rule: dict[str, Any], field: str, why: str) -> None:
    (fault,) = rule_faults(schema([rule], a=INTEGER), "s")
    assert fault.field == f"s.properties[spec].x-kubernetes-validations[0].{field}"
    assert why in fault.detail

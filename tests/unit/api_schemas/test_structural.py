"""Custom resources against their schema: defaults and refusals, in the server's words."""

from __future__ import annotations

import pytest

from kcsim.api.schemas.definitions import compile_crd_schema
from kcsim.api.schemas.structural import problems, with_defaults

SCHEMA = compile_crd_schema(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["interval", "prune"],
                "properties": {
                    "interval": {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"},
                    "prune": {"type": "boolean"},
                    "force": {"type": "boolean", "default": False},
                    "policy": {"type": "string", "enum": ["Keep", "Drop"]},
                    "name": {"type": "string", "minLength": 1, "maxLength": 3},
                    "count": {"type": "integer", "minimum": 0},
                    "refs": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["kind"],
                            "properties": {
                                "kind": {"type": "string"},
                                "optional": {"type": "boolean", "default": True},
                            },
                        },
                    },
                },
            },
            "status": {"type": "object", "default": {"observedGeneration": -1}},
        },
    }
)


def test_defaults_fill_what_is_missing_and_share_the_rest():
    obj = {
        "metadata": {"name": "x"},
        "spec": {"interval": "1m", "refs": [{"kind": "a"}, {"kind": "b", "optional": False}]},
    }
    new = with_defaults(obj, SCHEMA)
    assert new["status"] == {"observedGeneration": -1}
    assert new["spec"]["force"] is False
    assert new["spec"]["refs"] == [{"kind": "a", "optional": True}, {"kind": "b", "optional": False}]
    assert new["metadata"] is obj["metadata"]
    assert "force" not in obj["spec"]
    assert with_defaults(new, SCHEMA) is new


@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        ({"interval": "1m30s", "prune": True}, []),
        ({}, ["spec.interval: Required value", "spec.prune: Required value"]),
        (
            {"interval": "10x", "prune": True},
            [
                (
                    'spec.interval: Invalid value: "10x": spec.interval in body should match '
                    "'^([0-9]+(ms|s|m|h))+$'"
                )
            ],
        ),
        ({"interval": "1m\n", "prune": True}, None),
        (
            {"interval": "1m", "prune": "yes"},
            ['spec.prune: Invalid value: "string": spec.prune in body must be of type boolean: "string"'],
        ),
        (
            {"interval": "1m", "prune": True, "policy": "drop"},
            ['spec.policy: Unsupported value: "drop": supported values: "Keep", "Drop"'],
        ),
        (
            {"interval": "1m", "prune": True, "name": ""},
            ['spec.name: Invalid value: "": spec.name in body should be at least 1 chars long'],
        ),
        (
            {"interval": "1m", "prune": True, "name": "long"},
            ["spec.name: Too long: may not be more than 3 bytes"],
        ),
        (
            {"interval": "1m", "prune": True, "count": -1},
            ["spec.count: Invalid value: -1: spec.count in body should be greater than or equal to 0"],
        ),
        ({"interval": "1m", "prune": True, "refs": [{}]}, ["spec.refs[0].kind: Required value"]),
    ],
)
def test_refusals(spec, texts):
    found = [str(p) for p in problems({"spec": spec}, SCHEMA)]
    if texts is None:
        assert len(found) == 1
    else:
        assert found == texts

"""Types from OpenAPI, and what the server says of values that do not fit them."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.apply.openapi import OBJECT_META, OpenApiTypes
from kcsim.api.apply.schema import ATOMIC, DEDUCED, Type, TypedError
from kcsim.api.apply.schemas import schema_for
from kcsim.api.apply.typed import equal, to_field_set, validate

DEPLOYMENT = schema_for(("apps", "v1", "Deployment"))
SERVICE = schema_for(("", "v1", "Service"))


def typed(spec: dict[str, Any]) -> Type:
    meta = {"type": "object", "properties": {"name": {"type": "string"}}}
    return OpenApiTypes({OBJECT_META: meta}).built(spec)


def fields(value: Any, type: Type) -> dict[str, Any]:
    return to_field_set(value, type).to_json()


def containers(*items: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(items)}}}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"spec": {"replicas": "x"}}, ".spec.replicas: expected numeric (int or float), got string"),
        ({"spec": {"replicas": True}}, ".spec.replicas: expected numeric (int or float), got bool"),
        ({"spec": {"paused": 1}}, ".spec.paused: expected boolean, got &{1}"),
        ({"spec": {"template": 5}}, ".spec.template: expected map, got &{5}"),
        (
            {"spec": {"template": {"spec": {"containers": {"a": "b"}}}}},
            ".spec.template.spec.containers: expected list, got &{map[a:b]}",
        ),
        (
            {"metadata": {"labels": {"a": 5}}},
            ".metadata.labels.a: expected string, got &value.valueUnstructured{Value:5}",
        ),
        (
            {"metadata": {"labels": {"a": {"b": ["c", None]}}}},
            (
                ".metadata.labels.a: expected string, got &value.valueUnstructured{Value:map[string]interface {}"
                '{"b":[]interface {}{"c", interface {}(nil)}}}'
            ),
        ),
        ({"spec": {"foo": 1, "bar": 2}}, ".spec.bar: field not declared in schema"),
        (
            {"spec": {"replicas": "x", "paused": "y"}},
            (
                "errors:\n  .spec.paused: expected boolean, got &{y}\n"
                "  .spec.replicas: expected numeric (int or float), got string"
            ),
        ),
        (
            containers({"name": "app", "image": "a"}, {"name": "app"}),
            '.spec.template.spec.containers: duplicate entries for key [name="app"]',
        ),
        (
            containers({"name": "app", "env": [{"name": "A"}, 5]}),
            (
                '.spec.template.spec.containers[name="app"].env: '
                "element 1: associative list with keys may not have non-map elements"
            ),
        ),
        (
            {"metadata": {"finalizers": ["a/b", "a/b"]}},
            '.metadata.finalizers: duplicate entries for key [="a/b"]',
        ),
        (
            {"metadata": {"finalizers": [None]}},
            ".metadata.finalizers: element 0: associative list without keys has an element that's an explicit null",
        ),
    ],
)
def test_violations(config: dict[str, Any], message: str) -> None:
    with pytest.raises(TypedError) as found:
        validate(config, DEPLOYMENT.root)
    assert str(found.value) == message


def test_nulls_and_duplicates_where_they_are_allowed() -> None:
    validate({"spec": {"replicas": None, "template": None}, "metadata": None}, DEPLOYMENT.root)
    validate(containers({"name": "a"}, {"name": "a"}), DEPLOYMENT.root, allow_duplicates=True)


def test_list_items_without_any_key() -> None:
    spec = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["a", "b"],
        "items": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
    }
    with pytest.raises(TypedError) as found:
        validate([{}], typed(spec))
    assert str(found.value) == (
        'element 0: associative list with keys has an element that omits all key fields ["a" "b"] '
        "(and doesn't have default values for any key fields)"
    )
    assert fields([{"a": "x"}], typed(spec)) == {'k:{"a":"x"}': {".": {}, "f:a": {}}}


def test_key_defaults_of_built_in_kinds() -> None:
    ports = {"spec": {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]}}
    assert fields(ports, SERVICE.root)["f:spec"]["f:ports"] == {
        'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}},
        'k:{"port":80,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}},
    }
    nameless = containers({"image": "b"})
    pod = fields(nameless, DEPLOYMENT.root)["f:spec"]["f:template"]["f:spec"]
    assert pod["f:containers"] == {'k:{"name":""}': {".": {}, "f:image": {}}}


def test_field_set_of_each_shape() -> None:
    config = {
        "metadata": {"labels": {"a": "b"}, "annotations": {}, "finalizers": ["x/y"]},
        "spec": {
            "replicas": None,
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {},
            "template": {
                "spec": {
                    "nodeSelector": {"a": "b"},
                    "tolerations": [{"key": "k"}],
                    "containers": [
                        {
                            "name": "app",
                            "args": ["x"],
                            "resources": {"limits": {"cpu": 1}},
                            "livenessProbe": {"httpGet": {"port": "http"}},
                        }
                    ],
                }
            },
        },
    }
    assert fields(config, DEPLOYMENT.root) == {
        "f:metadata": {"f:annotations": {}, "f:finalizers": {'v:"x/y"': {}}, "f:labels": {"f:a": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:strategy": {},
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"app"}': {
                            ".": {},
                            "f:args": {},
                            "f:livenessProbe": {"f:httpGet": {"f:port": {}}},
                            "f:name": {},
                            "f:resources": {"f:limits": {"f:cpu": {}}},
                        }
                    },
                    "f:nodeSelector": {},
                    "f:tolerations": {},
                }
            },
        },
    }


def test_new_objects_have_what_go_structs_have() -> None:
    assert DEPLOYMENT.zero == {
        "metadata": {},
        "spec": {
            "selector": {},
            "strategy": {},
            "template": {"metadata": {}, "spec": {"containers": None}},
        },
        "status": {},
    }
    assert DEPLOYMENT.has_status
    assert not schema_for(("", "v1", "ConfigMap")).has_status


def test_unknown_kinds_are_deduced() -> None:
    schema = schema_for(("example.org", "v1", "Thing"))
    assert schema.root is DEDUCED
    assert schema.custom
    value = {"spec": {"list": [{"name": "a"}], "deep": {"er": 1}, "empty": {}}}
    assert fields(value, DEDUCED) == {
        "f:spec": {".": {}, "f:deep": {".": {}, "f:er": {}}, "f:empty": {}, "f:list": {}}
    }


def test_preserving_unknown_fields_reaches_what_is_below() -> None:
    inner = {"type": "object", "properties": {"known": {"type": "string"}}}
    spec = {"type": "object", "properties": {"inner": inner}}
    validate({"inner": {"other": 1}}, typed({**spec, "x-kubernetes-preserve-unknown-fields": True}))
    with pytest.raises(TypedError, match="field not declared in schema"):
        validate({"inner": {"other": 1}}, typed(spec))


def test_embedded_resources_have_metadata() -> None:
    embedded = typed({"type": "object", "x-kubernetes-embedded-resource": True, "properties": {}})
    validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}, embedded)
    with pytest.raises(TypedError):
        validate({"spec": {}}, embedded)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "array", "items": {"type": "string"}}, True),
        ({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}, False),
        ({"type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "merge"}, False),
        ({"type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "retainKeys"}, True),
    ],
)
def test_lists_are_atomic_unless_said_otherwise(spec: dict[str, Any], expected: bool) -> None:
    assert typed(spec).as_list.atomic is expected


def test_free_form_objects() -> None:
    assert typed({}).as_map.element is DEDUCED
    assert typed({"type": "object"}).as_map.element is DEDUCED
    assert typed({"type": "object", "additionalProperties": True}).as_map.element is DEDUCED
    assert typed({"type": "object", "properties": {"a": {}}}).as_map.element is None
    raw = OpenApiTypes({}).named("io.k8s.apimachinery.pkg.runtime.RawExtension")
    assert raw is ATOMIC


def test_recursive_definitions_are_resolved_when_walked() -> None:
    types = OpenApiTypes({"Node": {"type": "object", "properties": {"next": {"$ref": "#/definitions/Node"}}}})
    node = types.named("Node")
    assert node.as_map.fields["next"] is node
    overridden = types.built({"$ref": "#/definitions/Node", "x-kubernetes-map-type": "atomic"})
    assert overridden.as_map.atomic
    assert not node.as_map.atomic


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        ([1], [True], False),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": 1, "b": None}, {"b": None, "a": 1.0}, True),
        ({"a": None}, {}, False),
        ({}, [], False),
        (None, {}, False),
    ],
)
def test_equality_keeps_booleans_apart(left: Any, right: Any, same: bool) -> None:
    assert equal(left, right) is same
    assert equal(right, left) is same

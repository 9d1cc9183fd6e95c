"""Field sets, path elements and their texts."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.apply.elements import ElementError, key_element, path_text, sort_elements, value_element
from kcsim.api.apply.fieldset import EMPTY, FieldSet, only_below, without

CONTAINER = key_element([("name", "app")])
PORT = key_element([("protocol", "TCP"), ("containerPort", 80)])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:spec", "f:containers", CONTAINER, "f:image"), '.spec.containers[name="app"].image'),
        (("f:ports", PORT), '.ports[containerPort=80,protocol="TCP"]'),
        (("f:finalizers", value_element("a/b")), '.finalizers[="a/b"]'),
        (("f:list", "i:3"), ".list[3]"),
        ((key_element([("name", 'a"\n')]),), r'[name="a\"\n"]'),
        ((value_element(True),), "[=true]"),
        ((value_element(1.5),), "[=1.5]"),
        ((key_element([("name", None)]),), "[name=null]"),
    ],
)
def test_path_text(path: tuple[str, ...], text: str) -> None:
    assert path_text(path) == text


def test_numbers_have_one_spelling() -> None:
    assert value_element(2.0) == value_element(2) == "v:2"
    assert value_element(True) != value_element(1)


def test_elements_sort_fields_then_keys_then_values_then_indexes() -> None:
    expected = [
        "f:a",
        "f:b",
        key_element([("port", 80)]),
        key_element([("port", 443)]),
        key_element([("port", "80")]),
        "v:9",
        "v:10",
        'v:"1"',
        "v:false",
        "i:2",
        "i:10",
    ]
    assert sort_elements(sorted(expected)) == expected
    assert sort_elements(reversed(expected)) == expected


def test_html_is_escaped_as_go_does() -> None:
    assert key_element([("name", "<&>")]) == 'k:{"name":"\\u003c\\u0026\\u003e"}'
    assert path_text((key_element([("name", "<&>")]),)) == '[name="<&>"]'


FIELDS = {
    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
    "f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:image": {}}}, "f:replicas": {}},
}


def test_fields_v1_round_trip() -> None:
    assert FieldSet.from_json(FIELDS).to_json() == FIELDS
    assert list(FieldSet.from_json(FIELDS).to_json()) == ["f:metadata", "f:spec"]


def test_fields_v1_keys_are_brought_into_one_form() -> None:
    odd = FieldSet.from_json({'k:{ "b": 1.0, "a": "x" }': {}, "z:of a later version": {}})
    assert odd.to_json() == {'k:{"a":"x","b":1}': {}}


@pytest.mark.parametrize("bad", [{"x": {}}, {"nocolon": {}}, {"k:{": {}}, {"k:[]": {}}, {"f:a": 1}])
def test_bad_fields_v1(bad: dict[str, Any]) -> None:
    with pytest.raises(ElementError):
        FieldSet.from_json(bad)


def test_own_members_come_before_deeper_paths() -> None:
    paths = FieldSet.of(("f:a", "f:b"), ("f:z",), ("f:c", "f:d"))
    assert [path_text(path) for path in paths.paths()] == [".z", ".a.b", ".c.d"]


def test_set_arithmetic() -> None:
    one = FieldSet.of(("f:a",), ("f:b", "f:c"), ("f:b", "f:d"))
    two = FieldSet.of(("f:a",), ("f:b", "f:c"), ("f:e",))
    assert one.union(two) == FieldSet.of(("f:a",), ("f:b", "f:c"), ("f:b", "f:d"), ("f:e",))
    assert one.intersection(two) == FieldSet.of(("f:a",), ("f:b", "f:c"))
    assert one.difference(two) == FieldSet.of(("f:b", "f:d"))
    assert not one.difference(one)
    assert one.union(EMPTY) is one
    assert one.has(("f:b", "f:c"))
    assert not one.has(("f:b",))
    assert not one.has(())
    assert one.below("f:b") == FieldSet.of(("f:c",), ("f:d",))


def test_filters() -> None:
    fields = FieldSet.of(("f:spec", "f:replicas"), ("f:status", "f:replicas"), ("f:status",))
    assert without(FieldSet.of(("f:status",)))(fields) == FieldSet.of(("f:spec", "f:replicas"))
    assert only_below("f:status")(fields) == FieldSet.of(("f:status",), ("f:status", "f:replicas"))

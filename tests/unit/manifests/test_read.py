"""YAML as Kubernetes reads it: scalars, positions, lists, and one clear message for each fault."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim import manifests


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("off", False),
        ("n", False),
        ("~", None),
        ("", None),
        ("014", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("089", 89.0),
        ("1_000", 1000),
        ("-5", -5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("22:22", "22:22"),
        ("8080:80", "8080:80"),
        ("2026-01-01", "2026-01-01"),
        ("1.2.3", "1.2.3"),
        ("100m", "100m"),
        ("-", "-"),
    ],
)
def test_plain_scalars(text: str, value: Any) -> None:
    got = manifests.resolve(text)
    assert (got, type(got)) == (value, type(value))


def test_quoted_and_tagged_scalars_stay_text() -> None:
    [document] = manifests.documents("a: 'yes'\nb: !!str 12\nc: \"1\"\n8080: x\ntrue: z", "f.yaml")
    assert document.value == {"a": "yes", "b": "12", "c": "1", "8080": "x", "true": "z"}


DOCUMENTS = """\
# a comment
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
- apiVersion: v1
  kind: SecretList
  items:
  - apiVersion: v1
    kind: Secret
    metadata:
      name: b
---
apiVersion: apps/v1
kind: Deployment
spec: &spec
  replicas: 3
"""


def test_documents_and_lists_are_expanded_with_their_places() -> None:
    found = manifests.read(DOCUMENTS, "all.yaml")
    assert [(m.object["kind"], m.line, m.column) for m in found] == [
        ("ConfigMap", 6, 3),
        ("Secret", 12, 5),
        ("Deployment", 17, 1),
    ]
    assert found[1].positions.of(("metadata", "name")) == (15, 13)
    assert found[1].positions.of_key(("metadata", "name")) == (15, 7)
    assert found[2].positions.of(("spec", "replicas", "deeper")) == (20, 13)
    assert str(found[2].error(("spec", "replicas"), "no")) == "all.yaml:20:13: no"


def test_anchors_and_merge_keys() -> None:
    text = "base: &b {a: 1, b: 2}\nmore: {<<: *b, b: 3}\nmany: {<<: [{a: 1}, {a: 2, c: 3}]}"
    [document] = manifests.documents(text, "f")
    assert document.value["more"] == {"a": 1, "b": 3}
    assert document.value["many"] == {"a": 1, "c": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "f:1:5: yaml: mapping values are not allowed in this context"),
        ("a: 1\nb:\n  c: 1\n  c: 2", 'f:4:3: yaml: key "c" already set in map'),
        ("\tx: 1", "f:1:1: yaml: found character that cannot start any token"),
        ("a: *x", "f:1:4: yaml: found undefined alias"),
        ("a: &a [*a]", "f:1:4: yaml: anchor contains itself"),
        ("? [a]\n: 1", "f:1:3: yaml: a map or a list cannot be a key"),
        ("a: !!int x", "f:1:4: yaml: cannot decode 'x' as tag:yaml.org,2002:int"),
        ("- 1", "f:1:1: an object is expected here, not a list"),
        ("apiVersion: v1", "f:1:1: Object 'Kind' is missing in '{\"apiVersion\":\"v1\"}'"),
        ("kind: Pod", "f:1:1: Object 'apiVersion' is missing in '{\"kind\":\"Pod\"}'"),
        ("apiVersion: 1\nkind: Pod", "f:1:13: apiVersion is a number, not a string"),
        ("apiVersion: v1\nkind: List\nitems: 3", "f:3:8: items is a number, not a list"),
        ("apiVersion: v1\nkind: List\nitems:\n- 3", "f:4:3: an object is expected here, not a number"),
    ],
)
def test_faults_name_their_place(text: str, message: str) -> None:
    with pytest.raises(manifests.ManifestError) as caught:
        manifests.read(text, "f")
    assert str(caught.value) == message


@pytest.mark.parametrize("data", [b"a: \xff", b"a: \x01", b"{" * 5000, b"[" * 100_000])
def test_garbage_is_refused_not_raised(data: bytes) -> None:
    with pytest.raises(manifests.ManifestError):
        manifests.read(data, "f")


def test_no_documents_no_objects() -> None:
    assert manifests.read("", "f") == []
    assert manifests.read("# only\n---\n---\n", "f") == []

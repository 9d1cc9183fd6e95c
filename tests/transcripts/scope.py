"""Steps that kcsim does not claim to answer, each with the reason."""

from __future__ import annotations

import re
from typing import Any

from tests.transcripts.binding import Difference

_PROTECTION = "volumes in use are not protected: nothing here mounts them"
_DESCRIBED = "kubectl explain describes built-in kinds in words of kcsim's own"
_COMPACTED = "the recorded store had been compacted beyond its first revision; this one starts with it"
_REQUESTS: dict[tuple[Any, ...], str] = {
    (
        "list-paging",
        "/api/v1/namespaces/paging/secrets",
        ("resourceVersion", "1"),
        ("resourceVersionMatch", "Exact"),
    ): _COMPACTED,
    (
        "watches",
        "/api/v1/namespaces/watches/events",
        ("resourceVersion", "1"),
        ("timeoutSeconds", "1"),
        ("watch", "true"),
    ): _COMPACTED,
    ("kubectl-meta", "/"): "the index of all paths lists parts of the real server that are not here",
}
_SKIPPED: dict[tuple[str, int], str] = {
    ("crd-lifecycle", 31): "a body of another kind is refused before its fields are looked at",
}
_TOLERATED: dict[tuple[str, int], str] = {}
_ORDER = "members stand in the order in which they were stored, not in that of Go's structs"
_TOLERATED |= {("patches", 33): _ORDER, ("immutable-fields", 94): _ORDER, ("kubectl-get", 43): _ORDER}
_TOLERATED |= {
    ("immutable-fields", place): "an update that takes back a kept address changes nothing, owners included"
    for place in (67, 68, 71)
}
_TOLERATED["rbac", 48] = "of several bindings that allow a request any may be named"
_TOLERATED["crd-lifecycle", 32] = "a body of another version is refused before its fields are looked at"


def out_of_scope(topic: str, place: int, step: dict[str, Any]) -> str:
    """The reason, or "" for a step that is in scope. What is out of scope is not done."""
    if (topic, place) in _SKIPPED:
        return _SKIPPED[topic, place]
    if step["do"].get("kubectl") is not None:
        return ""
    request = step["do"].get("http") or {}
    return _REQUESTS.get((topic, request.get("path", ""), *sorted((request.get("query") or {}).items())), "")


def tolerated(topic: str, place: int, differences: list[Difference]) -> str:
    """The reason why an answer that differs is none that kcsim claims to give, or ""."""
    if (topic, place) in _TOLERATED:
        return _TOLERATED[topic, place]
    if all(_only_words(str(found.expected), str(found.actual)) for found in differences):
        return _DESCRIBED
    return _PROTECTION if _only_protection(differences) else ""


def _only_words(expected: str, actual: str) -> bool:
    """Whether two pages of ``kubectl explain`` differ in nothing but what is said of a field."""
    return "DESCRIPTION:\n" in expected and _bones(expected) == _bones(actual)


def _bones(page: str) -> list[str]:
    """The heads, and the fields with their types and values."""
    return re.findall(r"^(?:[A-Z]+:.*|  +\S+\t<.*|  +enum: .*|    [A-Z]\w+)$", page, re.MULTILINE)


def _only_protection(differences: list[Difference]) -> bool:
    """Whether the answers differ only in the finalizers that protect volumes in use."""
    return all(
        "finalizers" in f"{found.where} {found.expected}".lower() and "-protection" in str(found.expected)
        for found in differences
    )

"""What is left of a namespace that is being deleted, and how to say so.  Decides; never acts.

**Imitates:** ``pkg/controller/namespace/deletion/{namespaced_resources_deleter,status_condition_utils}.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.resources import Resource
from kcsim.engine.clock import SECOND, parse_rfc3339, rfc3339

Object = dict[str, Any]

FINALIZER_ESTIMATE_SECONDS = 15
DISCOVERY_FAILURE = "NamespaceDeletionDiscoveryFailure"
PARSING_FAILURE = "NamespaceDeletionGroupVersionParsingFailure"
CONTENT_FAILURE = "NamespaceDeletionContentFailure"
CONTENT_REMAINING = "NamespaceContentRemaining"
FINALIZERS_REMAINING = "NamespaceFinalizersRemaining"

_ALL_WELL = {
    DISCOVERY_FAILURE: ("ResourcesDiscovered", "All resources successfully discovered"),
    PARSING_FAILURE: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    CONTENT_FAILURE: (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    CONTENT_REMAINING: ("ContentRemoved", "All content successfully removed"),
    FINALIZERS_REMAINING: ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


class UnexpectedItems(Exception):
    """Items that should be gone are still there: tried again with back-off."""


@dataclass(slots=True)
class Remaining:
    """What one pass found left."""

    counts: dict[str, int] = field(default_factory=dict)
    """By ``<plural>.<group>`` (the dot stays for the core group)."""
    finalizers: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    estimate_s: int = 0
    """How long (seconds) what is left may take."""

    def add(self, resource: Resource, namespace: str, items: list[Object], grace_s: int) -> None:
        """What is left of one resource after its deletion; ``grace_s`` is `graceful_estimate` before it."""
        if not items:
            return
        self.counts[f"{resource.plural}.{resource.group}"] = len(items)
        finalizers = [f for item in items for f in item["metadata"].get("finalizers") or ()]
        for name in finalizers:
            self.finalizers[name] = self.finalizers.get(name, 0) + 1
        if grace_s:
            self.estimate_s = max(self.estimate_s, grace_s)
        elif finalizers:
            self.estimate_s = max(self.estimate_s, FINALIZER_ESTIMATE_SECONDS)
        else:
            where = f"{resource.group}/{resource.version}, Resource={resource.plural}"
            self.errors.append(f"unexpected items still remain in namespace: {namespace} for gvr: {where}")


def graceful_estimate(pods: Iterable[Object], deleted_at: int, now: int) -> int:
    """The longest grace (seconds) of these pods, 0 once it has passed since the namespace was deleted (µs)."""
    graces = [pod["spec"].get("terminationGracePeriodSeconds") or 0 for pod in pods]
    longest: int = max(graces, default=0)
    return 0 if now - deleted_at >= longest * SECOND else longest


def deletion_conditions(current: list[Object], remaining: Remaining, now: int) -> list[Object]:
    """The namespace's conditions after a pass; the same list when none changes."""
    found = {CONTENT_REMAINING: _content(remaining), FINALIZERS_REMAINING: _finalizers(remaining)}
    if remaining.errors:
        count = sum(remaining.counts.values())
        errors = remaining.errors[0] if len(remaining.errors) == 1 else f"[{', '.join(remaining.errors)}]"
        text = f"Failed to delete all resource types, {count} remaining: {errors}"
        found[CONTENT_FAILURE] = ("ContentDeletionFailed", text)
    result = list(current)
    for kind, well in _ALL_WELL.items():
        reason, message = found.get(kind) or well
        status = "False" if (reason, message) == well else "True"
        position = next((i for i, c in enumerate(result) if c["type"] == kind), None)
        condition = {
            "type": kind,
            "status": status,
            "lastTransitionTime": rfc3339(now),
            "reason": reason,
            "message": message,
        }
        if position is None:
            result.append(condition)
        elif any(result[position].get(k) != condition[k] for k in ("status", "reason", "message")):
            result[position] = condition
    return current if result == current else result


def _content(remaining: Remaining) -> tuple[str, str] | None:
    if not remaining.counts:
        return None
    parts = [f"{what} has {count} resource instances" for what, count in sorted(remaining.counts.items())]
    return "SomeResourcesRemain", f"Some resources are remaining: {', '.join(parts)}"


def _finalizers(remaining: Remaining) -> tuple[str, str] | None:
    if not remaining.finalizers:
        return None
    parts = [f"{name} in {count} resource instances" for name, count in sorted(remaining.finalizers.items())]
    text = f"Some content in the namespace has finalizers remaining: {', '.join(parts)}"
    return "SomeFinalizersRemain", text


def deleted_at(namespace: Object) -> int:
    """The instant (µs) of metadata.deletionTimestamp."""
    return parse_rfc3339(namespace["metadata"]["deletionTimestamp"])

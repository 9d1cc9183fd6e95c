"""`status.conditions` of an Application.  Pure.

**Imitates:** argo-cd pkg/apis/application/v1alpha1/types.go (`SetConditions`) and util/argo/argo.go
(`FormatAppConditions`).

**Walk:** what a refresh found -> `condition` -> `set_conditions` over the types that it looked for -> the status.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from kcsim.delivery.gitops.argocd import terms

COMPARED = frozenset(
    {
        terms.COMPARISON_ERROR,
        terms.SHARED_RESOURCE,
        terms.REPEATED_RESOURCE,
        terms.EXCLUDED_RESOURCE,
    }
)
"""The types that a comparison sets, and clears when it no longer finds them."""

BLOCKING = (terms.COMPARISON_ERROR, terms.INVALID_SPEC)
"""With one of these an operation ends in an error before it begins."""


def condition(kind: str, message: str) -> dict[str, str]:
    """A condition; its time is set when it is put into the status."""
    return {"type": kind, "message": message}


def set_conditions(
    old: Sequence[Mapping[str, Any]], new: Iterable[Mapping[str, Any]], looked_for: Collection[str], now: str
) -> list[dict[str, Any]]:
    """The conditions after a look for some types: those of other types stay, the time of an unchanged one too.

    `now`: RFC 3339.
    """
    kept = [
        {**c, "lastTransitionTime": c.get("lastTransitionTime") or now}
        for c in old
        if c["type"] not in looked_for
    ]
    for found in new:
        before = next((c for c in old if c["type"] == found["type"]), None)
        same = before is not None and before.get("message") == found.get("message")
        kept.append(dict(before) if before is not None and same else {"lastTransitionTime": now, **found})
    return sorted(kept, key=_order)


def of_types(conditions: Iterable[Mapping[str, Any]], types: Collection[str]) -> list[Mapping[str, Any]]:
    """The conditions of some types, in their order."""
    return [c for c in conditions if c["type"] in types]


def as_text(conditions: Iterable[Mapping[str, Any]]) -> str:
    """Conditions as the message of an operation names them: `Type: message;Type: message`."""
    return ";".join(f"{c['type']}: {c['message']}" for c in conditions)


def _order(condition: Mapping[str, Any]) -> str:
    return f"{condition['type']}/{condition.get('message', '')}/{condition.get('lastTransitionTime', '')}"

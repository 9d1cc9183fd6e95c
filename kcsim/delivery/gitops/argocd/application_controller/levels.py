"""How thoroughly an Application is compared, and whether it has to be at all.  Pure.

**Imitates:** argo-cd 3.x controller/appcontroller.go (CompareWith, needRefreshAppStatus, comparisonExpiry,
currentSourceEqualsSyncedSource).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import terms
from kcsim.engine.clock import parse_rfc3339

NOTHING, RECENT, LATEST, LATEST_FORCED = 0, 1, 2, 3
"""Only the tree and the summary; live state against the revision compared last; against the latest revision that the
cache of refs knows; against the latest that the git host knows."""


@dataclass(frozen=True, slots=True)
class Due:
    """A comparison: its level, whether manifests are generated anew, and whether an annotation asked for it."""

    level: int
    hard: bool = False
    annotated: bool = False


def due(app: Object, now: int, refresh: int, hard_refresh: int, requested: int | None) -> Due | None:
    """The comparison an Application needs; None for none.

    Args:
        now, refresh, hard_refresh: µs; 0 for a period that never ends.
        requested: the level that the controller itself has asked for.
    """
    asked = objects.annotations(app).get(terms.REFRESH)
    if asked is not None:
        return Due(LATEST_FORCED, asked == "hard", annotated=True)
    status = terms.status(app)
    compared = (status.get("sync") or {}).get("comparedTo") or {}
    if not _same_sources(app, compared):
        return Due(LATEST_FORCED)
    since = status.get("reconciledAt")
    reconciled = parse_rfc3339(since) if since else None
    if hard_refresh and (reconciled is None or reconciled + hard_refresh <= now):
        return Due(LATEST, hard=True)
    if reconciled is None or (refresh and reconciled + refresh <= now):
        return Due(LATEST)
    if (compared.get("destination") or {}) != terms.destination(app) or _namespace_metadata_differs(app):
        return Due(LATEST)
    if (terms.spec(app).get("ignoreDifferences") or []) != (compared.get("ignoreDifferences") or []):
        return Due(LATEST)
    return None if requested is None else Due(requested)


def _same_sources(app: Object, compared: dict[str, Any]) -> bool:
    if terms.has_multiple_sources(app):
        return terms.sources(app) == list(compared.get("sources") or [])
    return terms.sources(app)[0] == (compared.get("source") or {})


def _namespace_metadata_differs(app: Object) -> bool:
    """HasChangedManagedNamespaceMetadata: what the last sync applied to the namespace is not what is wanted now."""
    wanted = (terms.spec(app).get("syncPolicy") or {}).get("managedNamespaceMetadata")
    result = terms.operation_state(app).get("syncResult")
    return wanted is not None and result is not None and result.get("managedNamespaceMetadata") != wanted

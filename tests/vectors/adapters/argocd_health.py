"""argocd_health.json: the health of one live object."""

from __future__ import annotations

from typing import Any

from kcsim.delivery.gitops.argocd.health import check


def health(given: dict[str, Any]) -> dict[str, Any]:
    found = check.assess(given["object"])
    return {"health": found.status if found is not None else None}


ADAPTERS = {"health": health}

"""The order of a build's output: as accumulated, or by kind as kustomize once did.

**Imitates:** kustomize api/internal/builtins/SortOrderTransformer.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.resources import LEGACY_FIRST, LEGACY_LAST, Gvk, Resource, Resources, legacy_key


def sort_resources(resources: Resources, options: Mapping[str, Any], file: str) -> Resources:
    """The resources in the order that `sortOptions` ask for.

    Raises: KustomizeError.
    """
    order = options.get("order") or "fifo"
    if order not in ("fifo", "legacy"):
        raise KustomizeError(file, "the field 'sortOptions.order' must be one of [fifo, legacy]")
    kinds = options.get("legacySortOptions")
    if order == "fifo":
        if kinds is not None:
            raise KustomizeError(
                file,
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'",
            )
        return resources
    first = kinds.get("orderFirst") or [] if kinds else LEGACY_FIRST
    last = kinds.get("orderLast") or [] if kinds else LEGACY_LAST
    ranks = {kind: i - len(first) for i, kind in enumerate(first)} | {
        kind: i + 1 for i, kind in enumerate(last)
    }
    return tuple(sorted(resources, key=lambda r: _key(r, ranks)))


def _key(resource: Resource, ranks: Mapping[str, int]) -> tuple[int, str, str]:
    id_ = resource.id
    rank, text = legacy_key(Gvk(*id_[:3]), ranks)
    return rank, text, f"{id_.namespace or '~X'}|{id_.name or '~N'}"

"""What the API server writes into a new pod for the scheduler: gates told as a condition, label keys as requirements.

**Imitates:** ``applySchedulingGatedCondition``, ``applyMatchLabelKeysAndMismatchLabelKeys`` and
``applyLabelKeysToLabelSelector`` (pkg/registry/core/pod/strategy.go, v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kcsim.api.objects import Object

_GATED = "Scheduling is blocked due to non-empty scheduling gates"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def gated_condition(pod: Object) -> Object | None:
    """The PodScheduled condition of a new pod with scheduling gates; None without gates."""
    if not pod["spec"].get("schedulingGates"):
        return None
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": pod["metadata"].get("creationTimestamp"),
        "reason": "SchedulingGated",
        "message": _GATED,
    }


def with_label_keys(pod: Object) -> Object:
    """The pod with matchLabelKeys and mismatchLabelKeys added to the selectors beside them."""
    spec = pod["spec"]
    affinity, spread = spec.get("affinity") or {}, spec.get("topologySpreadConstraints")
    labels = pod["metadata"].get("labels") or {}
    changed: Object = {}
    kinds = {}
    for kind in ("podAffinity", "podAntiAffinity"):
        old = affinity.get(kind)
        if old:
            new = _affinity(old, labels)
            if new != old:
                kinds[kind] = new
    if kinds:
        changed["affinity"] = {**affinity, **kinds}
    if spread and any(item.get("matchLabelKeys") for item in spread):
        changed["topologySpreadConstraints"] = [_merged(item, labels) for item in spread]
    return {**pod, "spec": {**spec, **changed}} if changed else pod


def _affinity(affinity: Mapping[str, Any], labels: Mapping[str, str]) -> Object:
    new = dict(affinity)
    if affinity.get(_REQUIRED):
        new[_REQUIRED] = [_merged(term, labels) for term in affinity[_REQUIRED]]
    if affinity.get(_PREFERRED):
        new[_PREFERRED] = [
            {**item, "podAffinityTerm": _merged(item.get("podAffinityTerm") or {}, labels)}
            for item in affinity[_PREFERRED]
        ]
    return new


def _merged(term: Object, labels: Mapping[str, str]) -> Object:
    selector = term.get("labelSelector")
    if selector is None:
        return term
    added = [
        *_requirements(term.get("matchLabelKeys"), "In", labels),
        *_requirements(term.get("mismatchLabelKeys"), "NotIn", labels),
    ]
    if not added:
        return term
    expressions = [*(selector.get("matchExpressions") or ()), *added]
    return {**term, "labelSelector": {**selector, "matchExpressions": expressions}}


def _requirements(keys: Iterable[str] | None, operator: str, labels: Mapping[str, str]) -> list[Object]:
    return [
        {"key": key, "operator": operator, "values": [labels[key]]} for key in keys or () if key in labels
    ]

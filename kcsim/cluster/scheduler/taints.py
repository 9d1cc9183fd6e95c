"""Taints and tolerations.

**Imitates:** staging/src/k8s.io/component-helpers/scheduling/corev1/helpers.go and api/core/v1/toleration.go (v1.36).
Left out: the operators ``Lt`` and ``Gt`` (gate TaintTolerationComparisonOperators, off by default): they tolerate
nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Taint = Mapping[str, Any]
Toleration = Mapping[str, Any]


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether one toleration covers one taint. An absent effect or key covers any."""
    effect = toleration.get("effect")
    if effect and effect != taint.get("effect"):
        return False
    key = toleration.get("key")
    if key and key != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or "")


def tolerated(tolerations: Sequence[Toleration], taint: Taint) -> bool:
    """Whether any toleration covers the taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations)


def find_untolerated_taint(
    taints: Sequence[Taint], tolerations: Sequence[Toleration], effects: Collection[str] | None
) -> Taint | None:
    """The first taint, among those with one of ``effects`` (None: all), that nothing tolerates."""
    for taint in taints:
        if (effects is None or taint.get("effect") in effects) and not tolerated(tolerations, taint):
            return taint
    return None

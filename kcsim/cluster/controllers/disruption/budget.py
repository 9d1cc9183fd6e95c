"""The arithmetic of a PodDisruptionBudget.  Decides; never acts.

**Imitates:** ``getExpectedPodCount``, ``buildDisruptedPodMap``, ``updatePdbStatus`` and ``failSafe`` of
``pkg/controller/disruption/disruption.go``, ``pkg/apis/policy`` condition helpers (v1.36).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.intstr import get_scaled_value_from_int_or_percent
from kcsim.engine.clock import parse_rfc3339, rfc3339
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

DELETION_TIMEOUT = DEFAULT.us("kube-controller-manager/disruption-deletion-timeout")
"""For so long an evicted pod counts as gone while its deletion has not been seen (DeletionTimeout)."""
DISRUPTION_ALLOWED = "DisruptionAllowed"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a budget's status says in numbers."""

    current_healthy: int
    desired_healthy: int
    expected: int

    @property
    def allowed(self) -> int:
        """How many pods may be evicted now; none while no pod is expected: that state is not to be trusted."""
        return max(0, self.current_healthy - self.desired_healthy) if self.expected > 0 else 0


def counts_by_scale(budget: Object) -> bool:
    """Whether the expected pods are the scale of the controllers, and not just the pods that match."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return True
    return isinstance(spec.get("minAvailable"), str)


def expected_and_desired(budget: Object, matching: int, scale: int) -> tuple[int, int]:
    """(expected pods, pods that must stay healthy), percentages rounded up.

    ``matching`` counts the pods the budget selects, ``scale`` what their controllers ask for.

    Raises:
        IntOrStringError: a percentage cannot be read.
    """
    spec = budget["spec"]
    most = spec.get("maxUnavailable")
    if most is not None:
        return scale, max(0, scale - get_scaled_value_from_int_or_percent(most, scale, round_up=True))
    least = spec.get("minAvailable")
    if isinstance(least, str):
        return scale, get_scaled_value_from_int_or_percent(least, scale, round_up=True)
    return (0, 0) if least is None else (matching, least)


@dataclass(frozen=True, slots=True)
class Disrupted:
    """Evicted pods whose end has not been seen.

    Attributes:
        pods: name -> when it was evicted, as in the status.
        overdue: names of pods that should be gone by now and are not.
        recheck_at: when (µs) the first of ``pods`` is overdue.
    """

    pods: dict[str, str]
    overdue: tuple[str, ...]
    recheck_at: int | None


def build_disrupted(budget: Object, pods: Mapping[str, Object], now: int) -> Disrupted:
    """The status's evicted pods without those that are gone, being deleted, or overdue; ``pods`` by name."""
    noted: dict[str, str] = (budget.get("status") or {}).get("disruptedPods") or {}
    kept, overdue = {}, []
    recheck: int | None = None
    for name in sorted(noted):
        pod = pods.get(name)
        if pod is None or objects.is_deleting(pod):
            continue
        expected = parse_rfc3339(noted[name]) + DELETION_TIMEOUT
        if expected < now:
            overdue.append(name)
            continue
        kept[name] = noted[name]
        recheck = expected if recheck is None else min(recheck, expected)
    return Disrupted(kept, tuple(overdue), recheck)


def calculate_status(budget: Object, counts: Counts, disrupted: Mapping[str, str], now: int) -> Object | None:
    """The new status; None when the present one says the same."""
    old = budget.get("status") or {}
    generation = budget["metadata"].get("generation", 0)
    status: Object = {
        "currentHealthy": counts.current_healthy,
        "desiredHealthy": counts.desired_healthy,
        "expectedPods": counts.expected,
        "disruptionsAllowed": counts.allowed,
    }
    if disrupted:
        status["disruptedPods"] = dict(disrupted)
    if generation:
        status["observedGeneration"] = generation
    status["conditions"] = with_disruption_allowed(
        old.get("conditions") or [], counts.allowed, generation, now
    )
    return None if status == old else status


def with_disruption_allowed(conditions: list[Any], allowed: int, generation: int, now: int) -> list[Any]:
    """The conditions with DisruptionAllowed as the count says (UpdateDisruptionAllowedCondition)."""
    condition = {
        "type": DISRUPTION_ALLOWED,
        "status": "True" if allowed > 0 else "False",
        "reason": "SufficientPods" if allowed > 0 else "InsufficientPods",
        "message": "",
    }
    return _set(conditions, condition, generation, now)


def fail_safe(budget: Object, message: str, now: int) -> Object:
    """The status when nothing could be calculated: no evictions."""
    old = budget.get("status") or {}
    condition = {"type": DISRUPTION_ALLOWED, "status": "False", "reason": "SyncFailed", "message": message}
    generation = old.get("observedGeneration", 0)
    conditions = _set(old.get("conditions") or [], condition, generation, now)
    return {**old, "disruptionsAllowed": 0, "conditions": conditions}


def _set(conditions: list[Any], condition: Object, generation: int, now: int) -> list[Any]:
    if generation:
        condition["observedGeneration"] = generation
    return objects.set_condition(conditions, condition, rfc3339(now))


def go_selector(selector: Object | None) -> str:
    """A label selector as Go prints the pointer to one, for the UnmanagedPods event."""
    if selector is None:
        return "nil"
    labels = selector.get("matchLabels") or {}
    pairs = "".join(f"{key}: {labels[key]}," for key in sorted(labels))
    listed = "".join(
        f"LabelSelectorRequirement{{Key:{item['key']},Operator:{item['operator']},"
        f"Values:[{' '.join(item.get('values') or ())}],}},"
        for item in selector.get("matchExpressions") or ()
    )
    expressions = f"[]LabelSelectorRequirement{{{listed}}}"
    return f"&LabelSelector{{MatchLabels:map[string]string{{{pairs}}},MatchExpressions:{expressions},}}"

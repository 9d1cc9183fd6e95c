"""How far one step may go.  Decides; never acts.

**Imitates:** ``convertDesiredReplicasWithRules``, ``convertDesiredReplicasWithBehaviorRate`` and the scale limits of
``pkg/controller/podautoscaler/horizontal.go`` (v1.36).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from kcsim.cluster.controllers.horizontalpodautoscaler.history import History, changed_since

Object = dict[str, Any]

SCALE_UP_FACTOR, SCALE_UP_MINIMUM = 2.0, 4.0

UP_LIMIT = "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
DOWN_LIMIT = "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate"
TOO_MANY = "TooManyReplicas", "the desired replica count is more than the maximum replica count"
TOO_FEW = "TooFewReplicas", "the desired replica count is less than the minimum replica count"
WITHIN = "DesiredWithinRange", "the desired count is within the acceptable range"


@dataclass(frozen=True, slots=True)
class Limited:
    """The replica count that remains, with reason and message for the condition ScalingLimited."""

    replicas: int
    reason: str
    message: str


def limit(
    current: int, desired: int, minimum: int, maximum: int, *, factor: float = SCALE_UP_FACTOR
) -> Limited:
    """Without behavior: at most double, or four."""
    up_limit = int(max(factor * current, SCALE_UP_MINIMUM))
    allowed, why = (up_limit, UP_LIMIT) if maximum > up_limit else (maximum, TOO_MANY)
    if desired < minimum:
        return Limited(minimum, *TOO_FEW)
    if desired > allowed:
        return Limited(allowed, *why)
    return Limited(desired, *WITHIN)


def limit_by_policies(
    behavior: Object, history: History, current: int, desired: int, minimum: int, maximum: int, now: int
) -> Limited:
    """With behavior: what its policies leave of this period's allowance."""
    if desired > current:
        up_limit = max(_up_limit(behavior["scaleUp"], history, current, now), current)
        allowed, why = (up_limit, UP_LIMIT) if maximum > up_limit else (maximum, TOO_MANY)
        if desired > allowed:
            return Limited(allowed, *why)
    elif desired < current:
        down_limit = min(_down_limit(behavior["scaleDown"], history, current, now), current)
        allowed, why = (down_limit, DOWN_LIMIT) if minimum < down_limit else (minimum, TOO_FEW)
        if desired < allowed:
            return Limited(allowed, *why)
    return Limited(desired, *WITHIN)


def _at_period_start(history: History, current: int, period: int, now: int) -> int:
    return current - changed_since(history.ups, period, now) + changed_since(history.downs, period, now)


def _up_limit(rules: Object, history: History, current: int, now: int) -> int:
    select = rules.get("selectPolicy", "Max")
    if select == "Disabled":
        return current
    proposals = []
    for policy in rules.get("policies") or ():
        start = _at_period_start(history, current, policy["periodSeconds"], now)
        if policy["type"] == "Pods":
            proposals.append(start + policy["value"])
        else:
            # Rounded up, or a small target would never grow.
            proposals.append(math.ceil(start * (1 + policy["value"] / 100)))
    return (min if select == "Min" else max)(proposals, default=current)


def _down_limit(rules: Object, history: History, current: int, now: int) -> int:
    select = rules.get("selectPolicy", "Max")
    if select == "Disabled":
        return current
    proposals = []
    for policy in rules.get("policies") or ():
        start = _at_period_start(history, current, policy["periodSeconds"], now)
        if policy["type"] == "Pods":
            proposals.append(start - policy["value"])
        else:
            proposals.append(int(start * (1 - policy["value"] / 100)))
    # Down, the largest change gives the lowest count.
    return (max if select == "Min" else min)(proposals, default=current)

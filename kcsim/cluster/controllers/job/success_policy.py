"""When an Indexed Job may stop early because enough has succeeded.  Decides; never acts.

**Imitates:** ``pkg/controller/job/success_policy.go`` (v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.job import intervals
from kcsim.cluster.controllers.job.intervals import Intervals

Object = dict[str, Any]


def met_by(policy: Object | None, completions: int, succeeded: Intervals) -> str:
    """The condition's message when a rule is met by the succeeded indexes, else ""."""
    if policy is None or not succeeded:
        return ""
    for index, rule in enumerate(policy.get("rules") or ()):
        wanted, count = rule.get("succeededIndexes"), rule.get("succeededCount")
        if wanted is not None:
            required = intervals.parse(wanted, completions)
            if required and _covers(required, succeeded, count):
                return f"Matched rules at index {index}"
        elif count is not None and intervals.total(succeeded) >= count:
            return f"Matched rules at index {index}"
    return ""


def _covers(required: Intervals, succeeded: Intervals, count: int | None) -> bool:
    """Whether all required indexes have succeeded, or at least ``count`` of them."""
    both = sum(
        max(min(last, end) - max(first, start) + 1, 0) for first, last in required for start, end in succeeded
    )
    return both >= (intervals.total(required) if count is None else count)

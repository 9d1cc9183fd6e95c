"""Whether a set of objects is what it should be, and what is said when it is not.  Decides; never acts.

**Imitates:** fluxcd/pkg ssa/manager_wait.go (the observer's verdict, the messages) and runtime/statusreaders; statuses
themselves are kstatus's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcsim.api.objects import Object, get_in
from kcsim.delivery.gitops import kstatus
from kcsim.delivery.gitops.kstatus import CURRENT, FAILED, IN_PROGRESS, NOT_FOUND, UNKNOWN, Result

__all__ = [
    "CURRENT",
    "FAILED",
    "IN_PROGRESS",
    "NOT_FOUND",
    "UNKNOWN",
    "Standing",
    "complaint",
    "is_over",
    "pod_selector",
    "status_of",
]

_WITH_PODS = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one object stands: a status word of kstatus, and the error that kept it from being known."""

    subject: str
    status: str
    error: str = ""


def status_of(live: Object | None, pods: Sequence[Object], now: int) -> Result:
    """The status of a live object, None for one that is not there, given its pods where it is a workload."""
    if live is not None and live.get("kind") == "Job" and str(live.get("apiVersion")).startswith("batch/"):
        return kstatus.job_status(live)
    result = kstatus.compute(live, now)
    return kstatus.with_pods(result, pods, now) if pods else result


def pod_selector(live: Object) -> str:
    """The label selector of a workload's pods, "" for other kinds."""
    if live.get("kind") not in _WITH_PODS or not str(live.get("apiVersion")).startswith("apps/"):
        return ""
    selector = get_in(live, ("spec", "selector"), {})
    terms = [f"{k}={v}" for k, v in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or ():
        values = ",".join(term.get("values") or ())
        terms.append(
            {
                "In": f"{term['key']} in ({values})",
                "NotIn": f"{term['key']} notin ({values})",
                "Exists": term["key"],
                "DoesNotExist": f"!{term['key']}",
            }[term["operator"]]
        )
    return ",".join(terms)


def is_over(standings: Sequence[Standing], *, fail_fast: bool) -> bool:
    """Whether waiting on makes no difference: all Current, one Failed when that is enough, or nothing else left."""
    statuses = {s.status for s in standings}
    return statuses <= {CURRENT, FAILED} or (fail_fast and FAILED in statuses)


def complaint(standings: Sequence[Standing], *, timed_out: bool) -> str:
    """Who is not as it should be; "" when all are."""
    texts = []
    for standing in standings:
        if standing.status == FAILED or (timed_out and standing.status != CURRENT):
            why = f": {standing.error}" if standing.error else ""
            texts.append(f"{standing.subject} status: '{standing.status}'{why}")
    what = "timeout waiting for" if timed_out else "failed early due to stalled resources"
    return f"{what}: [{', '.join(texts)}]" if texts else ""

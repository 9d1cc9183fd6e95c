"""Promises of what is counted: disruption budgets and quotas."""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.testing.invariants.history import History, Write


def evictions_stay_within_the_budget(history: History) -> Iterator[tuple[Write, str]]:
    """Every eviction that a PodDisruptionBudget counts had a disruption left to spend.

    Source: pkg/registry/core/pod/storage/eviction.go checkAndDecrement (workloads reference, 18.7).
    """
    for write in history.writes("poddisruptionbudget.policy"):
        if write.before is None or write.deleted:
            continue
        status, old = write.object.get("status") or {}, write.before.object.get("status") or {}
        allowed, before = status.get("disruptionsAllowed", 0), old.get("disruptionsAllowed", 0)
        if allowed < 0:
            yield write, f"disruptionsAllowed is {allowed}"
        counted = set(status.get("disruptedPods") or ()) - set(old.get("disruptedPods") or ())
        if len(counted) > before:
            yield write, f"{len(counted)} evictions where {before} were allowed"


def counted_quota_is_never_exceeded(history: History) -> Iterator[tuple[Write, str]]:
    """What a ResourceQuota says is used never grows beyond what it allows.

    A quota that was lowered below its use, or came after the objects, may stand above; nothing is admitted on top.

    Source: plugin/pkg/admission/resourcequota (workloads reference, 18.10).
    """
    for write in history.writes("resourcequota"):
        if write.before is None or write.deleted:
            continue
        status, old = write.object.get("status") or {}, write.before.object.get("status") or {}
        hard, used, before = status.get("hard") or {}, status.get("used") or {}, old.get("used") or {}
        for name in hard:
            now, then = used.get(name, "0"), before.get(name)
            if then is None or not (now.isdigit() and then.isdigit() and hard[name].isdigit()):
                continue
            if int(now) > int(hard[name]) and int(now) > int(then) and old.get("hard") == hard:
                yield write, f"{now} {name} used, of {hard[name]}"

"""pods/eviction: a deletion that asks the pod's disruption budget first.

**Imitates:** kubernetes ``pkg/registry/core/pod/storage/eviction.go`` (v1.36), with the answers that a recorded 1.36.2
gives. Left out: its retries on conflicts, which cannot arise here because the server does one thing at a time.
**Walk:** a pod that has ended, has not started or is being deleted goes at once -> else its one budget is asked, and
pays -> the pod is marked as a DisruptionTarget -> it is deleted with its grace period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api import objects, selectors, status
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import Answer, Operation
from kcsim.engine.clock import rfc3339

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

MAX_DISRUPTED_POD_SIZE = 2000
"""So many evictions may be unconfirmed at a time (MaxDisruptedPodSize)."""

_SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


def evict(server: ApiServer, op: Operation) -> Answer:
    """Perform one eviction."""
    pod = server.store.require(op.resource, op.namespace, op.name)
    body_name = (op.body.get("metadata") or {}).get("name")
    if body_name and body_name != op.name:
        raise status.bad_request("name in URL does not match name in Eviction object")
    options = op.body.get("deleteOptions") or {}
    dry_run = op.dry_run or "All" in (options.get("dryRun") or ())
    if not _can_ignore_budgets(pod.object):
        budget = _matching_budget(server, pod.object)
        if budget is not None and not _unready_may_go(pod.object, budget.object):
            check_budget(budget.object)
            if not dry_run:
                _spend(server, op, budget)
    if dry_run:
        return Answer(201, _SUCCESS)
    preconditions = options.get("preconditions") or {}
    _check_preconditions(pod.object, preconditions)
    pod = _mark_disrupted(server, op, pod)
    delete = Operation(
        "delete",
        op.resource,
        op.user,
        op.namespace,
        op.name,
        field_manager=op.field_manager,
        grace_period_seconds=options.get("gracePeriodSeconds"),
        propagation_policy=options.get("propagationPolicy", ""),
        precondition_uid=preconditions.get("uid", ""),
    )
    server.store.delete(delete, pod)
    server.writes += 1
    return Answer(201, _SUCCESS)


def _can_ignore_budgets(pod: Object) -> bool:
    """Whether the pod serves nobody, so that its end disrupts nothing (canIgnorePDB)."""
    return objects.is_deleting(pod) or pod["status"].get("phase") in {"Pending", "Succeeded", "Failed"}


def _matching_budget(server: ApiServer, pod: Object) -> Version | None:
    budgets = server.catalog.by_gvk(("policy", "v1", "PodDisruptionBudget"))
    if budgets is None:
        return None
    found = [
        v
        for v in server.log.list(budgets, objects.namespace(pod))
        if selectors.from_object(v.object["spec"].get("selector")).matches(objects.labels(pod))
    ]
    if len(found) > 1:
        raise status.unclassified(_SEVERAL)
    return found[0] if found else None


def _unready_may_go(pod: Object, budget: Object) -> bool:
    """Whether a pod that is not ready goes without asking: always, or while enough others are healthy."""
    if objects.condition_is(pod, "Ready"):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    facts = budget.get("status") or {}
    return bool(facts.get("currentHealthy", 0) >= facts.get("desiredHealthy", 0) > 0)


def check_budget(budget: Object) -> None:
    """Let an eviction pass (checkAndDecrement).

    Raises:
        StatusError: 429 when the budget allows none now, 403 when its status makes no sense.
    """
    facts = budget.get("status") or {}
    name = objects.name(budget)
    if facts.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        text = f"The disruption budget {name} is still being processed by the server."
        raise status.too_many_requests(_REFUSED, 10, _cause(text))
    allowed = facts.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise _forbidden(name, "pdb disruptions allowed is negative")
    if len(facts.get("disruptedPods") or ()) > MAX_DISRUPTED_POD_SIZE:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise _forbidden(name, why)
    if allowed == 0:
        raise status.too_many_requests(_REFUSED, 0, _cause(_why_none(budget, facts)))


def _why_none(budget: Object, facts: Object) -> str:
    name = objects.name(budget)
    condition = objects.condition(budget, "DisruptionAllowed") or {}
    told = condition.get("message", "") if condition.get("status") == "False" else ""
    refuses = f"The disruption budget {name} does not allow evicting pods currently"
    if told and condition.get("reason") == "SyncFailed":
        return f"{refuses} because it failed sync: {told}"
    healthy, desired = facts.get("currentHealthy", 0), facts.get("desiredHealthy", 0)
    if healthy <= desired:
        return f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    return f"{refuses} ({condition.get('reason', '')}): {told}" if told else refuses


def _cause(message: str) -> list[dict[str, str]]:
    return [{"reason": "DisruptionBudget", "message": message}]


def _forbidden(name: str, why: str) -> status.StatusError:
    details = {"name": name, "group": "policy", "kind": "poddisruptionbudget"}
    return status.StatusError(
        403, "Forbidden", f'poddisruptionbudget.policy "{name}" is forbidden: {why}', details
    )


def _spend(server: ApiServer, op: Operation, budget: Version) -> None:
    """Take one disruption from the budget and note the pod as on its way out."""
    now = rfc3339(server.engine.now)

    def change(old: Object) -> Object:
        facts = old["status"]
        left = facts["disruptionsAllowed"] - 1
        disrupted = {**(facts.get("disruptedPods") or {}), op.name: now}
        spent: dict[str, Any] = {**facts, "disruptionsAllowed": left, "disruptedPods": disrupted}
        if left == 0:
            condition: dict[str, Any] = {
                "type": "DisruptionAllowed",
                "status": "False",
                "reason": "InsufficientPods",
                "message": "",
            }
            if facts.get("observedGeneration"):
                condition["observedGeneration"] = facts["observedGeneration"]
            spent["conditions"] = objects.set_condition(facts.get("conditions") or [], condition, now)
        return {**old, "status": spent}

    # The server writes it through its own loopback client.
    inner = Operation(
        "update", budget.resource, op.user, *budget.key, "status", field_manager="kube-apiserver"
    )
    server.store.rewrite(inner, budget, change, "update")
    server.writes += 1


def _check_preconditions(pod: Object, preconditions: Object) -> None:
    for field, word, actual, fate in (
        ("uid", "UID", objects.uid(pod), "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", objects.resource_version(pod), "modified"),
    ):
        wanted = preconditions.get(field)
        if wanted and wanted != actual:
            name = objects.name(pod)
            text = (
                f'Operation cannot be fulfilled on Pod "{name}": the {word} in the precondition ({wanted}) does not '
                f"match the {word} in record ({actual}). The object might have been {fate}"
            )
            raise status.StatusError(409, "Conflict", text, {"name": name, "kind": "Pod"})


def _mark_disrupted(server: ApiServer, op: Operation, pod: Version) -> Version:
    now = rfc3339(server.engine.now)

    def change(old: Object) -> Object:
        condition: dict[str, Any] = {
            "type": "DisruptionTarget",
            "status": "True",
            "lastProbeTime": None,
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
        }
        if old["metadata"].get("generation"):
            condition["observedGeneration"] = old["metadata"]["generation"]
        conditions = objects.set_condition(old["status"].get("conditions") or [], condition, now)
        return {**old, "status": {**old["status"], "conditions": conditions}}

    server.writes += 1
    return server.store.rewrite(op, pod, change, "evict")

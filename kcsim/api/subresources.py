"""Sub-resources with semantics of their own: binding, eviction, scale, finalize; and what readers of leases see.

**Imitates:** kubernetes ``pkg/registry/core/pod/storage/{storage,eviction}.go``, ``pkg/registry/apps/*/storage`` (scale)
and ``pkg/registry/core/namespace/storage`` (v1.36). ``status`` needs nothing special: the store knows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kcsim.api import objects, patching, selectors, status
from kcsim.api.catalog import Resource
from kcsim.api.heartbeat import Heartbeats
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import Answer, Operation
from kcsim.engine.clock import rfc3339, rfc3339_micro

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

_SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def renewed(heartbeats: Heartbeats, lease: Object) -> Object:
    """The Lease with the renewTime that its holder's promise has reached."""
    last = heartbeats.last_renewal(*objects.key(lease))
    if last is None:
        return lease
    return objects.assoc(lease, ("spec", "renewTime"), rfc3339_micro(last))  # type: ignore[no-any-return]


def must_be_specified(resource: Resource, name: str) -> status.StatusError:
    """422 for an unconditional update of a kind that does not allow it."""
    why = "must be specified for an update"
    message = f"Invalid value: 0: {why}"
    text = f'{resource.group_resource} "{name}" is invalid: metadata.resourceVersion: {message}'
    details: dict[str, Any] = {"name": name}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    details["causes"] = [
        {"reason": "FieldValueInvalid", "message": message, "field": "metadata.resourceVersion"}
    ]
    return status.StatusError(422, "Invalid", text, details)


# --- pods/binding -----------------------------------------------------------------------------------------------


def _bind(server: ApiServer, op: Operation) -> Answer:
    pod = server.store.require(op.resource, op.namespace, op.name)
    target = (op.body.get("target") or {}).get("name", "")
    node = pod.object["spec"].get("nodeName")
    uid = (op.body.get("metadata") or {}).get("uid")
    if uid and uid != objects.uid(pod.object):
        why = (
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {objects.uid(pod.object)}"
        )
        raise status.conflict(op.resource, op.name, why)
    if objects.is_deleting(pod.object):
        raise _binding_conflict(op, f"pod {op.name} is being deleted, cannot be assigned to a host")
    if node:
        raise _binding_conflict(op, f'pod {op.name} is already assigned to node "{node}"')
    now = rfc3339(server.engine.now)

    def assign(old: Object) -> Object:
        spec = {**old["spec"], "nodeName": target}
        before = old["status"].get("conditions") or []
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        generation = old["metadata"].get("generation")
        if generation:
            scheduled["observedGeneration"] = generation
        conditions = objects.set_condition(before, scheduled, now)
        new = {**old, "spec": spec, "status": {**old["status"], "conditions": conditions}}
        extra = (op.body.get("metadata") or {}).get("annotations")
        return objects.with_annotations(new, extra) if extra else new

    if not op.dry_run:
        server.store.rewrite(op, pod, assign, "bind")
        server.writes += 1
    return Answer(201, _SUCCESS)


def _binding_conflict(op: Operation, why: str) -> status.StatusError:
    text = f'Operation cannot be fulfilled on pods/binding "{op.name}": {why}'
    return status.StatusError(409, "Conflict", text, {"name": op.name, "kind": "pods/binding"})


# --- pods/eviction ----------------------------------------------------------------------------------------------


def _evict(server: ApiServer, op: Operation) -> Answer:
    pod = server.store.require(op.resource, op.namespace, op.name)
    body_name = (op.body.get("metadata") or {}).get("name")
    if body_name and body_name != op.name:
        raise status.bad_request("name in URL does not match name in Eviction object")
    options = op.body.get("deleteOptions") or {}
    bypass = pod.object["status"].get("phase") in {"Pending", "Succeeded", "Failed"} or objects.is_deleting(
        pod.object
    )
    budget = None if bypass else _matching_budget(server, pod.object)
    if budget is not None and not _unready_may_go(pod.object, budget.object):
        _check_budget(budget.object)
        if not op.dry_run:
            _spend(server, op, budget, op.name)
    if op.dry_run:
        return Answer(201, _SUCCESS)
    if not bypass:
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
        precondition_uid=(options.get("preconditions") or {}).get("uid", ""),
    )
    server.store.delete(delete, pod)
    server.writes += 1
    return Answer(201, _SUCCESS)


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
        text = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise status.StatusError(500, "InternalError", text)
    return found[0] if found else None


def _unready_may_go(pod: Object, budget: Object) -> bool:
    if objects.condition_is(pod, "Ready"):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    facts = budget.get("status") or {}
    return bool(facts.get("currentHealthy", 0) >= facts.get("desiredHealthy", 0) > 0)


_BUDGET_TEXT = "Cannot evict pod as it would violate the pod's disruption budget."


def _check_budget(budget: Object) -> None:
    facts = budget.get("status") or {}
    name = objects.name(budget)
    if facts.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        cause = f"The disruption budget {name} is still being processed by the server."
        raise status.too_many_requests(_BUDGET_TEXT, 10, [{"reason": "DisruptionBudget", "message": cause}])
    if facts.get("disruptionsAllowed", 0) <= 0:
        desired, healthy = facts.get("desiredHealthy", 0), facts.get("currentHealthy", 0)
        cause = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        raise status.too_many_requests(_BUDGET_TEXT, 0, [{"reason": "DisruptionBudget", "message": cause}])


def _spend(server: ApiServer, op: Operation, budget: Version, pod: str) -> None:
    now = rfc3339(server.engine.now)

    def change(old: Object) -> Object:
        facts = old["status"]
        disrupted = {**(facts.get("disruptedPods") or {}), pod: now}
        spent = {**facts, "disruptionsAllowed": facts["disruptionsAllowed"] - 1, "disruptedPods": disrupted}
        return {**old, "status": spent}

    inner = Operation(
        "update", budget.resource, op.user, *budget.key, "status", field_manager=op.field_manager
    )
    server.store.rewrite(inner, budget, change, "update")
    server.writes += 1


def _mark_disrupted(server: ApiServer, op: Operation, pod: Version) -> Version:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    now = rfc3339(server.engine.now)

    def change(old: Object) -> Object:
        conditions = objects.set_condition(old["status"].get("conditions") or [], condition, now)
        return {**old, "status": {**old["status"], "conditions": conditions}}

    server.writes += 1
    return server.store.rewrite(op, pod, change, "evict")


# --- scale ------------------------------------------------------------------------------------------------------


def scale_of(obj: Object) -> Object:
    """The autoscaling/v1 Scale of a workload."""
    metadata = obj["metadata"]
    selector = selectors.from_object(obj["spec"].get("selector"))
    shown: dict[str, Any] = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    if text := str(selector):
        shown["selector"] = text
    replicas = obj["spec"].get("replicas", 0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            k: metadata[k]
            for k in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            if k in metadata
        },
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def _scale(server: ApiServer, op: Operation) -> Answer:
    current = server.store.require(op.resource, op.namespace, op.name)
    scale = scale_of(current.object)
    if op.verb == "get":
        return Answer(200, scale)
    wanted = op.body if op.verb == "update" else patching.patched_plain(op, scale)
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    if version and version != objects.resource_version(current.object):
        raise status.conflict(op.resource, op.name)
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        text = f"spec.replicas: Invalid value: {replicas}: must be greater than or equal to 0"
        cause = {"reason": "FieldValueInvalid", "message": text.partition(": ")[2], "field": "spec.replicas"}
        details = {"name": op.name, "group": "autoscaling", "kind": "Scale", "causes": [cause]}
        raise status.StatusError(422, "Invalid", f'Scale.autoscaling "{op.name}" is invalid: {text}', details)
    revision = server.log.revision
    new = server.store.update(op, current, objects.assoc(current.object, ("spec", "replicas"), replicas))
    server.writes += server.log.revision - revision
    return Answer(200, scale_of(new.object))


# --- namespaces/finalize ----------------------------------------------------------------------------------------


def _finalize(server: ApiServer, op: Operation) -> Answer:
    current = server.store.require(op.resource, op.namespace, op.name)
    wanted = objects.resource_version(op.body)
    if wanted and wanted != objects.resource_version(current.object):
        raise status.conflict(op.resource, op.name)
    finalizers = (op.body.get("spec") or {}).get("finalizers")
    spec = {"finalizers": finalizers} if finalizers else {}
    version = server.store.rewrite(op, current, lambda old: {**old, "spec": spec}, "finalize")
    server.writes += 1
    return Answer(200, version.object, versions=(version,))


HANDLERS: dict[str, Callable[[ApiServer, Operation], Answer]] = {
    "binding": _bind,
    "eviction": _evict,
    "scale": _scale,
    "finalize": _finalize,
}

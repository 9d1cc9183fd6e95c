"""Versions of a kind that are stored as another: Events of the newer group, autoscaling/v1, versions of a custom resource.

A request for such a resource becomes one for the version it is stored as, and the answer is put back into the words
of the version asked for.

**Imitates:** kubernetes ``pkg/apis/{core,events,autoscaling}/*/conversion.go`` and the ``None`` strategy of
CustomResourceDefinitions (v1.36). Differs: server-side apply enters its owner under the stored version. Left out: what
autoscaling/v1 cannot say beyond metrics and behaviour (conditions, current metrics).

**Walk:** operation -> ``stored`` (the resource behind) -> body to the stored version -> perform -> body back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kcsim.api import field_selectors, patching, status
from kcsim.api.apply.managed_fields import Managed, track_update
from kcsim.api.catalog import Catalog
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import Answer, Operation
from kcsim.api.resources import Resource, split_api_version
from kcsim.api.selectors import SelectorError
from kcsim.api.validation.rules import CREATE
from kcsim.engine.clock import rfc3339

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

Converter = Callable[[Object], Object]

_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOUR = "autoscaling.alpha.kubernetes.io/behavior"


def stored(catalog: Catalog, resource: Resource) -> Resource:
    """The resource that ``resource`` is stored as; itself for most."""
    if not resource.storage:
        return resource
    group, version = split_api_version(resource.storage)
    found = catalog.by_gvk((group, version, resource.kind))
    assert found is not None, resource.storage
    return found


def outgoing(resource: Resource) -> Converter:
    """From the stored version to the one a resource is."""
    special = _OUT.get((resource.group_version, resource.kind))
    return special or (lambda obj: {**obj, "apiVersion": resource.group_version})


def incoming(resource: Resource, storage: Resource) -> Converter:
    """From the version a resource is to the stored one."""
    special = _IN.get((resource.group_version, resource.kind))
    return special or (lambda obj: {**obj, "apiVersion": storage.group_version})


# --- requests ---------------------------------------------------------------------------------------------------


def perform(server: ApiServer, op: Operation) -> Answer:
    """Do what is asked of a version that is stored as another."""
    storage = stored(server.catalog, op.resource)
    inner = replace(op, resource=storage, field_selector=_selector(op))
    out, into = outgoing(op.resource), incoming(op.resource, storage)
    if op.verb in {"create", "update"} and not op.subresource:
        inner, managed, warnings = _written(server, op, inner, into)
        answer = server.perform_as(inner, managed)
        answer = replace(answer, warnings=(*warnings, *answer.warnings))
    elif op.verb == "patch" and op.patch_type == "apply":
        inner.body = into(op.body) if isinstance(op.body, dict) else op.body
        answer = server.perform_as(inner, None)
    elif op.verb == "patch":
        answer = _patched(server, op, inner, out, into)
    else:
        answer = server.perform_as(inner, None)
    return replace(answer, body=_shown(answer.body, op, out))


def _selector(op: Operation) -> str:
    """The field selector in the words of the stored version."""
    if not op.field_selector or op.resource.group != "events.k8s.io":
        return op.field_selector
    try:
        terms = field_selectors.parse(op.field_selector).terms
    except SelectorError as error:
        raise status.bad_request(str(error)) from None
    return ",".join(
        f"{_FIELDS.get(t.field, t.field.replace('regarding.', 'involvedObject.'))}{t.operator}"
        f"{field_selectors.escape_value(t.value)}"
        for t in terms
    )


_FIELDS = {"reportingController": "reportingComponent"}


def _written(
    server: ApiServer, op: Operation, inner: Operation, into: Converter
) -> tuple[Operation, Managed | None, tuple[str, ...]]:
    """A create or update: decoded and defaulted as what it is, owned as what was sent, then converted."""
    typed, ownership = server.store.typed, server.ownership
    sent, warnings = (
        typed.decode(op.resource, op.body, op.field_validation) if op.field_validation else (op.body, ())
    )
    sent = typed.default(op.resource, sent if sent.get("metadata") else {**sent, "metadata": {}})
    rule = CREATE.get(op.resource.gvk) if op.verb == "create" else None
    placed = {**sent, "metadata": {**sent["metadata"], "namespace": op.namespace}}
    errors = rule(placed) if rule is not None else []
    if errors:
        raise status.invalid(
            inner.resource.group, op.resource.kind, sent["metadata"].get("name") or "", errors
        )
    current = server.log.get(inner.resource, op.namespace, op.name) if op.verb == "update" else None
    before = outgoing(op.resource)(current.object) if current is not None else None
    managed = track_update(
        before,
        sent,
        ownership.managed_of(current) if current is not None else Managed.empty(),
        op.field_manager,
        ownership.schema(op.resource),
        op.resource.group_version,
        rfc3339(server.engine.now),
        op.subresource,
    )
    return replace(inner, body=into(sent)), managed, tuple(warnings)


def _patched(server: ApiServer, op: Operation, inner: Operation, out: Converter, into: Converter) -> Answer:
    """A patch works on the version asked for; what comes of it is stored like an update."""
    current = server.store.require(inner.resource, op.namespace, op.name)
    new, warnings = patching.patched(server.store.typed, op, out(current.object))
    written = replace(op, verb="update", body=new)
    inner, managed, _ = _written(server, written, replace(inner, verb="update"), into)
    if op.subresource:
        inner.body = into(new)
    answer = server.perform_as(inner, managed)
    return replace(answer, warnings=(*warnings, *answer.warnings))


def _shown(body: Any, op: Operation, out: Converter) -> Any:
    if not isinstance(body, dict) or body.get("kind") in {"Status", "Scale"}:
        return body
    if "items" in body and op.verb in {"list", "deletecollection"}:
        return {
            **body,
            "apiVersion": op.resource.group_version,
            "items": [out(item) for item in body["items"]],
        }
    return out(body)


def shown_version(server: ApiServer, resource: Resource, version: Version) -> Object:
    """A version with its managedFields, in the words of ``resource``."""
    shown = server.ownership.shown(version)
    return outgoing(resource)(shown) if resource.storage else shown


# --- events -----------------------------------------------------------------------------------------------------

_EVENT_NAMES = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)


def _renamed(obj: Object, names: dict[str, str], version: str) -> Object:
    moved = {names.get(key, key): value for key, value in obj.items()}
    return {**moved, "apiVersion": version}


def _event_out(obj: Object) -> Object:
    new = _renamed(obj, dict(_EVENT_NAMES), "events.k8s.io/v1")
    for name in ("reportingController", "reportingInstance", "note", "type", "reason", "action"):
        if new.get(name) == "":
            del new[name]
    if not new.get("deprecatedCount"):
        new.pop("deprecatedCount", None)
    return new


def _event_in(obj: Object) -> Object:
    return _renamed(obj, {new: old for old, new in _EVENT_NAMES}, "v1")


# --- autoscalers ------------------------------------------------------------------------------------------------


def _autoscaler_in(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    wanted = spec.pop("targetCPUUtilizationPercentage", None)
    if wanted is not None:
        target = {"type": "Utilization", "averageUtilization": wanted}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    new = {**obj, "apiVersion": "autoscaling/v2", "spec": spec}
    state = obj.get("status")
    if state:
        kept = {k: v for k, v in state.items() if k != "currentCPUUtilizationPercentage"}
        used = state.get("currentCPUUtilizationPercentage")
        current = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": used}}}
        new["status"] = {**kept, "currentMetrics": [current] if used is not None else None}
    return new


def _autoscaler_out(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    metrics, behaviour = spec.pop("metrics", None) or [], spec.pop("behavior", None)
    annotations = dict((obj["metadata"].get("annotations")) or {})
    others = []
    for metric in metrics:
        resource = metric.get("resource") or {}
        used = (resource.get("target") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and used is not None:
            spec["targetCPUUtilizationPercentage"] = used
        else:
            others.append(_old_metric(metric))
    if others:
        annotations[_METRICS] = _json(others)
    if behaviour is not None:
        annotations[_BEHAVIOUR] = _json(
            {
                "ScaleUp": _old_rules(behaviour.get("scaleUp")),
                "ScaleDown": _old_rules(behaviour.get("scaleDown")),
            }
        )
    metadata = {**obj["metadata"], "annotations": annotations} if annotations else obj["metadata"]
    state = obj.get("status") or {}
    kept = {k: v for k, v in state.items() if k not in {"currentMetrics", "conditions"}}
    shown = {"currentReplicas": 0, "desiredReplicas": 0, **kept}
    return {**obj, "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": shown}


def _old_metric(metric: Object) -> Object:
    """A metric as the annotation holds it, in the words of v2beta1."""
    kind = metric.get("type", "")
    field = kind[:1].lower() + kind[1:]
    source = metric.get(field) or {}
    target = source.get("target") or {}
    old: Object = {}
    if source.get("name"):
        old["name"] = source["name"]
    if source.get("metric"):
        old["metricName"] = source["metric"].get("name", "")
    if source.get("container"):
        old["container"] = source["container"]
    for new, name in (
        ("averageUtilization", "targetAverageUtilization"),
        ("averageValue", "targetAverageValue"),
        ("value", "targetValue"),
    ):
        if target.get(new) is not None:
            old[name] = target[new]
    return {"type": kind, field: old}


def _old_rules(rules: Object | None) -> Any:
    """Scaling rules as the annotation holds them: the names of the Go structs."""
    if rules is None:
        return None
    policies = [
        {"Type": p.get("type"), "Value": p.get("value"), "PeriodSeconds": p.get("periodSeconds")}
        for p in rules.get("policies") or ()
    ]
    return {
        "StabilizationWindowSeconds": rules.get("stabilizationWindowSeconds"),
        "SelectPolicy": rules.get("selectPolicy"),
        "Policies": policies,
        "Tolerance": rules.get("tolerance"),
    }


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


_OUT: dict[tuple[str, str], Converter] = {
    ("events.k8s.io/v1", "Event"): _event_out,
    ("autoscaling/v1", "HorizontalPodAutoscaler"): _autoscaler_out,
}
_IN: dict[tuple[str, str], Converter] = {
    ("events.k8s.io/v1", "Event"): _event_in,
    ("autoscaling/v1", "HorizontalPodAutoscaler"): _autoscaler_in,
}

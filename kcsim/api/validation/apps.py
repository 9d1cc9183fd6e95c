"""Validation of Deployments, ReplicaSets, StatefulSets, DaemonSets and ReplicationControllers.

**Imitates:** kubernetes pkg/apis/apps/validation/validation.go and the ReplicationController part of core (v1.36).
Left out: rollbackTo, the fields of volume claim templates.
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names, selectors
from kcsim.api.validation.common import (
    at_most_100_percent,
    compiled,
    immutable,
    int_or_percent,
    is_zero,
    label_selector,
    labels,
    non_negative,
    non_negative_fields,
)
from kcsim.api.validation.field import (
    Errors,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    one_of,
    required,
)
from kcsim.api.validation.metadata import annotations
from kcsim.api.validation.pod import pod_template

_NO_MATCH: Final = "`selector` does not match template `labels`"
_TEMPLATE: Final = "spec.template"


def template_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The pod template, empty when there is none."""
    found: dict[str, Any] = spec.get("template") or {}
    return found


def template_labels(template: Mapping[str, Any]) -> dict[str, str] | None:
    """Labels of a template; None (shown as null) when there are none."""
    found: dict[str, str] | None = (template.get("metadata") or {}).get("labels") or None
    return found


def selector_matches(selector: Mapping[str, Any] | None, template: Mapping[str, Any]) -> Errors:
    """The selector must choose the pods made from the template."""
    ready = compiled(selector)
    labels = template_labels(template)
    if ready is None or (ready.matches(labels) and not ready.empty):
        return []
    return [invalid(f"{_TEMPLATE}.metadata.labels", labels, _NO_MATCH)]


def always_restarting(spec: Mapping[str, Any], kind: str = "ReplicaSet") -> Errors:
    """What templates of controllers that replace pods may not say."""
    pod = template_of(spec).get("spec") or {}
    errors: Errors = []
    policy = pod.get("restartPolicy")
    if policy in ("OnFailure", "Never"):
        errors.append(not_supported(f"{_TEMPLATE}.spec.restartPolicy", policy, ("Always",)))
    if pod.get("activeDeadlineSeconds") is not None:
        text = f"activeDeadlineSeconds in {kind} is not Supported"
        errors.append(forbidden(f"{_TEMPLATE}.spec.activeDeadlineSeconds", text))
    return errors


def _selector(selector: Mapping[str, Any] | None, *, empty: str) -> Errors:
    if selector is None:
        return [required("spec.selector")]
    errors = label_selector("spec.selector", selector)
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.append(invalid("spec.selector", selector, empty))
    return errors


def _replicated(spec: Mapping[str, Any]) -> Errors:
    """The pod template of a Deployment or ReplicaSet against its selector."""
    selector = spec.get("selector")
    template = template_of(spec)
    if compiled(selector) is None:
        return [invalid("spec.selector", selector, "invalid label selector")]
    return selector_matches(selector, template) + pod_template(_TEMPLATE, template) + always_restarting(spec)


# ---- Deployment


def deployment(obj: Mapping[str, Any]) -> Errors:
    """ValidateDeploymentSpec."""
    spec = obj.get("spec") or {}
    errors = non_negative("spec.replicas", spec.get("replicas"))
    errors += _selector(spec.get("selector"), empty="empty selector is invalid for deployment")
    errors += _replicated(spec)
    errors += _deployment_strategy("spec.strategy", spec.get("strategy") or {})
    errors += non_negative_fields(
        "spec", spec, "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"
    )
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= (spec.get("minReadySeconds") or 0):
        errors.append(
            invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
        )
    return errors


def _deployment_strategy(path: str, strategy: Mapping[str, Any]) -> Errors:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            text = "may not be specified when strategy `type` is 'Recreate'"
            return [forbidden(f"{path}.rollingUpdate", text)]
        return []
    if kind == "RollingUpdate":
        if rolling is None:
            return [required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")]
        return _rolling_update(f"{path}.rollingUpdate", rolling)
    return [not_supported(path, {"Type": kind, "RollingUpdate": rolling}, ("Recreate", "RollingUpdate"))]


def _rolling_update(path: str, rolling: Mapping[str, Any]) -> Errors:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = int_or_percent(f"{path}.maxUnavailable", unavailable)
    errors += int_or_percent(f"{path}.maxSurge", surge)
    if is_zero(unavailable) and is_zero(surge):
        errors.append(invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    return errors + at_most_100_percent(f"{path}.maxUnavailable", unavailable)


def selector_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """The selector of a controller never changes."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return immutable("spec.selector", after.get("selector"), before.get("selector"))


# ---- ReplicaSet, ReplicationController


def replica_set(obj: Mapping[str, Any]) -> Errors:
    """ValidateReplicaSetSpec."""
    spec = obj.get("spec") or {}
    errors = non_negative_fields("spec", spec, "replicas", "minReadySeconds")
    errors += _selector(spec.get("selector"), empty="empty selector is invalid for deployment")
    return errors + _replicated(spec)


def replication_controller(obj: Mapping[str, Any]) -> Errors:
    """ValidateReplicationControllerSpec."""
    spec = obj.get("spec") or {}
    errors = non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    if not spec.get("selector"):
        errors.append(required("spec.selector"))
    errors += non_negative("spec.replicas", spec.get("replicas"))
    template = spec.get("template")
    if template is None:
        return [*errors, required(_TEMPLATE)]
    labels = template_labels(template)
    if spec.get("selector") and not selectors.from_labels(spec["selector"]).matches(labels):
        errors.append(invalid(f"{_TEMPLATE}.metadata.labels", labels, _NO_MATCH))
    return errors + pod_template(_TEMPLATE, template) + always_restarting(spec)


# ---- DaemonSet


def daemon_set(obj: Mapping[str, Any]) -> Errors:
    """ValidateDaemonSetSpec."""
    spec = obj.get("spec") or {}
    selector, template = spec.get("selector"), template_of(spec)
    errors = label_selector("spec.selector", selector)
    ready = compiled(selector)
    if ready is not None:
        if not ready.matches(template_labels(template)):
            errors.append(invalid(f"{_TEMPLATE}.metadata.labels", template_labels(template), _NO_MATCH))
        elif ready.empty:
            errors.append(invalid("spec.selector", selector, "empty selector is invalid for daemonset"))
    errors += pod_template(_TEMPLATE, template) + always_restarting(spec)
    errors += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    errors += _daemon_strategy("spec.updateStrategy", spec.get("updateStrategy") or {})
    return errors + non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def _daemon_strategy(path: str, strategy: Mapping[str, Any]) -> Errors:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        return [not_supported(path, {"Type": kind, "RollingUpdate": rolling}, ("RollingUpdate", "OnDelete"))]
    if rolling is None:
        return [required(f"{path}.rollingUpdate")]
    here = f"{path}.rollingUpdate"
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = int_or_percent(f"{here}.maxUnavailable", unavailable) + int_or_percent(f"{here}.maxSurge", surge)
    if not is_zero(unavailable) and not is_zero(surge):
        errors.append(invalid(f"{here}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    if is_zero(unavailable) and is_zero(surge):
        errors.append(required(f"{here}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors + at_most_100_percent(f"{here}.maxUnavailable", unavailable)


# ---- StatefulSet

_STATEFUL_MUTABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def stateful_set(obj: Mapping[str, Any]) -> Errors:
    """ValidateStatefulSetSpec."""
    spec = obj.get("spec") or {}
    errors: Errors = []
    policy = spec.get("podManagementPolicy") or ""
    if policy not in ("OrderedReady", "Parallel"):
        errors.append(invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"))
    errors += _stateful_strategy("spec.updateStrategy", spec.get("updateStrategy") or {})
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for name in ("whenDeleted", "whenScaled"):
        field = f"spec.persistentVolumeClaimRetentionPolicy.{name}"
        errors += one_of(field, retention.get(name) or "", ("Retain", "Delete"))
    errors += non_negative_fields("spec", spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    errors += non_negative("spec.ordinals.start", (spec.get("ordinals") or {}).get("start"))
    service = spec.get("serviceName")
    if service:
        errors += each_invalid("spec.serviceName", service, names.is_dns1123_label(service))
    errors += _selector(spec.get("selector"), empty="empty selector is invalid for statefulset")
    return errors + _stateful_template(spec)


def _stateful_template(spec: Mapping[str, Any]) -> Errors:
    """ValidatePodTemplateSpecForStatefulSet: the pod's spec is not looked at, since its mounts may name claims."""
    selector, template = spec.get("selector"), template_of(spec)
    if compiled(selector) is None:
        return [invalid("spec.selector", selector, "invalid label selector")]
    meta = template.get("metadata") or {}
    errors = selector_matches(selector, template)
    errors += labels(f"{_TEMPLATE}.labels", meta.get("labels"))
    errors += annotations(f"{_TEMPLATE}.annotations", meta.get("annotations"))
    return errors + always_restarting(spec, "StatefulSet")


def _stateful_strategy(path: str, strategy: Mapping[str, Any]) -> Errors:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if kind == "OnDelete":
        if rolling is None:
            return []
        shown = {"Partition": rolling.get("partition", 0), "MaxUnavailable": rolling.get("maxUnavailable")}
        return [invalid(f"{path}.rollingUpdate", shown, "only allowed for updateStrategy 'RollingUpdate'")]
    if kind == "RollingUpdate":
        return _stateful_rolling(f"{path}.rollingUpdate", rolling or {})
    if not kind:
        return [required(path)]
    return [invalid(path, {"Type": kind, "RollingUpdate": rolling}, "must be 'RollingUpdate' or 'OnDelete'")]


def _stateful_rolling(path: str, rolling: Mapping[str, Any]) -> Errors:
    """validateRollingUpdateStatefulSet."""
    errors = non_negative(f"{path}.partition", rolling.get("partition"))
    unavailable = rolling.get("maxUnavailable")
    if unavailable is None:
        return errors
    here = f"{path}.maxUnavailable"
    errors += int_or_percent(here, unavailable)
    if is_zero(unavailable):
        errors.append(invalid(here, unavailable, "cannot be 0"))
    return errors + at_most_100_percent(here, unavailable)


def stateful_set_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> Errors:
    """ValidateStatefulSetUpdate: all but a few fields of the spec are immutable."""
    fixed = [
        {k: v for k, v in (obj.get("spec") or {}).items() if k not in _STATEFUL_MUTABLE} for obj in (new, old)
    ]
    if fixed[0] == fixed[1]:
        return []
    listed = ", ".join(f"'{name}'" for name in _STATEFUL_MUTABLE[:-1])
    text = f"updates to statefulset spec for fields other than {listed} and 'minReadySeconds' are forbidden"
    return [forbidden("spec", text)]


# --- status -----------------------------------------------------------------------------------------------------


def _at_most(status: Mapping[str, Any], field: str, other: str, named: str) -> Errors:
    value, bound = status.get(field) or 0, status.get(other) or 0
    return [invalid(f"status.{field}", value, f"cannot be greater than {named}")] if value > bound else []


def deployment_status(obj: Mapping[str, Any]) -> Errors:
    """ValidateDeploymentStatus."""
    status = obj.get("status") or {}
    fields = ("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    errors = non_negative_fields("status", status, *fields, "unavailableReplicas", "collisionCount")
    for field in ("updatedReplicas", "readyReplicas", "availableReplicas"):
        errors += _at_most(status, field, "replicas", "status.replicas")
    return errors + _at_most(status, "availableReplicas", "readyReplicas", "readyReplicas")


def replica_set_status(obj: Mapping[str, Any]) -> Errors:
    """ValidateReplicaSetStatus."""
    status = obj.get("status") or {}
    fields = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")
    errors = non_negative_fields("status", status, *fields)
    for field in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"):
        errors += _at_most(status, field, "replicas", "status.replicas")
    return errors + _at_most(status, "availableReplicas", "readyReplicas", "readyReplicas")


def stateful_set_status(obj: Mapping[str, Any]) -> Errors:
    """ValidateStatefulSetStatus."""
    status = obj.get("status") or {}
    fields = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    errors = non_negative_fields("status", status, *fields, "observedGeneration", "collisionCount")
    for field in ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"):
        errors += _at_most(status, field, "replicas", "status.replicas")
    return errors + _at_most(status, "availableReplicas", "readyReplicas", "status.readyReplicas")


def daemon_set_status(obj: Mapping[str, Any]) -> Errors:
    """validateDaemonSetStatus."""
    fields = (
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
    )
    return non_negative_fields("status", obj.get("status") or {}, *fields)


def controller_revision(obj: Mapping[str, Any]) -> Errors:
    """ValidateControllerRevision."""
    errors = [] if obj.get("data") is not None else [required("data", "data is mandatory")]
    return errors + non_negative("revision", obj.get("revision"))

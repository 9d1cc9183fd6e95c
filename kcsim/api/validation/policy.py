"""Validation of autoscalers, disruption budgets, quotas and limit ranges.

**Imitates:** kubernetes pkg/apis/{autoscaling,policy}/validation and the ResourceQuota and LimitRange parts of core
(v1.36). Left out: the sources of Object, Pods, External and ContainerResource metrics beyond their presence; scope
selectors; limit/request ratios.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from kcsim.api import names, quantity
from kcsim.api.resources import split_api_version
from kcsim.api.validation.common import (
    amount,
    at_most_100_percent,
    int_or_percent,
    label_selector,
    path_segment,
)
from kcsim.api.validation.containers import container_resource_name
from kcsim.api.validation.field import Errors, duplicate, each_invalid, forbidden, invalid, one_of, required

_METRICS: Final = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_MAX_STABILIZATION: Final = 3600
_MAX_PERIOD: Final = 1800


def horizontal_pod_autoscaler(obj: Mapping[str, Any]) -> Errors:
    """validateHorizontalPodAutoscalerSpec (v2)."""
    spec = obj.get("spec") or {}
    errors = _bounds(spec)
    errors += _target("spec.scaleTargetRef", spec.get("scaleTargetRef") or {})
    metrics = spec.get("metrics") or []
    for index, metric in enumerate(metrics):
        errors += _metric(f"spec.metrics[{index}]", metric)
    if spec.get("minReplicas") == 0 and not any(
        metric.get("type") in ("Object", "External") for metric in metrics
    ):
        text = "must specify at least one Object or External metric to support scaling to zero replicas"
        errors.append(forbidden("spec.metrics", text))
    for direction in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(direction)
        if rules is not None:
            errors += _scaling_rules(f"spec.behavior.{direction}", rules)
    return errors


def _bounds(spec: Mapping[str, Any]) -> Errors:
    low, high = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    errors: Errors = []
    if low is not None and low < 1:
        errors.append(invalid("spec.minReplicas", low, "must be greater than or equal to 1"))
    if high < 1:
        errors.append(required("spec.maxReplicas", "must be set and greater than 0"))
    if low is not None and high < low:
        errors.append(invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    return errors


def _reference(path: str, ref: Mapping[str, Any]) -> Errors:
    """ValidateCrossVersionObjectReference, without its version."""
    errors: Errors = []
    for name in ("kind", "name"):
        value = ref.get(name) or ""
        errors += path_segment(f"{path}.{name}", value) if value else [required(f"{path}.{name}")]
    return errors


def _target(path: str, ref: Mapping[str, Any]) -> Errors:
    errors = _reference(path, ref)
    group, _ = split_api_version(ref.get("apiVersion") or "")
    if not group and ref.get("kind") != "ReplicationController":
        text = "apiVersion must specify API group"
        errors.append(invalid(f"{path}.apiVersion", ref.get("apiVersion") or "", text))
    return errors


def _metric(path: str, metric: Mapping[str, Any]) -> Errors:
    kind = metric.get("type") or ""
    if not kind:
        return [required(f"{path}.type", "must specify a metric source type")]
    errors = one_of(f"{path}.type", kind, tuple(_METRICS))
    if errors:
        return errors
    source = metric.get(_METRICS[kind])
    if source is None:
        text = "must populate information for the given metric source"
        return [required(f"{path}.{_METRICS[kind]}", text)]
    for name in _METRICS.values():
        if name != _METRICS[kind] and metric.get(name) is not None:
            errors.append(forbidden(f"{path}.{name}", "must populate the given metric source only"))
    return errors + _SOURCES[kind](f"{path}.{_METRICS[kind]}", source)


def _metric_target(path: str, target: Mapping[str, Any]) -> Errors:
    """validateMetricTarget."""
    errors: Errors = []
    if not target.get("type"):
        errors.append(required(f"{path}.type", "must specify a metric target type"))
    elif target["type"] not in ("Utilization", "Value", "AverageValue"):
        text = "must be either Utilization, Value, or AverageValue"
        errors.append(invalid(f"{path}.type", target["type"], text))
    for name in ("value", "averageValue"):
        if target.get(name) is not None and not _positive(target[name]):
            errors.append(invalid(f"{path}.{name}", target[name], "must be positive"))
    percent = target.get("averageUtilization")
    if percent is not None and percent < 1:
        errors.append(invalid(f"{path}.averageUtilization", percent, "must be greater than 0"))
    return errors


def _positive(value: Any) -> bool:
    return value is not None and quantity.of(value).nanos > 0


def _identifier(path: str, metric: Mapping[str, Any]) -> Errors:
    name = metric.get("name") or ""
    return (
        path_segment(f"{path}.name", name)
        if name
        else [required(f"{path}.name", "must specify a metric name")]
    )


def _resource_metric(path: str, source: Mapping[str, Any]) -> Errors:
    target = source.get("target") or {}
    errors: Errors = []
    if not source.get("name"):
        errors.append(required(f"{path}.name", "must specify a resource name"))
    errors += _metric_target(f"{path}.target", target)
    percent, raw = target.get("averageUtilization"), target.get("averageValue")
    if percent is None and raw is None:
        text = "must set either a target raw value or a target utilization"
        errors.append(required(f"{path}.target.averageUtilization", text))
    if percent is not None and raw is not None:
        text = "may not set both a target raw value and a target utilization"
        errors.append(forbidden(f"{path}.target.averageValue", text))
    return errors


def _container_metric(path: str, source: Mapping[str, Any]) -> Errors:
    errors = [] if source.get("container") else [required(f"{path}.container", "must specify a container")]
    first, rest = _resource_metric(path, source), errors
    named = [error for error in first if error.field == f"{path}.name"]
    return [*named, *rest, *(error for error in first if error.field != f"{path}.name")]


def _pods_metric(path: str, source: Mapping[str, Any]) -> Errors:
    errors = _identifier(f"{path}.metric", source.get("metric") or {})
    target = source.get("target") or {}
    errors += _metric_target(f"{path}.target", target)
    if not _positive(target.get("averageValue")):
        text = "must specify a positive target averageValue"
        errors.append(required(f"{path}.target.averageValue", text))
    return errors


def _object_metric(path: str, source: Mapping[str, Any]) -> Errors:
    errors = _reference(f"{path}.describedObject", source.get("describedObject") or {})
    errors += _identifier(f"{path}.metric", source.get("metric") or {})
    target = source.get("target") or {}
    errors += _metric_target(f"{path}.target", target)
    if target.get("value") is None and target.get("averageValue") is None:
        text = "must set either a target value or averageValue"
        errors.append(required(f"{path}.target.averageValue", text))
    return errors


def _external_metric(path: str, source: Mapping[str, Any]) -> Errors:
    errors = _identifier(f"{path}.metric", source.get("metric") or {})
    target = source.get("target") or {}
    errors += _metric_target(f"{path}.target", target)
    whole, each = target.get("value"), target.get("averageValue")
    if whole is None and each is None:
        text = "must set either a target value for metric or a per-pod target"
        errors.append(required(f"{path}.target.averageValue", text))
    if whole is not None and each is not None:
        text = "may not set both a target value for metric and a per-pod target"
        errors.append(forbidden(f"{path}.target.value", text))
    return errors


_SOURCES: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Errors]]] = {
    "Resource": _resource_metric,
    "ContainerResource": _container_metric,
    "Pods": _pods_metric,
    "Object": _object_metric,
    "External": _external_metric,
}


def _scaling_rules(path: str, rules: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        errors.append(
            invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero")
        )
    elif window is not None and window > _MAX_STABILIZATION:
        text = f"must be less than or equal to {_MAX_STABILIZATION}"
        errors.append(invalid(f"{path}.stabilizationWindowSeconds", window, text))
    selected = rules.get("selectPolicy")
    if selected is not None:
        errors += one_of(f"{path}.selectPolicy", selected, ("Disabled", "Max", "Min"))
    policies = rules.get("policies") or []
    if not policies:
        errors.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(policies):
        here = f"{path}.policies[{index}]"
        errors += one_of(f"{here}.type", policy.get("type") or "", ("Percent", "Pods"))
        for name in ("value", "periodSeconds"):
            if (policy.get(name) or 0) <= 0:
                errors.append(invalid(f"{here}.{name}", policy.get(name) or 0, "must be greater than zero"))
        if (policy.get("periodSeconds") or 0) > _MAX_PERIOD:
            text = f"must be less than or equal to {_MAX_PERIOD}"
            errors.append(invalid(f"{here}.periodSeconds", policy["periodSeconds"], text))
    return errors


def pod_disruption_budget(obj: Mapping[str, Any]) -> Errors:
    """ValidatePodDisruptionBudgetSpec."""
    spec = obj.get("spec") or {}
    errors: Errors = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        shown = {"MinAvailable": spec["minAvailable"], "MaxUnavailable": spec["maxUnavailable"]}
        errors.append(invalid("spec", shown, "minAvailable and maxUnavailable cannot be both set"))
    for name in ("minAvailable", "maxUnavailable"):
        if spec.get(name) is not None:
            errors += int_or_percent(f"spec.{name}", spec[name]) + at_most_100_percent(
                f"spec.{name}", spec[name]
            )
    errors += label_selector("spec.selector", spec.get("selector"))
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None:
        errors += one_of("spec.unhealthyPodEvictionPolicy", policy, ("AlwaysAllow", "IfHealthyBudget"))
    return errors


# ---- ResourceQuota

_COMPUTE: Final = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "requests.", "limits.")
    for name in ("cpu", "memory", "ephemeral-storage")
)
_QUOTA_RESOURCES: Final = _COMPUTE | {
    "storage",
    "requests.storage",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "pods",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
}
_SCOPES: Final = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)
_POD_RESOURCES: Final = frozenset({"pods"}) | _COMPUTE
_SCOPED: Final[Mapping[str, frozenset[str]]] = {
    "BestEffort": frozenset({"pods"}),
    "VolumeAttributesClass": frozenset({"storage", "requests.storage", "persistentvolumeclaims"}),
}
_CONFLICTS: Final = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})


def resource_quota(obj: Mapping[str, Any]) -> Errors:
    """ValidateResourceQuotaSpec."""
    spec = obj.get("spec") or {}
    hard, scopes = spec.get("hard") or {}, spec.get("scopes") or []
    errors: Errors = []
    for name in sorted(hard):
        field = f"spec.hard[{name}]"
        errors += each_invalid(field, name, names.is_qualified_name(name))
        if (
            "/" not in name
            and name not in _QUOTA_RESOURCES
            and not name.startswith(("hugepages-", "requests.hugepages-"))
        ):
            errors.append(invalid(field, name, "must be a standard resource for quota"))
        errors += amount(field, hard[name])
        if name in _COUNTED and quantity.of(hard[name]).nanos % 10**9:
            errors.append(invalid(field, hard[name], "must be an integer"))
    for scope in scopes:
        if scope not in _SCOPES:
            errors.append(invalid("spec.scopes", scopes, "unsupported scope"))
            continue
        if scope not in ("Terminating", "NotTerminating") and hard.keys() - _SCOPED.get(
            scope, _POD_RESOURCES
        ):
            errors.append(invalid("spec.scopes", scopes, "unsupported scope applied to resource"))
    errors += [
        invalid("spec.scopes", scopes, "conflicting scopes") for pair in _CONFLICTS if pair <= set(scopes)
    ]
    chosen = (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    return errors + _scope_selector("spec.scopeSelector.matchExpressions", chosen)


_COUNTED: Final = frozenset(
    (
        "pods services replicationcontrollers resourcequotas secrets configmaps persistentvolumeclaims "
        "services.nodeports services.loadbalancers"
    ).split()
)
_ONLY_EXISTS: Final = (
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def _scope_selector(path: str, items: list[dict[str, Any]]) -> Errors:
    """validateScopedResourceSelectorRequirement; the errors name the list, not the item."""
    errors: Errors = []
    for item in items:
        scope, operator, values = (
            item.get("scopeName") or "",
            item.get("operator") or "",
            item.get("values") or [],
        )
        if scope not in _SCOPES:
            errors.append(invalid(f"{path}.scopeName", scope, "unsupported scope"))
        elif scope not in {"PriorityClass", "VolumeAttributesClass"} and operator != "Exists":
            errors.append(invalid(f"{path}.operator", operator, _ONLY_EXISTS))
        if operator in {"In", "NotIn"}:
            if not values:
                text = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                errors.append(required(f"{path}.values", text))
        elif operator in {"Exists", "DoesNotExist"}:
            if values:
                text = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                errors.append(invalid(f"{path}.values", values, text))
        else:
            errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return errors


# ---- LimitRange

_LIMIT_TYPES: Final = ("Pod", "Container", "PersistentVolumeClaim")


def limit_range(obj: Mapping[str, Any]) -> Errors:
    """ValidateLimitRange."""
    errors: Errors = []
    seen: set[str] = set()
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        here, kind = f"spec.limits[{index}]", item.get("type") or ""
        if kind not in _LIMIT_TYPES and "/" not in kind:
            errors.append(invalid(f"{here}.type", kind, "must be a standard limit type or fully qualified"))
        if kind in seen:
            errors.append(duplicate(f"{here}.type", kind))
        seen.add(kind)
        if kind == "Pod":
            errors += [
                forbidden(f"{here}.{name}", "may not be specified when `type` is 'Pod'")
                for name in ("default", "defaultRequest")
                if item.get(name)
            ]
        for part in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
            for name in sorted(item.get(part) or {}) if kind in {"Pod", "Container"} else ():
                errors += container_resource_name(f"{here}.{part}[{name}]", name)
        if kind == "PersistentVolumeClaim" and not any(
            "storage" in (item.get(part) or {}) for part in ("min", "max")
        ):
            text = "either minimum or maximum storage value is required, but neither was provided"
            errors.append(required(f"{here}.limits", text))
        errors += _limits(here, item)
        errors += _ratios(here, item)
    return errors


def _ratios(path: str, item: Mapping[str, Any]) -> Errors:
    """Limit by request: at least 1, and within what the bounds allow."""
    errors: Errors = []
    low, high = item.get("min") or {}, item.get("max") or {}
    for name, text in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        ratio, field = quantity.of(text), f"{path}.maxLimitRequestRatio[{name}]"
        if ratio.nanos < 10**9:
            errors.append(invalid(field, str(ratio), f"ratio {ratio} is less than 1"))
        if name in low and name in high and quantity.of(low[name]).nanos:
            most = quantity.of(high[name]).nanos / quantity.of(low[name]).nanos
            if ratio.nanos / 10**9 > most:
                errors.append(invalid(field, str(ratio), f"ratio {ratio} is greater than max/min = {most:f}"))
    return errors


def _limits(path: str, item: Mapping[str, Any]) -> Errors:
    parts = {name: item.get(name) or {} for name in ("min", "max", "default", "defaultRequest")}
    # Rows as upstream compares them: which must not exceed which, where it is shown, and in which words.
    comparisons = (
        ("min", "max", "min", "min", "min value {} is greater than max value {}"),
        (
            "min",
            "defaultRequest",
            "defaultRequest",
            "defaultRequest",
            "min value {} is greater than default request value {}",
        ),
        (
            "defaultRequest",
            "max",
            "defaultRequest",
            "defaultRequest",
            "default request value {} is greater than max value {}",
        ),
        (
            "defaultRequest",
            "default",
            "defaultRequest",
            "defaultRequest",
            "default request value {} is greater than default limit value {}",
        ),
        ("min", "default", "default", "min", "min value {} is greater than default value {}"),
        ("default", "max", "default", "default", "default value {} is greater than max value {}"),
    )
    errors: Errors = []
    for name in sorted({name for part in parts.values() for name in part}):
        for low, high, where, shown, text in comparisons:
            small, large = parts[low].get(name), parts[high].get(name)
            if (
                small is not None
                and large is not None
                and quantity.of(small).nanos > quantity.of(large).nanos
            ):
                detail = text.format(small, large)
                errors.append(invalid(f"{path}.{where}[{name}]", str(parts[shown][name]), detail))
    return errors

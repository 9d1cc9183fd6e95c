"""What one metric of an autoscaler says: a replica count, or in upstream's words why not.  Decides; never acts.

**Imitates:** ``computeReplicasForMetric`` and the ``computeStatusFor*`` functions of
``pkg/controller/podautoscaler/horizontal.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import quantity
from kcsim.cluster.controllers.horizontalpodautoscaler.groups import NoMetric, PodMetrics
from kcsim.cluster.controllers.horizontalpodautoscaler.replicas import Calculator, Proposal, total

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metrics API answered: a value a pod, or values; or ``error``, why it did not."""

    pods: PodMetrics = field(default_factory=dict)
    values: Sequence[int] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The proposal of a metric, its name in events, and its entry in status.currentMetrics."""

    replicas: int
    name: str
    status: Object


class MetricFailed(Exception):
    """A metric gives no count. ``reason`` and ``why`` are for the event and the condition, the text is the error."""

    def __init__(self, reason: str, why: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.why = why


@dataclass(frozen=True, slots=True)
class Scaled:
    """The target of a scale: replicas wanted, replicas there, and its pods."""

    namespace: str
    spec: int
    status: int
    pods: Sequence[Object]


def evaluate(spec: Object, reading: Reading, scaled: Scaled, rules: Calculator) -> Evaluated:
    """One metric.

    Raises:
        MetricFailed: it gives no count.
    """
    kind = spec["type"]
    return _KINDS[kind](spec, reading, scaled, rules)


# --- resources of pods and containers -------------------------------------------------------------------------------


def _resource(spec: Object, reading: Reading, scaled: Scaled, rules: Calculator) -> Evaluated:
    source = spec["resource"]
    name = source["name"]
    try:
        proposal, label = _by_resource(name, source["target"], reading, scaled, rules, "")
    except NoMetric as error:
        text = f"failed to get {name} resource metric value: {error}"
        raise MetricFailed("FailedGetResourceMetric", str(error), text) from None
    status = {"type": "Resource", "resource": {"name": name, "current": _current(proposal)}}
    return Evaluated(proposal.replicas, label, status)


def _container_resource(spec: Object, reading: Reading, scaled: Scaled, rules: Calculator) -> Evaluated:
    source = spec["containerResource"]
    name, container = source["name"], source["container"]
    try:
        proposal, label = _by_resource(name, source["target"], reading, scaled, rules, container)
    except NoMetric as error:
        text = f"failed to get {container} container metric value: {error}"
        raise MetricFailed("FailedGetContainerResourceMetric", str(error), text) from None
    current = {"name": name, "container": container, "current": _current(proposal)}
    return Evaluated(proposal.replicas, label, {"type": "ContainerResource", "containerResource": current})


def _by_resource(
    name: str, target: Object, reading: Reading, scaled: Scaled, rules: Calculator, container: str
) -> tuple[Proposal, str]:
    usage = target.get("averageValue") is not None
    try:
        if reading.error:
            raise NoMetric(f"unable to get metrics for resource {name}: {reading.error}")
        if usage:
            wanted = quantity.milli(target["averageValue"])
            return rules.by_usage(scaled.spec, wanted, name, scaled.pods, reading.pods), f"{name} resource"
        percent = target.get("averageUtilization")
        if percent is None:
            raise _NoTarget
        proposal = rules.by_utilization(scaled.spec, percent, name, scaled.pods, reading.pods, container)
    except _NoTarget:
        raise NoMetric(
            "invalid resource metric source: neither an average utilization target nor an average value (usage) "
            "target was set"
        ) from None
    except NoMetric as error:
        raise NoMetric(f"failed to get {name} {'usage' if usage else 'utilization'}: {error}") from None
    what = "container resource" if container else "resource"
    return proposal, f"{name} {what} utilization (percentage of request)"


class _NoTarget(Exception):
    """Neither kind of target is set."""


def _current(proposal: Proposal) -> Object:
    current: Object = {"averageValue": _milli(proposal.usage)}
    if proposal.utilization is not None:
        current["averageUtilization"] = proposal.utilization
    return current


# --- other metrics --------------------------------------------------------------------------------------------------


def _pods(spec: Object, reading: Reading, scaled: Scaled, rules: Calculator) -> Evaluated:
    source = spec["pods"]
    name = source["metric"]["name"]
    try:
        if reading.error:
            raise NoMetric(f"unable to get metric {name}: {reading.error}")
        target = quantity.milli(source["target"]["averageValue"])
        proposal = rules.by_usage(scaled.spec, target, "", scaled.pods, reading.pods)
    except NoMetric as error:
        text = f"failed to get pods metric value: {error}"
        raise MetricFailed("FailedGetPodsMetric", str(error), text) from None
    current = {"metric": source["metric"], "current": {"averageValue": _milli(proposal.usage)}}
    return Evaluated(proposal.replicas, f"pods metric {name}", {"type": "Pods", "pods": current})


def _object(spec: Object, reading: Reading, scaled: Scaled, rules: Calculator) -> Evaluated:
    source = spec["object"]
    metric, target, described = source["metric"], source["target"], source["describedObject"]
    name = metric["name"]
    per_pod = target.get("type") == "AverageValue"
    try:
        if reading.error:
            where = f"{described['kind']} {scaled.namespace}/{described['name']}"
            raise NoMetric(f"unable to get metric {name}: {reading.error} on {where}")
        proposal = _by_values(target, per_pod=per_pod, reading=reading, scaled=scaled, rules=rules)
    except NoMetric as error:
        inner = f"failed to get {name} object metric: {error}" if per_pod else str(error)
        text = f"failed to get object metric value: {inner}"
        raise MetricFailed("FailedGetObjectMetric", str(error), text) from None
    current: Object = {"metric": metric, "describedObject": described, "current": _shown(proposal, per_pod)}
    label = (
        f"external metric {name}({_selector(metric)})" if per_pod else f"{described['kind']} metric {name}"
    )
    return Evaluated(proposal.replicas, label, {"type": "Object", "object": current})


def _external(spec: Object, reading: Reading, scaled: Scaled, rules: Calculator) -> Evaluated:
    source = spec["external"]
    metric, target = source["metric"], source["target"]
    name = metric["name"]
    per_pod = target.get("averageValue") is not None
    try:
        if reading.error:
            where = f"{scaled.namespace}/{name}/{_selector(metric)}"
            raise NoMetric(f"unable to get external metric {where}: {reading.error}")
        proposal = _by_values(target, per_pod=per_pod, reading=reading, scaled=scaled, rules=rules)
    except NoMetric as error:
        inner = f"{name} external metric" if per_pod else f"external metric {name}"
        text = f"failed to get {name} external metric value: failed to get {inner}: {error}"
        raise MetricFailed("FailedGetExternalMetric", str(error), text) from None
    current: Object = {"metric": metric, "current": _shown(proposal, per_pod)}
    label = f"external metric {name}({_selector(metric)})"
    return Evaluated(proposal.replicas, label, {"type": "External", "external": current})


def _by_values(
    target: Object, *, per_pod: bool, reading: Reading, scaled: Scaled, rules: Calculator
) -> Proposal:
    usage = total(list(reading.values))
    if per_pod:
        return rules.by_value_per_pod(scaled.status, quantity.milli(target["averageValue"]), usage)
    return rules.by_value(scaled.spec, quantity.milli(target["value"]), scaled.pods, usage)


def _shown(proposal: Proposal, per_pod: bool) -> Object:
    return {"averageValue" if per_pod else "value": _milli(proposal.usage)}


def _milli(amount: int) -> str:
    return quantity.format_quantity(amount, "DecimalSI", -3)


def _selector(metric: Object) -> str:
    """A label selector as Go prints the structure."""
    selector = metric.get("selector")
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{e['key']},Operator:{e['operator']},Values:[{' '.join(e.get('values') or ())}],}},"
        for e in selector.get("matchExpressions") or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )


_KINDS = {
    "Resource": _resource,
    "ContainerResource": _container_resource,
    "Pods": _pods,
    "Object": _object,
    "External": _external,
}

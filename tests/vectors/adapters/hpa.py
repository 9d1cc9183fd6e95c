"""hpa.json: replica counts, stabilization, scaling policies, whole syncs."""

from __future__ import annotations

from kcsim.cluster.controllers.horizontalpodautoscaler.evaluate import (
    MetricFailed,
    Reading,
    Scaled,
    evaluate,
)
from kcsim.cluster.controllers.horizontalpodautoscaler.groups import (
    NoMetric,
    PodMetric,
    group_pods,
    pod_requests,
)
from kcsim.cluster.controllers.horizontalpodautoscaler.history import History
from kcsim.cluster.controllers.horizontalpodautoscaler.limits import limit, limit_by_policies
from kcsim.cluster.controllers.horizontalpodautoscaler.replicas import Calculator, Tolerances, total
from kcsim.cluster.controllers.horizontalpodautoscaler.sync import AutoscalerSync, CannotScale
from kcsim.engine.clock import MINUTE, SECOND, parse_rfc3339, rfc3339, seconds

NOW = "2026-11-23T14:17:30Z"
INITIALIZATION, READINESS_DELAY = 2 * MINUTE, 10 * SECOND
_LABELS = {"name": "test"}


def _now(case):
    return parse_rfc3339(case.get("now", NOW))


def _quantity(milli):
    return f"{milli}m"


def _pods(case, count, requests, containers=("container1", "container2")):
    """The pods of a case; what it does not say is: Running, Ready, started long ago."""
    now = _now(case)
    pods = []
    for i in range(count):
        starts = case.get("podStartTime") or []
        start = starts[i] if i < len(starts) else rfc3339(now - 3 * MINUTE)
        readiness = case.get("podReadiness") or []
        ready = readiness[i] if i < len(readiness) else "True"
        phases = case.get("podPhase") or []
        metadata = {"name": f"pod-{i}", "namespace": "test", "labels": _LABELS}
        deletions = case.get("podDeletion") or []
        if i < len(deletions) and deletions[i]:
            metadata["deletionTimestamp"] = rfc3339(now)
        request = {"requests": {"cpu": requests[i], "memory": requests[i]}} if requests else {}
        pods.append(
            {
                "metadata": metadata,
                "spec": {"containers": [{"name": name, "resources": request} for name in containers]},
                "status": {
                    "phase": phases[i] if i < len(phases) else "Running",
                    "startTime": start,
                    "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": start}],
                },
            }
        )
    return pods


def _metrics(values, now):
    return {f"pod-{i}": PodMetric(value, now, MINUTE) for i, value in enumerate(values)}


def _rules(case):
    tolerances = case.get("tolerances")
    chosen = Tolerances(tolerances["scaleDown"], tolerances["scaleUp"]) if tolerances else Tolerances()
    return Calculator(_now(case), chosen, INITIALIZATION, READINESS_DELAY)


def replica_calc(case):
    return (_by_resource if "resource" in case else _by_metric)(case)


def _by_resource(case):
    resource, container = case["resource"], case.get("container", "")
    requests = resource.get("requests") or []
    pods = _pods(case, len(requests) or case["currentReplicas"], requests)
    chosen = {"": (0, 1), "container1": (0,), "container2": (1,)}[container]
    # A pod whose containers are not all measured has no metric.
    levels = {
        n: sum(level[i] for i in chosen)
        for n, level in enumerate(resource.get("levels") or ())
        if len(level) > chosen[-1]
    }
    now = _now(case)
    # The metrics may be those of other pods than the ones there are.
    names = resource.get("podNames") or case.get("podNames") or [f"pod-{n}" for n in range(len(pods))]
    reading = Reading({names[n]: PodMetric(value, now, MINUTE) for n, value in levels.items()})
    if not levels:
        reading = Reading(error="no metrics returned from resource metrics API")
    target = {"averageUtilization": resource["targetUtilization"]}
    if "targetUsage" in resource:
        target = {"averageValue": _quantity(resource["targetUsage"])}
    spec = {"type": "Resource", "resource": {"name": resource["name"], "target": target}}
    if container:
        source = {"name": resource["name"], "container": container, "target": target}
        spec = {"type": "ContainerResource", "containerResource": source}
    count = case["currentReplicas"]
    try:
        found = evaluate(spec, reading, Scaled("test", count, count, pods), _rules(case))
    except MetricFailed as error:
        return {"error": str(error)}
    (status,) = (part for name, part in found.status.items() if name != "type")
    current = status["current"]
    outcome = {"replicas": found.replicas, "averageValue": _milli(current["averageValue"])}
    return outcome | {"utilization": current.get("averageUtilization")}


def _milli(text):
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def _by_metric(case):
    metric, current = case["metric"], case["currentReplicas"]
    pods = _pods(case, len(case.get("podReadiness") or ()) or current, [])
    rules, kind = _rules(case), metric["type"]
    levels = metric.get("levels") or []
    usage = total(levels)
    if kind == "Pods":
        proposal = rules.by_usage(current, metric["targetUsage"], "", pods, _metrics(levels, _now(case)))
    elif kind in ("Object", "External"):
        proposal = rules.by_value(current, metric["targetUsage"], pods, usage)
    else:
        proposal = rules.by_value_per_pod(current, metric["perPodTargetUsage"], usage)
    return {"replicas": proposal.replicas, "usage": proposal.usage}


def reconcile(case):
    now = _now(case)
    requests = case.get("reportedCPURequests") or []
    pods = _pods(case, len(requests) or case["statusReplicas"], requests, ("container1",))
    target = {"averageUtilization": case["targetCPUUtilization"], "type": "Utilization"}
    spec = {
        "minReplicas": case.get("minReplicas", 1),
        "maxReplicas": case["maxReplicas"],
        "scaleTargetRef": {"kind": "ReplicationController", "name": "test"},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    if case.get("scaleUpRules") or case.get("scaleDownRules"):
        spec["behavior"] = {
            "scaleUp": case.get("scaleUpRules") or _UP,
            "scaleDown": case.get("scaleDownRules") or _DOWN,
        }
    status = {"lastScaleTime": case["lastScaleTime"]} if case.get("lastScaleTime") else {}
    autoscaler = {"metadata": {"name": "hpa", "namespace": "test"}, "spec": spec, "status": status}
    history = History()
    if case.get("recommendations") is not None:
        history = History(_recommendations(case), begun=True)
    sync = AutoscalerSync(
        autoscaler,
        history,
        lambda *_: None,
        now,
        initialization=INITIALIZATION,
        readiness_delay=READINESS_DELAY,
    )
    scale = {"spec": {"replicas": case["specReplicas"]}, "status": {"replicas": case["statusReplicas"]}}
    sync.saw_scale(scale)
    try:
        _decide(case, sync, scale, pods, now)
    except CannotScale:
        desired = case["specReplicas"]
    else:
        if sync.rescale:
            sync.rescaled()
            desired = sync.replicas
        else:
            sync.not_rescaled()
            desired = sync.current
    conditions = [{k: c[k] for k in ("type", "status", "reason")} for c in sync.status["conditions"]]
    return {"desiredReplicas": desired, "conditions": conditions}


def _decide(case, sync, scale, pods, now):
    if not sync.snap():
        levels = case.get("reportedLevels") or []
        error = "" if levels else "no metrics returned from resource metrics API"
        sync.by_metrics(scale, pods, [Reading(_metrics(levels, now), error=error)])


def check_reconcile(case, outcome):
    expect = case["expect"]
    assert outcome["desiredReplicas"] == expect["desiredReplicas"]
    for condition in expect.get("conditions", ()):
        assert condition in outcome["conditions"]


def _recommendations(case):
    return [(parse_rfc3339(r["timestamp"]), r["recommendation"]) for r in case["recommendations"] or ()]


def convert_with_rules(case):
    # Upstream's test table runs with a factor of eight.
    found = limit(
        case["currentReplicas"],
        case["prenormalizedDesiredReplicas"],
        case["hpaMinReplicas"],
        case["hpaMaxReplicas"],
        factor=8.0,
    )
    return {"replicas": found.replicas, "condition": found.reason}


def stabilize(case):
    history = History(_recommendations(case), begun=True)
    stabilized = history.stabilize(case["desired"], _now(case))
    return {"stabilized": stabilized, "logLength": len(history.recommendations)}


def stabilize_with_behavior(case):
    history = History(_recommendations(case), begun=True)
    stabilized, _ = history.stabilize_both(
        case["currentReplicas"],
        case["prenormalizedDesiredReplicas"],
        _now(case),
        case.get("scaleUpStabilizationWindowSeconds", 0) * SECOND,
        case.get("scaleDownStabilizationWindowSeconds", 300) * SECOND,
    )
    return {"stabilized": stabilized}


_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def scale_with_rules(case):
    behavior = {
        "scaleUp": case.get("scaleUpRules") or _UP,
        "scaleDown": case.get("scaleDownRules") or _DOWN,
    }
    history = History(ups=_events(case.get("scaleUpEvents")), downs=_events(case.get("scaleDownEvents")))
    found = limit_by_policies(
        behavior,
        history,
        case["currentReplicas"],
        case["prenormalizedDesiredReplicas"],
        case["specMinReplicas"],
        case["specMaxReplicas"],
        _now(case),
    )
    return {"replicas": found.replicas, "condition": found.reason}


def _events(events):
    return [(parse_rfc3339(event["timestamp"]), event["replicaChange"]) for event in events or ()]


def group(case):
    metrics = {
        name: PodMetric(
            m["Value"], parse_rfc3339(m["Timestamp"]) if "Timestamp" in m else None, seconds(m["Window"])
        )
        for name, m in (case.get("metrics") or {}).items()
    }
    found = group_pods(
        case.get("pods") or [],
        metrics,
        case["resource"],
        _now(case),
        initialization=seconds(case["cpuInitializationPeriod"]),
        readiness_delay=seconds(case["delayOfInitialReadinessStatus"]),
    )
    return {
        "readyCount": found.ready,
        "unready": sorted(found.unready),
        "missing": sorted(found.missing),
        "ignored": sorted(found.ignored),
    }


def calculate_requests(case):
    try:
        return {"requests": pod_requests(case["pods"], case.get("container", ""), case["resource"])}
    except NoMetric as error:
        return {"error": str(error)}


ADAPTERS = {
    "replicaCalc": replica_calc,
    "reconcile": reconcile,
    "convertWithRules": convert_with_rules,
    "stabilize": stabilize,
    "stabilizeWithBehavior": stabilize_with_behavior,
    "scaleWithRules": scale_with_rules,
    "groupPods": group,
    "calculateRequests": calculate_requests,
}
CHECKS = {"reconcile": check_reconcile}
_SECOND = "the input does not say that there is a second autoscaler"
_SELECTOR = "the input does not say what selector the scale has"
_REFUSED = "the input does not say which call fails"
SKIP = {
    f"reconcile: Condition{name}": why
    for name, why in (
        ("AmbiguousSelectorWhenFullSelectorOverlapBetweenHPAs", _SECOND),
        ("AmbiguousSelectorWhenPartialSelectorOverlapBetweenHPAs", _SECOND),
        ("InvalidSelectorMissing", _SELECTOR),
        ("InvalidSelectorUnparsable", _SELECTOR),
        ("FailedGetScale", _REFUSED),
        ("FailedUpdateScale", _REFUSED),
    )
}

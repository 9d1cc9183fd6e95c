"""deployment_rolling.json: rollout arithmetic, proportional scaling, history, progress, conditions."""

from __future__ import annotations

from kcsim.cluster.controllers.deployment import (
    annotations,
    history,
    progress,
    recreate,
    rollout,
    scale,
    template_hash,
)
from kcsim.cluster.controllers.deployment import replica_sets as sets
from kcsim.cluster.controllers.deployment import status as status_rules
from kcsim.cluster.controllers.pods import is_terminal
from kcsim.engine.clock import format_duration, parse_rfc3339

NOW = "2026-11-23T14:06:15Z"


def deployment(replicas=0, strategy=None, *, surge=None, unavailable=None, data=None):
    """A Deployment from the members the cases use."""
    if strategy is None:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {}}
        if surge is not None:
            strategy["rollingUpdate"]["maxSurge"] = surge
        if unavailable is not None:
            strategy["rollingUpdate"]["maxUnavailable"] = unavailable
    data = data or {}
    status = dict(data.get("status") or {})
    if "conditions" in data:
        status["conditions"] = data["conditions"] or []
    if data.get("observedGeneration"):
        status["observedGeneration"] = data["observedGeneration"]
    spec = {"replicas": replicas, "strategy": strategy}
    if data.get("progressDeadlineSeconds") is not None:
        spec["progressDeadlineSeconds"] = data["progressDeadlineSeconds"]
    return {
        "metadata": {"name": "foo", "generation": data.get("generation", 0)},
        "spec": spec,
        "status": status,
    }


def replica_set(name, replicas, available=0, **extra):
    """A ReplicaSet with a size and a status."""
    status = {"availableReplicas": available, **extra.pop("status", {})}
    metadata = {"name": name, "uid": name, **extra}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": status}


def replica_set_from(data):
    """A ReplicaSet from the members of a case row."""
    metadata = {"name": data["name"], "uid": data["name"], "annotations": {}}
    for field in ("creationTimestamp", "deletionTimestamp", "generation"):
        if field in data:
            metadata[field] = data[field]
    for field, key in (
        ("desiredReplicasAnnotation", annotations.DESIRED_REPLICAS),
        ("maxReplicasAnnotation", annotations.MAX_REPLICAS),
        ("revision", annotations.REVISION),
    ):
        if data.get(field):
            metadata["annotations"][key] = data[field]
    status = {
        "replicas": data.get("statusReplicas", data.get("replicas", 0)),
        "availableReplicas": data.get("availableReplicas", 0),
        "observedGeneration": data.get("observedGeneration", 0),
    }
    return {
        "metadata": metadata,
        "spec": {"replicas": data.get("specReplicas", data.get("replicas", 0))},
        "status": status,
    }


def reconcile_new(case):
    d = deployment(case["deploymentReplicas"], surge=case["maxSurge"], unavailable=0)
    new = replica_set("new", case["newReplicas"])
    old = replica_set("old", case["oldReplicas"])
    step = rollout.reconcile_new_replica_set(d, [old, new], new)
    return {"scaled": step is not None, "newReplicas": step.replicas if step else case["newReplicas"]}


def _last_size(steps, before):
    return {"scaled": bool(steps), "oldReplicas": steps[-1].replicas if steps else before}


def reconcile_old(case):
    d = deployment(case["deploymentReplicas"], surge=0, unavailable=case["maxUnavailable"])
    new = replica_set("new", case["newReplicas"], case["readyPodsFromNewRS"])
    old = replica_set("old", case["oldReplicas"], case["readyPodsFromOldRS"])
    return _last_size(rollout.reconcile_old_replica_sets(d, [old], new), case["oldReplicas"])


def cleanup_unhealthy(case):
    old = replica_set("old", case["oldReplicas"], case["readyPods"])
    steps = rollout.cleanup_unhealthy_replicas([old], case["maxCleanupCount"])
    return {"cleanupCount": case["oldReplicas"] - steps[-1].replicas if steps else 0}


def scale_down_old(case):
    d = deployment(case["deploymentReplicas"], surge=0, unavailable=case["maxUnavailable"])
    old = replica_set("old", case["oldReplicas"], case["readyPods"])
    return _last_size(rollout.scale_down_old_replica_sets(d, [old], None), case["oldReplicas"])


def proportional_scale(case):
    d = deployment(case["deployment"]["replicas"], case["deployment"]["strategy"])
    new = replica_set_from(case["newReplicaSet"]) if case.get("newReplicaSet") else None
    old = [replica_set_from(row) for row in case.get("oldReplicaSets") or ()]
    sizes = {rs["metadata"]["name"]: rs["spec"]["replicas"] for rs in [new, *old] if rs}
    for step in scale.plan_scale(d, new, old):
        sizes[step.name] = step.replicas
    return {"replicas": sizes}


def _deleted(case):
    d = deployment()
    d["spec"]["revisionHistoryLimit"] = case["revisionHistoryLimit"]
    old = [replica_set_from(row) for row in case.get("oldReplicaSets") or ()]
    return [rs["metadata"]["name"] for rs in history.replica_sets_to_delete(d, old)]


def old_pods_running(case):
    old = [replica_set_from(row) for row in case.get("oldReplicaSets") or ()]
    pods = [
        {"metadata": {}, "status": {"phase": phase}}
        for uid, phases in (case.get("pods") or {}).items()
        if uid != case.get("newReplicaSetUid")
        for phase in phases or ()
    ]
    return {"oldPodsRunning": recreate.old_pods_running(old, not all(map(is_terminal, pods)))}


def _instant(text):
    """µs, rounded up: the cases speak of nanoseconds."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return (
        parse_rfc3339(f"{whole}Z") + -(-int(fraction.ljust(9, "0")) // 1000)
        if fraction
        else parse_rfc3339(text)
    )


def _parts(case):
    data = case["deployment"]
    d = deployment(data["replicas"], data["strategy"], data=data)
    return d, _instant(case.get("now", NOW))


def requeue_stuck(case):
    d, now = _parts(case)
    after = progress.requeue_stuck_deployment(d, case.get("newStatus") or {}, now)
    return {"after": "-1ns" if after is None else format_duration(after)}


def sync_rollout_status(case):
    d, now = _parts(case)
    new = replica_set_from(case["newReplicaSet"]) if case.get("newReplicaSet") else None
    rows = case.get("otherReplicaSets") or ()
    others = [replica_set_from(row) for row in rows]
    if "newReplicaSet" in case and new is not None:
        new["status"]["replicas"] = case["newReplicaSet"]["replicas"]
    for rs, row in zip(others, rows, strict=True):
        rs["status"]["replicas"] = row["replicas"]
    result = progress.rollout_status(d, [*others, new], new, now)
    return {"condition": status_rules.get_condition(result, case["conditionType"])}


def check_rollout_status(case, outcome):
    condition, expect = outcome["condition"], case["expect"]
    if "condition" in expect:
        assert condition == expect["condition"]
        return
    assert (condition["status"], condition["reason"]) == (expect["status"], expect["reason"])
    before = (case["input"]["deployment"].get("conditions") or [{}])[0]
    for field in ("lastUpdateTime", "lastTransitionTime"):
        if expect[f"{field}Kept"] is not None and field in before:
            assert condition[field] == expect[f"{field}Kept"]


def replica_counts(case):
    rows = [
        replica_set(
            f"rs-{i}",
            row.get("specReplicas", 0),
            status={
                "replicas": row.get("statusReplicas", 0),
                "terminatingReplicas": row.get("terminatingReplicas"),
            },
        )
        for i, row in enumerate(case.get("replicaSets") or ())
        if row is not None
    ]
    return {
        "count": sets.total_replicas(rows),
        "actual": sets.total_status(rows, "replicas"),
        "terminating": sets.total_terminating(rows),
    }


def fenceposts(case):
    try:
        surge, unavailable = rollout.resolve_fenceposts(
            case.get("maxSurge"), case.get("maxUnavailable"), case["desired"]
        )
    except ValueError as error:
        return {"surge": 0, "unavailable": 0, "error": str(error)}
    return {"surge": surge, "unavailable": unavailable, "error": False}


def new_rs_new_replicas(case):
    strategy = {
        "type": case["strategyType"],
        "rollingUpdate": {"maxSurge": case.get("maxSurge", 0), "maxUnavailable": 1},
    }
    d = deployment(case["depReplicas"], strategy)
    return {"newReplicas": rollout.new_rs_new_replicas(d, [replica_set("x", 5)], case["newRSReplicas"])}


def _status(conditions):
    return {"status": {"conditions": conditions} if conditions else {}}


def set_condition(case):
    return _status(status_rules.set_condition(case["status"].get("conditions", []), case["cond"]))


def remove_condition(case):
    return _status(status_rules.remove_condition(case["status"].get("conditions", []), case["condType"]))


def complete(case):
    d = deployment(case.get("replicas", 0), case.get("strategy"), data=case)
    return {"complete": status_rules.deployment_complete(d, d["status"])}


def progressing(case):
    d = deployment(data={"status": case["oldStatus"]})
    return {"progressing": status_rules.deployment_progressing(d, case["newStatus"])}


def timed_out(case):
    d = deployment(data=case)
    return {"timedOut": progress.deployment_timed_out(d, d["status"], _instant(case["now"]))}


def non_negative(case):
    # The cases call the annotation "test". Where there is none, that is no error.
    text = (case.get("annotations") or {}).get("test")
    carried = {} if text is None else {annotations.DESIRED_REPLICAS: text}
    value = annotations.non_negative_int_annotation(
        {"metadata": {"annotations": carried}}, annotations.DESIRED_REPLICAS
    )
    return {"value": value or 0, "valid": value is not None, "error": value is None and text is not None}


def fraction(case):
    d = deployment(case["deploymentReplicas"], surge=case["deploymentMaxSurge"], unavailable=1)
    d["status"] = {"replicas": case["deploymentStatusReplicas"]}
    rs = replica_set("rs", case["rsReplicas"], annotations=case.get("rsAnnotations"))
    return {"fraction": scale.replica_set_fraction(d, rs)}


ADAPTERS = {
    "reconcileNewReplicaSet": reconcile_new,
    "reconcileOldReplicaSets": reconcile_old,
    "cleanupUnhealthyReplicas": cleanup_unhealthy,
    "scaleDownOldReplicaSetsForRollingUpdate": scale_down_old,
    "proportionalScale": proportional_scale,
    "cleanupDeploymentCount": lambda case: {"deletions": len(_deleted(case))},
    "cleanupDeploymentOrder": lambda case: {"deleted": _deleted(case)},
    "generateReplicaSetName": lambda case: {
        "name": template_hash.generate_replica_set_name(case["deploymentName"], case["hash"])
    },
    "oldPodsRunning": old_pods_running,
    "requeueStuckDeployment": requeue_stuck,
    "syncRolloutStatus": sync_rollout_status,
    "equalIgnoreHash": lambda case: {"equal": sets.equal_ignore_hash(case["former"], case["latter"])},
    "getReplicaCounts": replica_counts,
    "resolveFenceposts": fenceposts,
    "newRSNewReplicas": new_rs_new_replicas,
    "setCondition": set_condition,
    "removeCondition": remove_condition,
    "deploymentComplete": complete,
    "deploymentProgressing": progressing,
    "deploymentTimedOut": timed_out,
    "maxUnavailable": lambda case: {
        "maxUnavailable": rollout.max_unavailable(deployment(case.get("replicas", 0), case["strategy"]))
    },
    "minAvailable": lambda case: {
        "minAvailable": rollout.min_available(deployment(case.get("replicas", 0), case["strategy"]))
    },
    "nonNegativeIntAnnotation": non_negative,
    "replicasAnnotationsNeedUpdate": lambda case: {
        "needUpdate": annotations.replicas_annotations_need_update(
            {"metadata": {"annotations": case.get("annotations")}},
            case.get("desiredReplicas", 10),
            case.get("maxReplicas", 20),
        )
    },
    "replicaSetFraction": fraction,
}
CHECKS = {"syncRolloutStatus": check_rollout_status}

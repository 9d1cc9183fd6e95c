"""replicaset.json: deletion ranking, batches, status, taints."""

from __future__ import annotations

from itertools import permutations

from kcsim.api import selectors
from kcsim.cluster.controllers.pods import is_available, is_ready
from kcsim.cluster.controllers.replicaset.batches import slow_start_batches
from kcsim.cluster.controllers.replicaset.ranking import compare_pods, get_pods_to_delete, sort_pods
from kcsim.cluster.controllers.replicaset.status import Counts, calculate_status
from kcsim.cluster.taints import add_or_update_taints, remove_taints
from kcsim.engine.clock import parse_rfc3339

DEFAULT_NOW = "2026-11-23T14:06:15Z"


def _now(case):
    return parse_rfc3339(case.get("now", DEFAULT_NOW))


def pod_rank_less(case):
    ranks = case.get("lesserRank", 0), case.get("greaterRank", 0)
    options = {
        "logarithmic": case.get("logarithmicScaleDown", True),
        "use_deletion_cost": case.get("podDeletionCost", not case.get("disablePodDeletionCost", False)),
    }
    lesser, greater, now = case["lesser"], case["greater"], _now(case)
    return {
        "lesserFirst": compare_pods(lesser, greater, now, ranks, **options) < 0,
        "greaterFirst": compare_pods(greater, lesser, now, ranks[::-1], **options) < 0,
    }


def pod_rank_equal(case):
    one, other = case["pod1"], case.get("pod2") or case["pod1"]
    order = compare_pods(one, other, _now(case), logarithmic=case.get("logarithmicScaleDown", True))
    return {"pod1First": order < 0, "pod2First": order > 0}


def sort_active_pods(case):
    pods = case["pods"]
    orders = [pods, pods[::-1], pods[1:] + pods[:1], *list(permutations(pods))[:50]]
    results = {tuple(p["metadata"]["name"] for p in sort_pods(order, _now(case))) for order in orders}
    assert len(results) == 1
    return {"order": list(results.pop())}


def slow_start_batch(case):
    calls = successes = 0
    error = False
    for size in slow_start_batches(case["count"], case["initialBatchSize"]):
        good = max(0, min(size, case["callLimit"] - calls))
        calls += size
        successes += good
        if good < size:
            error = True
            break
    return {"successes": successes, "calls": calls, "error": error}


def pods_to_delete(case):
    pods = case["pods"]
    related = pods if case.get("related") is None else case["related"]
    chosen = get_pods_to_delete(pods, related, case["diff"], _now(case))
    return {"delete": sorted(p["metadata"]["name"] for p in chosen)}


def _replica_set(data):
    return {
        "metadata": {},
        "spec": {
            "replicas": data["replicas"],
            "minReadySeconds": data.get("minReadySeconds", 0),
            "selector": data.get("selector"),
            "template": {"metadata": {"labels": data.get("templateLabels") or {}}},
        },
        "status": data.get("status") or {},
    }


def status_of(case):
    rs = _replica_set(case["replicaSet"])
    pods, now = case.get("activePods") or [], _now(case)
    wanted = (case["replicaSet"].get("templateLabels") or {}).items()
    terminating = len(case.get("terminatingPods") or [])
    counts = Counts(
        active=len(pods),
        fully_labeled=sum(wanted <= (p["metadata"].get("labels") or {}).items() for p in pods),
        ready=sum(is_ready(p) for p in pods),
        available=sum(is_available(p, rs["spec"]["minReadySeconds"], now) for p in pods),
        terminating=terminating if case.get("terminatingReplicasEnabled") else None,
    )
    return {"status": calculate_status(rs, counts, None, now)}


def status_conditions(case):
    rs = _replica_set(case["replicaSet"])
    counts = Counts(len(case.get("activePods") or ()), 0, 0, 0, None)
    status = calculate_status(rs, counts, case.get("manageReplicasError"), 0)
    return {
        "conditions": [
            {k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status.get("conditions", [])
        ]
    }


def pod_controller_lookup(case):
    pod = case["pod"]
    found = [
        rs["metadata"]["name"]
        for rs in case["replicaSets"]
        if rs["metadata"].get("namespace") == pod["metadata"].get("namespace")
        and selectors.from_object(rs["spec"].get("selector")).matches(pod["metadata"].get("labels"))
    ]
    return {"replicaSet": found[0] if found else ""}


def _changed_taints(change, case):
    taints = change(case["node"].get("taints") or [], case.get("taints") or [])
    return {"taints": taints or None}


ADAPTERS = {
    "podRankLess": pod_rank_less,
    "podRankEqual": pod_rank_equal,
    "sortActivePods": sort_active_pods,
    "slowStartBatch": slow_start_batch,
    "getPodsToDelete": pods_to_delete,
    "calculateStatus": status_of,
    "calculateStatusConditions": status_conditions,
    "podControllerLookup": pod_controller_lookup,
    "addOrUpdateTaints": lambda case: _changed_taints(add_or_update_taints, case),
    "removeTaints": lambda case: _changed_taints(remove_taints, case),
}

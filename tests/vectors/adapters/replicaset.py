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
    ranks = case["lesserRank"], case["greaterRank"]
    options = {
        "logarithmic": case["logarithmicScaleDown"],
        "use_deletion_cost": case["podDeletionCost"],
    }
    lesser, greater, now = case["lesser"], case["greater"], _now(case)
    return {
        "lesserFirst": compare_pods(lesser, greater, now, ranks, **options) < 0,
        "greaterFirst": compare_pods(greater, lesser, now, ranks[::-1], **options) < 0,
    }


def pod_rank_equal(case):
    one, other = case["pod1"], case.get("pod2", case["pod1"])
    order = compare_pods(one, other, _now(case), logarithmic=case["logarithmicScaleDown"])
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
    chosen = get_pods_to_delete(pods, case.get("related", pods), case["diff"], _now(case))
    return {"delete": sorted(p["metadata"]["name"] for p in chosen)}


def _replica_set(data):
    return {
        "metadata": {},
        "spec": {
            "replicas": data["replicas"],
            "minReadySeconds": data["minReadySeconds"],
            "selector": data["selector"],
            "template": {"metadata": {"labels": data["templateLabels"]}},
        },
        "status": data["status"],
    }


def status_of(case):
    rs = _replica_set(case["replicaSet"])
    pods, now = case["activePods"], _now(case)
    wanted = case["replicaSet"]["templateLabels"].items()
    terminating = len(case.get("terminatingPods", []))
    counts = Counts(
        active=len(pods),
        fully_labeled=sum(wanted <= p["metadata"]["labels"].items() for p in pods),
        ready=sum(is_ready(p) for p in pods),
        available=sum(is_available(p, rs["spec"]["minReadySeconds"], now) for p in pods),
        terminating=terminating if case["terminatingReplicasEnabled"] else None,
    )
    return {"status": calculate_status(rs, counts, None, now)}


def status_conditions(case):
    rs = _replica_set(case["replicaSet"])
    counts = Counts(len(case["activePods"]), 0, 0, 0, None)
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


def _taints(taints):
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
    "addOrUpdateTaints": lambda case: _taints(add_or_update_taints(case["node"]["taints"], case["taints"])),
    "removeTaints": lambda case: _taints(remove_taints(case["node"]["taints"], case["taints"])),
}

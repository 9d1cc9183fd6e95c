"""DaemonSet placement and update arithmetic, StatefulSet arithmetic and claim owners."""

from __future__ import annotations

from kcsim.cluster.controllers.daemonset.placement import (
    is_pod_updated,
    placement_of,
    replace_node_name_affinity,
    should_ignore_node_update,
)
from kcsim.cluster.controllers.daemonset.rolling import limits
from kcsim.cluster.controllers.statefulset.claims import (
    is_claim_owner_up_to_date,
    wanted_owners,
    with_claim_owners,
)
from kcsim.cluster.controllers.statefulset.rollout import get_stateful_set_max_unavailable


def node_should_run(case):
    # An unschedulable node carries the taint that the node lifecycle controller gives it.
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    node = {
        "metadata": {"name": "test-node", "labels": {"name": "simple-daemon", "type": "production"}},
        "spec": {"taints": [taint]} if case.get("nodeUnschedulable") else {},
    }
    should_run, may_stay = placement_of(case["daemonSet"]["spec"]["template"]).check(node)
    return {"shouldRun": should_run, "shouldContinueRunning": may_stay}


def replaced_affinity(case):
    return {"affinity": replace_node_name_affinity(case.get("affinity"), case["hostname"])}


def daemon_limits(case):
    daemon_set = {"spec": {"updateStrategy": case["updateStrategy"]}}
    unavailable, surge = limits(daemon_set, case["desiredNumberScheduled"])
    return {"maxUnavailable": unavailable, "maxSurge": surge}


def updated(case):
    generation = case.get("templateGeneration")
    return {"updated": is_pod_updated(case["pod"], case.get("hash") or "", generation)}


def claim_owners(case):
    """The owners that are asked for; and a claim that has them is left alone, one that does not is mended."""
    policy = {"whenScaled": case["whenScaled"], "whenDeleted": case["whenDeleted"]}
    stateful_set = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "set", "namespace": "ns", "uid": "set-uid"},
        "spec": {"replicas": 1, "persistentVolumeClaimRetentionPolicy": policy},
    }
    ordinal = 1 if case["condemned"] else 0
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"set-{ordinal}", "namespace": "ns", "uid": "pod-uid"},
    }
    by_set, by_pod = wanted_owners(stateful_set, condemned=case["condemned"])
    claim = with_claim_owners({"metadata": {"name": f"data-set-{ordinal}"}}, stateful_set, pod)
    owners = {ref["uid"] for ref in claim["metadata"].get("ownerReferences", ())}
    assert owners == {uid for uid, wanted in (("set-uid", by_set), ("pod-uid", by_pod)) if wanted}
    assert is_claim_owner_up_to_date(claim, stateful_set, pod)
    return {"setRef": by_set, "podRef": by_pod}


def max_unavailable(case):
    value, replicas = case.get("maxUnavailable"), case.get("replicaCount", 0)
    return {"maxUnavailable": get_stateful_set_max_unavailable(value, replicas)}


ADAPTERS = {
    "nodeShouldRunDaemonPod": node_should_run,
    "replaceNodeNameAffinity": replaced_affinity,
    "daemonMaxUnavailable": daemon_limits,
    "isPodUpdated": updated,
    "shouldIgnoreNodeUpdate": lambda case: {
        "ignore": should_ignore_node_update(case["oldNode"], case["newNode"])
    },
    "statefulSetMaxUnavailable": max_unavailable,
    "pvcOwnerRefs": claim_owners,
}

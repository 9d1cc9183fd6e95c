"""Preemption against upstream's tables: victims by node, choice of node, eligibility."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.scheduler.default_profile import default_profile
from kcsim.cluster.scheduler.framework import Code, Status
from kcsim.cluster.scheduler.nominations import Filters
from kcsim.cluster.scheduler.pod_info import PodInfo, Shapes
from kcsim.cluster.scheduler.preemption import Candidate, dry_run, pod_eligible, select_candidate
from kcsim.cluster.scheduler.schedule_pod import run_pre_filters
from kcsim.cluster.scheduler.snapshot import Snapshot, snapshot_of

Given = dict[str, Any]
ALLOCATABLE = {"cpu": "500m", "memory": "500", "pods": "32"}
LABELS = ("hostname", "zone", "region")


def labels(name: str) -> dict[str, str]:
    """node-a/zone-1 names a node and says where it is."""
    return dict(zip(LABELS, name.split("/"), strict=False))


def cluster(given: Given, shapes: Shapes) -> Snapshot:
    nodes = given.get("nodes") or [
        {
            "metadata": {"name": name.partition("/")[0], "labels": labels(name)},
            "status": {"allocatable": ALLOCATABLE},
        }
        for name in given.get("nodeNames") or ()
    ]
    return snapshot_of(nodes, given.get("pods") or [], shapes=shapes)


def filters_of(given: Given, pod: PodInfo, nodes: Snapshot) -> Filters:
    plugins = [plugin for plugin in default_profile().filters if plugin.name in given["plugins"]]
    status, states, _ = run_pre_filters(plugins, pod, nodes)
    assert status is None
    return [(plugin, states[plugin.name]) for plugin in plugins if plugin.name in states]


def candidates_of(given: Given, preemptor: Given) -> list[Candidate]:
    shapes = Shapes()
    nodes = cluster(given, shapes)
    pod = shapes.info(preemptor)
    filters = filters_of(given, pod, nodes)
    return dry_run(filters, pod, nodes.infos, given.get("pdbs") or []).candidates


def dry_run_preemption(given: Given) -> Given:
    return {
        "candidates": [
            sorted(
                (
                    {
                        "node": c.node,
                        "victims": sorted(v.name for v in c.victims),
                        "pdbViolations": c.violations,
                    }
                    for c in candidates_of(given, preemptor)
                ),
                key=lambda found: found["node"],
            )
            for preemptor in given["preemptors"]
        ]
    }


def in_any_order(case: Given, outcome: Given) -> None:
    wanted = [
        sorted(({**c, "victims": sorted(c["victims"])} for c in candidates), key=lambda found: found["node"])
        for candidates in case["expect"]["candidates"]
    ]
    assert outcome["candidates"] == wanted


def select_best_candidate(given: Given) -> Given:
    return {"node": select_candidate(candidates_of(given, given["preemptor"])).node}


def one_of(case: Given, outcome: Given) -> None:
    assert outcome["node"] in case["expect"]["nodes"]


def pod_eligible_to_preempt_others(given: Given) -> Given:
    shapes = Shapes()
    pod = shapes.info(given["pod"])
    code = given.get("nominatedNodeStatus")
    status = Status(Code(code)) if code else None
    return {"eligible": not pod_eligible(pod, status, cluster(given, shapes).node(pod.nominated))}


ADAPTERS = {
    "dryRunPreemption": dry_run_preemption,
    "selectBestCandidate": select_best_candidate,
    "podEligibleToPreemptOthers": pod_eligible_to_preempt_others,
}
CHECKS = {"dryRunPreemption": in_any_order, "selectBestCandidate": one_of}

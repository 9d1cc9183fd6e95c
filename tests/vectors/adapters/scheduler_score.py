"""Scheduler score plugins against upstream's scoring tables."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.scheduler.framework import Code, ScorePlugin, default_normalize_score
from kcsim.cluster.scheduler.plugins.image_locality import ImageLocality
from kcsim.cluster.scheduler.plugins.node_affinity import NodeAffinity
from kcsim.cluster.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from kcsim.cluster.scheduler.plugins.node_resources_fit import NodeResourcesFit, ScoringStrategy
from kcsim.cluster.scheduler.plugins.taint_toleration import TaintToleration
from kcsim.cluster.scheduler.pod_info import Shapes
from kcsim.cluster.scheduler.snapshot import snapshot_of

Given = dict[str, Any]


def run(plugin: ScorePlugin, given: Given) -> Given:
    shapes = Shapes()
    nodes = snapshot_of(given["nodes"], given.get("existingPods") or [], shapes=shapes)
    pod = shapes.info(given["pod"])
    status, state = plugin.pre_score(pod, nodes.infos, nodes)
    outcome: Given = {"preScore": "Success" if status is None else str(status.code)}
    if status is not None and status.code == Code.ERROR:
        return outcome
    raw = [plugin.score(state, pod, info) for info in nodes.infos]
    scores = plugin.normalize(state, pod, nodes.infos, raw)
    return {**outcome, "scores": {info.name: score for info, score in zip(nodes.infos, scores, strict=True)}}


def fit_score(given: Given) -> Given:
    strategy = ScoringStrategy(
        given["strategy"],
        tuple((r["name"], r["weight"]) for r in given["resources"]),
        tuple((p["utilization"], p["score"]) for p in given.get("shape") or ()),
    )
    return run(NodeResourcesFit(strategy), given)


def normalize_score(given: Given) -> Given:
    return {"scores": default_normalize_score(given["scores"], reverse=given["reverse"])}


ADAPTERS = {
    "fitScore": fit_score,
    "balancedAllocation": lambda given: run(
        NodeResourcesBalancedAllocation([r["name"] for r in given["resources"]]), given
    ),
    "nodeAffinity": lambda given: run(NodeAffinity(given.get("addedAffinity")), given),
    "taintToleration": lambda given: run(TaintToleration(), given),
    "imageLocality": lambda given: run(ImageLocality(), given),
    "normalizeScore": normalize_score,
}

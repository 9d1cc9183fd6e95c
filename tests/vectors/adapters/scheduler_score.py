"""Scheduler score plugins against upstream's scoring tables."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.scheduler.default_selectors import default_selector
from kcsim.cluster.scheduler.framework import Code, ScorePlugin, default_normalize_score
from kcsim.cluster.scheduler.plugins.image_locality import ImageLocality
from kcsim.cluster.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kcsim.cluster.scheduler.plugins.node_affinity import NodeAffinity
from kcsim.cluster.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from kcsim.cluster.scheduler.plugins.node_resources_fit import NodeResourcesFit, ScoringStrategy
from kcsim.cluster.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kcsim.cluster.scheduler.plugins.taint_toleration import TaintToleration
from kcsim.cluster.scheduler.pod_info import Shapes
from kcsim.cluster.scheduler.snapshot import Snapshot, snapshot_of

Given = dict[str, Any]


def run(plugin: ScorePlugin, given: Given) -> Given:
    shapes = Shapes()
    nodes = snapshot_of(given["nodes"], given.get("existingPods") or [], shapes=shapes)
    return scores(plugin, given, nodes, shapes)


def scores(plugin: ScorePlugin, given: Given, nodes: Snapshot, shapes: Shapes) -> Given:
    pod = shapes.info(given["pod"])
    feasible = nodes.infos[: len(given["nodes"])]
    status, state = plugin.pre_score(pod, feasible, nodes)
    outcome: Given = {"preScore": "Success" if status is None else str(status.code)}
    if status is not None and status.code == Code.ERROR:
        return outcome
    if status is not None:
        return {**outcome, "scores": {info.name: 0 for info in feasible}}
    raw = [plugin.score(state, pod, info) for info in feasible]
    scaled = plugin.normalize(state, pod, feasible, raw)
    return {**outcome, "scores": {info.name: score for info, score in zip(feasible, scaled, strict=True)}}


TEAMS = {
    f"{member}.{team}": {"team": team} for team in ("team1", "team2") for member in ("subteam1", "subteam2")
}


def inter_pod_affinity(given: Given) -> Given:
    shapes = Shapes()
    nodes = snapshot_of(given["nodes"], given.get("pods") or [], TEAMS, shapes)
    ignore = given.get("ignorePreferredTermsOfExistingPods", False)
    plugin = InterPodAffinity(given.get("hardPodAffinityWeight", 1), ignore_preferred_of_existing=ignore)
    return scores(plugin, given, nodes, shapes)


class Objects:
    """The API objects of a case, as the default constraints look them up. One that names no kind is a Service."""

    def __init__(self, objects: list[Given]) -> None:
        self._objects = [{"kind": "Service", "metadata": {}, **o} for o in objects]

    def services(self, namespace: str) -> list[Given]:
        return [
            o
            for o in self._objects
            if o["kind"] == "Service" and o["metadata"].get("namespace", "") == namespace
        ]

    def owner(self, resource: str, namespace: str, name: str) -> Given | None:
        for o in self._objects:
            metadata = o["metadata"]
            where = f"{o['kind'].lower()}s", metadata.get("namespace", ""), metadata.get("name", "")
            if where == (resource, namespace, name):
                return o
        return None


def pod_topology_spread(given: Given) -> Given:
    shapes = Shapes()
    workloads = Objects(given.get("objects") or [])
    nodes = snapshot_of(
        [*given["nodes"], *(given.get("failedNodes") or [])],
        given.get("existingPods") or [],
        shapes=shapes,
        default_selector=lambda pod: default_selector(pod, workloads),
    )
    off = {
        "nodeAffinityPolicy": given.get("nodeInclusionPolicy", True),
        "nodeTaintsPolicy": given.get("nodeInclusionPolicy", True),
        "matchLabelKeys": given.get("matchLabelKeys", True),
    }
    given = {**given, "pod": without(given["pod"], [name for name, on in off.items() if not on])}
    return scores(PodTopologySpread(), given, nodes, shapes)


def without(pod: Given, fields: list[str]) -> Given:
    """The pod as the scheduler sees it with the features of these fields off."""
    spec = pod["spec"]
    constraints = [
        {k: v for k, v in item.items() if k not in fields}
        for item in spec.get("topologySpreadConstraints") or []
    ]
    if not constraints:
        return pod
    return {**pod, "spec": {**spec, "topologySpreadConstraints": constraints}}


def fit_score(given: Given) -> Given:
    strategy = ScoringStrategy(
        given["strategy"],
        tuple((r["name"], r.get("weight", 1)) for r in given["resources"]),
        tuple((p.get("utilization", 0), p.get("score", 0)) for p in given.get("shape") or ()),
    )
    return run(NodeResourcesFit(strategy), given)


def normalize_score(given: Given) -> Given:
    return {"scores": default_normalize_score(given["scores"], reverse=given.get("reverse", False))}


ADAPTERS = {
    "fitScore": fit_score,
    "interPodAffinity": inter_pod_affinity,
    "podTopologySpread": pod_topology_spread,
    "balancedAllocation": lambda given: run(
        NodeResourcesBalancedAllocation([r["name"] for r in given["resources"]]), given
    ),
    "nodeAffinity": lambda given: run(NodeAffinity(given.get("addedAffinity")), given),
    "taintToleration": lambda given: run(TaintToleration(), given),
    "imageLocality": lambda given: run(ImageLocality(), given),
    "normalizeScore": normalize_score,
}

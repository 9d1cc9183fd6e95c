"""Scheduler filter plugins against upstream's filtering tables."""

from __future__ import annotations

from typing import Any

from kcsim.cluster.scheduler.framework import Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.node_selector import compile_terms, match_terms
from kcsim.cluster.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kcsim.cluster.scheduler.plugins.node_affinity import NodeAffinity, required_matches
from kcsim.cluster.scheduler.plugins.node_name import NodeName
from kcsim.cluster.scheduler.plugins.node_ports import NodePorts
from kcsim.cluster.scheduler.plugins.node_resources_fit import NodeResourcesFit, fits_request
from kcsim.cluster.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kcsim.cluster.scheduler.plugins.pod_topology_spread import PodTopologySpread
from kcsim.cluster.scheduler.plugins.taint_toleration import TaintToleration
from kcsim.cluster.scheduler.pod_info import Shapes
from kcsim.cluster.scheduler.sampling import num_feasible_nodes_to_find
from kcsim.cluster.scheduler.snapshot import snapshot_of
from kcsim.cluster.scheduler.taints import find_untolerated_taint

Given = dict[str, Any]
SHAPES = Shapes()


def verdict(status: Status | None) -> Given:
    if status is None:
        return {"code": "Success"}
    code = str(status.code)
    return {"code": code, "reasons": list(status.reasons)} if status.reasons else {"code": code}


def bare_node(name_and_labels: Given) -> Given:
    return {
        "metadata": {"name": name_and_labels.get("name", ""), "labels": name_and_labels.get("labels") or {}}
    }


def one_node(node: Given, pods: list[Given] | None) -> NodeInfo:
    name = (node.get("metadata") or {}).get("name", "")
    placed = [{**pod, "spec": {**(pod.get("spec") or {}), "nodeName": name}} for pod in pods or []]
    return snapshot_of([node], placed, shapes=SHAPES).infos[0]


def node_resources_fit(given: Given) -> Given:
    node = one_node(
        {"metadata": {"name": "n"}, "status": {"allocatable": given["allocatable"]}}, given.get("podsOnNode")
    )
    pod = SHAPES.info(given["pod"])
    ignored = given.get("ignoredResources") or ()
    groups = given.get("ignoredResourceGroups") or ()
    plugin = NodeResourcesFit(ignored=ignored, ignored_groups=groups)
    short = fits_request(pod.shape, node, frozenset(ignored), frozenset(groups))
    return {
        **verdict(plugin.filter(None, pod, node)),
        "insufficientResources": [
            {"resource": s.resource, "requested": s.requested, "used": s.used, "capacity": s.capacity}
            for s in short
        ],
    }


def node_affinity(given: Given) -> Given:
    plugin = NodeAffinity(given.get("addedAffinity"))
    node = one_node(bare_node(given.get("node") or {}), None)
    pod = SHAPES.info(given["pod"])
    outcome: Given = {}
    if given.get("runPreFilter"):
        result = plugin.pre_filter(pod, snapshot_of([node.node], []))
        outcome["preFilter"] = verdict(result.status)
        if result.node_names is not None:
            outcome["preFilterNodeNames"] = sorted(result.node_names)
    outcome["filter"] = verdict(plugin.filter(None, pod, node))
    return outcome


def taint_toleration(given: Given) -> Given:
    return verdict(TaintToleration().filter(None, SHAPES.info(given["pod"]), one_node(given["node"], None)))


def untolerated_taint(given: Given) -> Given:
    effects = given.get("effects")
    found = find_untolerated_taint(given.get("taints") or [], given.get("tolerations") or [], effects)
    return {"tolerated": found is None}


def node_name(given: Given) -> Given:
    return verdict(NodeName().filter(None, SHAPES.info(given["pod"]), one_node(given["node"], None)))


def node_unschedulable(given: Given) -> Given:
    return verdict(NodeUnschedulable().filter(None, SHAPES.info(given["pod"]), one_node(given["node"], None)))


def node_ports(given: Given) -> Given:
    plugin = NodePorts()
    node = one_node({"metadata": {"name": "m1"}}, given.get("podsOnNode"))
    pod = SHAPES.info(given["pod"])
    status = plugin.pre_filter(pod, snapshot_of([], [])).status
    if status is not None:
        return {"preFilter": verdict(status)}
    return {"filter": verdict(plugin.filter(None, pod, node))}


def feasible_nodes(given: Given) -> Given:
    found = num_feasible_nodes_to_find(
        given["numAllNodes"], given.get("globalPercentage") or 0, given.get("profilePercentage")
    )
    return {"nodes": found}


def match_node_selector_terms(given: Given) -> Given:
    metadata = (given.get("node") or {}).get("metadata") or {}
    terms = compile_terms(given.get("nodeSelector")) or ()
    return {"match": match_terms(terms, metadata.get("name", ""), metadata.get("labels") or {})}


def pod_matches_node(given: Given) -> Given:
    node = given.get("node") or {}
    shape = SHAPES.of(given["pod"].get("spec") or {})
    return {"match": required_matches(shape, node.get("name", ""), node.get("labels") or {})}


TEAMS = {
    f"{member}.{team}": {"team": team} for team in ("team1", "team2") for member in ("subteam1", "subteam2")
}


def inter_pod_affinity_single_node(given: Given) -> Given:
    node = given["node"]
    name = node["metadata"]["name"]
    pods = [{**pod, "spec": {**(pod.get("spec") or {}), "nodeName": name}} for pod in given.get("pods") or []]
    outcome = inter_pod_affinity({"pod": given["pod"], "nodes": [node], "pods": pods}, TEAMS)
    if "filter" in outcome:
        outcome["filter"] = outcome["filter"][name]
    return outcome


def inter_pod_affinity_multiple_nodes(given: Given) -> Given:
    return inter_pod_affinity(given, {"NS1": {"team": "team1"}})


def inter_pod_affinity(given: Given, namespaces: dict[str, dict[str, str]]) -> Given:
    plugin = InterPodAffinity()
    nodes = snapshot_of(given["nodes"], given.get("pods") or [], namespaces, SHAPES)
    pod = SHAPES.info(given["pod"])
    result = plugin.pre_filter(pod, nodes)
    if result.status is not None:
        return {"preFilter": verdict(result.status)}
    return {"filter": {info.name: verdict(plugin.filter(result.state, pod, info)) for info in nodes.infos}}


def pod_topology_spread(given: Given) -> Given:
    plugin = PodTopologySpread()
    nodes = snapshot_of(given["nodes"], given.get("existingPods") or [], shapes=SHAPES)
    pod = SHAPES.info(
        without_policies(given["pod"]) if not given.get("nodeInclusionPolicy") else given["pod"]
    )
    result = plugin.pre_filter(pod, nodes)
    if result.status is not None:
        return {"preFilter": verdict(result.status)}
    return {
        "filter": {info.name: verdict(plugin.filter(result.state, pod, info))["code"] for info in nodes.infos}
    }


def without_policies(pod: Given) -> Given:
    """The pod as the scheduler saw it before node inclusion policies were a feature."""
    spec = pod["spec"]
    constraints = [
        {k: v for k, v in item.items() if k not in {"nodeAffinityPolicy", "nodeTaintsPolicy"}}
        for item in spec.get("topologySpreadConstraints") or []
    ]
    return {**pod, "spec": {**spec, "topologySpreadConstraints": constraints}}


ADAPTERS = {
    "interPodAffinitySingleNode": inter_pod_affinity_single_node,
    "interPodAffinityMultipleNodes": inter_pod_affinity_multiple_nodes,
    "podTopologySpread": pod_topology_spread,
    "nodeResourcesFit": node_resources_fit,
    "nodeAffinity": node_affinity,
    "taintToleration": taint_toleration,
    "untoleratedTaint": untolerated_taint,
    "nodeName": node_name,
    "nodeUnschedulable": node_unschedulable,
    "nodePorts": node_ports,
    "numFeasibleNodesToFind": feasible_nodes,
    "matchNodeSelectorTerms": match_node_selector_terms,
    "podMatchesNode": pod_matches_node,
}

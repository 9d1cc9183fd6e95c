"""One scheduling decision, node by node: the algorithm as upstream writes it down.

**Imitates:** ``schedulePod``, ``findNodesThatFitPod``, ``findNodesThatPassFilters``, ``prioritizeNodes`` and
``selectHost`` (pkg/scheduler/schedule_one.go, v1.36), nodes visited one after the other instead of by 16 workers.
Left out: extenders, score plugins that fail.

**Walk:** PreFilter -> nodes from a rotating start until enough are feasible -> PreScore, Score, normalise, weigh ->
the best, ties broken by one draw. ``fast_path`` must come to the same answer, and is tested against this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.cluster.scheduler.default_profile import SchedulerProfile
from kcsim.cluster.scheduler.framework import Code, FilterPlugin, Nodes, Status
from kcsim.cluster.scheduler.messages import NO_NODES, fit_error, preemption_text, reason_counts
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.nominations import Nominations, refusal
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.sampling import num_feasible_nodes_to_find

Pick = Callable[[int], int]
"""Draws one of n equals: n -> 0..n-1."""


@dataclass(slots=True)
class Diagnosis:
    """Why no node would do.

    Attributes:
        node_count: all nodes there are.
        by_status: each different refusal, with the names of the nodes that gave it, in visiting order.
        pre_filter: the verdict before any node was looked at, if that was the end of it.
        absent: nodes that PreFilter left out.
        post_filter: what preemption said; None stands for: nobody could be evicted.
    """

    node_count: int
    by_status: dict[Status, list[str]] = field(default_factory=dict)
    pre_filter: Status | None = None
    absent: int = 0
    post_filter: str | None = None

    @property
    def plugins(self) -> frozenset[str]:
        """The plugins that refused."""
        if self.pre_filter is not None:
            return frozenset((self.pre_filter.plugin,))
        return frozenset(status.plugin for status in self.by_status)

    def message(self) -> str:
        """The text of the FailedScheduling event."""
        if self.node_count == 0:
            return NO_NODES
        if self.pre_filter is not None:
            # The DynamicResources PostFilter misses the state that its PreFilter would have left (measured).
            return fit_error(self.node_count, {}, ", ".join(self.pre_filter.reasons), "not found")
        counts = [(status, len(names)) for status, names in self.by_status.items()]
        after = self.post_filter
        if after is None:
            absent = [(Status(Code.UNRESOLVABLE), self.absent)] if self.absent else []
            after = preemption_text(self.node_count, [*counts, *absent])
        return fit_error(self.node_count, reason_counts(counts), "", after)


@dataclass(slots=True)
class Decision:
    """Where the pod goes, or why nowhere.

    Attributes:
        node: the chosen node's name, "" when none.
        next_start: where the next search starts.
        feasible: how many feasible nodes were found.
        evaluated: how many nodes were looked at.
        ties: how many nodes shared the best score.
    """

    node: str
    next_start: int
    feasible: int = 0
    evaluated: int = 0
    ties: int = 0
    diagnosis: Diagnosis | None = None


def schedule_pod(
    profile: SchedulerProfile,
    pod: PodInfo,
    nodes: Nodes,
    start: int,
    pick: Pick,
    *,
    percentage: int = 0,
    nominations: Nominations | None = None,
) -> Decision:
    """Choose a node for the pod, looking at every plugin on every node.

    Args:
        start: the index in ``nodes.infos`` at which the search begins.
        pick: called once, and only when several nodes share the best score.
        percentage: of nodes to find feasible; 0 is adaptive.
        nominations: pods that are promised room. A pod's own nominated node is tried before all others.
    """
    infos = nodes.infos
    if not infos:
        return Decision("", start, diagnosis=Diagnosis(0))
    refused, states, names = run_pre_filters(profile.filters, pod, nodes)
    if refused is not None:
        return Decision("", start, diagnosis=Diagnosis(len(infos), pre_filter=refused))
    filters = [(plugin, states[plugin.name]) for plugin in profile.filters if plugin.name in states]
    if pod.nominated:
        promised = nodes.node(pod.nominated)
        if promised is not None and refusal(filters, pod, promised, nominations) is None:
            return Decision(promised.name, start, 1, 1, 1)
    candidates = infos if names is None else _named(names, nodes)
    wanted = num_feasible_nodes_to_find(len(candidates), percentage)
    feasible: list[NodeInfo] = []
    by_status: dict[Status, list[str]] = {}
    evaluated = 0
    count = len(candidates)
    for i in range(count):
        info = candidates[(start + i) % count]
        status = refusal(filters, pod, info, nominations)
        if status is None:
            if len(feasible) == wanted:
                # One more than enough ends the search, and is looked at first the next time.
                break
            feasible.append(info)
        else:
            by_status.setdefault(status, []).append(info.name)
        evaluated += 1
    next_start = (start + evaluated) % len(infos)
    if not feasible:
        absent = len(infos) - count
        return Decision("", next_start, 0, evaluated, 0, Diagnosis(len(infos), by_status, None, absent))
    if len(feasible) == 1:
        return Decision(feasible[0].name, next_start, 1, evaluated, 1)
    totals = prioritize_nodes(profile, pod, feasible, nodes)
    best = max(totals)
    equal = [info for info, total in zip(feasible, totals, strict=True) if total == best]
    chosen = equal[pick(len(equal))] if len(equal) > 1 else equal[0]
    return Decision(chosen.name, next_start, len(feasible), evaluated, len(equal))


def run_pre_filters(
    filters: Iterable[FilterPlugin], pod: PodInfo, nodes: Nodes
) -> tuple[Status | None, dict[str, Any], frozenset[str] | None]:
    """(the refusal that ends it, each plugin's state by name without those that skip, the only nodes to look at)."""
    states: dict[str, Any] = {}
    names: frozenset[str] | None = None
    for plugin in filters:
        result = plugin.pre_filter(pod, nodes)
        if result.status is not None:
            if result.status.code == Code.SKIP:
                continue
            return result.status, {}, None
        states[plugin.name] = result.state
        if result.node_names is not None:
            names = result.node_names if names is None else names & result.node_names
    return None, states, names


def prioritize_nodes(
    profile: SchedulerProfile, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
) -> list[int]:
    """The weighted sum of all scores for each feasible node."""
    totals = [0] * len(feasible)
    for scores in _weighted_scores(profile, pod, feasible, nodes).values():
        totals = [total + score for total, score in zip(totals, scores, strict=True)]
    return totals


def explain(
    profile: SchedulerProfile, pod: PodInfo, nodes: Nodes, nominations: Nominations | None = None
) -> dict[str, dict[str, int]]:
    """For each feasible node what each plugin gives it, weighted: {node: {plugin: score}}, best node first."""
    refused, states, names = run_pre_filters(profile.filters, pod, nodes)
    if refused is not None:
        return {}
    filters = [(plugin, states[plugin.name]) for plugin in profile.filters if plugin.name in states]
    candidates = nodes.infos if names is None else _named(names, nodes)
    feasible = [info for info in candidates if refusal(filters, pod, info, nominations) is None]
    by_plugin = _weighted_scores(profile, pod, feasible, nodes) if feasible else {}
    table = {
        info.name: {name: scores[i] for name, scores in by_plugin.items()} for i, info in enumerate(feasible)
    }
    return dict(sorted(table.items(), key=lambda item: -sum(item[1].values())))


def _weighted_scores(
    profile: SchedulerProfile, pod: PodInfo, feasible: Sequence[NodeInfo], nodes: Nodes
) -> dict[str, list[int]]:
    """What each plugin that has something to say gives the nodes: normalised, times its weight."""
    found = {}
    for plugin, weight in profile.scores:
        status, state = plugin.pre_score(pod, feasible, nodes)
        if status is not None:
            continue
        raw = [plugin.score(state, pod, info) for info in feasible]
        scores = plugin.normalize(state, pod, feasible, raw)
        found[plugin.name] = [weight * score for score in scores]
    return found


def _named(names: frozenset[str], nodes: Nodes) -> Sequence[NodeInfo]:
    """The nodes of these names, in visiting order."""
    if len(names) == 1:
        only = nodes.node(next(iter(names)))
        return [] if only is None else [only]
    return [info for info in nodes.infos if info.name in names]

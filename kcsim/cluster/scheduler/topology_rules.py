"""Spread constraints and inter-pod terms for many nodes at once, over what ``fast_path`` remembers by shape.

The plugins InterPodAffinity and PodTopologySpread work out tables (label value -> pods) and judge one node after
another. Here the same tables judge whole lists of nodes: a filter rule narrows a list of positions by the value of one
label, a score becomes one lookup for each node. Nothing is decided here that the plugins do not decide.

**Walk:** ``rules_for`` -> tables of this cycle -> ``feasible`` narrows positions -> ``add_scores`` adds what is scaled
by the nodes found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from kcsim.cluster.scheduler.cache import Cache
from kcsim.cluster.scheduler.default_profile import INTER_POD_WEIGHT, SPREAD_WEIGHT
from kcsim.cluster.scheduler.plugins.inter_pod_affinity import InterPodAffinity, Table, stretch
from kcsim.cluster.scheduler.plugins.pod_topology_spread import (
    HardSpread,
    PodTopologySpread,
    SoftSpread,
    normalizer,
    soft_spread,
)
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.score_index import INFEASIBLE, ScoreIndex

_CHUNK = 256
_INTER_POD, _SPREAD = InterPodAffinity(), PodTopologySpread()


@dataclass(slots=True)
class Rules:
    """What the topology plugins say in one cycle.

    Attributes:
        present: topology keys that a node must have.
        inside: topology key and the values of which a node must have one.
        outside: topology key and values that a node must not have.
        soft: soft spread constraints.
        weighted: inter-pod preferences: topology key, pods by value, weight.
    """

    present: list[str] = field(default_factory=list)
    inside: list[tuple[str, Collection[str]]] = field(default_factory=list)
    outside: list[tuple[str, Collection[str]]] = field(default_factory=list)
    soft: SoftSpread | None = None
    weighted: list[tuple[str, Table, int]] = field(default_factory=list)

    @property
    def filters(self) -> bool:
        """Whether any node could be refused."""
        return bool(self.present or self.inside or self.outside)


class NotCompiled(Exception):
    """A selector of the pod cannot be parsed: the plain path tells how."""


def rules_for(pod: PodInfo, cache: Cache) -> Rules | None:
    """The rules that concern a pod; None when there are none.

    Raises: SelectorError or NotCompiled when a selector cannot be parsed.
    """
    rules = Rules()
    if pod.shape.spread:
        result = _SPREAD.pre_filter(pod, cache)
        if result.state is not None:
            _hard(rules, result.state)
        elif result.status is not None and result.status.reasons:
            raise NotCompiled
    rules.soft = soft_spread(pod, cache)
    if pod.shape.affinity_terms or cache.index.groups:
        result = _INTER_POD.pre_filter(pod, cache)
        state = result.state
        if state is not None:
            for term, table in state.affinity:
                if state.may_be_first:
                    rules.present.append(term.topology_key)
                else:
                    rules.inside.append((term.topology_key, table))
            for term, table in state.anti:
                rules.outside.append((term.topology_key, table))
            for term, table, _ in state.existing:
                rules.outside.append((term.topology_key, table))
        elif result.status is not None and result.status.reasons:
            raise NotCompiled
        rules.weighted = _INTER_POD.weighted_tables(pod, cache)
    return rules if rules.filters or rules.soft is not None or rules.weighted else None


def _hard(rules: Rules, state: list[HardSpread]) -> None:
    for item in state:
        key, most = item.constraint.topology_key, item.most()
        rules.present.append(key)
        rules.outside.append((key, {value for value, pods in item.table.items() if pods > most}))


def feasible(rules: Rules, index: ScoreIndex, cache: Cache, start: int, wanted: int) -> tuple[list[int], int]:
    """(positions of the first ``wanted`` nodes that pass, counted round from ``start``; nodes looked at)."""
    count = len(index.scores)
    if not rules.filters:
        length = index.window(start, wanted)
        return _with_score(index, start, min(start + length, count)) + _with_score(
            index, 0, start + length - count
        ), length
    found: list[int] = []
    for low, high in ((start, count), (0, start)):
        for begin in range(low, high, _CHUNK):
            found += _passing(rules, cache, _with_score(index, begin, min(begin + _CHUNK, high)))
            if len(found) > wanted:
                extra = found[wanted]
                return found[:wanted], (extra - start) % count
    return found, count


def _with_score(index: ScoreIndex, low: int, high: int) -> list[int]:
    if index.feasible == len(index.scores):
        return list(range(low, high))
    scores = index.scores
    return [i for i in range(low, high) if scores[i] != INFEASIBLE]


def _passing(rules: Rules, cache: Cache, positions: list[int]) -> list[int]:
    for key in rules.present:
        values = cache.values(key)
        positions = [i for i in positions if values[i] is not None]
    for key, good in rules.inside:
        values = cache.values(key)
        positions = [i for i in positions if values[i] in good]
    for key, bad in rules.outside:
        if bad:
            values = cache.values(key)
            positions = [i for i in positions if values[i] not in bad]
    return positions


def add_scores(rules: Rules, cache: Cache, positions: list[int], totals: list[int]) -> list[int]:
    """The totals of these nodes with the weighted, normalised scores of both plugins."""
    soft = rules.soft
    if soft is not None:
        names = cache.names()
        here = [names[i] for i in positions]
        columns = []
        for k, key in enumerate(soft.keys):
            values = cache.values(key)
            columns.append(soft.column(k, [values[i] for i in positions], here))
        raw = soft.raw(columns)
        scale = {score: SPREAD_WEIGHT * value for score, value in normalizer(raw).items()}
        totals = [total + scale[score] for total, score in zip(totals, raw, strict=True)]
    if rules.weighted:
        raw = [0] * len(positions)
        for key, table, weight in rules.weighted:
            values = cache.values(key)
            get = table.get
            raw = [score + weight * get(values[i], 0) for score, i in zip(raw, positions, strict=True)]  # type: ignore[arg-type]
        scaled = stretch(raw)
        totals = [t + INTER_POD_WEIGHT * s for t, s in zip(totals, scaled, strict=True)]
    return totals

"""Preemption: whom to evict so that a pod of higher priority finds room.

**Imitates:** plugins/defaultpreemption/default_preemption.go and pkg/scheduler/framework/preemption/preemption.go
(v1.36). Left out: extenders, pod groups. Candidates are tried one after another instead of by 16 workers.

**Walk:** every node refused -> ``pod_eligible`` -> nodes where eviction may help, from a random offset ->
``select_victims`` on a copy of each -> ``select_candidate``. The scheduler carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.selectors import SelectorError, from_object
from kcsim.cluster.scheduler.framework import Code, Status
from kcsim.cluster.scheduler.messages import NO_VICTIMS
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.nominations import Filters, Nominations, put, refusal, take, what_if
from kcsim.cluster.scheduler.pod_info import PodInfo

MIN_CANDIDATE_NODES_PERCENTAGE = 10
MIN_CANDIDATE_NODES_ABSOLUTE = 100
REASON = "PreemptionByScheduler"
NEVER = "not eligible due to preemptionPolicy=Never."
WAITING = "not eligible due to a terminating pod on the nominated node."
_NOBODY = Status(Code.UNRESOLVABLE, (NO_VICTIMS,), "DefaultPreemption")
_NO_START = "~"
"""Sorts behind every time: a pod that has not started is the youngest."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node and the pods to evict from it, most important first; ``violations``: of disruption budgets."""

    node: str
    victims: tuple[PodInfo, ...]
    violations: int


@dataclass(slots=True)
class DryRun:
    """What trying out preemption came to: candidates, and the nodes where it would not help, by verdict."""

    candidates: list[Candidate] = field(default_factory=list)
    by_status: dict[Status, list[str]] = field(default_factory=dict)


def pod_eligible(pod: PodInfo, nominated_status: Status | None, nominated: NodeInfo | None) -> str:
    """Why the pod may not preempt, "" when it may (PodEligibleToPreemptOthers).

    Args:
        nominated_status: what the filters said about the node that the pod is nominated to.
        nominated: that node, if any.
    """
    if (pod.pod.get("spec") or {}).get("preemptionPolicy") == "Never":
        return NEVER
    if nominated is None:
        return ""
    if nominated_status is not None and nominated_status.code == Code.UNRESOLVABLE:
        # Waiting there would be in vain: look for another node.
        return ""
    for other in nominated.pods.values():
        if other.priority < pod.priority and _is_being_preempted(other.pod):
            return WAITING
    return ""


def _is_being_preempted(pod: Object) -> bool:
    if not objects.is_deleting(pod):
        return False
    condition = objects.condition(pod, "DisruptionTarget")
    return condition is not None and condition["status"] == "True" and condition.get("reason") == REASON


def num_candidates(nodes: int) -> int:
    """How many candidates are enough."""
    return min(max(nodes * MIN_CANDIDATE_NODES_PERCENTAGE // 100, MIN_CANDIDATE_NODES_ABSOLUTE), nodes)


def dry_run(
    filters: Filters,
    pod: PodInfo,
    potential: Sequence[NodeInfo],
    budgets: Sequence[Object],
    nominations: Nominations | None = None,
    *,
    offset: int = 0,
    enough: int | None = None,
) -> DryRun:
    """Try eviction on nodes, counted round from ``offset``, until there are enough candidates.

    Once one of them violates no budget, that is: candidates without violations come first in the result.
    """
    clean: list[Candidate] = []
    violating: list[Candidate] = []
    result = DryRun()
    count = len(potential)
    for i in range(count):
        node = potential[(offset + i) % count]
        found = select_victims(filters, pod, node, budgets, nominations)
        if isinstance(found, Status):
            result.by_status.setdefault(found, []).append(node.name)
            continue
        (violating if found.violations else clean).append(found)
        if clean and enough is not None and len(clean) + len(violating) >= enough:
            break
    result.candidates = clean + violating
    return result


def select_victims(
    filters: Filters,
    pod: PodInfo,
    node: NodeInfo,
    budgets: Sequence[Object],
    nominations: Nominations | None = None,
) -> Candidate | Status:
    """The fewest pods that must leave a node, or why eviction does not help (SelectVictimsOnNode)."""
    potential = [other for other in node.pods.values() if other.priority < pod.priority]
    if not potential:
        return _NOBODY
    empty, states = what_if(filters, node)
    for other in potential:
        take(states, pod, empty, other)
    status = refusal(states, pod, empty, nominations)
    if status is not None:
        return status
    potential.sort(key=importance)
    violating, others = split_by_budgets(potential, budgets)
    victims: list[PodInfo] = []
    violations = 0
    for i, other in enumerate((*violating, *others)):
        put(states, pod, empty, other)
        if refusal(states, pod, empty, nominations) is not None:
            take(states, pod, empty, other)
            victims.append(other)
            violations += i < len(violating)
    if not victims:
        return Status(
            Code.ERROR, (f'expected at least one victim pod on node "{node.name}"',), "DefaultPreemption"
        )
    victims.sort(key=importance)
    return Candidate(node.name, tuple(victims), violations)


def importance(pod: PodInfo) -> tuple[int, str]:
    """Sorts the most important pod first: by priority, then by how long it has run (MoreImportantPod)."""
    return (-pod.priority, _start(pod))


def _start(pod: PodInfo) -> str:
    return (pod.pod.get("status") or {}).get("startTime") or _NO_START


def split_by_budgets(
    pods: Iterable[PodInfo], budgets: Sequence[Object]
) -> tuple[list[PodInfo], list[PodInfo]]:
    """(pods whose eviction would violate a disruption budget, the others); each uses up what is allowed."""
    allowed = [(budget.get("status") or {}).get("disruptionsAllowed", 0) for budget in budgets]
    violating: list[PodInfo] = []
    others: list[PodInfo] = []
    for pod in pods:
        violated = False
        if pod.labels:
            for i, budget in enumerate(budgets):
                if _covers(budget, pod):
                    allowed[i] -= 1
                    violated |= allowed[i] < 0
        (violating if violated else others).append(pod)
    return violating, others


def _covers(budget: Object, pod: PodInfo) -> bool:
    if (budget.get("metadata") or {}).get("namespace", "") != pod.namespace:
        return False
    try:
        selector = from_object((budget.get("spec") or {}).get("selector"))
    except SelectorError:
        return False
    if selector.empty or not selector.matches(pod.labels):
        return False
    # An eviction that the API server has let pass is counted in disruptionsAllowed already.
    return pod.name not in ((budget.get("status") or {}).get("disruptedPods") or {})


def select_candidate(candidates: Sequence[Candidate]) -> Candidate:
    """The node where eviction does least harm; the first of equals (pickOneNodeForPreemption)."""
    return min(candidates, key=_harm)


def _harm(candidate: Candidate) -> tuple[Any, ...]:
    victims = candidate.victims
    top = victims[0].priority
    # Priorities are moved above zero first, so that more victims never sum up to less.
    total = sum(victim.priority + 2**31 for victim in victims)
    earliest = min(_start(victim) for victim in victims if victim.priority == top)
    return (candidate.violations, top, total, len(victims), _Latest(earliest))


@dataclass(frozen=True, slots=True)
class _Latest:
    """A time of which the later one comes first."""

    time: str

    def __lt__(self, other: _Latest) -> bool:
        return self.time > other.time

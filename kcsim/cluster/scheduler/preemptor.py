"""Carries preemption out: decides in the cycle, evicts beside it.

**Imitates:** ``Evaluator.Preempt`` and ``prepareCandidateAsync`` (pkg/scheduler/framework/preemption, v1.36): lower
nominations on the node are cleared, all victims but one are evicted side by side, then the last; the pod is not tried
again until that is done.

**Walk:** ``post_filter`` -> a node and its victims -> ``evict`` -> for each: the condition DisruptionTarget, DELETE with
the pod's own grace period, the event Preempted -> the kubelet ends them -> their room wakes the pod.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.cluster.scheduler import reports
from kcsim.cluster.scheduler.cache import Cache
from kcsim.cluster.scheduler.default_profile import SchedulerProfile
from kcsim.cluster.scheduler.framework import Code, Status
from kcsim.cluster.scheduler.messages import NOT_HELPFUL, fit_error, post_filter_text, reason_counts
from kcsim.cluster.scheduler.nominations import Nominations
from kcsim.cluster.scheduler.pod_info import DEFAULT_SCHEDULER, PodInfo
from kcsim.cluster.scheduler.preemption import (
    REASON,
    Candidate,
    dry_run,
    num_candidates,
    pod_eligible,
    select_candidate,
)
from kcsim.cluster.scheduler.schedule_pod import Diagnosis, run_pre_filters
from kcsim.engine.clock import rfc3339
from kcsim.engine.task import All, Steps

if TYPE_CHECKING:
    from kcsim.cluster.scheduler.scheduler import Scheduler

_ABSENT = Status(Code.UNRESOLVABLE)


@dataclass(frozen=True, slots=True)
class PostFilter:
    """What preemption came to.

    Attributes:
        text: for the FailedScheduling message; None for the usual text when nobody can be evicted.
        node: what the pod is nominated to from now on, "" for nothing; None leaves it as it is.
        candidate: whom to evict.
    """

    text: str | None = None
    node: str | None = None
    candidate: Candidate | None = None


class Preemptor:
    """DefaultPreemption of one scheduler.

    Attributes:
        busy: uids of pods whose victims are being evicted, and whether something happened meanwhile that may help.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        cache: Cache,
        profile: SchedulerProfile,
        nominations: Nominations,
        budgets: Callable[[], Sequence[Object]],
    ) -> None:
        self._scheduler = scheduler
        self._cache = cache
        self._profile = profile
        self._nominations = nominations
        self._budgets = budgets
        self._offset = scheduler.dice("preemption").integer
        self.busy: dict[str, bool] = {}

    # --- deciding -----------------------------------------------------------------------------------------------

    def post_filter(self, pod: PodInfo, diagnosis: Diagnosis) -> PostFilter:
        """Look for a node where eviction helps a pod that no node would take."""
        if diagnosis.pre_filter is not None or not diagnosis.node_count:
            return PostFilter()
        nominated = self._cache.node(pod.nominated) if pod.nominated else None
        why_not = pod_eligible(pod, _status_of(diagnosis, pod.nominated), nominated)
        if why_not:
            return PostFilter(post_filter_text(why_not))
        helpful = [
            names for status, names in diagnosis.by_status.items() if status.code == Code.UNSCHEDULABLE
        ]
        if not helpful or not self._cache.has_lower(pod.priority):
            return PostFilter(None, "")
        wanted = {name for names in helpful for name in names}
        potential = [info for info in self._cache.infos if info.name in wanted]
        _, states, _ = run_pre_filters(self._profile.filters, pod, self._cache)
        count = len(potential)
        found = dry_run(
            [(plugin, states[plugin.name]) for plugin in self._profile.filters if plugin.name in states],
            pod,
            potential,
            self._budgets(),
            self._nominations,
            offset=self._offset(count),
            enough=num_candidates(count),
        )
        if found.candidates:
            best = select_candidate(found.candidates)
            return PostFilter("", best.node, best)
        counts = reason_counts((status, len(names)) for status, names in found.by_status.items())
        if diagnosis.node_count > count:
            counts[NOT_HELPFUL] = diagnosis.node_count - count
        return PostFilter(post_filter_text(fit_error(diagnosis.node_count, counts)), "")

    # --- evicting -----------------------------------------------------------------------------------------------

    def evict(self, pod: PodInfo, candidate: Candidate) -> None:
        """Begin to evict the victims; the pod waits until that is done."""
        self.busy[pod.uid] = False
        detail = {
            "for": reports.subject(pod),
            "victims": [reports.subject(victim) for victim in candidate.victims],
            "budgets violated": candidate.violations,
        }
        scheduler = self._scheduler
        record = scheduler.engine.note(scheduler.name, "preempt", f"node/{candidate.node}", detail)
        with scheduler.engine.because(record):
            scheduler.spawn(self._evict(pod, candidate), lambda _value, error: self._done(pod, error))

    def _evict(self, pod: PodInfo, candidate: Candidate) -> Steps:
        client = self._scheduler.client
        for other in self._nominations.on(candidate.node):
            if other.priority < pod.priority:
                # Its promise is void: there will be no room for it.
                self._nominations.remove(other.uid)
                cleared = {"status": {"nominatedNodeName": None}}
                yield All([client.patch("pods", other.namespace, other.name, cleared, subresource="status")])
        *first, last = candidate.victims
        for victims in (first, [last]):
            if victims:
                told = yield All([self._tell(pod, victim) for victim in victims])
                self._check(victims, told)
                gone = yield All([client.delete("pods", v.namespace, v.name) for v in victims])
                self._check(victims, gone)
                note = f"Preempted by pod {pod.uid} on node {candidate.node}"
                for victim in victims:
                    self._scheduler.tell(victim, "Normal", "Preempted", "Preempting", note)

    def _tell(self, pod: PodInfo, victim: PodInfo) -> Any:
        """The PATCH that tells a victim why it has to go."""
        name = (pod.pod.get("spec") or {}).get("schedulerName") or DEFAULT_SCHEDULER
        condition: Object = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": REASON,
            "message": f"{name}: preempting to accommodate a higher priority pod",
        }
        generation = victim.pod["metadata"].get("generation")
        if generation:
            condition["observedGeneration"] = generation
        now = rfc3339(self._scheduler.engine.now)
        after = objects.set_condition(objects.conditions(victim.pod), condition, now)
        new = next(item for item in after if item["type"] == "DisruptionTarget")
        body = {"status": {"conditions": [new]}}
        return self._scheduler.client.patch(
            "pods", victim.namespace, victim.name, body, type="strategic", subresource="status"
        )

    def _check(self, victims: Sequence[PodInfo], answers: Sequence[Any]) -> None:
        """A victim that is gone already is as good as evicted; any other failure is told."""
        for victim, answer in zip(victims, answers, strict=True):
            if isinstance(answer, Exception) and not getattr(answer, "is_not_found", False):
                self._scheduler.failed(f"eviction of {reports.subject(victim)}", answer)

    def _done(self, pod: PodInfo, error: Exception | None) -> None:
        woken = self.busy.pop(pod.uid, False)
        self._scheduler.eviction_done(pod, again=woken or error is not None)


def _status_of(diagnosis: Diagnosis, node: str) -> Status | None:
    """What was said about one node; a node that was left out counts as hopeless."""
    return next((status for status, names in diagnosis.by_status.items() if node in names), _ABSENT)

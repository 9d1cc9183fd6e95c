"""Pods waiting for a node: ready to try, waiting out a back-off, or waiting for the cluster to change.

**Imitates:** pkg/scheduler/backend/queue/{scheduling_queue,active_queue,backoff_queue}.go (v1.36), with
SchedulerPopFromBackoffQ. Left out: pod groups, nominated pods. A decision here is made on the cache of its own
instant, so there are no events to replay for a pod in flight.

No clock inside: every call takes ``now`` (µs), and ``next_flush`` says when ``flush`` will have something to do.

**Walk:** ``add`` -> activeQ -> ``pop`` -> placed: ``done``; refused: ``add_unschedulable`` -> a cluster event that
a refusing plugin cares for: ``move`` -> backoffQ or activeQ; failed binding: ``add_after_error`` -> back-off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.engine.clock import SECOND
from kcsim.engine.trace import Record
from kcsim.profile.constants import DEFAULT

INITIAL_BACKOFF = DEFAULT.us("kube-scheduler/pod-initial-backoff")
MAX_BACKOFF = DEFAULT.us("kube-scheduler/pod-max-backoff")
BACKOFF_WINDOW = 1 * SECOND
"""Expiries are cut to this grid, on which backoffQ is flushed."""
MAX_IN_UNSCHEDULABLE = DEFAULT.us("kube-scheduler/pod-max-in-unschedulable-pods-duration")
UNSCHEDULABLE_FLUSH_PERIOD = DEFAULT.us("kube-scheduler/unschedulable-pods-flush-period")


@dataclass(slots=True, eq=False)
class QueuedPod:
    """A pod in the queue.

    Attributes:
        timestamp: when it last entered the queue, in µs.
        attempts: how often it was popped.
        unschedulable_count: refusals so far, which set the back-off.
        error_count: failed bindings in a row; they back off on their own count.
        refused_by: the plugins that refused it last; empty means any change may help.
        first_attempt: when it was first popped, in µs; -1 before.
        cause: on whose behalf it will be tried next.
        where: ``active``, ``backoff``, ``error``, ``unschedulable``, ``gated``, ``in flight`` or "".
    """

    pod: PodInfo
    timestamp: int
    attempts: int = 0
    unschedulable_count: int = 0
    error_count: int = 0
    refused_by: frozenset[str] = frozenset()
    first_attempt: int = -1
    cause: Record | None = None
    where: str = ""
    _ticket: int = field(default=0, repr=False)


def backoff(attempts: int) -> int:
    """1 s doubled with each attempt after the first, at most 10 s; 0 without attempts. µs."""
    if attempts <= 0:
        return 0
    delay = INITIAL_BACKOFF
    for _ in range(attempts - 1):
        delay *= 2
        if delay >= MAX_BACKOFF:
            return MAX_BACKOFF
    return delay


def backoff_expiry(queued: QueuedPod) -> int:
    """When its back-off ends, in µs, cut to whole seconds (so up to 1 s early)."""
    delay = backoff(queued.error_count or queued.unschedulable_count)
    return (queued.timestamp + delay) // BACKOFF_WINDOW * BACKOFF_WINDOW if delay else 0


class SchedulingQueue:
    """activeQ, backoffQ and the pool of unschedulable pods."""

    def __init__(self) -> None:
        self._pods: dict[str, QueuedPod] = {}
        self._active: list[tuple[Any, ...]] = []
        self._backoff: list[tuple[Any, ...]] = []
        self._error_backoff: list[tuple[Any, ...]] = []
        # In the order of their timestamps: a pod enters with the time of its refusal.
        self._unschedulable: dict[str, QueuedPod] = {}
        self._gated: dict[str, QueuedPod] = {}
        self._counts = {"active": 0, "backoff": 0, "error": 0}
        self._tickets = 0

    def __len__(self) -> int:
        return len(self._pods)

    def sizes(self) -> dict[str, int]:
        """How many pods wait where: ``active``, ``backoff``, ``unschedulable``."""
        return {
            "active": self._counts["active"],
            "backoff": self._counts["backoff"] + self._counts["error"],
            "unschedulable": len(self._unschedulable) + len(self._gated),
        }

    # --- in and out ---------------------------------------------------------------------------------------------

    def add(self, pod: PodInfo, now: int, cause: Record | None = None) -> None:
        """A pod without a node has appeared; gated ones wait until their gates are gone."""
        queued = QueuedPod(pod, now, cause=cause)
        self._pods[pod.uid] = queued
        self._admit(queued)

    def update(self, pod: PodInfo, now: int, *, may_help: bool, cause: Record | None = None) -> None:
        """The pod's object changed. ``may_help``: in a way that could make it schedulable."""
        queued = self._pods.get(pod.uid)
        if queued is None:
            self.add(pod, now, cause)
            return
        queued.pod = pod
        if queued.where == "gated":
            del self._gated[pod.uid]
            queued.cause = cause
            self._admit(queued)
        elif queued.where == "unschedulable" and may_help:
            del self._unschedulable[pod.uid]
            queued.cause = cause
            self._requeue(queued, now)

    def delete(self, uid: str) -> None:
        """The pod is gone, or has a node."""
        queued = self._pods.pop(uid, None)
        if queued is not None:
            self._unschedulable.pop(uid, None)
            self._gated.pop(uid, None)
            self._leave(queued)

    def get(self, uid: str) -> QueuedPod | None:
        """The pod's place in the queue."""
        return self._pods.get(uid)

    def pop(self, now: int) -> QueuedPod | None:
        """The next pod to try: highest priority, then longest waiting; from backoffQ when activeQ is empty."""
        queued = self._take(self._active, "active") or self._take(self._backoff, "backoff")
        if queued is not None:
            queued.where = "in flight"
            queued.attempts += 1
            if queued.first_attempt < 0:
                queued.first_attempt = now
        return queued

    @property
    def is_ready(self) -> bool:
        """Whether ``pop`` would give a pod."""
        return bool(self._counts["active"] or self._counts["backoff"])

    def add_unschedulable(self, queued: QueuedPod, refused_by: frozenset[str], now: int) -> None:
        """No node would do: wait until something changes for one of ``refused_by``."""
        if self._pods.get(queued.pod.uid) is not queued:
            return
        queued.refused_by = refused_by
        queued.timestamp = now
        queued.unschedulable_count += 1
        queued.error_count = 0
        queued.where = "unschedulable"
        self._unschedulable[queued.pod.uid] = queued

    def add_after_error(self, queued: QueuedPod, now: int) -> None:
        """The binding failed: try again after a back-off that cannot be cut short."""
        if self._pods.setdefault(queued.pod.uid, queued) is not queued:
            return
        queued.refused_by = frozenset()
        queued.timestamp = now
        queued.error_count += 1
        self._push(queued, "error", self._error_backoff, (backoff_expiry(queued),))

    # --- waking -------------------------------------------------------------------------------------------------

    def move(self, worth: Callable[[QueuedPod], bool], now: int, cause: Record | None = None) -> int:
        """Move the unschedulable pods that an event may help; gives how many."""
        chosen = [queued for queued in self._unschedulable.values() if not queued.refused_by or worth(queued)]
        for queued in chosen:
            del self._unschedulable[queued.pod.uid]
            queued.cause = cause
            self._requeue(queued, now)
        return len(chosen)

    @property
    def has_unschedulable(self) -> bool:
        """Whether any pod waits for the cluster to change."""
        return bool(self._unschedulable)

    def flush(self, now: int, cause: Record | None = None) -> None:
        """Take what is due out of back-off, and pods that waited five minutes out of the pool."""
        for heap, where in ((self._backoff, "backoff"), (self._error_backoff, "error")):
            while heap and heap[0][0] <= now:
                queued = self._take(heap, where, limit=now)
                if queued is not None:
                    self._activate(queued)
        if now % UNSCHEDULABLE_FLUSH_PERIOD == 0:
            old = [
                queued
                for queued in self._unschedulable.values()
                if now - queued.timestamp > MAX_IN_UNSCHEDULABLE
            ]
            for queued in old:
                del self._unschedulable[queued.pod.uid]
                queued.cause = cause
                self._requeue(queued, now)

    def next_flush(self, now: int) -> int | None:
        """When ``flush`` should be called next, in µs; None while nothing waits for time to pass."""
        waits = [heap[0][0] for heap in (self._backoff, self._error_backoff) if heap]
        oldest = next(iter(self._unschedulable.values()), None)
        if oldest is not None:
            # The first tick of the 30 s grid that lies more than five minutes after the oldest refusal.
            period = UNSCHEDULABLE_FLUSH_PERIOD
            waits.append(((oldest.timestamp + MAX_IN_UNSCHEDULABLE) // period + 1) * period)
        return max(min(waits), now) if waits else None

    # --- inside -------------------------------------------------------------------------------------------------

    def _admit(self, queued: QueuedPod) -> None:
        if queued.pod.pod["spec"].get("schedulingGates"):
            queued.where = "gated"
            self._gated[queued.pod.uid] = queued
        else:
            queued.refused_by = frozenset()
            self._activate(queued)

    def _requeue(self, queued: QueuedPod, now: int) -> None:
        expiry = backoff_expiry(queued)
        if expiry > now:
            self._push(queued, "backoff", self._backoff, (expiry, -queued.pod.priority, queued.timestamp))
        else:
            self._activate(queued)

    def _activate(self, queued: QueuedPod) -> None:
        self._push(queued, "active", self._active, (-queued.pod.priority, queued.timestamp))

    def _push(
        self, queued: QueuedPod, where: str, heap: list[tuple[Any, ...]], rank: tuple[int, ...]
    ) -> None:
        self._leave(queued)
        self._tickets += 1
        queued.where = where
        queued._ticket = self._tickets  # noqa: SLF001 - same file; an entry with an old ticket is void
        self._counts[where] += 1
        heappush(heap, (*rank, self._tickets, queued))

    def _leave(self, queued: QueuedPod) -> None:
        if queued.where in self._counts:
            self._counts[queued.where] -= 1
        queued.where = ""
        queued._ticket = 0  # noqa: SLF001

    def _take(self, heap: list[tuple[Any, ...]], where: str, limit: int | None = None) -> QueuedPod | None:
        while heap and (limit is None or heap[0][0] <= limit):
            entry = heappop(heap)
            queued: QueuedPod = entry[-1]
            if queued.where == where and queued._ticket == entry[-2]:  # noqa: SLF001
                self._leave(queued)
                return queued
        return None

"""A machine that shuts down and lets its pods end before.

**Imitates:** ``pkg/kubelet/nodeshutdown/nodeshutdown_manager_linux.go`` (v1.36): pods first, critical pods in the part of the
time that is kept for them. Left out: classes of priority with times of their own.

**Walk:** ``begin`` -> the node is not ready, takes nobody -> ordinary pods end -> critical pods end -> the machine is off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kcsim.cluster.kubelet.admission import Rejection
from kcsim.cluster.kubelet.eviction import is_critical
from kcsim.cluster.kubelet.messages import NORMAL
from kcsim.cluster.kubelet.node_status import SHUTTING_DOWN
from kcsim.cluster.kubelet.termination import FINISHED, SYNC
from kcsim.engine.clock import SECOND
from kcsim.engine.core import Timer

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet
    from kcsim.cluster.kubelet.pod_worker import PodWorker

REJECTION = Rejection("NodeShutdown", "Pod was rejected as the node is shutting down.")
_REASON = "Terminated"
_MESSAGE = "Pod was terminated in response to imminent node shutdown."


class NodeShutdown:
    """How far the shutdown of one machine has come.

    Attributes:
        under_way: whether it has begun.
    """

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self.under_way = False
        self._group: list[PodWorker] = []
        self._then: Callable[[], None] | None = None
        self._timer: Timer | None = None

    def stop(self) -> None:
        """The kubelet has ended, and the machine with it."""
        self.under_way = False
        self._group = []
        self._then = self._timer = None

    def begin(self, off: Callable[[], None]) -> None:
        """The machine wants to go off; ``off`` is called when it may."""
        kubelet, config = self._kubelet, self._kubelet.node.config
        if not config.shutdown_grace_period or not kubelet.running:
            off()
            return
        self.under_way = True
        kubelet.reporter.event(NORMAL, "Shutdown", "Shutdown manager detected shutdown event")
        kubelet.reporter.trouble = SHUTTING_DOWN
        kubelet.reporter.report()
        critical = config.shutdown_grace_period_critical
        period = config.shutdown_grace_period - critical
        self._end(False, period, lambda: self._end(True, critical, off))

    def _end(self, critical: bool, period: int, then: Callable[[], None]) -> None:
        """End the pods of one group; ``then`` once they have, or their time is up."""
        workers = [
            w
            for w in self._kubelet.workers.values()
            if is_critical(w.pod) is critical and w.state is not FINISHED
        ]
        self._group, self._then = workers, then
        self._timer = self._kubelet.after(period, self._over)
        for worker in list(workers):
            if worker.state is SYNC:
                own = worker.pod["spec"].get("terminationGracePeriodSeconds")
                grace = period // SECOND if own is None else min(own, period // SECOND)
                worker.give_up(_REASON, _MESSAGE, _MESSAGE, grace)
        if not workers:
            self._over()

    def finished(self, worker: PodWorker) -> None:
        """Nothing of a pod is left."""
        if worker in self._group:
            self._group.remove(worker)
            if not self._group:
                self._over()

    def _over(self) -> None:
        then, self._then, self._group = self._then, None, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if then is not None:
            then()

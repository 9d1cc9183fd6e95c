"""Watches over memory and disk of one node: pressure, eviction, and the kernel's own way out.

**Imitates:** ``pkg/kubelet/eviction/eviction_manager.go`` and ``pkg/kubelet/oom/oom_watcher_linux.go`` (v1.36), with the hard
thresholds that are the default. A node whose containers use neither costs nothing: when a threshold will be crossed is
worked out, and nothing ticks before.

**Walk:** a container that uses memory or disk starts or ends -> ``changed`` -> the next look, on the grid of 10 s, after a
threshold is crossed -> pressure, images that nobody needs are deleted, else one pod is evicted -> again -> five minutes
after the last time the pressure is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcsim.api import quantity
from kcsim.cluster.kubelet import eviction
from kcsim.cluster.kubelet.eviction import CONDITIONS, DISK, MEMORY
from kcsim.cluster.kubelet.messages import WARNING
from kcsim.cluster.kubelet.runtime import OOM_KILLED_EXIT, Container
from kcsim.cluster.kubelet.termination import SYNC
from kcsim.engine.core import Timer
from kcsim.profile.constants import DEFAULT

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet
    from kcsim.cluster.kubelet.pod_worker import PodWorker

PERIOD = DEFAULT.us("kubelet/eviction-monitoring-period")
TRANSITION = DEFAULT.us("kubelet/eviction-pressure-transition-period")
GRACE_S = 1
"""Seconds a pod has when a hard threshold is crossed (immediateEvictionGracePeriodSeconds)."""
MEMORY_THRESHOLD = DEFAULT.count("kubelet/eviction-hard-memory-available")
DISK_SHARE = DEFAULT.number("kubelet/eviction-hard-imagefs-available")


class EvictionManager:
    """The node's memory and disk."""

    def __init__(self, kubelet: Kubelet, phase: int) -> None:
        self._kubelet = kubelet
        self._phase = phase
        capacity = kubelet.node.capacity
        self._capacity = {name: quantity.value(capacity[name]) for name in (MEMORY, DISK) if name in capacity}
        self._met: dict[str, int] = {}
        self._timer: Timer | None = None
        self._oom: Timer | None = None
        self._evicting: PodWorker | None = None
        self._looked_at = -1
        self._filled: dict[str, int] = {}

    def stop(self) -> None:
        """The kubelet ends, and forgets."""
        self._met.clear()
        self._timer = self._oom = self._evicting = None

    # --- what is used -------------------------------------------------------------------------------------------

    def _containers(self) -> list[Container]:
        return [c for sandbox in self._kubelet.runtime.sandboxes() for c in sandbox.running()]

    def _threshold(self, resource: str) -> int:
        """How much has to be left (bytes)."""
        return MEMORY_THRESHOLD if resource == MEMORY else int(self._capacity[resource] * DISK_SHARE)

    def _used(self, resource: str) -> int:
        now = self._kubelet.engine.now
        used = sum(eviction.used_at(resource, c, now) for c in self._containers())
        used += self._filled.get(resource, 0)
        return used + (self._kubelet.images.disk_bytes() if resource == DISK else 0)

    def fill(self, resource: str, share: float) -> None:
        """Something beside the pods uses this share of the machine's memory or disk from now on (a fault)."""
        self._filled[resource] = int(self._capacity.get(resource, 0) * share)
        if self._kubelet.running:
            self.changed()

    # --- when to look -------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """What is used, or how fast that grows, has changed: work out when to look next."""
        kubelet = self._kubelet
        now = kubelet.engine.now
        containers = self._containers()
        found: list[int] = []
        for resource, capacity in self._capacity.items():
            rate = sum(eviction.growth(resource, c) for c in containers)
            used = self._used(resource)
            when = eviction.crossing(used, rate, capacity - self._threshold(resource), now)
            if when is not None:
                found.append(when)
            if resource == MEMORY:
                self._arm_oom(eviction.crossing(used, rate, capacity, now))
        for container in containers:
            limit = eviction.disk_limit(container)
            if limit is not None:
                rate = eviction.growth(DISK, container)
                when = eviction.crossing(eviction.disk_at(container, now), rate, limit, now)
                if when is not None:
                    found.append(when)
        found.extend(met + TRANSITION for met in self._met.values())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if found:
            wait = min(found) - now
            delay = wait + (self._phase - now - wait) % PERIOD
            if not delay and self._looked_at == now:
                delay = PERIOD
            self._timer = kubelet.tick(delay, "eviction", self._look)

    def _arm_oom(self, when: int | None) -> None:
        if self._oom is not None:
            self._oom.cancel()
            self._oom = None
        if when is not None:
            self._oom = self._kubelet.after(when - self._kubelet.engine.now, self._out_of_memory)

    def _out_of_memory(self) -> None:
        """The machine has no memory left: the kernel kills without asking the kubelet."""
        kubelet, now = self._kubelet, self._kubelet.engine.now
        self._oom = None
        capacity = self._capacity[MEMORY]
        users = [c for c in self._containers() if eviction.memory_at(c, now)]
        if not users:
            return
        victim = max(users, key=lambda c: eviction.oom_score(c.sandbox.pod, c, capacity, now))
        kubelet.reporter.event(
            WARNING,
            "SystemOOM",
            f"System OOM encountered, victim process: {victim.name}, pid: {1000 + len(users)}",
        )
        kubelet.runtime.exit_now(victim, OOM_KILLED_EXIT, "OOMKilled")

    # --- looking ------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """synchronize: one pass."""
        self._timer = None
        self._looked_at = self._kubelet.engine.now
        self._over_their_limits()
        low = [r for r in self._capacity if self._available(r) < self._threshold(r)]
        now = self._kubelet.engine.now
        for resource in low:
            self._met[resource] = now
        self._met = {r: met for r, met in self._met.items() if now - met < TRANSITION}
        self._set_pressure()
        if low:
            self._reclaim(low[0])
        else:
            self.changed()

    def _available(self, resource: str) -> int:
        return self._capacity[resource] - self._used(resource)

    def _set_pressure(self) -> None:
        reporter = self._kubelet.reporter
        pressures = frozenset(CONDITIONS[resource] for resource in self._met)
        if pressures != reporter.pressures:
            reporter.pressures = pressures
            reporter.due("pressure")

    def _reclaim(self, resource: str) -> None:
        kubelet = self._kubelet
        kubelet.reporter.event(WARNING, "EvictionThresholdMet", f"Attempting to reclaim {resource}")
        if resource == DISK:
            kubelet.images.remove_unused(
                c.image for sandbox in kubelet.runtime.sandboxes() for c in sandbox.containers.values()
            )
            if self._available(DISK) >= self._threshold(DISK):
                self.changed()
                return
        worker, use = self._victim(resource)
        if worker is not None and use is not None:
            text = eviction.message(resource, self._threshold(resource), self._available(resource), use)
            self._evicting = worker
            worker.evict(text, GRACE_S)
        # The next pass comes when the pod is gone, or after the period.
        self._timer = kubelet.tick(PERIOD, "eviction", self._look)

    def _victim(self, resource: str) -> tuple[PodWorker | None, eviction.Use | None]:
        now = self._kubelet.engine.now
        uses = [
            eviction.use_of(worker.pod, worker.sandbox.running(), resource, now)
            for worker in self._kubelet.workers.values()
            if worker.state is SYNC and worker.sandbox is not None and not eviction.is_critical(worker.pod)
        ]
        for use in eviction.ranked(uses):
            return self._kubelet.workers[use.uid], use
        return None, None

    def _over_their_limits(self) -> None:
        now = self._kubelet.engine.now
        for worker in list(self._kubelet.workers.values()):
            if worker.state is not SYNC or worker.sandbox is None:
                continue
            for container in worker.sandbox.running():
                limit = eviction.disk_limit(container)
                if limit is not None and eviction.disk_at(container, now) > limit:
                    worker.evict(eviction.over_its_limit(container.name, limit), GRACE_S)
                    break

    def finished(self, worker: PodWorker) -> None:
        """Nothing of a pod is left: if it was evicted, look at once whether that was enough."""
        if worker is self._evicting:
            self._evicting = None
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._kubelet.after(0, self._look)

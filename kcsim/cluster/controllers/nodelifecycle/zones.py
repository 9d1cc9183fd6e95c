"""Zones: how disrupted each one is, and its nodes waiting for their NoExecute taint.

**Imitates:** pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go and ``handleDisruption`` of
node_lifecycle_controller.go (v1.36). ``now`` is handed in, in µs.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.cluster.controllers.nodelifecycle.health import (
    LifecycleConfig,
    ZoneState,
    compute_zone_state,
    eviction_rate,
    excluded_from_disruption_checks,
)
from kcsim.cluster.scheduler.snapshot import zone_key
from kcsim.engine.clock import SECOND


class ZoneQueue:
    """First come, first tainted, at the zone's rate.

    Attributes:
        rate: nodes a second; 0 stops it.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._next_token = 0
        self._waiting: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, node: str) -> bool:
        """Queue a node; False when it waits already."""
        if node in self._waiting:
            return False
        self._waiting[node] = None
        return True

    def remove(self, node: str) -> None:
        """The node needs no taint any more."""
        self._waiting.pop(node, None)

    def due(self, now: int) -> int | None:
        """When the next node may be taken; None when none waits or the zone has stopped."""
        if not self._waiting or not self.rate:
            return None
        return max(now, self._next_token)

    def take(self, now: int) -> str | None:
        """The next node, if there is a token for it."""
        due = self.due(now)
        if due is None or due > now:
            return None
        self._next_token = now + int(SECOND / self.rate)
        node = next(iter(self._waiting))
        del self._waiting[node]
        return node

    def swap_rate(self, rate: float, now: int) -> None:
        """Change the rate. Who was waiting for a token goes on waiting, at the new rate."""
        if rate == self.rate:
            return
        drained = self.rate == 0 or self._next_token > now
        self.rate = rate
        self._next_token = now + int(SECOND / rate) if rate and drained else now


class Turn(Enum):
    """What a judgement changed for the whole cluster."""

    NONE = 0
    MASTER_DISRUPTION = 1
    """No zone has a ready node left: every eviction stops."""
    RECOVERY = 2
    """Some zone has one again: everybody gets a fresh start."""


class Zones:
    """All zones of a cluster."""

    def __init__(self, config: LifecycleConfig) -> None:
        self._config = config
        self._queues: dict[str, ZoneQueue] = {}
        self._states: dict[str, ZoneState] = {}
        self._known: dict[str, tuple[Mapping[str, str], str]] = {}
        self._counted: dict[str, tuple[str, bool]] = {}
        self._counts: dict[str, list[int]] = {}

    def count(self, node: Object, ready: bool | None) -> None:
        """Have a node count in its zone as ready or not; None: not at all."""
        name = node["metadata"]["name"]
        now = None
        if ready is not None and not excluded_from_disruption_checks(node):
            now = (self._key(node), ready)
        before = self._counted.get(name)
        if now == before:
            return
        if before is not None:
            key, was_ready = before
            self._counts[key][not was_ready] -= 1
            if not any(self._counts[key]):
                del self._counts[key]
            del self._counted[name]
        if now is not None:
            key, is_ready = now
            self._counts.setdefault(key, [0, 0])[not is_ready] += 1
            self._counted[name] = now

    def of(self, node: Object) -> ZoneQueue:
        """The queue of the node's zone."""
        return self._queue(self._key(node))

    def _key(self, node: Object) -> str:
        """The node's zone, remembered until its labels change."""
        metadata = node["metadata"]
        labels, name = metadata.get("labels"), metadata["name"]
        known = self._known.get(name)
        if known is None or known[0] is not labels:
            known = self._known[name] = (labels, zone_key(objects.labels(node)))
        return known[1]

    def _queue(self, key: str) -> ZoneQueue:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = ZoneQueue(self._config.eviction_rate)
            self._states[key] = ZoneState.INITIAL
        return queue

    def due(self, now: int) -> int | None:
        """When the next node of any zone may be taken."""
        return min(
            (due for queue in self._queues.values() if (due := queue.due(now)) is not None), default=None
        )

    def take(self, now: int) -> list[str]:
        """The nodes that may be tainted now."""
        taken = []
        for key in sorted(self._queues):
            while (name := self._queues[key].take(now)) is not None:
                taken.append(name)
        return taken

    def judge(self, now: int) -> Turn:
        """Set each zone's rate by how many of its nodes are ready."""
        counts = self._counts
        for key in counts:
            self._queue(key)
        if not counts:
            return Turn.NONE
        threshold = self._config.unhealthy_zone_threshold
        states = {key: compute_zone_state(up, down, threshold) for key, (up, down) in counts.items()}
        all_full = _all_full(states)
        were_full = _all_full(self._states)
        if all_full:
            if were_full:
                return Turn.NONE
            for key, queue in self._queues.items():
                queue.swap_rate(0.0, now)
                self._states[key] = ZoneState.FULL
            return Turn.MASTER_DISRUPTION
        for key, state in states.items():
            if were_full or self._states.get(key) != state:
                self._queues[key].swap_rate(eviction_rate(state, sum(counts[key]), self._config), now)
        self._states = states
        return Turn.RECOVERY if were_full else Turn.NONE


def _all_full(states: Mapping[str, ZoneState]) -> bool:
    return bool(states) and all(state == ZoneState.FULL for state in states.values())

"""Waiting longer after each failure: restarts of containers and pulls of images.

**Imitates:** client-go ``util/flowcontrol/backoff.go``; ``pkg/kubelet/kuberuntime/kuberuntime_manager.go``
(``doBackOff``) and ``pkg/kubelet/pod_workers.go`` (``completeWork``), v1.36. Left out: the alpha gate that starts
at 1 s, and the node setting ``crashLoopBackOff.maxContainerRestartPeriod``.

**Walk:** a container ended -> ``is_in_back_off_since`` its finish? -> yes: wait until ``expires_at``, and look again
after ``requeue_delay`` -> no: ``next`` doubles the wait for the time after this one, and the container starts.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from kcsim.profile.constants import DEFAULT

INITIAL = DEFAULT.us("kubelet/crash-loop-back-off-initial")
MAXIMUM = DEFAULT.us("kubelet/crash-loop-back-off-max")


@dataclass(slots=True)
class _Entry:
    backoff: int
    last_update: int


class Backoff:
    """Per key, how long to wait (µs). An entry untouched for twice the maximum starts afresh."""

    def __init__(self, initial: int = INITIAL, maximum: int = MAXIMUM) -> None:
        self._initial = initial
        self._maximum = maximum
        self._entries: dict[Hashable, _Entry] = {}

    def get(self, key: Hashable) -> int:
        """The wait in force, 0 when there is none."""
        entry = self._entries.get(key)
        return entry.backoff if entry else 0

    def next(self, key: Hashable, event_time: int, now: int) -> None:
        """Note an attempt made ``now``; ``event_time`` is when what led to it happened."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event_time):
            self._entries[key] = _Entry(self._initial, now)
        else:
            entry.backoff = min(entry.backoff * 2, self._maximum)
            entry.last_update = now

    def is_in_back_off_since(self, key: Hashable, event_time: int, now: int) -> bool:
        """Whether the wait, counted from ``event_time``, still lasts."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, event_time):
            return False
        return now - event_time < entry.backoff

    def is_in_back_off_since_update(self, key: Hashable, now: int) -> bool:
        """Whether the wait, counted from the last attempt, still lasts."""
        entry = self._entries.get(key)
        if entry is None or self._expired(entry, now):
            return False
        return now - entry.last_update < entry.backoff

    def forget(self, key: Hashable) -> None:
        """Drop the entry: the pod is gone."""
        self._entries.pop(key, None)

    def _expired(self, entry: _Entry, event_time: int) -> bool:
        return event_time - entry.last_update > self._maximum * 2


def requeue_delay(remaining: int, *, resync: int, u: float) -> int:
    """How long (µs) the pod worker sleeps when ``remaining`` of a restart back-off is left.

    Aimed at its end but at most ``resync`` ahead, and up to half as long again: ``wait.Jitter(d, 0.5)`` with the
    draw ``u`` in [0, 1).
    """
    delay = min(max(remaining, 0), resync)
    return delay + int(delay * 0.5 * u)

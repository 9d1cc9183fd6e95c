"""How many pods there were and how many of them were ready, as steps over time: what the pods lane is drawn from.

Read from the logs once, version by version; cost follows change. The pods of the cluster itself and of agents are left
out: the lane is about what users run, in all clusters of a world together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from kcsim.api.log import Log, Version
from kcsim.cluster.controllers.pods import is_active, is_ready

INFRASTRUCTURE = frozenset({"kube-system", "flux-system", "argocd"})


@dataclass(frozen=True, slots=True)
class ReadyStep:
    """From ``time`` (µs) on: ``ready`` of ``total`` pods that are to run."""

    time: int
    ready: int
    total: int

    @property
    def level(self) -> int:
        """All ready (2), some (1), none (0); -1 without any pod."""
        return -1 if not self.total else 2 if self.ready == self.total else 1 if self.ready else 0


class Readiness:
    """The steps of the logs of a world's clusters, kept up to date by ``update``.

    Attributes:
        steps: all of them.
        turns: those at which the level changes: what a lane is drawn from, few of them however many pods there are.
    """

    def __init__(self) -> None:
        self.steps: list[ReadyStep] = []
        self.turns: list[ReadyStep] = []
        self._times: list[int] = []
        self._read: list[int] = []
        self._pods: dict[tuple[str, str, str], bool] = {}
        self._ready = 0

    def update(self, *logs: Log) -> None:
        """Read what the logs have gained; always the same ones, in the same order."""
        self._read.extend([0] * (len(logs) - len(self._read)))
        fresh = [self._gained(place, log) for place, log in enumerate(logs)]
        for version in fresh[0] if len(fresh) == 1 else merge(*fresh, key=_order):
            self._take(version)

    def _gained(self, place: int, log: Log) -> Iterator[Version]:
        versions, begin = log.versions, self._read[place]
        self._read[place] = end = len(versions)
        return (
            version
            for version in islice(versions, begin, end)
            if version.resource.kind == "Pod" and version.key[0] not in INFRASTRUCTURE
        )

    def _take(self, version: Version) -> None:
        pods = self._pods
        pod = version.object
        key = (version.cluster, *version.key)
        before = pods.get(key)
        now = None if version.deleted or not is_active(pod) else is_ready(pod)
        if now == before:
            return
        if now is None:
            del pods[key]
        else:
            pods[key] = now
        self._ready += bool(now) - bool(before)
        step = ReadyStep(version.time, self._ready, len(pods))
        if self._times and self._times[-1] == version.time:
            self.steps[-1] = step
            if self.turns and self.turns[-1].time == version.time:
                self.turns.pop()
        else:
            self.steps.append(step)
            self._times.append(version.time)
        if not self.turns or self.turns[-1].level != step.level:
            self.turns.append(step)

    def during(self, start: int, end: int) -> list[ReadyStep]:
        """The steps that held at some time of [start, end); the first may have begun earlier."""
        first = max(0, bisect_right(self._times, start) - 1)
        last = bisect_right(self._times, end - 1)
        return [step for step in self.steps[first:last] if step.time < end]


def _order(version: Version) -> tuple[int, int]:
    return version.time, version.seq

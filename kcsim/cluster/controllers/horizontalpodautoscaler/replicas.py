"""How many replicas a metric asks for.  Decides; never acts.

**Imitates:** ``pkg/controller/podautoscaler/replica_calculator.go`` and ``metrics/utilization.go`` (v1.36), with
tolerances for each direction. Amounts are thousandths of the unit; arithmetic is in 64-bit floats, as in Go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.cluster.controllers.horizontalpodautoscaler.groups import (
    CPU_INITIALIZATION,
    INITIAL_READINESS_DELAY,
    NoMetric,
    PodMetric,
    PodMetrics,
    group_pods,
    pod_requests,
)
from kcsim.cluster.controllers.pods import is_ready, phase
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

TOLERANCE = DEFAULT.number("kube-controller-manager/horizontal-pod-autoscaler-tolerance")
_MAX_INT32, _MAX_INT64 = 2**31 - 1, 2**63 - 1
_NO_PODS = "no pods returned by selector while calculating replica count"
_NO_READY = "did not receive metrics for targeted pods (pods might be unready)"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far from 1 a ratio may be before anything happens: below and above."""

    down: float = TOLERANCE
    up: float = TOLERANCE

    def accept(self, ratio: float) -> bool:
        """Whether the ratio is close enough to 1."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True)
class Proposal:
    """A replica count, and the usage it comes from; ``utilization`` in percent of requests, where that is asked."""

    replicas: int
    usage: int
    utilization: int | None = None


@dataclass(frozen=True, slots=True)
class Calculator:
    """The rules at the instant ``now`` (µs)."""

    now: int
    tolerances: Tolerances = Tolerances()
    initialization: int = CPU_INITIALIZATION
    readiness_delay: int = INITIAL_READINESS_DELAY

    def by_utilization(
        self,
        current: int,
        target: int,
        resource: str,
        pods: Sequence[Object],
        metrics: PodMetrics,
        container: str = "",
    ) -> Proposal:
        """Replicas for an average utilization of ``target`` percent of the requests.

        Raises:
            NoMetric: there is nothing to compute it from.
        """
        if not pods:
            raise NoMetric(_NO_PODS)
        groups = self._group(pods, metrics, resource)
        left = _without(metrics, (*groups.ignored, *groups.unready))
        if not left:
            raise NoMetric(_NO_READY)
        requests = pod_requests(pods, container, resource)
        utilization, usage = _utilization(left, requests)
        ratio = utilization / target if target else math.inf
        fallback = max(100, target)
        full = {name: PodMetric(requests[name] * fallback // 100) for name in groups.missing}

        def ratio_of(assumed: PodMetrics) -> float:
            return _utilization(assumed, requests)[0] / target if target else math.inf

        replicas = self._replicas(
            current, ratio, groups.ready, left, groups.missing, groups.unready, full, ratio_of
        )
        return Proposal(replicas, usage, utilization)

    def by_usage(
        self, current: int, target: int, resource: str, pods: Sequence[Object], metrics: PodMetrics
    ) -> Proposal:
        """Replicas for an average usage of ``target``.

        Raises:
            NoMetric: there is nothing to compute it from.
        """
        if not pods:
            raise NoMetric(_NO_PODS)
        groups = self._group(pods, metrics, resource)
        left = _without(metrics, (*groups.ignored, *groups.unready))
        if not left:
            raise NoMetric(_NO_READY)
        usage = _average(left)
        full = {name: PodMetric(target) for name in groups.missing}
        ratio = usage / target
        replicas = self._replicas(
            current,
            ratio,
            groups.ready,
            left,
            groups.missing,
            groups.unready,
            full,
            lambda assumed: _average(assumed) / target,
        )
        return Proposal(replicas, usage)

    def _group(self, pods: Sequence[Object], metrics: PodMetrics, resource: str) -> Any:
        return group_pods(
            pods,
            metrics,
            resource,
            self.now,
            initialization=self.initialization,
            readiness_delay=self.readiness_delay,
        )

    def _replicas(
        self,
        current: int,
        ratio: float,
        ready: int,
        metrics: PodMetrics,
        missing: Sequence[str],
        unready: Sequence[str],
        full: PodMetrics,
        ratio_of: Any,
    ) -> int:
        """The count, assuming for pods without a sample whatever argues against the change."""
        with_unready = bool(unready) and ratio > 1.0
        if not with_unready and not missing:
            return current if self.tolerances.accept(ratio) else _ceil(ratio * ready)
        assumed = dict(metrics)
        if missing and ratio < 1.0:
            assumed |= full
        elif missing and ratio > 1.0:
            assumed |= dict.fromkeys(missing, PodMetric(0))
        if with_unready:
            assumed |= dict.fromkeys(unready, PodMetric(0))
        new = ratio_of(assumed)
        if self.tolerances.accept(new) or (ratio < 1.0 < new) or (new < 1.0 < ratio):
            return current
        replicas = _ceil(new * len(assumed))
        if (new < 1.0 and replicas > current) or (new > 1.0 and replicas < current):
            return current
        return replicas

    # --- one value for all pods ---------------------------------------------------------------------------------

    def by_value(self, current: int, target: int, pods: Sequence[Object], usage: int) -> Proposal:
        """Replicas for one value, of an object or from outside, of ``target``.

        Raises:
            NoMetric: there are no pods.
        """
        ratio = usage / target
        if current == 0:
            return Proposal(_ceil(ratio), usage)
        if self.tolerances.accept(ratio):
            return Proposal(current, usage)
        if not pods:
            raise NoMetric(f"unable to calculate ready pods: {_NO_PODS}")
        ready = sum(phase(pod) == "Running" and is_ready(pod) for pod in pods)
        return Proposal(_ceil(ratio * ready), usage)

    def by_value_per_pod(self, status_replicas: int, target: int, usage: int) -> Proposal:
        """Replicas so that each pod's share of one value is ``target``."""
        replicas = status_replicas
        ratio = usage / (target * replicas) if replicas else math.inf
        if not self.tolerances.accept(ratio):
            replicas = _ceil(usage / target)
        share = min(-(-usage // status_replicas), _MAX_INT64) if status_replicas else 0
        return Proposal(replicas, share)


def total(values: Sequence[int]) -> int:
    """The sum, which stays where 64 bits end."""
    return min(sum(values), _MAX_INT64)


def _ceil(value: float) -> int:
    """Rounded up, no more than 32 bits hold."""
    return _MAX_INT32 if value >= _MAX_INT32 else math.ceil(value)


def _without(metrics: PodMetrics, names: Sequence[str]) -> dict[str, PodMetric]:
    return {name: metric for name, metric in metrics.items() if name not in names}


def _average(metrics: PodMetrics) -> int:
    return sum(metric.value for metric in metrics.values()) // len(metrics)


def _utilization(metrics: PodMetrics, requests: dict[str, int]) -> tuple[int, int]:
    """Percent of requests, and the average usage, of the pods that are known."""
    known = [(metric.value, requests[name]) for name, metric in metrics.items() if name in requests]
    requested = sum(request for _, request in known)
    if not requested:
        raise NoMetric("no metrics returned matched known pods")
    used = sum(value for value, _ in known)
    return used * 100 // requested, used // len(known)

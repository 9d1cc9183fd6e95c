"""Which pods count for a metric, and what they asked for.  Decides; never acts.

**Imitates:** ``groupPods`` and ``calculatePodRequests`` of ``pkg/controller/podautoscaler/replica_calculator.go``
(v1.36). Times are µs; amounts are thousandths of the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects, quantity
from kcsim.cluster.controllers.pods import phase, ready_condition
from kcsim.engine.clock import parse_rfc3339
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

CPU_INITIALIZATION = DEFAULT.us("kube-controller-manager/horizontal-pod-autoscaler-cpu-initialization-period")
"""So long after a pod's start its use of CPU is not taken at face value."""
INITIAL_READINESS_DELAY = DEFAULT.us(
    "kube-controller-manager/horizontal-pod-autoscaler-initial-readiness-delay"
)
"""A pod that became unready within so long of its start has never been ready."""


class NoMetric(Exception):
    """A replica count cannot be computed from a metric; the text says why."""


@dataclass(frozen=True, slots=True)
class PodMetric:
    """One pod's value, when it was measured, and over which window before that."""

    value: int
    timestamp: int | None = None
    window: int = 0


PodMetrics = Mapping[str, PodMetric]


@dataclass(frozen=True, slots=True)
class Groups:
    """The pods by name: how many count, which are not ready yet, which have no metric, which are on their way out."""

    ready: int
    unready: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def group_pods(
    pods: Iterable[Object],
    metrics: PodMetrics,
    resource: str,
    now: int,
    *,
    initialization: int = CPU_INITIALIZATION,
    readiness_delay: int = INITIAL_READINESS_DELAY,
) -> Groups:
    """Sort the pods."""
    ready = 0
    unready, missing, ignored = [], [], []
    for pod in pods:
        name = objects.name(pod)
        if objects.is_deleting(pod) or phase(pod) == "Failed":
            ignored.append(name)
        elif phase(pod) == "Pending":
            unready.append(name)
        elif name not in metrics:
            missing.append(name)
        elif resource == "cpu" and _is_unready(pod, metrics[name], now, initialization, readiness_delay):
            unready.append(name)
        else:
            ready += 1
    return Groups(ready, tuple(unready), tuple(missing), tuple(ignored))


def _is_unready(pod: Object, metric: PodMetric, now: int, initialization: int, readiness_delay: int) -> bool:
    condition, start = ready_condition(pod), (pod.get("status") or {}).get("startTime")
    if condition is None or not start:
        return True
    started = parse_rfc3339(start)
    changed_text = condition.get("lastTransitionTime")
    changed = parse_rfc3339(changed_text) if changed_text else 0
    if started + initialization > now:
        # The start itself costs CPU: a sample counts when all of its window lies after the pod became Ready.
        stale = metric.timestamp is None or metric.timestamp < changed + metric.window
        return condition["status"] == "False" or stale
    return condition["status"] == "False" and started + readiness_delay > changed


def pod_requests(pods: Iterable[Object], container: str, resource: str) -> dict[str, int]:
    """What each pod (or its one container) requests.

    Raises:
        NoMetric: a container has no request.
    """
    requests = {}
    for pod in pods:
        spec = pod["spec"]
        sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
        total = 0
        for each in (*(spec.get("containers") or ()), *sidecars):
            if container and each["name"] != container:
                continue
            request = ((each.get("resources") or {}).get("requests") or {}).get(resource)
            if request is None:
                where = f"in container {each['name']} of Pod {objects.name(pod)}"
                raise NoMetric(f"missing request for {resource} {where}")
            total += quantity.milli(request)
        requests[objects.name(pod)] = total
    return requests

"""Which pods the pod garbage collector removes, and why.  Decides; never acts.

**Imitates:** ``pkg/controller/podgc/gc_controller.go`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kcsim.api import objects
from kcsim.cluster.controllers.pods import is_terminal, phase
from kcsim.cluster.taints import find_taint
from kcsim.profile.constants import DEFAULT

Object = dict[str, Any]

TERMINATED_THRESHOLD = DEFAULT.count("kube-controller-manager/terminated-pod-gc-threshold")
"""Ended pods beyond this many are removed (--terminated-pod-gc-threshold)."""

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


def is_out_of_service(node: Object) -> bool:
    """Whether someone declared a node that is not Ready out of service: its Terminating pods will never be ended."""
    taints = node["spec"].get("taints") or ()
    return find_taint(taints, OUT_OF_SERVICE) is not None and not objects.condition_is(node, "Ready")


def terminated_surplus(pods: Iterable[Object], threshold: int = TERMINATED_THRESHOLD) -> list[Object]:
    """Ended pods beyond the threshold: evicted ones first, then the oldest."""
    ended = [pod for pod in pods if is_terminal(pod)]
    if threshold <= 0 or len(ended) <= threshold:
        return []
    ended.sort(key=_eviction_then_age)
    return ended[: len(ended) - threshold]


def _eviction_then_age(pod: Object) -> tuple[bool, str, str, str]:
    evicted = phase(pod) == "Failed" and (pod.get("status") or {}).get("reason") == "Evicted"
    metadata = pod["metadata"]
    return not evicted, metadata.get("creationTimestamp", ""), metadata["name"], metadata.get("namespace", "")


def is_unscheduled_terminating(pod: Object) -> bool:
    """Whether a pod is being deleted that no kubelet ever saw."""
    return objects.is_deleting(pod) and not pod["spec"].get("nodeName")

"""What the scheduler tells about pods: conditions, the notes behind ``why``, and what it does not model.

**Imitates:** ``updatePod`` and ``podutil.UpdatePodCondition`` (pkg/scheduler/schedule_one.go, pkg/api/v1/pod/util.go,
v1.36) for the condition.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.not_modelled import told
from kcsim.api.objects import Object
from kcsim.cluster.scheduler.pod_info import PodInfo
from kcsim.cluster.scheduler.schedule_pod import Diagnosis
from kcsim.engine.clock import rfc3339

_TOLD = told("io.k8s.api.core.v1.PodSpec")

_NAMED_NODES = 20
"""Node names listed for each reason in a trace note; the count is always there."""


def subject(pod: PodInfo) -> str:
    """The pod as the trace names it."""
    return f"pod/{pod.namespace}/{pod.name}"


def refusals(diagnosis: Diagnosis) -> dict[str, Any]:
    """The refusals, reason by reason: plugin, number of nodes, and the first of their names."""
    if diagnosis.pre_filter is not None:
        status = diagnosis.pre_filter
        return {
            "nodes": diagnosis.node_count,
            "refusals": [{"plugin": status.plugin, "reasons": list(status.reasons)}],
        }
    return {
        "nodes": diagnosis.node_count,
        "refusals": [
            {
                "plugin": status.plugin,
                "reasons": list(status.reasons),
                "count": len(names),
                "on": names[:_NAMED_NODES],
            }
            for status, names in diagnosis.by_status.items()
        ],
    }


def status_patch(
    pod: Object, reason: str, message: str, now: int, nominated: str | None = None
) -> Object | None:
    """The patch that sets PodScheduled to False and the nominated node; None when the status says so already.

    Args:
        now: in µs.
        nominated: the node's name, "" for none; None leaves it as it is.
    """
    condition: dict[str, Any] = {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "reason": reason,
        "message": message,
    }
    generation = pod["metadata"].get("generation")
    if generation:
        condition["observedGeneration"] = generation
    changes: Object = {}
    before = objects.conditions(pod)
    after = objects.set_condition(before, condition, rfc3339(now))
    if after is not before:
        changes["conditions"] = [next(item for item in after if item["type"] == "PodScheduled")]
    if nominated is not None and nominated != (pod["status"].get("nominatedNodeName") or ""):
        changes["nominatedNodeName"] = nominated or None
    return {"status": changes} if changes else None


def may_help(old: Object, new: Object) -> bool:
    """Whether a waiting pod changed in a way that could make it schedulable: its spec or its labels."""
    before, after = old["spec"], new["spec"]
    return (before is not after and before != after) or objects.labels(old) != objects.labels(new)


def unmodelled_fields(pod: Object) -> list[str]:
    """Fields of the pod that would decide about its node on a real cluster and are not looked at here."""
    return [f"spec.{field}" for field in _TOLD if pod["spec"].get(field)]

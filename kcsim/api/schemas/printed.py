"""Members of a status that Go prints also when they were not sent: times that are structs, counters without omitempty.

**Imitates:** the Go types of kubernetes ``staging/src/k8s.io/api`` (v1.36): which fields of conditions and container
statuses lack ``omitempty``. Controllers of kcsim write these members themselves; clients need not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api.resources import GVK
from kcsim.api.schemas.definitions import definition
from kcsim.api.schemas.gotypes import struct_name
from kcsim.api.schemas.schema import Schema

Object = dict[str, Any]

_TRANSITION: Final[Mapping[str, Any]] = {"lastTransitionTime": None}
_PROBED: Final[Mapping[str, Any]] = {"lastProbeTime": None, "lastTransitionTime": None}
MEMBERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "DeploymentCondition": {"lastUpdateTime": None, "lastTransitionTime": None},
    "ReplicaSetCondition": _TRANSITION,
    "ReplicationControllerCondition": _TRANSITION,
    "StatefulSetCondition": _TRANSITION,
    "DaemonSetCondition": _TRANSITION,
    "HorizontalPodAutoscalerCondition": _TRANSITION,
    "NamespaceCondition": _TRANSITION,
    "CustomResourceDefinitionCondition": _TRANSITION,
    "JobCondition": _PROBED,
    "PodCondition": _PROBED,
    "PersistentVolumeClaimCondition": _PROBED,
    "NodeCondition": {"lastHeartbeatTime": None, "lastTransitionTime": None},
    "ContainerStateRunning": {"startedAt": None},
    "ContainerStateTerminated": {"startedAt": None, "finishedAt": None},
    "ContainerStatus": {
        "state": {},
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "image": "",
        "imageID": "",
    },
}


def with_printed(obj: Object, gvk: GVK) -> Object:
    """The object with the members of its status that are always printed; the same object when none is missing."""
    status = obj.get("status")
    node = definition(gvk)
    if not isinstance(status, dict) or node is None or "status" not in node.fields:
        return obj
    full = _fill(status, node.fields["status"])
    return obj if full is status else {**obj, "status": full}


def _fill(value: Any, node: Schema | None) -> Any:
    if node is None:
        return value
    if node.kind == "list" and isinstance(value, list):
        items = [_fill(item, node.element) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if node.kind != "struct" or not isinstance(value, dict):
        return value
    changed = {key: _fill(item, node.fields.get(key)) for key, item in value.items()}
    missing = {k: v for k, v in MEMBERS.get(struct_name(node), {}).items() if k not in value}
    if missing or any(changed[key] is not value[key] for key in value):
        return {**changed, **missing}
    return value

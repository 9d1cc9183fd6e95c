"""Legal differences: what two runs of a correct controller may differ in, and is not looked at.

=====================  ================================================================================================
rule                   what it covers
=====================  ================================================================================================
identities             uids and whatever looks like one, resourceVersion, managedFields, generations and the
                       observedGeneration that follows them
times                  whatever reads as an RFC 3339 timestamp; that a deletionTimestamp is there still counts
addresses              IPv4 and IPv6 addresses, MAC and port numbers that the server gave (nodePort)
places                 which node a pod runs on, and its host's address
generated names        objects named by the server (``generateName``) are compared as a set, without their suffix
order of conditions    ``status.conditions`` is compared by type
bookkeeping            Events and Leases, heartbeats, how often something was tried (``totalReconciliations``, counts of
                       restarts), the last applied configuration
fewer writes           doing less than the reference did is legal as long as the end is the same
overshoot              more of what has a generated name, if it is gone again: such objects stand for one another, and a
                       controller that corrects itself may overshoot (kubernetes/kubernetes#59848)
unanswered updates     how often an object was updated; but twice as often as the reference and ten more is told
=====================  ================================================================================================

Further fields may be left out by the caller: ``ignore=("status.lastSeen", "configmap:data.seen")``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object

KINDS = frozenset({"Event", "Lease", "ControllerRevision", "PodMetrics", "NodeMetrics"})
"""Kinds that are not compared."""
_METADATA = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "selfLink",
        "deletionGracePeriodSeconds",
    }
)
_DROPPED = frozenset(
    {
        "observedGeneration",
        "nodeName",
        "hostIP",
        "hostIPs",
        "nodePort",
        "totalReconciliations",
        "restartCount",
        "containerID",
        "lastState",
        "kubectl.kubernetes.io/last-applied-configuration",
        "collisionCount",
    }
)
_PATTERNS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "<ip>"),
)


def ident(word: str, obj: Object) -> str:
    """How an object is called across runs: ``secret/default/db``, ``pod/default/web-*`` under a generated name."""
    metadata = obj["metadata"]
    prefix = metadata.get("generateName")
    name = metadata["name"]
    if prefix and name.startswith(prefix):
        name = f"{prefix}*"
    return "/".join(part for part in (word, metadata.get("namespace", ""), name) if part)


def is_generated(called: str) -> bool:
    """Whether that is the name of any of several objects."""
    return called.endswith("*")


def masked(obj: Object, ignore: Sequence[str] = ()) -> Object:
    """The object without what may legally differ; ``ignore`` are paths, with the kind before them or without."""
    kind = str(obj.get("kind", "")).lower()
    for path in ignore:
        only, colon, rest = path.rpartition(":")
        if not colon or only.lower() == kind:
            obj = objects.dissoc(obj, tuple(rest.split(".")))
    result: Object = _masked(obj)
    metadata = {key: value for key, value in result["metadata"].items() if key not in _METADATA}
    prefix = metadata.get("generateName")
    if prefix and metadata["name"].startswith(prefix):
        metadata["name"] = f"{prefix}*"
    if not metadata.get("annotations", True):
        del metadata["annotations"]
    return {**result, "metadata": metadata}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _conditions(item) if key == "conditions" else _masked(item)
            for key, item in value.items()
            if key not in _DROPPED
        }
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, str) and len(value) >= len("1.1.1.1"):
        for pattern, word in _PATTERNS:
            value = pattern.sub(word, value)
        if value.count(":") > 1 and re.fullmatch(r"[0-9a-f:]+", value):
            return "<ip>"
    return value


def _conditions(conditions: Any) -> Any:
    if not isinstance(conditions, list):
        return _masked(conditions)
    kept = [
        {key: value for key, value in _masked(item).items() if key != "lastHeartbeatTime"}
        for item in conditions
        if isinstance(item, dict)
    ]
    return sorted(kept, key=lambda item: str(item.get("type")))

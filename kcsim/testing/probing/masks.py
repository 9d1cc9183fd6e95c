"""Legal differences: what two runs of a correct controller may differ in, and is not looked at.

=====================  ================================================================================================
rule                   what it covers
=====================  ================================================================================================
identities             uids and whatever looks like one, resourceVersion, managedFields, generations and the
                       observedGeneration that follows them
times                  whatever reads as an RFC 3339 timestamp; that a deletionTimestamp is there still counts; how long
                       something took, where a message tells it ("passed in 21.085ms")
addresses              IPv4 and IPv6 addresses, MAC and port numbers that the server gave (nodePort)
places                 which node a pod runs on, and its host's address
generated names        objects named by the server (``generateName`` and five letters) are compared as a set, without
                       their suffix; so is every mention of such a name, and of a pod's volume for its token
order                  ``status.conditions`` is compared by type, the endpoints of a slice as a set
bookkeeping            Events and Leases, heartbeats, how often something was tried (``totalReconciliations``, counts of
                       restarts), the last applied configuration, what a Deployment notes of sizes and of how many
                       rollouts there were, what Endpoints note of their last change
agents' histories      what Flux and Argo CD keep of the operations that led here (``status.history``, ``operationState``)
fewer writes           doing less than the reference did is legal as long as the end is the same; an old ReplicaSet of a
                       Deployment may be missing: its rollout never was
overshoot              more of what has a generated name, if it is gone again: such objects stand for one another, and a
                       controller that corrects itself may overshoot (kubernetes/kubernetes#59848)
unanswered updates     how often an object was updated; but twice as often as the reference and ten more is told
=====================  ================================================================================================

Further fields may be left out by the caller: ``ignore=("status.lastSeen", "configmap:data.seen")``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.dice import NAME_ALPHABET

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
        "lastReconciledDuration",
        "restartCount",
        "containerID",
        "lastState",
        "kubectl.kubernetes.io/last-applied-configuration",
        "endpoints.kubernetes.io/last-change-trigger-time",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "collisionCount",
    }
)
_HISTORIES = (("toolkit.fluxcd.io", ("history",)), ("argoproj.io", ("history", "operationState")))
"""End of an API group -> the fields of its status that tell how it came about."""
_PATTERNS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"\bin (?:\d+(?:\.\d+)?(?:h|m|s|ms|µs))+(?![\w.])"), "in <duration>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "<ip>"),
    (re.compile(rf"\bkube-api-access-[{NAME_ALPHABET}]{{5}}\b"), "kube-api-access-*"),
)
_IPV6 = re.compile(r"[0-9a-f:]+")
_LETTERS = 5
_SUFFIX = re.compile(f"[{NAME_ALPHABET}]{{{_LETTERS}}}")
_SETS = frozenset({"endpoints", "subsets"})


def generated(obj: Object) -> str:
    """``web-*`` for an object that the server named so, "" for one with a name of its own (``web-0``)."""
    metadata = obj["metadata"]
    prefix, name = metadata.get("generateName"), metadata["name"]
    if prefix and name.startswith(prefix) and _SUFFIX.fullmatch(name, len(prefix)):
        return f"{prefix}*"
    return ""


def ident(word: str, obj: Object) -> str:
    """How an object is called across runs: ``secret/default/db``, ``pod/default/web-*`` under a generated name."""
    name = generated(obj) or obj["metadata"]["name"]
    return "/".join(part for part in (word, obj["metadata"].get("namespace", ""), name) if part)


def is_generated(called: str) -> bool:
    """Whether that is the name of any of several objects."""
    return called.endswith("*")


def mentions(names: Iterable[str]) -> re.Pattern[str] | None:
    """What finds the generated names of a run wherever they are mentioned; None when there are none."""
    longest_first = sorted({*names}, key=lambda name: (-len(name), name))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def masked(obj: Object, names: re.Pattern[str] | None, ignore: Sequence[str] = ()) -> Object:
    """The object without what may legally differ.

    Args:
        obj: as it is stored.
        names: the generated names of the run (``mentions``).
        ignore: paths that are left out, with the kind before them (``configmap:data.seen``) or without.
    """
    kind = str(obj.get("kind", "")).lower()
    for path in ignore:
        only, colon, rest = path.rpartition(":")
        if not colon or only.lower() == kind:
            obj = objects.dissoc(obj, tuple(rest.split(".")))
    for group, fields in _HISTORIES:
        if obj.get("apiVersion", "").partition("/")[0].endswith(group):
            for name in fields:
                obj = objects.dissoc(obj, ("status", name))
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _METADATA}
    result: Object = _masked({**obj, "metadata": metadata}, names)
    if not result["metadata"].get("annotations", True):
        del result["metadata"]["annotations"]
    return result


def is_old_replica_set(obj: Object) -> bool:
    """Whether it is what a Deployment keeps of a rollout of before, to roll back to."""
    owner = objects.controller_of(obj)
    return (
        obj["kind"] == "ReplicaSet"
        and obj["spec"].get("replicas") == 0
        and owner is not None
        and owner["kind"] == "Deployment"
    )


def _masked(value: Any, names: re.Pattern[str] | None) -> Any:
    if isinstance(value, dict):
        return {key: _field(key, item, names) for key, item in value.items() if key not in _DROPPED}
    if isinstance(value, list):
        return [_masked(item, names) for item in value]
    if isinstance(value, str) and len(value) >= len("1.1.1.1"):
        return _text(value, names)
    return value


def _field(key: str, value: Any, names: re.Pattern[str] | None) -> Any:
    found = _masked(value, names)
    if isinstance(found, list):
        if key == "conditions":
            return sorted(found, key=lambda item: str(item.get("type")) if isinstance(item, dict) else "")
        if key in _SETS:
            return sorted(found, key=repr)
    return found


def _text(value: str, names: re.Pattern[str] | None) -> str:
    value = _unmarked(value)
    return names.sub(_as_generated, value) if names is not None and "-" in value else value


def _as_generated(found: re.Match[str]) -> str:
    return f"{found[0][:-_LETTERS]}*"


@lru_cache(maxsize=8192)
def _unmarked(value: str) -> str:
    """A text without what differs from run to run by itself."""
    for pattern, word in _PATTERNS:
        value = pattern.sub(word, value)
    return "<ip>" if value.count(":") > 1 and _IPV6.fullmatch(value) else value

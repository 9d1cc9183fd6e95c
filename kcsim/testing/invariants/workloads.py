"""Promises of the controllers of workloads.

A controller acts on caches that are some instants old, so each judgement allows what was true within ``STALE`` before.
"""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.api import objects
from kcsim.api.objects import Key, Object
from kcsim.engine.clock import SECOND
from kcsim.testing.invariants.history import History, Write

CONTROLLERS = "system:kube-controller-manager"
STALE = 5 * SECOND
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_SETS, _DEPLOYMENTS = "replicaset.apps", "deployment.apps"


def a_rolling_update_adds_no_more_than_its_surge(history: History) -> Iterator[tuple[Write, str]]:
    """No scale-up by the Deployment controller brings a Deployment's ReplicaSets above replicas + maxSurge in sum.

    Source: pkg/controller/deployment/rolling.go, util/deployment_util.go NewRSNewReplicas (workloads reference, 18.1).
    """
    for write, owner in _scalings(history):
        if _size(write.object) <= _size_before(write):
            continue
        limits = [
            (_replicas(deployment), _replicas(deployment) + _fenceposts(deployment)[0])
            for deployment in history.lately(write.cluster, _DEPLOYMENTS, owner, write.time, STALE)
        ]
        if not limits:
            continue
        desired, most = max(size for size, _ in limits), max(limit for _, limit in limits)
        total = sum(_size(each) for each in _sets_of(history, write, owner))
        if total > most:
            yield write, f"{total} replicas in all ReplicaSets, where {desired} are wanted and {most} allowed"
        if _size(write.object) > desired:
            yield write, f"{_size(write.object)} replicas in one ReplicaSet, where {desired} are wanted"


def a_rolling_update_takes_no_more_than_may_be_unavailable(history: History) -> Iterator[tuple[Write, str]]:
    """No scale-down by the Deployment controller leaves fewer than replicas - maxUnavailable available.

    Judged by the statuses that the controller may have seen, which lag behind the pods: upstream's steps may overlap.
    A Deployment that is scaled in mid-rollout shrinks all its sets in proportion, whatever is available.

    Source: pkg/controller/deployment/rolling.go reconcileOldReplicaSets (workloads reference, 18.2).
    """
    for write, owner in _scalings(history):
        if _size(write.object) >= _size_before(write) or _is_resized(write):
            continue
        least = [
            _replicas(deployment) - _fenceposts(deployment)[1]
            for deployment in history.lately(write.cluster, _DEPLOYMENTS, owner, write.time, STALE)
            if (deployment["spec"].get("strategy") or {}).get("type") != "Recreate"
        ]
        if not least:
            continue
        # Pods that are not available go first; so many available ones go with this step.
        unavailable = max(_size_before(write) - _available(write.object), 0)
        taken = _size_before(write) - _size(write.object) - unavailable
        if taken <= 0:
            continue
        # The controller's cache may be behind by a moment, and for each set by another one.
        seen = sum(
            max((_available(each) for each in states if _belongs_to(each, owner)), default=0)
            for key in history.keys(write.cluster, _SETS, owner[0])
            for states in [history.lately(write.cluster, _SETS, key, write.time, STALE)]
        )
        if seen - taken < min(least):
            yield (write, f"{taken} of {seen} available pods are taken, where {min(least)} have to stay")


def one_stateful_pod_an_ordinal_and_in_order(history: History) -> Iterator[tuple[Write, str]]:
    """An OrderedReady StatefulSet creates the pod of an ordinal only when all before it are Ready.

    Source: pkg/controller/statefulset/stateful_set_control.go processReplica (workloads reference, 18.3).
    """
    for write in history.writes("pod"):
        if write.before is not None or write.deleted or write.record.actor != CONTROLLERS:
            continue
        owner = objects.controller_of(write.object)
        if owner is None or owner["kind"] != "StatefulSet":
            continue
        namespace, name = write.key
        stateful = history.at(write.cluster, "statefulset.apps", (namespace, owner["name"]), write.time)
        if stateful is None or stateful["spec"].get("podManagementPolicy") == "Parallel":
            continue
        ordinal = int(name.rpartition("-")[2])
        first = int((stateful["spec"].get("ordinals") or {}).get("start", 0))
        for earlier in range(first, ordinal):
            key = (namespace, f"{owner['name']}-{earlier}")
            states = history.lately(write.cluster, "pod", key, write.time, STALE)
            if not any(objects.condition_is(pod, "Ready") for pod in states):
                yield write, f"created while {key[1]} is not Ready"


# --- what they read -------------------------------------------------------------------------------------------


def _scalings(history: History) -> Iterator[tuple[Write, Key]]:
    """Writes by which the controller manager sized a ReplicaSet of a Deployment, with the Deployment's key."""
    for write in history.writes(_SETS):
        if write.deleted or write.record.actor != CONTROLLERS:
            continue
        if _size(write.object) == _size_before(write):
            continue
        owner = objects.controller_of(write.object)
        if owner is not None and owner["kind"] == "Deployment":
            yield write, (write.key[0], owner["name"])


def _sets_of(history: History, write: Write, owner: Key, time: int = -1) -> list[Object]:
    """The Deployment's ReplicaSets as they were at a time; at that of the write by default, with it."""
    found = []
    for key in history.keys(write.cluster, _SETS, owner[0]):
        each = history.at(write.cluster, _SETS, key, write.time if time < 0 else time)
        if key == write.key and time < 0:
            each = write.object
        if each is not None and _belongs_to(each, owner):
            found.append(each)
    return found


def _belongs_to(replica_set: Object, owner: Key) -> bool:
    controller = objects.controller_of(replica_set)
    return controller is not None and bool(controller["name"] == owner[1])


def _is_resized(write: Write) -> bool:
    """Whether the set follows a new size of its Deployment."""
    assert write.before is not None, "a set that shrinks was there before"
    then, now = (objects.annotations(each).get(_DESIRED) for each in (write.before.object, write.object))
    return then != now


def _size(replica_set: Object) -> int:
    return int(replica_set["spec"].get("replicas", 1))


def _size_before(write: Write) -> int:
    return _size(write.before.object) if write.before is not None else 0


def _available(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def _replicas(deployment: Object) -> int:
    return int(deployment["spec"].get("replicas", 1))


def _fenceposts(deployment: Object) -> tuple[int, int]:
    """Surge (rounded up) and unavailable pods (rounded down) in numbers."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, _replicas(deployment)
    update = strategy.get("rollingUpdate") or {}
    surge = _share(update.get("maxSurge", "25%"), _replicas(deployment), up=True)
    unavailable = _share(update.get("maxUnavailable", "25%"), _replicas(deployment), up=False)
    return surge, unavailable if surge or unavailable else 1


def _share(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    hundredths = int(value.rstrip("%")) * total
    return -(-hundredths // 100) if up else hundredths // 100

"""The order of a StatefulSet: what one sync may do to its pods.  Decides; never acts.

**Imitates:** ``processReplica``, ``processCondemned``, the update phase of ``updateStatefulSet`` and
``updateStatefulSetAfterInvariantEstablished`` of ``pkg/controller/statefulset/stateful_set_control.go``, and
``getStatefulSetMaxUnavailable`` of ``stateful_set_utils.go`` (v1.36). The gate MaxUnavailableStatefulSet is off in
1.36 and on in 1.35.0; in both, partition holds.

**Walk** of a sync: each replica upwards (`replica_step`) -> the pods beyond the replicas downwards
(`condemned_step`) -> the rollout (`pods_to_update`). With ``OrderedReady`` the first replica that is not available
ends it, which is why a broken template can only be mended by deleting its pod.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kcsim.api.intstr import IntOrString, get_scaled_value_from_int_or_percent
from kcsim.cluster.controllers import pods as podutil
from kcsim.cluster.controllers.statefulset.identity import (
    in_ordinal_range,
    new_versioned_pod,
    ordinal_of,
    pod_revision,
    replicas_of,
    start_ordinal,
)
from kcsim.cluster.controllers.statefulset.status import is_created, is_running_and_ready, is_unavailable

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Members:
    """The pods of a set, sorted into those it asks for and those beyond.

    Attributes:
        replicas: one for each ordinal, upwards; those that are missing as they are to be created.
        condemned: pods of other ordinals, highest first.
        first_unavailable: the name of the lowest replica, or else of the lowest condemned pod, that is unavailable.
    """

    replicas: list[Object]
    condemned: list[Object]
    first_unavailable: str


def sort_members(
    stateful_set: Object, pods: Sequence[Object], current: Object, update: Object, now: int
) -> Members:
    """The members, given all pods of a set and its two ControllerRevisions."""
    start, count = start_ordinal(stateful_set), replicas_of(stateful_set)
    found: dict[int, Object] = {}
    condemned = []
    for pod in pods:
        if in_ordinal_range(stateful_set, pod):
            found[ordinal_of(pod)] = pod
        elif ordinal_of(pod) >= 0:
            condemned.append(pod)
    replicas = [
        found.get(ordinal) or new_versioned_pod(stateful_set, current, update, ordinal)
        for ordinal in range(start, start + count)
    ]
    condemned.sort(key=ordinal_of, reverse=True)
    wait = stateful_set["spec"].get("minReadySeconds", 0)
    first = next((pod for pod in (*replicas, *reversed(condemned)) if is_unavailable(pod, wait, now)), None)
    return Members(replicas, condemned, first["metadata"]["name"] if first is not None else "")


Step = Literal["delete", "wait", "create", "settle"]


def replica_step(pod: Object, *, monotonic: bool, min_ready_seconds: int, now: int) -> Step:
    """What to do with one replica; "settle": see that its identity and storage are right, and go on to the next."""
    if podutil.is_terminal(pod):
        # A new one is made at the next sync, when this one is out of the store.
        return "wait" if pod["metadata"].get("deletionTimestamp") else "delete"
    if not is_created(pod):
        return "create"
    if monotonic and not (
        not pod["metadata"].get("deletionTimestamp")
        and is_running_and_ready(pod)
        and podutil.is_available(pod, min_ready_seconds, now)
    ):
        return "wait"
    return "settle"


def condemned_step(
    pod: Object, *, monotonic: bool, first_unavailable: str, min_ready_seconds: int, now: int
) -> Literal["delete", "wait", "skip"]:
    """What to do with one pod beyond the replicas: in order, only the lowest of the unavailable ones may go."""
    if pod["metadata"].get("deletionTimestamp"):
        return "wait" if monotonic else "skip"
    if monotonic and pod["metadata"]["name"] != first_unavailable:
        ready = is_running_and_ready(pod) and podutil.is_available(pod, min_ready_seconds, now)
        return "delete" if ready else "wait"
    return "delete"


def pods_to_update(
    stateful_set: Object, replicas: Sequence[Object], update_revision: str, now: int, *, many: bool
) -> list[Object]:
    """The pods to delete because their template is old, highest ordinal first.

    ``many``: the gate MaxUnavailableStatefulSet is on; else one at a time, and only while none above is unavailable.
    """
    strategy = stateful_set["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return []
    rolling = strategy.get("rollingUpdate") or {}
    lowest = rolling.get("partition", 0)
    wait = stateful_set["spec"].get("minReadySeconds", 0)
    if many:
        return _up_to_max_unavailable(replicas, lowest, update_revision, rolling, wait, now)
    for pod in reversed(replicas[lowest:]):
        if _is_outdated(pod, update_revision):
            return [pod]
        if is_unavailable(pod, wait, now):
            return []
    return []


def _up_to_max_unavailable(
    replicas: Sequence[Object], lowest: int, update_revision: str, rolling: Object, wait: int, now: int
) -> list[Object]:
    most = get_stateful_set_max_unavailable(rolling.get("maxUnavailable"), len(replicas))
    room = most - sum(is_unavailable(pod, wait, now) for pod in replicas)
    if room <= 0:
        return []
    outdated = [pod for pod in reversed(replicas[lowest:]) if _is_outdated(pod, update_revision)]
    return outdated[:room]


def _is_outdated(pod: Object, update_revision: str) -> bool:
    return pod_revision(pod) != update_revision and not pod["metadata"].get("deletionTimestamp")


def get_stateful_set_max_unavailable(max_unavailable: IntOrString | None, replicas: int) -> int:
    """maxUnavailable in pods: 1 by default, percentages rounded down, never less than 1."""
    value = 1 if max_unavailable is None else max_unavailable
    return max(1, get_scaled_value_from_int_or_percent(value, replicas, round_up=False))

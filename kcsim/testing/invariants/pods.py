"""Promises of pods: where they run, how they restart, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.testing.invariants.history import History, Write

BACK_OFF_FIRST, BACK_OFF_MOST = 10 * SECOND, 300 * SECOND
_LOST = 255
"""Exit code of a container whose machine died: its kubelet has forgotten every back-off."""


def a_pod_stays_on_its_node(history: History) -> Iterator[tuple[Write, str]]:
    """A pod's nodeName is set once, and none of its containers starts before it is scheduled.

    Source: pkg/apis/core/validation (nodeName is immutable), pkg/kubelet (workloads reference, 18.4).
    """
    for write in history.writes("pod"):
        node = write.object["spec"].get("nodeName", "")
        before = write.before.object["spec"].get("nodeName", "") if write.before is not None else ""
        if before and node != before:
            yield write, f"moved from {before} to {node or 'no node'}"
        started = [
            status["name"]
            for status in _container_statuses(write.object)
            if "running" in (status.get("state") or {})
        ]
        if started and not node:
            yield write, f"container {started[0]} runs, and the pod has no node"
        elif started and not objects.condition_is(write.object, "PodScheduled"):
            yield write, f"container {started[0]} runs before PodScheduled"


@dataclass(slots=True)
class _Life:
    """What is known of one container's restarts: the back-off in force, and when its run began (µs)."""

    count: int = 0
    wait: int = 0
    began: int = 0
    image: str = ""


def restarts_count_up_and_wait_their_back_off(history: History) -> Iterator[tuple[Write, str]]:
    """restartCount never falls, and from a container's end to its next start passes the back-off in force.

    The first restart is at once, then 10 s doubling to 300 s; ten minutes of running begin anew.

    Source: pkg/kubelet/kuberuntime doBackOff (workloads reference, 13.5 and 18.5).
    """
    lives: dict[tuple[str, str], _Life] = {}
    for write in history.writes("pod"):
        for status in _container_statuses(write.object):
            key = (write.uid, status["name"])
            life = lives.get(key)
            if life is None:
                life = lives[key] = _Life(image=status.get("image", ""))
            why = _follow(life, status)
            if why:
                yield write, f"container {status['name']} {why}"
        if write.deleted:
            for status in _container_statuses(write.object):
                lives.pop((write.uid, status["name"]), None)


def _follow(life: _Life, status: dict[str, Any]) -> str:
    count = status.get("restartCount", 0)
    if count < life.count:
        return f"has restarted {count} times after {life.count}"
    running = (status.get("state") or {}).get("running")
    ended = (status.get("lastState") or {}).get("terminated") or {}
    why = ""
    if count > life.count and running is not None and ended.get("finishedAt"):
        finished, started = parse_rfc3339(ended["finishedAt"]), parse_rfc3339(running["startedAt"])
        forgets = (
            count > life.count + 1 or ended.get("exitCode") == _LOST or status.get("image") != life.image
        )
        if forgets:
            life.wait = 0
        else:
            expired = life.began and finished - life.began > 2 * BACK_OFF_MOST
            wait = 0 if expired else life.wait
            # Both instants are whole seconds.
            if started - finished < wait - SECOND:
                gap = (started - finished) // SECOND
                why = f"started {gap} s after its end, in a back-off of {wait // SECOND} s"
            life.wait = min(max(2 * wait, BACK_OFF_FIRST), BACK_OFF_MOST)
    if running is not None and running.get("startedAt"):
        life.count, life.image = count, status.get("image", "")
        life.began = parse_rfc3339(running["startedAt"])
    return why


def conditions_are_in_order(history: History) -> Iterator[tuple[Write, str]]:
    """A pod that is Ready has its containers ready, and has been initialized.

    Source: pkg/kubelet/status/generate.go (workloads reference, 18.6).
    """
    for write in history.writes("pod"):
        if _status(write.object, "Ready") == "True" and _status(write.object, "ContainersReady") == "False":
            yield write, "Ready, and its containers are not"
        if (
            _status(write.object, "ContainersReady") == "True"
            and _status(write.object, "Initialized") == "False"
        ):
            yield write, "its containers are ready before it is initialized"


def conditions_move_with_their_status(history: History) -> Iterator[tuple[Write, str]]:
    """lastTransitionTime of a pod's condition changes only when its status does.

    Source: pkg/kubelet/status/status_manager.go updateLastTransitionTime (workloads reference, 18.6).
    """
    for write in history.writes("pod"):
        if write.before is None:
            continue
        old = {c["type"]: c for c in objects.conditions(write.before.object)}
        for condition in objects.conditions(write.object):
            known = old.get(condition["type"])
            if (
                known is not None
                and known is not condition
                and known["status"] == condition["status"]
                and known.get("lastTransitionTime") != condition.get("lastTransitionTime")
            ):
                yield write, f"{condition['type']} is still {condition['status']}, and has another time"


def addresses_are_given_once(history: History) -> Iterator[tuple[Write, str]]:
    """No two pods that are alive at an instant have one address, unless they share their node's.

    Source: the network model of Kubernetes (workloads reference, 15).
    """
    holders: dict[tuple[str, str], str] = {}
    for write in history.writes("pod"):
        addresses = _pod_ips(write.object)
        if not addresses or write.object["spec"].get("hostNetwork"):
            continue
        ended = write.object["status"].get("phase") in {"Succeeded", "Failed"}
        before = _pod_ips(write.before.object) if write.before is not None else []
        for address in addresses:
            place = (write.cluster, address)
            if write.deleted or ended:
                if holders.get(place) == write.uid:
                    del holders[place]
            elif address not in before:
                if holders.get(place, write.uid) != write.uid and not _is_lost(
                    history, write, holders[place]
                ):
                    yield write, f"{address} is another pod's already"
                holders[place] = write.uid


def _pod_ips(pod: Object) -> list[str]:
    """All addresses of a pod; what was written by hand may name only the first."""
    status = pod.get("status") or {}
    return [item["ip"] for item in status.get("podIPs") or ()] or [ip for ip in (status.get("podIP"),) if ip]


def _is_lost(history: History, write: Write, holder: str) -> bool:
    """Whether the pod that had an address is Terminating: its node may have let it go before the object."""
    for other in reversed(history.writes("pod")):
        if other.uid == holder and other.record.seq < write.record.seq:
            return objects.is_deleting(other.object)
    return True


def _container_statuses(pod: Object) -> list[dict[str, Any]]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def _status(pod: Object, kind: str) -> str:
    condition = objects.condition(pod, kind)
    return condition["status"] if condition is not None else ""

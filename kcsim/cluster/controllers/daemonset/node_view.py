"""One node in the eyes of one DaemonSet.  Decides; never acts.

All that a sync wants to know of a node is worked out here from its pods, once for each change: what the controller must
do there, what the rollout may do there, and what the node adds to the status.

**Imitates:** ``podsShouldBeOnNode``, ``findUpdatedPodsOnNode`` and the loop of ``updateDaemonSetStatus`` in
``pkg/controller/daemon/{daemon_controller,update}.go`` (v1.36), which go through all nodes at each sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kcsim.cluster.controllers import pods as podutil
from kcsim.cluster.controllers.daemonset.placement import is_pod_updated
from kcsim.cluster.controllers.history.revisions import CONTROLLER_REVISION_HASH
from kcsim.engine.clock import SECOND

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a DaemonSet decides about the pods of a node."""

    revision_hash: str
    generation: int | None
    min_ready_seconds: int
    surges: bool
    """Whether maxSurge lets a new pod start beside the old one."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be done on a node whatever the rollout says."""

    create: bool = False
    remove: tuple[str, ...] = ()
    """Names of pods that are too many, or on a node that should not run one."""
    failed: tuple[str, ...] = ()
    succeeded: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.create or bool(self.remove or self.failed or self.succeeded)


Age = Literal["none", "unavailable", "available"]


@dataclass(frozen=True, slots=True)
class Roll:
    """How far the rollout has come on a node: its new pod and its old one. ``excess``: more than one of a kind."""

    new: Age = "none"
    old: Age = "none"
    should_run: bool = True
    excess: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """What nodes add to the status."""

    desired: int = 0
    current: int = 0
    misscheduled: int = 0
    ready: int = 0
    updated: int = 0
    available: int = 0

    def plus(self, other: Tally, sign: int = 1) -> Tally:
        """The sum, or with -1 the difference."""
        return Tally(
            self.desired + sign * other.desired,
            self.current + sign * other.current,
            self.misscheduled + sign * other.misscheduled,
            self.ready + sign * other.ready,
            self.updated + sign * other.updated,
            self.available + sign * other.available,
        )


NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class NodeView:
    """All of it. ``roll`` is None where the rollout has nothing to count; ``old`` is the name of the outdated pod."""

    needs: Needs
    roll: Roll | None
    old: str
    tally: Tally
    changes_at: int | None
    """When (µs) a ready pod becomes available, and the view with it."""


def view_node(
    exists: bool, should_run: bool, may_stay: bool, pods: Sequence[Object], rules: Rules, now: int
) -> NodeView:
    """The view of a node; ``pods`` are the DaemonSet's pods there, without ended ones that are being deleted."""
    if not exists:
        # Pods bound to a lost node are the pod garbage collector's; those never bound are ours.
        unbound = tuple(p["metadata"]["name"] for p in pods if not p["spec"].get("nodeName"))
        roll, old = _roll(pods, False, rules, now)
        return NodeView(Needs(remove=unbound), roll, old, NOTHING, None)
    needs = _needs(should_run, may_stay, pods, rules, now)
    tally, changes_at = _tally(should_run, pods, rules, now), _next_change(pods, rules, now)
    if not pods and not should_run:
        return NodeView(needs, None, "", tally, changes_at)
    roll, old = _roll(pods, should_run, rules, now)
    return NodeView(needs, roll, old, tally, changes_at)


# --- what must be done ------------------------------------------------------------------------------------------


def _needs(should_run: bool, may_stay: bool, pods: Sequence[Object], rules: Rules, now: int) -> Needs:
    if should_run and not pods:
        return Needs(create=True)
    live = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not may_stay:
        return Needs(remove=tuple(pod["metadata"]["name"] for pod in live))
    failed = tuple(p["metadata"]["name"] for p in live if podutil.phase(p) == "Failed")
    succeeded = tuple(p["metadata"]["name"] for p in live if podutil.phase(p) == "Succeeded")
    running = sorted((pod for pod in live if not podutil.is_terminal(pod)), key=_by_age)
    if not rules.surges:
        return Needs(False, tuple(p["metadata"]["name"] for p in running[1:]), failed, succeeded)
    if len(running) <= 1:
        return Needs(should_run and not running, (), failed, succeeded)
    return Needs(False, _too_many_surging(running, rules, now), failed, succeeded)


def _by_age(pod: Object) -> tuple[bool, str, str]:
    """Bound ones first, then the oldest (podByCreationTimestampAndPhase)."""
    metadata = pod["metadata"]
    return not pod["spec"].get("nodeName"), metadata.get("creationTimestamp") or "", metadata["name"]


def _too_many_surging(running: Sequence[Object], rules: Rules, now: int) -> tuple[str, ...]:
    """Two may stay: the oldest new pod while it is not available, and the oldest old one while that is ready."""
    new = old = None
    names = []
    for pod in running:
        labels = pod["metadata"].get("labels") or {}
        if labels.get(CONTROLLER_REVISION_HASH) == rules.revision_hash:
            if new is None:
                new = pod
                continue
        elif old is None:
            old = pod
            continue
        names.append(pod["metadata"]["name"])
    if new is not None and old is not None:
        done = podutil.is_available(new, rules.min_ready_seconds, now)
        if not podutil.is_ready(old) or done:
            names.append(old["metadata"]["name"])
    return tuple(names)


# --- what the rollout sees --------------------------------------------------------------------------------------


def _roll(pods: Sequence[Object], should_run: bool, rules: Rules, now: int) -> tuple[Roll, str]:
    new = old = None
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp"):
            continue
        if is_pod_updated(pod, rules.revision_hash, rules.generation):
            if new is not None:
                return Roll(should_run=should_run, excess=True), ""
            new = pod
        else:
            if old is not None:
                return Roll(should_run=should_run, excess=True), ""
            old = pod
    roll = Roll(_age(new, rules, now), _age(old, rules, now), should_run)
    return roll, old["metadata"]["name"] if old is not None else ""


def _age(pod: Object | None, rules: Rules, now: int) -> Age:
    if pod is None:
        return "none"
    return "available" if podutil.is_available(pod, rules.min_ready_seconds, now) else "unavailable"


# --- what the status counts -------------------------------------------------------------------------------------


def _tally(should_run: bool, pods: Sequence[Object], rules: Rules, now: int) -> Tally:
    if not should_run:
        return Tally(misscheduled=1) if pods else NOTHING
    if not pods:
        return Tally(desired=1)
    first = min(pods, key=_by_age)
    ready = podutil.is_ready(first)
    return Tally(
        desired=1,
        current=1,
        ready=int(ready),
        updated=int(is_pod_updated(first, rules.revision_hash, rules.generation)),
        available=int(ready and podutil.is_available(first, rules.min_ready_seconds, now)),
    )


def _next_change(pods: Sequence[Object], rules: Rules, now: int) -> int | None:
    if not rules.min_ready_seconds:
        return None
    times = [
        since + rules.min_ready_seconds * SECOND
        for pod in pods
        if (since := podutil.ready_since(pod)) is not None
    ]
    return min((time for time in times if time > now), default=None)

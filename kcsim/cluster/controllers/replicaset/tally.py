"""The pods of each controlling object, counted as they change.

A sync of a ReplicaSet of 5,000 pods because one of them became ready must not look at 5,000 pods. So every change of a
pod moves a few counters here, and a sync reads them. What needs the owner's selector or template (does a pod still
match, is it fully labelled, is it ready for long enough) is worked out at the sync, once for each pod that changed.

**Imitates:** the index ``controllerUID`` and the pod filters of ``pkg/controller/replicaset/replica_set.go`` (v1.36),
which go through all pods of the set at each sync; the outcome is the same.
**May:** keep references to pods it was shown; never changes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcsim.api.selectors import LabelSelector
from kcsim.cluster.controllers.pods import ready_condition
from kcsim.cluster.controllers.replicaset.status import Counts
from kcsim.engine.clock import SECOND, parse_rfc3339

Pod = dict[str, Any]
Labels = dict[str, str]

ACTIVE, READY, TERMINATING = 1, 2, 4


def pod_flags(pod: Pod) -> int:
    """ACTIVE (with READY when it is), or TERMINATING, or 0 for a pod that has ended."""
    status = pod.get("status")
    if status and status.get("phase") in ("Succeeded", "Failed"):
        return 0
    if pod["metadata"].get("deletionTimestamp"):
        return TERMINATING
    condition = ready_condition(pod)
    return ACTIVE | READY if condition is not None and condition["status"] == "True" else ACTIVE


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the owner decides about its pods."""

    selector: LabelSelector
    labels: Labels
    """Labels of the template: a pod that has them all is fully labelled."""
    min_ready_seconds: int


class Owned:
    """The pods one object controls.

    Attributes:
        pods: all of them by name, in the order they were first seen.
        mismatched: names of those the owner's selector does not select, as of the last `count`.
    """

    __slots__ = (
        "_active",
        "_flags",
        "_fresh",
        "_ready",
        "_rules",
        "_terminating",
        "_unlabeled",
        "_waiting",
        "mismatched",
        "pods",
    )

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.mismatched: dict[str, None] = {}
        self._flags: dict[str, int] = {}
        self._active = self._ready = self._terminating = 0
        # Names whose labels are new since the last count, and those found to lack labels of the template.
        self._fresh: dict[str, None] = {}
        self._unlabeled: dict[str, None] = {}
        # Ready pods that may not have been ready for long enough, and since when. Empty when nobody asks for long.
        self._waiting: dict[str, int] = {}
        self._rules: Rules | None = None

    def __len__(self) -> int:
        return len(self.pods)

    def flags(self, name: str) -> int:
        """The `pod_flags` of one of the pods."""
        return self._flags[name]

    def put(self, pod: Pod, flags: int) -> None:
        """A pod as it is now, with its `pod_flags`."""
        metadata = pod["metadata"]
        name = metadata["name"]
        old = self.pods.get(name)
        self.pods[name] = pod
        if old is None or old["metadata"].get("labels") is not metadata.get("labels"):
            self._fresh[name] = None
        before = self._flags.get(name, 0)
        if flags != before or old is None:
            self._flags[name] = flags
            self._move(flags, 1)
            self._move(before, -1)
        if self._rules is not None and self._rules.min_ready_seconds:
            self._watch_ready(name, pod, flags)

    def drop(self, name: str) -> None:
        """The pod is gone, or someone else's now."""
        if self.pods.pop(name, None) is None:
            return
        self._move(self._flags.pop(name), -1)
        self._fresh.pop(name, None)
        self._unlabeled.pop(name, None)
        self._waiting.pop(name, None)
        self.mismatched.pop(name, None)

    def _move(self, flags: int, by: int) -> None:
        if flags & ACTIVE:
            self._active += by
            if flags & READY:
                self._ready += by
        elif flags:
            self._terminating += by

    def _watch_ready(self, name: str, pod: Pod, flags: int) -> None:
        if not flags & READY:
            self._waiting.pop(name, None)
            return
        condition = ready_condition(pod) or {}
        since = condition.get("lastTransitionTime")
        # Without a time the pod never counts as available (IsPodAvailable).
        self._waiting[name] = parse_rfc3339(since) if since else 1 << 62

    def count(self, rules: Rules, now: int) -> Counts:
        """The counts at ``now`` (µs) by these rules. Looks only at pods that changed since the last time."""
        if rules != self._rules:
            self._judge_all(rules)
        for name in self._fresh:
            self._judge(name, rules)
        self._fresh.clear()
        if rules.min_ready_seconds:
            limit = now - rules.min_ready_seconds * SECOND
            for name in [name for name, since in self._waiting.items() if since <= limit]:
                del self._waiting[name]
        active, ready, terminating = self._active, self._ready, self._terminating
        waiting = len(self._waiting)
        for name in self.mismatched:
            flags = self._flags[name]
            active -= flags & ACTIVE
            ready -= bool(flags & READY)
            terminating -= bool(flags & TERMINATING)
            waiting -= name in self._waiting
        unlabeled = sum(
            1 for name in self._unlabeled if self._flags[name] & ACTIVE and name not in self.mismatched
        )
        return Counts(active, active - unlabeled, ready, ready - waiting, terminating)

    def _judge_all(self, rules: Rules) -> None:
        self._rules = rules
        self._fresh = dict.fromkeys(self.pods)
        self._waiting.clear()
        if rules.min_ready_seconds:
            for name, pod in self.pods.items():
                self._watch_ready(name, pod, self._flags[name])

    def _judge(self, name: str, rules: Rules) -> None:
        labels = self.pods[name]["metadata"].get("labels") or {}
        if rules.selector.matches(labels):
            self.mismatched.pop(name, None)
        else:
            self.mismatched[name] = None
        if labels == rules.labels or rules.labels.items() <= labels.items():
            self._unlabeled.pop(name, None)
        else:
            self._unlabeled[name] = None

    def next_available_at(self, min_ready_seconds: int) -> int | None:
        """The instant (µs) at which the next ready pod becomes available, as of the last `count`."""
        first = min(self._waiting.values(), default=1 << 62)
        return first + min_ready_seconds * SECOND if first < 1 << 62 else None

    def active_pods(self) -> list[Pod]:
        """Active pods that the selector selects. Looks at all pods: for ranking, not for every sync."""
        flags = self._flags
        return [p for name, p in self.pods.items() if flags[name] & ACTIVE and name not in self.mismatched]


class PodTally:
    """All pods by the uid of their controller, and those without one by namespace."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._owned: dict[str, Owned] = {}
        self._orphans: dict[str, dict[str, Pod]] = {}

    def owned(self, uid: str) -> Owned:
        """The pods controlled by the object with that uid; an empty, detached set when there are none."""
        return self._owned.get(uid) or Owned()

    def orphans(self, namespace: str) -> dict[str, Pod]:
        """Pods of a namespace that have no controller at all, by name."""
        return self._orphans.get(namespace) or {}

    def controller(self, pod: Pod) -> dict[str, Any] | None:
        """The controller reference of a pod, when it is of the kind counted here."""
        for ref in pod["metadata"].get("ownerReferences") or ():
            if ref.get("controller"):
                return ref if ref["kind"] == self._kind else None
        return None

    def refresh(self, pod: Pod) -> None:
        """A pod changed in nothing that is counted."""
        ref = self.controller(pod)
        owned = self._owned.get(ref["uid"]) if ref is not None else None
        if owned is not None and pod["metadata"]["name"] in owned.pods:
            owned.pods[pod["metadata"]["name"]] = pod
        else:
            self._insert(pod)

    def observe(self, old: Pod | None, new: Pod | None) -> int | None:
        """A pod was added, changed or deleted. Gives its `pod_flags` now, None when it is gone or of no such owner."""
        if old is not None:
            moved = new is None or new["metadata"].get("ownerReferences") is not old["metadata"].get(
                "ownerReferences"
            )
            if moved:
                self._remove(old)
        return self._insert(new) if new is not None else None

    def _insert(self, pod: Pod) -> int | None:
        metadata = pod["metadata"]
        ref = self.controller(pod)
        if ref is not None:
            owned = self._owned.get(ref["uid"])
            if owned is None:
                owned = self._owned[ref["uid"]] = Owned()
            flags = pod_flags(pod)
            owned.put(pod, flags)
            return flags
        if not any(ref.get("controller") for ref in metadata.get("ownerReferences") or ()):
            self._orphans.setdefault(metadata["namespace"], {})[metadata["name"]] = pod
        return None

    def _remove(self, pod: Pod) -> None:
        metadata = pod["metadata"]
        ref = self.controller(pod)
        if ref is not None:
            owned = self._owned.get(ref["uid"])
            if owned is not None:
                owned.drop(metadata["name"])
                if not owned:
                    del self._owned[ref["uid"]]
            return
        orphans = self._orphans.get(metadata["namespace"])
        if orphans is not None:
            orphans.pop(metadata["name"], None)

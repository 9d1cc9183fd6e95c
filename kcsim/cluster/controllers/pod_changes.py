"""What sort of change a pod went through, so that controllers are told only of those that concern them.

A pod on its way to Ready has five versions, and most of them are statuses of a pod whose controller nobody but one asks
about. Each change is looked at once, for all controllers of the controller manager.

**Walk:** a version of a pod arrives -> ``pod_change`` -> the informer tells who wants such changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kcsim.api.kit.informer import Informer, OnChange
from kcsim.api.objects import Object
from kcsim.cluster.controllers.pods import is_terminal


class PodChange(NamedTuple):
    """A sort of change.

    Attributes:
        owner: the kind of the controller that the pod had and has; "" when it has none or another one now.
        keeps_ties: whether owners, finalizers, uid and deletion are what they were.
        gets_on: whether nothing but the status changed (labels included), of a pod that runs or will.
    """

    owner: str
    keeps_ties: bool
    gets_on: bool


def pod_change(old: Object | None, new: Object | None) -> PodChange:
    """The sort of a change. Compares by identity, as versions share what they did not change."""
    pod = new if new is not None else old
    assert pod is not None
    refs = pod["metadata"].get("ownerReferences")
    if old is None or new is None:
        return PodChange(_owner(refs), False, False)
    before, after = old["metadata"], new["metadata"]
    if before.get("ownerReferences") is not refs:
        return _CHANGES_HANDS
    keeps_ties = (
        before["uid"] == after["uid"]
        and "deletionTimestamp" not in after
        and "deletionTimestamp" not in before
        and before.get("finalizers") is after.get("finalizers")
    )
    gets_on = (
        keeps_ties
        and old["spec"] is new["spec"]
        and before.get("labels") is after.get("labels")
        and not is_terminal(old)
        and not is_terminal(new)
    )
    return PodChange(_owner(refs), keeps_ties, gets_on)


_CHANGES_HANDS = PodChange("", False, False)


def _owner(refs: list[Object] | None) -> str:
    for ref in refs or ():
        if ref.get("controller"):
            return str(ref["kind"])
    return ""


def on_pod_change(pods: Informer, handler: OnChange, wants: Callable[[PodChange], bool]) -> None:
    """Call ``handler(old, new)`` for the changes of pods that it wants."""
    pods.sort_by(pod_change)
    pods.on_change(handler, wants)


def of(kind: str) -> Callable[[PodChange], bool]:
    """Changes of pods of a kind of controllers, of pods that change hands, and of those without any that could be adopted
    anew (upstream's ``updatePod``: when their labels changed).
    """
    return lambda change: change.owner == kind or (not change.owner and not change.gets_on)


def stirring(change: PodChange) -> bool:
    """Changes of more than the status of a living pod."""
    return not change.gets_on


def retying(change: PodChange) -> bool:
    """Changes that may be of owners, finalizers, uid or deletion."""
    return not change.keeps_ties

"""Which changes of pods a controller is told of."""

import pytest

from kcsim.api.objects import Object
from kcsim.cluster.controllers.pod_changes import PodChange, of, pod_change, retying, stirring

_REFS = [{"kind": "ReplicaSet", "name": "web", "uid": "r1", "controller": True}]
_SPEC: Object = {"containers": []}
_LABELS = {"app": "web"}


def _pod(phase: str = "Pending", spec: Object = _SPEC, **metadata: object) -> Object:
    known = {"name": "web-1", "uid": "u1", "labels": _LABELS, "ownerReferences": _REFS}
    return {"metadata": {**known, **metadata}, "spec": spec, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, _pod(), PodChange("ReplicaSet", False, False)),
        (_pod(), None, PodChange("ReplicaSet", False, False)),
        (_pod(), _pod("Running"), PodChange("ReplicaSet", True, True)),
        (_pod(), _pod(spec={"nodeName": "n"}), PodChange("ReplicaSet", True, False)),
        (_pod(), _pod(labels={"app": "other"}), PodChange("ReplicaSet", True, False)),
        (_pod("Running"), _pod("Succeeded"), PodChange("ReplicaSet", True, False)),
        (_pod(), _pod(deletionTimestamp="2026-01-01T00:00:00Z"), PodChange("ReplicaSet", False, False)),
        (_pod(), _pod(finalizers=["a/b"]), PodChange("ReplicaSet", False, False)),
        (_pod(), _pod(uid="u2"), PodChange("ReplicaSet", False, False)),
        (_pod(), _pod(ownerReferences=[]), PodChange("", False, False)),
        (_pod(ownerReferences=[]), _pod(), PodChange("", False, False)),
    ],
)
def test_changes_are_sorted(old: Object | None, new: Object | None, expected: PodChange) -> None:
    assert pod_change(old, new) == expected


def test_controllers_hear_of_their_own_pods_of_orphans_and_of_pods_that_change_hands() -> None:
    status = PodChange("ReplicaSet", True, True)
    assert of("ReplicaSet")(status)
    assert not of("Job")(status)
    assert of("Job")(pod_change(_pod(), _pod(ownerReferences=[])))


def test_a_status_alone_stirs_nobody_and_changes_no_ties() -> None:
    status = pod_change(_pod(), _pod("Running"))
    assert not stirring(status)
    assert not retying(status)
    bound = pod_change(_pod(), _pod(spec={"nodeName": "n"}))
    assert stirring(bound)
    assert not retying(bound)
    deleted = pod_change(_pod(), None)
    assert stirring(deleted)
    assert retying(deleted)

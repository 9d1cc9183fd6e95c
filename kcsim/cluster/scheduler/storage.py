"""Claims and volumes as the scheduler looks at them: which claims a pod has, and whether a claim is bound.

**Imitates:** pkg/scheduler/framework/plugins/volumebinding/binder.go (``isPVCBound``, ``GetPodVolumeClaims``) and
staging/src/k8s.io/component-helpers/storage (v1.36).

The PersistentVolume controller binds; what is decided here is only where a pod may go. ``Storage`` is the seam: the
scheduler's informers stand behind it in a cluster, plain objects in a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.selectors import SelectorError, from_object
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.node_selector import compile_terms, match_terms
from kcsim.cluster.scheduler.pod_requests import amount
from kcsim.cluster.volumes import BIND_COMPLETED, class_of, waits_for_consumer

NO_PROVISIONER = "kubernetes.io/no-provisioner"


class Storage(Protocol):
    """Where claims, volumes and what belongs to them are looked up."""

    def claim(self, namespace: str, name: str) -> Object | None:
        """A PersistentVolumeClaim."""
        ...

    def volume(self, name: str) -> Object | None:
        """A PersistentVolume."""
        ...

    def volumes(self) -> Iterable[Object]:
        """All PersistentVolumes, in the order of their names."""
        ...

    def storage_class(self, name: str) -> Object | None:
        """A StorageClass."""
        ...

    def csi_node(self, name: str) -> Object | None:
        """What a node's CSI drivers can do."""
        ...


class NoStorage:
    """No claims, no volumes."""

    def claim(self, namespace: str, name: str) -> Object | None:
        """None."""

    def volume(self, name: str) -> Object | None:
        """None."""

    def volumes(self) -> Sequence[Object]:
        """None at all."""
        return ()

    def storage_class(self, name: str) -> Object | None:
        """None."""

    def csi_node(self, name: str) -> Object | None:
        """None."""


def is_bound(claim: Object) -> bool:
    """Whether claim and volume are bound to each other, and the controller has said so."""
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in objects.annotations(claim)


def is_delayed(claim: Object, storage: Storage) -> bool:
    """Whether the claim is bound only when a pod that uses it has a node."""
    return waits_for_consumer(storage.storage_class(class_of(claim)))


def volume_suits_node(volume: Object, node: NodeInfo) -> bool:
    """Whether a volume can be reached from a node (CheckNodeAffinity)."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required")
    if required is None:
        return True
    return match_terms(compile_terms(required) or (), node.name, node.labels)


def find_volume(claim: Object, node: NodeInfo, storage: Storage, taken: Mapping[str, str]) -> Object | None:
    """The smallest available volume for a claim that a node can reach (FindMatchingVolume).

    ``taken``: volumes promised to other claims in this or an earlier decision.
    """
    best: Object | None = None
    key = f"{objects.namespace(claim)}/{objects.name(claim)}"
    for volume in storage.volumes():
        if taken.get(objects.name(volume), key) != key or not _matches(claim, volume):
            continue
        if not volume_suits_node(volume, node):
            continue
        if volume["spec"].get("claimRef"):
            return volume
        if best is None or _size(volume) < _size(best):
            best = volume
    return best


def _matches(claim: Object, volume: Object) -> bool:
    spec, wanted = volume["spec"], claim["spec"]
    reference = spec.get("claimRef")
    if reference is not None:
        names = (reference.get("namespace"), reference.get("name"))
        return names == objects.key(claim) and reference.get("uid") in {None, "", objects.uid(claim)}
    if (volume.get("status") or {}).get("phase") != "Available" or objects.is_deleting(volume):
        return False
    if class_of(volume) != class_of(claim):
        return False
    if (spec.get("volumeMode") or "Filesystem") != (wanted.get("volumeMode") or "Filesystem"):
        return False
    if not set(wanted.get("accessModes") or ()) <= set(spec.get("accessModes") or ()):
        return False
    if _size(volume) < amount(
        "storage", (wanted.get("resources") or {}).get("requests", {}).get("storage", "0")
    ):
        return False
    selector = wanted.get("selector")
    if selector is None:
        return True
    try:
        return from_object(selector).matches(objects.labels(volume))
    except SelectorError:
        return False


def _size(volume: Object) -> int:
    return amount("storage", (volume["spec"].get("capacity") or {}).get("storage", "0"))


def can_provision(claim: Object, node: NodeInfo, storage: Storage) -> bool:
    """Whether a volume could be made for the claim where the node can reach it (checkVolumeProvisions)."""
    found = storage.storage_class(class_of(claim))
    if found is None or found.get("provisioner") in {None, "", NO_PROVISIONER}:
        return False
    allowed: Sequence[Mapping[str, Any]] = found.get("allowedTopologies") or ()
    if not allowed:
        return True
    return any(
        all(
            node.labels.get(item.get("key", "")) in (item.get("values") or ())
            for item in term.get("matchLabelExpressions") or ()
        )
        for term in allowed
    )

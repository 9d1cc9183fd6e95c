"""VolumeRestrictions: disks that only one pod, or one node, may hold.

**Imitates:** plugins/volumerestrictions/volume_restrictions.go (v1.36).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.cluster.scheduler.framework import SKIP, Code, Nodes, PreFilterResult, Status
from kcsim.cluster.scheduler.node_info import NodeInfo
from kcsim.cluster.scheduler.pod_info import PodInfo, claims_of
from kcsim.cluster.scheduler.storage import Storage

_NAME = "VolumeRestrictions"
_DISK = Status(Code.UNSCHEDULABLE, ("node(s) had no available disk",), _NAME)
_CLAIM = Status(
    Code.UNSCHEDULABLE,
    ("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",),
    _NAME,
)
Disk = tuple[str, str, bool]
"""Kind, identity, and whether it may be shared by readers."""


@dataclass(slots=True)
class Restricted:
    """The pod's claims that one pod at a time may use, how often they are in use, and its disks."""

    claims: frozenset[str]
    users: int
    disks: tuple[Disk, ...]


class VolumeRestrictions:
    """PreFilter and Filter."""

    name = _NAME

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def pre_filter(self, pod: PodInfo, nodes: Nodes) -> PreFilterResult:
        """Find claims of mode ReadWriteOncePod and in-tree disks; skip without either."""
        disks = tuple(_disks(pod))
        single = []
        for use in claims_of(pod):
            claim = self._storage.claim(pod.namespace, use.name)
            if claim is not None and "ReadWriteOncePod" in (claim["spec"].get("accessModes") or ()):
                single.append(use.name)
        if not disks and not single:
            return PreFilterResult(SKIP)
        users = sum(nodes.index.claim_users.get((pod.namespace, name), 0) for name in single)
        return PreFilterResult(state=Restricted(frozenset(single), users, disks))

    def copy(self, state: Restricted) -> Restricted:
        """A count of its own."""
        return Restricted(state.claims, state.users, state.disks)

    def with_pod(self, state: Restricted, pod: PodInfo, other: PodInfo, node: NodeInfo, step: int) -> None:
        """Count the other pod's use of the same claims."""
        del node
        if other.namespace == pod.namespace and state.claims:
            state.users += step * sum(use.name in state.claims for use in claims_of(other))

    def filter(self, state: Restricted, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Refuse while another pod has the claim, and a node on which another pod has the disk."""
        del pod
        if state.users > 0:
            return _CLAIM
        if state.disks:
            for other in node.pods.values():
                if other.shape.volumes and _overlap(state.disks, tuple(_disks(other))):
                    return _DISK
        return None


def _disks(pod: PodInfo) -> Iterator[Disk]:
    if not pod.shape.volumes:
        return
    for volume in pod.pod["spec"].get("volumes") or ():
        for kind, identity in _IDENTITY.items():
            source: Mapping[str, Any] | None = volume.get(kind)
            if source:
                # A reader may join readers, except on an EBS disk.
                yield kind, identity(source), bool(source.get("readOnly")) and kind != "awsElasticBlockStore"


_IDENTITY: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "gcePersistentDisk": lambda source: str(source.get("pdName")),
    "awsElasticBlockStore": lambda source: str(source.get("volumeID")),
    "iscsi": lambda source: str(source.get("iqn")),
    "rbd": lambda source: f"{source.get('monitors')}/{source.get('pool')}/{source.get('image')}",
}


def _overlap(wanted: tuple[Disk, ...], used: tuple[Disk, ...]) -> bool:
    return any(
        kind == other_kind and identity == other and not (shared and other_shared)
        for kind, identity, shared in wanted
        for other_kind, other, other_shared in used
    )

"""The claims behind a pod's volumes: whether they are bound, attached to this node, and let go again.

**Imitates:** pkg/kubelet/volumemanager (``volume_manager.go``, ``populator``, ``reconciler``) and ``nodestatus/setters.go``
(``VolumesInUse``), v1.36. Left out: failures of mounting itself, block volumes, expansion, limits of a node.

**Walk:** ``mount(worker)`` -> each claim and its volume are asked for -> what must be attached is said to be in use with the
next node status -> the attach/detach controller says attached -> ``then("")``; or after 2 m 3 s ``then(why not)``. The pod is
over -> ``forget`` -> no longer in use with the next node status, and may be detached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.cluster.volumes import attachable_name, claims_of
from kcsim.engine.core import Timer
from kcsim.engine.task import Steps
from kcsim.profile.constants import DEFAULT

if TYPE_CHECKING:
    from kcsim.cluster.kubelet.kubelet import Kubelet
    from kcsim.cluster.kubelet.pod_worker import PodWorker

TIMEOUT = DEFAULT.us("volumes/pod-attach-and-mount-timeout")
Then = Callable[[str], None]
"""Called with "" once everything is mounted, else with why not."""


@dataclass(slots=True)
class _Pod:
    """What one pod waits for: volume of the pod -> unique name of what has to be attached."""

    worker: PodWorker
    needs: dict[str, str] = field(default_factory=dict)
    then: Then | None = None
    timer: Timer | None = None


class VolumeManager:
    """The attachable volumes of one node."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._pods: dict[str, _Pod] = {}
        self._reported: frozenset[str] = frozenset()

    def stop(self) -> None:
        """The kubelet ends; what it said of volumes in use stays said."""
        self._pods.clear()
        self._reported = frozenset()

    def mount(self, worker: PodWorker, then: Then) -> None:
        """Mount what is behind the pod's claims; once, ``then`` hears how that went."""
        entry = self._pods.setdefault(worker.uid, _Pod(worker))
        epoch = worker.epoch
        self._kubelet.spawn(self._resolve(entry, lambda why: then(why) if worker.epoch == epoch else None))

    def adopt(self, worker: PodWorker) -> None:
        """The kubelet is new, the pod's containers are not: their volumes are in use."""
        self._kubelet.spawn(self._resolve(self._pods.setdefault(worker.uid, _Pod(worker)), None))

    def forget(self, worker: PodWorker) -> None:
        """Nothing of the pod is mounted any more."""
        entry = self._pods.pop(worker.uid, None)
        if entry is not None and entry.needs:
            self._kubelet.node_status_due("volumes in use")

    def in_use(self) -> list[str]:
        """``volumesInUse`` of the node, sorted."""
        return sorted({name for entry in self._pods.values() for name in entry.needs.values()})

    def reported(self, names: list[str]) -> None:
        """The API server knows these volumes to be in use: they may be mounted."""
        self._reported = frozenset(names)
        self.node_changed()

    def node_changed(self) -> None:
        """The node says what is attached to it: go on with the pods that waited for that."""
        if not self._pods:
            return
        attached = self._attached()
        for entry in list(self._pods.values()):
            if entry.then is not None and not self._lacking(entry, attached):
                self._answer(entry, "")

    # --- inside -------------------------------------------------------------------------------------------------

    def _resolve(self, entry: _Pod, then: Then | None) -> Steps:
        worker, errors, failed = entry.worker, [], []
        namespace = objects.namespace(worker.pod)
        names = [volume for volume, _ in claims_of(worker.pod)]
        for volume, claim in claims_of(worker.pod):
            try:
                need = yield from self._needs(namespace, claim)
            except _NotThere as error:
                failed.append(volume)
                errors.append(f"error processing PVC {namespace}/{claim}: {error}")
                continue
            if need is not None:
                entry.needs[volume] = need
        if self._pods.get(worker.uid) is not entry:
            return
        if entry.needs and not set(entry.needs.values()) <= self._reported:
            self._kubelet.node_status_due("volumes in use")
        if then is None:
            return
        if errors:
            then(_unmounted(names, [], failed, "; ".join(errors)))
            return
        entry.then = then
        if not self._lacking(entry, self._attached()):
            self._answer(entry, "")
        else:
            entry.timer = self._kubelet.after(TIMEOUT, self._timed_out, entry)

    def _needs(self, namespace: str, name: str) -> Steps:
        """What has to be attached for a claim; None for nothing."""
        client = self._kubelet.client
        try:
            claim: Object = yield client.get("persistentvolumeclaims", namespace, name)
        except StatusError as error:
            raise _NotThere(f"failed to fetch PVC from API server: {error}") from error
        if objects.is_deleting(claim) and not claim["spec"].get("volumeName"):
            raise _NotThere("PVC is being deleted")
        if (claim.get("status") or {}).get("phase") != "Bound" or not claim["spec"].get("volumeName"):
            raise _NotThere("PVC is not bound")
        try:
            volume: Object = yield client.get("persistentvolumes", "", claim["spec"]["volumeName"])
        except StatusError as error:
            raise _NotThere(f"failed to get PV spec from PVC: {error}") from error
        return attachable_name(volume)

    def _attached(self) -> frozenset[str]:
        node = self._kubelet.stored_node()
        status: dict[str, Any] = (node or {}).get("status") or {}
        return frozenset(each["name"] for each in status.get("volumesAttached") or ())

    def _lacking(self, entry: _Pod, attached: frozenset[str]) -> list[str]:
        return [
            volume
            for volume, name in entry.needs.items()
            if name not in attached or name not in self._reported
        ]

    def _answer(self, entry: _Pod, why: str) -> None:
        then, entry.then = entry.then, None
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        if then is not None:
            then(why)

    def _timed_out(self, entry: _Pod) -> None:
        entry.timer = None
        lacking = self._lacking(entry, self._attached())
        self._answer(entry, _unmounted(lacking, lacking, [], "context deadline exceeded"))


class _NotThere(Exception):
    """A claim or volume that cannot be mounted now."""


def _unmounted(unmounted: list[str], unattached: list[str], failed: list[str], why: str) -> str:
    lists = (("unmounted", unmounted), ("unattached", unattached), ("failed to process", failed))
    parts = ", ".join(f"{word} volumes=[{' '.join(names)}]" for word, names in lists)
    return f"Unable to attach or mount volumes: {parts}: {why}"

"""Before a pod is bound, its waiting claims are: the volumes chosen for its node are claimed, or made.

**Imitates:** ``VolumeBinding.PreBind`` and ``BindPodVolumes`` (plugins/volumebinding/binder.go, v1.36): the scheduler
says what it chose, the PersistentVolume controller and the provisioner act on it, and the scheduler looks every second,
for ten minutes, whether they are done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.cluster.scheduler.hints import StorageChanged
from kcsim.cluster.scheduler.plugins.volume_binding import Choice
from kcsim.cluster.scheduler.storage import is_bound
from kcsim.cluster.volumes import BOUND_BY_CONTROLLER, SELECTED_NODE
from kcsim.engine.clock import SECOND
from kcsim.engine.task import Sleep, Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kcsim.cluster.scheduler.scheduler import Scheduler

POLL = 1 * SECOND
BIND_TIMEOUT = 600 * SECOND


class VolumesNotBound(Exception):
    """The volumes of a pod did not come about."""


class CachedStorage:
    """Informers for claims, volumes, storage classes and CSI nodes."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._claims = scheduler.informer("persistentvolumeclaims")
        self._volumes = scheduler.informer("persistentvolumes")
        self._classes = scheduler.informer("storageclasses")
        self._csi_nodes = scheduler.informer("csinodes")

    def listen(self) -> None:
        """Tell the scheduler of changes from now on."""
        for informer in (self._claims, self._volumes, self._classes, self._csi_nodes):
            resource = informer.resource

            def changed(old: Object | None, new: Object | None, resource: str = resource) -> None:
                obj = new if new is not None else old
                if obj is not None:
                    event = StorageChanged(resource, objects.namespace(obj), objects.name(obj))
                    self._scheduler.happened(event)

            informer.on_change(changed)

    def claim(self, namespace: str, name: str) -> Object | None:
        """A PersistentVolumeClaim."""
        return self._claims.get(namespace, name)

    def volume(self, name: str) -> Object | None:
        """A PersistentVolume."""
        return self._volumes.get("", name)

    def volumes(self) -> Sequence[Object]:
        """All PersistentVolumes, in the order of their names."""
        return self._volumes.list()

    def storage_class(self, name: str) -> Object | None:
        """A StorageClass."""
        return self._classes.get("", name)

    def csi_node(self, name: str) -> Object | None:
        """What a node's CSI drivers can do."""
        return self._csi_nodes.get("", name)


def bind_volumes(scheduler: Scheduler, storage: CachedStorage, choice: Choice, node: str) -> Steps:
    """Say what was chosen, and wait until it has come about.

    Raises: VolumesNotBound after ten minutes, or when a claim is gone.
    """
    client = scheduler.client
    for claim, volume in choice.bind:
        if volume["spec"].get("claimRef"):
            continue
        reference = {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": objects.namespace(claim),
            "name": objects.name(claim),
            "uid": objects.uid(claim),
            "resourceVersion": objects.resource_version(claim),
        }
        metadata = {
            "annotations": {BOUND_BY_CONTROLLER: "yes"},
            "resourceVersion": objects.resource_version(volume),
        }
        body = {"metadata": metadata, "spec": {"claimRef": reference}}
        yield client.patch("persistentvolumes", "", objects.name(volume), body)
    for claim in choice.provision:
        body = {"metadata": {"annotations": {SELECTED_NODE: node}}}
        yield client.patch("persistentvolumeclaims", *objects.key(claim), body)
    waiting = [*(claim for claim, _ in choice.bind), *choice.provision]
    deadline = scheduler.engine.now + BIND_TIMEOUT
    while True:
        known = [storage.claim(*objects.key(claim)) for claim in waiting]
        for claim, now in zip(waiting, known, strict=True):
            if now is None or objects.uid(now) != objects.uid(claim):
                raise VolumesNotBound(
                    f'binding volumes: persistentvolumeclaim "{objects.name(claim)}" not found'
                )
        if all(now is not None and is_bound(now) for now in known):
            return
        if scheduler.engine.now >= deadline:
            raise VolumesNotBound("binding volumes: context deadline exceeded")
        yield Sleep(scheduler.engine, POLL, "scheduler waits for volumes")

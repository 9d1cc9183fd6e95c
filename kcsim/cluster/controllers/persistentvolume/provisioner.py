"""A simulated CSI driver's provisioner: makes volumes for claims that are handed to it, and deletes them.

**Imitates:** sig-storage-lib-external-provisioner v11 (``controller.go``) and external-provisioner v5 (``pkg/controller``,
``topology.go``) with ``--feature-gates=Topology=true``: one program stands for every driver that a StorageClass names.
Left out: capacity tracking, snapshots and clones as sources, failures of the storage behind it.

**Walk:** a claim is annotated with a driver (and a node, where the class waits for one) -> Provisioning -> some seconds
-> a volume in the node's zone, reserved for the claim -> the claim goes -> Released -> deleted.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.persistentvolume.binding import claim_reference
from kcsim.cluster.volumes import (
    PROVISIONED_BY,
    SELECTED_NODE,
    STORAGE_PROVISIONER,
    class_of,
    waits_for_consumer,
)
from kcsim.engine.task import Sleep, Steps
from kcsim.profile.constants import DEFAULT

ZONE = "topology.kubernetes.io/zone"
PROVISION = DEFAULT.delay("volumes/provision")
DELETE = DEFAULT.delay("volumes/delete")
FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"
_FNV_OFFSET, _FNV_PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF


class Provisioner(Reconciler):
    """Keys: (namespace, name) of claims, ("", name) of volumes."""

    name = "csi-provisioner"
    workers = 100

    def setup(self, component: Component) -> None:
        """Subscribe to claims, volumes, classes and nodes."""
        self.engine = component.engine
        self._dice = component.dice(self.name)
        self._claims = component.informer("persistentvolumeclaims")
        self._volumes = component.informer("persistentvolumes")
        self._classes = component.informer("storageclasses.storage.k8s.io")
        self._nodes = component.informer("nodes")
        self._claims.on_change(self._claim_changed)
        self._volumes.on_change(self._volume_changed)

    def _claim_changed(self, _old: Object | None, new: Object | None) -> None:
        if (
            new is not None
            and not new["spec"].get("volumeName")
            and STORAGE_PROVISIONER in objects.annotations(new)
        ):
            self.enqueue(objects.key(new))

    def _volume_changed(self, _old: Object | None, new: Object | None) -> None:
        if new is not None and _is_to_go(new):
            self.enqueue(objects.key(new))

    def reconcile(self, key: Key) -> Outcome:
        """Make the volume of one claim, or delete one volume."""
        if key[0]:
            yield from self._provision(key)
        else:
            yield from self._delete(key[1])
        return None

    def _tell(self, claim: Object, type: str, reason: str, message: str, driver: str) -> None:
        self.component.events.event(claim, type, reason, message, driver)

    def _provision(self, key: Key) -> Steps:
        claim = self._claims.get(*key)
        if claim is None or claim["spec"].get("volumeName") or objects.is_deleting(claim):
            return
        storage_class = self._classes.get("", class_of(claim))
        notes = objects.annotations(claim)
        driver, name = notes.get(STORAGE_PROVISIONER, ""), f"pvc-{objects.uid(claim)}"
        if storage_class is None or self._volumes.get("", name) is not None:
            return
        node = notes.get(SELECTED_NODE, "")
        if waits_for_consumer(storage_class) and not node:
            return
        text = f'External provisioner is provisioning volume for claim "{"/".join(key)}"'
        self._tell(claim, "Normal", "Provisioning", text, driver)
        yield Sleep(self.engine, self._dice.draw(PROVISION))
        zones = sorted(
            {objects.labels(each)[ZONE] for each in self._nodes.list() if ZONE in objects.labels(each)}
        )
        chosen = self._nodes.get("", node)
        if node and chosen is None:
            text = f'failed to provision volume with StorageClass "{objects.name(storage_class)}": error generating accessibility requirements: error getting CSINode for selected node "{node}": csinode.storage.k8s.io "{node}" not found'
            self._tell(claim, "Warning", "ProvisioningFailed", text, driver)
            return
        zone = objects.labels(chosen).get(ZONE, "") if chosen is not None else ""
        volume = new_volume(name, claim, storage_class, driver, zone or zone_for(claim, storage_class, zones))
        try:
            yield self.client.create("persistentvolumes", volume)
        except StatusError as error:
            if not error.is_already_exists:
                raise
        text = f"Successfully provisioned volume {name}"
        self._tell(claim, "Normal", "ProvisioningSucceeded", text, driver)

    def _delete(self, name: str) -> Steps:
        volume = self._volumes.get("", name)
        if volume is None or not _is_to_go(volume):
            return
        yield Sleep(self.engine, self._dice.draw(DELETE))
        try:
            if not objects.is_deleting(volume):
                yield self.client.delete("persistentvolumes", "", name, uid=objects.uid(volume))
            fresh = yield self.client.get("persistentvolumes", "", name)
            left = [f for f in fresh["metadata"].get("finalizers") or () if f != FINALIZER]
            yield self.client.update(
                "persistentvolumes", objects.with_metadata(fresh, finalizers=left or None)
            )
        except StatusError as error:
            if not error.is_not_found:
                raise


def _is_to_go(volume: Object) -> bool:
    """Whether the driver that made the volume is to delete it."""
    return (
        PROVISIONED_BY in objects.annotations(volume)
        and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        and (volume.get("status") or {}).get("phase") == "Released"
        and (FINALIZER in (volume["metadata"].get("finalizers") or ()) or not objects.is_deleting(volume))
    )


def zone_for(claim: Object, storage_class: Object, zones: list[str]) -> str:
    """The zone of a volume that nobody chose a node for; "" where there are no zones.

    Claims of a StatefulSet go round the zones by their ordinals, others by the hash of their name.
    """
    allowed = [
        value
        for term in storage_class.get("allowedTopologies") or ()
        for expression in term.get("matchLabelExpressions") or ()
        if expression["key"] == ZONE
        for value in expression["values"]
    ]
    zones = sorted(allowed) if allowed else zones
    if not zones:
        return ""
    base, _, ordinal = objects.name(claim).rpartition("-")
    ends_with_number = bool(base) and ordinal.isdigit()
    place = _fnv32(base if ends_with_number else objects.name(claim))
    return zones[(place + (int(ordinal) if ends_with_number else 0)) % len(zones)]


def _fnv32(text: str) -> int:
    """Go's ``fnv.New32``: FNV-1."""
    value = _FNV_OFFSET
    for byte in text.encode():
        value = (value * _FNV_PRIME & _MASK) ^ byte
    return value


def new_volume(name: str, claim: Object, storage_class: Object, driver: str, zone: str) -> Object:
    """The volume that a driver makes for a claim."""
    spec: dict[str, Any] = {
        "accessModes": claim["spec"].get("accessModes"),
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "claimRef": claim_reference(claim),
        "csi": {"driver": driver, "volumeHandle": f"vol-{objects.uid(claim)}", "fsType": "ext4"},
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "storageClassName": objects.name(storage_class),
        "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
    }
    if storage_class.get("mountOptions"):
        spec["mountOptions"] = storage_class["mountOptions"]
    if zone:
        term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    metadata: dict[str, Any] = {"name": name, "annotations": {PROVISIONED_BY: driver}}
    if spec["persistentVolumeReclaimPolicy"] == "Delete":
        metadata["finalizers"] = [FINALIZER]
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}

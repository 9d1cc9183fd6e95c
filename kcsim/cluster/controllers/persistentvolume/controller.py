"""The PersistentVolume controller: brings claims and volumes together, and takes volumes back.

**Imitates:** pkg/controller/volume/persistentvolume/pv_controller.go and pv_controller_base.go (v1.36). One key at a time,
as upstream's two queues have one worker each. Left out: recycling, the provisioners inside the controller (all of them
were moved to CSI drivers), VolumeAttributesClasses.
Differs: the look at everything each 15 s is a look at claims that wait, at the same instants.

**Walk:** a claim without a volume -> the volume that suits it -> claimRef, phase, volumeName, phase. None there -> its
class has a provisioner: the claim is handed to it -> a volume appears. The claim goes -> Released -> reclaimed.
"""

from __future__ import annotations

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.cluster.controllers.persistentvolume.binding import (
    claim_bound_to,
    claim_with_phase,
    unbound_volume,
    volume_bound_to,
    volume_with_phase,
)
from kcsim.cluster.controllers.persistentvolume.matching import find_best_match, why_unsatisfied
from kcsim.cluster.volumes import (
    BETA_STORAGE_PROVISIONER,
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    CLAIM_INDEX,
    CSI_DRIVERS,
    DEFAULT_CLASS,
    PROVISIONED_BY,
    SELECTED_NODE,
    STORAGE_PROVISIONER,
    claim_index,
    class_of,
    is_bound_to,
    waits_for_consumer,
)
from kcsim.engine.clock import rfc3339
from kcsim.engine.task import Steps
from kcsim.profile.constants import DEFAULT

RESYNC = DEFAULT.us("volumes/pv-binder-sync-period")
_SOURCE = "persistentvolume-controller"
_NO_VOLUME = "no persistent volumes available for this claim and no storage class is set"


class PersistentVolumeController(Reconciler):
    """Keys: (namespace, name) of claims, ("", name) of volumes."""

    name = "persistentvolume-binder-controller"
    workers = 1

    def setup(self, component: Component) -> None:
        """Subscribe to claims, volumes and classes."""
        self.engine = component.engine
        self.reset()
        self._claims = component.informer("persistentvolumeclaims")
        self._volumes = component.informer("persistentvolumes")
        self._classes = component.informer("storageclasses.storage.k8s.io")
        self._pods = component.informer("pods")
        self._claims.on_change(self._claim_changed)
        self._volumes.on_change(self._volume_changed)

    def reset(self) -> None:
        """Forget what was written."""
        self._written: dict[Key, Object] = {}

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        claim = new if new is not None else old
        assert claim is not None
        if new is not None:
            self.enqueue(objects.key(new))
            return
        self._written.pop(objects.key(claim), None)
        volume = claim["spec"].get("volumeName")
        if volume:
            self.enqueue(("", volume))

    def _volume_changed(self, old: Object | None, new: Object | None) -> None:
        volume = new if new is not None else old
        assert volume is not None
        if new is not None:
            self.enqueue(objects.key(new))
            return
        self._written.pop(objects.key(volume), None)
        reference = volume["spec"].get("claimRef")
        if reference:
            self.enqueue((reference.get("namespace", ""), reference["name"]))

    # --- what is known ------------------------------------------------------------------------------------------

    def _newest(self, seen: Object | None) -> Object | None:
        """The object, or what this controller wrote of it since (upstream's own cache)."""
        if seen is None:
            return None
        written = self._written.get(objects.key(seen))
        if written is None or objects.uid(written) != objects.uid(seen):
            return seen
        newer = int(objects.resource_version(written)) > int(objects.resource_version(seen))
        return written if newer else seen

    def _claim(self, key: Key) -> Object | None:
        return self._newest(self._claims.get(*key))

    def _volume(self, name: str) -> Object | None:
        return self._newest(self._volumes.get("", name))

    def _class(self, claim: Object) -> Object | None:
        return self._classes.get("", class_of(claim))

    def _write(self, resource: str, obj: Object, *, status: bool = False) -> Steps:
        call = self.client.update(resource, obj, subresource="status" if status else "")
        written: Object = yield call
        self._written[objects.key(written)] = written
        return written

    def _tell(self, obj: Object, type: str, reason: str, message: str) -> None:
        self.component.events.event(obj, type, reason, message, _SOURCE)

    # --- reconciling --------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Outcome:
        """Bring one claim or volume where it should be."""
        try:
            if key[0]:
                claim = self._claim(key)
                return (yield from self._sync_claim(claim)) if claim is not None else None
            volume = self._volume(key[1])
            if volume is not None:
                yield from self._sync_volume(volume)
        except StatusError as error:
            if not (error.is_not_found or error.is_conflict):
                raise
            # Whoever was faster brings the key back through the watch.
            self._written.pop(key, None)
        return None

    def _later(self) -> Result:
        return Result(requeue_after=RESYNC - self.engine.now % RESYNC)

    def _sync_claim(self, claim: Object) -> Outcome:
        if BIND_COMPLETED in objects.annotations(claim):
            yield from self._sync_bound_claim(claim)
            return None
        if claim["spec"].get("volumeName"):
            return (yield from self._sync_claim_with_volume(claim))
        delayed = waits_for_consumer(self._class(claim))
        volumes = (self._newest(volume) for volume in self._volumes.list())
        volume = find_best_match(claim, [v for v in volumes if v is not None], delayed=delayed)
        if volume is not None:
            yield from self._bind(volume, claim)
            return None
        if "storageClassName" not in claim["spec"] and not class_of(claim):
            default = default_class(self._classes.list())
            if default is not None:
                name = objects.name(default)
                yield from self._write(
                    "persistentvolumeclaims", objects.assoc(claim, ("spec", "storageClassName"), name)
                )
                return None
        if delayed and SELECTED_NODE not in objects.annotations(claim):
            self._tell_of_waiting(claim)
        elif class_of(claim):
            yield from self._provision(claim)
            return self._later()
        else:
            self._tell(claim, "Normal", "FailedBinding", _NO_VOLUME)
        yield from self._set_claim_phase(claim, "Pending", None)
        return self._later()

    def _tell_of_waiting(self, claim: Object) -> None:
        self._pods.add_index(CLAIM_INDEX, claim_index)
        waiting = [
            objects.name(pod)
            for pod in self._pods.by_index(CLAIM_INDEX, "/".join(objects.key(claim)))
            if not pod["spec"].get("nodeName")
        ]
        if not waiting:
            text = "waiting for first consumer to be created before binding"
            self._tell(claim, "Normal", "WaitForFirstConsumer", text)
        else:
            pods = f"pod {waiting[0]}" if len(waiting) == 1 else f"pods {','.join(waiting)}"
            self._tell(claim, "Normal", "WaitForPodScheduled", f"waiting for {pods} to be scheduled")

    def _sync_claim_with_volume(self, claim: Object) -> Outcome:
        """A claim that names its volume before it is bound."""
        name = claim["spec"]["volumeName"]
        volume = self._volume(name)
        if volume is None:
            yield from self._set_claim_phase(claim, "Pending", None)
            return self._later()
        if is_bound_to(volume, claim):
            yield from self._bind(volume, claim)
            return None
        if not volume["spec"].get("claimRef"):
            why = why_unsatisfied(volume, claim)
            if not why:
                yield from self._bind(volume, claim)
                return None
            text = f'Cannot bind to requested volume "{name}": {why}'
            self._tell(claim, "Warning", "VolumeMismatch", text)
        elif BOUND_BY_CONTROLLER not in objects.annotations(claim):
            self._tell(
                claim, "Warning", "FailedBinding", f'volume "{name}" already bound to a different claim.'
            )
        yield from self._set_claim_phase(claim, "Pending", None)
        return self._later()

    def _sync_bound_claim(self, claim: Object) -> Steps:
        name = claim["spec"].get("volumeName")
        volume = self._volume(name) if name else None
        if not name:
            text = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
            yield from self._lose(claim, "ClaimLost", text)
        elif volume is None:
            text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
            yield from self._lose(claim, "ClaimLost", text)
        elif not volume["spec"].get("claimRef") or is_bound_to(volume, claim):
            yield from self._bind(volume, claim)
        else:
            text = "Two claims are bound to the same volume, this one is bound incorrectly"
            yield from self._lose(claim, "ClaimMisbound", text)

    def _lose(self, claim: Object, reason: str, text: str) -> Steps:
        changed = claim_with_phase(claim, "Lost", None)
        if changed is not claim:
            yield from self._write("persistentvolumeclaims", changed, status=True)
            self._tell(claim, "Warning", reason, text)

    def _bind(self, volume: Object, claim: Object) -> Steps:
        """Both ways, the volume first: whoever looks in between knows what is meant."""
        bound = volume_bound_to(volume, claim)
        if bound is not volume:
            bound = yield from self._write("persistentvolumes", bound)
        yield from self._set_volume_phase(bound, "Bound")
        complete = claim_bound_to(claim, bound)
        if complete is not claim:
            complete = yield from self._write("persistentvolumeclaims", complete)
        yield from self._set_claim_phase(complete, "Bound", bound)

    def _set_claim_phase(self, claim: Object, phase: str, volume: Object | None) -> Steps:
        changed = claim_with_phase(claim, phase, volume)
        if changed is not claim:
            yield from self._write("persistentvolumeclaims", changed, status=True)

    def _set_volume_phase(self, volume: Object, phase: str, message: str = "") -> Steps:
        changed = volume_with_phase(volume, phase, message, rfc3339(self.engine.now))
        if changed is not volume:
            volume = yield from self._write("persistentvolumes", changed, status=True)
        return volume

    # --- provisioning -------------------------------------------------------------------------------------------

    def _provision(self, claim: Object) -> Steps:
        """provisionClaim: say who is to make the volume, and wait."""
        storage_class = self._class(claim)
        if storage_class is None:
            text = f'storageclass.storage.k8s.io "{class_of(claim)}" not found'
            self._tell(claim, "Warning", "ProvisioningFailed", text)
            return
        provisioner: str = storage_class["provisioner"]
        driver = CSI_DRIVERS.get(provisioner, provisioner)
        if driver.startswith("kubernetes.io/"):
            text = f"no volume plugin matched name: {provisioner}"
            self._tell(claim, "Warning", "ProvisioningFailed", text)
            return
        notes = {BETA_STORAGE_PROVISIONER: driver, STORAGE_PROVISIONER: driver}
        if driver != provisioner:
            notes["pv.kubernetes.io/migrated-to"] = driver
        if any(objects.annotations(claim).get(key) != value for key, value in notes.items()):
            claim = yield from self._write("persistentvolumeclaims", objects.with_annotations(claim, notes))
        text = (
            f"Waiting for a volume to be created either by the external provisioner '{driver}' or manually by the system "
            "administrator. If volume creation is delayed, please verify that the provisioner is running and correctly "
            "registered."
        )
        self._tell(claim, "Normal", "ExternalProvisioning", text)

    # --- volumes ------------------------------------------------------------------------------------------------

    def _sync_volume(self, volume: Object) -> Steps:
        reference = volume["spec"].get("claimRef")
        if not reference or not reference.get("uid"):
            yield from self._set_volume_phase(volume, "Available")
            return
        key = reference.get("namespace", ""), reference["name"]
        claim = self._claim(key)
        if claim is None or objects.uid(claim) != reference["uid"]:
            # A claim of that name is another one: the bound one is gone.
            yield from self._release(volume)
        elif not claim["spec"].get("volumeName"):
            self.enqueue(key)
        elif claim["spec"]["volumeName"] == objects.name(volume):
            yield from self._set_volume_phase(volume, "Bound")
        elif PROVISIONED_BY in objects.annotations(volume) and _is_deleted_after(volume):
            yield from self._release(volume)
        else:
            freed = yield from self._write("persistentvolumes", unbound_volume(volume))
            yield from self._set_volume_phase(freed, "Available")

    def _release(self, volume: Object) -> Steps:
        if (volume.get("status") or {}).get("phase") not in ("Released", "Failed"):
            volume = yield from self._set_volume_phase(volume, "Released")
        if not _is_deleted_after(volume) or PROVISIONED_BY in objects.annotations(volume):
            # Kept, or deleted by the driver that made it.
            return
        text = f'error getting deleter volume plugin for volume "{objects.name(volume)}": no deletable volume plugin matched'
        if (volume.get("status") or {}).get("phase") != "Failed":
            failed = yield from self._set_volume_phase(volume, "Failed", text)
            self._tell(failed, "Warning", "VolumeFailedDelete", text)


def _is_deleted_after(volume: Object) -> bool:
    return bool(volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete")


def default_class(classes: list[Object]) -> Object | None:
    """The default StorageClass: the newest of those marked so, the first by name of several made at once."""
    marked = [c for c in classes if objects.annotations(c).get(DEFAULT_CLASS) == "true"]
    marked.sort(key=objects.name)
    return max(marked, key=lambda c: c["metadata"].get("creationTimestamp", ""), default=None)

"""What binding makes of a volume and of a claim.  Decides; never acts.

**Imitates:** pkg/controller/volume/persistentvolume/pv_controller.go (``GetBindVolumeToClaim``, ``bindClaimToVolume``,
``updateClaimStatus``, ``unbindVolume``), v1.36.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.cluster.volumes import BIND_COMPLETED, BOUND_BY_CONTROLLER, is_bound_to


def claim_reference(claim: Object) -> dict[str, Any]:
    """What a volume says about its claim."""
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": metadata["name"],
        "namespace": metadata.get("namespace", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "uid": metadata.get("uid", ""),
    }


def volume_bound_to(volume: Object, claim: Object) -> Object:
    """The volume with its claimRef; the same object when it has it already."""
    reference = volume["spec"].get("claimRef")
    if reference and is_bound_to(volume, claim) and reference.get("uid"):
        return volume
    bound = objects.assoc(volume, ("spec", "claimRef"), claim_reference(claim))
    return bound if reference else objects.with_annotations(bound, {BOUND_BY_CONTROLLER: "yes"})


def claim_bound_to(claim: Object, volume: Object) -> Object:
    """The claim with the volume's name and the marks of a finished binding; the same object when it has all that."""
    name, bound = objects.name(volume), claim
    if claim["spec"].get("volumeName") != name:
        bound = objects.assoc(claim, ("spec", "volumeName"), name)
        bound = objects.with_annotations(bound, {BOUND_BY_CONTROLLER: "yes"})
    if BIND_COMPLETED not in objects.annotations(bound):
        bound = objects.with_annotations(bound, {BIND_COMPLETED: "yes"})
    return bound


def claim_with_phase(claim: Object, phase: str, volume: Object | None) -> Object:
    """The claim with the status that goes with a phase; the same object when nothing changes."""
    status = dict(claim.get("status") or {})
    status["phase"] = phase
    for field in ("accessModes", "capacity"):
        value = volume["spec"].get(field) if volume is not None else None
        if value:
            status[field] = value
        else:
            status.pop(field, None)
    return claim if status == (claim.get("status") or {}) else {**claim, "status": status}


def volume_with_phase(volume: Object, phase: str, message: str, now: str) -> Object:
    """The volume with a phase, and since when; the same object when it has it already."""
    before = volume.get("status") or {}
    if before.get("phase") == phase and before.get("message", "") == message:
        return volume
    status = {**before, "phase": phase, "message": message, "lastPhaseTransitionTime": now}
    if not message:
        del status["message"]
    return {**volume, "status": status}


def unbound_volume(volume: Object) -> Object:
    """The volume without the binding that the controller made; one that its owner reserved stays reserved."""
    if BOUND_BY_CONTROLLER in objects.annotations(volume):
        notes = {k: v for k, v in objects.annotations(volume).items() if k != BOUND_BY_CONTROLLER}
        bare = objects.dissoc(volume, ("spec", "claimRef"))
        return objects.with_metadata(bare, annotations=notes or None)
    reserved: Object = objects.assoc(volume, ("spec", "claimRef", "uid"), "")
    return reserved

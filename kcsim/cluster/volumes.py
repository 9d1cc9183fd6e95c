"""What PersistentVolumes, their claims and the pods that use them say, as several components read it.

**Imitates:** component-helpers ``storage/volume``, ``pkg/apis/core/v1/helper`` (GetPersistentVolumeClaimClass) and
``pkg/volume/util`` (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
BETA_STORAGE_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
CLAIM_INDEX = "claims"
"""Name of the index of pods by the claims they use; its values are ``namespace/name``."""

CSI_DRIVERS = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
    "kubernetes.io/portworx-volume": "pxd.portworx.com",
}
"""Provisioner of old -> the CSI driver that it was moved to (``csi-translation-lib``)."""


def class_of(obj: Object) -> str:
    """The StorageClass that a claim or volume names; "" for none."""
    annotated = objects.annotations(obj).get(BETA_CLASS)
    return annotated if annotated is not None else obj["spec"].get("storageClassName") or ""


def waits_for_consumer(storage_class: Object | None) -> bool:
    """Whether claims of the class are bound only once a pod that uses them is scheduled."""
    return storage_class is not None and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"


def is_bound_to(volume: Object, claim: Object) -> bool:
    """Whether the volume's claimRef means this claim, by name and, where it says one, by uid."""
    reference = volume["spec"].get("claimRef")
    if not reference or (reference.get("namespace", ""), reference.get("name")) != objects.key(claim):
        return False
    return not reference.get("uid") or bool(reference["uid"] == objects.uid(claim))


def claims_of(pod: Object) -> Iterator[tuple[str, str]]:
    """(volume of the pod, name of the claim behind it), in their order."""
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield volume["name"], volume["persistentVolumeClaim"]["claimName"]
        elif "ephemeral" in volume:
            yield volume["name"], f"{objects.name(pod)}-{volume['name']}"


def claim_index(pod: Object) -> list[str]:
    """The claims of a pod, for an informer's index."""
    volumes = pod["spec"].get("volumes")
    if not volumes:
        return []
    namespace = objects.namespace(pod)
    return [f"{namespace}/{claim}" for _, claim in claims_of(pod)]


def attachable_name(volume: Object) -> str | None:
    """The unique name of what has to be attached to a node before it is mounted; None when nothing has to be."""
    source: dict[str, Any] | None = volume["spec"].get("csi")
    if source is None:
        return None
    return f"kubernetes.io/csi/{source['driver']}^{source['volumeHandle']}"


def is_exclusive(volume: Object) -> bool:
    """Whether the volume can be attached to one node at a time only."""
    modes = volume["spec"].get("accessModes") or ()
    return bool(modes) and not any(mode in ("ReadWriteMany", "ReadOnlyMany") for mode in modes)

"""Volumes, claims and their classes; config maps and secrets; quotas.

**Imitates:** ``printPersistentVolume`` and its neighbours (pkg/printers/internalversion/printers.go, v1.36).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.tables.cells import (
    NAME,
    NONE,
    UNSET,
    Column,
    Kind,
    View,
    age,
    columns,
    default_name,
    name,
    spec,
    status,
)

DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_MODES = (
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
)


def modes_cell(modes: list[str] | None) -> str:
    """Access modes in short: ``RWO,ROX``."""
    return ",".join(short for mode, short in _MODES if mode in (modes or ()))


def storage_class(obj: Object) -> str:
    """The class of a volume or claim: the old annotation, else the field."""
    annotated = objects.annotations(obj).get(_CLASS_ANNOTATION)
    return annotated if annotated is not None else spec(obj).get("storageClassName") or ""


def _phase(obj: Object) -> str:
    return "Terminating" if objects.is_deleting(obj) else status(obj).get("phase", "")


def _volume(obj: Object, view: View) -> list[Any]:
    body = spec(obj)
    claim = body.get("claimRef")
    return [
        name(obj),
        (body.get("capacity") or {}).get("storage", "0"),
        modes_cell(body.get("accessModes")),
        body.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        storage_class(obj),
        body.get("volumeAttributesClassName", UNSET),
        status(obj).get("reason", ""),
        age(obj, view),
        body.get("volumeMode", UNSET),
    ]


def _claim(obj: Object, view: View) -> list[Any]:
    body, bound = spec(obj), bool(spec(obj).get("volumeName"))
    return [
        name(obj),
        _phase(obj),
        body.get("volumeName", ""),
        (status(obj).get("capacity") or {}).get("storage", "0") if bound else "",
        modes_cell(status(obj).get("accessModes")) if bound else "",
        storage_class(obj),
        body.get("volumeAttributesClassName", UNSET),
        age(obj, view),
        body.get("volumeMode", UNSET),
    ]


def _class(obj: Object, view: View) -> list[Any]:
    return [
        default_name(obj, *DEFAULT_CLASS),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        bool(obj.get("allowVolumeExpansion")),
        age(obj, view),
    ]


def _attributes_class(obj: Object, view: View) -> list[Any]:
    return [name(obj), obj.get("driverName", ""), age(obj, view)]


def _csi_driver(obj: Object, view: View) -> list[Any]:
    body = spec(obj)
    requests = body.get("tokenRequests")
    return [
        name(obj),
        body.get("attachRequired", True),
        body.get("podInfoOnMount", False),
        body.get("storageCapacity", False),
        UNSET if requests is None else ",".join(request.get("audience", "") for request in requests),
        body.get("requiresRepublish", False),
        ",".join(body.get("volumeLifecycleModes") or ()) or NONE,
        age(obj, view),
    ]


def _csi_node(obj: Object, view: View) -> list[Any]:
    return [name(obj), len(spec(obj).get("drivers") or ()), age(obj, view)]


def _csi_capacity(obj: Object, view: View) -> list[Any]:
    del view
    return [name(obj), obj.get("storageClassName", ""), obj.get("capacity", UNSET)]


def _attachment(obj: Object, view: View) -> list[Any]:
    spec = obj.get("spec") or {}
    volume = (spec.get("source") or {}).get("persistentVolumeName") or ""
    attached = bool(status(obj).get("attached"))
    return [name(obj), spec.get("attacher", ""), volume, spec.get("nodeName", ""), attached, age(obj, view)]


def _config_map(obj: Object, view: View) -> list[Any]:
    return [name(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), age(obj, view)]


def _secret(obj: Object, view: View) -> list[Any]:
    return [name(obj), obj.get("type", ""), len(obj.get("data") or ()), age(obj, view)]


def _quota(obj: Object, view: View) -> list[Any]:
    hard, used = status(obj).get("hard") or {}, status(obj).get("used") or {}
    items = [(key, f"{key}: {used.get(key, '0')}/{hard[key]}") for key in sorted(hard)]
    limits = [text for key, text in items if key.startswith("limits.")]
    requests = [text for key, text in items if not key.startswith("limits.")]
    return [name(obj), ", ".join(requests), ", ".join(limits), age(obj, view)]


_ATTACHMENT_COLUMNS = (NAME, Column("Attacher", format="name"), *columns("PV Node Attached:boolean Age"))
STORAGE: dict[tuple[str, str], Kind] = {
    ("", "PersistentVolume"): Kind(
        columns(
            "Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass VolumeAttributesClass Reason Age "
            "| VolumeMode"
        ),
        _volume,
    ),
    ("", "PersistentVolumeClaim"): Kind(
        columns(
            "Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age | VolumeMode"
        ),
        _claim,
    ),
    ("storage.k8s.io", "StorageClass"): Kind(
        columns("Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age"), _class
    ),
    ("storage.k8s.io", "VolumeAttributesClass"): Kind(columns("Name DriverName Age"), _attributes_class),
    ("storage.k8s.io", "VolumeAttachment"): Kind(_ATTACHMENT_COLUMNS, _attachment),
    ("storage.k8s.io", "CSIDriver"): Kind(
        columns(
            "Name AttachRequired:boolean PodInfoOnMount:boolean StorageCapacity:boolean TokenRequests "
            "RequiresRepublish:boolean Modes Age"
        ),
        _csi_driver,
    ),
    ("storage.k8s.io", "CSINode"): Kind(columns("Name Drivers:integer Age"), _csi_node),
    ("storage.k8s.io", "CSIStorageCapacity"): Kind(columns("Name StorageClassName Capacity"), _csi_capacity),
    ("", "ConfigMap"): Kind(columns("Name Data Age"), _config_map),
    ("", "Secret"): Kind(columns("Name Type Data Age"), _secret),
    ("", "ResourceQuota"): Kind(columns("Name Request Limit Age"), _quota),
}

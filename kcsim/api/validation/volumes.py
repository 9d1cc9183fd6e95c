"""Validation of pod volumes and of the sources shared with persistent volumes.

**Imitates:** ValidateVolumes and validateVolumeSource in kubernetes pkg/apis/core/validation/validation.go (v1.36).
Left out: the fields of storage back ends other than hostPath, emptyDir, nfs, configuration and claims.
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.common import amount
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
)

SOURCES: Final = (
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "flocker",
    "vsphereVolume",
    "azureDisk",
    "storageos",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "projected",
    "csi",
    "ephemeral",
    "image",
    "local",
)
_HOST_PATH_TYPES: Final = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)


def volumes(path: str, items: list[dict[str, Any]]) -> tuple[Errors, set[str]]:
    """The errors of a pod's volumes, and the names that may be mounted."""
    errors: Errors = []
    known: set[str] = set()
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        wrong = source(here, item)
        name = item.get("name") or ""
        if not name:
            wrong.append(required(f"{here}.name"))
        else:
            wrong += each_invalid(f"{here}.name", name, names.is_dns1123_label(name))
        if name in known:
            wrong.append(duplicate(f"{here}.name", name))
        if not wrong:
            known.add(name)
        errors += wrong
    return errors, known


def source(path: str, item: Mapping[str, Any]) -> Errors:
    """Exactly one source, and that one valid. All sources but the first are refused."""
    present = [name for name in SOURCES if item.get(name) is not None]
    if not present:
        return [required(path, "must specify a volume type")]
    errors = _source(f"{path}.{present[0]}", present[0], item[present[0]])
    return errors + [
        forbidden(f"{path}.{name}", "may not specify more than 1 volume type") for name in present[1:]
    ]


def _source(path: str, name: str, value: Mapping[str, Any]) -> Errors:
    match name:
        case "hostPath":
            return _host_path(path, value)
        case "emptyDir":
            limit = value.get("sizeLimit")
            return amount(f"{path}.sizeLimit", limit) if limit is not None else []
        case "secret":
            return _required(path, value, "secretName") + _files(path, value)
        case "configMap":
            return _required(path, value, "name") + _files(path, value)
        case "persistentVolumeClaim":
            return _required(path, value, "claimName")
        case "nfs":
            return _required(path, value, "server", "path") + _absolute(f"{path}.path", value.get("path"))
        case "downwardAPI":
            return _files(path, value)
        case "projected":
            return _projected(path, value)
        case "csi":
            return _required(path, value, "driver")
    return []


def _required(path: str, value: Mapping[str, Any], *fields: str) -> Errors:
    return [required(f"{path}.{name}") for name in fields if not value.get(name)]


def _absolute(path: str, value: Any) -> Errors:
    if value and not str(value).startswith("/"):
        return [invalid(path, value, "must be an absolute path")]
    return []


def _host_path(path: str, value: Mapping[str, Any]) -> Errors:
    errors = _required(path, value, "path")
    if ".." in str(value.get("path", "")).split("/"):
        errors.append(invalid(f"{path}.path", value["path"], "must not contain '..'"))
    kind = value.get("type") or ""
    if kind not in _HOST_PATH_TYPES:
        errors.append(not_supported(f"{path}.type", kind, _HOST_PATH_TYPES[1:]))
    return errors


def _mode(path: str, value: Any) -> Errors:
    if value is not None and not 0 <= value <= 0o777:
        return [invalid(path, value, "must be a number between 0 and 0777 (octal), both inclusive")]
    return []


def _files(path: str, value: Mapping[str, Any]) -> Errors:
    errors = _mode(f"{path}.defaultMode", value.get("defaultMode"))
    for index, item in enumerate(value.get("items") or ()):
        here = f"{path}.items[{index}]"
        if "key" in item and not item["key"]:
            errors.append(required(f"{here}.key"))
        errors += relative_path(f"{here}.path", item.get("path") or "")
        errors += _mode(f"{here}.mode", item.get("mode"))
    return errors


def relative_path(field: str, value: str) -> Errors:
    """ValidateLocalNonReservedPath: inside the volume, and not where the kubelet keeps its own."""
    if not value:
        return [required(field)]
    if value.startswith("/"):
        return [invalid(field, value, "must be a relative path")]
    if ".." in value.split("/"):
        return [invalid(field, value, "must not contain '..'")]
    return [invalid(field, value, "must not start with '..'")] if value.startswith("..") else []


def _projected(path: str, value: Mapping[str, Any]) -> Errors:
    errors = _mode(f"{path}.defaultMode", value.get("defaultMode"))
    for index, projection in enumerate(value.get("sources") or ()):
        here = f"{path}.sources[{index}]"
        kinds = [
            name
            for name in ("secret", "configMap", "downwardAPI", "serviceAccountToken")
            if projection.get(name)
        ]
        for name in kinds[1:]:
            errors.append(forbidden(f"{here}.{name}", "may not specify more than 1 volume type"))
        for name in kinds[:1]:
            if name in ("secret", "configMap"):
                errors += _required(f"{here}.{name}", projection[name], "name")
            if name == "serviceAccountToken":
                errors += _required(f"{here}.{name}", projection[name], "path")
            else:
                errors += _files(f"{here}.{name}", projection[name])
    return errors


def mounts(path: str, items: list[dict[str, Any]], known: set[str]) -> Errors:
    """ValidateVolumeMounts of one container."""
    errors: Errors = []
    places: set[str] = set()
    for index, item in enumerate(items):
        here, name, place = f"{path}[{index}]", item.get("name") or "", item.get("mountPath") or ""
        if not name:
            errors.append(required(f"{here}.name"))
        if name not in known:
            errors.append(not_found(f"{here}.name", name))
        if not place:
            errors.append(required(f"{here}.mountPath"))
        if place in places:
            errors.append(invalid(f"{here}.mountPath", place, "must be unique"))
        places.add(place)
        if item.get("subPath"):
            errors += relative_path(f"{here}.subPath", item["subPath"])
    return errors

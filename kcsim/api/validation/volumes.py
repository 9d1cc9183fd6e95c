"""Validation of pod volumes and of the sources shared with persistent volumes.

**Imitates:** ValidateVolumes and validateVolumeSource in kubernetes pkg/apis/core/validation/validation.go (v1.36).
Left out: the fields of storage back ends other than hostPath, emptyDir, nfs, configuration and claims.
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.claims import claim_spec
from kcsim.api.validation.common import amount
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_found,
    not_supported,
    one_of,
    required,
)
from kcsim.api.validation.paths import descending_path, relative_path
from kcsim.api.validation.sources import downward_file

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


Known = dict[str, Mapping[str, Any]]
"""The volumes of a pod that may be mounted, by name."""


def volumes(path: str, items: list[dict[str, Any]]) -> tuple[Errors, Known]:
    """The errors of a pod's volumes, and those that may be mounted."""
    errors: Errors = []
    known: Known = {}
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
            known[name] = item
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
            return _downward(path, value)
        case "projected":
            return _projected(path, value)
        case "csi":
            return _required(path, value, "driver")
        case "gitRepo":
            return _required(path, value, "repository")
        case "image":
            policies = ("Always", "IfNotPresent", "Never")
            return _required(path, value, "reference") + (
                one_of(f"{path}.pullPolicy", value["pullPolicy"], policies) if value.get("pullPolicy") else []
            )
        case "ephemeral":
            template = value.get("volumeClaimTemplate")
            if template is None:
                return [required(f"{path}.volumeClaimTemplate")]
            return claim_spec(f"{path}.volumeClaimTemplate.spec", template.get("spec") or {})
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


def _downward(path: str, value: Mapping[str, Any]) -> Errors:
    errors = _mode(f"{path}.defaultMode", value.get("defaultMode"))
    for index, item in enumerate(value.get("items") or ()):
        errors += downward_file(f"{path}.items[{index}]", item)
    return errors


def _projected(path: str, value: Mapping[str, Any]) -> Errors:
    errors = _mode(f"{path}.defaultMode", value.get("defaultMode"))
    places: set[str] = set()
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
                errors += _token(f"{here}.{name}", projection[name])
            elif name == "downwardAPI":
                errors += _downward(f"{here}.{name}", projection[name])
            else:
                errors += _files(f"{here}.{name}", projection[name])
            for place in _places(projection[name]):
                if place in places:
                    errors.append(invalid(path, place, "conflicting duplicate paths"))
                places.add(place)
    return errors


def _places(projection: Mapping[str, Any]) -> list[str]:
    """Where a projection puts files."""
    if projection.get("items"):
        return [item["path"] for item in projection["items"] if item.get("path")]
    return [projection["path"]] if projection.get("path") else []


def _token(path: str, value: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    lasts = value.get("expirationSeconds")
    if lasts is not None and lasts < 600:
        text = "may not specify a duration less than 10 minutes"
        errors.append(invalid(f"{path}.expirationSeconds", lasts, text))
    if lasts is not None and lasts > 1 << 32:
        text = "may not specify a duration larger than 2^32 seconds"
        errors.append(invalid(f"{path}.expirationSeconds", lasts, text))
    if not value.get("path"):
        errors.append(required(f"{path}.path"))
        return errors
    return errors + relative_path(f"{path}.path", value["path"])


def mounts(path: str, container: Mapping[str, Any], known: Known) -> Errors:
    """ValidateVolumeMounts of one container; what is wrong below a mount is told of the list, as upstream does."""
    errors: Errors = []
    places: set[str] = set()
    privileged = bool((container.get("securityContext") or {}).get("privileged"))
    for index, item in enumerate(container.get("volumeMounts") or ()):
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
            errors += descending_path(f"{path}.subPath", item["subPath"])
        if item.get("subPathExpr"):
            if item.get("subPath"):
                text = "subPathExpr and subPath are mutually exclusive"
                errors.append(invalid(f"{here}.subPathExpr", item["subPathExpr"], text))
            errors += descending_path(f"{path}.subPathExpr", item["subPathExpr"])
        errors += _propagation(
            f"{path}.mountPropagation", item.get("mountPropagation"), privileged=privileged
        )
        errors += _recursive(f"{here}.recursiveReadOnly", item)
    return errors


def _propagation(field: str, value: str | None, *, privileged: bool) -> Errors:
    if value is None:
        return []
    errors = one_of(field, value, ("Bidirectional", "HostToContainer", "None"))
    if value == "Bidirectional" and not privileged:
        text = "Bidirectional mount propagation is available only to privileged containers"
        errors.append(forbidden(field, text))
    return errors


def _recursive(field: str, mount: Mapping[str, Any]) -> Errors:
    """validateMountRecursiveReadOnly."""
    value = mount.get("recursiveReadOnly")
    if value in {None, "Disabled"}:
        return []
    if value not in {"Enabled", "IfPossible"}:
        return [not_supported(field, value, ("Disabled", "Enabled", "IfPossible"))]
    errors: Errors = []
    if not mount.get("readOnly"):
        errors.append(forbidden(field, "may only be specified when readOnly is true"))
    if mount.get("mountPropagation") not in {None, "None"}:
        text = "may only be specified when mountPropagation is None or not specified"
        errors.append(forbidden(field, text))
    return errors


def devices(path: str, container: Mapping[str, Any], known: Known) -> Errors:
    """ValidateVolumeDevices of one container."""
    errors: Errors = []
    mounted = container.get("volumeMounts") or ()
    seen: set[str] = set()
    places: set[str] = set()
    for index, item in enumerate(container.get("volumeDevices") or ()):
        here, name, place = f"{path}[{index}]", item.get("name") or "", item.get("devicePath") or ""
        if not name:
            errors.append(required(f"{here}.name"))
        if name in seen:
            errors.append(invalid(f"{here}.name", name, "must be unique"))
        source = known.get(name)
        if source is None:
            errors.append(not_found(f"{here}.name", name))
        elif not source.get("persistentVolumeClaim") and not source.get("ephemeral"):
            text = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            errors.append(invalid(f"{here}.name", name, text))
        if not place:
            errors.append(required(f"{here}.devicePath"))
        if place in places:
            errors.append(invalid(f"{here}.devicePath", place, "must be unique"))
        if place and ".." in place.split("/"):
            errors.append(invalid(f"{here}.devicePath", place, "can not contain backsteps ('..')"))
        else:
            places.add(place)
        if any(mount.get("name") == name for mount in mounted):
            errors.append(invalid(f"{here}.name", name, "must not already exist in volumeMounts"))
        if any(mount.get("mountPath") == place for mount in mounted):
            errors.append(
                invalid(f"{here}.devicePath", place, "must not already exist as a path in volumeMounts")
            )
        seen.add(name)
    return errors

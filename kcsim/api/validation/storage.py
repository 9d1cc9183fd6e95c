"""Validation of what storage drivers say of themselves and of nodes: CSIDriver, CSINode, VolumeAttachment.

**Imitates:** kubernetes pkg/apis/storage/validation/validation.go (v1.36). Left out: token requests, and the size of attachment metadata.
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names
from kcsim.api.validation.common import immutable
from kcsim.api.validation.field import (
    Errors,
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)

Object = Mapping[str, Any]

_DRIVER_NAME: Final = 63
_NODE_ID: Final = 192
_GROUP_POLICIES: Final = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLES: Final = ("Persistent", "Ephemeral")
_FIXED: Final = ("attachRequired", "volumeLifecycleModes")


def driver_name(path: str, name: str) -> Errors:
    """ValidateCSIDriverName."""
    if not name:
        return [required(path)]
    errors: Errors = [too_long(path, _DRIVER_NAME)] if len(name) > _DRIVER_NAME else []
    return errors + each_invalid(path, name, names.is_dns1123_subdomain(name.lower()))


def csi_driver(obj: Object) -> Errors:
    """ValidateCSIDriver."""
    spec = obj.get("spec") or {}
    errors: Errors = []
    policy = spec.get("fsGroupPolicy")
    if policy and policy not in _GROUP_POLICIES:
        errors.append(not_supported("spec.fsGroupPolicy", policy, _GROUP_POLICIES))
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in _LIFECYCLES:
            errors.append(not_supported("spec.volumeLifecycleModes", mode, _LIFECYCLES))
    return errors


def csi_driver_update(new: Object, old: Object) -> Errors:
    """ValidateCSIDriverUpdate."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return [
        error for field in _FIXED for error in immutable(f"spec.{field}", after.get(field), before.get(field))
    ]


def csi_node(obj: Object) -> Errors:
    """ValidateCSINode."""
    errors: Errors = []
    known: set[str] = set()
    for place, driver in enumerate((obj.get("spec") or {}).get("drivers") or ()):
        path = f"spec.drivers[{place}]"
        name = driver.get("name") or ""
        errors += driver_name(f"{path}.name", name)
        node = driver.get("nodeID") or ""
        if not node:
            errors.append(required(f"{path}.nodeID"))
        elif len(node) > _NODE_ID:
            errors.append(invalid(f"{path}.nodeID", node, f"must be {_NODE_ID} characters or less"))
        count = (driver.get("allocatable") or {}).get("count")
        if count is not None and count < 0:
            text = "must be greater than or equal to 0"
            errors.append(invalid(f"{path}.allocatable.count", count, text))
        if name in known:
            errors.append(duplicate(f"{path}.name", name))
        known.add(name)
        errors += _topology_keys(path, driver.get("topologyKeys") or ())
    return errors


def _topology_keys(path: str, keys: Any) -> Errors:
    errors: Errors = []
    known: set[str] = set()
    for key in keys:
        if not key:
            errors.append(required(path))
        if key in known:
            errors.append(duplicate(path, key))
        known.add(key)
        errors += each_invalid(path, key, names.is_qualified_name(key) if key else ())
    return errors


def csi_node_update(new: Object, old: Object) -> Errors:
    """ValidateCSINodeUpdate: what a driver says of a node stays, but for how many volumes it takes."""

    def told(obj: Object) -> dict[str, Any]:
        drivers = (obj.get("spec") or {}).get("drivers") or ()
        return {d.get("name") or "": {k: v for k, v in d.items() if k != "allocatable"} for d in drivers}

    after, before = told(new), told(old)
    return [
        invalid("spec.drivers", after[name], "field is immutable")
        for name in before
        if name in after and after[name] != before[name]
    ]


def volume_attachment(obj: Object) -> Errors:
    """ValidateVolumeAttachment."""
    spec = obj.get("spec") or {}
    errors = driver_name("spec.attacher", spec.get("attacher") or "")
    source = spec.get("source") or {}
    inline, volume = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    if inline is None and volume is None:
        errors.append(required("spec.source", one))
    elif inline is not None and volume is not None:
        errors.append(forbidden("spec.source", one))
    elif volume is not None and not volume:
        errors.append(
            required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName")
        )
    node = spec.get("nodeName") or ""
    return errors + each_invalid("spec.nodeName", node, names.is_dns1123_subdomain(node))


def volume_attachment_update(new: Object, old: Object) -> Errors:
    """ValidateVolumeAttachmentUpdate: nothing of the spec changes."""
    return immutable("spec", new.get("spec"), old.get("spec"))


def attributes_class(obj: Object) -> Errors:
    """ValidateVolumeAttributesClass."""
    driver = obj.get("driverName") or ""
    errors = (
        each_invalid("driverName", driver, names.is_qualified_name(driver.lower()))
        if driver
        else [required("driverName")]
    )
    parameters = obj.get("parameters") or {}
    if not parameters:
        return [*errors, required("parameters", "must contain at least one key/value pair")]
    return errors + ([invalid("parameters", "", "field can not be empty.")] if "" in parameters else [])


def attributes_class_update(new: Object, old: Object) -> Errors:
    """ValidateVolumeAttributesClassUpdate."""
    errors: Errors = []
    if new.get("driverName") != old.get("driverName"):
        errors.append(forbidden("driverName", "updates to driverName are forbidden."))
    if (new.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(forbidden("parameters", "updates to parameters are forbidden."))
    return errors

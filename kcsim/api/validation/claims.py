"""Validation of what a claim asks for; pods write it, too, for volumes that live as long as they do.

**Imitates:** ValidatePersistentVolumeClaimSpec in kubernetes pkg/apis/core/validation/validation.go (v1.36). Left out: data
sources in other namespaces, which are behind a gate that is off.
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names, quantity
from kcsim.api.validation.common import label_selector
from kcsim.api.validation.field import Errors, each_invalid, forbidden, invalid, one_of, required

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")


def positive(field: str, value: Any) -> Errors:
    """ValidatePositiveQuantityValue."""
    if quantity.of(value).nanos <= 0:
        return [invalid(field, str(value), "must be greater than zero")]
    return []


def claim_spec(path: str, spec: Mapping[str, Any]) -> Errors:
    """ValidatePersistentVolumeClaimSpec."""
    modes = spec.get("accessModes") or []
    errors = label_selector(f"{path}.selector", spec.get("selector"))
    if not modes:
        errors.append(required(f"{path}.accessModes", "at least 1 access mode is required"))
    for mode in modes:
        errors += one_of(f"{path}.accessModes", mode, ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        text = "may not use ReadWriteOncePod with other access modes"
        errors.append(forbidden(f"{path}.accessModes", text))
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        errors.append(required(f"{path}.resources[storage]"))
    else:
        errors += positive(f"{path}.resources[storage]", storage)
    name = spec.get("storageClassName")
    if name:
        errors += each_invalid(f"{path}.storageClassName", name, names.is_dns1123_subdomain(name))
    mode = spec.get("volumeMode")
    errors += one_of(f"{path}.volumeMode", mode, VOLUME_MODES) if mode else []
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None:
        errors += _data_source(f"{path}.dataSource", source)
    if reference is not None:
        errors += _data_source(f"{path}.dataSourceRef", reference)
    if source is not None and reference is not None and _named(source) != _named(reference):
        errors.append(invalid(path, f"{path}.dataSource", "must match dataSourceRef"))
    return errors


def _named(source: Mapping[str, Any]) -> tuple[str, str, str]:
    return source.get("apiGroup") or "", source.get("kind") or "", source.get("name") or ""


def _data_source(path: str, source: Mapping[str, Any]) -> Errors:
    """validateDataSource."""
    group, kind, name = _named(source)
    errors: Errors = [
        required(f"{path}.{field}") for field, value in (("name", name), ("kind", kind)) if not value
    ]
    if not group and kind != "PersistentVolumeClaim":
        text = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(invalid(path, kind, text))
    return errors + (
        each_invalid(f"{path}.apiGroup", group, names.is_dns1123_subdomain(group)) if group else []
    )

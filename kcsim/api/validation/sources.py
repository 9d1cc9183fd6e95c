"""Validation of references from a container or a volume to fields of its pod and to its resources.

**Imitates:** validateObjectFieldSelector, validateContainerResourceFieldSelector and validateDownwardAPIVolumeFile in
kubernetes pkg/apis/core/validation/validation.go (v1.36).
"""

from collections.abc import Mapping
from typing import Any, Final

from kcsim.api import names, quantity
from kcsim.api.validation.field import Errors, each_invalid, invalid, not_supported, required
from kcsim.api.validation.paths import relative_path

_FIELD_PATHS: Final = frozenset(
    """
    metadata.annotations metadata.labels metadata.name metadata.namespace metadata.uid spec.nodeName
    spec.restartPolicy spec.serviceAccountName spec.schedulerName spec.hostNetwork status.phase status.hostIP
    status.hostIPs status.podIP status.podIPs
    """.split()
)
_VOLUME_FIELD_PATHS: Final = (
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
)
_RESOURCES: Final = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_PAGES: Final = ("limits.hugepages-", "requests.hugepages-")
_SIZES: Final = "1 1k 1M 1G 1T 1P 1E 1Ki 1Mi 1Gi 1Ti 1Pi 1Ei".split()


def field_reference(path: str, reference: Mapping[str, Any], known: tuple[str, ...]) -> Errors:
    """A field of the pod: one of ``known``, or one label or annotation."""
    version, field = reference.get("apiVersion") or "v1", reference.get("fieldPath") or ""
    if not field:
        return [required(f"{path}.fieldPath")]
    base, bracket, rest = field.partition("['")
    if version != "v1":
        why = f"unsupported pod version: {version}"
    elif bracket and field.endswith("']"):
        if base not in {"metadata.labels", "metadata.annotations"}:
            why = f"field label does not support subscript: {field}"
        else:
            key = rest.removesuffix("']")
            meant = key.lower() if base == "metadata.annotations" else key
            return each_invalid(path, key, names.is_qualified_name(meant))
    else:
        why = "" if field in _FIELD_PATHS else f"field label not supported: {field}"
    if why:
        return [invalid(f"{path}.fieldPath", field, f"error converting fieldPath: {why}")]
    return [] if field in known else [not_supported(f"{path}.fieldPath", field, known)]


def resource_reference(path: str, reference: Mapping[str, Any], *, volume: bool) -> Errors:
    """A limit or request of a container, in some unit."""
    errors: Errors = []
    resource = reference.get("resource") or ""
    if volume and not reference.get("containerName"):
        errors.append(required(f"{path}.containerName"))
    elif not resource:
        errors.append(required(f"{path}.resource"))
    elif resource not in _RESOURCES and not resource.startswith(_PAGES):
        errors.append(not_supported(f"{path}.resource", resource, _RESOURCES))
    return errors + _divisor(f"{path}.divisor", resource, reference.get("divisor") or "0")


def _divisor(field: str, resource: str, divisor: str) -> Errors:
    kind = resource.partition(".")[2]
    asked = quantity.of(divisor)
    if not asked.nanos:
        return []
    units = ["1m", "1"] if kind == "cpu" else _SIZES
    if any(quantity.of(unit).nanos == asked.nanos for unit in units):
        return []
    listed = "1m and 1" if kind == "cpu" else ", ".join(units)
    return [
        invalid(field, resource, f"only divisor's values {listed} are supported with the {kind} resource")
    ]


def downward_file(path: str, item: Mapping[str, Any]) -> Errors:
    """One file that shows the pod."""
    errors = relative_path(f"{path}.path", item.get("path") or "")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        errors += field_reference(f"{path}.fieldRef", field, _VOLUME_FIELD_PATHS)
        if resource is not None:
            text = "fieldRef and resourceFieldRef can not be specified simultaneously"
            errors.append(invalid(path, "resource", text))
    elif resource is not None:
        errors += resource_reference(f"{path}.resourceFieldRef", resource, volume=True)
    else:
        errors.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    mode = item.get("mode")
    if mode is not None and not 0 <= mode <= 0o777:
        text = "must be a number between 0 and 0777 (octal), both inclusive"
        errors.append(invalid(f"{path}.mode", mode, text))
    return errors

"""Paths below a volume.

**Imitates:** validateLocalDescendingPath and ValidateLocalNonReservedPath in kubernetes
pkg/apis/core/validation/validation.go (v1.36).
"""

from kcsim.api.validation.field import Errors, invalid, required


def descending_path(field: str, value: str) -> Errors:
    """Relative, and without a way up."""
    if value.startswith("/"):
        return [invalid(field, value, "must be a relative path")]
    return [invalid(field, value, "must not contain '..'")] if ".." in value.split("/") else []


def relative_path(field: str, value: str) -> Errors:
    """Inside the volume, and not where the kubelet keeps its own."""
    if not value:
        return [required(field)]
    errors = descending_path(field, value)
    if not errors and value.startswith(".."):
        errors.append(invalid(field, value, "must not start with '..'"))
    return errors

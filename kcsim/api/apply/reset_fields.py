"""What an endpoint resets, and so never lets anyone own there.

Imitates: GetResetFields of the strategies in kubernetes pkg/registry/*/*/strategy.go (v1.36) and of custom resources
          (apiextensions-apiserver pkg/registry/customresource). Left out: kinds with further reset fields of their
          own (PersistentVolumeClaim's /resize, CertificateSigningRequest's certificates).
"""

from __future__ import annotations

from functools import cache

from kcsim.api.apply.fieldset import FieldSet, Filter, keep_all, only_below, without
from kcsim.api.apply.schema import TypeSchema

_STATUS_ALSO: dict[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("f:metadata", "f:labels"),),
    "Pod": (("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences")),
}
"""What /status resets besides spec."""


@cache
def _of_status(kind: str) -> Filter:
    return without(FieldSet.of(("f:spec",), *_STATUS_ALSO.get(kind, ())))


_NOT_STATUS = without(FieldSet.of(("f:status",)))
_ONLY_STATUS = only_below("f:status")


def _sizes(fields: FieldSet) -> FieldSet:
    """No more than the sizes of containers (podResizeStrategy)."""
    kept = [
        path
        for path in fields.paths()
        if len(path) > 3 and path[0] == "f:spec" and path[1] in _SIZED and path[3] in _SIZES
    ]
    return FieldSet.of(*kept)


_SIZED, _SIZES = ("f:containers", "f:initContainers"), ("f:resources", "f:resizePolicy")
_OF_PARTS: dict[tuple[str, str], Filter] = {
    ("Pod", "ephemeralcontainers"): only_below("f:spec", "f:ephemeralContainers"),
    ("Pod", "resize"): _sizes,
}
"""Sub-resources through which no more than a part of the spec is written."""


def filter_of(schema: TypeSchema, subresource: str) -> Filter:
    """The filter for writes to one endpoint of a kind: "" is the object itself, else "status", "scale", ..."""
    if not schema.has_status:
        return keep_all
    if subresource != "status":
        return _OF_PARTS.get((schema.kind, subresource), _NOT_STATUS)
    return _ONLY_STATUS if schema.custom else _of_status(schema.kind)

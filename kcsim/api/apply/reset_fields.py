"""What an endpoint resets, and so never lets anyone own there.

Imitates: GetResetFields of the strategies in kubernetes pkg/registry/*/*/strategy.go (v1.36) and of custom resources
          (apiextensions-apiserver pkg/registry/customresource). Left out: kinds with further reset fields of their
          own (PersistentVolumeClaim's /resize, CertificateSigningRequest's certificates).
"""

from __future__ import annotations

from functools import cache

from kcsim.api.apply.fieldset import FieldSet, Filter, keep_all, only_below, without

_STATUS_ALSO: dict[str, tuple[tuple[str, ...], ...]] = {
    "DaemonSet": (),
    "Deployment": (("f:metadata", "f:labels"),),
    "Pod": (("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences")),
}
"""What /status resets besides spec."""


@cache
def filter_of(kind: str, subresource: str, *, has_status: bool, custom: bool) -> Filter:
    """The filter for writes to one endpoint of a kind.

    Args:
        kind: such as "Deployment".
        subresource: "" for the object itself, else "status", "scale", ...
        has_status: does the kind have a status endpoint of its own?
        custom: is it a custom resource?
    """
    if not has_status:
        return keep_all
    if subresource == "status":
        if custom:
            return only_below("f:status")
        return without(FieldSet.of(("f:spec",), *_STATUS_ALSO.get(kind, ())))
    return without(FieldSet.of(("f:status",)))

"""Owners of an object as owners of its scale, and back: who set replicas is known on both endpoints.

Imitates: apimachinery pkg/util/managedfields/scalehandler.go (v1.36).
"""

from __future__ import annotations

from typing import Final

from kcsim.api.apply.elements import Path
from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.apply.managed_fields import Managed
from kcsim.api.apply.updater import Managers, VersionedSet

SCALE_VERSION: Final = "autoscaling/v1"
SPEC_REPLICAS: Final[Path] = ("f:spec", "f:replicas")
"""The replicas path of a Scale, and of every built-in kind that has one."""

_SCALE_FIELDS: Final = FieldSet.of(SPEC_REPLICAS)


def to_subresource(managed: Managed, api_version: str, replicas_path: Path = SPEC_REPLICAS) -> Managed:
    """The managers of the parent's replicas, as managers of the Scale."""
    fields = {
        identity: VersionedSet(_SCALE_FIELDS, SCALE_VERSION, owned.applied)
        for identity, owned in managed.fields.items()
        if owned.api_version == api_version and owned.fields.has(replicas_path)
    }
    return Managed(fields, {k: time for k, time in managed.times.items() if k in fields})


def to_parent(
    managed: Managed, scale: Managed, api_version: str, replicas_path: Path = SPEC_REPLICAS
) -> Managed:
    """The parent's managers after a write to its Scale, whose managers then are `scale`.

    As upstream, a manager that is new through the Scale has no time on the parent.
    """
    replicas = FieldSet.of(replicas_path)
    remaining = dict(scale.fields)
    fields: Managers = {}
    for identity, owned in managed.fields.items():
        if owned.api_version != api_version:
            continue
        if not owned.fields.has(replicas_path) or remaining.pop(identity, None) is not None:
            fields[identity] = owned
        elif rest := owned.fields.difference(replicas):
            fields[identity] = owned._replace(fields=rest)
    for identity, owned in remaining.items():
        if owned.fields.has(SPEC_REPLICAS):
            fields[identity] = VersionedSet(replicas, api_version, owned.applied)
    return managed.with_(fields, managed.times)

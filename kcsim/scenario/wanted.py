"""What a commit wants a cluster to hold, and whether a live object is as wanted.  Decides; never acts.

A live object is as wanted when applying the manifest to it would change nothing: every field of the manifest has its
value there, lists with keys compared item by item. Fields that the manifest does not name are nobody's drift.

**Imitates:** the comparison behind server-side apply (structured-merge-diff's merge), which Flux's own detection of drift
rests on. Left out: fields that were in an earlier manifest and are still there.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kcsim.api.apply.merge import merge
from kcsim.api.apply.schema import TypedError
from kcsim.api.catalog import Catalog
from kcsim.api.defaults.canonical import canonical
from kcsim.api.objects import difference
from kcsim.api.ownership import Ownership
from kcsim.api.resources import Resource, gvk_of
from kcsim.api.schemas.definitions import definition

Object = Mapping[str, Any]
_SERVER_FIELDS = frozenset(
    {"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)


class ObjectKey(NamedTuple):
    """One object of one cluster; `cluster` is the world's name for it, `resource` the group resource."""

    cluster: str
    resource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """One object as a commit wants it; `scope` is the part of the delivery that brings it (a Kustomization)."""

    key: ObjectKey
    resource: Resource
    manifest: dict[str, Any] = field(compare=False)
    scope: str = ""

    @property
    def ref(self) -> str:
        """As expressions name it: `deployment/web`."""
        return f"{self.resource.singular}/{self.key.name}"


def wanted_objects(
    manifests: Iterable[Object],
    catalog: Catalog,
    *,
    cluster: str,
    namespace: str = "default",
    scope: str = "",
) -> list[Wanted]:
    """The manifests of a commit as wanted objects; those of kinds the cluster does not have are left out.

    `namespace` is where objects of namespaced kinds go that name none.
    """
    found = []
    for manifest in manifests:
        resource = catalog.by_gvk(gvk_of(manifest))
        metadata = manifest.get("metadata") or {}
        if resource is None or not metadata.get("name"):
            continue
        space = (metadata.get("namespace") or namespace) if resource.namespaced else ""
        key = ObjectKey(cluster, resource.group_resource, space, metadata["name"])
        found.append(Wanted(key, resource, _comparable(manifest, resource, space), scope))
    return found


def _comparable(manifest: Object, resource: Resource, namespace: str) -> dict[str, Any]:
    """The manifest as the server would store it, without what only the server sets."""
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in _SERVER_FIELDS and v is not None}
    if namespace:
        metadata["namespace"] = namespace
    data = {k: v for k, v in manifest.items() if k not in {"status", "stringData"}} | {"metadata": metadata}
    if resource.kind == "Secret" and manifest.get("stringData"):
        written = {k: base64.b64encode(str(v).encode()).decode() for k, v in manifest["stringData"].items()}
        data["data"] = {**(manifest.get("data") or {}), **written}
    schema = definition(resource.gvk)
    return canonical(data, schema) if schema is not None else data


def deviation(live: Object | None, wanted: Wanted, ownership: Ownership) -> Any:
    """What applying the manifest would change, as a merge patch; None when nothing, a text when the object is gone."""
    if live is None or live["metadata"].get("deletionTimestamp"):
        return "deleted"
    try:
        merged = merge(live, wanted.manifest, ownership.schema(wanted.resource).root)
    except TypedError as error:
        return str(error)  # the server refuses such a manifest: what is live cannot be what it says
    if merged is live:
        return None
    # Lists of custom resources are replaced whole, and the server fills in what their items leave out.
    return difference(live, ownership.with_defaults(wanted.resource, merged)) or None

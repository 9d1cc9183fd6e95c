"""Discovery: which groups, versions and resources are served, and the server's own small pages.

**Imitates:** apiserver ``pkg/endpoints/discovery`` (v1.36): the legacy form, and the aggregated one for who
asks for it.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from kcsim.api.resources import Resource

if TYPE_CHECKING:
    from kcsim.api.server import ApiServer

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.6",
    "compiler": "gc",
    "platform": "linux/amd64",
}


def document(server: ApiServer, path: str) -> Any:
    """The page at ``path``, or None when it is not one of discovery's."""
    if path in {"/healthz", "/livez", "/readyz"}:
        return "ok"
    if path == "/version":
        return VERSION
    if path == "/api":
        return {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [
                {"clientCIDR": "0.0.0.0/0", "serverAddress": f"https://{server.cluster or 'kcsim'}:6443"}
            ],
        }
    if path == "/apis":
        groups = [_group(g, v) for g, v in server.catalog.group_versions() if g]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    parts = path.strip("/").split("/")
    if parts == ["api", "v1"]:
        return _resources(server, "", "v1")
    if parts[0] == "apis" and len(parts) == 2:
        return next((_group(g, v, True) for g, v in server.catalog.group_versions() if g == parts[1]), None)
    if parts[0] == "apis" and len(parts) == 3 and server.catalog.in_version(parts[1], parts[2]):
        return _resources(server, parts[1], parts[2])
    return None


def _group(group: str, versions: list[str], alone: bool = False) -> dict[str, Any]:
    listed = [{"groupVersion": f"{group}/{v}", "version": v} for v in versions]
    head = {"kind": "APIGroup", "apiVersion": "v1"} if alone else {}
    return {**head, "name": group, "versions": listed, "preferredVersion": listed[0]}


def _resources(server: ApiServer, group: str, version: str) -> dict[str, Any]:
    listed: list[dict[str, Any]] = []
    for resource in server.catalog.in_version(group, version):
        listed.append(_resource(resource))
        listed.extend(_subresource(resource, name) for name in resource.subresources)
    text = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": text, "resources": listed}


def _resource(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(_CUSTOM_VERBS if resource.custom else resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "get" in resource.verbs and resource.kind != "ComponentStatus":
        entry["storageVersionHash"] = storage_version_hash(resource)
    return entry


_CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


def storage_version_hash(resource: Resource) -> str:
    """Which version the objects are stored as, as clients may compare it (apiserver: pkg/endpoints/discovery)."""
    version = resource.storage_version
    text = f"{version}/{resource.kind}" if "/" in version else f"/{version}/{resource.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


# --- aggregated -------------------------------------------------------------------------------------------------

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def wants_aggregated(accept: str) -> bool:
    """Whether a client asks for all groups, versions and resources in one document."""
    first = accept.partition(",")[0].replace(" ", "")
    return set(AGGREGATED.split(";")) <= set(first.split(";"))


def aggregated(server: ApiServer, path: str) -> dict[str, Any] | None:
    """The one document of the core group (``/api``) or of all others (``/apis``)."""
    if path not in {"/api", "/apis"}:
        return None
    core = path == "/api"
    items = [
        {
            "metadata": {} if core else {"name": group},
            "versions": [_version(server, group, version) for version in versions],
        }
        for group, versions in server.catalog.group_versions()
        if (group == "") is core
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _version(server: ApiServer, group: str, version: str) -> dict[str, Any]:
    resources = [_discovered(resource) for resource in server.catalog.in_version(group, version)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _discovered(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": "", "version": "", "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.custom:
        entry["responseKind"] = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [_discovered_sub(resource, name) for name in resource.subresources]
    return entry


def _discovered_sub(resource: Resource, name: str) -> dict[str, Any]:
    sub = resource.subresource(name)
    assert sub is not None
    kind = {"group": sub.group, "version": sub.version, "kind": sub.kind}
    return {"subresource": name, "responseKind": kind, "verbs": list(sub.verbs)}


def _subresource(resource: Resource, name: str) -> dict[str, Any]:
    sub = resource.subresource(name)
    assert sub is not None
    entry: dict[str, Any] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": sub.kind,
        "verbs": list(sub.verbs),
    }
    if sub.group or sub.version:
        entry |= {"group": sub.group, "version": sub.version}
    return entry

"""Discovery: which groups, versions and resources are served, and the server's own small pages.

**Imitates:** apiserver ``pkg/endpoints/discovery`` in its legacy form, which every client version accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api.catalog import Resource

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
                {"clientCIDR": "0.0.0.0/0", "serverAddress": f"{server.cluster}:6443"}
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
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return entry


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

"""kubectl api-resources, api-versions and cluster-info: what the server has.

**Imitates:** kubectl ``pkg/cmd/{apiresources,clusterinfo}`` (v1.33 to v1.36).
"""

from __future__ import annotations

from kcsim.api.resources import Resource
from kcsim.engine.task import Steps
from kcsim.kubectl.creators.common import usage
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.layout import columns
from kcsim.kubectl.session import KubectlError, Session


def api_resources(session: Session, arguments: Arguments) -> Steps:
    """``kubectl api-resources``."""
    if arguments.words:
        raise usage("api-resources", f"unexpected arguments: [{' '.join(arguments.words)}]")
    form, sort_by = arguments.get("output"), arguments.get("sort-by")
    if sort_by not in {"", "name", "kind"}:
        raise KubectlError("error: --sort-by accepts only name or kind")
    if form not in {"", "wide", "name"}:
        raise KubectlError(f"error: --output {form} is not available")
    chosen = [item for item in _preferred(session) if _wanted(item, arguments)]
    by = {"": lambda item: (item.group, item.plural), "kind": lambda item: item.kind}
    chosen.sort(key=by.get(sort_by, lambda item: item.plural))
    if form == "name":
        for item in chosen:
            session.print(item.group_resource)
        return None
    rows = [] if arguments.on("no-headers") else [_header(form)]
    for item in chosen:
        row = [
            item.plural,
            ",".join(item.short_names),
            item.group_version,
            "true" if item.namespaced else "false",
            item.kind,
        ]
        if form == "wide":
            row += [",".join(item.verbs), ",".join(item.categories)]
        rows.append(row)
    session.write(columns(rows))
    yield from ()
    return None


def _header(form: str) -> list[str]:
    more = ["VERBS", "CATEGORIES"] if form == "wide" else []
    return ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", *more]


def _preferred(session: Session) -> list[Resource]:
    """The resources of each group's preferred version."""
    catalog = session.client.endpoint.server.catalog
    preferred = {group: versions[0] for group, versions in catalog.group_versions()}
    return [item for item in catalog if preferred[item.group] == item.version]


def _wanted(item: Resource, arguments: Arguments) -> bool:
    if "api-group" in arguments.flags and item.group != arguments.get("api-group"):
        return False
    if "namespaced" in arguments.flags and item.namespaced is not arguments.on("namespaced"):
        return False
    if not set(arguments.all("verbs")) <= set(item.verbs):
        return False
    return set(arguments.all("categories")) <= set(item.categories)


def api_versions(session: Session, arguments: Arguments) -> Steps:
    """``kubectl api-versions``."""
    if arguments.words:
        raise usage("api-versions", f"unexpected arguments: [{' '.join(arguments.words)}]")
    groups = session.client.endpoint.server.catalog.group_versions()
    for text in sorted(
        f"{group}/{version}" if group else version for group, found in groups for version in found
    ):
        session.print(text)
    yield from ()
    return None


def cluster_info(session: Session, arguments: Arguments) -> Steps:
    """``kubectl cluster-info``."""
    if arguments.words:
        raise KubectlError("error: kcsim does not model 'kubectl cluster-info dump'")
    yield session.client.list("services", "kube-system", label_selector="kubernetes.io/cluster-service=true")
    session.print(f"Kubernetes control plane is running at https://{session.client.endpoint.host}:6443")
    session.print("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.")
    return None

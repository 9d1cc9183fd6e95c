"""What an AppProject lets its Applications do.  Decides; never acts.

**Imitates:** argo-cd pkg/apis/application/v1alpha1/app_project_types.go, util/argo/argo.go (`ValidatePermissions`),
controller/sync.go (`validateSyncPermissions`), util/settings (`DeriveServiceAccountToImpersonate`),
controller/appcontroller.go (`isKnownOrphanedResourceExclusion`).
Left out: roles, tokens and signature keys, since there is no API server of Argo CD to ask with one; Applications outside
the namespace of the control plane.

**Walk:** an Application -> `violations` before it is compared -> `permits_live` for each live object -> `refusal` for each
task of a sync -> `is_orphan` for what nobody manages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.api.request import User, service_account
from kcsim.delivery.gitops.argocd import globs
from kcsim.delivery.gitops.argocd.resources import (
    ResourceKey,
    key_of,
    kind_of,
    name_of,
    namespace_of,
)
from kcsim.delivery.gitops.ordering import group_of

ANYWHERE: Mapping[str, Any] = {
    "sourceRepos": ["*"],
    "destinations": [{"server": "*", "namespace": "*"}],
    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
}
"""The spec of the project `default`, which Argo CD creates when there is none."""

_NO_ACCOUNT = "!*[]{}\\/"
_SSH_URL = re.compile(r"(?:ssh://)?[^/:]*?@[^@]+")
_KNOWN_ORPHANS = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A destination: the URL of its API server and its name."""

    server: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """An AppProject as its spec has it, with the clusters that are scoped to it.

    `scoped`: clusters whose Secret names the project; only `permitOnlyProjectScopedClusters` asks.
    """

    name: str
    spec: Mapping[str, Any]
    scoped: tuple[Cluster, ...] = ()

    @classmethod
    def of(cls, obj: Object, scoped: Sequence[Cluster] = ()) -> Project:
        """The project behind an object of kind AppProject."""
        return cls(name_of(obj), obj.get("spec") or {}, tuple(scoped))

    def permits_source(self, url: str) -> bool:
        """Whether a repository may be deployed from; a denying pattern wins over all others."""
        wanted, found = normal_url(url), False
        for raw in self.spec.get("sourceRepos") or ():
            denies = globs.is_denying(raw)
            pattern = "!" + normal_url(raw[1:]) if denies else normal_url(raw)
            if globs.matches_or_denies(pattern, wanted, "/"):
                found = True
            elif denies:
                return False
        return found

    def permits_destination(self, cluster: Cluster, namespace: str) -> bool:
        """Whether something may be deployed there; a denying pattern wins over all others."""
        if not self._matches_destination(cluster, namespace):
            return False
        if not self.spec.get("permitOnlyProjectScopedClusters"):
            return True
        return any(cluster.name == own.name or cluster.server == own.server for own in self.scoped)

    def permits_kind(self, group: str, kind: str, name: str, *, namespaced: bool) -> bool:
        """Whether objects of a kind may be deployed: namespaced ones unless listed otherwise, others only when listed."""
        if namespaced:
            allowed = self.spec.get("namespaceResourceWhitelist")
            denied = self.spec.get("namespaceResourceBlacklist") or ()
            listed = allowed is None or _lists(allowed, group, kind, None)
            return listed and not _lists(denied, group, kind, None)
        allowed = self.spec.get("clusterResourceWhitelist") or ()
        denied = self.spec.get("clusterResourceBlacklist") or ()
        return _lists(allowed, group, kind, name) and not _lists(denied, group, kind, name)

    def permits_live(self, key: ResourceKey, cluster: Cluster) -> bool:
        """Whether a live object is of the project's concern (`IsResourcePermitted`)."""
        if not self.permits_kind(key.group, key.kind, key.name, namespaced=bool(key.namespace)):
            return False
        return not key.namespace or self.permits_destination(cluster, key.namespace)

    def refusal(self, obj: Object, cluster: Cluster, *, namespaced: bool) -> str:
        """Why a sync may not touch an object; "" when it may."""
        group, kind = group_of(obj), kind_of(obj)
        if not self.permits_kind(group, kind, name_of(obj), namespaced=namespaced):
            return f"resource {group}:{kind} is not permitted in project {self.name}"
        if namespaced and not self.permits_destination(cluster, namespace_of(obj)):
            return f"namespace {namespace_of(obj)} is not permitted in project '{self.name}'"
        return ""

    def unverified(self) -> str:
        """Why nothing of the project can be compared, as far as kcsim is to blame: it would have to check signatures."""
        asked = next((field for field in ("signatureKeys", "sourceIntegrity") if self.spec.get(field)), "")
        return f"spec.{asked} of project {self.name} is not modelled by kcsim" if asked else ""

    def account(self, cluster: Cluster, namespace: str, home: str) -> User | None:
        """The ServiceAccount as which a sync to a destination acts; None where the project names none.

        Args:
            namespace: the destination's, "" when the Application names none.
            home: the Application's own namespace: that of an account which is named alone, then.
        Raises: ValueError, when the first account that fits is no name.
        """
        for item in self.spec.get("destinationServiceAccounts") or ():
            pattern, where = str(item.get("server") or ""), str(item.get("namespace") or "")
            if globs.matches(pattern, cluster.server) and globs.matches(where, namespace):
                name = str(item.get("defaultServiceAccount") or "")
                if not name.strip(" ") or any(char in _NO_ACCOUNT for char in name):
                    raise ValueError(f"default service account contains invalid chars '{name}'")
                space, colon, alone = name.partition(":")
                return service_account(space, alone) if colon else service_account(namespace or home, name)
        return None

    def _matches_destination(self, cluster: Cluster, namespace: str) -> bool:
        found = False
        for item in self.spec.get("destinations") or ():
            name, server = str(item.get("name") or ""), str(item.get("server") or "")
            where = str(item.get("namespace") or "")
            by_name = bool(cluster.name) and globs.matches_or_denies(name, cluster.name)
            by_server = bool(cluster.server) and globs.matches_or_denies(server, cluster.server)
            inside = globs.matches_or_denies(where, namespace)
            if (by_server or by_name) and inside:
                found = True
            elif (
                (not by_name and globs.is_denying(name))
                or (not by_server and globs.is_denying(server) and inside)
                or (not inside and globs.is_denying(where) and by_server)
            ):
                return False
        return found


def violations(
    project: Project,
    sources: Sequence[Mapping[str, Any]],
    destination: Mapping[str, Any],
    cluster: Cluster | str,
) -> list[str]:
    """What is wrong with an Application's spec; each becomes an InvalidSpecError.

    `cluster`: the destination, or why there is none.
    """
    found = list[str]()
    for source in sources:
        if wrong := _source_error(source, several=len(sources) > 1):
            return [*found, wrong]
        if not project.permits_source(str(source.get("repoURL") or "")):
            found.append(
                f"application repo {source.get('repoURL')} is not permitted in project '{project.name}'"
            )
    if isinstance(cluster, str):
        return [*found, cluster]
    namespace = str(destination.get("namespace") or "")
    if not project.permits_destination(cluster, namespace):
        server = cluster.name if destination.get("name") else cluster.server
        found.append(
            f"application destination server '{server}' and namespace '{namespace}' do not match any of the allowed "
            f"destinations in project '{project.name}'"
        )
    return found


def missing_project(name: str) -> str:
    """What is said of an Application whose project there is not."""
    return f"Application referencing project {name} which does not exist"


def orphans(project: Project, top_level: Sequence[Object], managed: frozenset[ResourceKey]) -> list[Object]:
    """Top-level objects of a namespace that no Application manages, in the order given.

    `top_level`: those without owner that no other Application tracks.  Empty where the project does not ask.
    """
    if project.spec.get("orphanedResources") is None:
        return []
    return [obj for obj in top_level if key_of(obj) not in managed and _is_orphan(project, key_of(obj))]


def orphan_warning(project: Project, count: int) -> str:
    """The text of the OrphanedResourceWarning; "" when the project does not want one, or there is no orphan."""
    warns = (project.spec.get("orphanedResources") or {}).get("warn")
    return f"Application has {count} orphaned resources" if count and warns else ""


def normal_url(url: str) -> str:
    """A repository's URL in the form in which URLs are compared (util/git `NormalizeGitURL`)."""
    text = url.strip().lower()
    if _SSH_URL.fullmatch(text) and not text.startswith("ssh://"):
        # As scp writes it: what follows the first colon is a path, and no port.
        text = "ssh://" + text.replace(":", "/", 1)
    return text.removesuffix(".git").removeprefix("ssh://")


def _source_error(source: Mapping[str, Any], *, several: bool) -> str:
    # util/argo `validateSourcePermissions`
    url, chart = source.get("repoURL"), source.get("chart")
    if not url or not (source.get("path") or chart or (several and source.get("ref"))):
        if several:
            which = "source.path, source.chart, or source.ref are required"
            return f"spec.source.repoURL and either {which} for source {url}"
        return "spec.source.repoURL and either spec.source.path or spec.source.chart are required"
    if chart and not source.get("targetRevision"):
        return "spec.source.targetRevision is required if the manifest source is a helm chart"
    return ""


def _lists(items: Sequence[Mapping[str, Any]], group: str, kind: str, name: str | None) -> bool:
    for item in items:
        if not globs.matches(str(item.get("kind") or ""), kind) or not globs.matches(
            str(item.get("group") or ""), group
        ):
            continue
        wanted = str(item.get("name") or "")
        if name is None or not wanted or globs.matches(wanted, name):
            return True
    return False


def _is_orphan(project: Project, key: ResourceKey) -> bool:
    if not key.namespace or not project.permits_kind(key.group, key.kind, key.name, namespaced=True):
        return False
    if key.group == "" and (key.kind, key.name) in _KNOWN_ORPHANS:
        return False
    if key == ("", "Service", "default", "kubernetes"):
        return False
    ignored = (project.spec.get("orphanedResources") or {}).get("ignore") or ()
    return not any(
        (not item.get("kind") or globs.matches(item["kind"], key.kind))
        and globs.matches(str(item.get("group") or ""), key.group)
        and (not item.get("name") or globs.matches(item["name"], key.name))
        for item in ignored
    )

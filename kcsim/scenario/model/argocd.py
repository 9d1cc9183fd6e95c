"""Pull-based delivery by Argo CD, as a scenario writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.engine.clock import MINUTE
from kcsim.scenario.model.part import Part
from kcsim.scenario.model.pipelines import Pipeline
from kcsim.scenario.model.push import FurtherPipeline
from kcsim.scenario.values import Count, Duration, Json, Name, NamespaceName


@dataclass(frozen=True, kw_only=True)
class Application(Part):
    """Argo CD's Application (argoproj.io/v1alpha1); repoURL and targetRevision come from `repository`."""

    name: Annotated[Name | None, "metadata.name; the repository's name when left out."] = None
    path: Annotated[str | None, "spec.source.path; the repository's path when left out."] = None
    recurse: Annotated[bool, "spec.source.directory.recurse: folders below the path, too."] = False
    namespace: Annotated[NamespaceName, "spec.destination.namespace: where objects go that name none."] = (
        "default"
    )
    project: Annotated[Name, "spec.project; other than default, one that permits everything is made."] = (
        "default"
    )
    automated: Annotated[bool, "spec.syncPolicy.automated: a new commit is synced without being asked."] = (
        True
    )
    prune: Annotated[bool, "spec.syncPolicy.automated.prune: delete what is no longer in git."] = False
    self_heal: Annotated[bool, "spec.syncPolicy.automated.selfHeal: undo what differs from git."] = False
    allow_empty: Annotated[bool, "spec.syncPolicy.automated.allowEmpty: prune even the last object."] = False
    sync_options: Annotated[
        tuple[str, ...], "spec.syncPolicy.syncOptions: CreateNamespace=true, ServerSideApply=true ..."
    ] = ()
    retry_limit: Annotated[
        Count | None, "spec.syncPolicy.retry.limit; 5 for automated syncs when left out."
    ] = None
    ignore_differences: Annotated[
        tuple[Json, ...], "spec.ignoreDifferences: {group, kind, jsonPointers: [/spec/replicas]}."
    ] = ()
    annotations: Annotated[Mapping[str, str], "metadata.annotations."] = field(default_factory=dict)
    cascade: Annotated[bool, "The resources finalizer: deleting the Application deletes what it manages."] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class ArgoCD(Part):
    """Pull-based delivery: Argo CD in one cluster compares it, and further clusters, with git and syncs them."""

    type: Annotated[Literal["argocd"], "Argo CD inside a cluster."] = "argocd"
    repository: Annotated[Name | None, "Repository it delivers; the only one when left out."] = None
    clusters: Annotated[tuple[Name, ...], "Clusters it delivers to; all when left out."] = ()
    hub: Annotated[Name | None, "The cluster that runs it; the first when left out."] = None
    namespace: Annotated[NamespaceName, "Namespace of its components and Applications."] = "argocd"
    webhook: Annotated[
        bool, "A webhook tells argocd-server of a push; otherwise the controller looks again and again."
    ] = False
    pipeline: Annotated[Pipeline | None, "CI that builds images; it holds no credentials to the cluster."] = (
        None
    )
    pipelines: Annotated[tuple[FurtherPipeline, ...], "Further pipelines, beside `pipeline`."] = ()
    refresh: Annotated[Duration, "timeout.reconciliation: an Application is compared after so long."] = (
        2 * MINUTE
    )
    jitter: Annotated[Duration, "timeout.reconciliation.jitter: up to so much is added."] = MINUTE
    controllers: Annotated[Count, "Replicas of the application controller, which share the clusters."] = 1
    application: Annotated[Application | None, "The Application object, when there is one."] = None
    applications: Annotated[tuple[Application, ...], "The Application objects, when there are several."] = ()
    objects: Annotated[
        tuple[Json, ...],
        "Its objects as manifests, in place of `application`: what stands in the hub before the first commit.",
    ] = ()

    def all_applications(self) -> tuple[Application, ...]:
        """Every Application; one with Argo CD's defaults, but synced automatically, when the file names none."""
        if self.applications:
            return self.applications
        return (self.application or Application(),)

    @property
    def paths(self) -> tuple[str | None, ...]:
        """The folder that each of its objects names; None for the repository's."""
        return tuple(each.path for each in self.all_applications())

"""Pull-based delivery by Flux, as a scenario writes it."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.model.part import Part
from kcsim.scenario.model.pipelines import Pipeline
from kcsim.scenario.model.push import FurtherPipeline
from kcsim.scenario.values import Duration, Json, Name, NamespaceName


@dataclass(frozen=True, kw_only=True)
class GitRepository(Part):
    """Flux's GitRepository (source.toolkit.fluxcd.io/v1); url and ref come from `repository`."""

    name: Annotated[Name | None, "metadata.name; the repository's name when left out."] = None
    interval: Annotated[Duration, "spec.interval: time between two looks at git."] = MINUTE
    timeout: Annotated[Duration, "spec.timeout of a git operation."] = 60 * SECOND
    suspend: Annotated[bool, "spec.suspend."] = False


@dataclass(frozen=True, kw_only=True)
class Dependency(Part):
    """An entry of `spec.dependsOn`."""

    name: Annotated[Name, "Name of the Kustomization to wait for."]
    namespace: Annotated[NamespaceName | None, "Its namespace; the same when left out."] = None


@dataclass(frozen=True, kw_only=True)
class Kustomization(Part):
    """Flux's Kustomization (kustomize.toolkit.fluxcd.io/v1); sourceRef is the delivery's GitRepository."""

    name: Annotated[Name | None, "metadata.name; the repository's name when left out."] = None
    interval: Annotated[Duration, "spec.interval: drift lives at most so long."] = 10 * MINUTE
    retry_interval: Annotated[
        Duration | None, "spec.retryInterval after a failure; `interval` when left out."
    ] = None
    path: Annotated[str | None, "spec.path; the repository's path when left out."] = None
    prune: Annotated[bool, "spec.prune: delete what is no longer in git."] = True
    wait: Annotated[bool, "spec.wait for all applied objects to become ready."] = False
    timeout: Annotated[
        Duration | None, "spec.timeout of apply and health checks; interval - 30s when left out."
    ] = None
    target_namespace: Annotated[NamespaceName | None, "spec.targetNamespace."] = None
    depends_on: Annotated[tuple[Dependency, ...], "spec.dependsOn."] = ()
    force: Annotated[bool, "spec.force: recreate what cannot be changed."] = False
    suspend: Annotated[bool, "spec.suspend."] = False
    service_account_name: Annotated[Name | None, "spec.serviceAccountName to impersonate."] = None
    deletion_policy: Annotated[
        Literal["MirrorPrune", "Delete", "WaitForTermination", "Orphan"], "spec.deletionPolicy."
    ] = "MirrorPrune"


@dataclass(frozen=True, kw_only=True)
class Flux(Part):
    """Pull-based delivery: Flux controllers in the cluster fetch, build, apply and prune."""

    type: Annotated[Literal["flux"], "Flux controllers inside the cluster."] = "flux"
    repository: Annotated[Name | None, "Repository it delivers; the only one when left out."] = None
    clusters: Annotated[
        tuple[Name, ...],
        "Clusters it delivers to, and that run it when there is no `hub`; all when left out.",
    ] = ()
    hub: Annotated[
        Name | None,
        "The one cluster that runs it and delivers to the others by spec.kubeConfig; left out: each runs its own.",
    ] = None
    namespace: Annotated[NamespaceName, "Namespace of the controllers and their objects."] = "flux-system"
    components: Annotated[
        tuple[
            Literal[
                "helm-controller",
                "notification-controller",
                "image-reflector-controller",
                "image-automation-controller",
                "source-watcher",
            ],
            ...,
        ],
        "Controllers beside source- and kustomize-controller: charts, alerts, webhooks, updates of images, composed "
        "artifacts.",
    ] = ()
    receiver: Annotated[
        bool,
        "A Receiver, and a webhook that calls it after a push; otherwise source-controller polls at its interval.",
    ] = False
    pipeline: Annotated[Pipeline | None, "CI that builds images; it holds no credentials to the cluster."] = (
        None
    )
    pipelines: Annotated[tuple[FurtherPipeline, ...], "Further pipelines, beside `pipeline`."] = ()
    git_repository: Annotated[GitRepository, "The GitRepository object."] = field(
        default_factory=GitRepository
    )
    kustomization: Annotated[Kustomization | None, "The Kustomization object, when there is one."] = None
    kustomizations: Annotated[
        tuple[Kustomization, ...], "The Kustomization objects, when there are several."
    ] = ()
    objects: Annotated[
        tuple[Json, ...],
        "Its objects as manifests, in place of `gitRepository` and `kustomization`: what stands in the cluster before "
        "the first commit.",
    ] = ()

    def all_kustomizations(self) -> tuple[Kustomization, ...]:
        """Every Kustomization; one with Flux's defaults when the file names none."""
        if self.kustomizations:
            return self.kustomizations
        return (self.kustomization or Kustomization(),)

    @property
    def paths(self) -> tuple[str | None, ...]:
        """The folder that each of its objects names; None for the repository's."""
        return tuple(each.path for each in self.all_kustomizations())

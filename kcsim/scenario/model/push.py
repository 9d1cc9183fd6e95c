"""Push-based delivery as a scenario writes it: a pipeline with credentials of its own applies the manifests."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.engine.clock import MINUTE
from kcsim.scenario.model.part import Part
from kcsim.scenario.model.pipelines import Pipeline
from kcsim.scenario.values import Duration, Json, Name, NamespaceName


@dataclass(frozen=True, kw_only=True)
class Deployer(Part):
    """The identity, outside the cluster, with which a pipeline deploys, and its rights."""

    user: Annotated[str, "User name in the cluster's audit."] = "ci-deployer"
    cluster_role: Annotated[
        str | None, "ClusterRole it is bound to: cluster-admin, admin, edit, view, or your own."
    ] = "cluster-admin"
    namespaces: Annotated[
        tuple[NamespaceName, ...], "Bind it in these namespaces only; left out: in the whole cluster."
    ] = ()
    rules: Annotated[
        tuple[Json, ...], "RBAC rules (apiGroups, resources, verbs) in place of a ClusterRole."
    ] = ()
    token_lifetime: Annotated[Duration | None, "How long its token is valid; left out: for ever."] = None
    rotated_every: Annotated[Duration | None, "When the pipeline gets a new token; left out: never."] = None


@dataclass(frozen=True, kw_only=True)
class Deploy(Part):
    """The last stage of a push: kubectl apply and rollout status."""

    server_side: Annotated[bool, "kubectl apply --server-side."] = False
    force_conflicts: Annotated[bool, "kubectl apply --server-side --force-conflicts."] = False
    prune: Annotated[
        str, "kubectl apply --prune with this label selector, `*` for --all; left out: nothing is pruned."
    ] = ""
    prune_allowlist: Annotated[
        tuple[str, ...], "kubectl apply --prune-allowlist: core/v1/ConfigMap, apps/v1/Deployment."
    ] = ()
    set_image: Annotated[bool, "kubectl set image for each workload, instead of apply."] = False
    namespace: Annotated[NamespaceName | None, "kubectl apply -n."] = None
    rollout_timeout: Annotated[
        Duration, "kubectl rollout status --timeout, for each workload applied; 0 does not wait."
    ] = 5 * MINUTE
    on_failure: Annotated[
        Literal["stop", "undo"], "Rollout failed: leave it as it is, or kubectl rollout undo."
    ] = "stop"


@dataclass(frozen=True, kw_only=True)
class FurtherPipeline(Pipeline):
    """One more pipeline of a delivery: of another repository, or of another folder."""

    name: Annotated[Name, "Its name; its runners are called NAME-runner-1, ..."]
    repository: Annotated[Name | None, "Its repository; the delivery's when left out."] = None
    path: Annotated[str | None, "The folder with its manifests; the repository's when left out."] = None
    deploy: Annotated[Deploy | None, "How it deploys; left out: it does not. Push only."] = None
    deployer: Annotated[Deployer | None, "As whom it deploys; as the delivery does when left out."] = None


@dataclass(frozen=True, kw_only=True)
class Push(Part):
    """Push-based delivery: a pipeline outside the cluster applies the manifests with its own credentials."""

    type: Annotated[Literal["push"], "A pipeline that runs kubectl apply."] = "push"
    repository: Annotated[Name | None, "Repository it delivers; the only one when left out."] = None
    path: Annotated[str | None, "Folder it applies; the repository's when left out."] = None
    clusters: Annotated[tuple[Name, ...], "Clusters it deploys to; all when left out."] = ()
    pipeline: Annotated[Pipeline, "What runs before the deployment."] = field(default_factory=Pipeline)
    deploy: Annotated[Deploy, "How it deploys."] = field(default_factory=Deploy)
    deployer: Annotated[Deployer, "As whom it deploys."] = field(default_factory=Deployer)
    pipelines: Annotated[tuple[FurtherPipeline, ...], "Further pipelines, beside `pipeline`."] = ()

"""The scenario as data: what a scenario file says, as frozen dataclasses.

One source of truth: the loader, the writer and the JSON Schema read the annotations here. A field is written in the file
in camelCase (`ready_after` is `readyAfter`, `for_` is `for`); the text in `Annotated` is its description. Durations are
whole microseconds of virtual time, written as Kubernetes writes them ("1m30s").
**Walk:** `load` gives a `Scenario`; `all_clusters`, `TimelineEntry.action`, `Flux.all_kustomizations` and their like
resolve the short forms a file may use, so that whoever runs it never looks at them.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from kcsim.engine.clock import HOUR, MILLISECOND, MINUTE, SECOND
from kcsim.scenario.chart_model import Chart, Publication
from kcsim.scenario.environment_model import Environment, Promotion
from kcsim.scenario.fault_fields import FaultFields
from kcsim.scenario.git_model import (
    Commit,
    Edit,
    ForcePush,
    Merge,
    MergeRequest,
    Protection,
    Redelivery,
    Revert,
    Tag,
)
from kcsim.scenario.network_model import ClusterNetwork
from kcsim.scenario.part import Part, Spread
from kcsim.scenario.pipeline_model import Pipeline
from kcsim.scenario.registry_model import Bucket, ImageRegistry, Signing, Upload
from kcsim.scenario.values import (
    Count,
    Duration,
    ExpressionText,
    Factor,
    Fraction,
    Json,
    Name,
    NamespaceName,
    OrderText,
    Quantity,
    Rate,
)

__all__ = [  # parts of the model that have files of their own; what is defined here needs no listing
    "Commit",
    "Edit",
    "ForcePush",
    "Merge",
    "MergeRequest",
    "Part",
    "Pipeline",
    "Protection",
    "Redelivery",
    "Revert",
    "Spread",
    "Tag",
]

API_VERSION = "kcsim/v1"
KIND = "Scenario"


# Clusters.


@dataclass(frozen=True, kw_only=True)
class Taint(Part):
    """A node's taint, as in `spec.taints`."""

    key: Annotated[str, "The taint's key."]
    value: Annotated[str, "The taint's value."] = ""
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"], "What it does to pods without a toleration."
    ]


@dataclass(frozen=True, kw_only=True)
class Node(Part):
    """One machine of a cluster."""

    name: Annotated[Name, "The node's name."]
    cpu: Annotated[Quantity, "Cores it offers."] = "4"
    memory: Annotated[Quantity, "Memory it offers."] = "16Gi"
    pods: Annotated[Count, "Pods it may run."] = 110
    zone: Annotated[str, "Failure zone, the label topology.kubernetes.io/zone."] = ""
    rack: Annotated[str, "Where it stands in its zone: nodes of a rack share a switch."] = ""
    labels: Annotated[Mapping[str, str], "Further labels."] = field(default_factory=dict)
    taints: Annotated[tuple[Taint, ...], "Taints it registers with."] = ()


@dataclass(frozen=True, kw_only=True)
class Cluster(Part):
    """One Kubernetes cluster with an API server of its own."""

    name: Annotated[Name, "The cluster's name."] = "default"
    nodes: Annotated[
        Count | tuple[Node, ...],
        "How many like machines (node-1, node-2, ...; among several clusters NAME-node-1, ...), or each machine by itself.",
    ] = 3
    network: Annotated[ClusterNetwork, "Ranges of addresses, overlay, links."] = field(
        default_factory=ClusterNetwork
    )
    dns: Annotated[
        bool, "CoreDNS in two pods: names are looked up there. Left out: a name is taken for its Service."
    ] = False
    ingress: Annotated[
        bool, "An ingress controller (ingress-nginx) behind a load balancer plays Ingresses of class nginx."
    ] = False
    gateway: Annotated[bool, "The Gateway API and a controller that plays Gateways of class kcsim."] = False
    control_plane_replicas: Annotated[
        Count,
        "Instances of the controller manager and of the scheduler: one leads, the others stand by.",
    ] = 1
    control_plane_controllers: Annotated[
        tuple[str, ...],
        "What the controller manager runs, as its flag --controllers says it: `*` for all, `-replicaset-controller` for "
        "all but that one.",
    ] = ("*",)
    objects: Annotated[
        tuple[Json, ...],
        "Objects that stand there before the story begins: namespaces, definitions of kinds.",
    ] = ()

    def all_nodes(self, prefix: str = "") -> tuple[Node, ...]:
        """Every node, in order; a number is resolved into node-1, node-2, ... behind the prefix."""
        if isinstance(self.nodes, int):
            return tuple(Node(name=f"{prefix}node-{number}") for number in range(1, self.nodes + 1))
        return self.nodes


# Images.


@dataclass(frozen=True, kw_only=True)
class Window(Part):
    """A stretch of a container's life, counted from its start."""

    from_: Annotated[Duration, "When it begins."] = 0
    until: Annotated[Duration | None, "When it ends; left out: never."] = None


@dataclass(frozen=True, kw_only=True)
class ErrorWindow(Part):
    """A stretch of a container's life in which a share of requests is answered with an error."""

    fraction: Annotated[Fraction, "Share of requests that get a 5xx."] = 1.0
    from_: Annotated[Duration, "When it begins."] = 0
    until: Annotated[Duration | None, "When it ends; left out: never."] = None


@dataclass(frozen=True, kw_only=True)
class PullError(Part):
    """A pull that the registry answers with an error."""

    error: Annotated[str, "The registry's text."]


@dataclass(frozen=True, kw_only=True)
class Call(Part):
    """A request that a program makes of another while it answers one; when it fails, the answer is a 5xx."""

    to: Annotated[str, "The URL: http://cart, http://cart.shop:8080/items."]
    timeout: Annotated[Duration, "How long it waits for an answer."] = SECOND
    retries: Annotated[Count, "How often it tries again, at once."] = 0
    optional: Annotated[bool, "It answers well although the call failed."] = False
    share: Annotated[Fraction, "Share of its requests that need the call."] = 1.0


@dataclass(frozen=True, kw_only=True)
class Image(Part):
    """What an image does when its container runs: behaviour as data, read by `kcsim.cluster.images`."""

    name: Annotated[
        str, "As in `spec.containers[].image`, with its tag; `*` stands for every image not listed."
    ]
    digest: Annotated[str | None, "sha256:...; made from the name when left out."] = None
    size: Annotated[Quantity | None, "What a pull has to fetch."] = None
    built_before: Annotated[
        bool, "It is in the registry from the beginning, although a pipeline builds images of its name."
    ] = False
    pull: Annotated[
        Literal["found", "notFound", "error"] | PullError,
        "What the registry answers: found, notFound, error, {error: TEXT}.",
    ] = "found"
    starts_after: Annotated[
        Duration | None, "Added to the runtime's own time to create and start the container."
    ] = None
    ready_after: Annotated[Duration | None, "From container start until the program listens and answers."] = (
        None
    )
    crash_after: Annotated[
        Duration | None, "From container start until it exits with `exitCode`; left out: never."
    ] = None
    crashes: Annotated[Count | None, "Only the first so many containers of a pod crash; left out: each."] = (
        None
    )
    exit_code: Annotated[Count | None, "Exit code of a crash; 1 when left out."] = None
    exits_after: Annotated[
        Duration | None, "From container start until it has done its work and exits with 0."
    ] = None
    fails_readiness: Annotated[bool | Window, "Its readiness probe fails, always or for a while."] = False
    fails_liveness: Annotated[
        bool | Window, "Its liveness and startup probes fail, always or for a while."
    ] = False
    serves_errors: Annotated[bool | Fraction | ErrorWindow, "Share of requests it answers with a 5xx."] = (
        False
    )
    latency: Annotated[Duration | None, "Time to answer one request; 2ms when left out."] = None
    calls: Annotated[
        tuple[str | Call, ...],
        "Programs it asks, one after the other, before it answers: URLs, or whole calls.",
    ] = ()
    stops_after_sigterm: Annotated[Duration | None, "From SIGTERM until it exits."] = None
    ignores_sigterm: Annotated[bool, "It goes on until SIGKILL."] = False
    ports: Annotated[
        tuple[Count, ...], "Where it listens; the ports its container declares when left out."
    ] = ()
    memory: Annotated[Quantity | None, "Memory it uses at its start."] = None
    memory_growth: Annotated[Quantity | None, "Memory it leaks each second."] = None
    disk: Annotated[Quantity | None, "What it has on its node's disk at its start."] = None
    disk_growth: Annotated[Quantity | None, "What it writes to its node's disk each second."] = None
    cpu: Annotated[Quantity | None, "CPU it uses whether or not anybody asks it."] = None
    cpu_per_request: Annotated[Duration | None, "Time of a core that it spends on one request."] = None


# Repositories.


@dataclass(frozen=True, kw_only=True)
class Repository(Part):
    """A git repository: files written here, a folder on disk, or an existing repository whose history is replayed."""

    name: Annotated[Name, "The repository's name."]
    branch: Annotated[
        str | None, "The branch that is delivered; main, or with `clone` the one checked out."
    ] = None
    path: Annotated[
        str | None,
        "The folder that holds the manifests; the root, or with `clone` the folders that hold any. Deliveries look there "
        "unless they say otherwise.",
    ] = None
    author: Annotated[str, "Who wrote the first commit."] = "dana"
    message: Annotated[str, "Message of the first commit."] = "Initial commit"
    files: Annotated[Mapping[str, str], "Files of the first commit: path -> text."] = field(
        default_factory=dict
    )
    from_: Annotated[str | None, "A folder of plain files for the first commit, relative to this file."] = (
        None
    )
    clone: Annotated[
        str | None, "An existing git repository on disk; its commits that touch `path` are replayed."
    ] = None
    pace: Annotated[
        Duration | None, "With `clone`: one commit every so long, instead of at their real intervals."
    ] = None
    base: Annotated[
        str | None,
        "With `clone`: a revision to begin with; `head` is merged into it as one merge request, in place of a history.",
    ] = None
    head: Annotated[
        str | None,
        "With `clone`: the revision that is merged, or with which the history ends; what is checked out.",
    ] = None
    urls: Annotated[
        tuple[str, ...], "Further addresses under which it is cloned, as objects in it name them."
    ] = ()
    protection: Annotated[
        tuple[Protection, ...], "Protected branches: the first rule that covers one counts."
    ] = ()
    broken_on_purpose: Annotated[
        bool,
        "Its manifests are wrong, or have two owners, because the story wants it so: they are not checked.",
    ] = False
    signed_by: Annotated[str, "Public key of who signed the commits that it brings along."] = ""
    merges_signed_by: Annotated[
        str, "Public key of the git host, which signs merge commits and squashed ones; left out: it does not."
    ] = ""
    webhook_retries: Annotated[
        Count, "How often a webhook that failed is sent again; GitHub and GitLab never do."
    ] = 0
    webhook_backoff: Annotated[Duration, "The wait before it is; it doubles each time."] = MINUTE


# Deliveries.


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
    clusters: Annotated[tuple[Name, ...], "Clusters that run it; all when left out."] = ()
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


Delivery = Push | Flux | ArgoCD


def all_pipelines(way: Delivery) -> tuple[Pipeline, ...]:
    """Every pipeline of a delivery, its own first."""
    return (*([way.pipeline] if way.pipeline is not None else []), *way.pipelines)


# Controllers of one's own.


@dataclass(frozen=True, kw_only=True)
class Controller(Part):
    """A controller that the story brings along: a program with a process, an identity and rights of its own."""

    name: Annotated[Name, "Of the program, its ServiceAccount and its ClusterRole."]
    use: Annotated[
        str,
        "The Python class: package.module:Class, or folder/file.py:Class beside this file. Playing the story runs it.",
    ]
    namespace: Annotated[NamespaceName, "Where its ServiceAccount lives."] = "default"
    rules: Annotated[
        tuple[Json, ...], "RBAC rules it gets (apiGroups, resources, verbs); left out: the class's `rules`."
    ] = ()
    user: Annotated[str, "Run as this user, who has rights already: system:kube-controller-manager."] = ""
    cluster: Annotated[Name | None, "Cluster it runs in; the first when left out."] = None


# Traffic.


@dataclass(frozen=True, kw_only=True)
class Level(Part):
    """A step of the shape of a day: from then on the rate is so many times what `rate` or `users` says."""

    at: Annotated[Duration, "The time of the day; the run begins at 0s, and after 24h it begins again."]
    factor: Annotated[Factor, "How many times."]


@dataclass(frozen=True, kw_only=True)
class Burst(Part):
    """A stretch in which the rate is many times what it is otherwise."""

    at: Annotated[Duration, "When it begins."]
    for_: Annotated[Duration, "How long it lasts."]
    factor: Annotated[Factor, "How many times."]
    every: Annotated[Duration | None, "It comes again so often; left out: once."] = None


@dataclass(frozen=True, kw_only=True)
class Retries(Part):
    """When clients try again."""

    attempts: Annotated[Count, "Tries after the first, at most."] = 2
    backoff: Annotated[Duration, "The wait before the second try."] = 100 * MILLISECOND
    factor: Annotated[Factor, "Each further wait is so many times the one before."] = 2.0
    max_backoff: Annotated[Duration, "The longest wait."] = 10 * SECOND
    budget: Annotated[
        Fraction | None, "Retries for each request on the average, at most; left out: as many as fail."
    ] = None
    on: Annotated[
        tuple[Literal["connect", "reset", "timeout", "5xx"], ...], "What is tried again; all when left out."
    ] = ()


@dataclass(frozen=True, kw_only=True)
class KeepAlive(Part):
    """Connections that clients keep open: requests of one stay with its pod until it ends."""

    connections: Annotated[Count, "How many, of all clients together."]
    max_age: Annotated[Duration | None, "Each is closed and opened again after so long; left out: never."] = (
        None
    )


@dataclass(frozen=True, kw_only=True)
class Traffic(Part):
    """Clients and their requests: at a rate whatever the answers are (open loop), or users who wait for them (closed loop)."""

    name: Annotated[Name, "Who asks, as expectations name them."]
    to: Annotated[str, "The Service, service/web, or a URL: http://shop.example/cart."]
    namespace: Annotated[
        NamespaceName, "The namespace of the Service, of the workload and of the Gateway."
    ] = "default"
    port: Annotated[
        Count | str | None, "Port of the Service, number or name; its only one when left out."
    ] = None
    from_: Annotated[
        str | None, "The pods that ask: deployment/cart. Left out: users outside the cluster."
    ] = None
    entry: Annotated[
        Literal["NodePort", "LoadBalancer", "Ingress", "Gateway"] | None,
        "How users come in; left out: at the edge of the cluster, which knows the Services at once.",
    ] = None
    gateway: Annotated[Name | None, "With `entry: Gateway`: the Gateway."] = None
    headers: Annotated[Mapping[str, str], "Headers of each request, for routes to match."] = field(
        default_factory=dict
    )
    rate: Annotated[Rate | None, "Open loop: 20/s, 600/m."] = None
    users: Annotated[Count | None, "Closed loop: how many users."] = None
    think: Annotated[Duration, "Closed loop: how long each waits after an answer."] = SECOND
    shape: Annotated[tuple[Level, ...], "The shape of the day."] = ()
    bursts: Annotated[tuple[Burst, ...], "Stretches of more, or less."] = ()
    timeout: Annotated[Duration, "A try without an answer for so long has failed."] = SECOND
    retries: Annotated[Retries | None, "Failed requests are tried again."] = None
    keep_alive: Annotated[
        KeepAlive | None, "Connections are kept open; left out: each try opens one of its own."
    ] = None
    objective: Annotated[
        Fraction | None, "Share of requests that have to be answered well: what is left is the error budget."
    ] = None
    each: Annotated[
        bool,
        "Play every request as an event of its own, for small runs; left out: they are counted as flows.",
    ] = False
    start: Annotated[Duration, "When the first request is sent."] = 0
    until: Annotated[Duration | None, "When the last one is sent; the scenario's end when left out."] = None
    cluster: Annotated[Name | None, "The Service's cluster; the first when left out."] = None

    @property
    def service(self) -> str:
        """The name of the Service; "" for a URL."""
        kind, slash, name = self.to.partition("/")
        return name if slash and kind in ("service", "services", "svc") and "/" not in name else ""


# The timeline.


@dataclass(frozen=True)
class Kubectl:
    """A person types a kubectl command line (without the word kubectl)."""

    line: str
    user: str
    edit: Edit | None = None


@dataclass(frozen=True)
class Apply:
    """A person runs kubectl apply -f on this manifest text."""

    manifest: str
    user: str


@dataclass(frozen=True)
class FluxCommand:
    """A person types a flux command line (without the word flux)."""

    line: str
    user: str


@dataclass(frozen=True)
class ArgocdCommand:
    """A person types an argocd command line (without the word argocd)."""

    line: str
    user: str


@dataclass(frozen=True)
class Rerun:
    """A person runs a pipeline again."""

    which: Literal["failed", "latest"]
    user: str


@dataclass(frozen=True)
class Fault:
    """Something breaks: a kind of `kcsim.scenario.faults.FAULTS`, the fields beside it; `duration` in µs, None: for good."""

    kind: str
    fields: Mapping[str, Any]
    duration: int | None


GitAction = Commit | Revert | MergeRequest | Merge | Tag | ForcePush | Redelivery
"""What happens in a repository."""
Action = (
    GitAction
    | Rerun
    | Upload
    | Signing
    | Publication
    | Kubectl
    | Apply
    | FluxCommand
    | ArgocdCommand
    | Fault
    | Image
)
"""What happens at an instant; an `Image` replaces that image's behaviour for containers started from then on."""

FAULT_FIELDS = tuple(each.name for each in dataclasses.fields(FaultFields))
"""The fields of a timeline entry that go with `fault`."""
GIT_ACTIONS = ("commit", "revert", "mergeRequest", "merge", "tag", "forcePush", "redeliver")
"""The actions that happen in a repository, by their keys."""
ACTIONS = (
    *GIT_ACTIONS,
    "rerun",
    "upload",
    "sign",
    "publish",
    "kubectl",
    "apply",
    "flux",
    "argocd",
    "image",
    "fault",
)
"""The fields of a timeline entry of which it has exactly one."""
_ATTRIBUTES = {"mergeRequest": "merge_request", "forcePush": "force_push"}


@dataclass(frozen=True, kw_only=True)
class Moment(Part):
    """When something happens, where, and what: all fields of a timeline entry but those of a fault."""

    at: Annotated[Duration, "When, from the start of the run."]
    name: Annotated[Name | None, "A name by which expectations and reverts refer to it."] = None
    note: Annotated[str, "Why it happens; shown in the timeline."] = ""
    deliveries: Annotated[
        tuple[str, ...], "Happens in the worlds of these deliveries only; in all when left out."
    ] = ()
    cluster: Annotated[Name | None, "Cluster it happens to; the first when left out."] = None
    commit: Annotated[Commit | None, "A commit."] = None
    revert: Annotated[Revert | None, "A git revert."] = None
    merge_request: Annotated[MergeRequest | None, "A merge request is opened."] = None
    merge: Annotated[Merge | str | None, "A merge request, or a branch, is merged."] = None
    tag: Annotated[Tag | str | None, "The head of the delivered branch, or another commit, is tagged."] = None
    force_push: Annotated[ForcePush | None, "A branch is pointed at another commit."] = None
    redeliver: Annotated[
        Name | None,
        "The git host sends the webhooks of this repository again that got lost: somebody asks it to.",
    ] = None
    rerun: Annotated[
        Literal["failed", "latest"] | None,
        "Somebody runs a pipeline again, for the same commit: the last run that failed, or the last one.",
    ] = None
    upload: Annotated[Upload | None, "Objects of a bucket are written."] = None
    sign: Annotated[Signing | None, "An artifact in the registry is signed."] = None
    publish: Annotated[Publication | None, "A new version of a chart appears in its repository."] = None
    kubectl: Annotated[str | None, "A kubectl command line, without the word kubectl."] = None
    edit: Annotated[
        Edit | None, "What is changed in the editor that `kubectl: edit ...` opens: {replace: {old: new}}."
    ] = None
    apply: Annotated[str | None, "A manifest that a person applies by hand."] = None
    flux: Annotated[str | None, "A flux command line, without the word flux: suspend kustomization shop."] = (
        None
    )
    argocd: Annotated[str | None, "An argocd command line, without the word argocd: app sync shop."] = None
    as_: Annotated[str, "Who types the command."] = "dana"
    image: Annotated[
        Image | None, "An image's behaviour from now on, whole: what is not written is the default."
    ] = None
    fault: Annotated[
        str | None, "A fault, with its fields beside it: {fault: node-crash, node: node-2, for: 10m}."
    ] = None


@dataclass(frozen=True, kw_only=True)
class TimelineEntry(FaultFields, Moment):
    """One thing that happens, in every delivery's world alike."""

    for_: Annotated[Duration | None, "How long the fault lasts; left out: for good."] = None
    until: Annotated[
        Duration | None, "When the fault ends, in place of `for`: from the start of the run."
    ] = None

    def action_names(self) -> tuple[str, ...]:
        """The action fields written; a valid entry has one."""
        return tuple(name for name in ACTIONS if getattr(self, _ATTRIBUTES.get(name, name)) is not None)

    @property
    def git_action(self) -> GitAction | None:
        """What happens in a repository, if anything does."""
        short = self.merge or self.tag
        if isinstance(short, str):
            made = Merge(branch=short) if self.merge is not None else Tag(name=short)
            return dataclasses.replace(made, source=self.source)
        if self.redeliver is not None:
            return Redelivery(repository=self.redeliver, author=self.as_, source=self.source)
        return self.commit or self.revert or self.merge_request or short or self.force_push

    @property
    def action(self) -> Action:
        """The one thing that happens.

        Raises:
            ValueError: when the entry has no action (the check reports such entries).
        """
        whole = self.git_action or self.image or self.upload or self.sign or self.publish
        if whole is not None:
            return whole
        if self.rerun is not None:
            return Rerun(self.rerun, self.as_)
        if self.kubectl is not None:
            return Kubectl(self.kubectl, self.as_, self.edit)
        if self.apply is not None:
            return Apply(self.apply, self.as_)
        if self.flux is not None:
            return FluxCommand(self.flux, self.as_)
        if self.argocd is not None:
            return ArgocdCommand(self.argocd, self.as_)
        if self.fault is not None:
            written = {name: getattr(self, name) for name in FAULT_FIELDS}
            lasts = self.for_ if self.until is None else self.until - self.at
            return Fault(self.fault, {k: v for k, v in written.items() if v is not None}, lasts)
        raise ValueError(f"a timeline entry needs one of {', '.join(ACTIONS)}")


# Expectations.


@dataclass(frozen=True, kw_only=True)
class Expectation(Part):
    """What must hold. It opens with the run, or with `after`, and closes with the run, `until` or `within`."""

    name: Annotated[Name, "As the verdict names it."]
    note: Annotated[str, "What it teaches; shown with the verdict."] = ""
    always: Annotated[ExpressionText | None, "True at every moment while it is open."] = None
    never: Annotated[ExpressionText | None, "True at no moment while it is open."] = None
    eventually: Annotated[ExpressionText | None, "True at some moment while it is open."] = None
    after: Annotated[
        str | None,
        "Opens it: the name of a timeline entry (once it is done: a commit pushed, a command returned), or an expression: "
        "each time it becomes true for `eventually`, the first time for `always` and `never`.",
    ] = None
    until: Annotated[
        str | None,
        "Closes it: the name of a timeline entry (when it begins), or an expression: when it first is true.",
    ] = None
    within: Annotated[Duration | None, "Closes it so long after it opened."] = None
    stays: Annotated[Duration | None, "With `eventually`: it must then stay true for so long."] = None
    deliveries: Annotated[
        tuple[str, ...], "It must hold under these; all when left out, but those of `failsUnder`."
    ] = ()
    fails_under: Annotated[
        tuple[str, ...],
        "It must NOT hold under these: the lesson of the story. Holding there is a failure, too.",
    ] = ()

    @property
    def kind(self) -> Literal["always", "never", "eventually"]:
        """Which of the three it is.

        Raises:
            ValueError: when it is none (the check reports such expectations).
        """
        for kind in ("always", "never", "eventually"):
            if getattr(self, kind) is not None:
                return kind
        raise ValueError(f"expectation {self.name} needs always, never or eventually")

    @property
    def expression(self) -> str:
        """The text that must hold, never hold, or come to hold."""
        return str(getattr(self, self.kind))

    def verdict_under(self, delivery: str) -> Literal["holds", "fails", "not judged"]:
        """What is expected of it in the world of a delivery."""
        if delivery in self.fails_under:
            return "fails"
        return "holds" if not self.deliveries or delivery in self.deliveries else "not judged"


# Lessons.


@dataclass(frozen=True, kw_only=True)
class Choice(Expectation):
    """An answer to choose: right when, in every world that is judged, it comes as an expectation of these fields says."""

    says: Annotated[str, "The answer in words."]


@dataclass(frozen=True, kw_only=True)
class Number(Part):
    """A number that is read from the trace of the untouched story; exactly one of value, least, most, when, changes."""

    value: Annotated[ExpressionText | None, "The value of this look-up at `at`."] = None
    least: Annotated[ExpressionText | None, "Its smallest value while the window is open."] = None
    most: Annotated[ExpressionText | None, "Its largest value while the window is open."] = None
    when: Annotated[
        ExpressionText | None,
        "Seconds from the opening of the window until this is true; never is an answer.",
    ] = None
    changes: Annotated[ExpressionText | None, "How often its value changes while the window is open."] = None
    at: Annotated[Duration | None, "With `value`: the instant; the end of the run when left out."] = None
    after: Annotated[
        str | None, "Opens the window: a timeline entry's name, or an expression; left out: the start."
    ] = None
    until: Annotated[
        str | None, "Closes the window: a timeline entry's name, or an expression; left out: the end."
    ] = None
    delivery: Annotated[Name | None, "The world that is read; the first delivery's when left out."] = None
    minus: Annotated[Name | None, "The delivery whose number is taken away from it."] = None
    unit: Annotated[str, "What it counts: s, pods."] = "s"
    tolerance: Annotated[Factor, "How far from it an answer may be and still be right."] = 0.0

    @property
    def kind(self) -> Literal["value", "least", "most", "when", "changes"]:
        """How it is read.

        Raises:
            ValueError: when it does not say (the check reports such numbers).
        """
        for kind in ("value", "least", "most", "when", "changes"):
            if getattr(self, kind) is not None:
                return kind
        raise ValueError("a number needs value, least, most, when or changes")

    @property
    def expression(self) -> str:
        """The text that is looked at."""
        return str(getattr(self, self.kind))


@dataclass(frozen=True, kw_only=True)
class Question(Part):
    """A prediction, asked before the reveal. What is right is computed from the trace, never written down."""

    name: Annotated[Name, "By which answers name it."]
    ask: Annotated[str, "The question."]
    choices: Annotated[tuple[Choice, ...], "What can be answered, when it is not a number."] = ()
    in_order: Annotated[
        bool, "All choices are right; asked is the order in which they come to hold, as the trace has it."
    ] = False
    number: Annotated[Number | None, "The number asked for."] = None
    because: Annotated[str, "Why it comes so; told with the reveal."] = ""


@dataclass(frozen=True, kw_only=True)
class Stop(Part):
    """A moment at which the learner's run pauses, so that something can be done."""

    at: Annotated[Duration, "When."]
    say: Annotated[str, "What to look at, or what comes next."]


@dataclass(frozen=True, kw_only=True)
class Cause(Part):
    """A causal chain that the debrief shows."""

    object: Annotated[str, "Whose last change is traced back: deployment/web."]
    namespace: Annotated[NamespaceName, "Its namespace."] = "default"
    at: Annotated[Duration | None, "As of this instant; the end of the run when left out."] = None
    delivery: Annotated[Name | None, "In whose world; the first delivery's when left out."] = None


@dataclass(frozen=True, kw_only=True)
class Solution(Part):
    """What a learner may do, as data: played by the tests of the lessons."""

    note: Annotated[str, "What it does, and why that works or does not."] = ""
    actions: Annotated[tuple[TimelineEntry, ...], "What is done, as in a timeline."] = ()
    fails: Annotated[tuple[Name, ...], "The checks that do not pass with it."] = ()


@dataclass(frozen=True, kw_only=True)
class Lesson(Part):
    """A story to learn from: predict, see it happen, change it, and have the trace say whether that worked."""

    number: Annotated[Count, "Its place among the lessons."]
    domain: Annotated[str, "What it is about: core, delivery, gitops, scheduling, networking, security."]
    goal: Annotated[str, "What one can do afterwards."]
    predict: Annotated[tuple[Question, ...], "Asked before the untouched story is shown."] = ()
    task: Annotated[str, "What to do in the learner's own run of the story."]
    stops: Annotated[tuple[Stop, ...], "Moments at which that run pauses, in the order of time."] = ()
    allow: Annotated[
        tuple[Literal["kubectl", "git", "flux", "argocd", "fault"], ...],
        "What may be done by hand; everything when left out.",
    ] = ()
    hidden_faults: Annotated[
        Count, "So many faults of the palette, drawn from the seed, happen without being announced."
    ] = 0
    hints: Annotated[tuple[str, ...], "Where to look, which concept, what to do: in this order."] = ()
    checks: Annotated[
        tuple[Expectation, ...], "What must hold in the learner's run; a note helps who fails it."
    ]
    explain: Annotated[str, "What happened and why, once it is over."]
    why: Annotated[tuple[Cause, ...], "The causal chains that are shown with it."] = ()
    points: Annotated[Count, "What passing is worth; each hint takes a fifth of it."] = 100
    reference: Annotated[Solution, "One way that passes."]
    wrong: Annotated[Solution, "A way that looks right and does not pass."]


# The whole.


@dataclass(frozen=True, kw_only=True)
class Scenario(Part):
    """A story: a cluster, repositories, deliveries to compare, what happens, and what must hold."""

    api_version: Annotated[Literal["kcsim/v1"], "Version of this format."] = "kcsim/v1"
    kind: Annotated[Literal["Scenario"], "Kind of this document."] = "Scenario"
    name: Annotated[Name, "The scenario's name, as `kcsim run` takes it."]
    title: Annotated[str, "A few words for the gallery."] = ""
    summary: Annotated[str, "The story in some sentences."] = ""
    teaches: Annotated[str, "What one learns from it."] = ""
    seed: Annotated[Count, "Seed of every dice stream; the same seed gives the same trace."] = 1
    order: Annotated[
        OrderText, "In what order the events of one instant happen: fifo, random, pct:DEPTH or choices:I.J."
    ] = "fifo"
    until: Annotated[Duration, "When the run ends, in virtual time."] = HOUR
    profile: Annotated[Literal["1.36", "1.31"], "Profile of delays and defaults, by Kubernetes version."] = (
        "1.36"
    )
    cluster: Annotated[Cluster | None, "The cluster, when there is one."] = None
    clusters: Annotated[tuple[Cluster, ...], "The clusters, when there are several."] = ()
    images: Annotated[tuple[Image, ...], "How images behave; none listed: all behave well."] = ()
    registry: Annotated[ImageRegistry, "The image registry."] = field(default_factory=ImageRegistry)
    buckets: Annotated[tuple[Bucket, ...], "Buckets of object stores."] = ()
    charts: Annotated[tuple[Chart, ...], "Charts of the outside world, in repositories of charts."] = ()
    repositories: Annotated[tuple[Repository, ...], "Git repositories."] = ()
    deliveries: Annotated[
        Mapping[str, Delivery], "Ways to deliver, each run as a world of its own: name -> how."
    ] = field(default_factory=dict)
    environments: Annotated[
        tuple[Environment, ...], "dev, staging, production: where each folder of the repository goes."
    ] = ()
    promotion: Annotated[tuple[Promotion, ...], "How a version goes from one environment to the next."] = ()
    controllers: Annotated[tuple[Controller, ...], "Controllers of your own that run in the cluster."] = ()
    traffic: Annotated[tuple[Traffic, ...], "Users, as requests to Services."] = ()
    timeline: Annotated[tuple[TimelineEntry, ...], "What happens, in the order of time."] = ()
    expectations: Annotated[tuple[Expectation, ...], "What must hold."] = ()
    lesson: Annotated[Lesson | None, "What makes a lesson of the story."] = None

    def all_clusters(self) -> tuple[Cluster, ...]:
        """Every cluster; one named default with three nodes when the file names none."""
        if self.clusters:
            return self.clusters
        return (self.cluster or Cluster(),)

    def cluster_named(self, name: str | None) -> Cluster | None:
        """A cluster by name; the first for None."""
        clusters = self.all_clusters()
        return (
            clusters[0] if name is None else next((found for found in clusters if found.name == name), None)
        )

    def nodes_of(self, cluster: Cluster) -> tuple[Node, ...]:
        """Every node of a cluster; no two machines of a story have one name, they share one network."""
        return cluster.all_nodes(f"{cluster.name}-" if len(self.all_clusters()) > 1 else "")

    def repository_named(self, name: str | None) -> Repository | None:
        """A repository by name; for None the only one there is, None when there are several."""
        if name is None:
            return self.repositories[0] if len(self.repositories) == 1 else None
        return next((found for found in self.repositories if found.name == name), None)

    @property
    def has_reviews(self) -> bool:
        """Whether changes come by merge requests."""
        return any(entry.merge_request is not None for entry in self.timeline) or any(
            promotion.via == "mergeRequest" for promotion in self.promotion
        )

    def entry_named(self, name: str) -> TimelineEntry | None:
        """A timeline entry by name."""
        return next((entry for entry in self.timeline if entry.name == name), None)

    @property
    def directory(self) -> str | None:
        """The folder of the file it was read from: `from` and `clone` are relative to it."""
        if self.source is None:
            return None
        file = self.source.position.file
        return file.rpartition("/")[0] or "."

"""The stage of a story: a world built from what a scenario says it has, before anything happens.

**Walk:** clusters with their machines -> images into the registry -> repositories on the git host, still empty. The first
commits follow when the delivery stands ready to hear of them (`play.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kcsim.cluster.images import ImageBehaviour, from_json
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.delivery.buckets import ObjectStore
from kcsim.delivery.git.protection import Protection, QueueRule
from kcsim.delivery.registry.reference import Reference, untagged
from kcsim.delivery.registry.retention import Retention, Rule
from kcsim.scenario.contents import repository_files, resolve
from kcsim.scenario.deliveries import put_given
from kcsim.scenario.dump import to_data
from kcsim.scenario.model import (
    Cluster,
    Delivery,
    Image,
    MergeQueue,
    Node,
    Push,
    Repository,
    Scenario,
    all_pipelines,
)
from kcsim.scenario.network_checks import bits_a_second
from kcsim.simulation.cabling import LinkPlan, NetworkPlan
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.dns import install_dns
from kcsim.simulation.places import add_outside
from kcsim.simulation.routing import install_gateway, install_ingress
from kcsim.simulation.world import World

DEFAULT_BRANCH = "main"


@dataclass(frozen=True, slots=True)
class FirstCommit:
    """A commit that the repository begins with, or that its history replays; `at` in µs."""

    at: int
    files: Mapping[str, str | bytes | None]
    message: str
    author: str
    source: str = ""
    """For a replayed commit its SHA in the repository on disk."""


@dataclass(frozen=True, slots=True)
class Source:
    """A repository of the story: its branch, its folders with manifests, and the commits it brings along."""

    repository: Repository
    branch: str
    folders: tuple[str, ...]
    commits: tuple[FirstCommit, ...]


def build_world(scenario: Scenario, delivery: Delivery | None, seed: int, *, checking: bool = False) -> World:
    """A world with the scenario's clusters and images."""
    world = World(seed, profile=scenario.profile, checking=checking, order=scenario.order)
    images = image_behaviours(scenario)
    _stock_registry(world, scenario, delivery, images)
    clusters = scenario.all_clusters()
    for number, cluster in enumerate(clusters):
        name = cluster_name(scenario, cluster.name)
        nodes = [node_spec(node, index, number) for index, node in enumerate(scenario.nodes_of(cluster))]
        replicas = cluster.control_plane_replicas
        plane = ControlPlane(replicas, replicas, cluster.control_plane_controllers)
        world.add_cluster(name, nodes, control_plane=plane, plan=network_plan(cluster))
        _install(world, name, cluster)
    return world


def _install(world: World, name: str, cluster: Cluster) -> None:
    """What a cluster has beside Kubernetes itself."""
    if cluster.dns:
        install_dns(world, name)
    if cluster.ingress:
        install_ingress(world, name)
    if cluster.gateway:
        install_gateway(world, name)
    put_given(world.clusters[name], cluster)


def cluster_name(scenario: Scenario, name: str | None) -> str:
    """The world's name of a cluster: "" for the only one."""
    if len(scenario.all_clusters()) == 1:
        return ""
    found = scenario.cluster_named(name)
    assert found is not None, "names were checked when the scenario was read"
    return found.name


def node_spec(node: Node, index: int, cluster: int = 0) -> NodeSpec:
    """A machine as its kubelet registers it; addresses follow from the order of machines and clusters."""
    address = f"192.{168 + cluster}.{index // 254}.{index % 254 + 1}"
    capacity = {"cpu": node.cpu, "memory": node.memory, "pods": str(node.pods), "ephemeral-storage": "100Gi"}
    labels = dict(node.labels)
    if node.zone:
        labels["topology.kubernetes.io/zone"] = node.zone
    taints = tuple(
        {"key": taint.key, "effect": taint.effect} | ({"value": taint.value} if taint.value else {})
        for taint in node.taints
    )
    return NodeSpec(node.name, address, capacity, labels, taints, rack=node.rack)


def network_plan(cluster: Cluster) -> NetworkPlan:
    """A cluster's network as the simulation builds it."""
    written = cluster.network
    return NetworkPlan(
        pod_cidrs=written.pod_cidrs or None,
        node_masks=(written.node_mask, written.node_mask_ipv6),
        service_cidrs=written.service_cidrs,
        encapsulation="" if written.mode == "routed" else written.mode,
        mtu=written.mtu,
        reflectors=written.route_reflectors,
        links=tuple(
            LinkPlan(
                a=link.between[0],
                b=link.between[1],
                latency=link.latency,
                jitter=link.jitter,
                loss=link.loss,
                bandwidth=bits_a_second(link.bandwidth),
            )
            for link in written.links
        ),
    )


# Images.


def behaviour_data(image: Image) -> dict[str, Any]:
    """What the container runtime is told of an image: all but when it comes into the registry."""
    return {key: value for key, value in to_data(image).items() if key != "builtBefore"}


def image_behaviour(image: Image) -> ImageBehaviour:
    """An image of the scenario as the container runtime plays it."""
    behaviour, problems = from_json(behaviour_data(image))
    assert behaviour is not None, f"checked when the scenario was read: {problems}"
    return behaviour


def image_behaviours(scenario: Scenario) -> dict[str, ImageBehaviour]:
    """Every image of the scenario, by name."""
    return {image.name: image_behaviour(image) for image in scenario.images}


def built_repositories(delivery: Delivery | None) -> set[str]:
    """Image repositories (names without a tag) that pipelines build: empty until they have."""
    pipelines = all_pipelines(delivery) if delivery is not None else ()
    return {untagged(image) for pipeline in pipelines for step in pipeline.all_steps for image in step.builds}


def _stock_registry(
    world: World, scenario: Scenario, delivery: Delivery | None, images: Mapping[str, ImageBehaviour]
) -> None:
    built = built_repositories(delivery)
    before = {image.name for image in scenario.images if image.built_before}
    for name, behaviour in images.items():
        if name != "*" and (untagged(name) not in built or name in before):
            world.push_image(behaviour)
    other = images.get("*")
    well_behaved = not images or any(repo.clone is not None for repo in scenario.repositories)

    def unlisted(reference: Reference) -> tuple[ImageBehaviour, int] | None:
        name = str(reference)
        if other is not None:
            behaviour = replace(other, name=name, digest="")
        elif well_behaved:
            behaviour = ImageBehaviour(name)
        else:
            return None
        return behaviour, behaviour.size_bytes

    world.registry.fallback = unlisted
    if scenario.registry.retention:
        rules = [
            Rule(each.images, each.keep_last, each.older_than, each.keep, each.untagged_after, each.every)
            for each in scenario.registry.retention
        ]
        Retention(world.engine, world.registry, rules)


# Object stores.


def object_stores(world: World, scenario: Scenario) -> dict[str, ObjectStore]:
    """The object stores of the story by their hosts, with what their buckets hold from the beginning."""
    stores: dict[str, ObjectStore] = {}
    for bucket in scenario.buckets:
        store = stores.get(bucket.endpoint)
        if store is None:
            add_outside(world.network, bucket.endpoint, "object-store")
            store = stores[bucket.endpoint] = ObjectStore(world.engine, world.network, bucket.endpoint)
        store.create(bucket.name)
        if bucket.files:
            store.put(bucket.name, {key: text.encode() for key, text in bucket.files.items()})
    return stores


# Repositories.


def sources(scenario: Scenario) -> Iterator[Source]:
    """Every repository with the commits it brings along.

    Raises:
        OSError, GitError: when a folder or a repository on disk cannot be read any more.
    """
    for repo in scenario.repositories:
        if repo.clone is not None:
            yield _cloned(scenario, repo)
        else:
            first = FirstCommit(0, dict(repository_files(scenario, repo)), repo.message, repo.author)
            yield Source(repo, repo.branch or DEFAULT_BRANCH, (repo.path or ".",), (first,))


def protect(world: World, source: Source) -> None:
    """Protect a repository's branches, and say how its webhooks are retried."""
    repo = source.repository
    rules = [
        Protection(
            rule.branches or (source.branch,),
            rule.approvals,
            rule.code_owners,
            rule.dismiss_stale,
            rule.checks,
            rule.up_to_date,
            rule.linear,
            rule.allow_force,
            rule.allow_direct,
            _queue(rule.queue),
        )
        for rule in repo.protection
    ]
    world.git.reviews.protect(repo.name, *rules)
    if repo.webhook_retries:
        world.git.webhook_retries[repo.name] = (repo.webhook_retries, repo.webhook_backoff)


def _queue(given: bool | MergeQueue) -> QueueRule | None:
    if isinstance(given, bool):
        return QueueRule() if given else None
    return QueueRule(
        given.min_group,
        given.max_group,
        given.wait,
        given.build_concurrency,
        given.only_non_failing,
        given.check_timeout,
        given.method,
    )


def _cloned(scenario: Scenario, repo: Repository) -> Source:
    from kcsim.delivery.git.history import import_repository

    assert repo.clone is not None, "asked before"
    place = str(resolve(scenario, repo.clone))
    imported = import_repository(place, repo.path, repo.branch, base=repo.base, head=repo.head)
    commits = tuple(
        FirstCommit(at, change.files, change.message, change.author, change.source)
        for at, change in imported.schedule(0, repo.pace)
    )
    return Source(repo, imported.branch, imported.directories, commits)


def delivered_paths(delivery: Delivery, source: Source) -> tuple[str, ...]:
    """The folders of a repository that a delivery brings to the cluster."""
    if isinstance(delivery, Push):
        return (delivery.path,) if delivery.path is not None else source.folders
    return tuple(dict.fromkeys(path for path in delivery.paths if path is not None)) or source.folders

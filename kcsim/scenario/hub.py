"""Argo CD on a world: its components in pods of one cluster, its Applications, and what it knows of further clusters.

What Argo CD has done is read from the status of its Applications, as anybody would.
**Walk:** images -> `install.yaml` into the hub, an account and a Secret for each further cluster -> an Application a cluster
and folder -> the pods start -> status by status: an operation begins, everything is applied, it succeeds or fails.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import service_account
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.git.repository import Update
from kcsim.delivery.gitops.argocd import install, terms
from kcsim.delivery.gitops.argocd.agent import Adapted, Programs
from kcsim.delivery.gitops.argocd.diff.tracking import Tracking, application_of
from kcsim.delivery.gitops.argocd.redis import Cache
from kcsim.engine.clock import SECOND, format_duration
from kcsim.engine.trace import Record
from kcsim.scenario.deliveries import (
    AgentWay,
    Attempt,
    Progress,
    Seen,
    Stage,
    address_of,
    create,
    folder_name,
    namespaces,
    put_given,
    reach,
)
from kcsim.scenario.expanded import applications, destination
from kcsim.scenario.model import Application, ArgoCD
from kcsim.scenario.push import add_pipelines
from kcsim.scenario.staging import cluster_name
from kcsim.scenario.wanted import Wanted, wanted_objects
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.world import World

_MEGABYTE = 1_000_000
_SIZES = {"argocd": 180 * _MEGABYTE, "redis": 30 * _MEGABYTE}


@dataclass(slots=True)
class _Seen(Seen):
    """What the status of one Application said last, and the cluster it goes to."""

    cluster: str = ""


class ArgoWay(AgentWay):
    """Argo CD in a hub (see `kcsim.scenario.deliveries.Way`)."""

    notices_drift = True

    def __init__(self, argocd: ArgoCD, stage: Stage) -> None:
        super().__init__(stage)
        self._argocd = argocd
        self._hub = stage.world.clusters[cluster_name(stage.scenario, argocd.hub)]
        self._objects: list[Object] = (
            [dict(each) for each in argocd.objects]
            or self._of_environments()
            or [
                obj
                for name in stage.clusters
                for given in argocd.all_applications()
                for obj in self._of_folders(given, name)
            ]
        )
        self._secrets = [
            install.cluster_secret(name, address_of(cluster), namespace=argocd.namespace)
            for name, cluster in stage.clusters.items()
            if cluster is not self._hub
        ]
        self._clusters = {self._address(name): name for name in stage.clusters}
        self._known: dict[str, str] = {}
        """The cluster of each Application that follows the repository, as far as its commits are known."""
        controller = service_account(argocd.namespace, install.CONTROLLER).name
        manager = service_account(install.MANAGER_NAMESPACE, install.MANAGER).name
        server = service_account(argocd.namespace, install.SERVER).name
        self.actors = frozenset({controller, server, manager}) | _accounts(self._objects)
        self._seen: dict[str, _Seen] = {}
        for app, _ in self._expanded({}):
            name = objects.name(app)
            if name in self._known:
                self._seen[name] = _Seen(cluster=self._known[name])

    def _of_environments(self) -> list[Object]:
        """One for each environment, under its name."""
        like = self._argocd.application or Application()
        found = []
        for cluster, environments in self._stage.environments.items():
            for each in environments:
                given = replace(
                    like, name=each.name, path=each.path, namespace=each.namespace or like.namespace
                )
                obj = self._application(given, each.name, each.path, cluster)
                found.append({**obj, "metadata": {**obj["metadata"], "name": each.name}})
        return found

    def _of_folders(self, given: Application, cluster: str) -> Sequence[dict[str, Any]]:
        """One for each folder that is delivered, where the scenario names neither it nor a folder."""
        stage = self._stage
        if given.path is not None or given.name or len(stage.paths) < 2:
            path = given.path if given.path is not None else stage.paths[0]
            return (self._application(given, given.name or stage.repository.name, path, cluster),)
        return [
            self._application(given, folder_name(stage.repository.name, path), path, cluster)
            for path in stage.paths
        ]

    def _application(self, given: Application, name: str, path: str, cluster: str) -> dict[str, Any]:
        stage = self._stage
        repository = stage.world.git.repository(stage.repository.name)
        source: dict[str, Any] = {
            "repoURL": stage.world.git.url(repository.name),
            "path": path,
            "targetRevision": repository.default_branch,
        }
        if given.recurse:
            source["directory"] = {"recurse": True}
        several = len(stage.clusters) > 1
        obj = install.application(
            f"{name}-{cluster}" if several else name,
            source,
            namespace=self._argocd.namespace,
            server=self._address(cluster),
            destination_namespace=given.namespace,
            project=given.project,
            cascade=given.cascade,
            syncPolicy=_policy(given),
            ignoreDifferences=list(given.ignore_differences),
        )
        if given.annotations:
            obj["metadata"]["annotations"] = dict(given.annotations)
        return obj

    def _address(self, cluster: str) -> str:
        """The address by which the hub knows a cluster."""
        found = self._stage.clusters[cluster]
        return terms.IN_CLUSTER if found is self._hub else address_of(found)

    # --- installing ---------------------------------------------------------------------------------------------

    def install(self) -> None:
        """install.yaml, `argocd cluster add` and `argocd app create`, as an administrator leaves them behind."""
        stage, argocd = self._stage, self._argocd
        world = stage.world
        self.programs = Programs(world.git, lambda _, address: reach(world, address), established=True)
        for name, program in self.programs.by_name().items():
            world.programs[name] = program
            behaviour = ImageBehaviour(
                install.IMAGES[name], size_bytes=_SIZES[name], ready_after=2 * SECOND, program=name
            )
            world.push_image(behaviour)
        add_pipelines(stage, argocd)
        config = {
            "timeout.reconciliation": format_duration(argocd.refresh),
            "timeout.reconciliation.jitter": format_duration(argocd.jitter),
        }
        for obj in install.install_objects(argocd.namespace, replicas=argocd.controllers, config=config):
            create(self._hub, obj)
        for name, cluster in stage.clusters.items():
            for obj in namespaces(stage.environments.get(name, ())):
                create(cluster, obj)
            if cluster is not self._hub:
                for obj in install.manager_objects():
                    create(cluster, obj)
        for secret in self._secrets:
            create(self._hub, secret)
        if not argocd.objects:
            for project in dict.fromkeys(terms.project_of(app) for app in self._objects):
                if project != "default":
                    everything = install.default_project(argocd.namespace)["spec"]
                    create(self._hub, install.project(project, namespace=argocd.namespace, **everything))
        if argocd.objects:
            put_given(self._hub, argocd)
        else:
            for obj in self._objects:
                create(self._hub, obj)
        if argocd.webhook:
            self._listen()

    def _listen(self) -> None:
        """The git host's webhooks reach argocd-server and the ApplicationSet controller.

        Differs: it comes in at the hub's address, as if through a load balancer, not by an Ingress.
        """
        hub, namespace = self._hub, self._argocd.namespace
        engine = self._stage.world.engine

        def called(update: Update) -> None:
            server = self.programs.services.find(hub.endpoint, namespace, install.SERVER)
            if server is None:
                engine.note(
                    "git", "webhook-lost", f"service/{namespace}/{install.SERVER}", {"ref": update.ref}
                )
                return
            server.component.spawn(server.handler.webhook(update))
            about_sets(update)

        def about_sets(update: Update) -> None:
            found = self.programs.services.find(hub.endpoint, namespace, install.SET_CONTROLLER)
            if found is not None:
                found.component.spawn(found.handler.webhook(update))

        git, name = self._stage.world.git, self._stage.repository.name
        git.subscribe(name, hub.control_plane, called)
        git.subscribe(name, hub.control_plane, about_sets, pushes=False, reviews=True, endings=True)

    # --- reading ------------------------------------------------------------------------------------------------

    def follow(self, record: Record) -> Sequence[Progress]:
        """Read the status of an Application."""
        if (
            not isinstance(record, Version)
            or record.resource.group_resource != terms.APPLICATIONS
            or record.key[0] != self._argocd.namespace
            or record.cluster != self._hub.name
        ):
            return ()
        name = record.key[1]
        seen = self._seen.get(name)
        if seen is None and name in self._known:
            seen = self._seen[name] = _Seen(
                cluster=self._known[name]
            )  # that another one has applied, or a set made
        if seen is None:
            return ()
        if record.deleted:
            del self._seen[name]
            return ()
        status = record.object.get("status") or {}
        state = status.get("operationState") or {}
        result = state.get("syncResult") or {}
        sha = result.get("revision") or ((state.get("operation") or {}).get("sync") or {}).get("revision")
        seen.attempted = sha or seen.attempted
        phase = state.get("phase", "")
        if phase == "Running" and seen.running is None and sha and sha != seen.applied:
            seen.running = Attempt(seen.cluster, record.key[1], sha, record.time)
            self.attempts.append(seen.running)
        elif phase in {"Succeeded", "Failed", "Error"}:
            seen.end(record, "" if phase == "Succeeded" else f"{phase}: {state.get('message', '')}")
        sync = status.get("sync") or {}
        whole = not ((state.get("operation") or {}).get("sync") or {}).get("resources")
        done = sha if phase == "Succeeded" and whole else None
        if done is None and sync.get("status") == terms.SYNCED:
            done = sync.get("revision")
        if not done or done == seen.settled:
            return ()
        seen.settled = seen.applied = done
        self._order.append(done)
        return (Progress(seen.cluster, record.key[1], done),)

    def revision_of(self, version: Version) -> str | None:
        """The revision that the Application on the object's mark was being synced to."""
        seen = self._seen.get(application_of(version.object, Tracking()))
        return seen.attempted if seen is not None and seen.cluster == version.cluster else None

    def _all_seen(self) -> Iterable[Seen]:
        return self._seen.values()

    def _build(self, sha: str) -> list[Wanted]:
        """What the repo-server generates of a commit for the Applications."""
        stage = self._stage
        files = stage.world.git.repository(stage.repository.name).files(sha)
        found: list[Wanted] = []
        for app, manifests in self._expanded(files):
            name = objects.name(app)
            if name not in self._known:
                continue
            cluster = self._known[name]
            space = terms.destination(app).get("namespace") or "default"
            catalog = stage.clusters[cluster].server.catalog
            found.extend(wanted_objects(manifests, catalog, cluster=cluster, namespace=space, scope=name))
        return found

    def _expanded(self, files: Mapping[str, bytes]) -> Iterator[tuple[Object, list[Object]]]:
        """The Applications of some files with their manifests; those that go to a cluster of the story become known."""
        git, name = self._stage.world.git, self._stage.repository.name
        branch = git.repository(name).default_branch
        for app, manifests in applications(self._objects, files, git.urls(name), branch, self._secrets):
            cluster = self._clusters.get(destination(app, self._secrets) or "")
            if cluster is not None:
                self._known[objects.name(app)] = cluster
            yield app, manifests


def _accounts(given: Sequence[Object]) -> frozenset[str]:
    """The names of the accounts as which syncs act, where projects name any."""
    apps = [each for each in given if each["kind"] == "Application"]
    found: set[str] = set()
    for project in (each for each in given if each["kind"] == "AppProject"):
        for item in terms.spec(project).get("destinationServiceAccounts") or ():
            space, colon, name = str(item.get("defaultServiceAccount")).rpartition(":")
            mine = (each for each in apps if terms.project_of(each) == objects.name(project))
            spaces = [space] if colon else [terms.destination(each).get("namespace") or "" for each in mine]
            found.update(service_account(each, name).name for each in spaces)
    return frozenset(found)


def _policy(given: Application) -> dict[str, Any]:
    """spec.syncPolicy."""
    policy: dict[str, Any] = {}
    if given.automated:
        flags = {"prune": given.prune, "selfHeal": given.self_heal, "allowEmpty": given.allow_empty}
        policy["automated"] = {name: value for name, value in flags.items() if value}
    if given.sync_options:
        policy["syncOptions"] = list(given.sync_options)
    if given.retry_limit is not None:
        policy["retry"] = {"limit": given.retry_limit}
    return policy


def comparisons(world: World, cluster: Cluster, namespace: str) -> Any:
    """What `argocd app diff` reads in the cache of the installation in a cluster; nothing where there is none."""
    program = world.programs.get("argocd")
    if not isinstance(program, Adapted):
        return lambda _key: None
    cache = Cache(program.programs.services, cluster.endpoint, namespace)
    return lambda key: cache.get(("managed-resources", namespace, key))

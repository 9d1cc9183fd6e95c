"""Flux on a world: its controllers in pods of each cluster or of a hub, and the objects that tell them what to deliver.

What Flux has done is read from the status of its Kustomizations, as anybody would.
**Walk:** images of the controllers -> `flux install` and the GitRepository and Kustomizations, as an administrator leaves
them behind -> the pods start -> status by status: an attempt begins, everything is applied, it succeeds or fails.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from kcsim.api import objects
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import service_account
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.git.repository import Update
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.agent import HELM_CONTROLLER, Toolkit, adapted
from kcsim.delivery.gitops.flux.events import NOTIFICATION_CONTROLLER
from kcsim.delivery.gitops.flux.helm.terms import ORIGIN_NAME, ORIGIN_NAMESPACE
from kcsim.delivery.gitops.flux.kubeconfig import KubeConfigError, Remote, of_secret
from kcsim.delivery.gitops.flux.notification.receivers import Hook
from kcsim.delivery.gitops.flux.ssa.drift import normalised
from kcsim.delivery.gitops.flux.toolkit import (
    EXTERNAL_ARTIFACTS,
    GIT_REPOSITORIES,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    OWNER_NAME,
    OWNER_NAMESPACE,
    READY,
    RECEIVERS,
    RECONCILING,
    artifact_revision,
    source_kind,
    source_subject,
    spec,
)
from kcsim.delivery.registry.artifacts import REVISION as ORIGIN_REVISION
from kcsim.delivery.registry.reference import Reference, parse
from kcsim.delivery.registry.registry import Registry
from kcsim.engine.clock import SECOND
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
from kcsim.scenario.expanded import kustomizations
from kcsim.scenario.model import Flux, Kustomization
from kcsim.scenario.push import add_pipelines
from kcsim.scenario.staging import cluster_name
from kcsim.scenario.wanted import Wanted, wanted_objects
from kcsim.simulation.cluster import Cluster

RECEIVER = "receiver"
_ACCOUNT = "system:serviceaccount:"


@dataclass(slots=True)
class _Seen(Seen):
    """What the status of one Kustomization said last, and the whole of it; the cluster it applies to."""

    cluster: str = ""
    version: Version | None = None


class FluxWay(AgentWay):
    """Flux in the cluster (see `kcsim.scenario.deliveries.Way`)."""

    notices_drift = True

    def __init__(self, flux: Flux, stage: Stage) -> None:
        super().__init__(stage)
        self._flux = flux
        self._source = flux.git_repository.name or stage.repository.name
        self._homes: Mapping[str, Cluster] = stage.clusters
        """The clusters that run Flux."""
        if flux.hub is not None:
            hub = cluster_name(stage.scenario, flux.hub)
            self._homes = {hub: stage.world.clusters[hub]}
        self._made = {name: self._made_for(name) for name in self._homes}
        self._objects = {name: [*made, *map(dict, flux.objects)] for name, made in self._made.items()}
        """What stands in each of them before the first commit."""
        self._remotes = {home: _remotes(given) for home, given in self._objects.items()}
        """What the kubeconfigs in the Secrets of each cluster lead to."""
        more = (*flux.components, *([NOTIFICATION_CONTROLLER] if flux.receiver else []))
        self._components = (*install.COMPONENTS, *more)
        self._charts = stage.charts if HELM_CONTROLLER in more else None
        self.actors = frozenset(service_account(flux.namespace, name).name for name in self._components)
        self._known: set[objects.Key] = set()
        """The Kustomizations that follow the repository, as far as its commits are known."""
        self._seen: dict[tuple[str, objects.Key], _Seen] = {}
        for cluster, given in self._objects.items():
            for obj, _ in kustomizations(given, {}, self._urls):
                self._know(obj)
                self._seen[cluster, objects.key(obj)] = _Seen(cluster=self._target(cluster, obj))
        self._fetched: dict[str, str] = {}
        """The commit that source-controller fetched last, by cluster."""
        self._commits: dict[tuple[str, str], dict[str, str]] = {}
        """By cluster and ExternalArtifact: the newest commit that each of its revisions was made of."""
        self._releases: dict[tuple[str, objects.Key], Mapping[str, str]] = {}
        """The labels of HelmReleases, by cluster: they say which Kustomization has applied them."""
        self._hooks: dict[str, str] = {}
        """The tokens of Receivers whose path is not known yet, by cluster."""

    def _made_for(self, home: str) -> list[Object]:
        """What is made for a cluster that runs Flux, where the story gives no objects: for each cluster that it delivers to a
        Kustomization for each environment, or each folder.
        """
        flux, stage = self._flux, self._stage
        targets = stage.clusters if flux.hub is not None else {home: self._homes[home]}
        secrets = [
            install.kubeconfig_secret(name, address_of(cluster), namespace=flux.namespace)
            for name, cluster in targets.items()
            if name != home
        ]
        if flux.objects:
            return secrets
        made = [obj for name in targets for obj in self._kustomizations_for(name, home)]
        return [*secrets, self._git_repository(), *made]

    def _kustomizations_for(self, cluster: str, home: str) -> list[Object]:
        flux, stage = self._flux, self._stage
        if stage.environments:
            like = flux.kustomization or Kustomization()
            wanted: Sequence[Kustomization] = [
                replace(like, name=each.name, path=each.path, target_namespace=each.namespace)
                for each in stage.environments.get(cluster, ())
            ]
        else:
            wanted = [each for given in flux.all_kustomizations() for each in self._each_folder(given)]
        suffix = f"-{cluster}" if flux.hub and len(stage.clusters) > 1 and not stage.environments else ""
        remote = {"secretRef": {"name": install.kubeconfig_name(cluster)}} if cluster != home else None
        return [self._kustomization(each, suffix, remote) for each in wanted]

    def _target(self, home: str, obj: Object) -> str:
        """The cluster that a Kustomization applies to: its own, or the one its kubeConfig leads to."""
        ref = (spec(obj).get("kubeConfig") or {}).get("secretRef") or {}
        remote = self._remotes[home].get((objects.namespace(obj), ref.get("name", "")))
        if remote is None:
            return home
        if remote.token.startswith(_ACCOUNT):
            self.actors |= {remote.token}
        by_address = {address_of(cluster): name for name, cluster in self._stage.world.clusters.items()}
        return by_address.get(remote.server, home)

    def _each_folder(self, given: Kustomization) -> Sequence[Kustomization]:
        """One for each folder that is delivered, where the scenario names neither it nor a folder."""
        stage = self._stage
        if given.path is not None or given.name or len(stage.paths) < 2:
            return (given,)
        return [
            replace(given, name=folder_name(stage.repository.name, path), path=path) for path in stage.paths
        ]

    def _kustomization(
        self, given: Kustomization, suffix: str, remote: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        stage = self._stage
        path = given.path if given.path is not None else _common(stage.paths)
        depends = [
            {"name": each.name + suffix} | ({"namespace": each.namespace} if each.namespace else {})
            for each in given.depends_on
        ]
        return install.kustomization(
            (given.name or stage.repository.name) + suffix,
            self._source,
            namespace=self._flux.namespace,
            interval=given.interval,
            prune=given.prune,
            path=f"./{path}" if path != "." else "./",
            retryInterval=given.retry_interval,
            timeout=given.timeout,
            wait=given.wait,
            targetNamespace=given.target_namespace,
            dependsOn=depends or None,
            force=given.force,
            suspend=given.suspend,
            serviceAccountName=given.service_account_name,
            kubeConfig=remote,
            deletionPolicy=given.deletion_policy if given.deletion_policy != "MirrorPrune" else None,
        )

    # --- installing ---------------------------------------------------------------------------------------------

    def install(self) -> None:
        """`flux install`, then the objects of `flux create source git` and `flux create kustomization`."""
        stage, flux = self._stage, self._flux
        world = stage.world
        self._toolkit = Toolkit(
            world.git,
            world.registry,
            stage.stores,
            charts=self._charts,
            reach=lambda address: reach(world, address),
            established=True,
        )
        self._toolkit.signed = stage.signed
        for name, program in self._toolkit.programs().items():
            if name in self._components:
                stage.world.programs[name] = adapted(program)
                stage.world.push_image(_controller(name))
        _know_versions(stage.world.registry)
        add_pipelines(stage, flux)
        for name, cluster in stage.clusters.items():
            spoke = install.spoke_objects() if name not in self._homes else []
            for obj in [*spoke, *namespaces(stage.environments.get(name, ()))]:
                create(cluster, obj)
        for name, cluster in self._homes.items():
            for obj in install.install_objects(flux.namespace, self._components):
                create(cluster, obj)
            for obj in self._made[name]:
                create(cluster, obj)
            put_given(cluster, flux)
            if flux.receiver:
                self._receive(cluster)
        if flux.receiver:
            world.engine.trace.on_record(self._set_up_webhook)

    @property
    def _urls(self) -> tuple[str, ...]:
        return self._stage.world.git.urls(self._stage.repository.name)

    def _know(self, obj: Object) -> None:
        """A Kustomization that is the delivery's own, and the account that it acts as."""
        self._known.add(objects.key(obj))
        account = spec(obj).get("serviceAccountName")
        if account:
            self.actors |= {service_account(objects.namespace(obj), account).name}

    def _git_repository(self) -> dict[str, Any]:
        stage, given = self._stage, self._flux.git_repository
        repository = stage.world.git.repository(stage.repository.name)
        return install.git_repository(
            self._source,
            stage.world.git.url(repository.name),
            namespace=self._flux.namespace,
            branch=repository.default_branch,
            interval=given.interval,
            timeout=given.timeout,
            suspend=given.suspend,
        )

    def _receive(self, cluster: Cluster) -> None:
        """A Receiver for the sources; the webhook of the git host will call it through the cluster's Ingress.

        Differs: what passes requests on stands at the cluster's address, and is always there.
        """
        namespace = self._flux.namespace
        token = hashlib.sha256(f"{cluster.name}/{namespace}/{RECEIVER}".encode()).hexdigest()[:40]
        sources = [
            obj
            for obj in self._objects[cluster.name]
            if obj["kind"] == "GitRepository" and spec(obj).get("url") in self._urls
        ]
        for obj in install.receiver(RECEIVER, token, sources, namespace=namespace):
            create(cluster, obj)
        self._hooks[cluster.name] = token

    def _set_up_webhook(self, record: Record) -> None:
        """Once a Receiver says its path, the git host is told to call it: not before, for nobody knows it."""
        if not self._hooks or not isinstance(record, Version):
            return
        if record.resource.group_resource != RECEIVERS or record.key != (self._flux.namespace, RECEIVER):
            return
        path = (record.object.get("status") or {}).get("webhookPath", "")
        token = self._hooks.pop(record.cluster, None) if path else None
        if token is None:
            return
        stage, cluster = self._stage, self._homes[record.cluster]
        hook = Hook(path, "push", token)

        def called(update: Update) -> None:
            def answered(_: object, error: Exception | None) -> None:
                if error is not None:
                    detail = {"repository": update.repository, "error": str(error) or "nobody listens"}
                    stage.world.engine.note("git", "webhook-lost", f"host/{cluster.control_plane}", detail)

            self._toolkit.call(cluster.endpoint, self._flux.namespace, cluster.control_plane, hook).start(
                answered
            )

        stage.world.git.subscribe(stage.repository.name, cluster.control_plane, called)

    # --- reading ------------------------------------------------------------------------------------------------

    def follow(self, record: Record) -> Sequence[Progress]:
        """Read the status of a Kustomization."""
        if not isinstance(record, Version):
            return ()
        resource = record.resource.group_resource
        if resource in {GIT_REPOSITORIES, EXTERNAL_ARTIFACTS}:
            return self._note_source(record)
        if resource == HELM_RELEASES:
            self._releases[record.cluster, record.key] = objects.labels(record.object)
            return ()
        if resource != KUSTOMIZATIONS:
            return ()
        place = (record.cluster, record.key)
        seen = self._seen.get(place)
        if seen is None and record.key in self._known and record.cluster in self._homes:
            seen = self._seen[place] = _Seen(
                cluster=self._target(record.cluster, record.object)
            )  # a Kustomization that another one has applied
        if seen is None:
            return ()
        if record.deleted:
            del self._seen[place]
            return ()
        return self._read(record, seen)

    def _note_source(self, version: Version) -> Sequence[Progress]:
        """Which commit an ExternalArtifact was made of; who has applied it already has come as far as that commit."""
        revision = artifact_revision(version.object)
        if version.deleted or not revision:
            return ()
        if version.resource.group_resource == GIT_REPOSITORIES:
            if spec(version.object).get("url") in self._urls:
                self._fetched[version.cluster] = _sha(revision) or ""
            return ()
        origin = objects.get_in(version.object, ("status", "artifact", "metadata", ORIGIN_REVISION), "")
        commit = _sha(origin) or self._fetched.get(version.cluster, "")
        subject = f"ExternalArtifact/{'/'.join(version.key)}"
        self._commits.setdefault((version.cluster, subject), {})[revision] = commit
        users = [
            seen
            for (cluster, _), seen in self._seen.items()
            if cluster == version.cluster
            and seen.version is not None
            and source_subject(seen.version.object) == subject
        ]
        return [progress for seen in users if seen.version for progress in self._read(seen.version, seen)]

    def _commit(self, record: Version, revision: str | None) -> str | None:
        """The commit that a revision of a Kustomization's source stands for."""
        if not revision or source_kind(record.object) != "ExternalArtifact":
            return _sha(revision)
        return self._commits.get((record.cluster, source_subject(record.object)), {}).get(revision)

    def _read(self, record: Version, seen: _Seen) -> Sequence[Progress]:
        seen.version = record
        status = record.object.get("status") or {}
        ready, working = _condition(status, READY), _condition(status, RECONCILING)
        seen.attempted = self._commit(record, status.get("lastAttemptedRevision")) or seen.attempted
        self._begin(record, seen, working.get("message", "") if working.get("status") == "True" else "")
        applied = self._commit(record, status.get("lastAppliedRevision"))
        if applied is not None and applied != seen.applied:
            seen.applied = applied
            self._order.append(applied)
        if ready.get("status") == "True":
            seen.end(record, "")
        elif ready.get("status") == "False":
            seen.end(record, f"{ready.get('reason')}: {ready.get('message')}")
        checking = working.get("status") == "True" and working.get("message", "").startswith(
            "Running health checks"
        )
        settled = seen.attempted if checking else applied
        if settled is None or settled == seen.settled or not (checking or ready.get("status") == "True"):
            return ()
        seen.settled = settled
        return (Progress(seen.cluster, record.key[1], settled),)

    def _begin(self, record: Version, seen: _Seen, message: str) -> None:
        marker = "Fetching manifests for revision "
        if not message.startswith(marker) or seen.running is not None:
            return
        sha = self._commit(record, message.removeprefix(marker).partition(" ")[0])
        if sha is not None and sha != seen.applied:
            seen.running = Attempt(seen.cluster, record.key[1], sha, record.time)
            self.attempts.append(seen.running)

    def revision_of(self, version: Version) -> str | None:
        """The revision that the Kustomization behind the object's owner labels was working on, for what Helm has
        installed the one behind its HelmRelease.
        """
        labels = version.object["metadata"].get("labels") or {}
        release = labels.get(ORIGIN_NAMESPACE, ""), labels.get(ORIGIN_NAME, "")
        for home in self._homes if self._flux.hub is not None else (version.cluster,):
            found = self._releases.get((home, release))
            of = found or labels
            seen = self._seen.get((home, (of.get(OWNER_NAMESPACE, ""), of.get(OWNER_NAME, ""))))
            if seen is not None and (found or seen.cluster == version.cluster):
                return seen.attempted
        return None

    def _all_seen(self) -> Iterable[Seen]:
        return self._seen.values()

    def _build(self, sha: str) -> list[Wanted]:
        """What the Kustomizations build of a commit."""
        stage = self._stage
        files = stage.world.git.repository(stage.repository.name).files(sha)
        found: list[Wanted] = []
        for home, given in self._objects.items():
            for obj, manifests in kustomizations(given, files, self._urls):
                self._know(obj)
                name = self._target(home, obj)
                catalog = stage.world.clusters[name].server.catalog
                scope = obj["metadata"]["name"]
                found.extend(wanted_objects(manifests, catalog, cluster=name, scope=scope))
        return found


def _remotes(given: Sequence[Object]) -> dict[objects.Key, Remote]:
    """The clusters that Secrets hold kubeconfigs of; what cannot be read says so where it is used."""
    found: dict[objects.Key, Remote] = {}
    for obj in given:
        if obj.get("kind") == "Secret":
            with suppress(KubeConfigError):
                found[objects.key(obj)] = of_secret(normalised(obj), "", objects.name(obj))
    return found


def _know_versions(registry: Registry) -> None:
    """Play every version of the controllers' images as the one that is modelled: a repository may bring its own."""
    before = registry.fallback
    known = {parse(image).name: _controller(name) for name, image in install.IMAGES.items()}

    def found(reference: Reference) -> tuple[ImageBehaviour, int] | None:
        behaviour = known.get(reference.name)
        if behaviour is None:
            return before(reference) if before is not None else None
        return replace(behaviour, name=str(reference), digest=""), behaviour.size_bytes

    registry.fallback = found


def _controller(name: str) -> ImageBehaviour:
    """A controller's image: it listens some time after its start, and runs the simulated program."""
    return ImageBehaviour(install.IMAGES[name], size_bytes=45_000_000, ready_after=2 * SECOND, program=name)


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions") or () if each.get("type") == kind), {})


def _sha(revision: str | None) -> str | None:
    """The commit of a revision as Flux writes it: `main@sha1:...`."""
    return revision.rpartition(":")[2] or None if revision else None


def _common(paths: Sequence[str]) -> str:
    """The folder that holds all of some folders."""
    if len(paths) == 1:
        return paths[0]
    split = [path.split("/") for path in paths]
    shared: list[str] = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared) or "."

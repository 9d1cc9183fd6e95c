"""Push on a world: a CI pipeline on its own host, with the credentials of a deployer in each cluster.

**Walk:** RBAC for the deployer -> the pipeline, its stages as the scenario lists them and the deployment last -> commits
reach it by webhook or poll; what it did is read from its records.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from kcsim.api.client import Client
from kcsim.api.log import Version
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.pipelines import Built, ClusterTarget, PipelineSpec
from kcsim.delivery.ci.render import RenderError, read_objects, render
from kcsim.delivery.ci.rights import Deployer, rbac_objects
from kcsim.delivery.ci.system import CiSystem
from kcsim.engine.trace import Record
from kcsim.manifests import ManifestError
from kcsim.scenario.deliveries import Attempt, Progress, Stage, create, namespaces, oldest_common, sha_in
from kcsim.scenario.model import ArgoCD, Flux, FurtherPipeline, Push
from kcsim.scenario.model import Deploy as How
from kcsim.scenario.model import Deployer as Who
from kcsim.scenario.pipelines import pipeline_spec
from kcsim.scenario.wanted import Wanted, wanted_objects
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.places import CI


class PushWay:
    """A pipeline that deploys from outside (see `kcsim.scenario.deliveries.Way`)."""

    notices_drift = False

    def __init__(self, push: Push, stage: Stage) -> None:
        self._push = push
        self._stage = stage
        self.deployer = _deployer(push.deployer)
        self._deploying: set[str] = set()
        """PIPELINE/JOB/STEP of everything that deploys."""
        self.actors = frozenset({self.deployer.identity().name})
        self.attempts: list[Attempt] = []
        self._deployed: dict[tuple[str, str], str] = {}
        self._order: list[str] = []
        self._wanted: dict[str, list[Wanted]] = {}
        self._parts: dict[str, _Part] = {}
        """What each pipeline deploys, by its name."""

    def install(self) -> None:
        """Make the deployers in each cluster, and the pipelines."""
        stage, push = self._stage, self._push
        further = [
            (each, _deployer(each.deployer) if each.deployer is not None else self.deployer)
            for each in push.pipelines
        ]
        deployers = [self.deployer]
        for _, who in further:
            if who not in deployers:  # rules are dicts, which no dict takes for a key
                deployers.append(who)
        for cluster in stage.clusters.values():
            for deployer in deployers:
                for obj in rbac_objects(deployer):
                    create(cluster, obj)
        self.system = ci_system(stage)
        for name, environments in stage.environments.items():
            for obj in namespaces(environments):
                create(stage.clusters[name], obj)
        for part in self._own_parts():
            spec = pipeline_spec(
                push.pipeline, replace(stage, paths=part.paths), self._deploy(push.deploy, part)
            )
            self._add(part, replace(spec, name=part.pipeline), self.deployer)
        for each, deployer in further:
            home = further_stage(stage, each)
            if each.deploy is None:
                self.system.add_pipeline(further_spec(each, home, None))
                continue
            self.actors |= {deployer.identity().name}
            part = _Part(
                each.name,
                each.name,
                home.repository.name,
                home.paths,
                tuple(stage.clusters),
                each.deploy.namespace,
            )
            self._add(part, further_spec(each, home, self._deploy(each.deploy, part)), deployer)

    def _own_parts(self) -> Iterator["_Part"]:
        """What the delivery's own pipeline deploys: for each environment one, so that one that fails holds no other one up."""
        stage, name = self._stage, self._stage.repository.name
        if not stage.environments:
            yield _Part(name, "", name, stage.paths, tuple(stage.clusters), self._push.deploy.namespace)
        for cluster, environments in stage.environments.items():
            for each in environments:
                namespace = each.namespace or self._push.deploy.namespace
                yield _Part(f"{name}-{each.name}", each.name, name, (each.path,), (cluster,), namespace)

    def _add(self, part: "_Part", spec: PipelineSpec, deployer: Deployer) -> None:
        stage = self._stage
        self._parts[part.pipeline] = part
        self._deploying |= {
            f"{part.pipeline}/{job.name}/{step.name}"
            for job in spec.all_jobs
            for step in job.steps
            if step.deploys
        }
        targets = [
            ClusterTarget(name, self._connect(stage.clusters[name], deployer), deployer)
            for name in part.clusters
        ]
        self.system.add_pipeline(spec, targets)

    @staticmethod
    def _connect(cluster: Cluster, deployer: Deployer) -> Callable[[], Client]:
        return lambda: cluster.client(deployer.identity(), CI)

    @staticmethod
    def _deploy(deploy: How, part: "_Part") -> Deploy:
        return Deploy(
            paths=part.paths,
            namespace=part.namespace or "",
            server_side=deploy.server_side,
            rollout_timeout=deploy.rollout_timeout,
            on_failure=deploy.on_failure,
            force_conflicts=deploy.force_conflicts,
            prune=deploy.prune,
            prune_allowlist=deploy.prune_allowlist,
            set_image=deploy.set_image,
        )

    # --- reading ------------------------------------------------------------------------------------------------

    def follow(self, record: Record) -> Sequence[Progress]:
        """Runs begin and end; an apply is complete when the script goes on to the rollout, or the stage is over."""
        if record.actor in self.actors and record.verb == "kubectl":
            return self._typed(record)
        if record.actor != "ci":
            return ()
        kind, _, rest = record.subject.partition("/")
        if kind == "run" and record.verb in {"succeed", "fail", "cancel"}:
            self._ended(record)
        elif kind == "commit" and record.verb == "deploy":
            cluster, sha = record.facts().get("cluster", ""), sha_in(record.cause)
            if sha is not None:
                scope = self._scope(record)
                self._deployed[cluster, scope] = sha
                self._order.append(sha)
                return (Progress(cluster, scope, sha),)
        elif kind in {"stage", "step"} and record.verb == "start" and self._deploys(kind, rest):
            sha = sha_in(record)
            part = self._parts[rest.partition("/")[0]]
            for cluster in part.clusters:
                self.attempts.append(Attempt(cluster, part.scope, sha or "", record.time))
        return ()

    def _scope(self, record: Record) -> str:
        """The environment, or the further pipeline, that a run, or what it led to, is about; "" for the only one."""
        found: Record | None = record
        while found is not None and len(self._parts) > 1:
            kind, _, rest = found.subject.partition("/")
            mine = self._parts.get(rest.partition("/")[0])
            if kind in {"run", "job", "stage", "step"} and mine is not None:
                return mine.scope
            found = found.cause
        return next(iter(self._parts.values())).scope

    def _deploys(self, kind: str, rest: str) -> bool:
        """Whether a stage (`shop/1/deploy`) or a step (`shop/1/release/deploy`) is one that deploys."""
        pipeline, _, step = rest.split("/", 2)
        return f"{pipeline}/{step if kind == 'step' else f'/{step}'}" in self._deploying

    def _typed(self, record: Record) -> Sequence[Progress]:
        sha, scope = sha_in(record), self._scope(record)
        running = [
            attempt
            for attempt in self.attempts
            if attempt.outcome == "running" and attempt.sha == sha and attempt.scope == scope
        ]
        if sha is None or not running:
            return ()
        if record.subject.startswith("rollout status"):
            return (Progress(running[0].cluster, scope, sha),)
        return ()

    def _ended(self, record: Record) -> None:
        sha, scope = sha_in(record), self._scope(record)
        for attempt in self.attempts:
            if attempt.outcome == "running" and attempt.sha == sha and attempt.scope == scope:
                attempt.outcome = "succeeded" if record.verb == "succeed" else "failed"
                attempt.ended, attempt.record = record.time, record
                attempt.reason = record.facts().get("reason", "")

    def revision_of(self, version: Version) -> str | None:
        """The commit of the run that wrote it."""
        return sha_in(version)

    def deployed(self, repository: str) -> str | None:
        """The last commit that all its clusters have in full."""
        if repository != self._stage.repository.name:
            return None
        mine = [part for part in self._parts.values() if part.repository == repository]
        shas = [self._deployed.get((cluster, part.scope)) for part in mine for cluster in part.clusters]
        return oldest_common(shas, self._order)

    def wanted(self, sha: str) -> Sequence[Wanted]:
        """What `kubectl apply` is given for a commit."""
        found = self._wanted.get(sha)
        if found is None:
            found = self._wanted[sha] = self._render(sha)
        return found

    def _render(self, sha: str) -> list[Wanted]:
        stage = self._stage
        found: list[Wanted] = []
        for part in self._parts.values():
            repository = stage.world.git.repository(part.repository)
            if not repository.holds(sha):
                continue
            files, namespace = repository.files(sha), part.namespace or "default"
            for path in part.paths:
                try:
                    manifests = read_objects(render(files, path))
                except (RenderError, ManifestError):
                    continue  # nothing is applied of what cannot be read; the pipeline's failure says why
                for name in part.clusters:
                    catalog = stage.clusters[name].server.catalog
                    found.extend(
                        wanted_objects(
                            manifests, catalog, cluster=name, namespace=namespace, scope=part.scope
                        )
                    )
        return found


@dataclass(frozen=True, slots=True)
class _Part:
    """What one pipeline deploys.

    Attributes:
        pipeline: its name.
        scope: how the rest of the story calls it: the environment, the further pipeline, "" for the only one.
        namespace: where objects go that name none.
    """

    pipeline: str
    scope: str
    repository: str
    paths: tuple[str, ...]
    clusters: tuple[str, ...]
    namespace: str | None


def _deployer(given: Who) -> Deployer:
    """A deployer as the CI system knows it."""
    return Deployer(
        given.user,
        None if given.rules else given.cluster_role,
        given.namespaces,
        given.rules,
        given.token_lifetime,
        given.rotated_every,
    )


# What any pipeline needs, also one that only builds images.


def add_pipelines(stage: Stage, way: Flux | ArgoCD) -> None:
    """The pipelines of a delivery by agents: none of them deploys."""
    if way.pipeline is None and not way.pipelines:
        return
    system = ci_system(stage)
    if way.pipeline is not None:
        system.add_pipeline(pipeline_spec(way.pipeline, stage, None))
    for each in way.pipelines:
        system.add_pipeline(further_spec(each, further_stage(stage, each), None))


def further_stage(stage: Stage, pipeline: FurtherPipeline) -> Stage:
    """The stage as a further pipeline sees it: its own repository and folder."""
    source = stage.sources[pipeline.repository or stage.repository.name]
    paths = (pipeline.path,) if pipeline.path is not None else source.folders
    return replace(stage, repository=source.repository, paths=paths)


def further_spec(pipeline: FurtherPipeline, home: Stage, deploy: Deploy | None) -> PipelineSpec:
    """A further pipeline as the CI system takes it."""
    return replace(pipeline_spec(pipeline, home, deploy), name=pipeline.name)


def ci_system(stage: Stage) -> CiSystem:
    """A CI system on its own host."""
    world = stage.world

    def built(image: str) -> Built:
        behaviour = behaviour_of(stage, image)
        return Built(behaviour, behaviour.size_bytes, behaviour.digest)

    system = CiSystem(world.engine, world.network, CI, world.git, world.registry, images=built)
    world.ci.append(system)
    return system


def behaviour_of(stage: Stage, image: str) -> ImageBehaviour:
    """How an image behaves that a pipeline builds: as the scenario says, else as `*`, else well."""
    known = stage.images.get(image)
    if known is not None:
        return known
    other = stage.images.get("*")
    return replace(other, name=image, digest="") if other is not None else ImageBehaviour(image)

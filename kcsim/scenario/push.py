"""Push on a world: a CI pipeline on its own host, with the credentials of a deployer in each cluster.

**Walk:** RBAC for the deployer -> the pipeline, its stages as the scenario lists them and the deployment last -> commits
reach it by webhook or poll; what it did is read from its records.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from kcsim.api.client import Client
from kcsim.api.log import Version
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.pipelines import Built, ClusterTarget
from kcsim.delivery.ci.render import RenderError, read_objects, render
from kcsim.delivery.ci.rights import Deployer, rbac_objects
from kcsim.delivery.ci.system import CiSystem
from kcsim.engine.trace import Record
from kcsim.manifests import ManifestError
from kcsim.scenario.deliveries import Attempt, Progress, Stage, create, namespaces, oldest_common, sha_in
from kcsim.scenario.environment_model import Environment
from kcsim.scenario.model import Push
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
        self.deployer = Deployer(
            push.deployer.user,
            None if push.deployer.rules else push.deployer.cluster_role,
            push.deployer.namespaces,
            push.deployer.rules,
            push.deployer.token_lifetime,
            push.deployer.rotated_every,
        )
        self._deploying: frozenset[str] = frozenset()
        self.actors = frozenset({self.deployer.identity().name})
        self.attempts: list[Attempt] = []
        self._deployed: dict[tuple[str, str], str] = {}
        self._order: list[str] = []
        self._wanted: dict[str, list[Wanted]] = {}
        self._pipelines: dict[str, tuple[str, Environment]] = {}
        """Of each environment, by its name: its cluster, and itself."""

    def install(self) -> None:
        """Make the deployer in each cluster, and the pipeline."""
        stage = self._stage
        for cluster in stage.clusters.values():
            for obj in rbac_objects(self.deployer):
                create(cluster, obj)
        self.system = ci_system(stage)
        targets = {
            name: ClusterTarget(name, self._connect(cluster), self.deployer)
            for name, cluster in stage.clusters.items()
        }
        if not stage.environments:
            self._add(stage, list(targets.values()))
        for name, environments in stage.environments.items():
            for obj in namespaces(environments):
                create(stage.clusters[name], obj)
            for each in environments:
                # A pipeline for each, so that one that fails holds no other one up.
                self._pipelines[f"{stage.repository.name}-{each.name}"] = (name, each)
                self._add(replace(stage, paths=(each.path,)), [targets[name]], each)

    def _add(
        self, stage: Stage, targets: list[ClusterTarget], environment: Environment | None = None
    ) -> None:
        namespace = environment.namespace if environment is not None else None
        spec = pipeline_spec(self._push.pipeline, stage, self._deploy(stage.paths, namespace))
        if environment is not None:
            spec = replace(spec, name=f"{stage.repository.name}-{environment.name}")
        self._deploying |= {
            f"{job.name}/{step.name}" for job in spec.all_jobs for step in job.steps if step.deploys
        }
        self.system.add_pipeline(spec, targets)

    def _connect(self, cluster: Cluster) -> Callable[[], Client]:
        return lambda: cluster.client(self.deployer.identity(), CI)

    def _deploy(self, paths: tuple[str, ...], namespace: str | None) -> Deploy:
        deploy = self._push.deploy
        return Deploy(
            paths=paths,
            namespace=namespace or deploy.namespace or "",
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
            scope = self._scope(record)
            for cluster, part in self._parts():
                if part == scope:
                    self.attempts.append(Attempt(cluster, part, sha or "", record.time))
        return ()

    def _parts(self) -> list[tuple[str, str]]:
        """(cluster, environment) of everything that is deployed; "" where there are no environments."""
        if self._pipelines:
            return [(cluster, each.name) for cluster, each in self._pipelines.values()]
        return [(cluster, "") for cluster in self._stage.clusters]

    def _scope(self, record: Record) -> str:
        """The environment that a run, or what it led to, is about."""
        found: Record | None = record
        while found is not None and self._pipelines:
            kind, _, rest = found.subject.partition("/")
            mine = self._pipelines.get(rest.partition("/")[0])
            if kind in {"run", "job", "stage", "step"} and mine is not None:
                return mine[1].name
            found = found.cause
        return ""

    def _deploys(self, kind: str, rest: str) -> bool:
        """Whether a stage (`shop/1/deploy`) or a step (`shop/1/release/deploy`) is one that deploys."""
        step = rest.split("/", 2)[2]
        return (step if kind == "step" else f"/{step}") in self._deploying

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
        return oldest_common([self._deployed.get(part) for part in self._parts()], self._order)

    def wanted(self, sha: str) -> Sequence[Wanted]:
        """What `kubectl apply` is given for a commit."""
        found = self._wanted.get(sha)
        if found is None:
            found = self._wanted[sha] = self._render(sha)
        return found

    def _render(self, sha: str) -> list[Wanted]:
        stage = self._stage
        files = stage.world.git.repository(stage.repository.name).files(sha)
        found: list[Wanted] = []
        for path, name, namespace, scope in self._goes():
            try:
                manifests = read_objects(render(files, path))
            except (RenderError, ManifestError):
                continue  # nothing is applied of what cannot be read; the pipeline's failure says why
            catalog = stage.clusters[name].server.catalog
            found.extend(wanted_objects(manifests, catalog, cluster=name, namespace=namespace, scope=scope))
        return found

    def _goes(self) -> Iterator[tuple[str, str, str, str]]:
        """(folder, cluster, namespace of what names none, scope) of everything that is applied."""
        namespace = self._push.deploy.namespace or "default"
        if self._stage.environments:
            for cluster, each in self._pipelines.values():
                yield each.path, cluster, each.namespace or namespace, each.name
            return
        for path in self._stage.paths:
            for cluster in self._stage.clusters:
                yield path, cluster, namespace, ""


# What any pipeline needs, also one that only builds images.


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
    from dataclasses import replace

    known = stage.images.get(image)
    if known is not None:
        return known
    other = stage.images.get("*")
    return replace(other, name=image, digest="") if other is not None else ImageBehaviour(image)

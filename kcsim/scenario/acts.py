"""What the timeline says, done when its time has come.

Each entry is an act by somebody outside the simulated programs: a person at a laptop, a fault, the maker of an image. Its
trace record has no cause: it is where chains of causes end. The entry's name and note travel on it.
**Walk:** `arm` sets a timer an entry -> `_act` -> commits through `Authors`, commands as a person's client over the
network, faults and images through `kcsim.simulation.faults`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kcsim.api.client import Client
from kcsim.api.request import person
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.gitops.flux.signatures import Signature
from kcsim.delivery.registry.reference import parse
from kcsim.delivery.registry.registry import ImageNotFound
from kcsim.engine.task import Steps, Task
from kcsim.kubectl.command import kubectl
from kcsim.kubectl.session import Outcome
from kcsim.scenario.authors import Authors, Story
from kcsim.scenario.charts import publish
from kcsim.scenario.edits import editor
from kcsim.scenario.faults import world_fault
from kcsim.scenario.model import (
    Action,
    Apply,
    ArgoCD,
    ArgocdCommand,
    Commit,
    Delivery,
    Fault,
    Flux,
    FluxCommand,
    ForcePush,
    Image,
    Kubectl,
    Merge,
    MergeRequest,
    Publication,
    Redelivery,
    Rerun,
    Revert,
    Signing,
    Tag,
    TimelineEntry,
    Upload,
)
from kcsim.scenario.staging import Source, cluster_name, image_behaviour
from kcsim.simulation import faults
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.places import LAPTOP

if TYPE_CHECKING:
    from kcsim.scenario.play import Play


@dataclass(frozen=True, slots=True)
class _Typed:
    """A command line, and who types it."""

    user: str
    program: str
    line: str


class Acts:
    """Carries the timeline of one play out.

    Attributes:
        done: when (µs) each named entry was done: its commit pushed, its command returned, its fault put in.
    """

    def __init__(
        self,
        play: "Play",
        authors: Authors,
        sources: Mapping[str, Source],
        images: dict[str, ImageBehaviour],
        how: Delivery | None,
    ) -> None:
        """`images` is how images behave by name, for pipelines that build them; it follows the timeline."""
        self._play = play
        self._world = play.world
        self._scenario = play.scenario
        self._authors = authors
        self._sources = sources
        self._images = images
        self._how = how
        self.done: dict[str, int] = {}

    def arm(self) -> None:
        """Set a timer for every commit and entry; what comes first in the file comes first at one instant."""
        for source in self._sources.values():
            for first in source.commits:
                self._at(first.at, self._authors.bring, source, first)
        for entry in self._scenario.timeline:
            happens = not entry.deliveries or self._play.delivery in entry.deliveries
            if happens and not any(entry is each for each in self._play.without):
                self._at(entry.at, self._happen, entry)

    def _happen(self, entry: TimelineEntry) -> None:
        """An entry's time has come; a fault whose target is not there now, though it may be at other times, is told."""
        try:
            self.carry_out(entry)
        except faults.FaultError as error:
            fault = entry.fault or ""
            self._world.engine.note("fault", "miss", fault, {**told(entry), "error": str(error)})

    def _at(self, when: int, act: Callable[..., None], *args: object) -> None:
        self._world.engine.at(when, act, *args)

    def carry_out(self, entry: TimelineEntry, ended: Callable[[Outcome], None] | None = None) -> None:
        """Do what an entry says, now, whatever its ``at``; ``ended`` gets what a command printed."""
        action: Action = entry.action
        detail = told(entry)
        name = entry.name or ""

        def done() -> None:
            self.done[name] = self._world.engine.now

        def returned(outcome: Outcome) -> None:
            done()
            if ended is not None:
                ended(outcome)

        match action:
            case MergeRequest():
                self._authors.ask(self._source(action.repository), action, Story(name, detail, done))
            case Commit():
                self._authors.commit(self._source(action.repository), action, Story(name, detail, done))
            case Revert():
                self._authors.revert(self._source(action.repository), action, Story(name, detail, done))
            case Merge():
                self._authors.merge(self._source(action.repository), action, Story(name, detail, done))
            case Tag():
                self._authors.tag(self._source(action.repository), action, Story(name, detail, done))
            case ForcePush():
                self._authors.force_push(self._source(action.repository), action, Story(name, detail, done))
            case Redelivery():
                self._redeliver(action, detail)
                done()
            case Rerun():
                self._rerun(action, detail)
                done()
            case Upload():
                self._upload(action, detail)
                done()
            case Signing():
                self._sign(action, detail)
                done()
            case Publication():
                publish(self._play.charts, self._scenario, action, detail)
                done()
            case Kubectl():
                client = self._client(entry, action.user, "kubectl")
                steps = kubectl(client, action.line, editor=editor(action.edit) if action.edit else None)
                self._run(_Typed(action.user, "kubectl", action.line), steps, detail, returned)
            case Apply():
                client = self._client(entry, action.user, "kubectl")
                steps = kubectl(client, "apply -f -", files={"-": action.manifest})
                self._run(_Typed(action.user, "kubectl", "apply -f -"), steps, detail, returned)
            case FluxCommand():
                steps = self._flux(action, entry)
                self._run(_Typed(action.user, "flux", action.line), steps, detail, returned)
            case ArgocdCommand():
                steps = self._argocd(action)
                self._run(_Typed(action.user, "argocd", action.line), steps, detail, returned)
            case Image():
                self._change_image(image_behaviour(action), detail)
                done()
            case Fault():
                faults.inject(self._world, world_fault(action, self._cluster(entry).name, detail))
                done()

    # --- people -------------------------------------------------------------------------------------------------

    def _client(self, entry: TimelineEntry, user: str, program: str) -> Client:
        return self._cluster(entry).client(person(user), LAPTOP, user_agent=program)

    def _flux(self, action: FluxCommand, entry: TimelineEntry) -> Steps:
        from kcsim.delivery.gitops.flux.cli import flux

        namespace, hub = "flux-system", None
        if isinstance(self._how, Flux):
            namespace, hub = self._how.namespace, self._how.hub
        source = next(iter(self._sources.values()), None)
        files: Mapping[str, bytes] = {}
        if source is not None:
            # What a person has checked out: the newest commit of the story's first repository.
            repository = self._world.git.repository(source.repository.name)
            files = repository.files(repository.head(source.branch).sha)
        cluster = self._world.clusters[cluster_name(self._scenario, entry.cluster or hub)]
        return flux(
            cluster.client(person(action.user), LAPTOP, user_agent="flux"),
            action.line,
            namespace=namespace,
            files=files,
            registry=self._world.registry,
        )

    def _argocd(self, action: ArgocdCommand) -> Steps:
        """In the cluster with Argo CD, wherever else the entry happens."""
        from kcsim.delivery.gitops.argocd.cli import argocd
        from kcsim.scenario.hub import comparisons

        hub, namespace = None, "argocd"
        if isinstance(self._how, ArgoCD):
            hub, namespace = self._how.hub, self._how.namespace
        cluster = self._world.clusters[cluster_name(self._scenario, hub)]
        client = cluster.client(person(action.user), LAPTOP, user_agent="argocd")
        known = comparisons(self._world, cluster, namespace)
        return argocd(client, action.line, namespace=namespace, comparisons=known)

    def _run(
        self, typed: "_Typed", steps: Steps, detail: Mapping[str, Any], returned: Callable[[Outcome], None]
    ) -> None:
        """A person types a command; what it prints is told when it fails, for nobody else would see it."""
        engine = self._world.engine
        record = engine.note(typed.user, typed.program, typed.line, dict(detail))

        def watched() -> Steps:
            outcome: Outcome = yield from steps
            if outcome.exit_code:
                engine.cause = record
                error = outcome.stderr.strip() or outcome.stdout.strip()
                failed = {"exit": outcome.exit_code, "error": error}
                engine.note(typed.user, f"{typed.program}-failed", typed.line, failed)
            returned(outcome)

        with engine.because(record):
            Task(watched())

    def _rerun(self, action: Rerun, detail: Mapping[str, Any]) -> None:
        engine, which = self._world.engine, action.which
        runs = self._world.runs
        if isinstance(which, int):
            wanted, why = runs[which - 1 : which], f"there is no run {which}, only {len(runs)} so far"
        else:
            wanted = [pair for pair in runs if which == "latest" or pair[1].status == "failed"]
            why = "no run has failed"
        if not wanted:
            why = why if runs else "there is no run"
            engine.note(action.user, "rerun-failed", "pipeline", {"error": why, **detail})
            return
        system, run = wanted[-1]
        with engine.because(engine.note(action.user, "rerun", run.subject, {"sha": run.sha, **detail})):
            system.rerun(run)

    def _redeliver(self, action: Redelivery, detail: Mapping[str, Any]) -> None:
        git, engine = self._world.git, self._world.engine
        lost = sum(
            each.status == "lost" and each.update.repository == action.repository for each in git.deliveries
        )
        record = engine.note(
            action.author, "redeliver", f"repository/{action.repository}", {"webhooks": lost, **detail}
        )
        with engine.because(record):
            git.redeliver(action.repository)

    def _upload(self, action: Upload, detail: Mapping[str, Any]) -> None:
        bucket = next(each for each in self._scenario.buckets if each.name == action.bucket)
        objects: dict[str, bytes | None] = {key: text.encode() for key, text in action.files.items()}
        objects.update(dict.fromkeys(action.delete))
        engine = self._world.engine
        record = engine.note(
            action.author, "upload", f"bucket/{bucket.name}", {"keys": sorted(objects), **detail}
        )
        with engine.because(record):
            self._play.stores[bucket.endpoint].put(bucket.name, objects)

    def _sign(self, action: Signing, detail: Mapping[str, Any]) -> None:
        engine, reference = self._world.engine, action.artifact.removeprefix("oci://")
        try:
            image = self._world.registry.find(reference)
            if self._world.registry.record_of(image) is None:
                raise ImageNotFound(parse(reference))  # nobody has pushed it yet
        except ImageNotFound as error:
            engine.note(action.author, "sign-failed", f"image/{reference}", {"error": str(error), **detail})
            return
        signature = Signature(action.key, action.issuer, action.subject)
        self._play.signed.add(f"{image.name}@{image.digest}", signature)
        engine.note(action.author, "sign", f"image/{reference}", {"digest": image.digest, **detail})

    # --- images -------------------------------------------------------------------------------------------------

    def _change_image(self, behaviour: ImageBehaviour, detail: Mapping[str, Any]) -> None:
        """Containers started from now on behave so, also from copies that nodes have; running ones go on as they are."""
        world, name = self._world, behaviour.name
        with world.engine.because(world.engine.note("image", "change", f"image/{name}", dict(detail))):
            self._images[name] = behaviour
            try:
                world.registry.revise(name, behaviour)
            except ImageNotFound:
                return  # no pipeline has built it yet: it will behave so once it is
            for cluster in world.clusters.values():
                for kubelet in cluster.kubelets.values():
                    kubelet.images.behave(behaviour)

    # --- who and where ------------------------------------------------------------------------------------------

    def _source(self, repository: str | None) -> Source:
        found = self._scenario.repository_named(repository)
        assert found is not None, "references were checked when the scenario was read"
        return self._sources[found.name]

    def _cluster(self, entry: TimelineEntry) -> Cluster:
        return self._world.clusters[cluster_name(self._scenario, entry.cluster)]


def told(entry: TimelineEntry) -> dict[str, Any]:
    """What an act's record says of its entry: `entry` is the name, `note` why it happens."""
    return ({"entry": entry.name} if entry.name else {}) | ({"note": entry.note} if entry.note else {})

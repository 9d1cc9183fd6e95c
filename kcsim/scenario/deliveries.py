"""A scenario's delivery put on a world, and read back from what it wrote: one adapter a kind of delivery.

An adapter installs its delivery before the first event, and then only reads the trace: how far the delivery has come,
which commit a write was made for, what went wrong. So the measures need not know how a delivery works.
**Walk:** `install` -> the history hands over each record (`follow`) -> `Progress` says what the delivery applied, an
`Attempt` how each try ended -> `deployed`, `wanted`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from kcsim.api import objects
from kcsim.api.client import Endpoint
from kcsim.api.log import Version
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.buckets import ObjectStore
from kcsim.delivery.chart_repositories import ChartRepositories
from kcsim.delivery.gitops.flux.signatures import Signed
from kcsim.engine.trace import Record
from kcsim.scenario.contents import at
from kcsim.scenario.diagnostics import Report, ScenarioError
from kcsim.scenario.model import ArgoCD, Delivery, Environment, Flux, Repository, Scenario
from kcsim.scenario.model import Cluster as Described
from kcsim.scenario.wanted import Wanted
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.world import World

if TYPE_CHECKING:
    from kcsim.scenario.authors import Authors
    from kcsim.scenario.staging import Source


@dataclass(frozen=True, slots=True)
class Stage:
    """What an adapter works with.

    Attributes:
        name: the delivery's, as the scenario calls it.
        clusters: those it delivers to, by the world's name.
        paths: the folders of the repository that hold its manifests.
        images: how images behave that a pipeline builds, by name; "*" for all others.
        sources: every repository of the story, by name.
        authors: who commits to them.
        signed: who signed what.
        stores: object stores by host.
        environments: what goes where, by the world's name of its cluster; empty: `paths` go to every cluster.
        charts: the repositories of charts.
    """

    world: World
    scenario: Scenario
    name: str
    repository: Repository
    clusters: Mapping[str, Cluster]
    paths: tuple[str, ...]
    images: Mapping[str, ImageBehaviour]
    sources: Mapping[str, "Source"]
    authors: "Authors"
    signed: Signed = field(default_factory=Signed)
    stores: Mapping[str, ObjectStore] = field(default_factory=dict)
    environments: Mapping[str, Sequence[Environment]] = field(default_factory=dict)
    charts: ChartRepositories | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The delivery has applied all of a commit's manifests (whether or not anything had to change)."""

    cluster: str
    scope: str
    sha: str


@dataclass(slots=True)
class Attempt:
    """One try to bring a commit to a cluster. Times in µs.

    Attributes:
        scope: the part of the delivery that tried: a Kustomization, "" for a pipeline.
        outcome: what became of it; a failure before anything was applied counts as failed, too.
        record: the trace record that ended it.
    """

    cluster: str
    scope: str
    sha: str
    began: int
    outcome: Literal["running", "succeeded", "failed"] = "running"
    ended: int | None = None
    reason: str = ""
    record: Record | None = None


@dataclass(slots=True)
class Seen:
    """What the status of one object of an agent said last.

    Attributes:
        settled: the commit all of whose manifests it has applied.
    """

    attempted: str | None = None
    applied: str | None = None
    running: Attempt | None = None
    settled: str | None = None

    def end(self, record: Record, reason: str) -> None:
        """The attempt under way, if there is one, has come to an end; ``reason`` is "" where it succeeded."""
        attempt, self.running = self.running, None
        if attempt is not None:
            attempt.outcome = "failed" if reason else "succeeded"
            attempt.ended, attempt.reason, attempt.record = record.time, reason, record


class Way(Protocol):
    """A delivery at work in one world.

    Attributes:
        actors: the user names under which it writes to clusters.
        notices_drift: whether it compares the cluster with git by itself.
        attempts: its tries, in the order in which they began.
    """

    actors: frozenset[str]
    notices_drift: bool
    attempts: list[Attempt]

    def install(self) -> None:
        """Put it on the world, before the first event and before the first commit."""
        ...

    def follow(self, record: Record) -> Sequence[Progress]:
        """Take note of a record; gives what was applied in full by it."""
        ...

    def revision_of(self, version: Version) -> str | None:
        """SHA of the commit that a write by the delivery was made for, as far as that shows."""
        ...

    def deployed(self, repository: str) -> str | None:
        """SHA of the last commit that was delivered in full to every cluster."""
        ...

    def wanted(self, sha: str) -> Sequence[Wanted]:
        """What a commit asks for, in every cluster it goes to."""
        ...


class AgentWay:
    """What adapters of agents share: they read how far each of its objects has come.

    Attributes:
        attempts: see `Way`.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.attempts: list[Attempt] = []
        self._order: list[str] = []
        """Commits, in the order in which they were applied."""
        self._wanted: dict[str, list[Wanted]] = {}

    def _all_seen(self) -> Iterable[Seen]:
        """What is known of each object of the agent."""
        raise NotImplementedError

    def _build(self, sha: str) -> list[Wanted]:
        """What the agent makes of a commit."""
        raise NotImplementedError

    def deployed(self, repository: str) -> str | None:
        """The revision that all objects of the agent, in all clusters, have applied."""
        if repository != self._stage.repository.name:
            return None
        return oldest_common([seen.applied for seen in self._all_seen()], self._order)

    def wanted(self, sha: str) -> Sequence[Wanted]:
        """What a commit asks for."""
        found = self._wanted.get(sha)
        if found is None:
            found = self._wanted[sha] = self._build(sha)
        return found


@dataclass(slots=True)
class NoWay:
    """No delivery: nothing reaches the cluster but by hand."""

    actors: frozenset[str] = frozenset()
    notices_drift: bool = False
    attempts: list[Attempt] = field(default_factory=list)

    def install(self) -> None:
        """Nothing to install."""

    def follow(self, record: Record) -> Sequence[Progress]:
        """Nothing to follow."""
        del record
        return ()

    def revision_of(self, version: Version) -> str | None:
        """No write is made for a commit."""
        del version
        return None

    def deployed(self, repository: str) -> str | None:
        """Nothing is ever delivered."""
        del repository
        return None

    def wanted(self, sha: str) -> Sequence[Wanted]:
        """Nothing is asked for."""
        del sha
        return ()


def way_of(delivery: Delivery, stage: Stage) -> Way:
    """The adapter of a delivery."""
    # Each adapter loads what its delivery needs only when it is used.
    if isinstance(delivery, Flux):
        from kcsim.scenario.pull import FluxWay

        return FluxWay(delivery, stage)
    if isinstance(delivery, ArgoCD):
        from kcsim.scenario.hub import ArgoWay

        return ArgoWay(delivery, stage)
    from kcsim.scenario.push import PushWay

    return PushWay(delivery, stage)


def sha_in(record: Record | None, of: frozenset[str] | None = None) -> str | None:
    """The commit that a record was made for: the nearest SHA along its causes."""
    while record is not None:
        detail = record.detail
        if detail is not None and "sha" in detail:
            sha: str = detail["sha"]
            if of is None or sha in of:
                return sha
        record = record.cause
    return None


def oldest_common(shas: Sequence[str | None], order: Sequence[str]) -> str | None:
    """Of what several parts have reached, the commit that all have passed: the one that came first in `order`."""
    known = [sha for sha in shas if sha is not None]
    if not known or len(known) < len(shas):
        return None
    ranks = {sha: rank for rank, sha in enumerate(order)}
    return min(known, key=lambda sha: ranks.get(sha, -1))


def folder_name(repository: str, path: str) -> str:
    """A name for what delivers one folder: shop-app-prod."""
    return "-".join(re.findall(r"[a-z0-9]+", f"{repository}-{path}".lower()))


def namespaces(environments: Sequence[Environment]) -> list[dict[str, Any]]:
    """The namespaces of some environments, which whoever set them up has made."""
    names = dict.fromkeys(each.namespace for each in environments if each.namespace)
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names]


def create(cluster: Cluster, obj: dict[str, Any]) -> None:
    """Put an object into a cluster before the story begins, as its administrator; one that is there already stays."""
    resource = cluster.server.catalog.of(obj)
    assert resource is not None, f"{obj.get('kind')}: installed after the kind it is of"
    try:
        cluster.admin.now(cluster.admin.create(resource, obj))
    except StatusError as error:
        if error.reason != "AlreadyExists":
            raise


def put_given(cluster: Cluster, part: Described | Flux | ArgoCD) -> None:
    """The `objects` of a part of the story; of one that an installation has made already it changes what it says.

    Raises: ScenarioError where the API server refuses one.
    """
    for number, obj in enumerate(part.objects):
        try:
            _put(cluster, obj)
        except StatusError as error:
            report = Report()
            report.add("KC516", at(part, "objects", number), f"{obj['kind']} {objects.name(obj)}: {error}")
            raise ScenarioError(report.diagnostics) from None


def _put(cluster: Cluster, obj: dict[str, Any]) -> None:
    admin, resource = cluster.admin, cluster.server.catalog.of(obj)
    if resource is None:
        message = f'no matches for kind "{obj["kind"]}" in version "{obj["apiVersion"]}"'
        raise StatusError(404, "NotFound", message)
    namespace, name = objects.key(obj)
    try:
        admin.now(admin.create(resource, obj))
    except StatusError as error:
        # A part of an object, the flags of a controller for example, is refused for what it lacks before its name is looked at.
        if error.reason not in {"AlreadyExists", "Invalid"} or not _is_there(
            cluster, resource, namespace, name
        ):
            raise
        admin.now(
            admin.patch(resource, namespace, name, obj, type="apply", field_manager="kubectl", force=True)
        )


def _is_there(cluster: Cluster, resource: Resource, namespace: str, name: str) -> bool:
    return cluster.server.log.get(resource, namespace if resource.namespaced else "", name) is not None


def address_of(cluster: Cluster) -> str:
    """The address of a cluster's API server, as it is known outside of it."""
    return f"https://{cluster.control_plane}:6443"


def reach(world: World, address: str) -> Endpoint | None:
    """The API server behind an address; None where nobody answers."""
    for cluster in world.clusters.values():
        if address_of(cluster) == address:
            return cluster.endpoint
    return None

"""The whole: a cluster, repositories, deliveries, what happens and what must hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.engine.clock import HOUR
from kcsim.scenario.model.charts import Chart
from kcsim.scenario.model.clusters import Cluster, Node
from kcsim.scenario.model.controllers import Controller
from kcsim.scenario.model.deliveries import Delivery
from kcsim.scenario.model.environments import Environment, Promotion
from kcsim.scenario.model.expectations import Expectation
from kcsim.scenario.model.images import Image
from kcsim.scenario.model.lessons import Lesson
from kcsim.scenario.model.part import Part
from kcsim.scenario.model.registry import Bucket, ImageRegistry
from kcsim.scenario.model.repositories import Repository
from kcsim.scenario.model.timeline import TimelineEntry
from kcsim.scenario.model.traffic import Traffic
from kcsim.scenario.values import Count, Duration, Name, OrderText

API_VERSION = "kcsim/v1"
KIND = "Scenario"


@dataclass(frozen=True, kw_only=True, repr=False)
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

    def __repr__(self) -> str:
        """Its name and how much happens in it: all that a line of a test's report has room for."""
        return f"<Scenario {self.name}, seed {self.seed}, {len(self.timeline)} in its timeline>"

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

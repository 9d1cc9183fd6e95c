"""A scenario played in one world, under one of its deliveries.

Worlds of one scenario and seed share commits, faults and dice; only the way to the cluster differs. Judging and measuring
read the trace and take no part, so a run is the same whether or not anybody asks for its results.
**Walk:** `load` -> the world is built (`staging`) -> the delivery is installed (`deliveries`) -> commits, traffic and the
timeline are armed (`acts`) -> `finish` -> `verdicts`, `measures`, `result`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kcsim.api.built_in import BUILT_IN
from kcsim.api.catalog import Catalog
from kcsim.cluster.routing.crds import definitions
from kcsim.cluster.traffic.source import TrafficSource
from kcsim.delivery.gitops.flux.signatures import Signed
from kcsim.engine.clock import SECOND, format_duration, seconds, to_seconds
from kcsim.engine.trace import Record
from kcsim.kubectl.session import Outcome
from kcsim.manifests import ManifestError, read
from kcsim.scenario.acts import Acts
from kcsim.scenario.authors import Authors
from kcsim.scenario.availability import traffic_json
from kcsim.scenario.changes import Change
from kcsim.scenario.charts import chart_repositories
from kcsim.scenario.clients import source_options
from kcsim.scenario.deliveries import NoWay, Stage, Way, way_of
from kcsim.scenario.diagnostics import Diagnostic, Position, ScenarioError, did_you_mean
from kcsim.scenario.drift import Drift
from kcsim.scenario.expectations import Judge, Window, texts
from kcsim.scenario.expressions import Names
from kcsim.scenario.functions import AGENT_RESOURCES
from kcsim.scenario.git_verbs import Git
from kcsim.scenario.history import History
from kcsim.scenario.lesson_parts import lesson_expectations
from kcsim.scenario.load import examine
from kcsim.scenario.measures import Measures
from kcsim.scenario.model import (
    Controller,
    Delivery,
    Environment,
    Expectation,
    Scenario,
    TimelineEntry,
    Traffic,
)
from kcsim.scenario.programs import load_class
from kcsim.scenario.results import MeasureList, VerdictList
from kcsim.scenario.schedules import with_chaos
from kcsim.scenario.settings import Changes, Settings
from kcsim.scenario.signals import Signal, Signals
from kcsim.scenario.staging import (
    FirstCommit,
    Source,
    build_world,
    cluster_name,
    delivered_paths,
    image_behaviours,
    object_stores,
    protect,
    sources,
)
from kcsim.scenario.wanted import Wanted
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.simulation import Run, Simulation, Time, checked_seed


class Play(Simulation):
    """A simulation that plays a scenario under one delivery.

    Attributes:
        scenario: the story, as checked.
        delivery: the delivery's name, a key of ``scenario.deliveries``; "" when the scenario has none.
        end: when the story ends, virtual seconds.
        way: the delivery at work.
        without: entries of the timeline that do not happen in this world.
        history: the story as read from the trace so far.
        charts: the repositories of charts.
        signed: who signed what.
        stores: object stores by host.
    """

    def __init__(
        self,
        scenario: Scenario,
        delivery: str = "",
        seed: int | None = None,
        *,
        until: Time | None = None,
        checking: bool = False,
        without: Collection[TimelineEntry] = (),
    ) -> None:
        """Build the world; nothing has happened yet.

        Args:
            scenario: a checked scenario.
            delivery: one of its deliveries; the only or first one when empty.
            seed: of all dice; the scenario's when None.
            until: when the story ends; the scenario's when None.
            checking: watch that no stored object is ever changed in place (slower).
            without: entries of the timeline that do not happen here.

        Raises:
            ScenarioError: there is no such delivery.
        """
        self.scenario = scenario
        self.without = tuple(without)
        self._checking = checking
        self.delivery = delivery_named(scenario, delivery)
        how = scenario.deliveries.get(self.delivery)
        world = build_world(
            scenario, how, scenario.seed if seed is None else checked_seed(seed), checking=checking
        )
        super().__init__(world=world)
        self._end = scenario.until if until is None else seconds(until)
        self._sources = {source.repository.name: source for source in sources(scenario)}
        for source in self._sources.values():
            for url in source.repository.urls:
                world.git.also_at(source.repository.name, url)
            world.git.create(source.repository.name, source.branch)
            protect(world, source)
        self._images = image_behaviours(scenario)
        self.charts = chart_repositories(world, scenario)
        self.signed = Signed()
        self.stores = object_stores(world, scenario)
        authors = Authors(world, self._sources, self.signed)
        self.way: Way = way_of(how, self._stage(how, authors)) if how is not None else NoWay()
        self.way.install()
        for controller in scenario.controllers:
            self._bring(controller)
        for traffic in scenario.traffic:
            self._add_clients(traffic)
        if scenario.promotion:
            from kcsim.scenario.environments import install_promotions

            install_promotions(self, authors, next(iter(self._sources.values())))
        self._acts = Acts(self, authors, self._sources, self._images, how)
        self._acts.arm()

    def _stage(self, how: Delivery, authors: Authors) -> Stage:
        scenario, world = self.scenario, self.world
        repository = scenario.repository_named(how.repository)
        assert repository is not None, "references were checked when the scenario was read"
        environments: dict[str, list[Environment]] = {}
        for each in scenario.environments:
            environments.setdefault(cluster_name(scenario, each.cluster), []).append(each)
        names = how.clusters or tuple(cluster.name for cluster in scenario.all_clusters())
        worlds = list(environments) or [cluster_name(scenario, name) for name in names]
        clusters = {name: world.clusters[name] for name in worlds}
        paths = tuple(each.path for each in scenario.environments)
        paths = paths or delivered_paths(how, self._sources[repository.name])
        return Stage(
            world,
            scenario,
            self.delivery,
            repository,
            clusters,
            paths,
            self._images,
            self._sources,
            authors,
            self.signed,
            self.stores,
            environments,
            self.charts,
        )

    def _bring(self, controller: Controller) -> None:
        home = self.world.clusters[cluster_name(self.scenario, controller.cluster)]
        home.add_controller(
            load_class(controller.use, self.scenario.directory),
            name=controller.name,
            namespace=controller.namespace,
            rules=controller.rules or None,
            user=controller.user,
        )

    def _add_clients(self, traffic: Traffic) -> None:
        cluster = cluster_name(self.scenario, traffic.cluster)
        self.world.add_traffic(traffic.name, cluster=cluster, **source_options(traffic))

    # --- running ------------------------------------------------------------------------------------------------

    @property
    def end(self) -> float:
        """When the story ends, virtual seconds."""
        return to_seconds(self._end)

    @property
    def _last_instant(self) -> int:
        """When the story ends, µs."""
        return self._end

    @property
    def over(self) -> bool:
        """Whether the story has come to its end."""
        return self.engine.now >= self._end

    def finish(self) -> Run:
        """Run to the end of the story."""
        if self.over:
            return Run("the story is over", self.now, 0)
        return self.run_until(self.end)

    def fork(self, at: Time | None = None, *, without: Collection[str | TimelineEntry] = ()) -> "Play":
        """Another world with the same past (see ``Simulation.fork``), and, if asked for, another future.

            calm = sim.fork("21m", without=["night-hand"])  # what if nobody had touched it?
            Twins(sim.scenario, {"as it was": sim, "calm": calm})  # of kcsim.scenario.compare

        Args:
            at: the instant (``"3m"``, seconds); now when left out.
            without: entries of the timeline, or their names, that do not happen in the new world; all of them later.

        Raises:
            ValueError: the instant has not come yet; an entry is unknown, or lies before it; no instant is given and the story
                is over.
            NotReplayable: see ``Simulation.fork``.
        """
        when = self._past_instant(at)
        left_out = (*self.without, *(self._entry(wanted, when) for wanted in without))
        if at is None and self.over:
            raise ValueError(
                f"the story is over at {format_duration(self._end)}, nothing would happen in a fork from there: "
                f'fork("{format_duration(self._end // 2)}") goes on from an earlier instant, '
                "load(..., until=...) makes the story longer"
            )
        fresh = Play(
            self.scenario, self.delivery, self.seed, until=self.end, checking=self._checking, without=left_out
        )
        self._forked(at, fresh)
        return fresh

    def _entry(self, wanted: str | TimelineEntry, when: int) -> TimelineEntry:
        """An entry of the timeline that lies after an instant (µs)."""
        named = {entry.name: entry for entry in self.scenario.timeline if entry.name is not None}
        if isinstance(wanted, str) and wanted not in named:
            raise ValueError(
                f"the timeline has no entry '{wanted}': {did_you_mean(wanted, named, 'named entries')}"
            )
        entry = named[wanted] if isinstance(wanted, str) else wanted
        if not any(entry is each for each in self.scenario.timeline):
            raise ValueError(f"this is no entry of the timeline: {entry}")
        if entry.at <= when:
            raise ValueError(
                f"'{entry.name or entry.at}' is at {format_duration(entry.at)}: to leave it out, fork before that"
            )
        return entry

    def cluster(self, name: str | None = None) -> Cluster:
        """One cluster, by the scenario's name or the world's; the first when no name is given."""
        if name and len(self.world.clusters) == 1 and name == self.scenario.all_clusters()[0].name:
            return self.world.cluster
        return super().cluster(name)

    def source(self, repository: str) -> Source:
        """A repository of the story: its branch, its folders, the commits it brings along."""
        return self._sources[repository]

    def act(self, entry: TimelineEntry, ended: Callable[[Outcome], None] | None = None) -> None:
        """Carry out one more entry of a timeline, now: what a person does to the world while it is played.

        The same entry in the scenario, ``at`` this instant, gives the same trace, unless something else happens at it.
        A fork of this world does it again.

        Args:
            entry: what is done; its ``at`` plays no role.
            ended: gets what a command printed, once it has ended.

        Raises:
            FaultError: a fault that hits nothing.
        """
        self._acts.carry_out(entry, ended)
        self._note("act", entry)

    @property
    def git(self) -> Git:
        """Git as a person uses it: ``git.commit``, ``git.revert``, ``git.files``."""
        return Git(self)

    def commits(self) -> Iterator[FirstCommit]:
        """Every commit that the repositories bring along."""
        for source in self._sources.values():
            yield from source.commits

    # --- the story so far ---------------------------------------------------------------------------------------

    @property
    def settled(self) -> int:
        """The last instant (µs) that is over: nothing further will happen in it."""
        upcoming, now = self.engine.next_time, self.engine.now
        return now if upcoming is None or upcoming > now else now - 1

    def deployed(self, repository: str) -> str | None:
        """SHA of the last commit that the delivery has applied in full."""
        self._reading.history.advance()
        return self.way.deployed(repository)

    def drift(self, namespace: str = "", cluster: str | None = None) -> list[str]:
        """Objects adrift now, as ``deployment/web``, sorted; of one namespace, or of all."""
        return self.episodes.adrift(namespace, self.cluster(cluster).name)

    @cached_property
    def _reading(self) -> "Reading":
        return Reading(self)

    @property
    def history(self) -> History:
        """The story as read from the trace, up to now."""
        self._reading.history.advance()
        return self._reading.history

    @property
    def episodes(self) -> Drift:
        """What was adrift so far, up to now."""
        self._reading.history.advance()
        return self._reading.drift

    @property
    def first_arrival(self) -> int | None:
        """When (µs) everything of the repository's first commit was live and ready; None: not yet."""
        self._reading.history.advance()
        first = self._reading.measures.changes.first
        return first.arrived if first is not None else None

    def changes(self) -> tuple[Change, ...]:
        """Every commit to the delivered branch so far and how far it has come, oldest first."""
        self._reading.history.advance()
        return tuple(self._reading.measures.changes.all)

    def managed(self) -> tuple[Wanted, ...]:
        """Every object that any commit so far asks the delivery for, each once; the newest commit's wish for it."""
        found = {wanted.key: wanted for change in self.changes() for wanted in self.way.wanted(change.sha)}
        return tuple(found[key] for key in sorted(found))

    # --- results ------------------------------------------------------------------------------------------------

    def verdicts(self) -> VerdictList:
        """What became of each expectation so far, in the scenario's order; to be asked again as the run goes on."""
        self._reading.history.advance()
        return VerdictList(self._reading.judge.verdicts(min(self.settled, self._end)))

    def judged(self, expectations: Iterable[Expectation]) -> VerdictList:
        """What became so far of other expectations: those of the scenario's lesson."""
        self._reading.history.advance()
        return VerdictList(self._reading.judge.verdicts(min(self.settled, self._end), expectations))

    def observed(self, expectation: Expectation) -> list[tuple[Window, Signal]]:
        """The windows of an expectation of the lesson so far, each with what its expression was over time."""
        self._reading.history.advance()
        windows = self._reading.judge.windows(expectation, min(self.settled, self._end))
        return [(window, self._reading.signals[expectation.expression]) for window in windows]

    def measures(self) -> MeasureList:
        """What was measured so far, always in the same order."""
        self._reading.history.advance()
        return MeasureList(self._reading.measures.take(min(self.settled, self._end)))

    def result(self) -> dict[str, Any]:
        """One world of the ``--json`` document.

        Shape: ``{delivery, trace_sha256, end, measures: [{name, title, value, unit, definition, detail}],
        traffic: [{name, target, sent, ended, ok, failed, availability, errors, causes, latency, failures}],
        expectations: [{name, note, expected, passed, at, why}]}``; times in virtual seconds.
        """
        return {
            "delivery": self.delivery,
            "trace_sha256": self.trace.sha256(),
            "end": self.now,
            "measures": [measure.to_json() for measure in self.measures()],
            "traffic": traffic_json(self.scenario, self.traffic, min(self.settled, self._end)),
            "expectations": [verdict.to_json() for verdict in self.verdicts()],
        }

    def __repr__(self) -> str:
        where = f"under {self.delivery} " if self.delivery else ""
        return f"<Play {self.scenario.name} {where}t={format_duration(self.engine.now // SECOND * SECOND)} seed={self.seed}>"


class Reading:
    """Everything that follows a play from its trace; what its history knows of the world."""

    def __init__(self, play: Play) -> None:
        self._play = play
        scenario = play.scenario
        first = frozenset({"", next(iter(play.world.clusters)), scenario.all_clusters()[0].name})
        self.history = History(self, first, {name: Asked(source) for name, source in play.traffic.items()})
        self.history.follow_branches({name: source.branch for name, source in play._sources.items()})  # noqa: SLF001 - same file
        self.drift = Drift(play.way, lambda cluster: play.world.clusters[cluster].server.ownership)
        self.history.listen(self.drift)
        self.measures = Measures(play, self.drift)
        self.history.listen(self.measures)
        names = Names(catalog=_catalog(play))
        wanted = texts((*scenario.expectations, *lesson_expectations(scenario)))
        self.signals = Signals(self.history, wanted, names)
        self.history.listen(self.signals)
        self.judge = Judge(scenario, play.delivery, self.signals, play._end, play._acts.done)  # noqa: SLF001 - same file

    @property
    def records(self) -> Sequence[Record]:
        """The trace's records."""
        return self._play.trace.records

    @property
    def settled(self) -> int:
        """The last instant (µs) that is over."""
        return self._play.settled

    def deployed(self, repository: str) -> str | None:
        """SHA of the last commit delivered in full, as far as the history was read."""
        return self._play.way.deployed(repository)

    def adrift(self, namespace: str, cluster: str) -> Sequence[str]:
        """Objects adrift, as far as the history was read."""
        return self.drift.adrift(namespace, self._play.cluster(cluster).name)


def _catalog(play: Play) -> Catalog:
    """The kinds that expressions may name: those built in, those of agents, and those whose definitions the story brings."""
    catalog = Catalog(BUILT_IN + AGENT_RESOURCES)
    if any(cluster.gateway for cluster in play.scenario.all_clusters()):
        for definition in definitions():
            catalog.add_crd(definition)
    entries = play.scenario.timeline
    texts: list[str | bytes | None] = [data for c in play.commits() for data in c.files.values()]
    commits = [commit for entry in entries if (commit := entry.commit or entry.merge_request) is not None]
    texts += [text for commit in commits for text in commit.files.values()]
    texts += [entry.apply for entry in entries]
    for text in texts:
        written = text.decode("utf-8", "replace") if isinstance(text, bytes) else text or ""
        if "CustomResourceDefinition" not in written:
            continue
        try:
            found = read(written, "manifest")
        except ManifestError:
            continue  # broken on purpose, or no manifest: whoever applies it says so
        for manifest in found:
            if manifest.object["kind"] == "CustomResourceDefinition":
                catalog.add_crd(manifest.object)
    return catalog


class Asked:
    """A traffic source as the history asks it."""

    def __init__(self, source: TrafficSource) -> None:
        self._source = source

    def ended(self, when: int) -> tuple[int, int]:
        """Requests that had ended by an instant, and how many of them had failed."""
        return self._source.ledger.ended(when) if when >= 0 else (0, 0)

    def reached(self, when: int) -> int:
        """How many pods requests came to at an instant."""
        return len(self._source.pods_reached(when))

    def failed(self, since: int, until: int) -> Sequence[int]:
        """Whole seconds in (since, until] within which requests may have failed."""
        lag = self._source.patience
        found: set[int] = set()
        for failure in self._source.failures(until):
            begin, end = max(failure.since, since), min(failure.until + lag + SECOND, until)
            found.update(range((begin // SECOND + 1) * SECOND, end + 1, SECOND))
        return sorted(found)


def delivery_named(scenario: Scenario, name: str | None) -> str:
    """The delivery meant; the first for none.

    Raises:
        ScenarioError: there is none of that name; the nearest is told.
    """
    known = scenario.deliveries
    if not name:
        return next(iter(known), "")
    if name not in known:
        where = Position(f"--delivery {' '.join(name.split())}")
        remedy = did_you_mean(name, known, "deliveries")
        raise ScenarioError(
            [Diagnostic(where, "KC206", f"'{scenario.name}' has no delivery '{name[:60]}'", remedy)]
        )
    return name


# Loading.


def load(
    path_or_name: str | Path,
    delivery: str | None = None,
    seed: int | None = None,
    *,
    settings: Settings | None = None,
    until: Time | None = None,
    repository: str | Path | None = None,
    pace: Time | None = None,
    path: str | None = None,
    chaos: int | None = None,
) -> Play:
    """A world that plays a scenario, ready to run; nothing has happened yet.

    Args:
        path_or_name: a scenario file or a name of the gallery.
        delivery: one of the scenario's deliveries; its first when None.
        seed: of all dice; the scenario's when None.
        settings: values to replace, ``{"cluster.nodes": 5}`` or ``["cluster.nodes=5"]``.
        until: when the story ends (``"30m"``, seconds); the scenario's when None.
        repository: a git repository on disk to take the place of the scenario's only one.
        pace: with ``repository``: one commit every so long instead of at their real intervals.
        path: with ``repository``: the folder of it that holds the manifests; found when None.
        chaos: put a random schedule of faults drawn from this seed into the story (``kcsim.scenario.schedules``).

    Raises:
        ScenarioError: with every fault, when it cannot be read or cannot be run, or has no such delivery.
    """
    scenario = read_scenario(
        path_or_name, settings=settings, repository=repository, pace=pace, path=path, chaos=chaos
    )
    return Play(scenario, delivery or "", seed, until=until)


def read_scenario(
    path_or_name: str | Path,
    *,
    settings: Settings | None = None,
    repository: str | Path | None = None,
    pace: Time | None = None,
    path: str | None = None,
    chaos: int | None = None,
) -> Scenario:
    """The checked scenario that ``load`` plays (arguments as there).

    Raises:
        ScenarioError: with every fault.
    """
    given = Changes(
        settings,
        None if repository is None else str(repository),
        pace if pace is None or isinstance(pace, str) else format_duration(seconds(pace)),
        path,
    )
    loaded = examine(path_or_name, given)
    if loaded.scenario is None:
        raise ScenarioError(found for found in loaded.diagnostics if found.severity == "error")
    return loaded.scenario if chaos is None else with_chaos(loaded.scenario, chaos)

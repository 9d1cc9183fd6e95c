"""The façade: one running world, as every surface and every user's script sees it.

Times at this edge are seconds (float) or texts like ``"1m30s"``; inside they are whole microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kcsim.api import selectors
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Reconciler
from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.api.request import ADMIN, person
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.cluster.stages.reading import read as read_stages
from kcsim.cluster.traffic.source import TrafficSource
from kcsim.engine.clock import format_duration, seconds, to_seconds
from kcsim.engine.collector import collector_at_rest
from kcsim.engine.core import Engine
from kcsim.engine.shown import Shown
from kcsim.engine.task import run_now
from kcsim.engine.trace import Record, Trace
from kcsim.kubectl.command import kubectl
from kcsim.kubectl.flags import Editor
from kcsim.kubectl.session import Outcome
from kcsim.manifests import dump_all, read
from kcsim.simulation.cabling import USUAL, NetworkPlan
from kcsim.simulation.clients import source_options
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.control_plane import ControlPlane
from kcsim.simulation.difference import Change, Diff, ObjectDiff, ahead, compared, is_change, of_log
from kcsim.simulation.faults import FaultError, fault, heal, heal_all, inject
from kcsim.simulation.finding import cluster_of, find, resource_of, versions_until, why_until
from kcsim.simulation.inputs import Input, NotReplayable, check_prefix, replay
from kcsim.simulation.listing import Listing
from kcsim.simulation.network import NetworkView
from kcsim.simulation.past import Past
from kcsim.simulation.subjects import Condition, Subject
from kcsim.simulation.why import Why, of_record
from kcsim.simulation.world import World, node_specs

Time = str | float


def checked_seed(seed: int) -> int:
    """The seed, which must be a whole number of 0 or more: one seed would have several names otherwise.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is negative.
    """
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise TypeError(f"seed must be a whole number, not {seed!r}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}")
    return seed


@dataclass(frozen=True, slots=True)
class Step(Shown):
    """What one step did: the instant (seconds) and the trace records that it added.

    Attributes:
        over: whether the story has come to its end, so that there is no step any more.
    """

    time: float
    records: tuple[Record, ...]
    over: bool = False

    @property
    def news(self) -> str:
        """Why there are no records; "" when there are."""
        return "" if self.records else "the story is over" if self.over else "nothing left a trace until then"

    def __str__(self) -> str:
        lines = [f"t={self.time:.3f}s" + (f": {self.news}" if self.news else "")]
        lines.extend(f"  {r.actor} {r.verb} {r.subject}" for r in self.records)
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Run(Shown):
    """Why a run stopped: ``reason`` in words, the instant (seconds), and how many trace records it added.

    Attributes:
        sim: the world that ran, so that a notebook can tell what happened meanwhile.
        first: the place in its trace of the first record that was added.
    """

    reason: str
    time: float
    records: int
    sim: Simulation | None = field(default=None, repr=False, compare=False)
    first: int = field(default=0, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.reason} at t={self.time:.3f}s ({self.records} records)"


class Simulation(Shown):
    """A world that can be run, looked at, changed and asked.

    ``Simulation(nodes=3, seed=1)`` is a bare cluster; ``kcsim.load(...)`` gives one that plays a scenario.

    Attributes:
        inputs: what was done to it through the façade so far, in order: what ``fork`` does again.
    """

    def __init__(
        self,
        nodes: int | Sequence[NodeSpec] = 3,
        seed: int = 0,
        *,
        profile: str = "1.36",
        checking: bool = False,
        control_plane: ControlPlane | None = None,
        plan: NetworkPlan = USUAL,
        order: str = "",
        world: World | None = None,
    ) -> None:
        """``order``: in what order the events of one instant happen, ``fifo``, ``random``, ``pct:3`` or ``choices:0.2``;
        ``plan``: what is particular about the cluster's network.
        """
        if isinstance(nodes, int) and nodes < 0:
            raise ValueError(f"nodes must be 0 or more, not {nodes}")
        if isinstance(nodes, str) or not isinstance(nodes, int | Sequence):
            raise TypeError(f"nodes must be a count or a list of NodeSpec, not {nodes!r}")
        checked_seed(seed)
        if not isinstance(order, str):
            raise TypeError(f"order must be a text such as 'random' or 'pct:3', not {order!r}")
        self.world = world or World(seed, profile=profile, checking=checking, order=order)
        self.inputs: list[Input] = []
        self._making: Mapping[str, Any] | None = None
        if world is None:
            self._making = {
                "nodes": nodes,
                "seed": seed,
                "profile": profile,
                "checking": checking,
                "control_plane": control_plane,
                "plan": plan,
                "order": order,
            }
            specs = node_specs(nodes) if isinstance(nodes, int) else list(nodes)
            self.world.add_cluster("", specs, control_plane=control_plane, plan=plan)
        self.seed = self.world.engine.seed

    # --- time ---------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The clock, the dice and the trace."""
        return self.world.engine

    @property
    def now(self) -> float:
        """Virtual seconds since the world began."""
        return to_seconds(self.engine.now)

    @property
    def network(self) -> NetworkView:
        """Who reaches whom: ``network.reach``, ``matrix``, ``trace`` and ``topology``."""
        return NetworkView(self.world, self.cluster, self._note_install)

    @property
    def trace(self) -> Trace:
        """What happened so far; ``trace.sha256()`` is the world's fingerprint."""
        return self.engine.trace

    def step(self, limit: Time = "1h") -> Step:
        """Process the next event that leaves a trace; gives what it did.

        Args:
            limit: how much virtual time may pass at most; a world at rest has events without a trace for ever. The step
                then has no records, as at the end of a story.
        """
        engine, records = self.engine, self.trace.records
        before, end = len(records), self._reach(limit)
        if end <= engine.now and self._is_over():
            return Step(self.now, (), over=True)
        while len(records) == before:
            upcoming = engine.next_time
            if upcoming is None:
                break
            if upcoming > end:
                engine.run_until(end)
                break
            engine.step()
        return Step(self.now, tuple(records[before:]), over=len(records) == before and self._is_over())

    def _reach(self, limit: Time) -> int:
        """The instant (µs) that lies so far ahead, or the end of the story where that comes first."""
        end, last = self.engine.now + seconds(limit), self._last_instant
        return end if last is None else min(end, max(last, self.engine.now))

    def _is_over(self) -> bool:
        return self._last_instant is not None and self.engine.now >= self._last_instant

    def run_until(self, until: Time | Callable[[Simulation], Any], timeout: Time | None = None) -> Run:
        """Run to an instant (``"10m"``, seconds), or until a predicate of the simulation holds.

        Args:
            until: the instant, counted from the start, or the predicate; a predicate that raises a LookupError or
                TypeError on something that is not there yet counts as not holding.
            timeout: with a predicate: how long to run at most (virtual time; default one hour).

        Raises:
            TimeoutError: the predicate did not hold in time.
            ValueError: the instant lies in the past, or beyond the end of a story.
        """
        before = len(self.trace)
        with collector_at_rest():
            if isinstance(until, bool):
                raise TypeError(
                    f"{until} is neither an instant nor a condition: write ~sim.node('node-1').ready for its opposite, "
                    "and & and | between conditions"
                )
            if callable(until):
                self._run_until_true(until, seconds(timeout if timeout is not None else "1h"))
                reason = until.text if isinstance(until, Condition) else "the condition holds"
            else:
                when = seconds(until)
                if when < self.engine.now:
                    raise ValueError(
                        f"{until} is in the past: it is t={format_duration(self.engine.now)} already; "
                        f"at({until!r}) looks back, fork({until!r}) goes on from there"
                    )
                if self._last_instant is not None and when > max(self._last_instant, self.engine.now):
                    raise ahead(until, when, self.engine.now, self._last_instant)
                self.engine.run_until(when)
                reason = "the time has come"
        return Run(reason, self.now, len(self.trace) - before, self, before)

    def run(self, duration: Time) -> Run:
        """Run for a while (virtual time)."""
        return self.run_until(to_seconds(self.engine.now + seconds(duration)))

    def _run_until_true(self, predicate: Callable[[Simulation], Any], timeout: int) -> None:
        engine, records = self.engine, self.trace.records
        end = engine.now + timeout
        seen = -1
        while True:
            if len(records) != seen:
                seen = len(records)
                if _holds(predicate, self):
                    return
            upcoming = engine.next_time
            if upcoming is None or upcoming > end:
                engine.run_until(end)
                if _holds(predicate, self):
                    return
                raise TimeoutError(_in_vain(predicate, self, timeout))
            engine.step()

    def next_change(self, of: str | Subject | None = None, limit: Time = "1h") -> Change:
        """Run to the next instant at which something changes that one can see, and tell it.

        A commit, a command or a fault is seen; so is an object that comes, goes, or changes in what is asked of it, in its
        phase, its conditions or its ready replicas (``kcsim.simulation.difference.is_change``).

        Args:
            of: only this object: ``"deployment/web"``, or what ``deploy("web")`` gave.
            limit: how much virtual time may pass at most, up to the end of a story; the change then says that there was none.

        Raises:
            NotFound: a kind that no cluster serves.
        """
        engine, records = self.engine, self.trace.records
        wanted = self._named(of) if of is not None else None
        end = self._reach(limit)
        while True:
            before = len(records)
            while len(records) == before:
                upcoming = engine.next_time
                if upcoming is None or upcoming > end:
                    engine.run_until(max(end, engine.now))
                    return Change(False, self.now, (), (), over=self._is_over())
                engine.step()
            instant = engine.now
            while (upcoming := engine.next_time) is not None and upcoming <= instant:
                engine.step()
            found = tuple(r for r in records[before:] if is_change(r) and (wanted is None or wanted(r)))
            if found:
                return Change(True, self.now, found, tuple(_differences(found)))

    def _named(self, of: str | Subject) -> Callable[[Record], bool]:
        """Whether a record is a version of one object."""
        subject = of if isinstance(of, Subject) else Subject(self, of)
        kind, _, name = subject.ref.partition("/")
        resource, namespace = resource_of(self.cluster(subject.cluster), kind), subject.namespace
        if namespace is None and "/" in name:
            namespace, _, name = name.partition("/")

        def is_of(record: Record) -> bool:
            return (
                isinstance(record, Version)
                and record.resource.table == resource.table
                and record.key[1] == name
                and namespace in {None, record.key[0]}
            )

        return is_of

    # --- branches -----------------------------------------------------------------------------------------------

    def fork(self, at: Time | None = None) -> Simulation:
        """Another world with the same past: this one played again from its start, with everything that was done to it
        through the façade, up to an instant (``"3m"``, seconds; now when left out). From there on it is free.

        Both worlds have the same trace up to there, byte for byte; this one is not touched.

        Raises:
            ValueError: the instant has not come yet.
            NotReplayable: the world was changed past the façade, or a command was waiting at that instant.
        """
        return self._forked(at, self._again())

    def _again(self) -> Simulation:
        """The same world at its beginning."""
        if self._making is None:
            raise NotReplayable("a simulation around a world that was made elsewhere cannot be made again")
        return Simulation(**self._making)

    def _forked(self, at: Time | None, fresh: Simulation) -> Simulation:
        engine = self.engine
        when = self._past_instant(at)
        with collector_at_rest():
            replay(fresh, self.inputs, engine.steps if when == engine.now else -1, when)
        check_prefix(engine, fresh.engine, when)
        return fresh

    def _past_instant(self, at: Time | None) -> int:
        when = self.engine.now if at is None else seconds(at)
        if when < 0:
            raise ValueError(f"{at} lies before the beginning: a world begins at 0")
        if when > self.engine.now:
            raise ahead(at if at is not None else 0, when, self.engine.now, self._last_instant)
        return when

    @property
    def _last_instant(self) -> int | None:
        """When the story ends (µs), where there is one."""
        return None

    def _note(self, verb: str, /, *args: Any, **options: Any) -> None:
        """Remember what is being done to the world, so that a fork can do it again."""
        engine = self.engine
        self.inputs.append(Input(engine.steps, engine.now, verb, args, options))

    # --- looking ------------------------------------------------------------------------------------------------

    def cluster(self, name: str | None = None) -> Cluster:
        """One cluster; the first when no name is given."""
        return cluster_of(self.world, name)

    def get(self, ref: str, namespace: str | None = None, cluster: str | None = None) -> Object:
        """The current object that ``kind/name`` means (``"deployment/web"``, any word kubectl knows).

        Without a namespace the only object of that name in any namespace is meant, ``default`` first.

        Raises:
            NotFound: naming the nearest objects.
        """
        home = self.cluster(cluster)
        return home.server.shown(find(home, ref, namespace))

    def listing(self, kind: str, namespace: str | None = None, cluster: str | None = None) -> Listing:
        """The same objects as ``list`` gives without labels, each spelled out when it is asked for."""
        home = self.cluster(cluster)
        return Listing(home.server.log.list(resource_of(home, kind), namespace), home.server.shown)

    def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", cluster: str | None = None
    ) -> list[Object]:
        """The current objects of a kind in key order, of one namespace or of all; ``labels`` is a selector."""
        found = self.listing(kind, namespace, cluster)
        chosen = selectors.parse(labels) if labels else None
        return [obj for obj in found if chosen is None or chosen.matches(obj["metadata"].get("labels") or {})]

    def versions(
        self, ref: str, namespace: str | None = None, cluster: str | None = None
    ) -> tuple[Version, ...]:
        """Every version of an object there ever was, oldest first; also of one that is gone.

        Raises:
            NotFound: nothing of that name ever existed; the nearest names are told.
        """
        return tuple(versions_until(self.cluster(cluster), ref, namespace, self.engine.now))

    def subject(self, ref: str, namespace: str | None = None, cluster: str | None = None) -> Subject:
        """An object by its name (``"deployment/web"``), to be looked at and waited for, whether it is there yet or not.

        Raises:
            NotFound: the cluster serves no such kind.
        """
        return Subject(self, ref, namespace, cluster)

    def deploy(self, name: str, namespace: str | None = None, cluster: str | None = None) -> Subject:
        """A Deployment: ``sim.run_until(sim.deploy("web").available)``."""
        return Subject(self, f"deployment/{name}", namespace, cluster)

    def pod(self, name: str, namespace: str | None = None, cluster: str | None = None) -> Subject:
        """A Pod: ``sim.run_until(sim.pod("web-1").ready)``."""
        return Subject(self, f"pod/{name}", namespace, cluster)

    def node(self, name: str, cluster: str | None = None) -> Subject:
        """A Node: ``sim.run_until(~sim.node("node-1").ready)``."""
        return Subject(self, f"node/{name}", None, cluster)

    def diff(self, since: Time, until: Time | None = None) -> Diff:
        """What differs between two instants, object by object and field by field; until now when one is given.

        Raises:
            ValueError: an instant that has not come, or the second lies before the first.
        """
        first = self._past_instant(since)
        last = self.engine.now if until is None else self._past_instant(until)
        if last < first:
            raise ValueError(f"{until} lies before {since}: name the earlier instant first")
        several = len(self.world.clusters) > 1
        found = [
            each
            for name, home in self.world.clusters.items()
            for each in of_log(home.server.log, first, last, f"{name}: " if several else "")
        ]
        return Diff(to_seconds(first), to_seconds(last), tuple(found))

    def at(self, time: Time) -> Past:
        """The world's objects as they were at an instant (``"3m"``, seconds)."""
        return Past(self.world, self._past_instant(time))

    def why(self, ref: str | Record, namespace: str | None = None, cluster: str | None = None) -> Why:
        """The chain of causes of an object's last change of substance, back to a commit, a person, a fault or a clock.

        Also works for an object that is gone.

        Raises:
            NotFound: nothing of that name ever existed.
        """
        if isinstance(ref, Record):
            return of_record(ref)
        return why_until(self.cluster(cluster), ref, namespace, self.engine.now)

    # --- acting -------------------------------------------------------------------------------------------------

    def apply(self, manifest: str | Object | Sequence[Object], namespace: str = "default") -> Outcome:
        """``kubectl apply`` of YAML text or objects, at once, as the administrator.

        Raises:
            RuntimeError: with what kubectl printed, when it failed.
        """
        if not isinstance(manifest, str):
            manifest = dump_all([manifest] if isinstance(manifest, Mapping) else list(manifest))
        read(manifest, "manifest")
        outcome = self.kubectl(["apply", "-f", "-"], stdin=manifest, namespace=namespace)
        if outcome.exit_code:
            raise RuntimeError(outcome.stderr.strip())
        return outcome

    def kubectl(
        self,
        line: str | Sequence[str],
        *,
        as_: str = "",
        stdin: str = "",
        files: Mapping[str, str | bytes] | None = None,
        editor: Editor | None = None,
        namespace: str = "default",
        cluster: str | None = None,
    ) -> Outcome:
        """Type a kubectl command line; requests take no time, a command that waits lets virtual time pass.

        Args:
            line: the command, with or without the word ``kubectl``.
            as_: who types it; the administrator when empty. Named people are in system:masters unless RBAC says more.
            stdin: what ``-f -`` reads.
            files: what ``-f`` and other flags may name, by path.
            editor: what ``kubectl edit`` opens, a function from the object's YAML text to the text that is saved.
        """
        user = person(as_) if as_ else ADMIN
        client = self.cluster(cluster).direct(user)
        self._note(
            "kubectl",
            line,
            as_=as_,
            stdin=stdin,
            files=files,
            editor=editor,
            namespace=namespace,
            cluster=cluster,
        )
        origin = self.engine.note(user.name, "kubectl", _command_text(line))
        with self.engine.because(origin):
            steps = kubectl(
                client, line, namespace=namespace, files={**(files or {}), "-": stdin}, editor=editor
            )
            outcome: Outcome = run_now(self.engine, steps)
        return outcome

    def add_stages(self, *files: str | Path, cluster: str | None = None) -> None:
        """Play Stages of KWOK from now on: each given as a file, or as its YAML text.

        Pods and nodes are played where no kubelet runs: ``Simulation(nodes=0)`` and nodes that are applied.

        Raises:
            StageError: with every problem of a file, by line and column.
            NoSuchKind: a Stage is for objects that the API server does not serve.
        """
        given = [_stage_text(file, f"stages-{place}") for place, file in enumerate(files, 1)]
        stages = [read_stages(text, name) for text, name in given]
        self._note("add_stages", *(f"{text}\n" for text, _ in given), cluster=cluster)
        for each in stages:
            self.cluster(cluster).add_stages(each)

    def add_controller(
        self,
        make: Callable[[], Reconciler],
        *,
        name: str = "",
        namespace: str = "default",
        rules: Sequence[Object] | None = None,
        user: str = "",
        cluster: str | None = None,
    ) -> Component:
        """Start a controller of your own now, as a program with its own process, identity, rights and caches.

        Args:
            make: makes the reconciler, usually its class: ``sim.add_controller(WebApps)``.
            name: of the program, its ServiceAccount and its ClusterRole; the reconciler's ``name`` when empty.
            namespace: where its ServiceAccount lives.
            rules: RBAC rules it gets; the reconciler's ``rules`` when None, and everything when it has none.
            user: run as this user, who has rights already, e.g. ``system:kube-controller-manager``.

        Raises:
            TypeError: ``make`` makes no reconciler.
            ValueError: there is one of that name.
        """
        component = self.cluster(cluster).add_controller(
            make, name=name, namespace=namespace, rules=rules, user=user
        )
        self._note(
            "add_controller", make, name=name, namespace=namespace, rules=rules, user=user, cluster=cluster
        )
        return component

    def inject(
        self,
        kind: str,
        target: str = "",
        *,
        duration: Time | None = None,
        until: Time | None = None,
        cluster: str | None = None,
        **amounts: Any,
    ) -> Record:
        """Put a fault in now (see docs/faults.md), for ``duration``, ``until`` an instant, or for good.

        Args:
            kind: a name of ours, ``network-loss``, or another tool's, ``pod-network-loss``.
            target: what it hits; a link of the network is written ``node-1`` (from everybody), ``zone-a <-> zone-b`` or
                ``node-1 -> control-plane``; a component ``kube-scheduler`` or ``kubelet@node-1``.
            amounts: how strongly, by the fields that the kind takes: ``loss=0.2``, ``delay="2s"``, ``nth=3``.

        Raises:
            FaultError: an unknown kind, target or field, or a fault that ends before it begins.
        """
        length = seconds(duration) if duration is not None else None
        if until is not None:
            if length is not None:
                raise FaultError(f"{kind}: give duration or until, not both")
            length = seconds(until) - self.engine.now
        made = fault(kind, target, duration=length, cluster=cluster or "", **amounts)
        record = inject(self.world, made)
        self._note("inject", kind, target, duration=duration, until=until, cluster=cluster, **amounts)
        return record

    def heal(self, fault: Record | None = None) -> Sequence[Record]:
        """End a fault before its time, the one that ``inject`` gave this record for; all that go on when left out.

        Raises:
            FaultError: it is over already, or never was.
        """
        records = heal_all(self.world) if fault is None else [heal(self.world, fault)]
        self._note("_heal", None if fault is None else fault.seq)
        return records

    def _heal(self, seq: int | None) -> None:
        """What a fork does again: its records have the same numbers."""
        self.heal(None if seq is None else self.trace.records[seq])

    def _note_install(self, what: str, cluster: str | None, replicas: int) -> None:
        self._note("_install", what, cluster, replicas)

    def _install(self, what: str, cluster: str | None, replicas: int) -> None:
        self.network.install(what, cluster, replicas)

    @property
    def traffic(self) -> Mapping[str, TrafficSource]:
        """The sources of requests by name, with what became of their requests: ``totals``, ``failures``, ``latency``."""
        return self.world.traffic

    def add_traffic(self, name: str, to: str, *, cluster: str | None = None, **clients: Any) -> TrafficSource:
        """Clients who send requests from now on; ``clients`` as for ``kcsim.simulation.clients.source_options``.

        ``sim.add_traffic("users", "service/web", rate="20/s")``; ``"http://cart"`` with ``source="deployment/web"``;
        ``entry="Gateway", gateway="public"``; ``users=50, think="2s"``; ``retries=2``; ``keep_alive=20``.

        Raises:
            ValueError: the name is taken, or what is said of the clients does not fit together.
        """
        if name in self.world.traffic:
            raise ValueError(f"there is traffic called {name!r} already")
        options = source_options(to, **clients)
        home = self.cluster(cluster).name
        source = self.world.add_traffic(name, cluster=home, start=self.engine.now, **options)
        self._note("add_traffic", name, to, cluster=cluster, **clients)
        return source

    def __repr__(self) -> str:
        nodes = sum(len(c.kubelets) for c in self.world.clusters.values())
        return f"<Simulation t={self.now:.3f}s seed={self.seed} nodes={nodes} records={len(self.trace)}>"


def _stage_text(file: str | Path, name: str) -> tuple[str, str]:
    """A file of Stages as (text, what to call it)."""
    if isinstance(file, str) and "\n" in file:
        return file, name
    return Path(file).read_text("utf-8"), str(file)


def _command_text(line: str | Sequence[str]) -> str:
    text = line if isinstance(line, str) else " ".join(line)
    return text.removeprefix("kubectl ").strip()


def _holds(predicate: Callable[[Simulation], Any], simulation: Simulation) -> bool:
    try:
        return bool(predicate(simulation))
    except (LookupError, TypeError):
        return False


def _differences(records: Sequence[Record]) -> Iterator[ObjectDiff]:
    """How the objects that some records wrote differ from before."""
    for record in records:
        if isinstance(record, Version):
            before = record.previous
            old = before.object if before is not None and not before.deleted else None
            yield from compared(record.subject, old, None if record.deleted else record.object)


def _in_vain(predicate: Callable[[Simulation], Any], simulation: Simulation, timeout: int) -> str:
    within = f"within {format_duration(timeout)}"
    if isinstance(predicate, Condition):
        return f"waited in vain for '{predicate.text}', {within}: {predicate.seen(simulation)}"
    return f"the condition did not hold {within}"

"""Random schedules of faults for a story: drawn from a seed, as entries of its timeline, with a quiet period after them.

Swarm selection (Groce et al., Swarm Testing, ISSTA 2012): each schedule first draws which kinds of faults it may use at all,
each with even odds, for a run with everything in it hides what a few kinds alone would show. A schedule is data: what was
drawn can be printed, saved as a scenario, cut down and played again.

After the last fault has ended the world is left alone for ``quiet``, and every delivery that reconciles by itself must
come to follow git in that time, and stay so.

**Walk:** what the story has (nodes, links, clients, workloads) -> ``draw``: kinds, then windows -> ``with_chaos``: the same
story with these entries and the expectation ``converges-after-chaos``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND, format_duration
from kcsim.engine.dice import Dice
from kcsim.manifests import ManifestError, read
from kcsim.scenario.diagnostics import Diagnostic, Position, ScenarioError, did_you_mean
from kcsim.scenario.faults import COMPONENT_CLIENTS, FAULTS
from kcsim.scenario.model import Expectation, Push, Scenario, TimelineEntry
from kcsim.simulation.faults import ALIASES, KINDS, nearest

BEGIN: Final = 5 * MINUTE
"""When the first fault may come (µs): the first delivery is done by then."""
QUIET: Final = 20 * MINUTE
"""How long the world is left alone at the end (µs): a dead node alone costs six minutes, an interval of an agent ten."""
STAYS: Final = 2 * MINUTE
COUNT: Final = 6
LENGTHS: Final = (10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE)
EXPECTATION: Final = "converges-after-chaos"

AGENTS: Final = {
    "flux": ("source-controller", "kustomize-controller"),
    "argocd": ("argocd-application-controller",),
}
"""type of delivery -> its programs that faults are drawn for; in the world of another delivery they hit nothing."""
LASTING: Final = frozenset({"webhook-loss", "credential-leaked", "human-force-delete"})
"""Kinds that leave something behind which nobody puts right by himself, so that nothing can be demanded afterwards."""

NAMED: Final = frozenset({"human-edit", "human-label-removed", "suspend-forgotten"})
"""Kinds that are drawn only where they are named: what they do is chosen from a few plain cases."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What was drawn.

    Attributes:
        seed: from which.
        kinds: the kinds it was allowed to use, in the order of the catalogue.
        entries: the faults, in the order in which they begin.
        ends: when the last of them has ended (µs).
    """

    seed: int
    kinds: tuple[str, ...]
    entries: tuple[TimelineEntry, ...]
    ends: int


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a story offers to faults."""

    nodes: Sequence[str]
    zones: Sequence[str]
    clients: Sequence[str]
    components: Sequence[str]
    links: Sequence[str]
    repositories: Sequence[str]
    traffic: Sequence[str]
    workloads: Sequence[tuple[str, str]]
    images: Sequence[str]
    kustomizations: Sequence[str]
    outsiders: Sequence[str]
    pushes: bool
    standby: Sequence[str]


def draw(
    scenario: Scenario,
    seed: int,
    *,
    kinds: Sequence[str] | None = None,
    count: int = COUNT,
    begin: int = BEGIN,
    end: int | None = None,
    swarm: bool = True,
) -> Schedule:
    """A schedule of ``count`` faults for a story.

    Args:
        kinds: which kinds of faults may be drawn; all that the story has a target for when None.
        begin, end: when faults may begin, and when all have ended (µs); from five minutes to the story's end.
        swarm: draw first which of the kinds this schedule may use.

    Raises:
        ScenarioError: an unknown kind, or one that the story has nothing for; a window that ends before it begins.
    """
    stage = _stage(scenario)
    end = max(scenario.until, begin + MINUTE) if end is None else end
    if end <= begin:
        raise _refused(
            "KC302",
            f"the faults end at {format_duration(end)}, before they begin at {format_duration(begin)}",
        )
    possible = [name for name in FAULTS if name in _TARGETS and _TARGETS[name](stage)]
    chosen = (
        _checked(kinds, possible)
        if kinds is not None
        else [name for name in possible if name not in LASTING | NAMED]
    )
    dice = Dice(seed, "chaos")
    if swarm:
        drawn = [name for name in chosen if dice.uniform() < 0.5]
        chosen = drawn or [dice.choice(chosen)]
    entries = sorted(
        (_entry(stage, dice, dice.choice(chosen), begin, end) for _ in range(count)), key=lambda e: e.at
    )
    named = tuple(replace(entry, name=f"chaos-{n}") for n, entry in enumerate(entries, start=1))
    ends = max((entry.at + (entry.for_ or 0) for entry in named), default=begin)
    return Schedule(seed, tuple(chosen), named, ends)


def with_chaos(scenario: Scenario, seed: int, *, quiet: int = QUIET, **options: Any) -> Scenario:
    """The same story with a schedule drawn from ``seed`` in it, left alone for ``quiet`` µs after it; options as for ``draw``.

    Raises:
        ScenarioError: see ``draw``.
    """
    return with_schedule(scenario, draw(scenario, seed, **options), quiet=quiet)


def with_schedule(scenario: Scenario, schedule: Schedule, *, quiet: int = QUIET) -> Scenario:
    """The same story with a schedule in it, left alone for ``quiet`` µs after it."""
    timeline = tuple(sorted((*scenario.timeline, *schedule.entries), key=lambda entry: entry.at))
    until = max(scenario.until, schedule.ends + quiet)
    return replace(
        scenario,
        timeline=timeline,
        until=until,
        expectations=(*scenario.expectations, *_demanded(scenario, schedule, quiet)),
    )


def _demanded(scenario: Scenario, schedule: Schedule, quiet: int) -> tuple[Expectation, ...]:
    """Deliveries that reconcile by themselves follow git again."""
    pulls = tuple(name for name, way in scenario.deliveries.items() if not isinstance(way, Push))
    if not pulls or not schedule.entries or LASTING & {entry.fault for entry in schedule.entries}:
        return ()
    followed = " and ".join(
        f'deployed("{repo.name}") == head("{repo.name}")' for repo in scenario.repositories
    )
    last = schedule.entries[-1]
    return (
        Expectation(
            name=EXPECTATION,
            note=f"All faults of schedule {schedule.seed} have ended at {format_duration(schedule.ends)}.",
            after=last.name,
            eventually=followed,
            within=schedule.ends - last.at + quiet - STAYS,
            stays=STAYS,
            deliveries=pulls,
        ),
    )


# --- drawing ----------------------------------------------------------------------------------------------------


def possible(scenario: Scenario) -> dict[str, list[dict[str, Any]]]:
    """Which kinds can be drawn for a story, and what each could hit, as fields of a timeline entry."""
    stage = _stage(scenario)
    return {name: found for name in FAULTS if name in _TARGETS and (found := _TARGETS[name](stage))}


def _entry(stage: _Stage, dice: Dice, kind: str, begin: int, end: int) -> TimelineEntry:
    # Whole seconds: a person reads and edits what was drawn.
    at = begin + dice.integer(max((end - begin) // SECOND, 1)) * SECOND
    fields = dice.choice(_TARGETS[kind](stage))
    amounts = {name: dice.choice(values) for name, values in AMOUNTS.get(kind, {}).items()}
    length = None if KINDS[kind].momentary else min(dice.choice(LENGTHS), max(end - at, SECOND))
    return TimelineEntry(at=at, fault=kind, for_=length, **fields, **amounts)


def _on(field: str, names: Callable[[_Stage], Sequence[str]]) -> Callable[[_Stage], list[dict[str, Any]]]:
    return lambda stage: [{field: name} for name in names(stage)]


def _workloads(stage: _Stage) -> list[dict[str, Any]]:
    return [{"object": ref, "namespace": namespace} for ref, namespace in stage.workloads]


def _everybody(_stage: _Stage) -> list[dict[str, Any]]:
    return [{}]


def _with_ci(stage: _Stage) -> list[dict[str, Any]]:
    return [{}] if stage.pushes else []


_NODES = _on("node", lambda stage: stage.nodes)
_CLIENTS = _on("client", lambda stage: stage.clients)
_COMPONENTS = _on("component", lambda stage: stage.components)
_LINKS = _on("link", lambda stage: stage.links)

_TARGETS: Final[dict[str, Callable[[_Stage], list[dict[str, Any]]]]] = {
    **dict.fromkeys(
        (
            "api-latency",
            "api-throttle",
            "api-error",
            "api-timeout",
            "api-reset",
            "api-partition",
            "credential-expired",
        ),
        _CLIENTS,
    ),
    "api-outage": _everybody,
    **dict.fromkeys(
        (
            "watch-lag",
            "watch-drop",
            "watch-repeat",
            "watch-reorder",
            "watch-relist",
            "api-stale",
            "watch-rewind",
            "component-restart",
            "crash-point",
            "slow-worker",
        ),
        _COMPONENTS,
    ),
    "component-crash": lambda _: [{"component": c} for c in ("kube-controller-manager", "kube-scheduler")],
    "two-leaders": _on("component", lambda stage: stage.standby),
    **dict.fromkeys(
        (
            "node-crash",
            "node-reboot",
            "node-freeze",
            "node-disk-pressure",
            "node-memory-pressure",
            "node-clock-skew",
        ),
        _NODES,
    ),
    "zone-outage": _on("zone", lambda stage: stage.zones),
    **dict.fromkeys(("network-partition", "network-loss", "network-delay"), _LINKS),
    "git-outage": _everybody,
    "git-slow": _everybody,
    "git-rate-limit": _everybody,
    "deploy-key-revoked": _on("repository", lambda stage: stage.repositories),
    **dict.fromkeys(("registry-outage", "registry-slow", "registry-rate-limit"), _everybody),
    **dict.fromkeys(
        ("ci-outage", "runner-crash", "webhook-loss", "webhook-delay", "webhook-duplicate"), _with_ci
    ),
    **dict.fromkeys(("human-scale", "human-delete", "human-force-delete"), _workloads),
    "human-edit": _workloads,
    "human-label-removed": lambda stage: [{"object": f"node/{name}"} for name in stage.nodes],
    "suspend-forgotten": _on("object", lambda stage: stage.kustomizations),
    "credential-leaked": lambda stage: [{"client": name} for name in stage.outsiders],
    "load-spike": _on("traffic", lambda stage: stage.traffic),
    "image-crash": _on("container_image", lambda stage: stage.images),
}
"""kind -> what it could hit in a story."""

AMOUNTS: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "api-latency": {"delay": (200 * MILLISECOND, SECOND, 3 * SECOND)},
    "api-error": {"code": (500, 503, 504), "share": (0.1, 0.5, 1.0)},
    "api-throttle": {"share": (0.5, 1.0)},
    "api-timeout": {"share": (0.1, 0.5, 1.0)},
    "api-reset": {"share": (0.1, 0.5)},
    "watch-lag": {"delay": (SECOND, 10 * SECOND, 30 * SECOND)},
    "watch-drop": {"nth": (1, 2, 5), "times": (1, 3)},
    "watch-rewind": {"ago": (10 * SECOND, MINUTE)},
    "crash-point": {"when": ("before", "after"), "nth": (1, 2, 3, 5)},
    "node-clock-skew": {"skew": (-5 * MINUTE, -SECOND, SECOND, 5 * MINUTE)},
    "network-loss": {"loss": (0.01, 0.1, 0.3)},
    "network-delay": {"delay": (10 * MILLISECOND, 100 * MILLISECOND, SECOND)},
    "human-scale": {"replicas": (0, 1, 5)},
    "human-edit": {
        "patch": (
            '{"metadata":{"annotations":{"edited":"by-hand"}}}',
            '{"spec":{"replicas":0}}',
            '{"spec":{"replicas":5}}',
        )
    },
    "human-label-removed": {"label": ("kubernetes.io/os", "kubernetes.io/hostname")},
    "load-spike": {"factor": (2.0, 10.0)},
}
"""kind -> values that are drawn for its fields."""


def _stage(scenario: Scenario) -> _Stage:
    cluster = scenario.all_clusters()[0]
    machines = scenario.nodes_of(cluster)
    nodes = [node.name for node in machines]
    types = {way.type for way in scenario.deliveries.values()}
    pushes = any(isinstance(way, Push) for way in scenario.deliveries.values())
    shared = [name for name in COMPONENT_CLIENTS if name.startswith("kube-")]
    agents = [name for kind, names in AGENTS.items() if kind in types for name in names]
    own = [each.name for each in scenario.controllers]
    return _Stage(
        nodes,
        sorted({node.zone for node in machines} - {""}),
        [*shared, *agents, *own, *nodes, *(["ci"] if pushes else [])],
        [*shared, *agents, *own, *(f"kubelet@{node}" for node in nodes)],
        [*nodes, *(f"{node} -> control-plane" for node in nodes), *(f"{node} <-> users" for node in nodes)],
        [repository.name for repository in scenario.repositories],
        [traffic.name for traffic in scenario.traffic],
        _workloads_of(scenario),
        [image.name for image in scenario.images if image.name != "*"],
        [f"kustomization/{repository.name}" for repository in scenario.repositories if "flux" in types],
        [*agents, *(["ci"] if pushes else [])],
        pushes,
        shared if cluster.control_plane_replicas > 1 else [],
    )


def _workloads_of(scenario: Scenario) -> list[tuple[str, str]]:
    """(ref, namespace) of each Deployment and StatefulSet that a repository's first commit holds."""
    found: dict[tuple[str, str], None] = {}
    for repository in scenario.repositories:
        for text in repository.files.values():
            try:
                manifests = read(text, "manifest")
            except ManifestError:
                continue  # no manifest, or broken on purpose: the check says so
            for manifest in manifests:
                kind = manifest.object.get("kind")
                if kind in {"Deployment", "StatefulSet"}:
                    metadata = manifest.object["metadata"]
                    found[f"{kind.lower()}/{metadata['name']}", metadata.get("namespace", "default")] = None
    return list(found)


def named(kinds: str | Sequence[str]) -> list[str]:
    """Kinds by their names here, whatever tool's names they were given by; one may be given as a text.

    Raises:
        ScenarioError: there is no fault of that name, here or elsewhere.
    """
    found = [ALIASES.get(name, name) for name in ([kinds] if isinstance(kinds, str) else kinds)]
    for name in found:
        if name not in FAULTS:
            raise _refused("KC703", f"there is no fault '{name[:60]}'", nearest(name))
    return found


def _checked(kinds: Sequence[str], possible: Sequence[str]) -> list[str]:
    kinds = named(kinds)
    for name in kinds:
        if name not in possible:
            message = f"{name} has nothing in this story to hit"
            raise _refused("KC703", message, did_you_mean("", possible, "faults that can be drawn"))
    if not kinds:
        raise _refused("KC703", "no kinds of faults to draw from", "Name some, or leave them out for all.")
    return [name for name in FAULTS if name in set(kinds)]


def _refused(code: str, message: str, remedy: str = "") -> ScenarioError:
    return ScenarioError([Diagnostic(Position("schedule of faults"), code, message, remedy)])

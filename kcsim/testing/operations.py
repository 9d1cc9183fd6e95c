"""Timed operations as plain data, and the scenario that a list of them is.

An operation says how long after the one before it comes, what it does, and to which of the things there are (an index,
taken modulo their number): deleting one from the list leaves the rest valid, so counterexamples shrink to what matters.
A fault is one operation with its own end. What cannot be done (deleting a file that is gone) is left out of the story.

**Walk:** ``Operation`` list -> ``scenario_of`` keeps what git would say and turns each into a timeline entry -> the last
expectation demands that, once all is healed, the cluster comes to follow git and stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kcsim.engine.clock import MINUTE, SECOND, format_duration
from kcsim.scenario.model import Commit, Expectation, Scenario, TimelineEntry
from kcsim.testing.shop import CLIENTS, NAMESPACE, NODES, VERSIONS, WORKLOADS, Workload, manifest, path, shop

START = 5 * MINUTE
"""When the first operation may come (µs): the first rollout is done by then."""
QUIET = 20 * MINUTE
"""How long after the last fault has healed the world may take to converge: a dead node alone costs six minutes."""
STAYS = 5 * MINUTE
CONVERGED = f'deployed("{NAMESPACE}") == head("{NAMESPACE}") and not drifted("{NAMESPACE}")'


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that happens ``gap`` seconds after the one before: a kind of ``KINDS``, applied to choice ``which``.

    ``amount`` is a number of replicas or a version, by kind; ``lasts`` are the seconds of a fault.
    """

    gap: int
    kind: str
    which: int = 0
    amount: int = 0
    lasts: int = 60


@dataclass(slots=True)
class Story:
    """What git says while the list is read; None for a workload whose file was deleted."""

    wanted: dict[str, Workload | None] = field(default_factory=lambda: dict.fromkeys(WORKLOADS, Workload()))

    def commit(self, name: str, workload: Workload, message: str) -> dict[str, Any] | None:
        """The fields of a commit that makes git say this of a workload; None when it does already."""
        if self.wanted[name] == workload:
            return None
        self.wanted[name] = workload
        return {"commit": Commit(message=message, files={path(name): manifest(name, workload)})}


def _commit_replicas(story: Story, op: Operation) -> dict[str, Any] | None:
    name = _one(WORKLOADS, op.which)
    replicas = 1 + op.amount % 4
    return story.commit(
        name, replace(story.wanted[name] or Workload(), replicas=replicas), f"{name}: {replicas} replicas"
    )


def _commit_version(story: Story, op: Operation) -> dict[str, Any] | None:
    name = _one(WORKLOADS, op.which)
    version = _one(VERSIONS, op.amount)
    return story.commit(
        name, replace(story.wanted[name] or Workload(), version=version), f"{name}: version {version}"
    )


def _commit_deletion(story: Story, op: Operation) -> dict[str, Any] | None:
    name = _one(WORKLOADS, op.which)
    if story.wanted[name] is None:
        return None
    story.wanted[name] = None
    return {"commit": Commit(message=f"{name}: remove", delete=(path(name),))}


def _typed(line: str) -> Callable[[Story, Operation], dict[str, Any] | None]:
    def person(_story: Story, op: Operation) -> dict[str, Any]:
        name, version = _one(WORKLOADS, op.which), _one(VERSIONS, op.amount)
        typed = line.format(name=name, replicas=op.amount % 4, version=version)
        return {"kubectl": f"{typed} -n {NAMESPACE}", "as_": "nico"}

    return person


def _fault(kind: str, **target: Sequence[str]) -> Callable[[Story, Operation], dict[str, Any] | None]:
    def breaks(_story: Story, op: Operation) -> dict[str, Any]:
        chosen = {name: _one(choices, op.which) for name, choices in target.items()}
        return {"fault": kind, "for_": op.lasts * SECOND, **chosen}

    return breaks


KINDS: dict[str, Callable[[Story, Operation], dict[str, Any] | None]] = {
    "commit-replicas": _commit_replicas,
    "commit-version": _commit_version,
    "scale": _typed("scale deployment/{name} --replicas={replicas}"),
    "set-image": _typed("set image deployment/{name} {name}=registry.example/shop/{name}:{version}"),
    "delete": _typed("delete deployment/{name}"),
    "restart": _typed("rollout restart deployment/{name}"),
    "commit-deletion": _commit_deletion,
    "git-outage": _fault("git-outage"),
    "registry-outage": _fault("registry-outage"),
    "api-partition": _fault("api-partition", client=CLIENTS),
    "node-crash": _fault("node-crash", node=NODES),
}
"""kind -> the fields of its timeline entry, None when it cannot be done; the harmless ones first, for shrinking."""

COMMITS = ("commit-replicas", "commit-version", "commit-deletion")
DRIFT = ("scale", "set-image", "delete", "restart")
FAULTS = ("git-outage", "registry-outage", "api-partition", "node-crash")


def scenario_of(operations: Sequence[Operation], *, seed: int = 1, name: str = "generated") -> Scenario:
    """The story that the operations tell in the shop, with convergence demanded under flux once all is healed."""
    story, entries = Story(), []
    now = healed = START
    for number, op in enumerate(operations, start=1):
        now += op.gap * SECOND
        fields = KINDS[op.kind](story, op)
        if fields is None:
            continue
        entries.append(TimelineEntry(at=now, name=f"{op.kind}-{number}", **fields))
        healed = max(healed, now + fields.get("for_", 0))
    expectation = Expectation(
        name="converges",
        note=f"All faults have healed at {format_duration(healed)}.",
        after=entries[-1].name if entries else None,
        eventually=CONVERGED,
        within=healed - (entries[-1].at if entries else 0) + QUIET,
        stays=STAYS,
        deliveries=("flux",),
    )
    return replace(
        shop(),
        name=name,
        seed=seed,
        until=healed + QUIET + STAYS,
        timeline=tuple(entries),
        expectations=(expectation,),
    )


def _one(choices: Sequence[str], which: int) -> str:
    return choices[which % len(choices)]

"""All invariants, and how a broken one is told."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from kcsim.engine.clock import SECOND
from kcsim.engine.trace import Record
from kcsim.testing.invariants import api, budgets, calm, endpoints, nodes, ownership, pods, workloads
from kcsim.testing.invariants.history import History, Source, Write

Found = tuple[Write, str]
Checker = Callable[[History], Iterator[Found]]

CHECKERS: tuple[Checker, ...] = (
    api.revisions_grow,
    api.causes_come_first,
    api.generation_counts_changes_of_the_spec,
    api.what_is_gone_stays_gone,
    workloads.a_rolling_update_adds_no_more_than_its_surge,
    workloads.a_rolling_update_takes_no_more_than_may_be_unavailable,
    workloads.one_stateful_pod_an_ordinal_and_in_order,
    pods.a_pod_stays_on_its_node,
    pods.restarts_count_up_and_wait_their_back_off,
    pods.conditions_are_in_order,
    pods.conditions_move_with_their_status,
    pods.addresses_are_given_once,
    endpoints.ready_endpoints_are_ready_pods,
    budgets.evictions_stay_within_the_budget,
    budgets.counted_quota_is_never_exceeded,
    nodes.evictions_of_a_zone_are_rate_limited,
    ownership.no_orphan_outlives_its_owner,
    ownership.an_agent_prunes_only_what_it_applied,
    ownership.a_claim_keeps_its_volume,
    ownership.a_job_runs_no_more_than_its_parallelism,
    ownership.one_daemon_pod_a_node,
    ownership.an_ended_pod_stays_ended,
    ownership.service_addresses_are_unique,
    ownership.pod_cidrs_are_disjoint,
    ownership.a_write_changes_something,
)


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise.

    Attributes:
        name: as reports name it.
        promise: what must hold, in a sentence.
        checker: yields each write that breaks it, with why.
    """

    name: str
    promise: str
    checker: Checker


@dataclass(frozen=True, slots=True)
class Violation:
    """The first time a promise was broken: when (seconds), by which object, why, and what led to it, newest first."""

    invariant: str
    time: float
    object: str
    why: str
    chain: tuple[Record, ...]

    def __str__(self) -> str:
        lines = [f"{self.invariant}: t={self.time:.3f}s {self.object}: {self.why}"]
        lines.extend(
            f"  t={record.time / SECOND:.3f}s {record.actor} {record.verb} {record.subject}"
            for record in self.chain[:8]
        )
        if len(self.chain) > 8:
            lines.append(f"  ... {len(self.chain) - 8} more")
        return "\n".join(lines)


def _invariant(checker: Checker) -> Invariant:
    promise = (inspect.getdoc(checker) or "").partition("\n")[0]
    return Invariant(checker.__name__.replace("_", "-"), promise, checker)


INVARIANTS: dict[str, Invariant] = {each.name: each for each in map(_invariant, CHECKERS)}
"""name -> invariant."""
CALM: dict[str, Invariant] = {
    each.name: each
    for each in map(
        _invariant, (calm.no_oscillation, calm.never_an_unowned_delete, calm.dead_endpoints_leave)
    )
}
"""name -> invariant that holds while nothing is broken: checked only where it is asked for."""


def check(source: Source, only: Sequence[str] = ()) -> list[Violation]:
    """The first violation of each invariant in a world, a trace, or the lines of a trace.jsonl; none: all holds.

    Args:
        source: a Simulation or World (at any moment), a Trace, or lines.
        only: names of ``INVARIANTS`` or ``CALM``; all of ``INVARIANTS`` when empty.

    Raises:
        ValueError: a name that is no invariant, or a line that is none of a trace.jsonl.
        TypeError: a source that is none.
    """
    names = [only] if isinstance(only, str) else list(only or INVARIANTS)
    every = {**INVARIANTS, **CALM}
    for name in names:
        if name not in every:
            near = [each for each in every if name in each] or get_close_matches(name, every, 1)
            begun = {each[: len(name) + 1]: each for each in every}
            near = near or [begun[start] for start in get_close_matches(name, begun, 1)]
            mend = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(every)}"
            raise ValueError(f"no invariant {name!r}; {mend}")
    history = History.of(source)
    violations = []
    for name in names:
        found = next(every[name].checker(history), None)
        if found is not None:
            write, why = found
            record = write.record
            violations.append(
                Violation(name, record.time / SECOND, record.subject, why, tuple(record.chain()))
            )
    return violations


def demand(source: Source, only: Sequence[str] = ()) -> None:
    """Nothing, or an AssertionError that tells every broken promise."""
    __tracebackhide__ = True
    violations = check(source, only)
    assert not violations, "\n".join(str(violation) for violation in violations)

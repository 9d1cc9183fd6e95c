"""Promises of the API server and of the trace itself."""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.testing.invariants.history import History, Write


def revisions_grow(history: History) -> Iterator[tuple[Write, str]]:
    """Every write of a cluster has a higher resourceVersion than the one before it.

    Source: etcd's revision (workloads reference, 18.9).
    """
    last: dict[str, int] = {}
    for write in history.all_writes:
        before = last.get(write.cluster, 0)
        if write.revision <= before:
            yield write, f"resourceVersion {write.revision} after {before}"
        last[write.cluster] = write.revision


def causes_come_first(history: History) -> Iterator[tuple[Write, str]]:
    """What made something happen stands before it in the trace, and is not later.

    Source: the trace's own format (docs/trace.md).
    """
    for write in history.all_writes:
        record = write.record
        cause = record.cause
        if cause is not None and (cause.seq >= record.seq or cause.time > record.time):
            yield write, f"its cause {cause!r} does not come before it"


def generation_counts_changes_of_the_spec(history: History) -> Iterator[tuple[Write, str]]:
    """An object's generation never falls, and observedGeneration is never ahead of it.

    Source: apiserver registry/rest (metadata.generation).
    """
    for write in history.all_writes:
        generation = write.object["metadata"].get("generation")
        if generation is None or write.deleted:
            continue
        before = write.before.object["metadata"].get("generation") if write.before is not None else None
        if before is not None and generation < before:
            yield write, f"generation {generation} after {before}"
        observed = (write.object.get("status") or {}).get("observedGeneration")
        if isinstance(observed, int) and observed > generation:
            yield write, f"observedGeneration {observed} of generation {generation}"


def what_is_gone_stays_gone(history: History) -> Iterator[tuple[Write, str]]:
    """Nothing is written to an object after its deletion; one of that name is another, with a uid of its own.

    Source: apiserver registry/generic/registry/store.go.
    """
    gone: set[tuple[str, str]] = set()
    for write in history.all_writes:
        if not write.uid:
            continue
        identity = (write.cluster, write.uid)
        if identity in gone:
            yield write, f"uid {write.uid} was deleted before"
        if write.deleted:
            gone.add(identity)

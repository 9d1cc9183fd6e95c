"""Quiescence: with no change from outside, writes cease but for those that come round with the clock.

Not one of ``INVARIANTS``, since a story may end in the middle of something: ask it of a world that should be at rest.
"""

from __future__ import annotations

from kcsim.testing.invariants.history import History, Source, Write

PERIODIC = ("lease.coordination.k8s.io/", "event/", "node/", "horizontalpodautoscaler.autoscaling/")


def unrest(source: Source, since: float) -> list[Write]:
    """The writes after ``since`` (seconds) that are no leases, events, node reports or autoscalers' looks.

    Source: workloads reference, 18.14.
    """
    return [
        write
        for write in History.of(source).all_writes
        if write.time > since * 1_000_000 and not write.record.subject.startswith(PERIODIC)
    ]

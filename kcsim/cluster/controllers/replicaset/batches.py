"""Slow start: calls are tried one, then two, four, eight at a time.  Decides; never acts.

**Imitates:** ``slowStartBatch`` of ``pkg/controller/replicaset/replica_set.go`` (v1.36): when quota or a webhook refuses
pods, a sync wastes one call and not hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.profile.constants import DEFAULT

BURST_REPLICAS = DEFAULT.count("kube-controller-manager/replicaset-burst-replicas")
"""At most this many pods are created or deleted in one sync."""

SLOW_START_INITIAL_BATCH_SIZE = DEFAULT.count("kube-controller-manager/slow-start-initial-batch-size")


def slow_start_batches(
    count: int, initial: int = SLOW_START_INITIAL_BATCH_SIZE, *, most: int | None = None
) -> Iterator[int]:
    """The sizes of the batches that together make ``count`` calls, none above ``most``.

    Stop asking after a batch with a failure.
    """
    size = min(count, initial)
    while size > 0:
        yield size
        count -= size
        size = min(2 * size, count, most or count)

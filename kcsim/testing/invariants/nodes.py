"""Promises of the node lifecycle controller."""

from __future__ import annotations

from collections.abc import Iterator

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND
from kcsim.testing.invariants.history import History, Write

RATE = 0.1
"""Nodes a second and zone (--node-eviction-rate)."""
KEYS = frozenset(("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"))
SLACK = SECOND
"""The taints are written some instants after the limiter let them pass."""


def evictions_of_a_zone_are_rate_limited(history: History) -> Iterator[tuple[Write, str]]:
    """In any window of w seconds at most 1 + w/10 nodes of a zone are newly tainted NoExecute for being silent.

    Source: pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go (workloads reference, 18.11).
    """
    tainted: dict[tuple[str, str], list[int]] = {}
    for write in history.writes("node"):
        if write.deleted or not _is_evicted(write.object):
            continue
        if write.before is not None and _is_evicted(write.before.object):
            continue
        labels = objects.labels(write.object)
        zone = "/".join(labels.get(f"topology.kubernetes.io/{part}", "") for part in ("region", "zone"))
        times = tainted.setdefault((write.cluster, zone), [])
        times.append(write.time)
        for earlier, since in enumerate(reversed(times)):
            window = (write.time - since + SLACK) / SECOND
            if earlier + 1 > 1 + RATE * window:
                yield write, f"{earlier + 1} nodes of zone {zone.strip('/') or 'none'} in {window:.1f} s"
                break


def _is_evicted(node: Object) -> bool:
    taints = node["spec"].get("taints") or ()
    return any(taint["key"] in KEYS and taint.get("effect") == "NoExecute" for taint in taints)

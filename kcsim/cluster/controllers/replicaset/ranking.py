"""Which pods a ReplicaSet deletes first when it has too many.  Decides; never acts.

**Imitates:** ``ActivePodsWithRanks.Less`` of ``pkg/controller/controller_utils.go`` and ``getPodsToDelete`` of
``pkg/controller/replicaset/replica_set.go`` (v1.36), LogarithmicScaleDown and PodDeletionCost on.
Differs: upstream falls back to the pods' UIDs only inside an age bucket; what is still equal then keeps the order of an
unstable sort there, and is ordered by name here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cmp_to_key

from kcsim.cluster.controllers.pods import (
    Pod,
    created,
    deletion_cost,
    is_active,
    is_ready,
    phase,
    ready_since,
    restarts,
)

_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def compare_age(one: int | None, other: int | None, now: int, *, logarithmic: bool = True) -> int:
    """Negative when ``one`` is the younger instant (µs). No instant at all counts as the youngest.

    With ``logarithmic`` ages are compared in powers of two, so that pods of about the same age count as equal.
    """
    if one is None or other is None:
        return (other is None) - (one is None)
    if not logarithmic:
        return (one < other) - (one > other)
    return _age_bucket(now - one) - _age_bucket(now - other)


def _age_bucket(age: int) -> int:
    # Go: int64(math.Log2(float64(d))) of nanoseconds. The bit length is the same floor, without a float.
    return (age * 1000).bit_length() if age > 0 else -1


def compare_pods(
    one: Pod,
    other: Pod,
    now: int,
    ranks: tuple[int, int] = (0, 0),
    *,
    logarithmic: bool = True,
    use_deletion_cost: bool = True,
) -> int:
    """Negative when ``one`` is to be deleted before ``other``, 0 when nothing tells them apart.

    ``ranks`` are the numbers of related active pods on the node of each; ``now`` is in µs.
    """
    assigned = bool(one["spec"].get("nodeName")), bool(other["spec"].get("nodeName"))
    if assigned[0] != assigned[1]:
        return -1 if other["spec"].get("nodeName") else 1
    phases = _PHASE_ORDER.get(phase(one), 0), _PHASE_ORDER.get(phase(other), 0)
    if phases[0] != phases[1]:
        return phases[0] - phases[1]
    ready = is_ready(one), is_ready(other)
    if ready[0] != ready[1]:
        return ready[0] - ready[1]
    if use_deletion_cost:
        costs = deletion_cost(one), deletion_cost(other)
        if costs[0] != costs[1]:
            return costs[0] - costs[1]
    # Doubled-up pods go first, so that what remains is spread over the nodes.
    if ranks[0] != ranks[1]:
        return ranks[1] - ranks[0]
    uids = one["metadata"].get("uid", ""), other["metadata"].get("uid", "")
    by_uid = (uids[0] > uids[1]) - (uids[0] < uids[1])
    if ready[0] and ready[1]:
        since = ready_since(one), ready_since(other)
        if since[0] != since[1]:
            younger = compare_age(since[0], since[1], now, logarithmic=logarithmic)
            return younger or by_uid
    restarted = restarts(one), restarts(other)
    if restarted[0] != restarted[1]:
        return -1 if restarted[0] > restarted[1] else 1
    born = created(one), created(other)
    if born[0] != born[1]:
        younger = compare_age(born[0], born[1], now, logarithmic=logarithmic)
        return younger or by_uid
    return 0


def sort_pods(pods: Iterable[Pod], now: int, ranks: dict[str, int] | None = None) -> list[Pod]:
    """The pods, first to be deleted first. ``ranks``: related active pods by node name."""
    by_node = ranks or {}

    def compare(one: Pod, other: Pod) -> int:
        pair = (
            by_node.get(one["spec"].get("nodeName", ""), 0),
            by_node.get(other["spec"].get("nodeName", ""), 0),
        )
        return compare_pods(one, other, now, pair)

    by_name = sorted(pods, key=lambda pod: pod["metadata"]["name"])
    return sorted(by_name, key=cmp_to_key(compare))


def get_pods_to_delete(pods: Sequence[Pod], related: Iterable[Pod], diff: int, now: int) -> list[Pod]:
    """The ``diff`` pods to delete. ``related``: pods of all ReplicaSets of the same controller, these included."""
    if diff >= len(pods):
        return list(pods)
    ranks: dict[str, int] = {}
    for pod in related:
        node = pod["spec"].get("nodeName", "")
        if is_active(pod):
            ranks[node] = ranks.get(node, 0) + 1
    return sort_pods(pods, now, ranks)[:diff]

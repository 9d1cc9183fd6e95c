"""For how long a pod may stay beside NoExecute taints.  Decides; never acts.

**Imitates:** pkg/controller/tainteviction/taint_eviction.go ``getMinTolerationTime`` and ``GetMatchingTolerations``
(component-helpers) (v1.36).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kcsim.api.objects import Object
from kcsim.cluster.scheduler.taints import tolerates
from kcsim.engine.clock import SECOND

FOREVER = -1


def no_execute_taints(node: Object) -> list[Object]:
    """The node's NoExecute taints."""
    return [t for t in (node.get("spec") or {}).get("taints") or () if t.get("effect") == "NoExecute"]


def min_toleration_time(tolerations: Iterable[Object]) -> int:
    """The shortest time that these tolerations allow, in µs; ``FOREVER`` when none sets a limit, 0 without any."""
    shortest = FOREVER
    any_at_all = False
    for toleration in tolerations:
        any_at_all = True
        allowed = toleration.get("tolerationSeconds")
        if allowed is None:
            continue
        if allowed <= 0:
            return 0
        time = allowed * SECOND
        if shortest == FOREVER or time < shortest:
            shortest = time
    return shortest if any_at_all else 0


def matching_tolerations(taints: Sequence[Object], tolerations: Sequence[Object]) -> list[Object] | None:
    """The tolerations that cover the taints, the first for each; None when a taint is not covered."""
    used = []
    for taint in taints:
        found = next((toleration for toleration in tolerations if tolerates(toleration, taint)), None)
        if found is None:
            return None
        used.append(found)
    return used


def time_to_stay(taints: Sequence[Object], tolerations: Sequence[Object]) -> int:
    """How long a pod may stay beside the taints, in µs: ``FOREVER``, or 0 for not at all."""
    if not taints:
        return FOREVER
    used = matching_tolerations(taints, tolerations)
    return 0 if used is None else min_toleration_time(used)

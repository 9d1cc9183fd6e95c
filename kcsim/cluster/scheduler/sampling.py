"""How many feasible nodes are enough.

**Imitates:** ``numFeasibleNodesToFind`` (pkg/scheduler/schedule_one.go, v1.36).
"""

from __future__ import annotations

from kcsim.profile.constants import DEFAULT

MIN_FEASIBLE_NODES_TO_FIND = DEFAULT.count("kube-scheduler/min-feasible-nodes-to-find")
MIN_FEASIBLE_NODES_PERCENTAGE_TO_FIND = DEFAULT.count("kube-scheduler/min-feasible-nodes-percentage-to-find")


def num_feasible_nodes_to_find(nodes: int, percentage: int = 0, profile_percentage: int | None = None) -> int:
    """All of fewer than 100 nodes, else a share of them, at least 100.

    A percentage of 0 means adaptive: 50 less one for each 125 nodes, at least 5.
    """
    if nodes < MIN_FEASIBLE_NODES_TO_FIND:
        return nodes
    share = percentage if profile_percentage is None else profile_percentage
    if share == 0:
        share = max(50 - nodes // 125, MIN_FEASIBLE_NODES_PERCENTAGE_TO_FIND)
    return max(nodes * share // 100, MIN_FEASIBLE_NODES_TO_FIND) if share < 100 else nodes

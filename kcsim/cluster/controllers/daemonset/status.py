"""The status of a DaemonSet.  Decides; never acts.

**Imitates:** ``updateDaemonSetStatus`` and ``storeDaemonSetStatus`` of
``pkg/controller/daemon/daemon_controller.go`` (v1.36). A DaemonSet has no conditions.
"""

from __future__ import annotations

from typing import Any

from kcsim.cluster.controllers.daemonset.node_view import Tally

Object = dict[str, Any]

_ALWAYS_SHOWN = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")


def calculate_status(old: Object, tally: Tally, generation: int | None) -> Object:
    """The new status; ``generation`` None leaves observedGeneration: this sync did not act on it."""
    counts = {
        "currentNumberScheduled": tally.current,
        "numberMisscheduled": tally.misscheduled,
        "desiredNumberScheduled": tally.desired,
        "numberReady": tally.ready,
        "updatedNumberScheduled": tally.updated,
        "numberAvailable": tally.available,
        "numberUnavailable": tally.desired - tally.available,
    }
    status: Object = {key: value for key, value in counts.items() if value or key in _ALWAYS_SHOWN}
    observed = old.get("observedGeneration") if generation is None else generation
    if observed:
        status["observedGeneration"] = observed
    for key in ("collisionCount", "conditions"):
        if key in old:
            status[key] = old[key]
    return status

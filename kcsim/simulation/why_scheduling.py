"""Why a pod went where it is, or nowhere: the scheduler's notes node by node, plugin by plugin.

The notes are written by ``kcsim.cluster.scheduler.reports``; what is read here is their detail as it stands in a trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Detail = Mapping[str, Any]


def facts(detail: Detail) -> str | None:
    """A scheduler's note in a line; None when the detail is something else's."""
    if "refusals" in detail:
        return str(detail.get("message") or f"0/{detail['nodes']} nodes are available")
    if "scores" in detail:
        return f"{detail['node']}: the best of {detail['feasible']} nodes that will do"
    return None


def lines(detail: Detail) -> tuple[str, ...]:
    """What is said of each node."""
    if "refusals" in detail:
        return tuple(_refusals(detail))
    return tuple(
        f"{node}: {sum(scores.values())} = " + " + ".join(f"{name} {n}" for name, n in scores.items())
        for node, scores in (detail.get("scores") or {}).items()
    )


def _refusals(detail: Detail) -> list[str]:
    said = []
    for refusal in detail["refusals"]:
        text = f"{refusal['plugin']}: {', '.join(refusal['reasons'])}"
        named = refusal.get("on")
        if named is None:
            said.append(f"before any node: {text}")
            continue
        said += [f"{node}: {text}" for node in named]
        more = refusal["count"] - len(named)
        if more > 0:
            said.append(f"{more} more nodes: {text}")
    return said

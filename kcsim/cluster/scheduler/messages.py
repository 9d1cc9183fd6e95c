"""Why a pod could not be placed, in upstream's words.

**Imitates:** ``FitError.Error`` (pkg/scheduler/framework/types.go), ``DefaultPreemption`` and ``DynamicResources``
PostFilter texts (v1.36).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kcsim.cluster.scheduler.framework import Code, Status

NO_NODES = "no nodes available to schedule pods"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NO_CLAIMS = "no new claims to deallocate"
NOTE_LIMIT = 1024
"""Characters in an event's note (pkg/apis/core/validation/events.go)."""


def fit_error(
    node_count: int, reasons: Mapping[str, int], pre_filter: str = "", post_filter: str = ""
) -> str:
    """``0/3 nodes are available: 1 node(s) ..., 2 Insufficient cpu. preemption: ...``

    ``reasons`` counts the nodes that gave each reason. The reasons are sorted as text, numbers included.
    """
    text = f"0/{node_count} nodes are available:"
    if pre_filter:
        text += f" {pre_filter}."
    else:
        lines = sorted(f"{count} {reason}" for reason, count in reasons.items())
        if lines:
            text += f" {', '.join(lines)}."
    return f"{text} {post_filter}" if post_filter else text


def reason_counts(statuses: Iterable[tuple[Status, int]]) -> dict[str, int]:
    """How many nodes gave each reason, from (status, number of nodes) pairs."""
    counts: Counter[str] = Counter()
    for status, nodes in statuses:
        for reason in status.reasons:
            counts[reason] += nodes
    return dict(counts)


def preemption_text(node_count: int, statuses: Iterable[tuple[Status, int]]) -> str:
    """The PostFilter text when preemption finds nobody to evict."""
    counts: Counter[str] = Counter()
    for status, nodes in statuses:
        counts[NO_VICTIMS if status.code == Code.UNSCHEDULABLE else NOT_HELPFUL] += nodes
    return post_filter_text(fit_error(node_count, counts))


def post_filter_text(preemption: str, *, claims: bool = True) -> str:
    """``preemption`` as PostFilter reports it; ``claims``: the DynamicResources plugin speaks first (since 1.34)."""
    said = f"preemption: {preemption}"
    return f"{NO_CLAIMS}, {said}" if claims else said


def cut_note(text: str) -> str:
    """An event note within its limit (scheduler: truncateMessage)."""
    return text if len(text) <= NOTE_LIMIT else text[: NOTE_LIMIT - len(" ...")] + " ..."

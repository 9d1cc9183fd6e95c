"""Taints of a node: adding and removing them.  Decides; never acts.

**Imitates:** kube-controller-manager, ``pkg/controller/controller_utils.go`` (AddOrUpdateTaintOnNode,
RemoveTaintOffNode) and ``pkg/util/taints/taints.go`` (v1.36). Writing the node is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Taint = dict[str, Any]


def match_taint(one: Taint, other: Taint) -> bool:
    """Whether two taints are the same one: key and effect decide, the value does not."""
    return _identity(one) == _identity(other)


def _identity(taint: Taint) -> tuple[str, str]:
    return taint.get("key", ""), taint.get("effect", "")


def find_taint(taints: Iterable[Taint], key: str, effect: str | None = None) -> Taint | None:
    """The first taint with this key, and this effect when one is named."""
    for taint in taints:
        if taint.get("key") == key and (effect is None or taint.get("effect") == effect):
            return taint
    return None


def add_or_update_taints(taints: Sequence[Taint], changes: Iterable[Taint]) -> list[Taint]:
    """The taints of a node after ``changes`` were added, each replacing the one of its key and effect in place."""
    result = list(taints)
    for change in changes:
        for i, taint in enumerate(result):
            if match_taint(taint, change):
                # The time of an unchanged taint stays, so that evictions counted from it do not start over.
                if taint.get("value", "") != change.get("value", ""):
                    result[i] = change
                break
        else:
            result.append(change)
    return result


def remove_taints(taints: Sequence[Taint], gone: Iterable[Taint]) -> list[Taint]:
    """The taints of a node without those that match one of ``gone`` by key and effect."""
    removed = list(gone)
    return [taint for taint in taints if not any(match_taint(taint, other) for other in removed)]

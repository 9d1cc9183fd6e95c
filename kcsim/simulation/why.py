"""Why did that happen? The chain of causes of a trace record, told in words.

Works on the lines of trace.jsonl as well as on a living trace, so that a finished world can be asked too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.log import Version
from kcsim.api.patch import merge_patch
from kcsim.engine.shown import Tabular
from kcsim.engine.trace import Record
from kcsim.simulation import why_scheduling
from kcsim.simulation.leaves import differences

Row = Mapping[str, Any]
_FOLD = 3
_LINES, _HEAD = 16, 9
"""A chain longer than so many links is shown with its middle left out, after so many."""
BOOKKEEPING = ("deployment.kubernetes.io/",)
"""Prefixes of annotations by which controllers count for themselves."""
_UNTOLD = frozenset({"rv", "cluster"})
_COUNTED = frozenset({"metadata.generation", "metadata.resourceVersion"})
_TIMES = ("Time", "observedGeneration", "timeAdded")
"""Ends of paths that say when rather than what: told last."""


@dataclass(frozen=True, slots=True)
class Link:
    """One step of the chain: when, who, did what, to what, and the facts in a few words.

    Attributes:
        lines: what else there is to say, told of the first two steps only (for a decision of the scheduler: each node).
    """

    seq: int
    t: str
    actor: str
    verb: str
    object: str
    facts: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"t={float(self.t):.3f}s  {self.actor} {self.verb} {self.object}"
        return f"{text}  {self.facts}" if self.facts else text


@dataclass(frozen=True, slots=True)
class Why(Tabular):
    """The chain from what was asked about (first) to its origin (last)."""

    links: tuple[Link, ...]

    def to_records(self) -> list[dict[str, Any]]:
        """``{seq, t, actor, verb, object, facts}`` for each step, the question first; t in seconds."""
        return [
            {
                "seq": link.seq,
                "t": float(link.t),
                "actor": link.actor,
                "verb": link.verb,
                "object": link.object,
                "facts": link.facts,
            }
            for link in self.links
        ]

    @property
    def origin(self) -> Link:
        """Where it began: a commit, a person, a fault or the clock."""
        return self.links[-1]

    def __str__(self) -> str:
        lines = [str(self.links[0]), *(f"    {line}" for line in self.links[0].lines)]
        left_out = len(self.links) - _LINES if len(self.links) > _LINES + 1 else 0
        for i, link in enumerate(self.links[1:], start=1):
            pad = "  " * min(i, 6)
            if left_out and _HEAD <= i < _HEAD + left_out:
                if i == _HEAD:
                    lines.append(f"{pad}... {left_out} steps in between")
                continue
            lines.append(f"{pad}because {link}")
            if i == 1:
                lines += [f"{pad}    {line}" for line in link.lines]
        return "\n".join(lines)


def of_record(record: Record) -> Why:
    """The chain of a record of a living trace."""
    return Why(tuple(_link(r.to_json(), _previous(r)) for r in record.chain()))


def _previous(record: Record) -> Mapping[str, Any] | None:
    before = record.previous if isinstance(record, Version) else None
    return before.object if before is not None else None


def of_rows(rows: Sequence[Row], index: int) -> Why:
    """The chain of line ``index`` of a trace.jsonl."""
    links = []
    at: int | None = index
    while at is not None:
        row = rows[at]
        links.append(_link(row, _state_before(rows, at)))
        at = row["cause"]
    return Why(tuple(links))


def _state_before(rows: Sequence[Row], index: int) -> Mapping[str, Any] | None:
    """An object as it was before line ``index`` wrote to it, from the merge patches of the lines before."""
    row = rows[index]
    cluster = row["detail"].get("cluster")
    if "set" not in row["detail"] or "apiVersion" in row["detail"]["set"]:
        return None
    state: Any = None
    for earlier in rows[:index]:
        if earlier["object"] != row["object"] or earlier["detail"].get("cluster") != cluster:
            continue
        changed = earlier["detail"].get("set")
        # A line without changes removed the object; what follows is another one of that name.
        state = merge_patch.apply(state, changed) if changed is not None else None
    return state if isinstance(state, Mapping) else None


def last_change(rows: Sequence[Row], wanted: str) -> int | None:
    """The line of an object's last change of substance; ``wanted`` is ``kind/name`` or ``kind/namespace/name``.

    A write of nothing but status and bookkeeping counts only when there is no other.
    """
    matching = [i for i in range(len(rows) - 1, -1, -1) if matches(rows[i]["object"], wanted)]
    for i in matching:
        changed = rows[i]["detail"].get("set")
        if changed is None or _has_substance(changed):
            return i
    return matching[0] if matching else None


def _has_substance(changed: Mapping[str, Any]) -> bool:
    """Whether a merge patch changes what somebody meant, not only how far it is and what controllers note."""
    if set(changed) - {"status", "metadata"}:
        return True
    metadata = changed.get("metadata") or {}
    if set(metadata) - {"annotations", "generation"}:
        return True
    return any(not key.startswith(BOOKKEEPING) for key in metadata.get("annotations") or ())


def matches(subject: str, wanted: str) -> bool:
    """Whether a trace subject (``deployment.apps/shop/web``) is what a person means (``deployment/web``)."""
    have, want = subject.split("/"), wanted.split("/")
    if len(want) < 2 or have[-1] != want[-1]:
        return False
    if have[0] != want[0] and have[0].partition(".")[0] != want[0]:
        return False
    return len(want) == 2 or have == [have[0], *want[1:]]


def _link(row: Row, before: Mapping[str, Any] | None) -> Link:
    detail = row["detail"]
    told = why_scheduling.facts(detail)
    words = _facts(detail, before) if told is None else told
    return Link(
        row["seq"],
        row["t"],
        row["actor"],
        row["verb"],
        row["object"],
        words,
        () if told is None else why_scheduling.lines(detail),
    )


def _facts(detail: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    changed = detail.get("set")
    if changed is None:
        return ", ".join(f"{k}={_short(v)}" for k, v in sorted(detail.items()) if k not in _UNTOLD)
    if "apiVersion" in changed:
        return ""  # a creation: everything is new
    old = before or {}
    leaves = [leaf for leaf in differences(old, merge_patch.apply(old, changed)) if leaf.path not in _COUNTED]
    leaves.sort(key=lambda leaf: (leaf.path.endswith(_TIMES), leaf.path.startswith("status"), leaf.path))
    shown = ", ".join(f"{leaf.path}={_short(leaf.after)}" for leaf in leaves[:_FOLD])
    more = len(leaves) - _FOLD
    return f"{shown} and {more} more" if more > 0 else shown


def _short(value: Any) -> str:
    if isinstance(value, Mapping | list | bool):
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    else:
        text = "removed" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."

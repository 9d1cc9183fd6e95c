"""In what state something is, as every surface shows it: a word, a glyph, and a colour the surface chooses.

Colour never says anything alone: beside it stand the glyph and the word that kubectl prints.

**Walk:** the cells that kubectl shows of an object -> ``state_of`` -> one of five states -> ``GLYPHS``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

State = Literal["ok", "pending", "failed", "unknown", "done", ""]
"""``ok`` works; ``pending`` is on its way; ``failed`` needs somebody; ``done`` has ended as it should; "" has none."""

GLYPHS: Mapping[State, str] = {
    "ok": "●",
    "pending": "◐",
    "failed": "✗",
    "unknown": "?",
    "done": "○",
    "": " ",
}

SEVERITY: tuple[State, ...] = ("failed", "unknown", "pending", "ok", "done", "")
"""The worst first."""

_OK = frozenset({"Active", "Bound", "Available", "Complete", "Established"})
_DONE = frozenset({"Completed", "Succeeded", "Released"})
_PENDING = frozenset(
    {"Pending", "ContainerCreating", "PodInitializing", "Terminating", "NotReady", "Suspended"}
)
_READY_WORDS: Mapping[str, State] = {"True": "ok", "False": "failed", "Unknown": "pending"}


def worst(states: list[State]) -> State:
    """The state that needs attention most; "" of none."""
    return min(states, key=SEVERITY.index, default="")


TELLING = frozenset({"READY", "STATUS", "DESIRED"})
"""The columns that ``state_of`` looks at."""


def state_of(cells: Mapping[str, str]) -> State:
    """The state that a row of ``kubectl get`` tells; ``cells`` by column name in capitals (``READY``, ``STATUS``)."""
    ready, status = cells.get("READY", ""), cells.get("STATUS", "")
    if ready in _READY_WORDS:
        return _READY_WORDS[ready]  # of custom resources; their STATUS is a message
    if status:
        return _by_status(status, ready)
    if "/" in ready:
        return "ok" if _all_ready(ready) else "pending"
    if {"READY", "STATUS"} <= cells.keys() and not ready:
        return "pending"  # a custom resource that no controller has looked at yet
    if "DESIRED" in cells and ready:
        return "ok" if cells["DESIRED"] == ready else "pending"
    return ""


_TELLING: tuple[tuple[State, tuple[str, ...]], ...] = (
    (
        "failed",
        (
            "fail",
            "refused",
            "lost",
            "stuck",
            "NotReady",
            "evicted",
            "BackOff",
            "ErrImagePull",
            "exits with",
            "begins, for",
        ),
    ),
    ("ok", ("complete", "succeeded", "passed", "is over", "again", "repaired", "is Ready", "are Ready")),
    ("pending", ("drift:", "suspended", "rollout begins", "waits", "short of")),
)
"""Words of a timeline's lines and what they say about how things stand; the first that occurs counts."""


_FAILED_COMMAND = re.compile(r"\S+: \w+ failed: ")
"""Who, the program that ended otherwise than with 0, and what it said."""


def state_of_line(lane: str, text: str) -> State:
    """The state that a line of the timeline tells; most tell none."""
    if lane == "person":
        return "failed" if _FAILED_COMMAND.match(text) else ""
    if lane == "git":
        # What a commit says of itself stands in quotes: "mend the failed test" is no failure.
        ours = text.partition('"')[0] + text.rpartition('"')[2] if '"' in text else text
        return "failed" if any(word in ours for word in ("fail", "cannot", "lost")) else ""
    for state, words in _TELLING:
        if any(word in text for word in words):
            return state
    return "failed" if lane == "fault" else ""


def _by_status(status: str, ready: str) -> State:
    words = status.split(",")
    if words[0] == "Running":
        return "ok" if not ready or _all_ready(ready) else "pending"
    if words[0] in {"Ready", *_OK}:
        return "pending" if "SchedulingDisabled" in words else "ok"
    if words[0] in _DONE:
        return "done"
    if words[0] == "NotReady":
        return (
            "failed" if not ready else "pending"
        )  # a node has no READY column; of a pod it means ended containers
    if words[0] == "Unknown":
        return "unknown"
    if words[0] in _PENDING or _initializing(words[0]):
        return "pending"
    return "failed"


def _initializing(word: str) -> bool:
    """``Init:0/2`` is on its way, ``Init:CrashLoopBackOff`` is not."""
    before, colon, after = word.partition(":")
    return before == "Init" and bool(colon) and after[:1].isdigit()


def _all_ready(ready: str) -> bool:
    have, _, want = ready.partition("/")
    return have == want

"""Recordings of a real control plane, answered by the simulated one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.transcripts.observing import played
from tests.transcripts.replay import DIFFERS, OUTSIDE, Outcome

_SHOWN = 12


def test_transcript(recording: dict[str, Any], record_property: Callable[[str, Any], None]) -> None:
    outcomes = played(recording)
    counts = Counter(outcome.verdict for outcome in outcomes)
    reasons = Counter(outcome.why for outcome in outcomes if outcome.verdict == OUTSIDE)
    record_property("transcript", (recording["topic"], dict(counts), dict(reasons)))
    different = [outcome for outcome in outcomes if outcome.verdict == DIFFERS]
    assert not different, report(recording, different)


def report(recording: dict[str, Any], different: list[Outcome]) -> str:
    """The first steps that differ, and where."""
    lines = [f"{recording['topic']}: {len(different)} of {len(recording['steps'])} steps differ"]
    for outcome in different[:_SHOWN]:
        lines.append(f"step {outcome.place}: {str(recording['steps'][outcome.place]['do'])[:300]}")
        lines.extend(f"    {difference}" for difference in outcome.differences[:6])
    return "\n".join(lines)

"""What every test run loads: the Hypothesis profile, the options --vectors and --transcripts, and their tables at the end.

The latter live here and not in tests/vectors because pytest reads options, and a distributed run prints its
summary, before it has seen the folders below.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

from kcsim.testing.profiles import PHASES

# The gate tries the same examples every time; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("gate", derandomize=True, deadline=None, database=None, phases=PHASES)
settings.register_profile("explore", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))

VECTOR_TEST = "::test_vector["


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--vectors",
        metavar="DIR",
        default=None,
        help="folder with conformance vectors (*.json) to run instead of tests/vectors/cases",
    )
    parser.addoption(
        "--transcripts",
        metavar="DIR",
        default=None,
        help="folder with recordings (*.json) to replay instead of tests/transcripts/cases",
    )


def pytest_collection_finish() -> None:
    """Keep the collector from walking fourteen thousand tests over and over: they stay until the end anyway."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints the table of the conformance vectors and that of the recordings, where there were any."""
    _vectors(terminalreporter)
    _transcripts(terminalreporter)


def _transcripts(terminalreporter: Any) -> None:
    """Prints one line per recording: steps that agree, differ, are out of scope; then why they are."""
    rows: list[tuple[str, dict[str, int], dict[str, int]]] = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            rows.extend(
                value for name, value in getattr(report, "user_properties", ()) if name == "transcript"
            )
    if not rows:
        return
    terminalreporter.section("recordings of a real control plane")
    width = max(len("total"), *(len(topic) for topic, _, _ in rows))
    verdicts = ("agree", "differ", "out of scope")
    terminalreporter.write_line(f"{'recording':<{width}}  " + "  ".join(verdicts))
    reasons: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for topic, counts, why in sorted(rows, key=lambda row: row[0]):
        total.update(counts)
        reasons.update(why)
        line = "  ".join(f"{counts.get(verdict, 0):>{len(verdict)}}" for verdict in verdicts)
        terminalreporter.write_line(f"{topic:<{width}}  {line}")
    line = "  ".join(f"{total[verdict]:>{len(verdict)}}" for verdict in verdicts)
    terminalreporter.write_line(f"{'total':<{width}}  {line}")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"  out of scope {count}: {reason}")


def _vectors(terminalreporter: Any) -> None:
    """Prints one line per vector file: passed, failed, skipped; then why cases were skipped."""
    table: dict[str, Counter[str]] = {}
    reasons: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            _, mark, parameters = getattr(report, "nodeid", "").partition(VECTOR_TEST)
            if not mark:
                continue
            file = parameters.partition("/")[0]
            table.setdefault(file, Counter())["failed" if outcome == "error" else outcome] += 1
            if outcome == "skipped":
                reason = str(report.longrepr[2]).removeprefix("Skipped: ")
                reasons.setdefault(file, Counter())[reason] += 1
    if not table:
        return
    terminalreporter.section("conformance vectors")
    width = max(len(file) for file in table)
    terminalreporter.write_line(f"{'file':<{width}}  passed  failed  skipped")
    for file, counts in sorted(table.items()):
        terminalreporter.write_line(
            f"{file:<{width}}  {counts['passed']:>6}  {counts['failed']:>6}  {counts['skipped']:>7}"
        )
        for reason, count in sorted(reasons.get(file, Counter()).items()):
            terminalreporter.write_line(f"{'':<{width}}    skipped {count}: {reason}")

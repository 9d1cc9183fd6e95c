"""What every test run loads: the Hypothesis profile, the --vectors option, the table of conformance cases at the end.

The latter two live here and not in tests/vectors because pytest reads options, and a distributed run prints its
summary, before it has seen the folders below.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

# The gate tries the same examples every time; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("gate", derandomize=True, deadline=None, database=None)
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


def pytest_terminal_summary(terminalreporter: Any) -> None:
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

"""Every fault a scenario file can have is documented, and raised by some test."""

from __future__ import annotations

import re
from functools import cache

import pytest

from kcsim.scenario.diagnostics import CODES
from tests.tidy.tree import ROOT


@cache
def all_tests() -> str:
    """All tests but the tidy ones, as one text."""
    files = sorted(f for f in (ROOT / "tests").rglob("*.py") if "tidy" not in f.parts)
    return "\n".join(f.read_text("utf-8") for f in files)


@pytest.mark.parametrize("code", sorted(CODES))
def test_code_is_documented_and_raised_by_a_test(code: str) -> None:
    assert f"| {code} |" in (ROOT / "docs/errors.md").read_text("utf-8")
    assert code in all_tests(), f"no test raises {code}: {CODES[code].title}"


def test_nothing_raises_a_code_that_the_table_lacks() -> None:
    used = {
        code
        for file in (ROOT / "kcsim").rglob("*.py")
        for code in re.findall(r"\bKC\d{3}\b", file.read_text("utf-8"))
    }
    assert used <= set(CODES)

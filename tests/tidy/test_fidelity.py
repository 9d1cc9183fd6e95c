"""Each row of the fidelity table says how true it is, and names a test that shows it."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.tidy.tree import ROOT

WORDS = {"exact", "simplified", "absent"}


def rows() -> list[tuple[str, str, str, str, str]]:
    """(section, behaviour, upstream, how true, test) of every row of docs/fidelity.md."""
    found = []
    section = ""
    for line in (ROOT / "docs/fidelity.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if (
            line.startswith("|")
            and len(cells) == 4
            and cells[0] != "behaviour"
            and set(cells[0]) - set("-: ")
        ):
            found.append((section, *cells))
    return found  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("section", "behaviour", "upstream", "truth", "test"),
    rows(),
    ids=[f"{row[0]}: {row[1]}" for row in rows()],
)
def test_row_names_its_source_and_an_existing_test(
    section: str, behaviour: str, upstream: str, truth: str, test: str
) -> None:
    word = truth.partition(":")[0].strip()
    assert word in WORDS, f"{section}, {behaviour}: '{word}' is none of {sorted(WORDS)}"
    assert upstream, f"{section}, {behaviour}: says no source"
    if word == "absent":
        assert ":" in truth, f"{section}, {behaviour}: absent, but it does not say what happens instead"
        return
    named = re.findall(r"`([^`]+)`", test)
    assert named, f"{section}, {behaviour}: names no test"
    for each in named:
        path, _, name = each.partition("::")
        file = ROOT / "tests" / path
        assert file.exists(), f"{section}, {behaviour}: there is no tests/{path}"
        assert not name or name in names_in(path), f"{section}, {behaviour}: tests/{path} has no {name}"


@cache
def names_in(path: str) -> frozenset[str]:
    """The functions and classes of a test file."""
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))

"""Tables of the command line keep their columns, with colours and without."""

from __future__ import annotations

import io

import pytest

from kcsim.cli.console import ESCAPES, Console, visible
from kcsim.cli.table import table

CELLS = [
    ("\x1b[32m✓\x1b[0m did not hold, as told", "\x1b[32m✓\x1b[0m held 00:23:36"),
    ("\x1b[31m✗ held, but should not have\x1b[0m", "\x1b[2m○ not judged\x1b[0m"),
]


@pytest.mark.parametrize("width", [60, 72, 80, 100, 160])
@pytest.mark.parametrize("coloured", [True, False])
def test_columns_stand_below_each_other(width: int, coloured: bool) -> None:
    console = Console(io.StringIO(), io.StringIO(), width=width, colour=coloured)
    rows = [
        (
            "shoppers-notice-nothing",
            [cell if coloured else ESCAPES.sub("", cell) for cell in (*pair, pair[0])],
        )
        for pair in CELLS
    ]
    lines = table(console, "Expected", ["push", "flux", "argocd"], rows)
    places = {tuple(i for i, char in enumerate(ESCAPES.sub("", line)) if char in "│┼") for line in lines}
    assert len(places) == 1
    if width >= 72:
        assert all(visible(line.rstrip()) <= width for line in lines)
    assert all(not coloured or line.rfind("\x1b[0m") == line.rfind("\x1b[") for line in lines)
    words = " ".join(ESCAPES.sub("", line).partition("│")[2].partition("│")[0].strip() for line in lines)
    assert "✓ did not hold, as told" in words
    assert "✗ held, but should not have" in words

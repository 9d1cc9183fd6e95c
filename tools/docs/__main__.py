"""Write the generated pages of docs/ from the code they describe.

    python -m tools.docs            write what changed
    python -m tools.docs --check    write nothing; exit 1 when a page is out of date

`PAGES` maps each page to the function that makes it. What people should read about a field stands in the model, about
a fault in the table of faults: one place, one wording. `tests/tidy/test_pages.py` runs the check.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from kcsim.scenario.diagnostics import errors_page
from kcsim.tui import manual
from tools.docs.commands import cli_page
from tools.docs.facade import python_page
from tools.docs.faults import faults_page
from tools.docs.gallery import gallery_page
from tools.docs.lessons import lessons_page
from tools.docs.measures import measures_page
from tools.docs.page import ROOT, page
from tools.docs.scenarios import scenarios_page
from tools.docs.shown import (
    picture_in_full,
    picture_of_a_rollout,
    picture_of_a_run,
    picture_of_lanes,
    picture_of_the_tui,
    picture_of_three_columns,
    picture_of_why,
    tour_page,
)


def tui_page() -> str:
    """docs/tui.md."""
    return page(manual.page(), "the bindings in `kcsim/tui/`")


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/errors.md": errors_page,
    "docs/scenarios.md": scenarios_page,
    "docs/faults.md": faults_page,
    "docs/gallery.md": gallery_page,
    "docs/measures.md": measures_page,
    "docs/cli.md": cli_page,
    "docs/python.md": python_page,
    "docs/tour.md": tour_page,
    "docs/tui.md": tui_page,
    "docs/lessons.md": lessons_page,
    "docs/pictures/drift-at-night.svg": picture_of_a_run,
    "docs/pictures/drift-at-night-in-full.svg": picture_in_full,
    "docs/pictures/why.svg": picture_of_why,
    "docs/pictures/tui.svg": picture_of_the_tui,
    "docs/pictures/lanes.svg": picture_of_lanes,
    "docs/pictures/rollout.svg": picture_of_a_rollout,
    "docs/pictures/three-way.svg": picture_of_three_columns,
}
"""Path from the root -> what makes the page."""


def stale() -> dict[str, str]:
    """The pages whose file differs from what the code says now, with their new text."""
    made = {path: make() for path, make in PAGES.items()}
    return {path: text for path, text in made.items() if _read(ROOT / path) != text}


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def main(arguments: list[str]) -> int:
    """The command."""
    found = stale()
    for path, text in found.items():
        sys.stdout.write(f"{path}\n")
        if "--check" not in arguments:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, "utf-8")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

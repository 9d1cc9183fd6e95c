"""What is loaded when: the core without any surface's library, `kcsim --help` without the simulator."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.tidy.tree import ROOT

SURFACE_LIBRARIES = "textual rich hypothesis pytest _pytest IPython ipykernel nbclient jupytext matplotlib anywidget pandas click"
HEAVY = "textual rich dulwich networkx hypothesis simpy yaml"


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after running some code."""
    program = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import kcsim", f"{SURFACE_LIBRARIES} {HEAVY}"),
        ("import kcsim; kcsim.load('drift-at-night', delivery='flux')", SURFACE_LIBRARIES),
        ("from kcsim.cli.main import main; main(['--help'])", HEAVY),
        ("from kcsim.cli.main import main; main(['--version'])", HEAVY),
    ],
    ids=["import", "load", "help", "version"],
)
def test_only_what_is_needed_is_loaded(code: str, unwanted: str) -> None:
    found = loaded_after(code) & set(unwanted.split())
    assert not found, f"`{code}` loads {sorted(found)}"

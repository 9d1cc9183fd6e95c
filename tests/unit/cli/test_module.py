"""`python -m kcsim` is the same program as `kcsim`."""

import subprocess
import sys

import kcsim


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "kcsim", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert kcsim.__version__ in done.stdout
    helped = subprocess.run(
        [sys.executable, "-m", "kcsim", "--help"], capture_output=True, text=True, check=True
    )
    assert helped.stdout.startswith("Usage: kcsim ")

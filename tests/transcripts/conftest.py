"""Turns recordings into tests: one a file. See README.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recording" not in metafunc.fixturenames:
        return
    asked = metafunc.config.getoption("--transcripts")
    folder = Path(asked) if asked else CASES
    files = sorted(folder.glob("*.json"))
    if asked and not files:
        raise pytest.UsageError(f"--transcripts {asked}: no *.json file in this folder")
    metafunc.parametrize(
        "recording", [pytest.param(json.loads(path.read_text()), id=path.stem) for path in files]
    )

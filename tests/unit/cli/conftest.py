"""The command line as a function: arguments in, exit code and both streams out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kcsim.cli.main import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def kcsim(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "KCSIM_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*argv: str) -> Said:
        capsys.readouterr()
        code = main(argv)
        streams = capsys.readouterr()
        return Said(code, streams.out, streams.err)

    return run

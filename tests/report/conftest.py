"""The recordings that the tests of the report read: a hostile story whose expectations fail, and one of the gallery."""

from __future__ import annotations

from pathlib import Path

import pytest

from kcsim.report import files_of
from kcsim.scenario import compare, recording

HOSTILE = Path(__file__).parent / "hostile.yaml"


def recorded(story: str | Path, folder: Path, *deliveries: str) -> Path:
    twins = compare.compare(story, deliveries or None)
    document = twins.result()
    recording.write(folder, twins, document, files_of(twins, document))
    return folder


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(HOSTILE, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded("drift-at-night", tmp_path_factory.mktemp("gallery"), "push", "flux")

"""Rows as plain data and as data frames, and what is said where a library is missing."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import kcsim
from kcsim.engine.extras import MissingExtra, needed
from kcsim.notebook import spread, timeline


@pytest.fixture(scope="module")
def world() -> kcsim.Simulation:
    world = kcsim.load("plain-release", delivery="flux")
    world.run_until("5m")
    return world


def test_a_frame_needs_pandas_and_says_so(world: kcsim.Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Without("pandas"), *sys.meta_path])
    with pytest.raises(
        MissingExtra, match=r"to_frame\(\) needs pandas.*pip install 'pandas'; to_records\(\)"
    ):
        world.measures().to_frame()


def test_a_frame_has_the_records_as_rows(world: kcsim.Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = SimpleNamespace(from_records=lambda rows: ("frame", rows))
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=frame))
    swept = kcsim.sweep("plain-release", seeds=1, until="2m", progress=False)
    why = world.why("deployment/web", "shop")
    for rows in (world.measures(), timeline(world), why, swept, spread(swept, "api_writes")):
        assert rows.to_records()
        assert rows.to_frame() == ("frame", rows.to_records())


def test_a_real_frame() -> None:
    pandas = pytest.importorskip("pandas", reason="to_frame() needs it, and nothing else does")
    swept = kcsim.sweep("plain-release", seeds=2, deliveries=["push", "flux"], until="2m", progress=False)
    frame = swept.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["seed"]) == [0, 0, 1, 1]


def test_a_library_that_is_there_and_broken_tells_its_own_trouble(tmp_path, monkeypatch) -> None:
    (tmp_path / "brokenlibrary.py").write_text("import something_else_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_else_that_is_not_there"):
        needed("brokenlibrary", "this", "brokenlibrary")


class _Without:
    """Nothing of one library can be found."""

    def __init__(self, library: str) -> None:
        self.library = library

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self.library:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

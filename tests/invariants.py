"""Every world that a test makes is checked against all invariants when the test is over.

A test whose story breaks one on purpose says so: ``@pytest.mark.breaks("name-of-the-invariant")``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def every_world_keeps_its_promises(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    module = sys.modules.get("kcsim.simulation.world")  # loaded by what tests worlds
    if module is None:
        yield
        return
    worlds: list[Any] = []
    made = module.World.__init__

    def remember(self: Any, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        worlds.append(self)

    monkeypatch.setattr(module.World, "__init__", remember)
    yield
    if not worlds:
        return
    from kcsim.testing.invariants import INVARIANTS, check

    broken_on_purpose = {name for mark in request.node.iter_markers("breaks") for name in mark.args}
    names = [name for name in INVARIANTS if name not in broken_on_purpose]
    violations = [str(each) for world in worlds for each in check(world, names)]
    if violations:
        pytest.fail("\n".join(violations), pytrace=False)

"""Faults of the network in scenario files."""

from __future__ import annotations

from pathlib import Path

import pytest

import kcsim
from kcsim.scenario.diagnostics import ScenarioError

ROOT = Path(__file__).parents[3]


def story(folder: Path, entry: str) -> str:
    """The plain release, with a fault at 20 minutes."""
    text = (ROOT / "scenarios" / "plain-release.yaml").read_text()
    lines = "".join(f"    {line}\n" for line in entry.split("\n"))
    changed = text.replace("\nexpectations:", f"\n  - at: 20m\n{lines}\nexpectations:", 1)
    assert changed != text
    path = folder / "story.yaml"
    path.write_text(changed)
    return str(path)


@pytest.mark.parametrize(
    ("entry", "fails"),
    [
        ("fault: network-partition\nlink: users <-> nodes\nfor: 1m", 1.0),
        ("fault: network-partition\nlink: users -> node-1, node-2, node-3\nfor: 1m", 1.0),
        ("fault: network-delay\nlink: users <-> nodes\ndelay: 2s\nfor: 1m", 1.0),
        ("fault: network-loss\nlink: users <-> nodes\nloss: 0.1\nfor: 1m", 0.1956),
        ("fault: network-partition\nlink: node-1 <-> node-2\nfor: 1m", 0.0),
    ],
)
def test_users_feel_the_network(tmp_path: Path, entry: str, fails: float) -> None:
    play = kcsim.load(story(tmp_path, entry), "push")
    (source,) = play.traffic.values()
    play.run_until("20m")
    sent, failed = source.requests()
    play.run_until("21m")
    more, lost = source.requests()
    assert (lost - failed) / (more - sent) == pytest.approx(fails, abs=0.06)
    play.run_until("25m")
    assert source.requests(60_000_000)[1] == 0


def test_a_link_of_nobody_is_told_at_its_place(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as told:
        kcsim.load(story(tmp_path, "fault: network-loss\nlink: node-7 <-> users\nloss: 1"), "push")
    assert sorted(d.code for d in told.value.diagnostics) == ["KC213", "KC704"]

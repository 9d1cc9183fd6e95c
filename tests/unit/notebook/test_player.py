"""The player: what its buttons do, how it looks where it cannot be played, and what it says where something is wrong."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

import kcsim
from kcsim.engine.extras import MissingExtra
from kcsim.notebook import player
from kcsim.notebook.playing.player import VIEW
from kcsim.simulation.faults import FaultError


@pytest.fixture
def world() -> kcsim.Simulation:
    world = kcsim.load("drift-at-night", delivery="flux")
    world.run_until("24m")
    return world


def test_its_state_is_plain_data_of_the_whole_past(world: kcsim.Simulation) -> None:
    state = player(world).state()
    assert json.loads(json.dumps(state)) == state
    assert (state["now"], state["end"], state["over"]) == (1440.0, world.end, False)
    assert any(text.startswith("nico") for _, lane, text in state["moments"] if lane == "person")
    at_22m = [rows for time, rows in state["frames"] if time <= 22 * 60 - 1][-1]
    assert at_22m == [["shop/web", "3/3 ready", "registry.example/shop/web:1.0.0"]]
    assert [row[0][1] for time, row in state["frames"] if time > 1320] == [
        "3/1 ready",
        "1/1 ready",
        "1/3 ready",
        "2/3 ready",
        "3/3 ready",
    ]
    assert state == player(world).state()


def test_it_plays_steps_and_stops_at_the_end_of_the_story(world: kcsim.Simulation) -> None:
    played = player(world)
    played.do({"do": "run", "until": 1500.0})
    assert world.now == 1500.0
    played.do({"do": "step"})
    assert world.now == pytest.approx(33 * 60 + 42.4, abs=0.1)
    assert "kustomize-controller patch kustomization" in played.said
    played.do({"do": "run", "until": 10**9})
    assert (world.now, played.said) == (world.end, "t=1h20m: the story is over")
    played.do({"do": "step"})
    assert (played.said, played.wrong) == ("t=1h20m: the story is over", False)


def test_a_fault_in_the_present_is_put_into_the_world_itself(world: kcsim.Simulation) -> None:
    played = player(world)
    played.do({"do": "inject", "kind": "node-crash", "target": "node-1", "duration": "2m", "when": world.now})
    assert played.sim is world
    assert (played.said, played.wrong) == ("t=24m: node-crash node-1", False)
    assert any(lane == "fault" for _, lane, _ in played.state()["moments"])


def test_a_fault_in_the_past_makes_another_world_and_leaves_the_first_alone(world: kcsim.Simulation) -> None:
    played, before = player(world), world.trace.sha256()
    played.do({"do": "inject", "kind": "node-crash", "target": "node-1", "duration": "", "when": 600.0})
    assert played.sim is not world
    assert played.sim.now == 600.0
    assert "what came after that is another world now" in played.said
    assert world.trace.sha256() == before


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"kind": "node-crush", "target": "node-1"}, "did you mean 'node-crash'"),
        ({"kind": "node-crash", "target": "node-9"}, "node-9"),
        ({"kind": "node-crash", "target": "node-1", "duration": "soon"}, "soon"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    world: kcsim.Simulation, asked: dict[str, Any], said: str
) -> None:
    played, before = player(world), world.trace.sha256()
    played.do({"do": "inject", "duration": "", "when": world.now, **asked})
    assert played.wrong
    assert said in played.said
    assert world.trace.sha256() == before
    played.do({"do": "fly"})
    assert played.said == "the player has no button for 'fly'"


def test_python_gets_exceptions(world: kcsim.Simulation) -> None:
    with pytest.raises(FaultError, match="node-9"):
        player(world).inject("node-crash", "node-9")
    with pytest.raises(ValueError, match="9h lies beyond the end of the story at 1h20m"):
        player(world).run_until("9h")
    with pytest.raises(TypeError, match="a player plays one world, not Twins: give what"):
        player(kcsim.compare("plain-release", until="1m"))
    with pytest.raises(ValueError, match="speed must be a number above 0"):
        player(world, speed=0)


def test_a_bare_simulation_has_lanes_well_beyond_the_present() -> None:
    sim = kcsim.Simulation(nodes=1)
    assert player(sim).state()["end"] == 600.0
    sim.run_until("6m")
    played = player(sim)
    assert played.state()["end"] == 1200.0
    played.do({"do": "run", "until": 1100.0})
    assert sim.now == 1100.0


def test_without_its_extra_it_is_a_still_that_says_what_to_do(
    world: kcsim.Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    played = player(world)
    bundle = played._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "<svg" in bundle["text/html"]
    assert "pip install &#x27;kcsim[notebook]&#x27;; sim.step(), sim.run_until()" in bundle["text/html"]
    assert "<svg" in played._display_()._repr_html_()
    with pytest.raises(MissingExtra, match=r"the player needs anywidget.*pip install 'kcsim\[notebook\]'"):
        _ = played.widget


class TestFace:
    """With the extra: two dicts that travel."""

    @pytest.fixture(autouse=True)
    def _extra(self) -> None:
        pytest.importorskip("anywidget", reason="needs the notebook extra")

    def test_what_is_asked_is_done_and_answered(self, world: kcsim.Simulation) -> None:
        widget = player(world).widget
        assert widget.state["answered"] == 0
        widget.asked = {"do": "run", "until": 1500.0, "n": 1}
        assert world.now == 1500.0
        assert (widget.state["answered"], widget.state["now"]) == (1, 1500.0)
        widget.asked = {
            "do": "inject",
            "kind": "node-crash",
            "target": "node-9",
            "duration": "",
            "when": 1500,
            "n": 2,
        }
        assert (widget.state["answered"], widget.state["wrong"]) == (2, True)

    def test_it_shows_as_a_widget_a_picture_and_text(self, world: kcsim.Simulation) -> None:
        played = player(world)
        bundle = played._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html", VIEW}
        assert "run this cell in JupyterLab, VS Code or marimo" in bundle["text/html"]
        assert played._display_() is played.widget

    def test_it_offers_the_faults_that_need_only_a_target(self, world: kcsim.Simulation) -> None:
        settings = player(world, speed=7).settings()
        assert settings["speeds"] == [1, 7, 10, 60, 300]
        kinds = [kind for kind, _, _ in settings["faults"]]
        assert "node-crash" in kinds
        assert player(world).widget.settings["faults"] == settings["faults"]

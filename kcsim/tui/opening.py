"""From a scenario of the gallery to a world that can be watched."""

from __future__ import annotations

from kcsim.engine.clock import seconds
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play
from kcsim.tui.session import Session


def open_session(scenario: Scenario, delivery: str | None = None, seed: int | None = None) -> Session:
    """A world that plays the scenario, at its very beginning.

    Raises:
        ValueError: the scenario has no such delivery.
    """
    play = Play(scenario, delivery or "", seed)
    return Session(play, title=scenario.name, delivery=play.delivery, end=seconds(play.end))

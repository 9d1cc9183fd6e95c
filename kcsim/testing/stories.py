"""Play a story in a test and demand that its expectations hold; a story that breaks one is saved as a scenario file.

**Walk:** a scenario -> ``demand`` plays it to its end -> each broken expectation becomes part of one readable failure: the
virtual time, the chain of causes, what differs, and the command that replays it.
"""

from __future__ import annotations

import os
from pathlib import Path

from kcsim.engine.clock import format_duration, seconds
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play

COUNTEREXAMPLES = Path(".kcsim") / "counterexamples"
"""Where broken stories are saved, below the working directory."""


class BrokenStory(AssertionError):
    """An expectation of a story did not hold; the message tells the whole of it."""


def play(scenario: Scenario, delivery: str = "flux", *, checking: bool = False) -> Play:
    """The scenario, played to its end under one delivery."""
    world = Play(scenario, delivery, checking=checking)
    world.finish()
    return world


def demand(
    scenario: Scenario, delivery: str = "flux", *, folder: Path = COUNTEREXAMPLES, checking: bool = False
) -> Play:
    """Play a story and demand its expectations; gives the world for further looks.

    On failure the scenario is written to ``folder`` as ``<its name>.yaml``. While Hypothesis shrinks, each smaller
    counterexample takes the place of the one before, so that the smallest one stays.

    Raises:
        BrokenStory: an expectation did not hold.
    """
    __tracebackhide__ = True
    world = play(scenario, delivery, checking=checking)
    broken = [verdict for verdict in world.verdicts() if not verdict.passed]
    if broken:
        raise BrokenStory(_told(world, broken, save(scenario, folder)))
    return world


def save(scenario: Scenario, folder: Path = COUNTEREXAMPLES) -> Path:
    """Write the scenario to ``folder``, as a whole or not at all; gives the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{scenario.name}.yaml"
    draft = file.with_suffix(f".{os.getpid()}.part")
    draft.write_text(to_yaml(scenario), encoding="utf-8")
    draft.replace(file)
    return file


def _told(world: Play, broken: list[Verdict], file: Path) -> str:
    lines = []
    for verdict in broken:
        when = f" at t={format_duration(seconds(verdict.at))}" if verdict.at is not None else ""
        lines.append(f"{verdict.name} does not hold under {world.delivery}{when}")
        lines.append(f"  {verdict.why}")
    adrift = world.drift("", "")
    if adrift:
        lines.append(f"  adrift at the end: {', '.join(adrift)}")
        kind_and_name = adrift[0]
        lines.extend(f"  {line}" for line in str(world.why(kind_and_name)).splitlines())
    steps = ", ".join(f"{entry.name} (t={format_duration(entry.at)})" for entry in world.scenario.timeline)
    lines.append(f"{len(world.scenario.timeline)} steps: {steps or 'none'}; seed {world.seed}")
    lines.append(f"replay: kcsim test {file}")
    return "\n".join(lines)

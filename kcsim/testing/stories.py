"""Play a story in a test and demand that its expectations hold; a story that breaks one is saved as a scenario file.

**Walk:** a scenario -> ``demand`` plays it to its end -> each broken expectation becomes part of one readable failure: the
virtual time, the chain of causes, what differs, and the command that replays it.
"""

from __future__ import annotations

import os
from pathlib import Path

from kcsim.engine.clock import MILLISECOND, format_duration, seconds
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.expectations import Verdict
from kcsim.scenario.model import Scenario, TimelineEntry
from kcsim.scenario.play import Play
from kcsim.simulation.faults import KINDS
from kcsim.testing.temporal import causes

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
        at = None if verdict.at is None else seconds(verdict.at) // MILLISECOND * MILLISECOND
        when = f" at t={format_duration(at)}" if at is not None else ""
        lines.append(f"{verdict.name} does not hold under {world.delivery}{when}")
        lines.append(f"  {verdict.why}")
        lines += causes(verdict.record, "by") if verdict.record is not None else []
    adrift = world.drift("", "")
    if adrift:
        lines.append(f"  adrift at the end: {', '.join(adrift)}")
        kind_and_name = adrift[0]
        lines.extend(f"  {line}" for line in str(world.why(kind_and_name)).splitlines())
    steps = [_step(entry) for entry in world.scenario.timeline]
    counted = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
    lines.append(f"{counted}: {', '.join(steps) or 'none'}; seed {world.seed}")
    lines.append(f"replay: kcsim test {file}")
    return "\n".join(lines)


def _step(entry: TimelineEntry) -> str:
    """``chaos-1: image-crash registry.example/shop/web:1 for 10s (t=5m)``."""
    what = entry.kubectl or ""
    if entry.fault is not None:
        target = getattr(entry, KINDS[entry.fault].target, None) if KINDS[entry.fault].target else None
        lasts = f"for {format_duration(entry.for_)}" if entry.for_ else ""
        what = " ".join(part for part in (entry.fault, target, lasts) if part)
    return f"{': '.join(part for part in (entry.name, what) if part)} (t={format_duration(entry.at)})"

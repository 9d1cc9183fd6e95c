"""What `kcsim run` prints of finished worlds: what happened, the measures side by side, the expectations, what to try next.

Text only: everything told here is read from the worlds through the views. Lines are wrapped to the terminal and never
cut; beside every colour stands a glyph or a word. The same worlds give the same text.

**Walk:** `tell_story` -> a list of lines for each part (happened.py, results.py, here) -> the console.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kcsim.cli.console import Console, padded, visible, wrapped
from kcsim.cli.happened import at_a_glance, happened, parted
from kcsim.cli.results import explained, judged, measured
from kcsim.cli.table import role_of
from kcsim.engine.clock import SECOND, format_duration
from kcsim.scenario.model import Flux
from kcsim.scenario.recording import NAMELESS
from kcsim.views.readiness import INFRASTRUCTURE
from kcsim.views.timeline import timeline

if TYPE_CHECKING:  # what the command has loaded already
    from kcsim.scenario.compare import Twins
    from kcsim.scenario.play import Play

OUT = "out"
"""The folder that the commands to try next name."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: which worlds got to their end, whether somebody stopped it, and what it was asked for.

    Attributes:
        scenario: as the user named it; "" for a repository alone.
        options: what else the user asked for and a further run should have: --until, --set, --repo, --path, --pace.
        done: the worlds that got to their end.
        interrupted: whether Ctrl-C was pressed.
        out: where it was written to, if it was.
    """

    scenario: str
    options: tuple[str, ...]
    done: tuple[str, ...]
    interrupted: bool
    out: Path | None


def tell_story(console: Console, twins: "Twins", ending: Ending) -> None:
    """Print the whole of it; measures and verdicts of worlds that got to their end only."""
    worlds = twins.worlds
    done = {name: worlds[name] for name in ending.done}
    compared = type(twins)(twins.scenario, done).table() if done else None
    timelines = {name: timeline(world) for name, world in worlds.items()}
    parts = [
        heading(console, worlds),
        at_a_glance(console, worlds, timelines),
        happened(console, timelines),
        parted(console, twins) if len(done) > 1 else [],
        measured(console, compared) if compared is not None else [],
        explained(console, next(iter(done.values())).measures()) if len(worlds) == 1 and done else [],
        judged(console, {name: world.verdicts() for name, world in done.items()}),
        refused(console, worlds),
        [] if ending.interrupted else next_steps(console, worlds, ending),
    ]
    for number, lines in enumerate(part for part in parts if part):
        if number:
            console.print()
        for line in lines:
            console.print(line.rstrip())


def heading(console: Console, worlds: Mapping[str, "Play"]) -> list[str]:
    """Which story this is, in which worlds."""
    world = next(iter(worlds.values()))
    story = world.scenario
    lines = [console.paint(story.title or story.name, "title")]
    lines.extend(wrapped(story.summary, console.width) if story.summary else [])
    names = " | ".join(console.paint(name, role_of(place)) for place, name in enumerate(worlds) if name)
    length = format_duration(round(world.end * SECOND))
    facts = [names, f"seed {world.seed}", f"{length} of virtual time"]
    lines.append(console.paint("  ·  ", "dim").join(fact for fact in facts if fact))
    return lines


# What went wrong for a reason that a beginner cannot see.


def refused(console: Console, worlds: Mapping[str, "Play"]) -> list[str]:
    """What to do when Flux refuses manifests that a pipeline applies: kubectl puts them into a namespace, Flux does not."""
    lines: list[str] = []
    for place, (name, world) in enumerate(worlds.items()):
        delivery = world.scenario.deliveries.get(name)
        reasons = (attempt.reason for attempt in world.way.attempts)
        if not isinstance(delivery, Flux) or not any(_WITHOUT_NAMESPACE in reason for reason in reasons):
            continue
        field = "kustomization" if not delivery.kustomizations else "kustomizations[0]"
        option = f"--set {shlex.quote(f'deliveries.{name}.{field}.targetNamespace=default')}"
        lead = console.paint(name, role_of(place))
        text = (
            "refused objects that name no namespace; kubectl would have put them into its own. To name one:"
        )
        lines.extend(wrapped(f"{lead}: Flux {text}", console.width))
        lines.append(f"  {console.paint(option, 'command')}")
    return lines


_WITHOUT_NAMESPACE = "namespace not specified"


# What to try next.


def next_steps(console: Console, worlds: Mapping[str, "Play"], ending: Ending) -> list[str]:
    """The commands to try next, those that fit what was just done."""
    first = next(iter(worlds.values()))
    again = shlex.join(["kcsim", "run", *([ending.scenario] if ending.scenario else []), *ending.options])
    world, target = _of_interest(worlds)
    why = (
        f"kcsim why {shlex.quote(f'{ending.out or OUT}/{world}')} {target}",
        "its causes, back to the first",
    )
    steps = (
        [why]
        if ending.out is not None
        else [(f"{again} --out {OUT}", "keep what happened, and ask why:"), why]
    )
    if len(worlds) > 1:
        steps.append((f"{again} --delivery {list(worlds)[-1]}", "one world alone, told in full"))
    elif len(first.scenario.deliveries) > 1:
        steps.append((again, "every delivery, side by side"))
    steps.append((f"{again} --seed {first.seed + 1}", "the same story with other dice"))
    if ending.scenario:
        steps.append((shlex.join(["kcsim", "tui", ending.scenario]), "watch it, step, break something"))
    width = max(len(command) for command, _ in steps)
    lines = [console.paint("Try next", "bold")]
    if ending.out is not None:
        folders = ", ".join(f"{ending.out}/{name or NAMELESS}" for name in worlds)
        read = f"{ending.out}/report.html"
        lines = [*wrapped(f"Written to {folders}; to read: {read}", console.width), "", *lines]
    for command, text in steps:
        line = f"  {padded(console.paint(command, 'command'), width)}  {console.paint(text, 'dim')}"
        lines.append(line if visible(line) <= console.width else f"  {console.paint(command, 'command')}")
    return lines


def _of_interest(worlds: Mapping[str, "Play"]) -> tuple[str, str]:
    """(folder of a world, object): the first Deployment that is not the delivery's own, of the last world with one."""
    for name, world in reversed(list(worlds.items())):
        for deployment in world.list("deployments"):
            if deployment["metadata"]["namespace"] not in INFRASTRUCTURE:
                return name or NAMELESS, f"deployment/{deployment['metadata']['name']}"
    return list(worlds)[-1] or NAMELESS, "node/node-1"

"""`kcsim run --repo PATH` without a scenario: the worlds of a repository alone, and what is told of each commit in them.

**Walk:** `Asked` -> the story made of the repository, its faults and warnings told -> a world a delivery -> after the run:
what was taken for granted, then for each world the commits with order, convergence, what went, what is not ready, the worst
moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kcsim.cli.console import Console, padded, wrapped
from kcsim.cli.problems import tell_diagnostics
from kcsim.cli.table import role_of

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.scenario.compare import Twins
    from kcsim.scenario.rehearsal.outcome import Applied, Rehearsed
    from kcsim.scenario.rehearsal.story import Asked

SHOWN = 40
"""Writes that are told of one commit; `--json` has them all."""


def load_what_if(
    console: Console, asked: "Asked", deliveries: Sequence[str], *, seed: int | None, until: str | None
) -> "tuple[Twins, tuple[str, ...]]":
    """The worlds of a repository, ready to run, and what was taken for granted. Warnings go to stderr.

    Raises:
        ScenarioError: with every fault.
    """
    from kcsim.scenario.compare import Twins
    from kcsim.scenario.diagnostics import ScenarioError
    from kcsim.scenario.play import Play, delivery_named
    from kcsim.scenario.rehearsal.story import story_of

    story = story_of(asked)
    scenario = story.loaded.scenario
    if scenario is None:
        raise ScenarioError(found for found in story.loaded.diagnostics if found.severity == "error")
    tell_diagnostics(console, story.loaded.warnings)
    named = list(dict.fromkeys(delivery_named(scenario, name) for name in deliveries))
    chosen = named or list(scenario.deliveries)
    return Twins(scenario, {name: Play(scenario, name, seed, until=until) for name in chosen}), story.notes


def rehearsal_of(twins: "Twins", notes: Sequence[str]) -> dict[str, Any]:
    """The part of the `--json` document that a scenario's has not."""
    from kcsim.scenario.rehearsal.outcome import rehearsed

    worlds = {
        name: [each.to_json() for each in rehearsed(world)] for name, world in sorted(twins.worlds.items())
    }
    return {"notes": list(notes), "worlds": worlds}


def tell_rehearsal(console: Console, twins: "Twins", notes: Sequence[str]) -> None:
    """Print it."""
    from kcsim.scenario.rehearsal.outcome import rehearsed

    lines = [console.paint("Taken for granted", "bold"), *_listed(console, notes), ""]
    for place, (name, world) in enumerate(twins.worlds.items()):
        for each in rehearsed(world):
            lines.extend([console.paint(f"{name}: {each.title}", role_of(place)), *_told(console, each), ""])
    for line in lines[:-1]:
        console.print(line.rstrip())


def _told(console: Console, each: "Rehearsed") -> list[str]:
    from kcsim.engine.clock import format_duration

    if each.converged is not None:
        took = f"converged after {_short(each.converged)}"
    else:
        took = "never converged" + (f": {each.failure}" if each.failure else "")
    lines = _indented(console, f"committed at {format_duration(each.at)}, {took}")
    if each.order:
        lines.append("  Order of application")
        lines.extend(_ordered(each.order[:SHOWN]))
        if each.order[SHOWN:]:
            lines.append(f"    ... and {len(each.order) - SHOWN} more (--json)")
    else:
        lines.append("  Nothing was applied")
    sections: Mapping[str, Iterable[str]] = {
        "Pruned": each.pruned,
        "No longer in git, and still there: nothing prunes it": each.left,
        "Never becomes ready": [f"{found.object}: {found.why}" for found in each.unready],
        "Worst moment": [
            f"{worst.object}: {worst.available} of {worst.of} available"
            + (f", {_short(worst.at)} after the commit" if worst.available < worst.of else " all the time")
            for worst in each.worst
        ],
    }
    for title, told in sections.items():
        told = list(told)
        if told:
            lines.extend([f"  {title}", *_listed(console, told, "    ")])
    return lines


def _indented(console: Console, text: str) -> list[str]:
    return [f"  {line}" for line in wrapped(text, console.width - 2)]


def _ordered(order: "Sequence[Applied]") -> list[str]:
    width = max(len(_short(each.at)) for each in order)
    return [
        f"    {padded('+' + _short(each.at), width + 1)}  {padded(each.verb, 10)}  {each.object}"
        + (f"  ({each.scope})" if each.scope else "")
        for each in order
    ]


def _listed(console: Console, texts: Iterable[str], indent: str = "  ") -> list[str]:
    lines: list[str] = []
    for text in texts:
        first, *rest = wrapped(text, console.width - len(indent) - 2)
        lines.append(f"{indent}- {first}")
        lines.extend(f"{indent}  {line}" for line in rest)
    return lines


def _short(us: int) -> str:
    """A duration to the tenth of a second."""
    from kcsim.engine.clock import SECOND, format_duration

    tenth = SECOND // 10
    return format_duration((us + tenth // 2) // tenth * tenth)

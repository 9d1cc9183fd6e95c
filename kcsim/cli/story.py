"""What `kcsim run` prints of finished worlds: what happened, the measures side by side, the expectations, what to try next.

Text only: everything told here is read from the worlds through the views. Lines are wrapped to the terminal and never
cut; beside every colour stands a glyph or a word. The same worlds give the same text.

**Walk:** `tell_story` -> a list of lines for each part -> the console. Tables are drawn by table.py.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kcsim.cli.console import Console, padded, visible, wrapped
from kcsim.cli.table import role_of, table
from kcsim.engine.clock import SECOND, clock_text, format_duration
from kcsim.scenario.recording import NAMELESS
from kcsim.views.comparison import comparison
from kcsim.views.lanes import Lane, Scale, lanes, ruler
from kcsim.views.merged import Row, merged
from kcsim.views.readiness import INFRASTRUCTURE, Readiness
from kcsim.views.timeline import Moment, timeline

if TYPE_CHECKING:  # what the command has loaded already
    from kcsim.scenario.compare import Table, Twins
    from kcsim.scenario.expectations import Verdict
    from kcsim.scenario.measures import Measure
    from kcsim.scenario.play import Play

CLOCK = 10
LANE = 8
"""Columns of the first two columns of the timeline."""
OUT = "out"
"""The folder that the commands to try next name."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: which worlds got to their end, whether somebody stopped it, and what it was asked for.

    Attributes:
        scenario: as the user named it.
        options: what else the user asked for and a further run should have: --until, --set, --repo, --pace.
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


# At a glance: lanes.


def at_a_glance(
    console: Console, worlds: Mapping[str, "Play"], timelines: Mapping[str, Sequence[Moment]]
) -> list[str]:
    """Each world as a few lines of marks below a ruler."""
    lines: list[str] = []
    for place, (name, world) in enumerate(worlds.items()):
        now = world.engine.now
        scale = Scale(0, max(now, round(world.end * SECOND)), console.width - CLOCK)
        lines.append(
            padded(console.paint(name or "world", role_of(place)), CLOCK)
            + console.paint(ruler(scale, 12), "dim")
        )
        ready = Readiness()
        ready.update(world.world.cluster.server.log)
        told = [moment for moment in timelines[name] if moment.lane != "api"]
        lines.extend(_lane(console, lane) for lane in lanes(told, ready.steps, scale, now))
    marks = (
        "◆ commit, ■ pipeline, ▲ agent, @ person, ✗━○ fault, ~ requests fail, █▄▁ pods ready: all, some, none"
    )
    lines.extend(console.paint(line, "dim") for line in wrapped(marks, console.width))
    return lines


def _lane(console: Console, lane: Lane) -> str:
    """A lane, each stretch of one state in its colour; the glyphs alone say the same."""
    parts = [padded(f"  {lane.name}", CLOCK)]
    begin = 0
    for end in range(1, len(lane.glyphs) + 1):
        if end == len(lane.glyphs) or lane.states[end] != lane.states[begin]:
            text = lane.glyphs[begin:end]
            role = _STATE_ROLES.get(lane.states[begin], "")
            parts.append(console.paint(text, role) if role else text)
            begin = end
    return "".join(parts)


_STATE_ROLES = {"ok": "good", "pending": "warn", "failed": "bad", "unknown": "dim", "done": "dim"}


# What happened.

_STEP = re.compile(r"\b\d+ of \d+ ready( at the new version)?$")


def happened(console: Console, timelines: Mapping[str, Sequence[Moment]]) -> list[str]:
    """The timelines of all worlds as one, with a mark for each world in which it happened.

    Of several worlds the steps of pipelines and rollouts are left out; of one everything is told.
    """
    several = len(timelines) > 1
    kept = {
        name: [moment for moment in moments if not several or not _is_step(moment)]
        for name, moments in timelines.items()
    }
    rows = merged(kept)
    if not rows:
        return []
    names = list(timelines) if several else []
    marks = sum(len(name) + 2 for name in names)
    longest = max(len(row.moment.text) for row in rows)
    width = min(longest, console.width - CLOCK - LANE - marks)
    heads = "".join(f"  {console.paint(name, role_of(place))}" for place, name in enumerate(names))
    lines = [padded(console.paint("What happened", "bold"), CLOCK + LANE + width) + heads]
    for row in rows:
        lines.extend(_row(console, row, names, width))
    dropped = sum(len(timelines[name]) - len(kept[name]) for name in timelines)
    if dropped:
        note = f"({dropped} steps of pipelines and rollouts left out: --delivery {next(iter(timelines))} tells all)"
        lines.append(console.paint(note, "dim"))
    return lines


def _is_step(moment: Moment) -> bool:
    """Whether it only leads from one moment to another: a stage that passed, a pod more, a machine that booted."""
    kind = moment.subject.partition("/")[0]
    return (
        (kind == "stage" and moment.verb == "succeed")
        or (moment.lane == "pods" and _STEP.search(moment.text) is not None)
        or (kind == "node" and moment.time < 10 * SECOND)
    )


def _row(console: Console, row: Row[Moment], names: Sequence[str], width: int) -> list[str]:
    first, *rest = wrapped(row.moment.text, width, "  ", "")
    marks = "".join(
        "  " + _centred("●" if time is not None else "·", len(name), console, role_of(place))
        for place, (name, time) in enumerate(zip(names, row.times, strict=False))
    )
    clock = console.paint(padded(clock_text(row.time), CLOCK), "dim")
    lane = console.paint(padded(row.moment.lane, LANE), _LANE_ROLES.get(row.moment.lane, "dim"))
    return [
        f"{clock}{lane}{padded(first, width)}{marks}",
        *(f"{' ' * (CLOCK + LANE)}{line}" for line in rest),
    ]


_LANE_ROLES = {"fault": "bad", "person": "warn", "git": "bold"}


def _centred(mark: str, width: int, console: Console, role: str) -> str:
    left = (width - 1) // 2
    return padded(" " * left + console.paint(mark, role if mark == "●" else "dim"), width)


def parted(console: Console, twins: "Twins") -> list[str]:
    """Where the first two worlds first went different ways, and why."""
    found = twins.divergence()
    if found is None:
        return []
    lines = [
        f"{console.paint('The worlds part', 'bold')} at {clock_text(round(found.time * SECOND))}: {found.object}"
    ]
    places = {name: place for place, name in enumerate(twins.worlds)}
    for side in found.sides:
        name = padded(console.paint(side.delivery, role_of(places[side.delivery])), CLOCK - 2)
        if side.why is None:
            lines.append(f"  {name}nothing changes")
            continue
        for number, link in enumerate(side.why.links):
            because = "because " if number else ""
            lead = f"  {name}" if not number else " " * CLOCK
            clock = clock_text(round(float(link.t) * SECOND))
            actor = link.actor.rpartition(":")[2]
            text = f"{because}{clock} {actor} {link.verb} {link.object}"
            facts = f"  {link.facts}" if link.facts and not number else ""
            first, *rest = wrapped(text + facts, console.width - CLOCK, "  ", "")
            lines.append(lead + first)
            lines.extend(" " * CLOCK + line for line in rest)
    return lines


# Measures and expectations, side by side.


def measured(console: Console, compared: "Table") -> list[str]:
    """The measures that happened in some world, a column a world; what is a text and no number stands below."""
    single = len(compared.columns) == 1
    units = {row.name: row.unit for row in compared.measures}
    found = [line for line in comparison(compared, every=single) if line.kind == "measure"]
    rows = [(line.title, line.cells) for line in found if units[line.name]]
    lines = table(console, "Measured", compared.columns, rows, differing=not single)
    for line in found:
        if not units[line.name]:
            lines.extend(_texts(console, line.title, compared.columns, line.cells))
    return lines


def _texts(console: Console, title: str, names: Sequence[str], texts: Sequence[str]) -> list[str]:
    lines = [title]
    for place, (name, text) in enumerate(zip(names, texts, strict=True)):
        lead = padded(console.paint(name, role_of(place)), CLOCK - 2)
        first, *rest = wrapped(text, console.width - CLOCK)
        lines.append(f"  {lead}{first}")
        lines.extend(" " * CLOCK + line for line in rest)
    return lines


def explained(console: Console, measures: Sequence["Measure"]) -> list[str]:
    """What the measures of a single world are made of."""
    lines: list[str] = []
    for measure in measures:
        if measure.unit and measure.value is not None and measure.detail:
            lines.append(f"{measure.title}: {measure.text}")
            for detail in measure.detail:
                lines.extend(
                    console.paint(line, "dim") for line in wrapped(detail, console.width, "    ", "  ")
                )
    return [console.paint("In detail", "bold"), *lines] if lines else []


def judged(console: Console, worlds: Mapping[str, Sequence["Verdict"]]) -> list[str]:
    """The expectations, a column a world, and below why those failed that should not have."""
    first = next(iter(worlds.values()), ())
    if not first:
        return []
    by_world = [{verdict.name: verdict for verdict in verdicts} for verdicts in worlds.values()]
    rows = [(each.name, [_verdict(console, verdicts[each.name]) for verdicts in by_world]) for each in first]
    lines = table(console, "Expected", list(worlds), rows)
    judged_ones = [(name, v) for name, vs in worlds.items() for v in vs if v.expected != "not judged"]
    failed = [(name, verdict) for name, verdict in judged_ones if not verdict.passed]
    for name, verdict in failed:
        under = f" under {name}" if name else ""
        lines.append(f"{console.paint('✗', 'bad')} {console.paint(verdict.name, 'bold')}{under}")
        lines.extend(wrapped(verdict.why, console.width, "  "))
        if verdict.note:
            lines.extend(console.paint(line, "dim") for line in wrapped(verdict.note, console.width, "  "))
    if failed:
        text = f"✗ {len(failed)} of {len(judged_ones)} came out otherwise than the story says"
        lines.append(console.paint(text, "bad"))
    else:
        lines.append(console.paint(f"✓ all {len(judged_ones)} came out as the story says", "good"))
    return lines


def _verdict(console: Console, verdict: "Verdict") -> str:
    word = "held" if verdict.held else "did not hold"
    if verdict.expected == "not judged":
        return console.paint(f"○ {word}, not judged", "dim")
    if not verdict.passed:
        return console.paint(f"✗ {word}", "bad")
    if verdict.expected == "fails":
        return f"{console.paint('✓', 'good')} {word}, as told"
    at = f" at {clock_text(round(verdict.at * SECOND))}" if verdict.at is not None else ""
    return f"{console.paint('✓', 'good')} {word}{at}"


# What to try next.


def next_steps(console: Console, worlds: Mapping[str, "Play"], ending: Ending) -> list[str]:
    """The commands to try next, those that fit what was just done."""
    first = next(iter(worlds.values()))
    again = shlex.join(["kcsim", "run", ending.scenario, *ending.options])
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
    steps.append((shlex.join(["kcsim", "tui", ending.scenario]), "watch it, step, break something"))
    width = max(len(command) for command, _ in steps)
    lines = [console.paint("Try next", "bold")]
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

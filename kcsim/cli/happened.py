"""What happened in the worlds of a run, as text: lanes at a glance, the timelines as one, and where the worlds part.

Lanes and moments come from the views; here they get their place on the terminal and their colours.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kcsim.cli.console import Console, padded, wrapped
from kcsim.cli.table import role_of
from kcsim.engine.clock import SECOND, clock_text
from kcsim.views.lanes import Lane, Scale, lanes, ruler
from kcsim.views.merged import Row, merged
from kcsim.views.readiness import Readiness
from kcsim.views.timeline import Moment

if TYPE_CHECKING:  # what the command has loaded already
    from kcsim.scenario.compare import Twins
    from kcsim.scenario.play import Play

CLOCK = 10
LANE = 8
"""Columns of the first two columns of the timeline."""


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
        ready.update(*(cluster.server.log for cluster in world.world.clusters.values()))
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
        (kind in {"stage", "job"} and moment.verb == "succeed")
        or (moment.lane == "pods" and _STEP.search(moment.text) is not None)
        or (kind == "node" and moment.time < 10 * SECOND)
    )


def _row(console: Console, row: Row[Moment], names: Sequence[str], width: int) -> list[str]:
    name = row.moment.lane if len(row.moment.lane) < LANE else f"{row.moment.lane} "
    room = width - max(0, len(name) - LANE)
    first, *rest = wrapped(row.moment.text, room, "  ", "")
    marks = "".join(
        "  " + _centred("●" if time is not None else "·", len(name), console, role_of(place))
        for place, (name, time) in enumerate(zip(names, row.times, strict=False))
    )
    clock = console.paint(padded(clock_text(row.time), CLOCK), "dim")
    lane = console.paint(padded(name, LANE), _LANE_ROLES.get(row.moment.lane, "dim"))
    return [
        f"{clock}{lane}{padded(first, room)}{marks}",
        *(f"{' ' * (CLOCK + LANE)}{line}" for line in rest),
    ]


_LANE_ROLES = {"fault": "bad", "person": "warn", "git": "bold"}


def _centred(mark: str, width: int, console: Console, role: str) -> str:
    left = (width - 1) // 2
    return padded(" " * left + console.paint(mark, role if mark == "●" else "dim"), width)


def parted(console: Console, twins: "Twins") -> list[str]:
    """Where the first two worlds first went different ways, and why."""
    found = twins.divergence()
    if not found:
        return []
    lines = [
        f"{console.paint('The worlds part', 'bold')} at {clock_text(round(found.time * SECOND))}: {found.object}"
    ]
    places = {name: place for place, name in enumerate(twins.worlds)}
    indent = max(CLOCK, *(len(side.delivery) + 4 for side in found.sides))
    for side in found.sides:
        name = padded(console.paint(side.delivery, role_of(places[side.delivery])), indent - 2)
        if side.why is None:
            lines.append(f"  {name}nothing changes")
            continue
        for number, link in enumerate(side.why.links):
            because = "because " if number else ""
            lead = f"  {name}" if not number else " " * indent
            clock = clock_text(round(float(link.t) * SECOND))
            actor = link.actor.rpartition(":")[2]
            text = f"{because}{clock} {actor} {link.verb} {link.object}"
            facts = f"  {link.facts}" if link.facts and not number else ""
            first, *rest = wrapped(text + facts, console.width - indent, "  ", "")
            lines.append(lead + first)
            lines.extend(" " * indent + line for line in rest)
    return lines

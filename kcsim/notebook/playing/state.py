"""What the player shows of a world, as plain data: lanes, moments, and its workloads at every instant at which they changed.

All of the past goes along, so that one can scrub through it without asking the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Any

from kcsim.api.log import Version
from kcsim.engine.clock import SECOND, format_duration, to_seconds
from kcsim.scenario.play import Play
from kcsim.simulation.faults import KINDS
from kcsim.simulation.simulation import Simulation
from kcsim.views.picture import picture, span
from kcsim.views.readiness import INFRASTRUCTURE
from kcsim.views.strips import strip_of
from kcsim.views.timeline import timeline

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_HORIZON = 10 * 60 * SECOND


def state_of(sim: Simulation) -> dict[str, Any]:
    """What is to be seen of a world.

    Shape: ``{title, now, end, over, svg, span: [left, width], moments: [[time, lane, text]], frames: [[time, [[workload, ready,
    images]]]]}``; times in virtual seconds, ``span`` in pixels of the picture.
    """
    moments = timeline(sim)
    end = horizon(sim)
    title = title_of(sim)
    svg = picture([strip_of(sim, moments)], end, title)
    return {
        "title": title,
        "now": sim.now,
        "end": to_seconds(end),
        "over": isinstance(sim, Play) and sim.over,
        "svg": str(svg),
        "span": list(span(svg.width)),
        "moments": [[to_seconds(m.time), m.lane, m.text] for m in moments],
        "frames": [[to_seconds(time), rows] for time, rows in frames(sim)],
    }


def title_of(sim: Simulation) -> str:
    """What a world is called."""
    if not isinstance(sim, Play):
        return "A bare simulation"
    name = sim.scenario.title or sim.scenario.name
    return f"{name} ({sim.delivery})" if sim.delivery else name


def horizon(sim: Simulation) -> int:
    """How far (µs) the player's lanes reach: to the end of the story, or, without one, well beyond the present."""
    if isinstance(sim, Play):
        return max(round(sim.end * SECOND), sim.engine.now)
    return max(_HORIZON, -(-2 * sim.engine.now // _HORIZON) * _HORIZON)


def frames(sim: Simulation) -> Iterator[tuple[int, list[list[str]]]]:
    """(µs, rows) at each instant at which the users' workloads changed; a row is ``[workload, "2/3 ready", images]``."""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    shown: list[list[str]] = []
    logs = [cluster.server.log.versions for cluster in sim.world.clusters.values()]
    versions = (
        logs[0] if len(logs) == 1 else list(merge(*logs, key=lambda version: (version.time, version.seq)))
    )
    for place, version in enumerate(versions):
        if version.resource.kind in _WORKLOADS and version.key[0] not in INFRASTRUCTURE:
            _take(rows, version)
        if place + 1 < len(versions) and versions[place + 1].time == version.time:
            continue
        now = [rows[key] for key in sorted(rows)]
        if now != shown:
            shown = now
            yield version.time, now


def _take(rows: dict[tuple[str, str, str, str], list[str]], version: Version) -> None:
    kind, (namespace, name) = version.resource.kind, version.key
    key = (version.cluster, namespace, kind, name)
    where = f"{version.cluster}: " if version.cluster else ""
    if version.deleted:
        rows.pop(key, None)
        return
    spec, status = version.object["spec"], version.object.get("status") or {}
    ready = status.get("numberReady", 0) if kind == "DaemonSet" else status.get("readyReplicas", 0)
    wanted = status.get("desiredNumberScheduled", 0) if kind == "DaemonSet" else spec.get("replicas", 1)
    images = ", ".join(c["image"] for c in spec["template"]["spec"]["containers"])
    rows[key] = [f"{where}{namespace}/{name}", f"{ready}/{wanted} ready", images]


def faults() -> list[list[str]]:
    """``[kind, what goes wrong, what the target is]`` for each fault that needs no more than a target."""
    return [
        [name, kind.summary, kind.target if not kind.everywhere else f"{kind.target}, or nothing for all"]
        for name, kind in KINDS.items()
        if not kind.needs and kind.in_stories
    ]


def at(seconds: float) -> str:
    """An instant in words, to the millisecond."""
    return f"t={format_duration(round(seconds * 1000) * 1000)}"

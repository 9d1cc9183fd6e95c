"""``timeline.json``: what a report shows beyond ``result.json``, written while the worlds are still there.

Shape: ``{format, summary, worlds: [{name, command, strip, chains: {expectation: [link]}}], parted: [{between, time, object, fields, sides}]}``;
strips
as ``kcsim.views.strips`` writes them, a link as ``kcsim.simulation.why.Link`` has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

from kcsim.report.facts import facts_of
from kcsim.report.page import page
from kcsim.scenario.compare import Twins
from kcsim.scenario.divergence import Agreement, Divergence
from kcsim.scenario.play import Play
from kcsim.scenario.recording import NAMELESS, again
from kcsim.simulation.why import Why, of_record
from kcsim.views.strips import strip_of

FORMAT = "kcsim-timeline/1"
TIMELINE, PAGE = "timeline.json", "report.html"
_MOST = 12
"""Fields of an object that parted two worlds that are told."""


def files_of(twins: Twins, document: Mapping[str, Any]) -> dict[str, Iterator[str]]:
    """What ``kcsim run --out`` writes beside the recording: name -> its text in parts."""
    timeline = timeline_of(twins)
    text = json.dumps(timeline, ensure_ascii=False, separators=(",", ":")) + "\n"
    return {TIMELINE: iter([text]), PAGE: iter([page(facts_of(document, timeline))])}


def timeline_of(twins: Twins) -> dict[str, Any]:
    """The document of ``timeline.json``."""
    return {
        "format": FORMAT,
        "summary": twins.scenario.summary,
        "worlds": [_world(world) for world in twins.worlds.values()],
        "parted": [_parted(*pair, twins.divergence(*pair)) for pair in combinations(twins.worlds, 2)],
    }


def _parted(first: str, other: str, found: Divergence | Agreement) -> dict[str, Any]:
    sides = [
        {"name": side.delivery, "chain": _chain(side.why) if side.why is not None else []}
        for side in (() if isinstance(found, Agreement) else found.sides)
    ]
    return {
        "between": [first, other],
        "time": None if isinstance(found, Agreement) else found.time,
        "object": "" if isinstance(found, Agreement) else found.object,
        "fields": [] if isinstance(found, Agreement) else [[f.path, *f.texts] for f in found.fields[:_MOST]],
        "sides": sides,
    }


def _world(world: Play) -> dict[str, Any]:
    return {
        "name": world.delivery,
        "command": again(world, f"{world.delivery or NAMELESS}/scenario.yaml"),
        "strip": strip_of(world).to_json(),
        "chains": {
            verdict.name: _chain(of_record(verdict.record))
            for verdict in world.verdicts()
            if not verdict.held and verdict.record is not None
        },
    }


def _chain(why: Why) -> list[dict[str, Any]]:
    return [{**asdict(link), "lines": list(link.lines)} for link in why.links]

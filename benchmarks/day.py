"""A day of 100 nodes: an agent asks for news each minute, and people deploy 50 times."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figure import Figure, stopwatch
from benchmarks.floor import floor
from kcsim.scenario.play import Play, load
from kcsim.scenario.shipped import gallery

STORY, NODES, DEPLOYS = "drift-at-night", 100, 50
LIMIT_S = 10
_DAY_MIN = 24 * 60


def busy_day() -> Figure:
    """From the file to the end of the day: reading, checking, building, running."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "busy-day.yaml"
        path.write_text(yaml.safe_dump(_story(), sort_keys=False), encoding="utf-8")
        spent: dict[str, float] = {}
        with stopwatch(spent, "all"):
            play = load(path)
            play.finish()
    versions, events = len(play.cluster().server.log.versions), play.engine.steps
    return Figure(
        f"a day of {NODES} nodes, {DEPLOYS} deploys, an agent polling each minute",
        spent["all"],
        "s",
        LIMIT_S,
        floor=floor(versions, events, NODES),
        detail={"deployed": _deployed(play), "versions": versions, "events": events},
    )


def _story() -> dict[str, Any]:
    """A shipped story, grown to a day: its app and its agent, and a release back and forth every half an hour."""
    story: dict[str, Any] = yaml.safe_load(gallery()[STORY].read_text(encoding="utf-8"))
    agent = story["deliveries"]["flux"]
    agent["gitRepository"]["interval"] = agent["kustomization"]["interval"] = "1m"
    releases = ["web:1.0.0", "web:1.1.0"]
    every = _DAY_MIN // (DEPLOYS + 1)
    timeline = []
    for i in range(DEPLOYS):
        before, after = releases[i % 2], releases[(i + 1) % 2]
        edit = {"deploy/web.yaml": {"replace": {before: after}}}
        commit = {"author": "dana", "message": f"web: release {i + 1}", "edit": edit}
        timeline.append({"at": f"{(i + 1) * every}m", "name": f"release-{i + 1}", "commit": commit})
    return {
        **{
            key: story[key]
            for key in ("apiVersion", "kind", "summary", "teaches", "seed", "images", "repositories")
        },
        "name": "busy-day",
        "title": "A busy day",
        "until": f"{_DAY_MIN}m",
        "cluster": {"nodes": NODES},
        "deliveries": {"flux": agent},
        "timeline": timeline,
    }


def _deployed(play: Play) -> int:
    """How often the Deployment was given another image."""
    deployments = play.cluster().server.catalog.by_gvk(("apps", "v1", "Deployment"))
    assert deployments is not None
    images = [
        version.object["spec"]["template"]["spec"]["containers"][0]["image"]
        for version in play.cluster().server.log.history(deployments, ("shop", "web"))
    ]
    return sum(a != b for a, b in pairwise(images))

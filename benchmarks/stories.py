"""A shipped scenario, played in process under each of its deliveries."""

from __future__ import annotations

import gc
import time

from benchmarks.figure import Figure
from kcsim.scenario.play import load

SCENARIO = "drift-at-night"
LIMIT_MS = 150
_GOES = 5


def each_delivery() -> list[Figure]:
    """The time from the file to the end of the story: reading, checking, building, running; the best of five."""
    load(SCENARIO).finish()
    scenario = load(SCENARIO).scenario
    return [_story(name) for name in scenario.deliveries]


def _story(delivery: str) -> Figure:
    best, events = float("inf"), 0
    for _ in range(_GOES):
        gc.collect()
        begin = time.process_time()
        play = load(SCENARIO, delivery=delivery)
        play.finish()
        best = min(best, time.process_time() - begin)
        events = play.engine.steps
    detail = {"events": events, "virtual minutes": round(play.end / 60)}
    return Figure(f"{SCENARIO} under {delivery}", best * 1000, "ms", LIMIT_MS, detail=detail)

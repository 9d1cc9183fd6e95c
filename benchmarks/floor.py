"""The floor: what any simulation of the same size must at least do, and nothing else.

For each version of an object one spine copy (the object, its metadata, its status), a store into the index and into the
log; for each event of the engine one bare wake-up in SimPy, with as many timers waiting as there are pods.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Generator
from typing import Any

import simpy


def _pod() -> dict[str, Any]:
    metadata = {f"field{i}": str(i) for i in range(10)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {f"field{i}": i for i in range(14)},
        "status": {f"field{i}": i for i in range(10)},
    }


def floor(versions: int, wakeups: int, pods: int) -> float:
    """Seconds for so many versions and wake-ups, with ``pods`` objects and waiting timers."""
    pod = _pod()
    gc.collect()
    gc.disable()
    try:
        begin = time.process_time()
        _copy_and_store(pod, versions, pods)
        _wake_up(wakeups, pods)
        return time.process_time() - begin
    finally:
        gc.enable()


def _copy_and_store(pod: dict[str, Any], versions: int, pods: int) -> None:
    log: list[dict[str, Any]] = []
    index: dict[tuple[str, int], dict[str, Any]] = {}
    for i in range(versions):
        metadata = {**pod["metadata"], "resourceVersion": i}
        version = {**pod, "metadata": metadata, "status": {**pod["status"], "phase": i}}
        index["default", i % pods] = version
        log.append(version)


def _wake_up(wakeups: int, actors: int) -> None:
    environment = simpy.Environment()
    each, left = divmod(wakeups, actors)

    def actor(number: int) -> Generator[simpy.Event, None, None]:
        for k in range(each + (number < left)):
            yield environment.timeout((number * 7919 + k * 104_729) % 1_000_003 + 1)

    for number in range(actors):
        environment.process(actor(number))
    environment.run()

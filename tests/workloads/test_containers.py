"""Containers that crash, leak, or have to be helped."""

from __future__ import annotations

import pytest

from kcsim.api.log import Version
from kcsim.engine.clock import SECOND, parse_rfc3339
from tests.workloads.worlds import cluster, image, pods, restarts, sizes, when, workload

BACK_OFFS = (0, 10, 20, 40, 80, 160, 300, 300)


def starts(sim, name: str) -> list[float]:
    """When (seconds) the container of a pod was started, as its statuses tell."""
    found: dict[str, None] = {}
    for record in sim.trace.records:
        if isinstance(record, Version) and record.subject == f"pod/default/{name}":
            for status in record.object.get("status", {}).get("containerStatuses") or ():
                running = (status.get("state") or {}).get("running")
                if running:
                    found[running["startedAt"]] = None
    return [parse_rfc3339(text) / SECOND for text in found]


def late(profile: str, wait: int) -> float:
    """How much later than its back-off a restart may come, with 3 s for the start and the notice of the end.

    Up to 1.34 the kubelet looked each 10 to 15 s; from then on when the wait is over or a minute has passed, and half as
    long again.
    """
    return (15 if profile == "1.31" else min(wait, 60) / 2) + 3


@pytest.mark.parametrize("profile", ["1.31", "1.36"])
def test_crash_loop(profile):
    """S07: the first restart at once, then 10, 20, 40 ... 300 s from each end, plus the kubelet's own delay."""
    sim = cluster(1, image(crash_after=1), profile=profile)
    sim.apply(workload(replicas=1))
    sim.run("40m")
    (pod,) = pods(sim)
    began = starts(sim, pod["metadata"]["name"])
    for wait, start, following in zip(BACK_OFFS, began, began[1:], strict=False):
        # A run of a second, then the back-off; instants are whole seconds.
        assert wait <= following - start <= wait + 1 + late(profile, wait)
    assert 155 <= began[5] - began[0] <= 155 + sum(late(profile, wait) for wait in BACK_OFFS[:5])
    assert 617 <= began[7] - began[0] <= 617 + sum(late(profile, wait) for wait in BACK_OFFS[:7])
    assert restarts(pod) >= 12


def test_deleting_the_pod_forgets_its_back_off():
    """S07: a fix of something else does not hurry the next start; a new pod does."""
    sim = cluster(1, image(crash_after=1))
    sim.apply(workload(replicas=1))
    sim.run("15m")
    (old,) = pods(sim)
    assert restarts(old) >= 7
    sim.kubectl(f"delete pod {old['metadata']['name']} --wait=false")
    fresh = when(
        sim,
        lambda s: [p for p in pods(s) if p["metadata"]["uid"] != old["metadata"]["uid"] and restarts(p) == 1],
        "2m",
    )
    assert fresh <= 15
    assert list(sizes(sim).values()) == [1]


def test_a_leak_is_killed_again_and_again():
    """S21: 256Mi at 10Mi a second: OOMKilled each 25 s of running; such runs are too short to end the back-off."""
    leaking = image(memory_bytes=6 << 20, memory_growth=10 << 20)
    sim = cluster(1, leaking)
    sim.apply(workload(replicas=1, container={"resources": {"limits": {"memory": "256Mi"}}}))
    sim.run("30m")
    (pod,) = pods(sim)
    last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["reason"], last["exitCode"]) == ("OOMKilled", 137)
    began = starts(sim, pod["metadata"]["name"])
    for wait, start, following in zip(BACK_OFFS, began, began[1:], strict=False):
        assert 24 + wait <= following - start <= 26 + wait + late("1.36", wait)
    node = sim.get("node/node-1")
    assert {c["type"]: c["status"] for c in node["status"]["conditions"]}["MemoryPressure"] == "False"

"""Argo CD: how long it takes until everything of a commit is synced, by the rate at which its client may ask."""

from __future__ import annotations

import pytest

from kcsim.api.log import Version
from kcsim.delivery.gitops.argocd import install, terms
from kcsim.engine.clock import SECOND
from tests.unit.argocd_runtime.conftest import ArgoWorld, config

COUNT = 200
PUBLISHED = {50: 61.5, 100: 29.5, 150: 19.0, 200: 18.0, 300: 18.0}
"""Client QPS -> minutes until 15,000 Applications were synced (G18)."""


def synced_after(qps: int) -> float:
    """Seconds from the first refresh of a new commit to the last Application synced to it."""
    world = ArgoWorld(params={"controller.k8s.client.qps": str(qps)}, checking=False)
    world.push({f"a{i}/x.yaml": config(f"a{i}") for i in range(COUNT)})
    for i in range(COUNT):
        world.application(f"a{i}", f"a{i}")
    world.run("5m")
    commit = world.push({f"a{i}/x.yaml": config(f"a{i}", "2") for i in range(COUNT)})
    done = []

    def follow(record: object) -> None:
        if isinstance(record, Version) and record.resource.group_resource == terms.APPLICATIONS:
            state = (record.object.get("status") or {}).get("operationState") or {}
            finished = state.get("phase") == "Succeeded" and state["syncResult"]["revision"] == commit.sha
            if finished and record.key not in done:
                done.append(record.key)

    world.engine.trace.on_record(follow)
    server = world.programs.services.find(world.endpoint, "argocd", install.SERVER)
    assert server is not None
    for i in range(COUNT):
        world.refresh(f"a{i}")
    began = world.engine.now
    while len(done) < COUNT:
        world.run("1s")
    return (world.engine.now - began) / SECOND


@pytest.mark.slow
def test_g18_the_client_rate_is_the_bound_up_to_a_knee_and_generation_after_it():
    took = {qps: synced_after(qps) for qps in PUBLISHED}
    for qps, minutes in PUBLISHED.items():
        # Some seconds go by, however many there are, until the first of them is fetched and generated.
        assert took[qps] == pytest.approx(minutes * 60 * COUNT / 15_000, rel=0.12, abs=5), took
    assert took[50] / took[150] > 2.5
    assert took[300] == pytest.approx(took[150], rel=0.1)

"""Flux: how long it takes until everything of a commit is applied, by how many Kustomizations there are."""

from __future__ import annotations

import pytest

from kcsim.api.log import Version
from kcsim.delivery.gitops.flux import install
from kcsim.engine.clock import MINUTE, SECOND
from tests.unit.flux.conftest import NAMESPACE, FluxWorld, config


@pytest.mark.slow
@pytest.mark.parametrize(("count", "published"), [(100, 26), (500, 120), (1000, 253)])
def test_g17_mean_time_from_push_to_applied_with_twenty_workers(count, published):
    world = FluxWorld(start=False, checking=False)
    world.start("source-controller", "node-1")
    world.start("kustomize-controller", "node-2", ["--concurrent=20"])
    world.push({"ns.yaml": NAMESPACE} | {f"k{i}/cm.yaml": config(f"c{i}") for i in range(count)})
    world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    world.create(install.git_repository("shop", "https://git.example/shop"))
    for i in range(count):
        # Long intervals: nothing but the commit keeps the controller busy.
        world.create(install.kustomization(f"k{i}", "shop", path=f"k{i}", interval=600 * MINUTE))
    world.run("15m")
    world.push({f"k{i}/cm.yaml": config(f"c{i}", value="2") for i in range(count)})
    revision = world.revision()
    world.until(lambda: world.source()["status"]["artifact"]["revision"] == revision, "2m")
    began, done = world.engine.now, []

    def follow(record):
        if isinstance(record, Version) and record.resource.kind == "Kustomization":
            was = (record.previous.object.get("status") or {}).get("lastAppliedRevision")
            if record.object["status"].get("lastAppliedRevision") == revision != was:
                done.append((record.time - began) / SECOND)

    world.engine.trace.on_record(follow)
    world.until(lambda: len(done) == count, "30m")
    assert sum(done) / count == pytest.approx(published, rel=0.1)

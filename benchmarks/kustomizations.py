"""A thousand Kustomizations of Flux on one cluster, and a commit that touches all of them."""

from __future__ import annotations

import gc
import time

from benchmarks.figure import Figure
from kcsim.api.log import Version
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.agent import KUSTOMIZE_CONTROLLER, Toolkit, adapted
from kcsim.delivery.gitops.flux.toolkit import GIT_REPOSITORIES, KUSTOMIZATIONS
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.deliveries import create
from kcsim.simulation.world import World, node_specs

COUNT = 1000
CONCURRENT = 20
LIMIT_S = 20
PUBLISHED_S = 253
"""Mean seconds from the artifact to applied, with as many Kustomizations and workers (G17)."""


def flux_at_scale() -> Figure:
    """The time to simulate the commit, from the push to the last Kustomization that has applied it."""
    world = World(1)
    cluster = world.add_cluster("", node_specs(3))
    for name, program in Toolkit(world.git, world.registry).programs().items():
        world.programs[name] = adapted(program)
        world.push_image(ImageBehaviour(install.IMAGES[name], ready_after=2 * SECOND, program=name))
    world.git.create("shop")
    world.git.push("shop", "main", _files("1"), "first", "dana")
    for obj in install.install_objects():
        create(cluster, _with_workers(obj))
    create(cluster, install.git_repository("shop", world.git.url("shop")))
    for number in range(COUNT):
        # Long intervals: nothing but the commit keeps the controller busy.
        create(cluster, install.kustomization(f"k{number}", "shop", path=f"k{number}", interval=600 * MINUTE))
    world.engine.run_until(20 * MINUTE)
    sha = world.git.push("shop", "main", _files("2"), "second", "dana").sha
    fetched, done = [], []

    def follow(record: object) -> None:
        if not isinstance(record, Version) or record.previous is None:
            return
        status, was = record.object.get("status") or {}, record.previous.object.get("status") or {}
        if record.resource.group_resource == GIT_REPOSITORIES:
            if (status.get("artifact") or {}).get("revision", "").endswith(sha) and not fetched:
                fetched.append(record.time)
        elif record.resource.group_resource == KUSTOMIZATIONS:
            applied = status.get("lastAppliedRevision", "")
            if applied.endswith(sha) and applied != was.get("lastAppliedRevision"):
                done.append((record.time - fetched[0]) / SECOND)

    world.engine.trace.on_record(follow)
    gc.collect()
    events, begin = world.engine.steps, time.process_time()
    while len(done) < COUNT and world.engine.now < 90 * MINUTE:
        world.engine.run_until(world.engine.now + 10 * SECOND)
    took = time.process_time() - begin
    detail = {
        "events": world.engine.steps - events,
        "virtual seconds, mean": round(sum(done) / len(done)),
        "published mean": PUBLISHED_S,
        "virtual seconds, last": round(max(done)),
    }
    return Figure(f"{COUNT} Kustomizations, a commit touches all", took, "s", LIMIT_S, detail=detail)


def _with_workers(obj: dict[str, object]) -> dict[str, object]:
    """kustomize-controller with twenty workers instead of four."""
    metadata = obj["metadata"]
    assert isinstance(metadata, dict), "an object"
    if obj["kind"] != "Deployment" or metadata["name"] != KUSTOMIZE_CONTROLLER:
        return obj
    spec = obj["spec"]
    assert isinstance(spec, dict), "a Deployment"
    pod = spec["template"]["spec"]
    container = {
        **pod["containers"][0],
        "args": [*pod["containers"][0]["args"], f"--concurrent={CONCURRENT}"],
    }
    template = {**spec["template"], "spec": {**pod, "containers": [container]}}
    return {**obj, "spec": {**spec, "template": template}}


def _files(value: str) -> dict[str, str]:
    text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: k{0}\n  namespace: default\ndata:\n  value: "{1}"\n'
    return {f"k{number}/config.yaml": text.format(number, value) for number in range(COUNT)}

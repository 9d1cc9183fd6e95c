"""A thousand Applications of Argo CD on one cluster, and a commit that touches all of them."""

from __future__ import annotations

import gc
import time

from benchmarks.figure import Figure
from kcsim.api.log import Version
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.gitops.argocd import install, terms
from kcsim.delivery.gitops.argocd.agent import Programs
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.deliveries import create
from kcsim.simulation.world import World, node_specs

COUNT = 1000
LIMIT_S = 20


def argocd_at_scale() -> Figure:
    """The time to simulate the commit, from the push to the last Application that is Synced again."""
    world = World(1)
    cluster = world.add_cluster("", node_specs(3))
    programs = Programs(world.git, lambda _own, _address: None)
    for name, program in programs.by_name().items():
        world.programs[name] = program
        world.push_image(ImageBehaviour(install.IMAGES[name], ready_after=2 * SECOND, program=name))
    world.git.create("shop")
    world.git.push("shop", "main", _files("1"), "first", "dana")
    for obj in install.install_objects():
        create(cluster, obj)
    for number in range(COUNT):
        source = {"repoURL": world.git.url("shop"), "path": f"a{number}", "targetRevision": "main"}
        policy = {"automated": {"prune": True, "selfHeal": True}}
        create(
            cluster,
            install.application(f"a{number}", source, destination_namespace="default", syncPolicy=policy),
        )
    world.engine.run_until(20 * MINUTE)
    server = programs.services.find(cluster.endpoint, "argocd", install.SERVER)
    assert server is not None, "its pod runs"
    world.git.subscribe(
        "shop", cluster.control_plane, lambda update: server.component.spawn(server.handler.webhook(update))
    )
    sha = world.git.push("shop", "main", _files("2"), "second", "dana").sha
    pushed, done = world.engine.now, []

    def follow(record: object) -> None:
        if isinstance(record, Version) and record.resource.group_resource == terms.APPLICATIONS:
            state = (record.object.get("status") or {}).get("operationState") or {}
            was = (record.previous.object.get("status") or {}) if record.previous is not None else {}
            before = was.get("operationState") or {}
            synced = (state.get("syncResult") or {}).get("revision") == sha
            if synced and state.get("phase") == "Succeeded" != before.get("phase"):
                done.append((record.time - pushed) / SECOND)

    world.engine.trace.on_record(follow)
    gc.collect()
    events, begin = world.engine.steps, time.process_time()
    while len(done) < COUNT and world.engine.now < pushed + 60 * MINUTE:
        world.engine.run_until(world.engine.now + 10 * SECOND)
    took = time.process_time() - begin
    detail = {
        "events": world.engine.steps - events,
        "virtual seconds, mean": round(sum(done) / len(done)),
        "virtual seconds, last": round(max(done)),
    }
    return Figure(f"{COUNT} Applications, a commit touches all", took, "s", LIMIT_S, detail=detail)


def _files(value: str) -> dict[str, str]:
    text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a{0}\ndata:\n  value: "{1}"\n'
    return {f"a{number}/config.yaml": text.format(number, value) for number in range(COUNT)}

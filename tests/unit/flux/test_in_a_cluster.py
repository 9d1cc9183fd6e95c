"""Flux as pods on the nodes of a whole cluster: it starts, works, and survives the loss of its node."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.agent import Toolkit, adapted
from kcsim.engine.clock import SECOND
from kcsim.simulation.simulation import Simulation


def flux_cluster(yaml, seed=1, **spec):
    sim = Simulation(nodes=3, seed=seed, checking=True)
    world = sim.world
    for name, program in Toolkit(world.git).programs().items():
        world.programs[name] = adapted(program)
        world.push_image(ImageBehaviour(install.IMAGES[name], ready_after=2 * SECOND, program=name))
    world.git.create("shop")
    world.git.push(
        "shop", "main", {"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()}, "Start", "dana"
    )
    admin = world.cluster.admin
    for obj in (
        *install.install_objects(),
        install.git_repository("shop", world.git.url("shop")),
        install.kustomization("shop", "shop", **spec),
    ):
        admin.now(admin.create(admin.endpoint.server.catalog.of(obj), obj))
    return sim


def node_of(sim, app):
    (pod,) = [p for p in sim.list("pods", "flux-system", labels=f"app={app}") if not objects.is_deleting(p)]
    return pod["spec"].get("nodeName")


def test_from_an_empty_cluster_to_ready(yaml):
    sim = flux_cluster(yaml, wait=True, timeout=300 * SECOND)
    sim.run_until(lambda s: s.get("deployment/web", "shop")["status"]["readyReplicas"] == 2, timeout="2m")
    sim.run_until(lambda s: objects.condition_is(s.get("kustomization/shop"), "Ready"), timeout="1m")
    why = sim.why("deployment/web", "shop")
    assert (why.origin.actor, why.origin.verb) == ("dana", "commit")


@pytest.mark.parametrize("app", ["kustomize-controller", "source-controller"])
def test_delivery_stops_with_the_node_and_goes_on_elsewhere(yaml, app):
    sim = flux_cluster(yaml)
    sim.run_until(lambda s: s.get("deployment/web", "shop")["status"]["readyReplicas"] == 2, timeout="2m")
    home = node_of(sim, app)
    sim.inject("node-crash", home)
    sim.world.git.push("shop", "main", {"web.yaml": yaml.deployment("web:2")}, "Two", "dana")

    def image(s):
        return s.get("deployment/web", "shop")["spec"]["template"]["spec"]["containers"][0]["image"]

    # 50 s until the node is NotReady, 300 s until the pod is evicted.
    sim.run("330s")
    assert image(sim) == "web:1"
    sim.run_until(lambda s: image(s) == "web:2", timeout="5m")
    assert node_of(sim, app) != home


def test_the_same_seed_gives_the_same_world(yaml):
    digests = []
    for _ in range(2):
        sim = flux_cluster(yaml)
        sim.run("20m")
        sim.world.cluster.server.log.verify()
        digests.append(sim.trace.sha256())
    assert digests[0] == digests[1]


def test_deleting_the_namespace_of_flux_leaves_it_terminating_for_ever(yaml):
    """What users struggle with, 10 (flux2 #632): the controllers are gone before the finalizers that only they remove."""
    sim = flux_cluster(yaml)
    sim.run_until(
        lambda s: objects.condition_is(s.get("kustomization/shop", "flux-system"), "Ready"), timeout="2m"
    )
    sim.kubectl("delete namespace flux-system --wait=false")
    sim.run("1h")
    namespace = sim.get("namespace/flux-system")
    assert namespace["status"]["phase"] == "Terminating"
    remaining = objects.condition(namespace, "NamespaceFinalizersRemaining")
    assert "finalizers.fluxcd.io in" in remaining["message"]
    assert sim.list("pods", "flux-system") == []
    assert sim.get("deployment/web", "shop")["status"]["readyReplicas"] == 2
    for each in ("kustomization", "gitrepository"):
        sim.kubectl(
            f'patch {each} shop -n flux-system --type merge -p \'{{"metadata":{{"finalizers":null}}}}\''
        )
    sim.run("1m")
    assert sim.list("namespaces", labels="kubernetes.io/metadata.name=flux-system") == []


def test_deleting_the_objects_first_deletes_what_they_manage_and_frees_the_namespace(yaml):
    """The other way round, as `flux uninstall` warns of: with prune on, the workloads go first."""
    sim = flux_cluster(yaml)
    sim.run_until(
        lambda s: objects.condition_is(s.get("kustomization/shop", "flux-system"), "Ready"), timeout="2m"
    )
    sim.kubectl("delete kustomization shop -n flux-system")
    sim.kubectl("delete gitrepository shop -n flux-system")
    sim.kubectl("delete namespace flux-system --wait=false")
    sim.run("5m")
    assert sim.list("namespaces", labels="kubernetes.io/metadata.name=flux-system") == []
    assert sim.list("deployments", "shop") == []

"""Argo CD as pods of a cluster: it starts, restarts, and goes down with its machines."""

import pytest

from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.gitops.argocd import install
from kcsim.delivery.gitops.argocd.agent import Programs
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.scenario.deliveries import create
from kcsim.simulation import faults
from kcsim.simulation.faults import Fault
from kcsim.simulation.world import World, node_specs
from tests.unit.argocd_runtime.conftest import AUTOMATED, config


@pytest.fixture
def cluster():
    world = World(3)
    cluster = world.add_cluster("", node_specs(3))
    programs = Programs(world.git, lambda _own, _address: None)
    for name, program in programs.by_name().items():
        world.programs[name] = program
        world.push_image(ImageBehaviour(install.IMAGES[name], ready_after=2 * SECOND, program=name))
    world.git.create("shop")
    world.git.push("shop", "main", {"app/x.yaml": config()}, "first", "dana")
    for obj in install.install_objects():
        create(cluster, obj)
    source = {"repoURL": world.git.url("shop"), "path": "app", "targetRevision": "main"}
    create(
        cluster,
        install.application("shop", source, destination_namespace="default", syncPolicy=AUTOMATED),
    )
    cluster.world = world
    world.engine.run_until(MINUTE)
    return cluster


def settings(cluster):
    return cluster.admin.now(cluster.admin.get("configmaps", "default", "settings"))["data"]["value"]


def drift(cluster):
    cluster.admin.now(
        cluster.admin.patch("configmaps", "default", "settings", {"data": {"value": "by hand"}})
    )


def run(cluster, duration):
    cluster.engine.run_until(cluster.engine.now + duration)


def pods(cluster):
    found = cluster.admin.now(cluster.admin.list("pods", "argocd"))["items"]
    return {pod["metadata"]["labels"]["app.kubernetes.io/name"]: pod for pod in found}


def test_every_component_is_a_ready_pod(cluster):
    found = pods(cluster)
    assert sorted(found) == sorted(
        (install.CONTROLLER, install.REDIS, install.REPO_SERVER, install.SERVER, install.SET_CONTROLLER)
    )
    for pod in found.values():
        ready = next(c for c in pod["status"]["conditions"] if c["type"] == "Ready")
        assert ready["status"] == "True"
    assert settings(cluster) == "1"


def test_a_killed_process_is_started_again_by_its_kubelet(cluster):
    faults.inject(cluster.world, Fault("component-restart", install.CONTROLLER))
    run(cluster, 30 * SECOND)
    status = pods(cluster)[install.CONTROLLER]["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    drift(cluster)
    run(cluster, 5 * SECOND)
    assert settings(cluster) == "1"


def test_the_controller_goes_down_with_its_node_and_no_other_takes_over(cluster):
    """A StatefulSet's pod on a lost machine stays Terminating: nobody knows whether it still runs."""
    node = pods(cluster)[install.CONTROLLER]["spec"]["nodeName"]
    cluster.crash_node(node)
    drift(cluster)
    run(cluster, 15 * MINUTE)
    assert settings(cluster) == "by hand"
    cluster.boot_node(node)
    run(cluster, 3 * MINUTE)
    assert settings(cluster) == "1"


def test_the_tables_of_kubectl_show_status_and_health(cluster):
    from kcsim.engine.task import run_now
    from kcsim.kubectl.command import kubectl

    said = run_now(cluster.engine, kubectl(cluster.direct(), "get applications -n argocd"))
    head, row = said.stdout.splitlines()[:2]
    assert head.split() == ["NAME", "SYNC", "STATUS", "HEALTH", "STATUS"]
    assert row.split() == ["shop", "Synced", "Healthy"]


def test_settings_that_are_not_modelled_are_told(cluster):
    cluster.admin.now(
        cluster.admin.patch(
            "configmaps", "argocd", "argocd-cm", {"data": {"helm.valuesFileSchemes": "https"}}
        )
    )
    run(cluster, SECOND)
    said = [r for r in cluster.engine.trace.records if r.verb == "not-modelled" and "argocd-cm" in r.subject]
    assert said[-1].facts() == {"key": "argocd-cm helm.valuesFileSchemes is not modelled"}


def test_nobody_may_do_more_than_its_role_lets_it(cluster):
    account = "system:serviceaccount:argocd:argocd-repo-server"
    written = {
        r.actor for r in cluster.engine.trace.records if r.actor.startswith("system:serviceaccount:argocd")
    }
    assert account not in written

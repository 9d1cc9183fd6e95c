"""Looks that find nothing cost nothing, and come exactly when they would have come; one leader at a time."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux import install
from kcsim.engine.clock import DAY, HOUR, SECOND

LEASE = "kustomize-controller-leader-election"


def started(world, files, **spec):
    world.push(files, "Start")
    world.deliver(**spec)
    world.until(lambda: world.ks() and (world.ready() or ("",))[0] == "True", "2m")
    world.run("40s")
    return world


def only_a_source(world, yaml, interval=60 * SECOND):
    world.push({"ns.yaml": yaml.namespace})
    world.create(install.git_repository("shop", "https://git.example/shop", interval=interval))
    world.until(lambda: world.source() and (world.source().get("status") or {}).get("artifact"), "1m")
    world.run("5s")
    return world


def test_a_day_of_looks_that_find_nothing_leaves_no_trace(make_world, yaml):
    world = only_a_source(make_world(), yaml)
    world.run("2h")  # the Events of the start are forgotten
    steps, records = world.engine.steps, len(world.engine.trace)
    world.engine.run_until(world.engine.now + DAY)
    assert world.engine.steps == steps
    assert len(world.engine.trace) == records


def test_a_poller_detects_after_half_its_period_on_average(make_world, yaml):
    world = only_a_source(make_world(), yaml)
    dice = world.engine.dice("commits")
    delays = []
    for number in range(300):
        world.engine.run_until(world.engine.now + HOUR // 4 + dice.integer(HOUR // 4))
        pushed = world.engine.now
        world.push({"n.txt": str(number)})
        revision = world.revision()
        while world.source()["status"]["artifact"]["revision"] != revision:
            world.engine.step()
        delays.append((world.engine.now - pushed) / SECOND)
    delays.sort()
    # The poll itself takes half a second here: refs, then the files.
    assert sum(delays) / len(delays) == pytest.approx(30.5, abs=2.5)
    assert delays[len(delays) // 2] == pytest.approx(30.5, abs=4)
    assert delays[int(len(delays) * 0.95)] == pytest.approx(57.5, abs=3)
    assert delays[-1] < 64


def test_an_outage_is_noticed_by_the_next_look_and_its_end_too(make_world, yaml):
    world = only_a_source(make_world(), yaml)
    world.run("3h")
    world.git.available = False
    took = world.until(lambda: world.source_ready()[0] == "False", "70s")
    assert took < 64
    world.git.available = True
    world.until(lambda: world.source_ready()[0] == "True", "1m")


def test_a_cut_network_is_noticed_by_the_timeout_of_a_look(make_world, yaml):
    world = only_a_source(make_world(), yaml)
    cut = world.network.cut(["node-1"], ["git.example"])
    world.until(lambda: world.source_ready()[0] == "False", "3m")
    assert world.source_ready()[2].endswith("Failed to connect to git.example port 443: Connection timed out")
    world.network.heal(cut)
    world.until(lambda: world.source_ready()[0] == "True", "5m")


def test_a_changed_interval_counts_from_the_change(make_world, yaml):
    world = only_a_source(make_world(), yaml)
    world.patch("gitrepositories", "shop", {"spec": {"interval": "10m"}}, "flux-system")
    world.run("3m")
    world.push({"n.txt": "1"})
    took = world.until(lambda: world.source()["status"]["artifact"]["revision"] == world.revision(), "11m")
    assert 380 <= took <= 455


# --- leaders ----------------------------------------------------------------------------------------------------


def holder(world):
    return world.get("leases", LEASE, "flux-system")["spec"]["holderIdentity"]


def test_a_second_replica_waits_and_takes_over_when_the_first_dies(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    first = world.agents["kustomize-controller"]
    world.start("kustomize-controller", "node-1")
    second = world.agents["kustomize-controller"]
    world.run("5m")
    assert holder(world).startswith("kustomize-controller-1_")
    assert (first.manager.running, second.manager.running) == (True, False)
    first.stop()
    world.network.set_up("node-2", False)
    took = world.until(lambda: second.manager.running, "2m")
    assert 24 <= took <= 47
    assert holder(world).startswith("kustomize-controller-2_")
    assert world.get("leases", LEASE, "flux-system")["spec"]["leaseTransitions"] == 1


def test_a_process_that_ends_in_order_gives_its_lease_back(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace})
    world.agents["kustomize-controller"].stop()
    world.run("1s")
    assert holder(world) == ""
    world.start("kustomize-controller", "node-1")
    world.until(lambda: world.agents["kustomize-controller"].manager.running, "1s")


def test_gates_and_flags_reach_the_controllers(make_world, yaml):
    world = make_world(controllers=True, start=False)
    world.start("source-controller", "node-1")
    world.start(
        "kustomize-controller",
        "node-2",
        ["--feature-gates=CancelHealthCheckOnNewRevision=true", "--no-cross-namespace-refs=true"],
    )
    world.push({"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()})
    world.deliver(wait=True, timeout=300_000_000)
    world.until(lambda: world.ks() and objects.condition(world.ks(), "Healthy") is not None, "1m")
    began = world.now
    world.push({"web.yaml": None}, "Take it back")
    world.until(lambda: world.ready()[1] == "HealthCheckCanceled", "2m")
    assert world.ready()[2] == "New reconciliation triggered by GitRepository/flux-system/shop"
    world.until(lambda: world.ready()[0] == "True", "1m")
    assert world.now - began < 65
    world.create(
        {
            **install.kustomization("far", "shop"),
            "metadata": {"name": "far", "namespace": "shop"},
            "spec": {
                "interval": "1m",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": "shop", "namespace": "flux-system"},
            },
        }
    )
    world.run("2s")
    found = world.get("kustomizations", "far", "shop")
    assert objects.condition(found, "Ready")["reason"] == "AccessDenied"
    assert objects.condition_is(found, "Stalled")


def test_a_secret_that_is_not_there(make_world, yaml):
    world = make_world()
    world.push({"ns.yaml": yaml.namespace})
    source = install.git_repository("shop", "https://git.example/shop")
    world.create({**source, "spec": {**source["spec"], "secretRef": {"name": "key"}}})
    world.run("3s")
    assert world.source_ready()[1] == "AuthenticationFailed"
    assert world.source_ready()[2].startswith("failed to get secret 'flux-system/key'")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "flux-system"}}
    world.create(secret)
    world.until(lambda: world.source_ready()[0] == "True", "30s")
    world.patch("gitrepositories", "shop", {"spec": {"recurseSubmodules": True}}, "flux-system")
    world.run("3s")
    assert world.source_ready()[1:] == (
        "NotModelled",
        "spec.recurseSubmodules: kcsim does not model submodules yet",
    )
    assert objects.condition_is(world.source(), "Stalled")

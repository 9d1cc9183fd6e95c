"""From a commit to the cluster, and back to it when somebody drifts away."""

from __future__ import annotations

import pytest

from kcsim.api import objects

KUSTOMIZE = "system:serviceaccount:flux-system:kustomize-controller"


def first(world, yaml, **spec):
    """A world in which the first revision has been applied, and the timer of the wait for its artifact has run out.

    Without an artifact a Kustomization is looked at again after 30 s; that timer stays armed (as in client-go's queue),
    so that there is a second reconciliation half a minute after the first.
    """
    world.push({"deploy/ns.yaml": yaml.namespace, "deploy/cm.yaml": yaml.config()}, "Start")
    world.deliver(path="deploy", **spec)
    world.until(lambda: (world.ready() or ("",))[0] == "True", "1m")
    world.run("40s")
    return world


def test_a_commit_is_applied_and_says_so(make_world, yaml):
    world = first(make_world(), yaml)
    revision = world.revision()
    assert world.source_ready() == ("True", "Succeeded", f"stored artifact for revision '{revision}'")
    assert world.ready() == ("True", "ReconciliationSucceeded", f"Applied revision: {revision}")
    status = world.ks()["status"]
    assert status["lastAppliedRevision"] == status["lastAttemptedRevision"] == revision
    assert status["observedGeneration"] == 1
    assert status["inventory"]["entries"] == [
        {"id": "_shop__Namespace", "v": "v1"},
        {"id": "shop_settings__ConfigMap", "v": "v1"},
    ]
    assert [c["type"] for c in status["conditions"]] == ["Ready"]
    labels = objects.labels(world.get("configmaps", "settings"))
    assert labels == {
        "kustomize.toolkit.fluxcd.io/name": "shop",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    assert world.events("GitRepository") == [("NewArtifact", "stored artifact for commit 'Start'")]
    applied, finished, again = world.events()
    assert applied == ("Progressing", "Namespace/shop created\nConfigMap/shop/settings created")
    for reason, message in (finished, again):
        assert reason == "ReconciliationSucceeded"
        assert message.startswith("Reconciliation finished in ")
        assert message.endswith(", next run in 10m0s")


def test_a_later_commit_arrives_within_the_sources_interval_and_is_its_cause(make_world, yaml):
    world = first(make_world(), yaml)
    world.run("17s")
    commit = world.push({"deploy/cm.yaml": yaml.config(value="2")}, "Two")
    took = world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2", "2m")
    assert took <= 63 + 2
    _, actor, origin = world.writes("configmaps", "settings")[-1]
    assert actor == KUSTOMIZE
    assert (origin.actor, origin.verb, origin.subject) == ("dana", "commit", f"commit/shop/{commit.short}")


def test_drift_lives_until_the_interval_and_is_corrected_for_the_clock(make_world, yaml):
    world = first(make_world(), yaml)
    ready_at = max(t for t, _, _ in world.writes("kustomizations", "shop", "flux-system"))
    world.run("2m")
    world.kubectl('patch configmap settings --type=merge -p \'{"data":{"value":"9","extra":"x"}}\'')
    world.until(lambda: world.get("configmaps", "settings")["data"] == {"value": "1"}, "12m")
    assert 570 <= world.now - ready_at <= 631
    origin = world.writes("configmaps", "settings")[-1][2]
    assert (origin.actor, origin.verb, origin.subject) == ("clock", "tick", "interval 10m")
    world.run("1s")
    assert ("Progressing", "ConfigMap/shop/settings configured") in world.events()


def test_a_deleted_object_is_made_again_at_the_interval(make_world, yaml):
    world = first(make_world(), yaml)
    world.kubectl("delete configmap settings")
    world.until(lambda: world.get("configmaps", "settings") is not None, "11m")


def test_unchanged_objects_are_not_written(make_world, yaml):
    world = first(make_world(), yaml)
    before = objects.resource_version(world.get("configmaps", "settings"))
    world.run("35m")
    assert objects.resource_version(world.get("configmaps", "settings")) == before
    assert world.ks()["status"]["history"][0]["totalReconciliations"] == 5


def test_what_leaves_git_leaves_the_cluster_only_with_prune(make_world, yaml):
    for prune in (True, False):
        world = make_world()
        world.push({"a.yaml": yaml.namespace, "b.yaml": yaml.config(), "c.yaml": yaml.config("other")})
        world.deliver(prune=prune)
        world.until(lambda: (world.ready() or ("",))[0] == "True", "1m")  # noqa: B023
        world.push({"c.yaml": None})
        world.until(lambda: world.ready()[2].endswith(world.revision()), "2m")  # noqa: B023
        assert (world.get("configmaps", "other") is None) == prune
        assert len(world.ks()["status"]["inventory"]["entries"]) == 2
        assert (("Progressing", "ConfigMap/shop/other deleted") in world.events()) == prune


def test_pruning_spares_what_asks_for_it_and_what_lost_the_owner_labels(make_world, yaml):
    world = make_world()
    keep = yaml.config("keep", annotations="kustomize.toolkit.fluxcd.io/prune: disabled")
    world.push({"a.yaml": yaml.namespace, "b.yaml": keep, "c.yaml": yaml.config("moved")})
    world.deliver()
    world.run("1m")
    world.patch("configmaps", "moved", {"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "else"}}})
    world.push({"b.yaml": None, "c.yaml": None})
    world.until(lambda: world.ready()[2].endswith(world.revision()), "2m")
    assert world.get("configmaps", "keep") is not None
    assert world.get("configmaps", "moved") is not None


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_gives_the_same_trace(make_world, yaml, seed):
    def digest():
        world = first(make_world(seed), yaml)
        world.run("20m")
        return world.engine.trace.sha256()

    assert digest() == digest()

"""What users of Flux stumble over, reproduced: each follows from the rules and none is an accident of this model."""

from __future__ import annotations

import itertools

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux import install
from kcsim.engine.clock import MINUTE
from kcsim.manifests import dump_all


def started(world, files, **spec):
    world.push(files, "Start")
    world.deliver(**spec)
    world.until(lambda: world.ks() and (world.ready() or ("",))[0] == "True", "2m")
    world.run("40s")
    return world


def applied(world, name="shop"):
    """Until a Kustomization has applied the newest commit."""
    world.until(
        lambda: world.ready(name) and world.ready(name)[2] == f"Applied revision: {world.revision()}", "12m"
    )


def test_an_emptied_path_prunes_everything(make_world, yaml):
    world = started(make_world(), {"a/ns.yaml": yaml.namespace, "a/cm.yaml": yaml.config()}, path="a")
    world.push({"a/ns.yaml": None, "a/cm.yaml": None, "a/readme.md": "moved"})
    applied(world)
    assert world.get("configmaps", "settings") is None
    assert world.ks()["status"]["inventory"]["entries"] == []


def test_a_removed_path_prunes_nothing(make_world, yaml):
    world = started(make_world(), {"a/ns.yaml": yaml.namespace, "a/cm.yaml": yaml.config()}, path="a")
    world.push({"a/ns.yaml": None, "a/cm.yaml": None, "b/cm.yaml": yaml.config()})
    world.until(lambda: world.ready()[1] == "ArtifactFailed", "2m")
    assert world.get("configmaps", "settings") is not None


def test_what_left_git_while_prune_was_off_is_forgotten_for_good(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()}, prune=False)
    world.push({"cm.yaml": None})
    applied(world)
    world.patch("kustomizations", "shop", {"spec": {"prune": True}}, "flux-system")
    world.run("11m")
    assert world.get("configmaps", "settings") is not None


def test_objects_of_a_failed_apply_are_not_tracked(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace})
    other = yaml.namespace.replace("shop", "other")
    world.push({"other.yaml": other, "web.yaml": yaml.deployment().replace("replicas: 2", "replicas: -1")})
    world.until(lambda: world.ready()[1] == "ReconciliationFailed", "2m")
    world.push({"other.yaml": None, "web.yaml": None})
    applied(world)
    assert world.get("namespaces", "other", "") is not None


def test_force_deletes_for_a_merely_invalid_manifest(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()}, force=True)
    world.push({"web.yaml": yaml.deployment().replace("replicas: 2", "replicas: -1")})
    world.until(lambda: world.ready()[1] == "ReconciliationFailed", "2m")
    assert world.get("deployments", "web") is None


def test_two_owners_of_one_object_take_turns(make_world, yaml):
    world = make_world()
    world.push(
        {"ns.yaml": yaml.namespace, "a/cm.yaml": yaml.config(value="a"), "b/cm.yaml": yaml.config(value="b")}
    )
    world.client.now(
        world.client.create(
            "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
        )
    )
    world.create(install.git_repository("shop", "https://git.example/shop"))
    for name in ("a", "b"):
        world.create(install.kustomization(name, "shop", path=name))
    world.run("60m")
    values = [
        v.object["data"]["value"]
        for v in world.server.log.history(world.client.resource("configmaps"), ("shop", "settings"))
    ]
    assert len(values) >= 10
    assert all(one != two for one, two in itertools.pairwise(values))
    assert {world.ready(name)[0] for name in ("a", "b")} == {"True"}


def test_moving_an_object_to_another_kustomization_may_delete_it_on_the_way(make_world, yaml):
    world = make_world()
    world.push({"a/ns.yaml": yaml.namespace, "a/cm.yaml": yaml.config(), "b/x.yaml": yaml.config("x")})
    world.create(install.git_repository("shop", "https://git.example/shop"))
    world.create(install.kustomization("a", "shop", path="a"))
    # The new owner goes second, so the old one finds its own labels on the object and deletes it.
    world.create(install.kustomization("b", "shop", path="b", dependsOn=[{"name": "a"}]))
    world.until(lambda: (world.ready("b") or ("",))[0] == "True", "2m")
    world.run("1m")
    before = objects.uid(world.get("configmaps", "settings"))
    world.push({"a/cm.yaml": None, "b/cm.yaml": yaml.config()})
    applied(world, "b")
    assert objects.uid(world.get("configmaps", "settings")) != before


def test_kustomizations_of_kustomizations(make_world, yaml):
    world = make_world(controllers=True)
    child = install.kustomization("apps", "shop", path="./apps")
    world.push(
        {
            "cluster/apps.yaml": dump_all([child]),
            "apps/ns.yaml": yaml.namespace,
            "apps/cm.yaml": yaml.config(),
        }
    )
    world.deliver(path="cluster", wait=True)
    world.until(lambda: world.ks() and (world.ready() or ("",))[0] == "True", "3m")
    # A fresh child is not current before its controller has seen it, so waiting for it means waiting for what it applies.
    assert world.ready("apps")[0] == "True"
    assert world.get("configmaps", "settings") is not None
    world.push({"cluster/apps.yaml": None, "cluster/readme.md": ""})
    applied(world)
    world.run("1m")
    assert world.ks("apps") is None
    assert world.get("namespaces", "shop", "") is None


def test_an_autoscaler_loses_against_replicas_in_git_at_every_interval(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()})
    for _ in range(2):
        world.kubectl("scale deployment web --replicas=9")
        world.run("1s")
        assert world.get("deployments", "web")["spec"]["replicas"] == 9
        world.until(lambda: world.get("deployments", "web")["spec"]["replicas"] == 2, "11m")


def test_a_kubectl_edit_with_another_managers_name_stays(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    body = {"data": {"extra": "x"}}
    world.do(
        world.client.patch("configmaps", "shop", "settings", body, field_manager="flux-client-side-apply")
    )
    world.run("11m")
    assert world.get("configmaps", "settings")["data"] == {"value": "1", "extra": "x"}


def test_a_target_namespace_renames_namespaces_too(make_world, yaml):
    """flux2 #4570: what was meant for the namespace ``shop`` makes another one."""
    world = make_world()
    world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue"}})
    started(world, {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()}, targetNamespace="blue")
    assert world.get("namespaces", "shop", "") is None
    ids = [entry["id"] for entry in world.ks()["status"]["inventory"]["entries"]]
    assert sorted(ids) == ["_blue__Namespace", "blue_settings__ConfigMap"]


@pytest.mark.parametrize("cancels", [False, True])
def test_g6_a_fix_waits_for_a_failing_health_check_unless_that_is_cancelled(make_world, yaml, cancels):
    """kustomize-controller #701: the fix is there, and the check of what it mends goes on."""
    world = make_world(start=False, controllers=True)
    world.start("source-controller", "node-1")
    gate = ["--feature-gates=CancelHealthCheckOnNewRevision=true"] if cancels else []
    world.start("kustomize-controller", "node-2", gate)
    world.push({"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()})
    world.deliver(wait=True, timeout=20 * MINUTE, retryInterval=MINUTE)
    world.until(lambda: world.ready() and "health checks" in world.reconciling(), "5m")
    world.push({"web.yaml": yaml.deployment(replicas=0)})
    began = world.now
    world.until(lambda: (world.get("deployments", "web") or {})["spec"]["replicas"] == 0, "30m")
    waited = world.now - began
    # Nothing ends the check before the Deployment's own deadline of ten minutes.
    assert waited < 90 if cancels else waited > 9 * 60
    reasons = [reason for reason, _ in world.events()]
    assert ("HealthCheckCanceled" in reasons) is cancels
    assert ("HealthCheckFailed" in reasons) is not cancels


def test_a_kustomization_that_another_one_applies_keeps_its_finalizer(make_world, yaml):
    """Whose the finalizer is decides it: the one who writes status and finalizers is not the one who applies."""
    world = make_world()
    inner = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: inner, namespace: flux-system}
spec: {interval: 10m, path: ./inner, prune: true, sourceRef: {kind: GitRepository, name: shop}}
"""
    world.push({"top/inner.yaml": inner, "inner/ns.yaml": yaml.namespace})
    world.deliver(path="./top")
    world.until(lambda: world.ks("inner") and (world.ready("inner") or " ")[0] == "True")
    world.run("35m")
    inner = world.do(world.client.get("kustomizations", "flux-system", "inner", managed_fields=True))
    assert inner["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    owners = {(e["manager"], e["operation"]) for e in inner["metadata"]["managedFields"]}
    assert owners == {("kustomize-controller", "Apply"), ("gotk-kustomize-controller", "Update")}


WEBHOOK = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: policies}
webhooks:
  - name: check.policies.example
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Ignore
    clientConfig: {url: "https://policies.example/validate"}
    rules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments], scope: "*"}]
"""
POLICIES = "validatingwebhookconfigurations"


@pytest.mark.parametrize("settled", [None, "rules", "annotation"])
def test_what_somebody_expands_after_each_apply_is_applied_at_every_interval(make_world, yaml, settled):
    """7, kustomize-controller #792: a platform widens the rules of webhooks; unless that is left to it, both write for ever."""
    world = make_world()

    def widened(record):
        if getattr(record, "verb", "") in {"create", "patch"} and record.actor.endswith(
            "kustomize-controller"
        ):
            live = world.get(POLICIES, "policies", "")
            if live is not None and live["webhooks"][0]["rules"][0]["operations"] == ["CREATE"]:
                world.engine.after(MINUTE, widen)

    def widen():
        patch = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE", "UPDATE"]}]
        world.client.patch(POLICIES, "", "policies", patch, type="json").start(lambda *_: None)

    world.engine.trace.on_record(widened)
    text = WEBHOOK
    if settled == "annotation":
        text = text.replace(
            "{name: policies}",
            '{name: policies, annotations: {kustomize.toolkit.fluxcd.io/ssa: "IfNotPresent"}}',
        )
    spec = {}
    if settled == "rules":
        spec["ignore"] = [{"paths": ["/webhooks"], "target": {"kind": "ValidatingWebhookConfiguration"}}]
    started(world, {"webhook.yaml": text}, **spec)
    world.run("60m")
    written = [actor for _, actor, _ in world.writes(POLICIES, "policies", "")]
    by_flux = sum(actor.endswith("kustomize-controller") for actor in written)
    assert (by_flux >= 5) is (settled is None), written

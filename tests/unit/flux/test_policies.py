"""What a Kustomization's fields ask for: order, pauses, force, accounts, deletion, annotations, ownership."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux import install
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.kustomization_plan import not_modelled
from kcsim.delivery.gitops.flux.own_objects import OwnObjects
from kcsim.delivery.gitops.flux.toolkit import KUSTOMIZATIONS
from kcsim.engine.task import run_now
from kcsim.manifests import read

ADMIN_IN_SHOP = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: team}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: team, namespace: flux-system}]
"""


def started(world, files, **spec):
    world.push(files, "Start")
    world.deliver(**spec)
    world.until(lambda: world.ks() and (world.ready() or ("",))[0] == "True", "2m")
    world.run("40s")
    return world


def test_dependents_wait_for_the_same_revision_of_what_they_need(make_world, yaml):
    world = make_world()
    world.push({"base/ns.yaml": yaml.namespace, "app/cm.yaml": yaml.config()})
    world.create(install.git_repository("shop", "https://git.example/shop"))
    world.create(install.kustomization("app", "shop", path="app", dependsOn=[{"name": "base"}]))
    world.create(install.kustomization("base", "shop", path="base"))
    world.until(lambda: world.ready("app") and world.ready("app")[1] == "DependencyNotReady", "1m")
    assert world.ready("app")[2] in {
        "dependency 'flux-system/base' is not ready",
        "dependency 'flux-system/base' not found: kustomizations.kustomize.toolkit.fluxcd.io \"base\" not found",
    }
    assert world.get("configmaps", "settings") is None
    world.until(lambda: world.ready("app")[0] == "True", "2m")
    world.run("2m")
    world.push({"app/cm.yaml": yaml.config(value="2")})
    world.until(lambda: world.ready("app")[1] == "DependencyNotReady", "2m")
    assert world.ready("app")[2] in {
        "dependency 'flux-system/base' is not ready",
        "dependency 'flux-system/base' revision is not up to date",
    }
    took = world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2", "2m")
    assert 29 <= took <= 31
    origin = world.writes("configmaps", "settings")[-1][2]
    assert (origin.actor, origin.verb) == ("dana", "commit")


def test_a_circle_of_dependencies_never_moves(make_world, yaml):
    world = make_world()
    world.push({"ns.yaml": yaml.namespace})
    world.create(install.git_repository("shop", "https://git.example/shop"))
    for name, other in (("a", "b"), ("b", "a")):
        world.create(install.kustomization(name, "shop", dependsOn=[{"name": other}]))
    world.run("10m")
    assert {world.ready(name)[1] for name in ("a", "b")} == {"DependencyNotReady"}
    assert world.get("namespaces", "shop", "") is None


def test_suspended_nothing_happens_resumed_it_catches_up(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    world.patch("kustomizations", "shop", {"spec": {"suspend": True}}, "flux-system")
    world.push({"cm.yaml": yaml.config(value="2")})
    world.kubectl("delete configmap settings")
    world.run("30m")
    assert world.get("configmaps", "settings") is None
    world.patch("kustomizations", "shop", {"spec": {"suspend": False}}, "flux-system")
    took = world.until(lambda: world.get("configmaps", "settings") is not None, "1m")
    assert took < 2


def test_a_suspended_source_brings_no_news_but_drift_is_corrected(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    world.patch("gitrepositories", "shop", {"spec": {"suspend": True}}, "flux-system")
    world.push({"cm.yaml": yaml.config(value="2")})
    world.kubectl('patch configmap settings --type=merge -p \'{"data":{"value":"9"}}\'')
    world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "1", "11m")


def test_a_request_is_handled_at_once_and_noted(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    world.kubectl("delete configmap settings")
    body = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
    world.patch("kustomizations", "shop", body, "flux-system")
    assert world.until(lambda: world.get("configmaps", "settings") is not None, "1m") < 1
    world.run("1s")
    assert world.ks()["status"]["lastHandledReconcileAt"] == "now"
    world.patch("gitrepositories", "shop", body, "flux-system")
    world.run("2s")
    assert world.source()["status"]["lastHandledReconcileAt"] == "now"


@pytest.mark.parametrize("force", [False, True])
def test_force_makes_anew_what_cannot_be_changed(make_world, yaml, force):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()}, force=force)
    before = objects.uid(world.get("deployments", "web"))
    world.push({"web.yaml": yaml.deployment().replace("app: web", "app: front")})
    world.until(lambda: world.ks()["status"]["lastAttemptedRevision"] == world.revision(), "2m")
    world.run("5s")
    assert (objects.uid(world.get("deployments", "web")) != before) == force
    assert world.ready()[1] == ("ReconciliationSucceeded" if force else "ReconciliationFailed")
    if not force:
        assert "field is immutable" in world.ready()[2]


def test_an_account_may_do_what_its_roles_allow_and_no_more(make_world, yaml):
    world = make_world()
    world.push({"cm.yaml": yaml.config(namespace="default")})
    world.deliver(serviceAccountName="team")
    world.until(lambda: world.ks() and (world.ready() or ("", ""))[1] == "ReconciliationFailed", "1m")
    assert 'User "system:serviceaccount:flux-system:team" cannot' in world.ready()[2]
    world.push({"y.txt": "x"})
    for manifest in read(ADMIN_IN_SHOP, "team.yaml"):
        world.create(manifest.object)
    world.until(lambda: world.ready()[0] == "True", "2m")
    assert {actor for _, actor, _ in world.writes("configmaps", "settings", "default")} == {
        "system:serviceaccount:flux-system:team"
    }


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ({"prune": True}, False),
        ({"prune": False}, True),
        ({"prune": True, "deletionPolicy": "Orphan"}, True),
        ({"prune": False, "deletionPolicy": "Delete"}, False),
        ({"prune": True, "deletionPolicy": "WaitForTermination"}, False),
        ({"prune": True, "suspend": True}, True),
    ],
)
def test_deleting_a_kustomization(make_world, yaml, spec, kept):
    world = make_world(controllers=True)
    suspend = spec.pop("suspend", False)
    started(world, {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()}, **spec)
    if suspend:
        world.patch("kustomizations", "shop", {"spec": {"suspend": True}}, "flux-system")
        spec["suspend"] = True
    world.do(world.client.delete("kustomizations", "flux-system", "shop"))
    world.until(lambda: world.ks() is None, "2m")
    if spec.get("deletionPolicy") == "WaitForTermination":
        assert world.get("namespaces", "shop", "") is None
    world.run("1m")
    assert (world.get("configmaps", "settings") is not None) == kept
    assert (world.get("namespaces", "shop", "") is not None) == kept


def test_a_deleted_source_takes_its_artifact_along(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace})
    world.do(world.client.delete("gitrepositories", "flux-system", "shop"))
    world.run("1s")
    assert world.source() is None
    world.until(lambda: world.ready()[1] == "ArtifactFailed", "11m")
    assert world.get("namespaces", "shop", "") is not None


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("kustomize.toolkit.fluxcd.io/reconcile: disabled", "1"),
        ("kustomize.toolkit.fluxcd.io/ssa: Ignore", "1"),
        ("kustomize.toolkit.fluxcd.io/ssa: IfNotPresent", "1"),
        ("kustomize.toolkit.fluxcd.io/ssa: Override", "2"),
    ],
)
def test_annotations_that_keep_flux_away(make_world, yaml, annotation, value):
    plain = yaml.config() if "Present" not in annotation else yaml.config(annotations=annotation)
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": plain})
    world.push({"cm.yaml": yaml.config(value="2", annotations=annotation)})
    world.until(lambda: world.ready()[2].endswith(world.revision()), "2m")
    assert world.get("configmaps", "settings")["data"]["value"] == value
    assert len(world.ks()["status"]["inventory"]["entries"]) == 2


def test_kubectls_fields_are_taken_over_scales_are_not(make_world, yaml):
    text = yaml.deployment().replace("  replicas: 2\n", "")
    world = started(make_world(), {"ns.yaml": yaml.namespace, "web.yaml": text})
    world.kubectl("scale deployment web --replicas=4")
    world.kubectl("label deployment web team=night")
    world.kubectl('patch deployment web --type=merge -p \'{"spec":{"paused":true}}\'')
    world.run("11m")
    web = world.get("deployments", "web")
    assert web["spec"]["replicas"] == 4
    assert "paused" not in web["spec"]
    assert "team" not in objects.labels(web)


def test_merge_keeps_what_others_added(make_world, yaml):
    merge = yaml.config(annotations="kustomize.toolkit.fluxcd.io/ssa: Merge")
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": merge})
    world.kubectl('patch configmap settings --type=merge -p \'{"data":{"value":"9","extra":"x"}}\'')
    world.run("11m")
    assert world.get("configmaps", "settings")["data"] == {"value": "1", "extra": "x"}


def test_the_spec_adds_to_the_build(make_world, yaml):
    world = make_world()
    world.push({"web.yaml": yaml.deployment("web:1"), "ns.yaml": yaml.namespace.replace("shop", "blue")})
    world.deliver(
        targetNamespace="blue",
        namePrefix="a-",
        images=[{"name": "web", "newTag": "2"}],
        patches=[
            {"patch": "- op: replace\n  path: /spec/replicas\n  value: 5\n", "target": {"kind": "Deployment"}}
        ],
        commonMetadata={"labels": {"team": "shop"}},
        postBuild={"substitute": {"unused": "x"}},
    )
    world.until(
        lambda: (
            world.ks() and (world.ready() or ("",))[0] != "" and world.get("deployments", "a-web", "blue")
        ),
        "1m",
    )
    web = world.get("deployments", "a-web", "blue")
    assert web["spec"]["replicas"] == 5
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    assert objects.labels(web)["team"] == "shop"


def test_variables_from_a_config_map(make_world, yaml):
    world = make_world()
    world.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "vars", "namespace": "flux-system"},
            "data": {"a": "7", "b": "8"},
        }
    )
    world.push({"ns.yaml": yaml.namespace, "cm.yaml": yaml.config(value="${a}-${b}-${c:=9}")})
    world.deliver(
        postBuild={"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}], "substitute": {"b": "80"}}
    )
    world.until(lambda: world.get("configmaps", "settings") is not None, "1m")
    assert world.get("configmaps", "settings")["data"]["value"] == "7-80-9"
    world.push({"cm.yaml": yaml.config(value="${nobody}")})
    world.until(lambda: world.ready()[1] == "BuildFailed", "2m")
    assert world.ready()[2] == (
        "post build failed for 'ConfigMap/settings': variable not set (strict mode): nobody"
    )


def test_a_source_of_a_kind_that_is_not_modelled_says_so():
    assert "sources of kind HelmChart" in not_modelled({"spec": {"sourceRef": {"kind": "HelmChart"}}})


def test_a_controller_never_works_on_what_it_has_overwritten_itself(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace})
    own, cached = OwnObjects(world.client, KUSTOMIZATIONS), world.ks()
    assert run_now(world.engine, own.fresh(cached)) is cached
    draft = Draft(world.engine, cached)
    draft.set("inventory", {"entries": [{"id": "_other__Namespace", "v": "v1"}]})
    run_now(world.engine, own.write(cached, draft))
    found = run_now(world.engine, own.fresh(cached))
    assert found["status"]["inventory"] == draft.get("inventory")
    assert draft.patch() == {}


def test_without_the_account_to_act_as_a_deleted_kustomization_leaves_its_objects(make_world, yaml):
    world = make_world()
    for manifest in read(ADMIN_IN_SHOP, "team.yaml"):
        world.create(manifest.object)
    started(world, {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()}, serviceAccountName="team")
    world.do(world.client.delete("kustomizations", "flux-system", "shop"))
    world.until(lambda: world.ks() is None, "10s")
    assert world.get("configmaps", "settings") is not None
    why = "unable to prune objects: \nNamespace/shop\nConfigMap/shop/settings"
    assert ("ReconciliationSucceeded", why) in world.events()


def test_objects_whose_kind_is_gone_hold_the_deletion_up(make_world, yaml):
    world = make_world()
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    world.create(crd)
    widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\n  namespace: shop\n"
    started(world, {"ns.yaml": yaml.namespace, "w.yaml": widget})
    world.do(world.client.delete("customresourcedefinitions", "", "widgets.example.com"))
    world.do(world.client.delete("kustomizations", "flux-system", "shop"))
    world.run("5m")
    assert objects.is_deleting(world.ks())
    assert ("ReconciliationSucceeded", "pruning for deleted resource failed") in world.events()

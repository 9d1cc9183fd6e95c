"""Sync options and comparisons that need the server: definitions with their objects, replace, server-side diff."""

from tests.unit.argocd_runtime.conftest import AUTOMATED, ArgoWorld, config, deployment

DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  names: {kind: Shop, plural: shops, singular: shop, listKind: ShopList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties: {size: {type: integer}, note: {type: string}}
"""
SHOP = "apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: corner}\nspec: {size: 1}\n"


def test_a_definition_and_its_object_in_one_commit(world):
    world.push({"app/crd.yaml": DEFINITION, "app/shop.yaml": SHOP})
    world.application()
    world.run("15s")
    assert world.get("shops.example.com", "corner")["spec"] == {"size": 1}
    assert world.sync_status() == "Synced"
    world.patch("shops.example.com", "corner", {"spec": {"size": 5}})
    world.run("2s")
    assert world.get("shops.example.com", "corner")["spec"]["size"] == 1  # the new kind is watched
    world.patch("shops.example.com", "corner", {"spec": {"note": "not in git"}})
    world.run("20s")
    assert world.sync_status() == "Synced"
    assert world.get("shops.example.com", "corner")["spec"]["note"] == "not in git"


def test_replace_takes_away_what_git_does_not_have(world):
    world.push({"app/config.yaml": config()})
    world.application(policy={"automated": {}, "syncOptions": ["Replace=true"]})
    world.run("10s")
    assert "kubectl.kubernetes.io/last-applied-configuration" not in (
        world.get("configmaps", "settings")["metadata"].get("annotations") or {}
    )
    world.patch("configmaps", "settings", {"data": {"more": "by hand"}})
    world.push({"app/config.yaml": config(value="2")})
    world.refresh()
    world.run("10s")
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}


def test_force_and_replace_delete_and_create_anew(world):
    options = "argocd.argoproj.io/sync-options: 'Replace=true,Force=true'"
    world.push({"app/config.yaml": config(annotations=options)})
    world.application()
    world.run("10s")
    before = world.get("configmaps", "settings")["metadata"]["uid"]
    world.push({"app/config.yaml": config(value="2", annotations=options)})
    world.refresh()
    world.run("10s")
    after = world.get("configmaps", "settings")
    assert after["metadata"]["uid"] != before
    assert after["data"] == {"value": "2"}


def test_apply_out_of_sync_only(world):
    world.push({"app/a.yaml": config("a"), "app/b.yaml": config("b")})
    world.application(policy={**AUTOMATED, "syncOptions": ["ApplyOutOfSyncOnly=true"]})
    world.run("10s")
    world.push({"app/b.yaml": config("b", "2")})
    world.refresh()
    world.run("10s")
    assert [r["name"] for r in world.operation()["syncResult"]["resources"]] == ["b"]
    assert len(world.status()["history"]) == 2


def test_server_side_diff_sees_what_the_server_would_make_of_it():
    world = ArgoWorld()
    world.push({"app/web.yaml": deployment()})
    notes = {"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}
    policy = {**AUTOMATED, "syncOptions": ["ServerSideApply=true"]}
    world.application(policy=policy, annotations=notes)
    world.run("15s")
    assert world.conditions() == {}
    assert world.sync_status() == "Synced"
    world.patch("deployments.apps", "web", {"spec": {"replicas": 7}})
    world.run("5s")
    assert world.get("deployments.apps", "web")["spec"]["replicas"] == 2
    assert world.sync_status() == "Synced"


def test_moving_from_client_side_to_server_side_apply_keeps_nothing_behind(world):
    world.push({"app/config.yaml": config() + '  other: "x"\n'})
    world.application()
    world.run("10s")
    policy = {**AUTOMATED, "syncOptions": ["ServerSideApply=true"]}
    world.patch("applications.argoproj.io", "shop", {"spec": {"syncPolicy": policy}}, "argocd")
    world.push({"app/config.yaml": config()})
    world.refresh()
    world.run("10s")
    # A surprise: the field is still owned by an Update, so a server-side apply would leave it, and nothing is OutOfSync.
    assert world.get("configmaps", "settings")["data"] == {"value": "1", "other": "x"}
    assert world.sync_status() == "Synced"
    world.push({"app/config.yaml": config(value="2")})
    world.refresh()
    world.run("10s")
    # The next sync hands the fields over, as kubectl does for whoever owns the annotation of the last apply.
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}


def test_prune_that_waits_for_somebody(world):
    confirm = "argocd.argoproj.io/sync-options: Prune=confirm"
    world.push({"app/a.yaml": config("a"), "app/b.yaml": config("b", annotations=confirm)})
    world.application()
    world.run("10s")
    world.push({"app/b.yaml": None})
    world.refresh()
    world.run("20s")
    assert world.get("configmaps", "b")
    assert world.operation()["message"] == "waiting for pruning confirmation of /ConfigMap/b"
    later = {"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": "2026-01-01T00:10:00Z"}}}
    world.patch("applications.argoproj.io", "shop", later, "argocd")
    world.run("40s")
    assert world.get("configmaps", "b") is None

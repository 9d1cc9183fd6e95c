"""From a commit to the cluster: refresh, automated sync, status, history and Events."""

import pytest

from kcsim.delivery.gitops.argocd import install, terms
from kcsim.engine.clock import SECOND
from tests.unit.argocd_runtime.conftest import AUTOMATED, URL, ArgoWorld, config, deployment


def test_a_new_application_is_synced_and_says_so(world):
    commit = world.push({"app/web.yaml": deployment(), "app/config.yaml": config()})
    world.application()
    world.run("10s")
    web = world.get("deployments.apps", "web")
    assert (
        web["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "shop:apps/Deployment:default/web"
    )
    assert "kubectl.kubernetes.io/last-applied-configuration" in web["metadata"]["annotations"]
    status = world.status()
    assert status["sync"]["status"] == "Synced"
    assert status["sync"]["revision"] == commit.sha
    assert status["sync"]["comparedTo"]["source"]["repoURL"] == URL
    assert status["sourceType"] == "Directory"
    assert [r["name"] for r in status["resources"]] == ["settings", "web"]
    assert status["operationState"]["phase"] == "Succeeded"
    assert status["operationState"]["operation"]["initiatedBy"] == {"automated": True}
    assert [(h["id"], h["revision"]) for h in status["history"]] == [(0, commit.sha)]
    assert "operation" not in world.app()
    reasons = [reason for reason, _ in world.events()]
    assert reasons[:1] == ["OperationStarted"]
    assert ("OperationCompleted", f"Sync operation to {commit.sha} succeeded") in world.events()
    assert ("ResourceUpdated", "Updated sync status: OutOfSync -> Synced") in world.events()


def test_what_it_writes_is_owned_by_its_manager(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    client = world.client
    live = client.now(client.get("configmaps", "default", "settings", managed_fields=True))
    assert [(m["manager"], m["operation"]) for m in live["metadata"]["managedFields"]] == [
        ("argocd-controller", "Update")
    ]


def test_a_commit_without_webhook_waits_for_refs_and_resync():
    """The three-minute story: refs are cached for 3 min, an Application is looked at every 2 to 5 min."""
    waits = []
    for seed in range(6):
        world = ArgoWorld(seed)
        world.push({"app/config.yaml": config()})
        world.application()
        world.run("61s")
        commit = world.push({"app/config.yaml": config(value="2")})
        since = world.engine.now
        while world.status()["sync"]["revision"] != commit.sha:
            world.run("1s")
        waits.append((world.engine.now - since) / SECOND)
    assert min(waits) > 59  # nothing looks before the first resync
    assert max(waits) < 8 * 60
    assert len({round(wait) for wait in waits}) > 1  # the jitter


def test_a_webhook_is_a_refresh_at_once(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("30s")
    server = world.programs.services.find(world.endpoint, "argocd", install.SERVER)
    world.git.subscribe(
        "shop", "node-3", lambda update: server.component.spawn(server.handler.webhook(update))
    )
    world.push({"app/config.yaml": config(value="2")})
    world.run("3s")
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}
    assert terms.REFRESH not in (world.app()["metadata"].get("annotations") or {})


def test_generate_paths_keep_a_foreign_commit_from_refreshing(world):
    world.push({"app/config.yaml": config(), "other/x.yaml": config("other")})
    world.application(annotations={terms.GENERATE_PATHS: "."})
    world.run("30s")
    server = world.programs.services.find(world.endpoint, "argocd", install.SERVER)
    world.git.subscribe(
        "shop", "node-3", lambda update: server.component.spawn(server.handler.webhook(update))
    )
    first = world.status()["sync"]["revision"]
    world.push({"other/x.yaml": config("other", "2")})
    world.run("10s")
    assert world.status()["sync"]["revision"] == first
    synced = world.push({"app/config.yaml": config(value="2")})
    world.run("10s")
    assert world.status()["sync"]["revision"] == synced.sha


def test_manual_policy_only_tells(world):
    world.push({"app/config.yaml": config()})
    world.application(policy=None)
    world.run("20s")
    assert world.sync_status() == "OutOfSync"
    assert world.health() == "Missing"
    assert world.get("configmaps", "settings") is None


def test_drift_is_healed_within_a_second(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("30s")
    history = world.status()["history"]
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.run("1s")
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}
    world.run("5s")
    operation = world.operation()["operation"]["sync"]
    assert operation["autoHealAttemptsCount"] == 1
    assert operation["resources"] == [{"kind": "ConfigMap", "name": "settings"}]
    assert world.status()["history"] == history  # a self-heal is no deployment
    assert any(m.startswith("Partial sync operation") for _, m in world.events())


def test_drift_again_waits_for_the_back_off(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("30s")
    healed = []
    for number in range(3):
        world.patch("configmaps", "settings", {"data": {"value": f"by hand {number}"}})
        since = world.engine.now
        while world.get("configmaps", "settings")["data"] != {"value": "1"}:
            world.run("100ms")
        healed.append((world.engine.now - since) / SECOND)
        world.run("200ms")
    assert healed[0] < 1
    assert 1 < healed[1] < 4  # 2 s since the operation before
    assert 4 < healed[2] < 8  # 6 s


def test_without_self_heal_drift_stays(world):
    """Experiments, G7."""
    world.push({"app/config.yaml": config(), "app/other.yaml": config("other")})
    world.application(policy={"automated": {}})
    world.run("30s")
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.run("15m")
    assert world.get("configmaps", "settings")["data"] == {"value": "by hand"}
    assert world.sync_status() == "OutOfSync"
    world.push({"app/settings2.yaml": config("more"), "app/other.yaml": None})
    world.run("15m")
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}
    assert world.get("configmaps", "other") is not None  # prune is off


def test_prune_deletes_what_left_git(world):
    world.push({"app/config.yaml": config(), "app/other.yaml": config("other")})
    world.application()
    world.run("10s")
    world.push({"app/other.yaml": None})
    world.refresh()
    world.run("10s")
    assert world.get("configmaps", "other") is None
    results = {r["name"]: r["status"] for r in world.operation()["syncResult"]["resources"]}
    assert results == {"settings": "Synced", "other": "Pruned"}


def test_the_last_resource_is_not_pruned_unless_allowed(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    commit = world.push({"app/config.yaml": None, "app/README.md": "empty\n"})
    world.refresh()
    world.run("10s")
    assert world.get("configmaps", "settings") is not None
    assert world.conditions()["SyncError"] == (
        f"Skipping sync attempt to [{commit.sha}]: auto-sync will wipe out all resources"
    )


def test_a_hard_refresh_generates_anew(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    server = world.programs.services.find(world.endpoint, "argocd", install.REPO_SERVER)
    made = []
    generate = server.handler._made
    server.handler._made = lambda *args: made.append(args) or generate(*args)
    world.refresh()
    world.run("5s")
    assert not made
    world.refresh(kind="hard")
    world.run("5s")
    assert len(made) == 1


def test_several_sources(world):
    world.push({"a/config.yaml": config("a"), "b/config.yaml": config("b")})
    sources = [{"repoURL": URL, "path": path, "targetRevision": "main"} for path in ("a", "b")]
    obj = install.application(
        "shop", {}, destination_namespace="default", syncPolicy=AUTOMATED, sources=sources
    )
    del obj["spec"]["source"]
    world.create(obj)
    world.run("10s")
    assert world.get("configmaps", "a")
    assert world.get("configmaps", "b")
    status = world.status()
    assert len(set(status["sync"]["revisions"])) == 1
    assert status["sourceTypes"] == ["Directory", "Directory"]
    assert len(status["history"][0]["revisions"]) == 2


def test_kustomize_with_options(world):
    world.push(
        {"app/kustomization.yaml": "resources: [web.yaml]\n", "app/web.yaml": deployment("registry/web:1")}
    )
    source = {
        "repoURL": URL,
        "path": "app",
        "targetRevision": "main",
        "kustomize": {
            "namePrefix": "blue-",
            "images": ["registry/web:2"],
            "replicas": [{"name": "web", "count": 3}],
        },
    }
    world.application(source=source)
    world.run("10s")
    web = world.get("deployments.apps", "blue-web")
    assert web["spec"]["replicas"] == 3
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "registry/web:2"
    assert world.status()["sourceType"] == "Kustomize"


def test_server_side_apply(world):
    world.push({"app/config.yaml": config()})
    world.application(policy={**AUTOMATED, "syncOptions": ["ServerSideApply=true"]})
    world.run("10s")
    client = world.client
    live = client.now(client.get("configmaps", "default", "settings", managed_fields=True))
    assert [(m["manager"], m["operation"]) for m in live["metadata"]["managedFields"]] == [
        ("argocd-controller", "Apply")
    ]
    assert world.sync_status() == "Synced"
    assert (
        world.operation()["syncResult"]["resources"][0]["message"] == "configmap/settings serverside-applied"
    )


def test_create_namespace(world):
    world.push({"app/config.yaml": config()})
    world.application(namespace="blue", policy={**AUTOMATED, "syncOptions": ["CreateNamespace=true"]})
    world.run("10s")
    assert world.get("configmaps", "settings", "blue")
    assert "argocd.argoproj.io/tracking-id" not in (
        world.get("namespaces", "blue", "")["metadata"].get("annotations") or {}
    )


def test_health_and_images_follow_the_pods():
    world = ArgoWorld(controllers=True)
    world.push({"app/web.yaml": deployment(replicas=1)})
    world.application()
    world.run("10s")
    assert world.health() == "Progressing"
    assert world.status()["health"].get("message") == "Caused by apps/Deployment:default/web"
    assert world.status()["summary"]["images"] == ["web:1"]


@pytest.mark.parametrize("kind", ["repo-server", "redis"])
def test_a_restart_of_a_helper_changes_nothing(world, kind):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    name = {"repo-server": install.REPO_SERVER, "redis": install.REDIS}[kind]
    world.stop(name)
    world.start(name, "node-1")
    world.push({"app/config.yaml": config(value="2")})
    world.refresh()
    world.run("10s")
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}


def test_a_killed_controller_goes_on_where_it_was(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    world.stop(install.CONTROLLER)
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.run("10m")
    assert world.get("configmaps", "settings")["data"] == {"value": "by hand"}
    world.start(install.CONTROLLER, "node-1")
    world.run("10s")
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}


def test_the_same_seed_gives_the_same_trace():
    def trace():
        world = ArgoWorld(3)
        world.push({"app/config.yaml": config(), "app/web.yaml": deployment()})
        world.application()
        world.run("6m")
        return world.engine.trace.sha256()

    assert trace() == trace()


def test_settings_come_from_the_config_map():
    world = ArgoWorld(config={"timeout.reconciliation": "30s", "timeout.reconciliation.jitter": "0s"})
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("20s")
    first = world.status()["reconciledAt"]
    world.run("45s")
    assert world.status()["reconciledAt"] > first

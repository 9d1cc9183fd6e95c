"""Operations under way: waves, hooks, retries, termination, rollback, windows."""

from kcsim.api.log import Version
from kcsim.delivery.gitops.argocd import install, terms
from kcsim.engine.clock import SECOND
from tests.unit.argocd_runtime.conftest import AUTOMATED, URL, ArgoWorld, config, deployment, job


def finish(world, name, condition="Complete"):
    """A Job ends, as its controller would tell."""
    now = "2026-01-01T00:00:00Z"
    conditions = [
        {"type": "SuccessCriteriaMet", "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
    ]
    if condition == "Failed":
        conditions = [
            {"type": "FailureTarget", "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        ]
    conditions.append({"type": condition, "status": "True", "lastProbeTime": now, "lastTransitionTime": now})
    body = {"status": {"conditions": conditions, "startTime": now}}
    if condition == "Complete":
        body["status"] |= {"completionTime": now, "succeeded": 1}
    client = world.client
    client.now(client.patch("jobs.batch", "default", name, body, subresource="status"))


def wave(number):
    return f'argocd.argoproj.io/sync-wave: "{number}"'


def test_waves_are_two_seconds_apart(world):
    """Experiments, G10: N waves, everything healthy at once, take at least 2 (N - 1) s."""
    world.push({f"app/{n}.yaml": config(f"c{n}", annotations=wave(n)) for n in range(4)})
    world.application()
    while world.get("configmaps", "c0") is None:
        world.run("50ms")
    since = world.engine.now
    while world.get("configmaps", "c3") is None:
        world.run("50ms")
    assert 6 <= (world.engine.now - since) / SECOND < 8
    world.run("5s")
    assert world.operation()["phase"] == "Succeeded"


def test_a_wave_waits_for_health():
    world = ArgoWorld(controllers=True)
    world.push(
        {
            "app/web.yaml": deployment(annotations=wave(0)),
            "app/late.yaml": config("late", annotations=wave(1)),
        }
    )
    world.application()
    world.run("30s")
    assert world.get("configmaps", "late") is None
    assert world.operation()["phase"] == "Running"
    assert world.operation()["message"] == "waiting for healthy state of apps/Deployment/web"


def test_one_wave_without_hooks_never_waits_for_health():
    world = ArgoWorld(controllers=True)
    world.push({"app/web.yaml": deployment()})
    world.application()
    world.run("10s")
    assert world.operation()["phase"] == "Succeeded"
    assert world.health() == "Progressing"


def test_hooks_run_before_and_after(world):
    world.push(
        {
            "app/config.yaml": config(),
            "app/before.yaml": job("before", "PreSync", policy="HookSucceeded"),
            "app/after.yaml": job("after", "PostSync"),
        }
    )
    world.application()
    world.run("10s")
    assert world.get("jobs.batch", "before")["metadata"]["finalizers"] == [
        "argocd.argoproj.io/hook-finalizer"
    ]
    assert world.get("configmaps", "settings") is None
    assert world.operation()["message"] == "waiting for completion of hook batch/Job/before"
    finish(world, "before")
    world.run("15s")
    assert world.get("configmaps", "settings")
    assert world.get("jobs.batch", "after")
    assert world.operation()["phase"] == "Running"
    finish(world, "after")
    world.run("15s")
    assert world.operation()["phase"] == "Succeeded"
    assert world.get("jobs.batch", "before") is None
    assert world.get("jobs.batch", "after")["metadata"].get("finalizers") in (None, [])
    results = {
        (r["name"], r.get("hookType")): r.get("hookPhase")
        for r in world.operation()["syncResult"]["resources"]
    }
    assert results[("before", "PreSync")] == "Succeeded"
    assert world.sync_status() == "Synced"  # hooks count for nothing


def test_a_failed_hook_fails_the_sync_and_runs_sync_fail(world):
    world.push(
        {
            "app/config.yaml": config(),
            "app/before.yaml": job("before", "PreSync"),
            "app/sorry.yaml": job("sorry", "SyncFail"),
        }
    )
    world.application(policy={**AUTOMATED, "retry": {"limit": 0}})
    world.run("5s")
    finish(world, "before", "Failed")
    world.run("15s")
    assert world.get("jobs.batch", "sorry")
    finish(world, "sorry")
    world.run("15s")
    assert world.operation()["phase"] == "Failed"
    assert world.get("configmaps", "settings") is None


def test_retries_come_after_ten_then_twenty_seconds(world):
    """Experiments, G9: the check uses the count that was raised already, so the first wait is 10 s, not 5."""
    world.push({"app/config.yaml": config(namespace="nowhere")})
    world.application()
    while world.operation().get("phase") != "Failed":
        world.run("1s")
    failed, waits = None, []
    for record in world.engine.trace.records:
        if not isinstance(record, Version) or record.key != ("argocd", "shop"):
            continue
        state = (record.object.get("status") or {}).get("operationState") or {}
        if state.get("finishedAt") and state["phase"] == "Running":
            failed = failed or record.time
        elif failed is not None and state.get("message", "").startswith("Retrying operation"):
            waits.append((record.time - failed) / SECOND)
            failed = None
    expected = [10, 20, 40, 80, 160]
    # finishedAt holds whole seconds: up to one of them is missing from each wait.
    assert all(e - 1 <= wait <= e + 0.2 for wait, e in zip(waits, expected, strict=True))
    assert world.operation()["retryCount"] == 5
    assert world.operation()["message"].endswith("(retried 5 times).")
    commit = world.status()["sync"]["revision"]
    assert world.operation()["syncResult"]["resources"][0]["message"] == 'namespaces "nowhere" not found'
    world.run("10m")
    assert world.conditions()["SyncError"].startswith(f"Failed last sync attempt to [{commit}]: ")
    assert world.operation()["retryCount"] == 5  # the same commit is never tried again


def test_a_fixing_commit_waits_behind_the_retries(world):
    world.push({"app/config.yaml": config(namespace="nowhere")})
    world.application()
    world.run("12s")
    fix = world.push({"app/config.yaml": config()})
    world.refresh()
    world.run("5s")
    assert world.status()["sync"]["revision"] == fix.sha
    assert world.operation()["syncResult"]["revision"] != fix.sha
    assert world.get("configmaps", "settings") is None


def test_terminate(world):
    world.push({"app/config.yaml": config(), "app/before.yaml": job("before", "PreSync")})
    world.application()
    world.run("5s")
    said = world.type("app terminate-op shop")
    assert said.stdout == "Application 'shop' operation terminating\n"
    world.run("10s")
    assert world.operation()["phase"] == "Failed"
    assert world.operation()["message"] == "Operation terminated"
    assert world.get("jobs.batch", "before") is None


def test_rollback_needs_automation_off_and_skips_hooks(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    first = world.status()["history"][0]["revision"]
    world.push({"app/config.yaml": config(value="2"), "app/after.yaml": job("after", "PostSync")})
    world.refresh()
    world.run("10s")
    finish(world, "after")
    world.run("15s")
    said = world.type("app rollback shop 0")
    assert said.exit_code == 20
    assert "rollback cannot be initiated when auto-sync is enabled" in said.stderr
    world.type("app set shop --sync-policy none")
    said = world.type("app rollback shop 0")
    assert said.exit_code == 0, said.stderr
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}
    assert world.sync_status() == "OutOfSync"
    assert [h["revision"] for h in world.status()["history"]][-1] == first
    world.type("app set shop --sync-policy automated")
    world.run("10s")
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}


def test_an_operation_keeps_its_revision(world):
    world.push({"app/config.yaml": config(), "app/before.yaml": job("before", "PreSync")})
    world.application()
    world.run("5s")
    pinned = world.operation()["syncResult"]["revision"]
    world.push({"app/config.yaml": config(value="2")})
    world.refresh()
    world.run("3s")
    finish(world, "before")
    world.run("8s")
    assert world.status()["history"][0]["revision"] == pinned


def test_a_deny_window_holds_back_syncs_but_no_comparison(world):
    windows = [{"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}]
    world.patch(terms.PROJECTS, "default", {"spec": {"syncWindows": windows}}, "argocd")
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("3m")
    assert world.sync_status() == "OutOfSync"
    assert world.get("configmaps", "settings") is None
    said = world.type("app sync shop")
    assert "cannot sync: blocked by sync window" in said.stderr
    assert "Sync Denied" in world.type("app get shop").stdout


def test_a_selective_sync_skips_hooks_and_history(world):
    world.push(
        {"app/a.yaml": config("a"), "app/b.yaml": config("b"), "app/hook.yaml": job("before", "PreSync")}
    )
    world.application(policy=None)
    world.run("5s")
    said = world.type("app sync shop --resource :ConfigMap:a")
    assert said.exit_code == 0, said.stderr
    assert world.get("configmaps", "a")
    assert world.get("configmaps", "b") is None
    assert world.get("jobs.batch", "before") is None
    assert "history" not in world.status()


def test_ignored_differences_are_reset_unless_respected():
    """HPA against spec.replicas: the ignored field makes nothing OutOfSync, but a sync writes it all the same."""
    rules = [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]
    for options, expected in (([], 2), (["RespectIgnoreDifferences=true"], 5)):
        world = ArgoWorld()
        world.push({"app/web.yaml": deployment()})
        world.application(policy={**AUTOMATED, "syncOptions": options}, ignoreDifferences=rules)
        world.run("10s")
        world.patch("deployments.apps", "web", {"spec": {"replicas": 5}})
        world.run("10s")
        assert world.sync_status() == "Synced"
        assert world.get("deployments.apps", "web")["spec"]["replicas"] == 5
        world.push({"app/web.yaml": deployment("web:2")})
        world.refresh()
        world.run("10s")
        assert world.get("deployments.apps", "web")["spec"]["replicas"] == expected


def test_deleting_without_finalizer_leaves_everything(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    client = world.client
    client.now(client.delete(terms.APPLICATIONS, "argocd", "shop"))
    world.run("1m")
    assert world.app() is None
    assert world.get("configmaps", "settings")


def test_a_cascade_goes_wave_by_wave_and_spares_what_says_so(world):
    keep = "argocd.argoproj.io/sync-options: Delete=false"
    world.push(
        {
            "app/a.yaml": config("a", annotations=wave(0)),
            "app/b.yaml": config("b", annotations=wave(5)),
            "app/keep.yaml": config("keep", annotations=keep),
        }
    )
    world.application(cascade=True)
    world.run("20s")
    client = world.client
    client.now(client.delete(terms.APPLICATIONS, "argocd", "shop"))
    gone = {}
    for _ in range(7000):
        world.run("10ms")
        for name in ("a", "b"):
            if world.get("configmaps", name) is None:
                gone.setdefault(name, world.engine.now)
    assert gone["b"] < gone["a"]
    assert world.get("configmaps", "keep")
    assert world.app() is None


def test_pre_and_post_delete_hooks(world):
    world.push(
        {
            "app/config.yaml": config(),
            "app/pre.yaml": job("pre", "PreDelete"),
            "app/post.yaml": job("post", "PostDelete"),
        }
    )
    world.application(cascade=True)
    world.run("10s")
    assert world.get("jobs.batch", "pre") is None
    finalizers = world.app()["metadata"]["finalizers"]
    assert {terms.PRE_DELETE, f"{terms.PRE_DELETE}/cleanup", terms.POST_DELETE} <= set(finalizers)
    client = world.client
    client.now(client.delete(terms.APPLICATIONS, "argocd", "shop"))
    world.run("40s")
    assert world.get("jobs.batch", "pre")
    assert world.get("configmaps", "settings")
    finish(world, "pre")
    world.run("3m")
    assert world.get("configmaps", "settings") is None
    finish(world, "post")
    world.run("3m")
    assert world.app() is None


def test_app_of_apps(world):
    child = install.application(
        "child",
        {"repoURL": URL, "path": "child", "targetRevision": "main"},
        destination_namespace="default",
        syncPolicy=AUTOMATED,
        cascade=True,
    )
    from kcsim.manifests import dump

    world.push({"parent/child.yaml": dump(child), "child/config.yaml": config()})
    world.application("parent", "parent", namespace="argocd", cascade=True)
    world.run("20s")
    assert world.get("configmaps", "settings")
    assert world.status("parent")["summary"]["isAppOfApps"] is True
    assert world.health("parent") == "Healthy"  # no check of Applications unless it is configured
    client = world.client
    client.now(client.delete(terms.APPLICATIONS, "argocd", "parent"))
    world.run("3m")
    assert world.app("child") is None
    assert world.get("configmaps", "settings") is None

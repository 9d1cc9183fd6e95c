"""``argocd app``: what a person types, and what is printed."""

import pytest

from kcsim.delivery.gitops.argocd.cli import check
from tests.unit.argocd_runtime.conftest import URL, config, deployment


def test_list(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    assert world.type("app list").stdout == (
        "NAME         CLUSTER                         NAMESPACE  PROJECT  STATUS  HEALTH   SYNCPOLICY  CONDITIONS  "
        f"REPO                      PATH  TARGET\n"
        "argocd/shop  https://kubernetes.default.svc  default    default  Synced  Healthy  Auto-Prune  <none>      "
        f"{URL}  app   main\n"
    )
    assert world.type("app list -o name").stdout == "argocd/shop\n"
    assert world.type("app list -p other").stdout.count("\n") == 1


def test_get(world):
    commit = world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    assert (
        world.type("argocd app get shop --show-operation").stdout
        == f"""\
Name:               argocd/shop
Project:            default
Server:             https://kubernetes.default.svc
Namespace:          default
URL:                https://argocd.example/applications/shop
Source:
- Repo:             {URL}
  Target:           main
  Path:             app
SyncWindow:         Sync Allowed
Sync Policy:        Automated (Prune)
Sync Status:        Synced to main ({commit.sha[:7]})
Health Status:      Healthy

Operation:          Sync
Sync Revision:      {commit.sha}
Phase:              Succeeded
Start:              2026-01-01 00:00:00 +0000 UTC
Finished:           2026-01-01 00:00:00 +0000 UTC
Duration:           0s
Message:            successfully synced (all tasks run)

GROUP  KIND       NAMESPACE  NAME      STATUS  HEALTH  HOOK  MESSAGE
       ConfigMap  default    settings  Synced                configmap/settings created
"""
    )


def test_sync_tells_what_changes_and_how_it_ended(world):
    world.push({"app/config.yaml": config(), "app/old.yaml": config("old")})
    world.application(policy=None)
    world.run("10s")
    said = world.type("app sync shop")
    assert said.exit_code == 0, said.stderr
    assert said.stdout.splitlines()[0].split() == (
        "TIMESTAMP GROUP KIND NAMESPACE NAME STATUS HEALTH HOOK MESSAGE".split()
    )
    assert "Phase:              Succeeded" in said.stdout
    assert world.operation()["operation"]["initiatedBy"] == {"username": "kubernetes-admin"}
    world.push({"app/old.yaml": None})
    said = world.type("app sync shop")
    assert said.exit_code == 1
    assert said.stderr == "FATA[0000] 1 resources require pruning\n"
    assert world.type("app sync shop --prune").exit_code == 0
    assert world.get("configmaps", "old") is None


def test_diff(world):
    world.push({"app/config.yaml": config()})
    world.application(policy={"automated": {}})
    world.run("10s")
    assert world.type("app diff shop").stdout == ""
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.run("1s")
    said = world.type("app diff shop")
    assert said.exit_code == 1
    assert said.stdout == (
        '\n===== /ConfigMap default/settings ======\n3c3\n<   value: by hand\n---\n>   value: "1"\n'
    )


def test_history_and_rollback(world):
    first = world.push({"app/config.yaml": config()})
    world.application(policy=None)
    world.run("5s")
    world.type("app sync shop")
    second = world.push({"app/config.yaml": config(value="2")})
    world.type("app sync shop")
    rows = world.type("app history shop").stdout.splitlines()
    assert rows[0] == f"SOURCE  {URL}"
    assert rows[1].split() == ["ID", "DATE", "REVISION"]
    assert [row.split()[0] for row in rows[2:]] == ["0", "1"]
    assert rows[2].endswith(f"main ({first.sha[:7]})")
    assert rows[3].endswith(f"main ({second.sha[:7]})")
    assert world.type("app history shop -o id").stdout == "0\n1\n"
    assert world.type("app rollback shop").exit_code == 0
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}
    assert "does not have deployment id '9' in history" in world.type("app rollback shop 9").stderr


def test_wait_times_out(world):
    world.push({"app/web.yaml": deployment()})
    world.application()
    world.run("10s")
    said = world.type("app wait shop --health --timeout 5")
    assert said.exit_code == 20
    assert 'timed out (5s) waiting for app "shop" match desired state' in said.stderr


def test_delete_cascades_unless_told_otherwise(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    assert world.type("app delete shop --cascade=false").stdout == "application 'shop' deleted\n"
    world.run("1m")
    assert world.get("configmaps", "settings")
    world.application()
    world.run("10s")
    world.type("app delete shop")
    world.run("1m")
    assert world.get("configmaps", "settings") is None


def test_an_unknown_application_says_which_there_are(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("5s")
    said = world.type("app get shpo")
    assert said.exit_code == 20
    assert "did you mean shop?" in said.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("app lst", "Did you mean this?\n\tlist"),
        ("app logs shop", "kcsim does not model 'argocd app logs'"),
        ("cluster list", "kcsim does not model 'argocd cluster'"),
        ("cluster list", "argocd has here: app, version"),
        ("app frobnicate", "argocd app has here: delete, diff, get, history"),
        ("app sync shop --prun", "did you mean --prune?"),
        ("", "no argocd command given"),
        ("app", "argocd app needs a command"),
    ],
)
def test_what_cannot_be_run_is_refused_before(line, said):
    assert said in (check(line) or "")

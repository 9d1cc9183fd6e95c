"""What is said when something is wrong: sources, projects, clusters, shared objects."""

import pytest

from kcsim.delivery.gitops.argocd import install, terms
from tests.unit.argocd_runtime.conftest import AUTOMATED, URL, ArgoWorld, config, deployment


@pytest.mark.parametrize(
    ("source", "files", "said"),
    [
        (
            {"path": "nowhere"},
            {"app/config.yaml": config()},
            "rpc error: code = Unknown desc = nowhere: app path does not exist",
        ),
        (
            {"path": "app", "targetRevision": "nope"},
            {"app/config.yaml": config()},
            "rpc error: code = Unknown desc = unable to resolve 'nope' to a commit SHA: revision not found",
        ),
        (
            {"path": "app"},
            {"app/Chart.yaml": "name: shop\n"},
            "rpc error: code = Unknown desc = `helm template app` kcsim renders charts with the helm binary, and there is none",
        ),
        (
            {"path": "app"},
            {"app/bad.yaml": "a: [\n"},
            'rpc error: code = FailedPrecondition desc = Failed to unmarshal "bad.yaml": ',
        ),
        (
            {"path": "app", "kustomize": {"namePrefix": "a-"}, "directory": {"recurse": True}},
            {"app/config.yaml": config()},
            "rpc error: code = Unknown desc = multiple application sources defined: Kustomize,Directory",
        ),
    ],
)
def test_a_source_that_cannot_be_generated(world, source, files, said, monkeypatch):
    monkeypatch.setenv("KCSIM_HELM", "no-helm-of-this-name")
    world.push(files)
    world.application(source={"repoURL": URL, "targetRevision": "main", **source})
    world.run("10s")
    prefix = "Failed to load target state: failed to generate manifest for source 1 of 1: "
    assert world.conditions()["ComparisonError"].startswith(prefix + said)
    assert world.sync_status() == "Unknown"
    assert world.operation() == {}


def test_generation_pauses_after_three_failures(world):
    world.push({"app/bad.yaml": "a: [\n"})
    world.application()
    for _ in range(4):
        world.run("2s")
        world.refresh()
    world.run("2s")
    assert "Manifest generation error (cached): " in world.conditions()["ComparisonError"]


def test_errors_of_the_repository_are_silent_for_the_grace_period(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    world.git.available = False
    world.run("5m")
    assert "ComparisonError" not in world.conditions()
    world.run("12m")
    assert "failed to list refs" in world.conditions()["ComparisonError"]
    assert world.sync_status() == "Unknown"
    # What is known of git is kept: experiments, G14 says an agent still heals drift; Argo CD's level 1 needs the manifests.
    world.git.available = True
    world.run("8m")
    assert world.conditions() == {}
    assert world.sync_status() == "Synced"


def test_drift_is_healed_while_the_git_host_is_down(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    world.git.available = False
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.run("3s")
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}


def test_a_project_that_does_not_exist(world):
    world.push({"app/config.yaml": config()})
    world.application(project="blue")
    world.run("5s")
    assert world.conditions() == {
        "InvalidSpecError": "Application referencing project blue which does not exist"
    }
    assert (world.sync_status(), world.health()) == ("Unknown", "Unknown")
    world.create(install.project("blue", sourceRepos=["*"], destinations=[{"server": "*", "namespace": "*"}]))
    world.run("4m")  # a project that appears makes nobody look: the next resync does
    assert world.sync_status() == "Synced"


def test_a_project_that_wants_signatures_is_refused_by_name(world):
    world.push({"app/config.yaml": config()})
    everything = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    world.create(install.project("blue", **everything, signatureKeys=[{"keyID": "4AEE18F83AFDEB23"}]))
    world.application(project="blue")
    world.run("5s")
    assert world.conditions() == {
        "InvalidSpecError": "spec.signatureKeys of project blue is not modelled by kcsim"
    }


def test_notifications_that_nobody_sends_are_told(world):
    world.push({"app/config.yaml": config()})
    world.application()
    subscription = {"notifications.argoproj.io/subscribe.on-deployed.slack": "shop"}
    world.patch(
        terms.APPLICATIONS, "shop", {"metadata": {"annotations": subscription}}, namespace=terms.NAMESPACE
    )
    world.run("20s")
    said = [r for r in world.engine.trace.records if r.verb == "not-modelled" and "shop" in r.subject]
    assert [r.facts() for r in said] == [
        {"annotation": "notifications.argoproj.io/subscribe.on-deployed.slack is not modelled"}
    ]


def test_a_project_that_forbids_a_kind(world):
    world.create(
        install.project(
            "blue",
            sourceRepos=["*"],
            destinations=[{"server": "*", "namespace": "default"}],
            namespaceResourceBlacklist=[{"group": "", "kind": "ConfigMap"}],
        )
    )
    world.push({"app/config.yaml": config()})
    world.application(project="blue", policy={**AUTOMATED, "retry": {"limit": 0}})
    world.run("10s")
    world.type("app sync shop --timeout 20")
    results = world.operation()["syncResult"]["resources"]
    assert results[0]["message"] == "resource :ConfigMap is not permitted in project blue"


def test_an_unknown_destination(world):
    world.push({"app/config.yaml": config()})
    world.application(server="https://nowhere:6443")
    world.run("5s")
    assert world.conditions()["InvalidSpecError"] == (
        'error getting cluster by server "https://nowhere:6443": rpc error: code = NotFound desc = cluster '
        '"https://nowhere:6443" not found'
    )


def test_two_applications_own_one_object(world):
    world.push({"app/config.yaml": config()})
    world.application("one")
    world.run("10s")
    world.application("two", policy=None)
    world.run("10s")
    assert world.conditions("two")["SharedResourceWarning"] == (
        "ConfigMap/settings is part of applications argocd/two and one"
    )
    world.patch(
        terms.APPLICATIONS,
        "two",
        {"spec": {"syncPolicy": {"syncOptions": ["FailOnSharedResource=true"]}}},
        "argocd",
    )
    said = world.type("app sync two")
    assert said.exit_code == 1
    assert world.operation("two")["message"].startswith("Shared resource found: ConfigMap/settings")


def test_a_repeated_resource(world):
    world.push({"app/a.yaml": config(value="1"), "app/b.yaml": config(value="2")})
    world.application()
    world.run("10s")
    assert world.conditions()["RepeatedResourceWarning"] == (
        "Resource /ConfigMap/default/settings appeared 2 times among application resources."
    )
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}


def test_an_excluded_kind(world):
    lease = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: mine}\n"
    world.push({"app/a.yaml": config(), "app/lease.yaml": lease})
    world.application()
    world.run("10s")
    assert world.conditions() == {
        "ExcludedResourceWarning": "Resource coordination.k8s.io/Lease mine is excluded in the settings"
    }
    assert world.get("leases", "mine") is None


def test_an_unknown_kind_blocks_the_whole_sync(world):
    world.push({"app/a.yaml": config(), "app/x.yaml": "apiVersion: x.io/v1\nkind: X\nmetadata: {name: x}\n"})
    world.application(policy={**AUTOMATED, "retry": {"limit": 0}})
    world.run("10s")
    assert world.operation()["phase"] == "Failed"
    assert world.operation()["message"].startswith("one or more synchronization tasks are not valid")
    assert world.get("configmaps", "settings") is None


def test_orphans_are_told_where_the_project_asks(world):
    world.create(
        install.project(
            "blue",
            sourceRepos=["*"],
            destinations=[{"server": "*", "namespace": "*"}],
            orphanedResources={"warn": True},
        )
    )
    world.push({"app/config.yaml": config()})
    world.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lost", "namespace": "default"}}
    )
    world.application(project="blue")
    world.run("10s")
    assert world.conditions() == {"OrphanedResourceWarning": "Application has 1 orphaned resources"}
    assert world.sync_status() == "Synced"
    assert "lost" in world.type("app resources shop --orphaned").stdout


def test_hub_and_spoke():
    world = ArgoWorld(clusters=("hub", "blue", "green"))
    world.push({"app/config.yaml": config()})
    for name in ("blue", "green"):
        world.application(name, server=world.address(name))
    world.run("10s")
    for name in ("blue", "green"):
        assert world.sync_status(name) == "Synced"
        assert world.get("configmaps", "settings", cluster=name)
        world.patch("configmaps", "settings", {"data": {"value": "by hand"}}, cluster=name)
    assert world.get("configmaps", "settings", cluster="hub") is None
    world.run("2s")
    for name in ("blue", "green"):
        assert world.get("configmaps", "settings", cluster=name)["data"] == {"value": "1"}


def test_a_spoke_out_of_reach_does_not_stop_the_others():
    world = ArgoWorld(clusters=("hub", "blue", "green"), start=False)
    world.network.set_up("blue-control-plane", False)
    world.start_all()
    world.push({"app/config.yaml": config()})
    for name in ("blue", "green"):
        world.application(name, server=world.address(name))
    world.run("20s")
    assert world.sync_status("green") == "Synced"
    assert world.sync_status("blue") == "Unknown"
    assert world.conditions("blue")["ComparisonError"].startswith(
        "Failed to load live state: failed to get cluster info"
    )


def test_shards_share_the_clusters():
    world = ArgoWorld(
        clusters=("hub", "blue", "green"), replicas=2, params={"controller.sharding.algorithm": "round-robin"}
    )
    world.push({"app/config.yaml": config()})
    for name in ("blue", "green"):
        world.application(name, server=world.address(name))
    world.application("home")
    world.run("20s")
    synced = {name for name in ("home", "blue", "green") if world.sync_status(name) == "Synced"}
    assert 0 < len(synced) < 3
    world.start(install.CONTROLLER, "node-1", pod="argocd-application-controller-1")
    world.run("20s")
    assert all(world.sync_status(name) == "Synced" for name in ("home", "blue", "green"))


def test_a_copied_object_belongs_to_nobody(world):
    world.push({"app/config.yaml": config()})
    world.application()
    world.run("10s")
    live = world.get("configmaps", "settings")
    copy = {k: v for k, v in live.items() if k != "metadata"}
    copy["metadata"] = {
        "name": "copy",
        "namespace": "default",
        "annotations": {k: v for k, v in live["metadata"]["annotations"].items() if "tracking-id" in k},
    }
    world.create(copy)
    world.run("10s")
    assert world.sync_status() == "Synced"
    assert world.get("configmaps", "copy")


def test_health_of_applications_can_be_configured():
    script = "hs = {}\nif obj.status ~= nil then\n  if obj.status.health ~= nil then\n    hs.status = obj.status.health.status\n"
    world = ArgoWorld(
        config={"resource.customizations.health.argoproj.io_Application": script}, controllers=True
    )
    from kcsim.manifests import dump

    child = install.application(
        "child",
        {"repoURL": URL, "path": "child", "targetRevision": "main"},
        destination_namespace="default",
        syncPolicy=AUTOMATED,
    )
    world.push({"parent/child.yaml": dump(child), "child/web.yaml": deployment()})
    world.application("parent", "parent", namespace="argocd")
    world.run("20s")
    assert world.health("child") == "Progressing"
    assert world.health("parent") == "Progressing"

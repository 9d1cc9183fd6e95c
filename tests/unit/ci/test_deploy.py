"""The deployment stage: what is applied in which order, what is waited for, and every way in which it fails."""

from __future__ import annotations

from kcsim.delivery.ci.deploy import Deploy
from kcsim.delivery.ci.pipelines import StageSpec
from kcsim.delivery.ci.rights import Deployer
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.profile.distributions import Fixed

KUSTOMIZATION = """\
namespace: shop
namePrefix: green-
resources: [web.yaml, config.yaml]
images:
  - name: registry.example/shop/web
    newTag: "7"
"""


def log(run):
    return [line for stage in run.stages for line in stage.log]


def test_files_of_a_folder_are_applied_in_their_order_and_others_left_alone(world, files):
    pipeline = world.pipeline()
    world.commit({"b.yaml": files.config("b"), "a.yaml": files.config("a"), "notes.txt": "no manifest"})
    world.run("1m")
    assert log(pipeline.runs[0]) == [
        "$ kubectl apply -f deploy",
        "configmap/a created",
        "configmap/b created",
    ]


def test_a_kustomization_is_built_before_it_is_applied(world, files):
    pipeline = world.pipeline()
    world.commit(
        {"web.yaml": files.web("1"), "config.yaml": files.config("a"), "kustomization.yaml": KUSTOMIZATION}
    )
    world.run("1m")
    assert log(pipeline.runs[0])[:3] == [
        "$ kubectl apply -k deploy",
        "configmap/green-a created",
        "deployment.apps/green-web created",
    ]
    assert log(pipeline.runs[0])[3] == "$ kubectl rollout status deployment/green-web -n shop --timeout=5m"
    made = world.find("deployments.apps", "green-web")["spec"]["template"]["spec"]["containers"][0]
    assert made["image"] == "registry.example/shop/web:7"


def test_folders_below_are_walked_when_the_folder_itself_holds_nothing(world, files):
    pipeline = world.pipeline()
    world.commit({"z/b.yaml": files.config("b"), "a/c.yaml": files.config("c")})
    world.run("1m")
    assert log(pipeline.runs[0]) == [
        "$ kubectl apply -R -f deploy",
        "configmap/c created",
        "configmap/b created",
    ]


def test_one_file_and_several_paths(world, files):
    pipeline = world.pipeline(deploy=Deploy(("deploy/b.yaml", "deploy/more")))
    world.commit({"a.yaml": files.config("a"), "b.yaml": files.config("b"), "more/c.yaml": files.config("c")})
    world.run("1m")
    assert [line for line in log(pipeline.runs[0]) if line.startswith("configmap")] == [
        "configmap/b created",
        "configmap/c created",
    ]


def test_client_side_apply_leaves_drift_in_fields_the_file_does_not_name(world, files):
    pipeline = world.pipeline()
    world.commit({"web.yaml": files.web("1")})
    world.run("1m")
    body = {"spec": {"replicas": 5, "minReadySeconds": 7}}
    world.do(world.admin.patch("deployments.apps", "shop", "web", body))
    world.run("30m")
    # Nobody looks until somebody deploys.
    assert world.find("deployments.apps", "web")["spec"]["replicas"] == 5
    world.commit({"other.yaml": files.config("a")})
    world.run("1m")
    spec = world.find("deployments.apps", "web")["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (2, 7)
    assert "deployment.apps/web configured" in log(pipeline.runs[1])


def test_server_side_apply_owns_its_fields(world, files):
    pipeline = world.pipeline(deploy=Deploy(("deploy",), server_side=True))
    world.commit({"a.yaml": files.config("a")})
    world.run("1m")
    assert log(pipeline.runs[0]) == [
        "$ kubectl apply --server-side -f deploy",
        "configmap/a serverside-applied",
    ]
    version = world.server.log.get(world.admin.resource("configmaps"), "shop", "a")
    assert (version.manager, version.operation) == ("kubectl", "Apply")


def test_nothing_is_pruned(world, files):
    world.pipeline()
    world.commit({"a.yaml": files.config("a"), "b.yaml": files.config("b")})
    world.run("1m")
    world.commit({"b.yaml": None})
    world.run("1m")
    assert world.find("configmaps", "b") is not None


def test_a_rollout_that_does_not_finish_fails_the_run_at_its_timeout(world, files):
    pipeline = world.pipeline()
    good = world.commit({"web.yaml": files.web("1")})
    world.run("1m")
    bad = world.commit({"web.yaml": files.web("bad")})
    world.run("10m")
    run = pipeline.runs[1]
    assert (run.status, run.reason) == ("failed", "stage deploy: error: timed out waiting for the condition")
    assert 5 * MINUTE < run.finished_at - run.started_at < 5 * MINUTE + 5 * SECOND
    # The cluster stays as the run left it, and the commit does not count as deployed.
    assert world.image().endswith(":bad")
    assert (pipeline.last_deployed(), bad.sha) == (good.sha, run.sha)


def test_a_failed_rollout_can_be_undone(world, files):
    pipeline = world.pipeline(deploy=Deploy(("deploy",), rollout_timeout=MINUTE, on_failure="undo"))
    world.commit({"web.yaml": files.web("1")})
    world.run("1m")
    world.commit({"web.yaml": files.web("bad")})
    world.run("5m")
    run = pipeline.runs[1]
    assert run.status == "failed"
    assert log(run)[-2:] == [
        "$ kubectl rollout undo deployment/web -n shop",
        "deployment.apps/web rolled back",
    ]
    assert world.image().endswith(":1")
    assert world.find("deployments.apps", "web")["status"]["readyReplicas"] == 2


def test_without_a_timeout_nobody_waits(world, files):
    pipeline = world.pipeline(deploy=Deploy(("deploy",), rollout_timeout=0))
    world.commit({"web.yaml": files.web("bad")})
    world.run("1m")
    assert pipeline.runs[0].status == "succeeded"


def test_a_bad_manifest_halfway_leaves_the_rest_applied(world, files):
    pipeline = world.pipeline()
    broken = files.config("b").replace('data: {a: "1"}', "data: {a: [1]}")
    world.commit({"a.yaml": files.config("a"), "b.yaml": broken, "c.yaml": files.config("c")})
    world.run("1m")
    run = pipeline.runs[0]
    assert run.status == "failed"
    assert run.reason.startswith(
        'stage deploy: Error from server (BadRequest): error when creating "deploy/b.yaml"'
    )
    assert world.find("configmaps", "a") is not None
    assert world.find("configmaps", "b") is None
    # kubectl goes on with the files after the one that was refused.
    assert world.find("configmaps", "c") is not None
    assert pipeline.last_deployed() is None


def test_a_file_that_is_no_manifest_fails_the_stage_and_the_others_are_applied(world, files):
    pipeline = world.pipeline()
    world.commit({"a.yaml": files.config("a"), "b.yaml": "a: [1"})
    world.run("1m")
    assert pipeline.runs[0].reason.startswith("stage deploy: error: error parsing deploy/b.yaml: ")
    assert world.find("configmaps", "a") is not None


def test_a_kustomization_that_cannot_be_built(world, files):
    pipeline = world.pipeline()
    world.commit({"a.yaml": files.config("a"), "kustomization.yaml": "resources: [a.yaml, gone.yaml]"})
    world.run("1m")
    assert pipeline.runs[0].status == "failed"
    assert "gone.yaml" in pipeline.runs[0].reason
    assert world.find("configmaps", "a") is None


def test_a_folder_that_is_not_there(world, files):
    pipeline = world.pipeline(deploy=Deploy(("charts",)))
    world.commit({"a.yaml": files.config("a")})
    world.run("1m")
    assert pipeline.runs[0].reason == 'stage deploy: error: the path "charts" does not exist'


def test_missing_rights_are_forbidden_by_the_api_server(make_world, files):
    world = make_world(deployer=Deployer(cluster_role=None))
    pipeline = world.pipeline()
    world.commit({"a.yaml": files.config("a")})
    world.run("1m")
    run = pipeline.runs[0]
    assert run.status == "failed"
    assert run.reason.startswith("stage deploy: Error from server (Forbidden): ")
    assert 'User "ci-deployer" cannot get resource "configmaps"' in run.reason


CONFIG_MAPS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}


def test_a_deployer_of_one_namespace_cannot_make_the_namespace(make_world, files):
    world = make_world(deployer=Deployer(namespaces=("shop",), rules=(CONFIG_MAPS,)))
    pipeline = world.pipeline()
    space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    world.commit({"a.yaml": space, "b.yaml": files.config("b")})
    world.run("1m")
    assert 'cannot get resource "namespaces"' in pipeline.runs[0].reason
    assert world.find("configmaps", "b") is not None
    world.commit({"a.yaml": None})
    world.run("1m")
    assert pipeline.runs[1].status == "succeeded"


def test_a_cluster_out_of_reach_turns_the_run_red(world, files):
    pipeline = world.pipeline()
    cut = world.network.cut(["ci.example"], ["control-plane"])
    world.commit({f"{letter}.yaml": files.config(letter) for letter in "abcdefghij"})
    world.run("5m")
    run = pipeline.runs[0]
    # kubectl gives up before the first object, and does not wait for each of the ten.
    assert 30 * SECOND < run.finished_at - run.stages[-1].started_at < 31 * SECOND
    assert run.reason.startswith(
        "stage deploy: Unable to connect to the server: dial tcp control-plane:6443: "
    )
    world.network.heal(cut)
    world.run("1h")
    # Nobody tries again until somebody pushes.
    assert world.find("configmaps", "a") is None
    world.commit({"k.yaml": files.config("k")})
    world.run("1m")
    assert world.find("configmaps", "a") is not None


def test_a_git_host_that_is_down_loses_the_webhook(world, files):
    pipeline = world.pipeline()
    world.git.available = False
    world.commit({"a.yaml": files.config("a")})
    world.run("1m")
    world.git.available = True
    world.run("1h")
    assert pipeline.runs == []
    world.commit({"b.yaml": files.config("b")})
    world.run("1m")
    assert [run.status for run in pipeline.runs] == ["succeeded"]
    assert world.find("configmaps", "a") is not None


def test_polling_catches_up_when_the_git_host_is_back(world, files):
    pipeline = world.pipeline(trigger="poll")
    world.git.available = False
    world.commit({"a.yaml": files.config("a")})
    world.run("150s")
    assert [verb for verb, _ in world.notes()] == ["poll-failed", "poll-failed"]
    world.git.available = True
    world.run("2m")
    assert [run.status for run in pipeline.runs] == ["succeeded"]


def test_a_git_host_that_goes_down_before_the_checkout_fails_the_stage(world, files):
    pipeline = world.pipeline(StageSpec("tests", Fixed(20 * SECOND)))
    world.commit({"a.yaml": files.config("a")})
    world.run("10s")
    world.git.available = False
    world.run("1m")
    assert pipeline.runs[0].reason == (
        "stage deploy: fatal: unable to access 'https://git.example/shop/': The requested URL returned error: 503"
    )


def test_a_runner_that_dies_leaves_a_partial_apply_and_is_noticed_later(world, files):
    pipeline = world.pipeline()
    world.commit({f"{letter}.yaml": files.config(letter) for letter in "abcdefghij"})
    world.run("3s")
    while world.find("configmaps", "c") is None:
        world.engine.step()
    world.ci.stop_runner("shop-runner-1")
    world.run("9m")
    run = pipeline.runs[0]
    there = [letter for letter in "abcdefghij" if world.find("configmaps", letter) is not None]
    assert there == ["a", "b", "c"]
    assert run.status == "running"
    world.run("2m")
    assert run.status == "failed"
    assert run.reason == "The self-hosted runner shop-runner-1 lost communication with the server."
    assert run.stages[-1].status == "failed"


def test_commits_queue_up_until_a_dead_runner_is_back(world, files):
    pipeline = world.pipeline()
    world.commit({"a.yaml": files.config("a")})
    world.run("1m")
    world.ci.stop_runner("shop-runner-1")
    world.commit({"b.yaml": files.config("b")})
    world.run("1h")
    assert [run.status for run in pipeline.runs] == ["succeeded", "queued"]
    world.ci.start_runner("shop-runner-1")
    world.run("1m")
    assert pipeline.runs[1].status == "succeeded"


def test_a_runner_that_comes_back_gives_up_what_it_was_doing(world, files):
    pipeline = world.pipeline(StageSpec("tests", Fixed(60 * SECOND)))
    world.commit({"a.yaml": files.config("a")})
    world.run("30s")
    world.ci.stop_runner("shop-runner-1")
    world.run("30s")
    world.ci.start_runner("shop-runner-1")
    assert pipeline.runs[0].status == "failed"
    world.run("1h")
    assert len(pipeline.runs) == 1

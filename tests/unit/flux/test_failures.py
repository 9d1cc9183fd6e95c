"""What goes wrong, how it shows, and how it heals."""

from __future__ import annotations

from kcsim.api import objects
from kcsim.delivery.gitops.flux import install


def started(world, files, **spec):
    world.push(files, "Start")
    world.deliver(**spec)
    world.until(lambda: world.ks() and (world.ready() or ("",))[0] == "True", "2m")
    world.run("40s")
    return world


def test_a_broken_build_keeps_what_was_applied_and_is_tried_again(make_world, yaml):
    world = started(
        make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()}, retryInterval=120_000_000
    )
    good = world.revision()
    world.push({"kustomization.yaml": "resources: [ns.yaml, missing.yaml]\n"}, "Break")
    world.until(lambda: world.ready()[1] == "BuildFailed", "2m")
    status, _, message = world.ready()
    assert status == "False"
    assert message.startswith(
        "kustomize build failed: kustomization.yaml: accumulating resources from 'missing.yaml'"
    )
    assert world.ks()["status"]["lastAppliedRevision"] == good
    assert world.ks()["status"]["lastAttemptedRevision"] == world.revision()
    assert objects.condition(world.ks(), "Reconciling")["reason"] == "ProgressingWithRetry"
    assert world.get("configmaps", "settings") is not None
    events = [e for e in world.events() if e[0] == "BuildFailed"]
    world.run("121s")
    assert events == [("BuildFailed", message)]
    assert world.ks()["status"]["history"][0]["metadata"] == {"revision": good}
    world.push({"kustomization.yaml": "resources: [ns.yaml, cm.yaml]\n"}, "Mend")
    world.until(lambda: world.ready()[2] == f"Applied revision: {world.revision()}", "2m")


def test_a_manifest_the_server_refuses_stops_its_whole_stage(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    bad = yaml.deployment().replace("replicas: 2", "replicas: -1")
    world.push(
        {
            "cm.yaml": yaml.config(value="2"),
            "web.yaml": bad,
            "other.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: other\n",
        }
    )
    world.until(lambda: world.ready()[1] == "ReconciliationFailed", "2m")
    assert world.ready()[2].startswith(
        'Deployment/shop/web dry-run failed (Invalid): Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1'
    )
    # The stage of definitions came through; of the stage with the error nothing did.
    assert world.ready()[2].endswith("\nNamespace/other created\n")
    assert world.get("namespaces", "other", "") is not None
    assert world.get("configmaps", "settings")["data"]["value"] == "1"
    assert len(world.ks()["status"]["inventory"]["entries"]) == 2


def test_unknown_kinds_and_missing_namespaces_read_as_upstream(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace})
    world.push(
        {"x.yaml": "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\n  namespace: shop\n"}
    )
    world.until(lambda: world.ready()[1] == "ReconciliationFailed", "2m")
    assert world.ready()[2] == (
        'Widget/shop/w dry-run failed: no matches for kind "Widget" in version "example.com/v1"\n'
    )
    world.push({"x.yaml": None, "cm.yaml": yaml.config().replace("  namespace: shop\n", "")})
    world.until(lambda: "namespace not specified" in world.ready()[2], "2m")


def test_a_custom_resource_may_come_with_its_definition(make_world, yaml):
    crd = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
    widget = (
        "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\n  namespace: shop\nspec: {size: 3}\n"
    )
    world = started(make_world(), {"a.yaml": widget, "b.yaml": crd, "c.yaml": yaml.namespace})
    assert world.get("widgets", "w")["spec"] == {"size": 3}


def test_health_checks_wait_time_out_and_pass_later(make_world, yaml):
    world = make_world(controllers=True)
    world.push({"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()})
    world.deliver(wait=True, timeout=60_000_000, retryInterval=30_000_000)
    # Nobody runs the pods here: the Deployment never becomes available.
    world.until(lambda: world.ks() and (world.ready() or ("", ""))[1] == "HealthCheckFailed", "3m")
    assert world.ready()[2].startswith("health check failed after 1m0")
    why = "timeout waiting for: [Deployment/shop/web status: 'InProgress']"
    assert world.ready()[2].endswith(f": {why}")
    healthy = objects.condition(world.ks(), "Healthy")
    assert (healthy["status"], healthy["reason"], healthy["message"]) == ("False", "HealthCheckFailed", why)
    assert "lastAppliedRevision" not in world.ks()["status"]
    for pod in world.do(world.client.list("pods", "shop"))["items"]:
        conditions = [{"type": "Ready", "status": "True"}]
        new = {**pod, "status": {**pod["status"], "phase": "Running", "conditions": conditions}}
        world.do(world.client.update_status("pods", new))
    world.until(lambda: world.ready()[0] == "True", "3m")
    world.run("1s")
    assert objects.condition(world.ks(), "Healthy")["status"] == "True"
    assert any(message.startswith("Health check passed in ") for _, message in world.events())


def test_a_health_check_that_runs_keeps_newer_commits_waiting(make_world, yaml):
    world = make_world(controllers=True)
    world.push({"ns.yaml": yaml.namespace, "web.yaml": yaml.deployment()})
    world.deliver(wait=True, timeout=300_000_000)
    world.until(lambda: world.ks() and objects.condition(world.ks(), "Healthy") is not None, "1m")
    began = world.now
    world.push({"web.yaml": None}, "Take it back")
    world.until(lambda: world.ready()[0] == "True", "10m")
    assert world.now - began > 290
    assert world.get("deployments", "web") is None


def test_git_down_keeps_the_last_artifact_and_drift_is_still_healed(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    good = world.revision()
    world.git.available = False
    world.until(lambda: world.source_ready()[0] == "False", "2m")
    _, reason, message = world.source_ready()
    assert reason == "GitOperationFailed"
    assert message.startswith(
        "failed to checkout and determine revision: unable to list remote for 'https://git.example/shop': "
    )
    assert [c["type"] for c in world.source()["status"]["conditions"]] == [
        "Ready",
        "ArtifactInStorage",
        "FetchFailed",
        "Reconciling",
    ]
    world.kubectl("delete configmap settings")
    world.until(lambda: world.get("configmaps", "settings") is not None, "11m")
    assert world.source()["status"]["artifact"]["revision"] == good
    world.git.available = True
    world.push({"cm.yaml": yaml.config(value="2")})
    # By now the back-off has grown to minutes.
    world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2", "16m")
    assert world.source_ready()[0] == "True"
    assert objects.condition(world.source(), "FetchFailed") is None


def test_failed_looks_back_off_from_750_ms(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace})
    world.git.available = False
    world.run("5m")
    warned = [t for t, _, _ in world.writes("gitrepositories", "shop", "flux-system")][-1:]
    events = [e for e in world.events("GitRepository") if e[0] == "GitOperationFailed"]
    assert len(events) == 1
    items = world.do(world.client.list("events", "flux-system"))["items"]
    count = next(e["count"] for e in items if e["reason"] == "GitOperationFailed")
    # 0.75, 1.5, 3, ... 96, 192: nine looks fit in the time from the first failure on.
    assert 8 <= count <= 9
    assert warned


def test_a_missing_branch_and_a_missing_path_are_told(make_world, yaml):
    world = make_world()
    world.push({"deploy/ns.yaml": yaml.namespace})
    world.deliver(path="elsewhere")
    world.until(
        lambda: world.ks() and (world.ready() or ("", "", ""))[2].startswith("kustomization path"), "1m"
    )
    assert world.ready()[1] == "ArtifactFailed"
    assert world.ready()[2].endswith("elsewhere: no such file or directory")
    world.patch("gitrepositories", "shop", {"spec": {"ref": {"branch": "nope"}}}, "flux-system")
    world.until(lambda: world.source_ready()[0] == "False", "1m")
    assert world.source_ready()[2].endswith('couldn\'t find remote ref "refs/heads/nope"')
    assert world.source()["status"]["artifact"]["revision"] == world.revision()


def test_no_source_no_artifact(make_world, yaml):
    world = make_world()
    world.create(install.kustomization("shop", "nowhere"))
    world.run("5s")
    assert world.ready() == (
        "False",
        "ArtifactFailed",
        'gitrepositories.source.toolkit.fluxcd.io "nowhere" not found',
    )


def test_when_the_node_of_kustomize_controller_dies_nothing_is_applied_until_it_runs_elsewhere(
    make_world, yaml
):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    world.power_off("node-2")
    world.push({"cm.yaml": yaml.config(value="2")})
    world.run("6m")
    assert world.source()["status"]["artifact"]["revision"] == world.revision()
    assert world.get("configmaps", "settings")["data"]["value"] == "1"
    world.start("kustomize-controller", "node-1")
    took = world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2", "2m")
    # Its Lease ran out long ago; a new candidate must still see it unrenewed for 35 s by its own clock.
    assert 35 <= took <= 50


def test_when_source_controller_restarts_its_artifacts_are_gone_and_made_anew(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    before = world.source()["status"]["artifact"]
    world.agents["source-controller"].stop()
    world.run("5s")
    world.start("source-controller", "node-2")
    world.until(lambda: world.source()["status"].get("artifact") is None, "10s")
    building = world.source_ready()
    assert building == ("Unknown", "Progressing", "building artifact: disappeared from storage")
    world.until(lambda: world.source_ready()[0] == "True", "10s")
    after = world.source()["status"]["artifact"]
    assert (after["digest"], after["revision"]) == (before["digest"], before["revision"])


def test_while_source_controller_is_gone_downloads_are_refused_and_tried_again(make_world, yaml):
    world = started(make_world(), {"ns.yaml": yaml.namespace}, interval=120_000_000)
    world.agents["source-controller"].stop()
    world.until(lambda: world.ready()[1] == "ArtifactFailed", "15m")
    assert world.ready()[2].startswith(
        "failed to download archive: GET http://source-controller.flux-system.svc"
    )
    assert "giving up after 10 attempt(s)" in world.ready()[2]
    assert world.ready()[2].endswith("connect: connection refused")

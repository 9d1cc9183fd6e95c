"""HelmReleases as users meet them: installed, upgraded, failing, remedied, stuck, drifting, uninstalled."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux.helm.releases import decoded

SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
REPOSITORY = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmRepository",
    "metadata": {"name": "charts", "namespace": "shop"},
    "spec": {"interval": "5m", "url": "https://charts.example/shop"},
}
BROKEN = {  # nothing runs its pods, so that it never becomes ready
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "web:2"}]},
        },
    },
}


def config(name="settings", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture
def world(make_world):
    made = make_world(components=("helm-controller",))
    made.create(SHOP)
    made.publish("1.0.0", config(value="1"))
    made.create(REPOSITORY)
    made.run("5s")
    return made


def settled(world, status="True", name="web"):
    world.until(lambda: (world.hr_ready(name) or ("",))[0] == status)
    world.run("1s")  # the last write of a reconciliation


def fails(world, reason, name="web"):
    world.until(lambda: (world.hr_ready(name) or ("", ""))[:2] == ("False", reason))
    world.run("1s")


def published(world, *args, **more):
    """A new version, and the repository is looked at for it."""
    world.publish(*args, **more)
    mark = {"reconcile.fluxcd.io/requestedAt": args[0]}
    world.patch("helmrepositories", "charts", {"metadata": {"annotations": mark}})
    world.run("2s")


def held(world, namespace="shop"):
    """(name, label status) of the Secrets of Helm's storage."""
    found = world.do(world.client.list("secrets", namespace, label_selector="owner=helm"))["items"]
    return [(objects.name(each), objects.labels(each)["status"]) for each in found]


def test_a_release_is_installed_with_a_helm_chart_of_its_own(world):
    world.release()
    settled(world)
    where = "release shop/web.v1 with chart web@1.0.0"
    assert world.hr_ready() == ("True", "InstallSucceeded", f"Helm install succeeded for {where}")
    assert world.hr_condition("Released") == world.hr_ready()
    chart = world.get("helmcharts", "shop-web")
    assert objects.labels(chart) == {
        "helm.toolkit.fluxcd.io/name": "web",
        "helm.toolkit.fluxcd.io/namespace": "shop",
    }
    ready = objects.condition(chart, "Ready")
    assert (ready["reason"], ready["message"]) == (
        "ChartPullSucceeded",
        "pulled 'web' chart with version '1.0.0'",
    )
    status = world.hr_status()
    assert status["helmChart"] == "shop/shop-web"
    assert status["storageNamespace"] == "shop"
    assert status["lastAttemptedRevision"] == "1.0.0"
    assert status["inventory"]["entries"] == [{"id": "shop_settings__ConfigMap", "v": "v1"}]
    seen = status["history"][0]
    assert {k: seen[k] for k in ("name", "version", "status", "chartName", "action", "appVersion")} == {
        "name": "web",
        "version": 1,
        "status": "deployed",
        "chartName": "web",
        "action": "install",
        "appVersion": "1",
    }
    assert status["observedGeneration"] == 1
    assert objects.condition(world.hr(), "Reconciling") is None


def test_what_is_installed_says_which_release_it_belongs_to(world):
    world.release()
    settled(world)
    made = world.get("configmaps", "settings")
    assert objects.labels(made) == {
        "app.kubernetes.io/managed-by": "Helm",
        "helm.toolkit.fluxcd.io/name": "web",
        "helm.toolkit.fluxcd.io/namespace": "shop",
    }
    assert objects.annotations(made) == {
        "meta.helm.sh/release-name": "web",
        "meta.helm.sh/release-namespace": "shop",
    }


def test_the_storage_is_helms_own(world):
    world.release(values={"replicas": 2})
    settled(world)
    assert held(world) == [("sh.helm.release.v1.web.v1", "deployed")]
    secret = world.get("secrets", "sh.helm.release.v1.web.v1")
    assert secret["type"] == "helm.sh/release.v1"
    labels = objects.labels(secret)
    assert {k: labels[k] for k in ("name", "owner", "status", "version")} == {
        "name": "web",
        "owner": "helm",
        "status": "deployed",
        "version": "1",
    }
    release = decoded(secret)
    assert release.config == {"replicas": 2}
    assert release.description == "Install complete"
    assert "name: settings" in release.manifest


def test_a_new_version_of_the_chart_is_upgraded_to(world):
    world.release()
    settled(world)
    world.publish("1.1.0", config(value="2"), config("more", value="3"))
    world.until(lambda: world.hr_status()["history"][0]["version"] == 2)
    assert world.hr_ready()[1:] == (
        "UpgradeSucceeded",
        "Helm upgrade succeeded for release shop/web.v2 with chart web@1.1.0",
    )
    assert [(s["version"], s["status"]) for s in world.hr_status()["history"]] == [
        (2, "deployed"),
        (1, "superseded"),
    ]
    assert world.get("configmaps", "settings")["data"] == {"value": "2"}
    world.publish("1.2.0", config(value="2"))
    world.until(lambda: world.hr_status()["history"][0]["version"] == 3)
    assert world.get("configmaps", "more") is None


def test_nothing_is_done_again_while_nothing_changes(world):
    """Users expect edits to be undone at the next interval; they are not (helm-controller issue 186)."""
    world.release(interval="1m")
    settled(world)
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.run("10m")
    assert world.get("configmaps", "settings")["data"] == {"value": "by hand"}
    assert len(world.writes("secrets", "sh.helm.release.v1.web.v1")) == 2
    assert world.hr_ready()[0] == "True"


def test_a_failed_upgrade_without_remediation_stays_and_says_so(world):
    """Flux issue 1878: upgrade retries exhausted."""
    world.release(timeout="1m")
    settled(world)
    world.publish("2.0.0", BROKEN)
    world.until(lambda: world.hr_condition("Stalled") is not None)
    failed = (
        "Helm upgrade failed for release shop/web with chart web@2.0.0: timeout waiting for: "
        "[Deployment/shop/web status: 'InProgress']"
    )
    assert world.hr_ready() == ("False", "UpgradeFailed", failed)
    assert world.hr_condition("Stalled") == (
        "True",
        "RetriesExceeded",
        "Failed to upgrade after 1 attempt(s)",
    )
    assert held(world) == [
        ("sh.helm.release.v1.web.v1", "deployed"),
        ("sh.helm.release.v1.web.v2", "failed"),
    ]
    status = world.hr_status()
    assert (status["failures"], status["upgradeFailures"]) == (1, 1)
    world.run("1h")
    assert len(held(world)) == 2, "nothing is tried any more"


def test_a_fixed_chart_ends_the_failure(world):
    world.release(timeout="1m")
    settled(world)
    world.publish("2.0.0", BROKEN)
    world.until(lambda: world.hr_condition("Stalled") is not None)
    world.publish("2.0.1", config(value="4"))
    settled(world)
    world.run("5s")
    assert world.hr_condition("Stalled") is None
    assert world.hr_status().get("upgradeFailures") is None
    assert world.hr_ready()[1] == "UpgradeSucceeded"
    assert world.get("deployments", "web") is not None, "what a failed upgrade has created is left behind"


def test_a_failed_upgrade_with_retries_is_rolled_back_and_tried_again(world):
    world.release(timeout="1m", upgrade={"remediation": {"retries": 1}})
    settled(world)
    world.publish("2.0.0", BROKEN)
    world.until(lambda: world.hr_condition("Remediated") is not None)
    rolled = "Helm rollback to previous release shop/web.v1 with chart web@1.0.0 succeeded"
    assert world.hr_condition("Remediated") == ("True", "RollbackSucceeded", rolled)
    assert world.hr_ready() == ("False", "RollbackSucceeded", rolled)
    world.until(lambda: world.hr_condition("Stalled") is not None)
    assert world.hr_condition("Stalled")[2] == "Failed to upgrade after 2 attempt(s)"
    assert [(name[-2:], status) for name, status in held(world)] == [
        ("v1", "superseded"),
        ("v2", "failed"),
        ("v3", "superseded"),
        ("v4", "failed"),
        ("v5", "deployed"),
    ]
    assert world.get("configmaps", "settings")["data"] == {"value": "1"}
    assert world.get("deployments", "web") is None


def test_a_failed_install_with_retries_is_uninstalled_in_between(world):
    published(world, "2.0.0", BROKEN)
    world.release(timeout="1m", install={"remediation": {"retries": 1}})
    world.until(lambda: world.hr_condition("Remediated") is not None)
    gone = "Helm uninstall remediation for release shop/web.v1 with chart web@2.0.0 succeeded"
    assert world.hr_condition("Remediated") == ("True", "UninstallSucceeded", gone)
    assert world.get("deployments", "web") is None
    world.until(lambda: world.hr_condition("Stalled") is not None)
    assert world.hr_condition("Stalled")[2] == "Failed to install after 2 attempt(s)"
    assert world.get("deployments", "web") is not None, "the last failure is left for people to look at"


def test_retry_on_failure_upgrades_every_few_minutes_and_remedies_nothing(world):
    published(world, "2.0.0", BROKEN)
    retry = {"strategy": {"name": "RetryOnFailure", "retryInterval": "2m"}}
    world.release(timeout="1m", install=retry, upgrade=retry)
    fails(world, "InstallFailed")
    world.until(
        lambda: len(held(world)) == 2
    )  # at once: the look for the chart after 30 s fell into the install
    waits = ("True", "ProgressingWithRetry", "retrying after 2m0s")
    world.until(lambda: world.hr_condition("Reconciling") == waits)
    world.until(lambda: len(held(world)) == 3, limit="2m10s")
    assert world.hr_condition("Stalled") is None
    world.publish("2.0.1", config(value="5"))
    settled(world)
    assert world.hr_status().get("failures") is None


def test_who_dies_in_an_upgrade_leaves_it_pending_and_the_next_unlocks_it(world):
    """helm-controller issue 149: another operation (install/upgrade/rollback) is in progress."""
    world.release(timeout="5m")
    settled(world)
    world.publish("2.0.0", BROKEN)
    world.until(lambda: ("sh.helm.release.v1.web.v2", "pending-upgrade") in held(world))
    world.run("30s")
    world.agents["helm-controller"].stop()
    assert held(world)[1] == ("sh.helm.release.v1.web.v2", "pending-upgrade")
    world.start("helm-controller", "node-1")
    world.until(lambda: (world.hr_condition("Released") or ("", ""))[1] == "PendingRelease")
    assert world.hr_condition("Released")[2] == (
        "Unlocked Helm release shop/web.v2 with chart web@2.0.0 in pending-upgrade state"
    )
    world.until(lambda: len(held(world)) == 3)


def test_reset_and_force_try_again(world):
    world.release(timeout="1m")
    settled(world)
    world.publish("2.0.0", BROKEN)
    world.until(lambda: world.hr_condition("Stalled") is not None)
    for number, word in enumerate(("resetAt", "forceAt")):
        marks = {"reconcile.fluxcd.io/requestedAt": str(number), f"reconcile.fluxcd.io/{word}": str(number)}
        world.patch("helmreleases", "web", {"metadata": {"annotations": marks}})
        world.until(lambda n=number: len(held(world)) == 3 + n)
        world.until(lambda: world.hr_condition("Stalled") is not None)
    assert world.hr_status()["lastHandledResetAt"] == "0"
    assert world.hr_status()["lastHandledForceAt"] == "1"


def test_drift_is_told_or_mended_as_the_spec_says(world):
    world.release(interval="1m", driftDetection={"mode": "warn"})
    settled(world)
    assert world.hr_condition("Drifted")[1:] == (
        "NoDriftDetected",
        "No drift detected against the cluster state",
    )
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.until(lambda: world.hr_condition("Drifted")[0] == "True")
    told = (
        "Cluster state of release shop/web.v1 has drifted from the desired state:\n"
        "ConfigMap/shop/settings changed (0 additions, 1 changes, 0 removals)"
    )
    assert world.hr_condition("Drifted") == ("True", "DriftDetected", told)
    assert world.hr_ready()[0] == "True"
    world.patch("helmreleases", "web", {"spec": {"driftDetection": {"mode": "enabled"}}})
    world.until(lambda: world.get("configmaps", "settings")["data"] == {"value": "1"})
    world.do(world.client.delete("configmaps", "shop", "settings"))
    world.until(lambda: world.get("configmaps", "settings") is not None)
    world.run("5s")
    reasons = [reason for reason, _ in world.events("HelmRelease", "web", "shop")]
    assert reasons.count("DriftCorrected") == 2
    assert held(world) == [("sh.helm.release.v1.web.v1", "deployed")], "no revision is made of it"


def test_ignored_fields_are_no_drift(world):
    rules = [{"paths": ["/data/value"], "target": {"kind": "ConfigMap"}}]
    world.release(interval="1m", driftDetection={"mode": "enabled", "ignore": rules})
    settled(world)
    world.patch("configmaps", "settings", {"data": {"value": "by hand"}})
    world.run("5m")
    assert world.get("configmaps", "settings")["data"] == {"value": "by hand"}
    assert world.hr_condition("Drifted")[0] == "False"


def test_deleting_uninstalls_and_a_suspended_one_leaves_all(world):
    world.release()
    world.release("kept", releaseName="kept")
    settled(world)
    settled(world, name="kept")
    world.patch("helmreleases", "kept", {"spec": {"suspend": True}})
    world.do(world.client.delete("helmreleases", "shop", "kept"))
    world.until(lambda: world.hr("kept") is None)
    assert ("sh.helm.release.v1.kept.v1", "deployed") in held(world)
    world.do(world.client.delete("helmreleases", "shop", "web"))
    world.until(lambda: world.hr() is None)
    world.run("5s")
    assert world.get("configmaps", "settings") is None
    assert world.get("helmcharts", "shop-web") is None
    assert [name for name, _ in held(world)] == ["sh.helm.release.v1.kept.v1"]


def test_another_name_is_another_release(world):
    world.release()
    settled(world)
    world.patch("helmreleases", "web", {"spec": {"releaseName": "shop-web"}})
    world.until(lambda: held(world) == [("sh.helm.release.v1.shop-web.v1", "deployed")])
    world.run("1s")
    assert world.hr_status()["history"][0]["name"] == "shop-web"


def test_a_target_namespace_is_made_where_it_is_asked_for(world):
    world.release(targetNamespace="front", install={"createNamespace": True})
    settled(world)
    assert world.get("configmaps", "settings", "front") is not None
    assert held(world) == [("sh.helm.release.v1.front-web.v1", "deployed")]


def test_dependencies_are_waited_for(world):
    world.release(dependsOn=[{"name": "first"}])
    settled(world, "False")
    why = "unable to get 'shop/first' dependency: helmreleases.helm.toolkit.fluxcd.io \"first\" not found"
    assert world.hr_ready() == ("False", "DependencyNotReady", why)
    world.release("first", releaseName="first")
    took = world.until(lambda: world.hr_ready()[0] == "True")
    assert took <= 31


def test_values_come_in_order_and_their_digest_decides(world):
    world.create(
        {
            **config("base"),
            "metadata": {"name": "base", "namespace": "shop"},
            "data": {"values.yaml": "a: 1\nb: 1\n"},
        }
    )
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "shop"}}
    world.create({**secret, "stringData": {"token": "s3cret"}})
    refs = [
        {"kind": "ConfigMap", "name": "base"},
        {"kind": "Secret", "name": "token", "valuesKey": "token", "targetPath": "auth.tokens[0]"},
        {"kind": "ConfigMap", "name": "absent", "optional": True},
    ]
    world.release(valuesFrom=refs, values={"b": 2})
    settled(world)
    release = decoded(world.get("secrets", "sh.helm.release.v1.web.v1"))
    assert release.config == {"a": 1, "b": 2, "auth": {"tokens": ["s3cret"]}}
    world.patch("configmaps", "base", {"data": {"values.yaml": "a: 3"}})
    world.until(lambda: len(held(world)) == 2, limit="11m")
    world.run("1s")
    assert world.hr_ready()[1] == "UpgradeSucceeded"


def test_labelled_values_are_looked_at_at_once(world):
    labels = {"reconcile.fluxcd.io/watch": "Enabled"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"values.yaml": "a: 1"}}
    world.create({**body, "metadata": {"name": "base", "namespace": "shop", "labels": labels}})
    world.release(valuesFrom=[{"kind": "ConfigMap", "name": "base"}], interval="1h")
    settled(world)
    world.patch("configmaps", "base", {"data": {"values.yaml": "a: 2"}})
    assert world.until(lambda: len(held(world)) == 2) < 5


def test_missing_values_are_an_error(world):
    world.release(valuesFrom=[{"kind": "ConfigMap", "name": "absent"}])
    settled(world, "False")
    assert world.hr_ready() == (
        "False",
        "ValuesError",
        (
            "could not resolve ConfigMap chart values reference 'shop/absent' with key 'values.yaml': "
            'configmaps "absent" not found'
        ),
    )


def test_post_renderers_and_common_metadata_change_what_is_installed(world):
    patch = "- op: add\n  path: /data/extra\n  value: x\n"
    renderers = [{"kustomize": {"patches": [{"patch": patch, "target": {"kind": "ConfigMap"}}]}}]
    world.release(postRenderers=renderers, commonMetadata={"labels": {"team": "shop"}})
    settled(world)
    made = world.get("configmaps", "settings")
    assert made["data"] == {"value": "1", "extra": "x"}
    assert objects.labels(made)["team"] == "shop"
    world.patch("helmreleases", "web", {"spec": {"postRenderers": None}})
    world.until(lambda: world.get("configmaps", "settings")["data"] == {"value": "1"})
    assert len(held(world)) == 2


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"waitStrategy": {"name": "legacy"}}, "spec.waitStrategy"),
        ({"upgrade": {"serverSideApply": "disabled"}}, "spec.upgrade.serverSideApply"),
    ],
)
def test_what_is_not_modelled_is_refused_by_name(world, spec, told):
    world.release(**spec)
    settled(world, "False")
    _status, reason, message = world.hr_ready()
    assert reason == "NotModelled"
    assert message.startswith(told)
    assert world.hr_condition("Stalled") == ("True", reason, message)


def test_a_release_for_another_cluster_needs_its_kubeconfig(world):
    world.release(kubeConfig={"secretRef": {"name": "far"}})
    settled(world, "False")
    why = "could not get KubeConfig secret 'shop/far': secrets \"far\" not found"
    assert world.hr_ready() == ("False", "RESTClientError", why)


def test_a_chart_of_templates_needs_the_binary(world, monkeypatch):
    monkeypatch.setenv("KCSIM_HELM", "nowhere-helm")
    world.charts.publish(
        "https://charts.example/shop",
        {
            "Chart.yaml": b"apiVersion: v2\nname: web\nversion: 3.0.0\n",
            "templates/a.yaml": b"kind: {{ .Values.kind }}\n",
        },
    )
    mark = {"reconcile.fluxcd.io/requestedAt": "now"}
    world.patch("helmrepositories", "charts", {"metadata": {"annotations": mark}})
    world.run("2s")
    world.release()
    fails(world, "NotModelled")
    assert "helm binary" in world.hr_ready()[2]


RENDERER = """\
#!/bin/sh
echo "apiVersion: v1"
echo "kind: ConfigMap"
echo "metadata: {name: made-for-$2}"
echo "data:"
sed -n "s/^color: /  color: /p" "$7"
"""


def test_templates_are_rendered_by_the_binary_where_there_is_one(world, monkeypatch, tmp_path):
    program = tmp_path / "helm"
    program.write_text(RENDERER, "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("KCSIM_HELM", str(program))
    files = {
        "Chart.yaml": b"apiVersion: v2\nname: web\nversion: 3.0.0\n",
        "templates/a.yaml": b"data: {color: {{ .Values.color }}}\n",
    }
    world.charts.publish("https://charts.example/shop", files)
    mark = {"reconcile.fluxcd.io/requestedAt": "now"}
    world.patch("helmrepositories", "charts", {"metadata": {"annotations": mark}})
    world.run("2s")
    world.release(values={"color": "blue"})
    settled(world)
    assert world.get("configmaps", "made-for-web")["data"] == {"color": "blue"}


def test_an_unknown_kind_is_tried_again(world):
    published(world, "2.0.0", {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}})
    world.release()
    fails(world, "InstallFailed")
    assert 'no matches for kind "Widget" in version "example.org/v1"' in world.hr_ready()[2]
    assert held(world) == []
    assert world.hr_condition("Stalled") is None


def test_two_runs_are_the_same(make_world):
    def story():
        made = make_world(seed=5, components=("helm-controller",))
        made.create(SHOP)
        made.publish("1.0.0", config(value="1"))
        made.create(REPOSITORY)
        made.release(timeout="1m", upgrade={"remediation": {"retries": 1}})
        made.run("1m")
        made.publish("2.0.0", BROKEN)
        made.run("20m")
        return [(r.time, r.actor, r.verb, r.subject) for r in made.engine.trace.records]

    assert story() == story()


IN_GIT = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  interval: 10m
  timeout: 1m
  chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: charts}}}
"""


def test_a_kustomization_waits_for_its_releases(world):
    world.push({"release.yaml": IN_GIT}, "A release")
    world.deliver(wait=True, timeout=300_000_000)
    world.until(lambda: (world.ready() or ("",))[0] == "True")
    assert world.hr_ready()[1] == "InstallSucceeded"


def test_a_kustomization_gives_up_on_a_release_that_has_stalled(world):
    published(world, "2.0.0", BROKEN)
    world.push({"release.yaml": IN_GIT}, "A release")
    world.deliver(wait=True, timeout=600_000_000)
    world.until(lambda: (world.ready() or ("", ""))[1] == "HealthCheckFailed")
    assert world.ready()[2].endswith(
        "failed early due to stalled resources: [HelmRelease/shop/web status: 'Failed']"
    )
    assert world.now < 120


def test_a_release_acts_as_the_account_that_it_names(world):
    world.release(serviceAccountName="deployer")
    world.until(lambda: (world.hr_ready() or ("", ""))[1] == "StateError")
    assert 'User "system:serviceaccount:shop:deployer" cannot list resource "secrets"' in world.hr_ready()[2]
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "deployer", "namespace": "shop"}
    role = {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"}
    metadata = {"name": "deployer", "namespace": "shop"}
    binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata}
    world.create({**binding, "roleRef": role, "subjects": [subject]})
    settled(world)
    actors = {actor for _, actor, _ in world.writes("configmaps", "settings")}
    assert actors == {"system:serviceaccount:shop:deployer"}

"""Hooks and tests of charts: their order, what is waited for, what is deleted, what a failure leads to."""

from __future__ import annotations

import pytest

SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
REPOSITORY = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "HelmRepository",
    "metadata": {"name": "charts", "namespace": "shop"},
    "spec": {"interval": "5m", "url": "https://charts.example/shop"},
}


def config(name="settings", hook="", **notes):
    metadata = {"name": name}
    if hook:
        metadata["annotations"] = {"helm.sh/hook": hook, **{f"helm.sh/{k}": v for k, v in notes.items()}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": "1"}}


def pod(name, hook, **notes):
    made = config(name, hook, **notes)
    del made["data"]
    return {**made, "kind": "Pod", "spec": {"containers": [{"name": "app", "image": "test:1"}]}}


@pytest.fixture
def world(make_world):
    made = make_world(components=("helm-controller",))
    made.create(SHOP)
    return made


def released(world, *templates, **spec):
    world.publish("1.0.0", *templates)
    world.create(REPOSITORY)
    world.run("5s")
    world.release(**spec)


def created(world, name):
    return world.writes("configmaps", name)[0][0]


def ended(world, name, phase):
    world.until(lambda: world.get("pods", name) is not None)
    world.run("1s")
    world.do(world.client.patch("pods", "shop", name, {"status": {"phase": phase}}, subresource="status"))


def until_reason(world, kind, reason):
    world.until(lambda: (world.hr_condition(kind) or ("", ""))[1] == reason)
    world.run("1s")
    return world.hr_condition(kind)


def test_hooks_run_around_the_objects_by_weight_and_name(world):
    weight = "hook-weight"
    released(
        world,
        config(),
        config("late", "pre-install", **{weight: "5"}),
        config("early", "pre-install", **{weight: "-5"}),
        config("after", "post-install"),
        config("never", "pre-upgrade"),
    )
    until_reason(world, "Released", "InstallSucceeded")
    order = [created(world, name) for name in ("early", "late", "settings", "after")]
    assert order == sorted(order)
    assert world.get("configmaps", "never") is None
    assert world.hr_status()["inventory"]["entries"] == [{"id": "shop_settings__ConfigMap", "v": "v1"}]


def test_a_pod_of_a_hook_is_waited_for_until_it_has_ended(world):
    released(world, config(), pod("migrate", "pre-install", **{"hook-delete-policy": "hook-succeeded"}))
    world.until(lambda: world.get("pods", "migrate") is not None)
    world.run("1m")
    assert world.get("configmaps", "settings") is None
    ended(world, "migrate", "Succeeded")
    until_reason(world, "Released", "InstallSucceeded")
    assert world.get("pods", "migrate") is None


def test_a_hook_that_fails_fails_the_release(world):
    released(world, config(), pod("migrate", "pre-install"), timeout="2m")
    ended(world, "migrate", "Failed")
    message = until_reason(world, "Released", "InstallFailed")[2]
    assert message == (
        "Helm install failed for release shop/web with chart web@1.0.0: failed pre-install: failed early due to "
        "stalled resources: [Pod/shop/migrate status: 'Failed']"
    )
    assert world.get("configmaps", "settings") is None
    assert world.get("pods", "migrate") is not None, "people may want to read its log"


def test_disabled_hooks_do_not_run(world):
    released(world, config(), pod("migrate", "pre-install"), install={"disableHooks": True})
    until_reason(world, "Released", "InstallSucceeded")
    assert world.get("pods", "migrate") is None


def test_tests_run_after_the_release_and_decide_on_ready(world):
    released(world, config(), pod("check", "test"), test={"enable": True})
    waiting = until_reason(world, "TestSuccess", "AwaitingTests")
    assert waiting[2] == "Helm release shop/web.v1 with chart web@1.0.0 is awaiting tests"
    assert world.hr_ready()[0] == "Unknown"
    ended(world, "check", "Succeeded")
    passed = until_reason(world, "TestSuccess", "TestSucceeded")
    assert passed[2] == (
        "Helm test succeeded for release shop/web.v1 with chart web@1.0.0: 1 test hook completed successfully"
    )
    assert world.hr_ready() == passed
    assert world.hr_status()["history"][0]["testHooks"]["check"]["phase"] == "Succeeded"


@pytest.mark.parametrize("ignored", [False, True])
def test_a_test_that_fails_makes_the_release_a_failure_unless_it_is_ignored(world, ignored):
    released(world, config(), pod("check", "test"), test={"enable": True, "ignoreFailures": ignored})
    ended(world, "check", "Failed")
    until_reason(world, "TestSuccess", "TestFailed")
    world.run("5s")
    if ignored:
        assert world.hr_ready()[:2] == ("True", "InstallSucceeded")
        assert world.hr_condition("Stalled") is None
    else:
        assert world.hr_ready()[:2] == ("False", "TestFailed")
        assert world.hr_condition("Stalled")[1] == "RetriesExceeded"
        assert world.hr_status()["installFailures"] == 1


def test_tests_can_be_chosen(world):
    filters = [{"name": "check", "exclude": True}]
    released(world, config(), pod("check", "test"), test={"enable": True, "filters": filters})
    passed = until_reason(world, "TestSuccess", "TestSucceeded")
    assert passed[2].endswith(": no test hooks")
    assert world.get("pods", "check") is None


def test_hooks_run_before_and_after_an_uninstall(world):
    released(world, config(), config("farewell", "post-delete"), config("warning", "pre-delete"))
    until_reason(world, "Released", "InstallSucceeded")
    world.do(world.client.delete("helmreleases", "shop", "web"))
    world.until(lambda: world.hr() is None)
    assert created(world, "warning") < created(world, "farewell")
    assert world.get("configmaps", "settings") is None
    assert world.get("configmaps", "farewell") is not None, "hooks are no part of the release"


def test_what_is_to_be_kept_stays(world):
    kept = config("kept")
    kept["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    released(world, config(), kept)
    until_reason(world, "Released", "InstallSucceeded")
    world.do(world.client.delete("helmreleases", "shop", "web"))
    world.until(lambda: world.hr() is None)
    assert world.get("configmaps", "kept") is not None
    assert world.get("configmaps", "settings") is None


def test_history_is_kept_where_it_is_asked_for(world):
    released(world, config(), uninstall={"keepHistory": True})
    until_reason(world, "Released", "InstallSucceeded")
    world.do(world.client.delete("helmreleases", "shop", "web"))
    world.until(lambda: world.hr() is None)
    secret = world.get("secrets", "sh.helm.release.v1.web.v1")
    assert secret["metadata"]["labels"]["status"] == "uninstalled"


def test_objects_of_others_are_taken_over_unless_that_is_disabled(world):
    world.create({**config(), "metadata": {"name": "settings", "namespace": "shop"}})
    released(world, config(), install={"disableTakeOwnership": True})
    message = until_reason(world, "Released", "InstallFailed")[2]
    assert "exists and cannot be imported into the current release: invalid ownership metadata" in message
    assert 'missing key "app.kubernetes.io/managed-by": must be set to "Helm"' in message
    world.patch("helmreleases", "web", {"spec": {"install": {"disableTakeOwnership": False}}})
    until_reason(world, "Released", "InstallSucceeded")


def test_definitions_come_first_and_stay(world):
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
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
    world.publish(
        "1.0.0",
        {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}},
        crds=(crd,),
    )
    world.create(REPOSITORY)
    world.run("5s")
    world.release()
    found = {}

    def established():
        found["crd"] = world.get("customresourcedefinitions", "widgets.example.org", "")
        return found["crd"] is not None

    world.until(established)
    status = {"conditions": [{"type": "Established", "status": "True"}]}
    world.do(
        world.client.patch(
            "customresourcedefinitions", "", "widgets.example.org", {"status": status}, subresource="status"
        )
    )
    until_reason(world, "Released", "InstallSucceeded")
    world.do(world.client.delete("helmreleases", "shop", "web"))
    world.until(lambda: world.hr() is None)
    assert world.get("customresourcedefinitions", "widgets.example.org", "") is not None
    assert world.get("widgets.example.org", "w") is None

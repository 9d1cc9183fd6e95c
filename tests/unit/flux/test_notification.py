"""notification-controller: what alerts forward, and what a webhook sets in motion."""

from __future__ import annotations

import base64

import pytest

from kcsim.api import objects
from kcsim.delivery.gitops.flux.events import Posted
from kcsim.delivery.gitops.flux.notification import alerts
from kcsim.delivery.gitops.flux.notification.receivers import Hook, webhook_path

KS = {
    "kind": "Kustomization",
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "namespace": "flux-system",
    "name": "shop",
}


def secret(name, **data):
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "flux-system"},
        "data": encoded,
    }


def custom(kind, name, version="v1beta3", **spec):
    return {
        "apiVersion": f"notification.toolkit.fluxcd.io/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": spec,
    }


def everything(kind="Kustomization", name="*", **more):
    return [{"kind": kind, "name": name, **more}]


@pytest.fixture
def world(make_world, yaml):
    world = make_world(components=("notification-controller",))
    world.start("notification-controller", "node-1")
    world.push({"ns.yaml": yaml.namespace, "cm.yaml": yaml.config()})
    world.create(custom("Provider", "chat", type="slack", address="https://chat.example/hook", channel="ops"))
    return world


def messages(world, provider="flux-system/chat"):
    return [m.event.message for m in world.toolkit.inbox.messages if m.provider == provider]


# --- decisions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "severity", "message", "taken"),
    [
        ({}, "info", "applied", True),
        ({"eventSeverity": "error"}, "info", "applied", False),
        ({"eventSeverity": "error"}, "error", "broken", True),
        ({"eventSeverity": "info"}, "error", "broken", True),
        ({"eventSources": everything(name="shop")}, "info", "applied", True),
        ({"eventSources": everything(name="other")}, "info", "applied", False),
        ({"eventSources": everything(kind="GitRepository")}, "info", "applied", False),
        ({"eventSources": everything(namespace="apps")}, "info", "applied", False),
        ({"eventSources": everything(matchLabels={"team": "a"})}, "info", "applied", True),
        ({"eventSources": everything(matchLabels={"team": "b"})}, "info", "applied", False),
        ({"inclusionList": ["^app"]}, "info", "applied", True),
        ({"inclusionList": ["^x"]}, "info", "applied", False),
        ({"exclusionList": ["lied$"]}, "info", "applied", False),
        ({"inclusionList": ["^app"], "exclusionList": ["nothing"]}, "info", "applied", True),
        ({"suspend": True}, "info", "applied", False),
    ],
)
def test_which_alerts_take_an_event(spec, severity, message, taken):
    alert = custom("Alert", "ops", **{"eventSources": everything(), **spec})
    event = Posted(KS, severity, "ReconciliationSucceeded", message, "kustomize-controller")
    assert alerts.judge(alert, event, lambda _: {"team": "a"}).taken is taken


def test_a_pattern_that_is_none_is_told_on_the_alert():
    alert = custom("Alert", "ops", eventSources=everything(), exclusionList=["("])
    verdict = alerts.judge(alert, Posted(KS, "info", "r", "m", "c"), lambda _: {})
    assert verdict.taken
    assert verdict.problems == [("InvalidConfig", "failed to compile exclusion regex: (")]


# --- alerts -----------------------------------------------------------------------------------------------------


def test_a_change_is_told_once_and_passes_without_changes_are_not(world):
    world.create(
        custom(
            "Alert",
            "ops",
            providerRef={"name": "chat"},
            eventSources=everything(),
            summary="shop",
            eventMetadata={"env": "prod"},
        )
    )
    world.deliver(prune=True, interval=60_000_000)
    world.until(lambda: messages(world))
    world.run("10m")
    assert messages(world) == ["Namespace/shop created\nConfigMap/shop/settings created"]
    found = world.toolkit.inbox.messages[0]
    assert (found.channel, found.type, found.address) == ("ops", "slack", "https://chat.example/hook")
    assert found.metadata == {"revision": world.revision(), "env": "prod", "summary": "shop"}
    record = next(r for r in world.engine.trace.records if r.verb == "notify")
    assert record.chain()[-1].verb in {"commit", "create"}


def test_errors_alone_go_to_an_alert_for_errors_and_the_same_is_not_told_twice_within_five_minutes(world):
    world.create(
        custom("Alert", "ops", providerRef={"name": "chat"}, eventSources=everything(), eventSeverity="error")
    )
    world.push({"kustomization.yaml": "resources: [missing.yaml]\n"})
    world.deliver(retryInterval=30_000_000)
    world.run("4m")
    assert len(messages(world)) == 1
    assert messages(world)[0].startswith("kustomize build failed")
    world.run("5m")
    assert len(messages(world)) == 2


def test_what_cannot_be_sent_is_told_on_the_alert(world):
    world.create(custom("Alert", "lost", providerRef={"name": "nobody"}, eventSources=everything()))
    world.create(custom("Provider", "mute", type="slack"))
    world.create(custom("Alert", "mute", providerRef={"name": "mute"}, eventSources=everything()))
    world.deliver()
    world.run("2m")
    reasons = world.events("Alert", "lost")
    why = 'failed to read provider: providers.notification.toolkit.fluxcd.io "nobody" not found'
    said = f"failed to dispatch notification for Kustomization/flux-system/shop: {why}"
    assert reasons[0] == ("NotificationDispatchFailed", said)
    assert "provider has no address" in world.events("Alert", "mute")[0][1]
    assert not messages(world)


def test_events_get_lost_when_nobody_answers_behind_the_service(world):
    world.create(custom("Alert", "ops", providerRef={"name": "chat"}, eventSources=everything()))
    world.agents["notification-controller"].stop()
    world.deliver()
    world.run("2m")
    assert not messages(world)
    assert any(r.verb == "notification-lost" for r in world.engine.trace.records)


def test_commit_states_go_to_providers_of_git_hosts_only(world):
    world.create(custom("Provider", "states", type="gitlab", address="https://git.example/shop"))
    for name in ("chat", "states"):
        world.create(custom("Alert", name, providerRef={"name": name}, eventSources=everything()))
    world.deliver()
    world.run("2m")
    assert len(messages(world)) == 1
    assert any(m.startswith("Reconciliation finished in") for m in messages(world, "flux-system/states"))


# --- receivers --------------------------------------------------------------------------------------------------


def receiver(**more):
    resources = [{"kind": "GitRepository", "name": "shop"}]
    return custom(
        "Receiver",
        "hook",
        "v1",
        **{"type": "gitlab", "secretRef": {"name": "token"}, "resources": resources, **more},
    )


def call(world, **hook):
    given = {"path": webhook_path("s3cret", "hook", "flux-system"), "token": "s3cret", **hook}
    exchange = world.toolkit.call(world.endpoint, "flux-system", "git.example", Hook(**given))
    answers = []
    exchange.start(lambda value, error: answers.append(error))
    world.run("5s")
    return answers[0]


def refused(world):
    return [
        (r.detail["code"], r.detail["error"]) for r in world.engine.trace.records if r.verb == "hook-refused"
    ]


def test_a_webhook_brings_a_commit_in_seconds(world, yaml):
    world.create(secret("token", token="s3cret"))
    world.create(receiver(events=["Push Hook"]))
    world.deliver(interval=3600_000_000)
    world.until(lambda: world.ready() and world.ready()[0] == "True")
    found = world.get("receivers", "hook", "flux-system")
    path = webhook_path("s3cret", "hook", "flux-system")
    assert found["status"]["webhookPath"] == path
    ready = objects.condition(found, "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Succeeded")
    assert ready["message"] == f"Receiver initialized for path: {path}"
    assert ("Succeeded", "Reconciliation finished, next run in 10m0s") in world.events("Receiver", "hook")
    world.push({"cm.yaml": yaml.config(value="2")})
    assert call(world, event="Push Hook") is None
    took = world.until(lambda: world.get("configmaps", "settings")["data"]["value"] == "2", "1m")
    assert took < 10


@pytest.mark.parametrize(
    ("hook", "code"),
    [({"path": "/hook/none"}, 404), ({"token": "wrong"}, 400), ({"event": "Tag Push Hook"}, 400)],
)
def test_who_may_not_call(world, hook, code):
    world.create(secret("token", token="s3cret"))
    world.create(receiver(events=["Push Hook"]))
    world.deliver()
    world.run("1m")
    before = world.source()["metadata"].get("annotations")
    call(world, **{"event": "Push Hook", **hook})
    assert [c for c, _ in refused(world)] == [code]
    assert world.source()["metadata"].get("annotations") == before


def test_a_receiver_without_its_secret_is_not_ready_and_becomes_so(world):
    world.create(receiver())
    world.run("10s")
    found = world.get("receivers", "hook", "flux-system")
    ready = objects.condition(found, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TokenNotFound")
    assert ready["message"].startswith("unable to read token from secret 'flux-system/token' error:")
    assert "webhookPath" not in found["status"]
    world.create(secret("token", token="s3cret"))
    world.run("1m")
    assert objects.condition_is(world.get("receivers", "hook", "flux-system"), "Ready")


def test_resources_by_label_and_by_expression(world):
    world.create(secret("token", token="s3cret"))
    resources = [{"kind": "GitRepository", "name": "*", "matchLabels": {"team": "a"}}]
    world.create(
        receiver(type="generic", resources=resources, resourceFilter="res.metadata.name == req.body.name")
    )
    for name in ("one", "two"):
        source = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": name, "namespace": "flux-system", "labels": {"team": "a"}},
            "spec": {"url": "https://git.example/shop", "interval": "1h"},
        }
        world.create(source)
    world.run("1m")
    call(world, body={"name": "two"})
    asked = [
        bool(world.source(name)["metadata"].get("annotations", {}).get("reconcile.fluxcd.io/requestedAt"))
        for name in ("one", "two")
    ]
    assert asked == [False, True]

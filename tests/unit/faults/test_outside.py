"""Faults of what stands outside the clusters: who hears of a commit, when, and what the others do meanwhile."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import AuthenticationRequired, ServiceUnavailable
from kcsim.engine.task import run_now
from kcsim.simulation.faults import FaultError, heal
from kcsim.simulation.simulation import Simulation
from tests.unit.faults.conftest import ready, told

RELEASE = "registry.example/shop/web:1.1.0"


def image(sim):
    spec = sim.get("deployment/web", "shop")["spec"]
    return spec["template"]["spec"]["containers"][0]["image"]


def source(sim):
    return sim.get("gitrepository/shop", "flux-system")


# --- the git host -----------------------------------------------------------------------------------------------


def with_git():
    sim = Simulation(nodes=1, seed=1)
    sim.world.git.create("shop")
    sim.world.git.push("shop", "main", {"a": "b"}, "Start", "dana")

    def ask():
        def steps():
            return (yield sim.world.git.ls_remote("laptop", sim.world.git.url("shop")))

        return run_now(sim.engine, steps())

    return sim, ask


def test_a_slow_git_host_takes_longer_and_then_too_long():
    sim, ask = with_git()
    sim.inject("git-slow", delay="20s", duration="1m")
    began = sim.now
    ask()
    assert 20 < sim.now - began < 22
    sim.inject("git-slow", delay="50s", duration="1m")
    with pytest.raises(Unreachable):
        ask()


def test_a_rate_limit_answers_so_many_questions_a_minute():
    sim, ask = with_git()
    sim.inject("git-rate-limit", quota=2)
    sim.run_until("1m")
    ask()
    ask()
    with pytest.raises(ServiceUnavailable, match="status code: 429") as refused:
        ask()
    assert refused.value.code == 429
    sim.run_until("2m")
    ask()


def test_an_agent_that_is_rate_limited_says_so_and_catches_up(story):
    sim = story("flux", "9m")
    sim.inject("git-rate-limit", quota=0, duration="5m")
    sim.run_until("13m")
    ready_ = objects.condition(source(sim), "Ready")
    assert ready_["status"] == "False"
    assert "status code: 429" in ready_["message"]
    assert image(sim) != RELEASE
    sim.run_until("30m")
    assert image(sim) == RELEASE


def test_a_revoked_key_stops_the_delivery_and_not_the_app(story):
    sim = story("flux", "9m")
    sim.inject("deploy-key-revoked", "shop", duration="10m")
    sim.run_until("18m")
    assert "authentication required" in objects.condition(source(sim), "Ready")["message"]
    assert image(sim) != RELEASE
    assert ready(sim, namespace="shop") == 3
    sim.run_until("30m")
    assert image(sim) == RELEASE


def test_a_pipeline_with_a_revoked_key_fails_in_gits_words(story):
    sim = story("push", "9m")
    sim.inject("deploy-key-revoked", "shop")
    sim.run_until("20m")
    errors = [r.detail.get("error", "") for r in told(sim, "ci", "fail")]
    assert any("fatal: Authentication failed for 'https://git.example/shop/'" in e for e in errors)


def test_the_host_refuses_readers_of_the_locked_repository_only():
    sim, ask = with_git()
    fault = sim.inject("deploy-key-revoked", "shop")
    with pytest.raises(AuthenticationRequired):
        ask()
    heal(sim.world, fault)
    assert ask()


# --- webhooks ---------------------------------------------------------------------------------------------------


def started(sim):
    return [r.time for r in told(sim, "ci", "webhook")]


def test_a_lost_webhook_leaves_the_pipeline_ignorant(story):
    sim = story("push", "9m")
    before = len(started(sim))
    sim.inject("webhook-loss", duration="5m")
    sim.run_until("30m")
    assert len(started(sim)) == before
    assert told(sim, "git", "webhook-lost")
    assert image(sim) != RELEASE


def test_a_late_webhook_starts_the_pipeline_late(story):
    sim = story("push", "9m")
    sim.inject("webhook-delay", delay="4m")
    sim.run_until("30m")
    commit = next(r.time for r in told(sim, "dana", "commit") if "1.1.0" in r.detail["message"])
    assert 240 < (started(sim)[-1] - commit) / 1e6 < 250


def test_a_webhook_that_comes_twice_deploys_twice_and_changes_nothing_the_second_time(story):
    sim = story("push", "9m")
    sim.inject("webhook-duplicate", times=1)
    sim.run_until("30m")
    runs = [run for run in sim.world.ci[0].runs if run.queued_at > 9 * 60 * 1_000_000]
    assert len(runs) == 2
    assert {run.sha for run in runs} == {runs[0].sha}
    written = [
        r
        for r in sim.trace.records
        if getattr(r, "key", None) == ("shop", "web") and r.actor == "ci-deployer"
    ]
    assert len({r.subject for r in written}) == len(written) - 1, "created and changed once, the Service once"


# --- the registry -----------------------------------------------------------------------------------------------


def start(sim, name="web:2"):
    sim.kubectl(f"create deployment other --image=registry.example/{name}")


def waiting(sim):
    pod = next(p for p in sim.list("pods") if p["metadata"]["name"].startswith("other"))
    return pod["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("reason", "")


def test_a_slow_registry_makes_pods_start_late(sim):
    sim.inject("registry-slow", delay="40s", duration="5m")
    start(sim)
    sim.run("35s")
    assert ready(sim, "other") == 0
    sim.run("15s")
    assert ready(sim, "other") == 1


def test_a_rate_limited_registry_lets_pulls_back_off(sim):
    sim.inject("registry-rate-limit", duration="2m")
    start(sim)
    sim.run("1m")
    assert waiting(sim) in {"ErrImagePull", "ImagePullBackOff"}
    assert any("429 Too Many Requests" in e["message"] for e in sim.list("events"))
    sim.run("5m")
    assert ready(sim, "other") == 1


def test_an_outage_of_the_registry_spares_images_that_are_on_the_node(sim):
    sim.inject("registry-outage", duration="2m")
    sim.kubectl("scale deployment web --replicas=4")
    start(sim)
    sim.run("1m")
    assert ready(sim) == 4
    assert ready(sim, "other") == 0


# --- the CI system ----------------------------------------------------------------------------------------------


def test_a_runner_that_dies_in_the_middle_fails_its_run_later(story):
    sim = story("push", "10m30s")
    sim.inject("runner-crash", "shop-runner-1", duration="15m")
    sim.run_until("24m")
    assert image(sim) != RELEASE
    reasons = [r.detail.get("reason", "") for r in told(sim, "ci", "fail")]
    assert any("lost communication with the server" in reason for reason in reasons)


def test_a_ci_system_that_is_out_loses_webhooks(story):
    sim = story("push", "9m")
    sim.inject("ci-outage", duration="5m")
    sim.run_until("30m")
    assert told(sim, "ci", "webhook-lost")
    assert image(sim) != RELEASE


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        ("runner-crash", "nobody", "no runner 'nobody'; there are shop-runner-1"),
        ("ci-outage", "x", "takes no target"),
    ],
)
def test_what_the_ci_system_has_not_is_refused(story, kind, target, message):
    with pytest.raises(FaultError, match=message):
        story("push", "10s").inject(kind, target)


def test_a_world_without_a_ci_system_says_so(sim):
    with pytest.raises(FaultError, match="this world has none"):
        sim.inject("runner-crash")


def test_an_image_that_crashes_is_named_by_its_reference(sim):
    sim.world.push_image(ImageBehaviour("registry.example/other:1"))
    sim.inject("image-crash", "registry.example/other:1", duration="1m")
    sim.run("30s")
    assert ready(sim) == 3

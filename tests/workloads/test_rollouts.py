"""What happens to rollouts: bad images, undo, what rolls and what does not."""

from __future__ import annotations

import pytest

from kcsim.api import objects
from tests.workloads.worlds import (
    BAD,
    GOOD,
    NEXT,
    cluster,
    events,
    pods,
    ready,
    service,
    settle,
    sizes,
    waiting,
    when,
    workload,
)


def test_a_bad_image_tag_stops_the_rollout_and_the_service_goes_on():
    """S01: ten replicas, 25 %/25 %: three new, two old away, five new, and there it stays."""
    sim = cluster(3)
    settle(sim, workload(replicas=10), service(), ready=10)
    began = sim.now
    sim.kubectl(f"set image deployment/web app={BAD}")
    assert when(sim, lambda s: sizes(s) == {GOOD: 8, BAD: 5}) < 1
    sim.run("1s")
    names = {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each["metadata"]["name"]
        for each in sim.list("replicasets")
    }
    assert [event["message"] for event in events(sim, "ScalingReplicaSet")][-3:] == [
        f"Scaled up replica set {names[BAD]} from 0 to 3",
        f"Scaled down replica set {names[GOOD]} from 10 to 8",
        f"Scaled up replica set {names[BAD]} from 3 to 5",
    ]
    sim.run("6s")
    assert {waiting(pod) for pod in pods(sim, BAD)} <= {"ErrImagePull", "ImagePullBackOff"}
    sim.run("60s")
    assert "ImagePullBackOff" in {waiting(pod) for pod in pods(sim, BAD)}
    told = sim.kubectl("rollout status deployment/web --watch=false").stdout
    assert told == (
        'Waiting for deployment "web" rollout to finish: 5 out of 10 new replicas have been updated...\n'
    )
    sim.run_until(
        lambda s: objects.condition_is(s.get("deployment/web"), "Progressing", "False"), timeout="15m"
    )
    assert 600 <= sim.now - began <= 603
    deployment = sim.get("deployment/web")
    assert objects.condition(deployment, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert objects.condition_is(deployment, "Available")
    sim.run("30m")
    assert sizes(sim) == {GOOD: 8, BAD: 5}  # nothing rolls back by itself
    assert ready(sim) == 8
    sim.kubectl("rollout undo deployment/web")
    assert when(sim, lambda s: s.get("deployment/web")["status"].get("readyReplicas") == 10) < 10
    assert sizes(sim) == {GOOD: 10, BAD: 0}


def test_a_selector_cannot_be_changed():
    """S11: every apply is refused in the same words, and the live object stays."""
    sim = cluster(1)
    settle(sim, workload(replicas=1), ready=1)
    before = sim.get("deployment/web")["metadata"]["generation"]
    changed = workload(replicas=1)
    changed["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    changed["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"spec\.selector: Invalid value: .*: field is immutable"):
            sim.apply(changed)
    assert sim.get("deployment/web")["metadata"]["generation"] == before


def test_a_config_map_does_not_roll_and_a_checksum_does():
    """S15: editing configuration restarts nobody; a changed annotation of the template does."""
    sim = cluster(1)
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "default"},
        "data": {"level": "info"},
    }
    container = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
    settle(sim, config, workload(replicas=2, container=container), ready=2)
    names = {pod["metadata"]["name"] for pod in pods(sim)}
    generation = sim.get("deployment/web")["metadata"]["generation"]
    sim.apply({**config, "data": {"level": "debug"}})
    sim.run("10m")
    assert {pod["metadata"]["name"] for pod in pods(sim)} == names
    assert sim.get("deployment/web")["metadata"]["generation"] == generation
    rolled = workload(replicas=2, container=container)
    rolled["spec"]["template"]["metadata"]["annotations"] = {"checksum/config": "2"}
    sim.apply(rolled)
    sim.run("90s")
    assert not names & {pod["metadata"]["name"] for pod in pods(sim)}


def test_an_immutable_config_map_cannot_be_edited():
    """S15: the edit is refused."""
    sim = cluster(1)
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "default"},
        "immutable": True,
        "data": {"level": "info"},
    }
    sim.apply(config)
    with pytest.raises(RuntimeError, match="field is immutable when `immutable` is set"):
        sim.apply({**config, "data": {"level": "debug"}})


def test_a_broken_rollout_of_a_stateful_set_stays_broken_after_the_revert():
    """S16: the last pod waits for an image that will never come; only a hand frees it."""
    sim = cluster(3)
    settle(sim, workload("StatefulSet"), ready=3, kind="statefulset")
    untouched = {p["metadata"]["name"]: p["metadata"]["uid"] for p in pods(sim)[:2]}
    good = sim.get("statefulset/web")["status"]["updateRevision"]
    sim.apply(workload("StatefulSet", picture=BAD))
    sim.run("1m")
    assert [p["metadata"]["name"] for p in pods(sim, BAD)] == ["web-2"]
    assert waiting(sim.get("pod/web-2")) in {"ErrImagePull", "ImagePullBackOff"}
    sim.apply(workload("StatefulSet"))
    sim.run("1h")
    assert sim.get("statefulset/web")["status"]["updateRevision"] == good
    assert [p["metadata"]["name"] for p in pods(sim, BAD)] == ["web-2"]
    assert {p["metadata"]["name"]: p["metadata"]["uid"] for p in pods(sim, GOOD)} == untouched
    sim.kubectl("delete pod web-2 --wait=false")
    assert when(sim, lambda s: len(pods(s, GOOD)) == 3) < 40
    assert when(sim, lambda s: s.get("statefulset/web")["status"].get("readyReplicas") == 3) < 10


def test_revisions_count_up_whichever_way_it_goes():
    """S30's mechanism: each way back and forth is a new revision of an old template."""
    sim = cluster(1)
    settle(sim, workload(replicas=1), ready=1)
    lines = (
        f"set image deployment/web app={NEXT}",
        "rollout undo deployment/web",
        "rollout undo deployment/web",
    )
    for expected, line in enumerate(lines, 2):
        sim.kubectl(line)
        sim.run("30s")
        annotations = sim.get("deployment/web")["metadata"]["annotations"]
        assert annotations["deployment.kubernetes.io/revision"] == str(expected)
    assert {image: size for image, size in sizes(sim).items() if size} == {NEXT: 1}

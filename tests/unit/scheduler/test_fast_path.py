"""The fast path must choose what the plain algorithm chooses, whatever happened before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kcsim.api.selectors import from_labels
from kcsim.cluster.scheduler import fast_path, score_classes
from kcsim.cluster.scheduler.cache import Cache
from kcsim.cluster.scheduler.default_profile import default_profile
from kcsim.cluster.scheduler.fast_path import FastPath
from kcsim.cluster.scheduler.pod_info import Shapes
from kcsim.cluster.scheduler.schedule_pod import schedule_pod
from kcsim.engine.dice import Dice

MIB = 1024 * 1024
IMAGES = {"small:1": 5 * MIB, "big:1": 700 * MIB, "mid:latest": 120 * MIB}


def random_node(dice: Dice, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if dice.integer(12) == 0:
        spec["unschedulable"] = True
    if dice.integer(6) == 0:
        effect = dice.choice(["NoSchedule", "PreferNoSchedule", "NoExecute", "PreferNoSchedule"])
        spec["taints"] = [{"key": dice.choice(["a", "b"]), "value": "x", "effect": effect}]
    images = [{"names": [i], "sizeBytes": size} for i, size in IMAGES.items() if dice.integer(3) == 0]
    return {
        "metadata": {
            "name": name,
            "labels": {
                "topology.kubernetes.io/zone": dice.choice(["z1", "z2", "z3"]),
                "disk": dice.choice(["ssd", "hdd"]),
                "kubernetes.io/hostname": name,
                **({"rack": f"r{dice.integer(9)}"} if dice.integer(4) else {}),
            },
        },
        "spec": spec,
        "status": {
            "allocatable": {
                "cpu": dice.choice(["2", "4", "0.5"]),
                "memory": dice.choice(["4Gi", "8Gi"]),
                "pods": dice.choice(["3", "10"]),
            },
            "images": images,
        },
    }


def random_spec(dice: Dice) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "c", "image": dice.choice(["small:1", "big:1", "mid"])}
    kind = dice.integer(5)
    if kind:
        container["resources"] = {"requests": {"cpu": f"{50 * kind}m"}}
    if dice.integer(2):
        container.setdefault("resources", {}).setdefault("requests", {})["memory"] = "256Mi"
    if dice.integer(5) == 0:
        container["ports"] = [{"containerPort": 80, "hostPort": 8080}]
    spec: dict[str, Any] = {"containers": [container]}
    if dice.integer(3) == 0:
        spec["tolerations"] = [{"key": "a", "operator": "Exists"}]
    if dice.integer(4) == 0:
        spec["nodeSelector"] = {"disk": "ssd"}
    if dice.integer(4) == 0:
        term = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["hdd"]}]}
        spec["affinity"] = {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "preference": term}]
            }
        }
    return spec


def selector(dice: Dice) -> dict[str, Any]:
    return {"matchLabels": {"app": dice.choice(["a", "b", "c"])}}


KEYS = ["topology.kubernetes.io/zone", "kubernetes.io/hostname", "disk", "rack"]


def term(dice: Dice) -> dict[str, Any]:
    return {"labelSelector": selector(dice), "topologyKey": dice.choice(KEYS)}


def weighted(dice: Dice) -> dict[str, Any]:
    return {"weight": 1 + dice.integer(9), "podAffinityTerm": term(dice)}


def topology_spec(dice: Dice) -> dict[str, Any]:
    """A spec that says something about other pods."""
    spec = random_spec(dice)
    affinity = spec.setdefault("affinity", {})
    kind = dice.integer(6)
    if kind == 0:
        affinity["podAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term(dice)]}
    elif kind == 1:
        affinity["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term(dice)]}
    elif kind == 2:
        affinity["podAffinity"] = {"preferredDuringSchedulingIgnoredDuringExecution": [weighted(dice)]}
        affinity["podAntiAffinity"] = {"preferredDuringSchedulingIgnoredDuringExecution": [weighted(dice)]}
    elif kind < 5:
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1 + dice.integer(2),
                "topologyKey": dice.choice(KEYS),
                "whenUnsatisfiable": dice.choice(["DoNotSchedule", "ScheduleAnyway"]),
                "labelSelector": selector(dice),
                "nodeTaintsPolicy": dice.choice(["Honor", "Ignore"]),
                "nodeAffinityPolicy": dice.choice(["Honor", "Ignore"]),
            }
            for _ in range(1 + dice.integer(2))
        ]
    return spec


@pytest.mark.parametrize("seed", range(6))
def test_fast_path_equals_plain_algorithm(seed: int) -> None:
    run_worlds(seed, random_spec)


@pytest.mark.parametrize("seed", range(8))
def test_fast_path_equals_plain_algorithm_with_rules_about_other_pods(seed: int) -> None:
    run_worlds(seed, topology_spec)


@pytest.mark.parametrize("most", [28, 192])
@pytest.mark.parametrize("seed", range(6))
def test_judging_class_by_class_equals_the_plain_algorithm(
    seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On nodes and for pods where only spreading is laid over the scores; with few codes for classes, and with many."""
    monkeypatch.setattr(score_classes, "_MOST", most)
    picked: list[bool] = []

    def watched(*arguments: Any) -> tuple[int, int] | None:
        found = score_classes.pick_by_class(*arguments)
        picked.append(found is not None)
        return found

    monkeypatch.setattr(fast_path, "pick_by_class", watched)
    run_worlds(seed, spread_spec, hard_node)
    assert True in picked
    assert (False in picked) == (most == 28)


def hard_node(dice: Dice, name: str) -> dict[str, Any]:
    """A node that refuses or takes, and prefers nothing."""
    node = random_node(dice, name)
    for taint in node["spec"].get("taints", ()):
        taint["effect"] = "NoSchedule"
    return node


def spread_spec(dice: Dice) -> dict[str, Any]:
    """A spec that wishes its pods spread, or says nothing of them."""
    spec = random_spec(dice)
    spec.pop("affinity", None)
    if dice.integer(2):
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": selector(dice),
            }
            for key in KEYS[: 1 + dice.integer(2)]
        ]
    return spec


def same_app(pod: Any) -> Any:
    """Pods of app ``a`` have a Service, and so are spread by default."""
    return from_labels({"app": "a"}) if pod.labels["app"] == "a" else None


def run_worlds(
    seed: int,
    make_spec: Callable[[Dice], dict[str, Any]],
    make_node: Callable[[Dice, str], dict[str, Any]] = random_node,
) -> None:
    """Place, delete and change at random, deciding both ways for equal draws."""
    dice = Dice(seed, "world")
    shapes, profile = Shapes(), default_profile()
    cache = Cache(shapes)
    cache.default_selector = same_app
    fast = FastPath(cache, profile)
    nodes = 130 + 60 * (seed % 3)
    for i in range(nodes):
        cache.set_node(make_node(dice, f"n{i}"))
    specs = [make_spec(dice) for _ in range(6)]
    placed: list[str] = []
    start = 0
    for step in range(220):
        what = dice.integer(20)
        if what == 0:
            cache.set_node(make_node(dice, f"n{dice.integer(nodes + 2)}"))
        elif what == 1 and dice.integer(3) == 0:
            cache.remove_node(f"n{dice.integer(nodes)}")
        elif what < 6 and placed:
            cache.remove_pod(placed.pop(dice.integer(len(placed))))
        pod = shapes.info(
            {
                "metadata": {
                    "name": f"p{step}",
                    "namespace": "d",
                    "uid": f"u{step}",
                    "labels": {"app": dice.choice(["a", "b", "c"])},
                },
                "spec": dice.choice(specs),
            }
        )
        share = dice.choice([0, 40, 100])
        quick = fast.decide(pod, start, Dice(step, "ties").integer, share)
        slow = schedule_pod(profile, pod, cache, start, Dice(step, "ties").integer, percentage=share)
        assert (slow.node, slow.evaluated) == (quick.node, quick.evaluated), step
        assert slow.next_start == quick.next_start
        assert (slow.feasible, slow.ties) == (quick.feasible, quick.ties)
        if not quick.node:
            assert slow.diagnosis is not None
            assert quick.diagnosis is not None
            assert slow.diagnosis.message() == quick.diagnosis.message()
        else:
            cache.assume(pod, quick.node)
            placed.append(pod.uid)
        if placed and dice.integer(9) == 0:
            ending = cache.node(cache.node_of(placed[-1]))
            if ending is not None:
                old = ending.pods[placed[-1]].pod
                metadata = {**old["metadata"], "deletionTimestamp": "now"}
                cache.set_pod({"metadata": metadata, "spec": {**old["spec"], "nodeName": ending.name}})
        start = quick.next_start

"""Promises about worlds, one line each: they heal, they repeat, they agree.

check_esr(world, 'ready("deployment/web", "default") == 3')      what was asked for comes about, and stays so
check_deterministic(scenario)                                     twice the same, in another process too
check_equivalent(push, pull, on=("images", "replicas"))           two worlds end with the same workloads
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kcsim.engine.clock import seconds, to_seconds
from kcsim.scenario.dump import to_yaml
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play
from kcsim.simulation.faults import heal_all
from kcsim.simulation.simulation import Simulation, Time
from kcsim.testing.invariants.quiet import unrest
from kcsim.testing.temporal import Broken, Condition, Expecting, Finding, expect, told

Object = dict[str, Any]

WORKLOADS = ("deployments", "statefulsets", "daemonsets")


def as_asked(at: Any) -> bool:
    """Every Deployment, StatefulSet and DaemonSet has the pods it asks for, up to date and ready, and no more."""
    return all(_is_as_asked(obj) for kind in WORKLOADS for obj in at.list(kind))


def _is_as_asked(obj: Object) -> bool:
    spec, status = obj["spec"], obj.get("status") or {}
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return False
    if obj["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(status.get("updatedNumberScheduled", 0) == status.get("numberReady", 0) == wanted)
    wanted = spec.get("replicas", 1)
    fields = ("replicas", "updatedReplicas", "readyReplicas")
    return all(status.get(field, 0) == wanted for field in fields)


def check_esr(
    world: Simulation, matches: Condition = as_asked, *, within: Time = "15m", stays: Time = "5m"
) -> Expecting:
    """Eventually stable reconciliation: once nobody asks for anything new and all faults are healed, what was asked for
    comes about ``within`` so long and ``stays`` so, and then nothing is written any more.

    Runs the world on. ``matches`` says what was asked for; the workloads' own words when left out. The definition is
    Anvil's (OSDI 2024): if the desired state stops changing, then at some point the live state matches it for good.

    Raises:
        Broken: it did not come about, did not stay, or somebody goes on writing.
    """
    __tracebackhide__ = True
    heal_all(world.world)
    begin = world.now
    world.run(to_seconds(seconds(within) + seconds(stays)))
    asked = expect(world).eventually(matches, since=begin, within=within, stays=stays)
    restless = unrest(world, to_seconds(world.engine.now - seconds(stays)))
    if restless:
        write = restless[0]
        writers = sorted({each.record.actor for each in restless})
        why = f"{len(restless)} writes after it should be at rest, by {', '.join(writers)}"
        finding = Finding(False, write.time, why, True, write.record)
        raise Broken(told(world, "esr", finding), finding)
    return asked


def check_deterministic(scenario: Scenario, delivery: str = "", *, processes: bool = True) -> str:
    """The same story twice gives the same trace, here and in a process with other hashes; gives its SHA-256.

    Raises:
        AssertionError: two of the traces differ.
    """
    __tracebackhide__ = True
    chosen = delivery or next(iter(scenario.deliveries), "")
    first, second = (_fingerprint(scenario, chosen) for _ in range(2))
    assert first == second, f"{scenario.name}: two runs in one process differ: {first[:12]} and {second[:12]}"
    if processes:
        other = _elsewhere(scenario, chosen)
        assert first == other, f"{scenario.name}: another process differs: {first[:12]} and {other[:12]}"
    return first


def check_equivalent(
    one: Simulation,
    other: Simulation,
    *,
    on: Iterable[str] = ("images", "replicas"),
    namespace: str | None = None,
) -> None:
    """Both worlds hold the same workloads now, by what they run (``images``) and how often (``replicas``).

    Raises:
        AssertionError: they differ; each difference is told.
        ValueError: an aspect that there is not.
    """
    __tracebackhide__ = True
    differences = []
    for aspect in on:
        if aspect not in _ASPECTS:
            raise ValueError(f"there is no aspect {aspect!r}; there are {', '.join(_ASPECTS)}")
        left, right = (_ASPECTS[aspect](world, namespace) for world in (one, other))
        differences += [
            f"{aspect} of {name}: {left.get(name, 'none')} and {right.get(name, 'none')}"
            for name in sorted({*left, *right})
            if left.get(name) != right.get(name)
        ]
    assert not differences, "the worlds differ:\n  " + "\n  ".join(differences)


def _workloads(world: Simulation, namespace: str | None) -> dict[str, Object]:
    return {
        f"{kind[:-1]}/{obj['metadata']['namespace']}/{obj['metadata']['name']}": obj
        for kind in WORKLOADS
        for obj in world.list(kind, namespace)
        if obj["metadata"]["namespace"] not in {"kube-system", "flux-system", "argocd"}
    }


def _images(world: Simulation, namespace: str | None) -> dict[str, str]:
    return {
        name: ", ".join(c["image"] for c in obj["spec"]["template"]["spec"]["containers"])
        for name, obj in _workloads(world, namespace).items()
    }


def _replicas(world: Simulation, namespace: str | None) -> dict[str, str]:
    return {name: str(obj["spec"].get("replicas", "")) for name, obj in _workloads(world, namespace).items()}


_ASPECTS = {"images": _images, "replicas": _replicas}


def _fingerprint(scenario: Scenario, delivery: str) -> str:
    world = Play(scenario, delivery)
    world.finish()
    return world.trace.sha256()


_PROGRAM = """
import sys
from kcsim.scenario.play import load
world = load(sys.argv[1], sys.argv[2] or None)
world.finish()
print(world.trace.sha256())
"""


def _elsewhere(scenario: Scenario, delivery: str) -> str:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{scenario.name}.yaml"
        file.write_text(to_yaml(scenario), "utf-8")
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own program
            [sys.executable, "-c", _PROGRAM, str(file), delivery],
            env={**os.environ, "PYTHONHASHSEED": "4711"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

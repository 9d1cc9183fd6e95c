"""Promises about worlds, one line each: they heal, they repeat, they agree.

check_esr(world, 'ready("deployment/web", "default") == 3')      what was asked for comes about, and stays so
check_deterministic(scenario)                                     twice the same, in another process too
check_equivalent(push, pull, on=("images", "replicas"))           two worlds end with the same workloads
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kcsim.api import objects
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
_MISSING = 5
"""So many things that are not as asked are told."""


def as_asked(at: Any) -> bool:
    """Every workload has the pods it asks for, up to date, ready and no more; Services list just the ready pods that they
    select; Jobs are over; nothing is on its way out."""
    return next(_not_as_asked(at), None) is None


def _not_as_asked(at: Any) -> Iterator[str]:
    """What is not, one by one."""
    workloads = [obj for kind in WORKLOADS for obj in at.list(kind)]
    pods = at.list("pods")
    for obj in workloads:
        if not (_is_as_asked(obj) and _runs_its_template(obj, pods)):
            yield _standing(obj, pods)
    for obj in (*workloads, *pods):
        if _is_leaving(obj):
            yield f"{_name(obj)} is on its way out"
    for service in _selecting(at):
        if not _lists_who_serves(at, service, pods):
            ready, serving = _listed(at, service)[0], _serving(service, pods)
            yield f"{_name(service)} lists {_names(ready)} as ready, and ready are {_names(serving)}"
    for job in at.list("jobs"):
        if not _is_over(job):
            yield f"{_name(job)} is not over"


def _standing(obj: Object, pods: Iterable[Object]) -> str:
    """How far a workload is, and what its pods wait for."""
    status = obj.get("status") or {}
    if obj["kind"] == "DaemonSet":
        ready, wanted = status.get("numberReady", 0), status.get("desiredNumberScheduled", 0)
    else:
        ready, wanted = status.get("readyReplicas", 0), obj["spec"].get("replicas", 1)
    mine = [pod for pod in _pods_of(obj, pods) if not objects.condition_is(pod, "Ready")]
    waits = next((f": {_name(pod)} {told}" for pod in mine if (told := _waits_for(pod))), "")
    return f"{_name(obj)} has {ready} of {wanted} ready{waits}"


def _waits_for(pod: Object) -> str:
    """Why a pod is not ready, as its status says."""
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        if waiting := container["state"].get("waiting"):
            return f"waits: {waiting.get('reason', '')}"
    for condition in status.get("conditions") or ():
        if condition["status"] == "False" and condition.get("message"):
            return f"is {status.get('phase', 'Pending')}: {condition['message']}"
    return ""


def _name(obj: Object) -> str:
    return f"{obj['kind'].lower()}/{'/'.join(objects.key(obj))}"


def _names(found: Iterable[str]) -> str:
    return ", ".join(sorted(found)) or "none"


def _is_leaving(obj: Object) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def _selecting(at: Any) -> list[Object]:
    return [
        service
        for service in at.list("services")
        if service["spec"].get("selector") and service["spec"].get("type") != "ExternalName"
    ]


def _runs_its_template(obj: Object, pods: Iterable[Object]) -> bool:
    """Whether there are as many live pods as asked for, all of them with the images of the template."""
    strategy = obj["spec"].get("updateStrategy") or {}
    by_hand = strategy.get("type") == "OnDelete" or (strategy.get("rollingUpdate") or {}).get("partition")
    live = _pods_of(obj, pods)
    wanted = [container["image"] for container in obj["spec"]["template"]["spec"]["containers"]]
    images = [[container["image"] for container in pod["spec"]["containers"]] for pod in live]
    enough = obj["kind"] == "DaemonSet" or len(live) == obj["spec"].get("replicas", 1)
    return enough and (bool(by_hand) or all(image == wanted for image in images))


def _pods_of(obj: Object, pods: Iterable[Object]) -> list[Object]:
    """The live pods of a workload: those that its selector means, and that are not another one's."""
    labels = obj["spec"]["selector"].get("matchLabels") or {}
    return [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == obj["metadata"]["namespace"]
        and labels.items() <= (pod["metadata"].get("labels") or {}).items()
        and _belongs_to(pod, obj)
        and not _has_ended(pod)
    ]


def _belongs_to(pod: Object, workload: Object) -> bool:
    owner, kind, name = objects.controller_of(pod), workload["kind"], objects.name(workload)
    if owner is None:
        return False
    if kind == "Deployment":
        return bool(owner["kind"] == "ReplicaSet" and owner["name"].rpartition("-")[0] == name)
    return bool((owner["kind"], owner["name"]) == (kind, name))


def _lists_who_serves(at: Any, service: Object, pods: Iterable[Object]) -> bool:
    """Whether a Service's slices call ready just who is, and list nobody who has ended."""
    ended = {pod["metadata"]["name"] for pod in pods if _has_ended(pod)}
    ready, listed = _listed(at, service)
    return ready == _serving(service, pods) and not listed & ended


def _has_ended(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def _listed(at: Any, service: Object) -> tuple[set[str], set[str]]:
    """The pods that slices of a Service call ready, and all that they list."""
    metadata = service["metadata"]
    slices = [
        each
        for each in at.list("endpointslices", metadata["namespace"])
        if (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == metadata["name"]
    ]
    endpoints = [endpoint for each in slices for endpoint in each.get("endpoints") or ()]
    ready = {each["targetRef"]["name"] for each in endpoints if each["conditions"].get("ready")}
    return ready, {each["targetRef"]["name"] for each in endpoints}


def _serving(service: Object, pods: Iterable[Object]) -> set[str]:
    selector, namespace = service["spec"]["selector"], service["metadata"]["namespace"]
    published = service["spec"].get("publishNotReadyAddresses")
    return {
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["namespace"] == namespace
        and selector.items() <= (pod["metadata"].get("labels") or {}).items()
        and (published or objects.condition_is(pod, "Ready"))
        and not _has_ended(pod)
    }


def _is_over(job: Object) -> bool:
    return bool(job["spec"].get("suspend")) or any(
        objects.condition_is(job, kind) for kind in ("Complete", "Failed")
    )


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
    try:
        asked = expect(world).eventually(matches, since=begin, within=within, stays=stays)
    except Broken as broken:
        missing = list(_not_as_asked(world)) if matches is as_asked else []
        lines = [str(broken), *(f"  not as asked at t={world.now:g}s: {each}" for each in missing[:_MISSING])]
        raise Broken("\n".join(lines), broken.finding) from None
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

"""The worlds of these stories: a cluster, images that behave in some way, and words for what a test asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.simulation.simulation import Simulation

GOOD, NEXT, BAD = "registry.example/web:1", "registry.example/web:2", "registry.example/web:typo"
_TIMED = ("ready_after", "crash_after", "exits_after", "stops_after_sigterm", "starts_after")


def image(name: str = GOOD, **seconds: Any) -> ImageBehaviour:
    """An image; durations in seconds."""
    return ImageBehaviour(name, **{k: int(v * SECOND) if k in _TIMED else v for k, v in seconds.items()})


def cluster(
    nodes: int | list[NodeSpec] = 3, *images: ImageBehaviour, seed: int = 1, **more: Any
) -> Simulation:
    """A cluster that has settled: it is t=30s."""
    sim = Simulation(nodes=nodes, seed=seed, **more)
    for each in images or (image(), image(NEXT)):
        sim.world.push_image(each)
    sim.world.push_image(ImageBehaviour(BAD, pull="notFound"))
    sim.run_until("30s")
    return sim


def zoned(zone: str, count: int, subnet: int = 0) -> list[NodeSpec]:
    """Equal machines of one zone."""
    capacity = {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    labels = {"topology.kubernetes.io/zone": zone}
    return [NodeSpec(f"{zone}-{n}", f"192.168.{10 + subnet}.{n + 1}", capacity, labels) for n in range(count)]


def workload(
    kind: str = "Deployment", replicas: int | None = 3, *, picture: str = GOOD, **more: Any
) -> dict[str, Any]:
    """A workload named web whose pods are Ready as soon as they serve; ``pod`` and ``container`` add to those specs."""
    pod, container = more.pop("pod", {}), more.pop("container", {})
    probe = {"tcpSocket": {"port": 80}, "periodSeconds": 1}
    ports = [{"containerPort": 80}]
    app = {"name": "app", "image": picture, "ports": ports, "readinessProbe": probe, **container}
    labels = {"app": "web"}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [app], **pod}},
        **more,
    }
    if replicas is not None:
        spec["replicas"] = replicas
    if kind == "StatefulSet":
        spec.setdefault("serviceName", "web")
    return _named("apps/v1", kind, spec)


def service(**more: Any) -> dict[str, Any]:
    """A Service in front of it."""
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 80}], **more}
    return _named("v1", "Service", spec)


def budget(**spec: Any) -> dict[str, Any]:
    """A PodDisruptionBudget for it."""
    spec = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    return _named("policy/v1", "PodDisruptionBudget", spec)


def job(picture: str = GOOD, *, restart: str = "Never", kind: str = "Job", **spec: Any) -> dict[str, Any]:
    """A Job named web."""
    pod = {"restartPolicy": restart, "containers": [{"name": "app", "image": picture}]}
    return _named("batch/v1", kind, {"template": {"spec": pod}, **spec})


def _named(version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def settle(sim: Simulation, *manifests: dict[str, Any], ready: int, kind: str = "deployment") -> None:
    """Apply, wait until so many pods are ready, then half a minute more."""
    sim.apply(list(manifests))
    sim.run_until(lambda s: s.get(f"{kind}/web")["status"].get("readyReplicas", 0) == ready, timeout="20m")
    sim.run("30s")


# --- asking -----------------------------------------------------------------------------------------------------


def sizes(sim: Simulation) -> dict[str, int]:
    """Replicas wanted of each ReplicaSet, by the image of its template."""
    return {
        each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"]
        for each in sim.list("replicasets")
    }


def pods(sim: Simulation, picture: str = "", node: str = "") -> list[dict[str, Any]]:
    """The pods in ``default``, of one image, or on one node."""
    return [
        pod
        for pod in sim.list("pods", "default")
        if (not picture or pod["spec"]["containers"][0]["image"] == picture)
        and (not node or pod["spec"].get("nodeName") == node)
    ]


def ready(sim: Simulation, picture: str = "") -> int:
    """How many pods are Ready."""
    return sum(objects.condition_is(pod, "Ready") for pod in pods(sim, picture))


def waiting(pod: dict[str, Any]) -> str:
    """Why its container waits; "" when it does not."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    reason: str = (statuses[0].get("state", {}).get("waiting") or {}).get("reason", "")
    return reason


def restarts(pod: dict[str, Any]) -> int:
    """restartCount of its container."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return int(statuses[0].get("restartCount", 0))


def events(sim: Simulation, reason: str) -> list[dict[str, Any]]:
    """The Events of a reason, oldest first."""
    found = [event for event in sim.list("events") if event.get("reason") == reason]
    return sorted(found, key=lambda event: int(event["metadata"]["resourceVersion"]))


def when(sim: Simulation, predicate: Callable[[Simulation], Any], timeout: str = "20m") -> float:
    """How long (seconds) from now until it holds."""
    began = sim.now
    sim.run_until(predicate, timeout=timeout)
    return sim.now - began


def since(obj: dict[str, Any], condition: str) -> float:
    """When (seconds) a condition took its status."""
    found = objects.condition(obj, condition)
    assert found is not None
    return parse_rfc3339(found["lastTransitionTime"]) / SECOND

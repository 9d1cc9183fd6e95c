"""What every controller is put through: small worlds, and the promises of ``kcsim.testing`` asked of them."""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.engine.clock import SECOND
from kcsim.simulation.simulation import Simulation
from kcsim.testing.invariants import demand
from kcsim.testing.promises import check_esr
from kcsim.testing.temporal import expect

PROBE = {"tcpSocket": {"port": 80}, "periodSeconds": 1}


def _workload(kind: str, name: str = "web", **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "app:1", "ports": [{"containerPort": 80}], "readinessProbe": PROBE}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    body = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    if kind == "StatefulSet":
        body.setdefault("serviceName", name)
    return _object("apps/v1", kind, name, body)


def _object(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def _service(name: str = "web") -> dict[str, Any]:
    return _object("v1", "Service", name, {"selector": {"app": name}, "ports": [{"port": 80}]})


def _world(nodes: int = 3) -> Simulation:
    sim = Simulation(nodes=nodes, seed=1)
    for image in (
        ImageBehaviour("app:1", ready_after=2 * SECOND),
        ImageBehaviour("app:2", ready_after=4 * SECOND),
        ImageBehaviour("app:bad", pull="notFound"),
        ImageBehaviour("job:1", exits_after=5 * SECOND),
    ):
        sim.world.push_image(image)
    sim.run("10s")
    return sim


def rollouts() -> None:
    """A good rollout, a bad one and its undoing, sizes up and down, many revisions."""
    sim = _world()
    sim.apply([_workload("Deployment", replicas=10, revisionHistoryLimit=2), _service()])
    sim.run("30s")
    begin = sim.now
    sim.kubectl("set image deployment/web app=app:2")
    sim.run("1m")
    expect(sim).always('ready("deployment/web", "default") >= 8', since=begin)
    expect(sim).eventually(lambda at: _old_sets(at) == 0, within="1m", since=begin)
    sim.kubectl("set image deployment/web app=app:bad")
    sim.run("1m")
    expect(sim).always('ready("deployment/web", "default") >= 8', since=begin)
    sim.kubectl("rollout undo deployment/web")
    sim.run("30s")
    sim.kubectl("set image deployment/web app=app:bad")
    sim.run("30s")
    sim.kubectl("set image deployment/web app=app:1")
    sim.run("1m")
    expect(sim).eventually(lambda at: _old_sets(at) == 0, since=sim.now - 20, stays="10s")
    for size in (4, 13, 3):
        sim.kubectl(f"scale deployment/web --replicas={size}")
        sim.run("20s")
    for version in range(4):
        sim.kubectl(f"set env deployment/web V={version}")
        sim.run("40s")
    check_esr(sim, within="5m", stays="1m")
    assert len(sim.list("replicasets", "default")) <= 3
    demand(sim)


def _old_sets(at: Any) -> int:
    return sum(rs["spec"]["replicas"] > 0 for rs in at.list("replicasets", "default")) - 1


def recreate() -> None:
    """Old pods end before new ones begin."""
    sim = _world()
    sim.apply(_workload("Deployment", replicas=3, strategy={"type": "Recreate"}))
    sim.run("20s")
    sim.kubectl("set image deployment/web app=app:2")
    check_esr(sim, within="5m", stays="1m")
    expect(sim).never(
        lambda at: len({_image(pod) for pod in at.list("pods", "default") if not _has_ended(pod)}) > 1
    )
    demand(sim)


def _image(pod: dict[str, Any]) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def serving_pods_stay() -> None:
    """A scale-down takes the pods that serve nobody."""
    sim = _world()
    sim.apply([_workload("Deployment", replicas=2), _service()])
    sim.run("20s")
    serving = {pod["metadata"]["name"] for pod in sim.list("pods", "default")}
    sim.kubectl("scale deployment/web --replicas=5")
    sim.run("1s")
    sim.kubectl("scale deployment/web --replicas=2")
    check_esr(sim, within="5m", stays="1m")
    assert {pod["metadata"]["name"] for pod in sim.list("pods", "default")} == serving
    demand(sim)


def a_lost_node() -> None:
    """A machine is away for a quarter of an hour; its pods are replaced meanwhile."""
    sim = _world()
    sim.apply([_workload("Deployment", replicas=6), _service(), _workload("DaemonSet", "each")])
    sim.run("30s")
    sim.inject("node-crash", "node-1", duration="15m")
    sim.run("9m")
    assert objects.condition(sim.get("node/node-1"), "Ready")["status"] == "Unknown"  # type: ignore[index]
    assert sim.get("deployment/web")["status"].get("readyReplicas") == 6
    sim.run("7m")
    sim.kubectl(["delete", "pod", sim.list("pods", "default")[0]["metadata"]["name"], "--wait=false"])
    check_esr(sim, within="10m", stays="2m")
    demand(sim)


def stateful() -> None:
    """In order up, a partition, all of it, down."""
    sim = _world()
    sim.apply([_workload("StatefulSet", "db", replicas=3), _service("db")])
    sim.run("1m")
    sim.kubectl(["patch", "sts", "db", "-p", '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}}'])
    kept = [sim.get(f"pod/db-{n}")["metadata"]["uid"] for n in (0, 1)]
    sim.kubectl("set image statefulset/db app=app:2")
    sim.run("1m")
    assert [sim.get(f"pod/db-{n}")["metadata"]["uid"] for n in (0, 1)] == kept
    assert [_image(sim.get(f"pod/db-{n}")) for n in range(3)] == ["app:1", "app:1", "app:2"]
    sim.kubectl(["patch", "sts", "db", "-p", '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'])
    sim.run("1m")
    assert _deleted(sim, 0) == [f"pod/default/db-{n}" for n in (2, 1, 0)]
    before = len(sim.trace)
    sim.kubectl("scale statefulset/db --replicas=1")
    sim.run("1m")
    assert _deleted(sim, before) == ["pod/default/db-2", "pod/default/db-1"]
    sim.kubectl("scale statefulset/db --replicas=4")
    sim.run("1m")
    check_esr(sim, within="5m", stays="1m")
    demand(sim)


def _deleted(sim: Simulation, since: int) -> list[str]:
    """The pods whose deletion somebody asked for, in that order."""
    records = sim.trace.records[since:]
    return list(
        dict.fromkeys(r.subject for r in records if r.verb == "delete" and r.subject.startswith("pod/"))
    )


def daemons() -> None:
    """One pod a node, replaced one by one; none where a taint forbids it."""
    sim = _world(4)
    sim.kubectl("taint node node-4 only=others:NoSchedule")
    sim.apply([_workload("DaemonSet", "each"), _service("each")])
    sim.run("30s")
    assert sim.get("daemonset/each")["status"]["desiredNumberScheduled"] == 3
    begin = sim.now
    sim.kubectl("set image daemonset/each app=app:2")
    check_esr(sim, within="5m", stays="1m")
    expect(sim).always(lambda at: at.get("daemonset/each")["status"].get("numberReady", 0) >= 2, since=begin)
    assert {_image(pod) for pod in sim.list("pods", "default")} == {"app:2"}
    demand(sim)


def jobs() -> None:
    """Five completions, two at a time; each pod ends by itself, behind a Service that selects it."""
    sim = _world()
    pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "job:1"}]}
    template = {"metadata": {"labels": {"app": "once"}}, "spec": pod}
    sim.apply(
        [
            _object("batch/v1", "Job", "once", {"completions": 5, "parallelism": 2, "template": template}),
            _service("once"),
        ]
    )
    check_esr(sim, within="5m", stays="1m")
    assert sim.get("job/once")["status"]["succeeded"] == 5
    expect(sim).never(lambda at: sum(_runs(pod) for pod in at.list("pods", "default")) > 2)
    demand(sim)


def _runs(pod: dict[str, Any]) -> bool:
    return not _has_ended(pod) and not objects.is_deleting(pod)


def _has_ended(pod: dict[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def budgets() -> None:
    """A drain keeps to the budget, and takes one pod after the other."""
    sim = _world(2)
    spec = {"minAvailable": 5, "selector": {"matchLabels": {"app": "web"}}}
    sim.apply([_workload("Deployment", replicas=6), _object("policy/v1", "PodDisruptionBudget", "web", spec)])
    sim.run("30s")
    begin = sim.now
    sim.kubectl("drain node-1 --timeout=5m")
    expect(sim).always('ready("deployment/web", "default") >= 5', since=begin)
    sim.kubectl("uncordon node-1")
    check_esr(sim, within="5m", stays="1m")
    demand(sim)


def blind_for_a_while() -> None:
    """The controllers see pods late; nobody makes a pod twice. A pod that goes at once is replaced."""
    sim = _world()
    sim.apply(_workload("Deployment", replicas=3))
    sim.run("30s")
    sim.inject("watch-lag", "kube-controller-manager", duration="1m", resource="pods", delay="5s")
    sim.kubectl("scale deployment/web --replicas=6")
    sim.run("3s")
    sim.kubectl("annotate deployment/web note=x")
    sim.kubectl(["annotate", "rs", sim.list("replicasets", "default")[0]["metadata"]["name"], "note=x"])
    sim.run("2m")
    expect(sim).never(lambda at: len(at.list("pods", "default")) > 6)
    name = sim.list("pods", "default")[0]["metadata"]["name"]
    sim.kubectl(f"delete pod {name} --grace-period=0 --force")
    check_esr(sim, within="5m", stays="1m")
    demand(sim)


def deletions() -> None:
    """What is deleted takes its own along: at once, in the foreground, or not at all."""
    sim = _world()
    sim.apply([_workload("Deployment", name, replicas=2) for name in ("a", "b", "c")])
    sim.run("20s")
    sim.kubectl("delete deployment a --wait=false")
    sim.kubectl("delete deployment b --cascade=foreground --wait=false")
    sim.kubectl("delete deployment c --cascade=orphan --wait=false")
    sim.run("2m")
    assert sim.list("deployments", "default") == []
    assert [rs["metadata"]["name"][0] for rs in sim.list("replicasets", "default")] == ["c"]
    assert {pod["metadata"]["labels"]["app"] for pod in sim.list("pods", "default")} == {"c"}
    assert objects.controller_of(sim.list("replicasets", "default")[0]) is None
    sim.apply(_workload("Deployment", "d", replicas=2))
    sim.run("20s")
    (mine,) = [rs for rs in sim.list("replicasets", "default") if rs["metadata"]["name"].startswith("d-")]
    sim.kubectl(f"delete rs {mine['metadata']['name']} --cascade=orphan --wait=false")
    sim.run("1m")
    assert sum(pod["metadata"]["labels"]["app"] == "d" for pod in sim.list("pods", "default")) == 2
    check_esr(sim, within="5m", stays="1m")
    demand(sim)


STORIES = (
    rollouts,
    recreate,
    serving_pods_stay,
    a_lost_node,
    stateful,
    daemons,
    jobs,
    budgets,
    blind_for_a_while,
    deletions,
)
"""All of them, in the order in which they are tried."""

"""A namespace that does not go, and two hands on one number."""

from __future__ import annotations

from kcsim.api import objects
from kcsim.cluster.images import ImageBehaviour
from kcsim.engine.clock import MILLISECOND
from tests.workloads.worlds import GOOD, cluster, events, service, settle, when, workload


def test_a_finalizer_nobody_removes_keeps_its_namespace_for_ever():
    """S29: after five seconds the contents go; what has a finalizer stays, and with it the namespace."""
    sim = cluster(1)
    sim.kubectl("create namespace doomed")
    stuck = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "stuck", "namespace": "doomed", "finalizers": ["example.com/gone-controller"]},
    }
    free = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "free", "namespace": "doomed"}}
    sim.apply([stuck, free])
    sim.kubectl("delete namespace doomed --wait=false")
    assert (
        5
        <= when(sim, lambda s: [o["metadata"]["name"] for o in s.list("configmaps", "doomed")] == ["stuck"])
        <= 6
    )
    sim.run("6h")
    namespace = sim.get("namespace/doomed")
    assert namespace["status"]["phase"] == "Terminating"
    assert objects.condition_is(namespace, "NamespaceFinalizersRemaining")
    refused = sim.kubectl("create configmap late -n doomed")
    assert refused.exit_code == 1
    assert "because it is being terminated" in refused.stderr
    patch = '{"metadata":{"finalizers":null}}'
    sim.kubectl(["patch", "configmap", "stuck", "-n", "doomed", "--type=merge", "-p", patch])
    assert when(sim, lambda s: "doomed" not in {n["metadata"]["name"] for n in s.list("namespaces")}) <= 20


def test_an_autoscaler_and_a_manifest_fight_over_replicas():
    """S09, C9: each apply sets 3, the next look doubles at most, the one after has what it wants; without replicas in
    the manifest it ends.
    """
    busy = ImageBehaviour(GOOD, cpu_milli=5, cpu_per_request=10 * MILLISECOND)
    sim = cluster(3, busy)
    resources = {"resources": {"requests": {"cpu": "100m"}}}
    app = workload(replicas=3, container=resources)
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 10,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                }
            ],
        },
    }
    settle(sim, app, service(), ready=3)
    sim.world.add_traffic("users", service="web", rate=36, start=sim.engine.now)
    sim.apply(scaler)
    sim.run("10m")
    wanted = sim.get("deployment/web")["spec"]["replicas"]
    assert wanted >= 7
    for _ in range(3):
        sim.apply(app)
        assert sim.get("deployment/web")["spec"]["replicas"] == 3
        assert when(sim, lambda s: s.get("deployment/web")["spec"]["replicas"] == 6, "1m") <= 16
        assert when(sim, lambda s: s.get("deployment/web")["spec"]["replicas"] > 6, "1m") <= 31
        sim.run("60s")
    assert sum(event["count"] for event in events(sim, "ScalingReplicaSet")) >= 9
    spec = {k: v for k, v in app["spec"].items() if k != "replicas"}
    sim.apply({**app, "spec": spec})
    assert sim.get("deployment/web")["spec"]["replicas"] == 1  # once: the field was ours, and goes
    sim.run("2m")
    settled = sim.get("deployment/web")["spec"]["replicas"]
    assert settled > 3
    sim.apply({**app, "spec": spec})
    sim.run("1m")
    assert sim.get("deployment/web")["spec"]["replicas"] >= settled

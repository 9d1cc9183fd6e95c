"""Scheduler, kubelet and volume controller together."""

from __future__ import annotations

from kcsim.simulation.simulation import Simulation

LOW = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: low}
spec:
  replicas: 3
  selector: {matchLabels: {app: low}}
  template:
    metadata: {labels: {app: low}}
    spec:
      containers: [{name: a, image: registry.example/app:1, resources: {requests: {cpu: "1"}}}]
"""
VIP = """
apiVersion: v1
kind: Pod
metadata: {name: vip}
spec:
  priorityClassName: high
  containers: [{name: a, image: registry.example/app:1, resources: {requests: {cpu: "2"}}}]
"""
CLAIM = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: late}
provisioner: disks.example.com
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {storageClassName: late, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: a, image: registry.example/app:1}]
  volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]
"""


def test_a_preemptor_gets_the_room_and_not_the_victims_successor() -> None:
    sim = Simulation(nodes=1, seed=1)
    sim.run("30s")
    sim.apply(LOW)
    sim.run("20s")
    sim.apply(VIP)
    sim.run("60s")
    phases = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in sim.list("pods")}
    assert phases["vip"] == "Running"
    assert sorted(phases.values()) == ["Pending", "Running", "Running", "Running"]


def test_a_claim_waits_for_its_consumer_and_the_consumer_for_its_claim() -> None:
    sim = Simulation(nodes=2, seed=1)
    sim.run("30s")
    sim.apply(CLAIM)
    sim.run("40s")
    assert sim.get("pvc/data")["status"]["phase"] == "Bound"
    assert sim.get("pod/p")["status"]["phase"] == "Running"

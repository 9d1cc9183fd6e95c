"""Claims, volumes and nodes in a running cluster: bound, provisioned, attached, detached, reclaimed."""

from __future__ import annotations

import pytest

from kcsim.cluster.kubelet.node_status import NodeSpec
from kcsim.simulation.simulation import Simulation

ZONE = "topology.kubernetes.io/zone"


def cluster(nodes: int = 3) -> Simulation:
    specs = [NodeSpec(f"node-{i}", f"192.168.0.{i + 1}", labels={ZONE: f"z{i}"}) for i in range(nodes)]
    sim = Simulation(nodes=specs, seed=1, checking=True)
    sim.apply(storage_class("fast"))
    sim.run("5s")
    return sim


def storage_class(name: str, more: str = "") -> str:
    head = f"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{name: {name}}}\n"
    return f"{head}provisioner: disk.example.com\n{more}"


def claim(name: str = "data", more: str = "storageClassName: fast, ") -> str:
    spec = f"{more}accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}"
    return f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"


def pod(name: str, node: str, of: str = "data") -> str:
    return f"""\
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 1
  containers: [{{name: app, image: app:1}}]
  volumes: [{{name: vol, persistentVolumeClaim: {{claimName: {of}}}}}]
"""


STATIC = """\
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME}
spec:
  capacity: {storage: 2Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: /data}
"""


def reasons(sim: Simulation, about: str) -> list[str]:
    return [e["reason"] for e in sim.list("events") if e["involvedObject"]["name"] == about]


def phase(sim: Simulation, ref: str) -> str:
    return sim.get(ref)["status"]["phase"]


class TestBinding:
    def test_a_static_volume_is_bound_within_the_resync_and_kept_afterwards(self) -> None:
        sim = cluster(1)
        sim.apply(claim(more='storageClassName: "", '))
        sim.run("20s")
        assert "FailedBinding" in reasons(sim, "data")
        sim.apply(STATIC.replace("NAME", "disk"))
        sim.run("16s")
        assert phase(sim, "pvc/data") == "Bound"
        assert sim.get("pvc/data")["status"]["capacity"] == {"storage": "2Gi"}
        sim.kubectl("delete pvc data")
        sim.run("2s")
        assert phase(sim, "pv/disk") == "Released"
        sim.apply(claim(more='storageClassName: "", '))
        sim.run("1m")
        assert phase(sim, "pvc/data") == "Pending"

    def test_a_lost_volume_is_told(self) -> None:
        sim = cluster(1)
        sim.apply(STATIC.replace("NAME", "disk"))
        sim.apply(claim(more='storageClassName: "", '))
        sim.run("20s")
        sim.kubectl(["patch", "pv", "disk", "-p", '{"metadata":{"finalizers":null}}'])
        sim.kubectl("delete pv disk --wait=false")
        sim.run("2s")
        assert phase(sim, "pvc/data") == "Lost"
        assert "ClaimLost" in reasons(sim, "data")

    def test_an_unknown_class(self) -> None:
        sim = cluster(1)
        sim.apply(claim(more="storageClassName: nope, "))
        sim.run("20s")
        assert "ProvisioningFailed" in reasons(sim, "data")

    def test_the_default_class_is_given_to_who_has_none(self) -> None:
        sim = cluster(1)
        sim.apply(claim(more=""))
        sim.run("20s")
        assert phase(sim, "pvc/data") == "Pending"
        sim.kubectl("annotate storageclass fast storageclass.kubernetes.io/is-default-class=true")
        sim.run("1m")
        assert phase(sim, "pvc/data") == "Bound"


class TestProvisioning:
    def test_made_in_a_zone_and_deleted_with_its_claim(self) -> None:
        sim = cluster()
        sim.apply(claim())
        sim.run("40s")
        name = sim.get("pvc/data")["spec"]["volumeName"]
        made = sim.get(f"pv/{name}")
        terms = made["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert terms[0]["matchExpressions"][0]["values"][0] in ("z0", "z1", "z2")
        assert reasons(sim, "data") == ["ExternalProvisioning", "Provisioning", "ProvisioningSucceeded"]
        sim.kubectl("delete pvc data")
        sim.run("40s")
        assert sim.list("pv") == []

    def test_the_first_consumer_decides_the_zone(self) -> None:
        sim = cluster()
        sim.apply(storage_class("late", "volumeBindingMode: WaitForFirstConsumer\n"))
        sim.apply(claim(more="storageClassName: late, "))
        sim.run("20s")
        assert "WaitForFirstConsumer" in reasons(sim, "data")
        assert phase(sim, "pvc/data") == "Pending"
        sim.kubectl("annotate pvc data volume.kubernetes.io/selected-node=node-2")
        sim.run("40s")
        made = sim.get(f"pv/{sim.get('pvc/data')['spec']['volumeName']}")
        terms = made["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert terms[0]["matchExpressions"][0]["values"] == ["z2"]


class TestAttaching:
    def ready(self) -> Simulation:
        sim = cluster()
        sim.apply(claim())
        sim.run("40s")
        sim.apply(pod("one", "node-0"))
        sim.run("1m")
        return sim

    def test_a_pod_starts_once_its_volume_is_attached(self) -> None:
        sim = self.ready()
        assert phase(sim, "pod/one") == "Running"
        status = sim.get("node/node-0")["status"]
        assert status["volumesInUse"] == [each["name"] for each in status["volumesAttached"]]
        assert "SuccessfulAttachVolume" in reasons(sim, "one")

    def test_one_node_at_a_time(self) -> None:
        sim = self.ready()
        sim.apply(pod("two", "node-1"))
        sim.run("130s")
        assert phase(sim, "pod/two") == "Pending"
        assert reasons(sim, "two")[:2] == ["FailedAttachVolume", "FailedMount"]
        text = sim.kubectl("get events").stdout
        assert "Volume is already used by pod(s) one" in text
        assert "unmounted volumes=[vol], unattached volumes=[vol], failed to process volumes=[]" in text
        sim.kubectl("delete pod one")
        sim.run("1m")
        assert phase(sim, "pod/two") == "Running"
        assert "volumesAttached" not in sim.get("node/node-0")["status"]

    def test_a_claim_in_use_stays(self) -> None:
        sim = self.ready()
        sim.kubectl("delete pvc data --wait=false")
        sim.run("1m")
        assert "deletionTimestamp" in sim.get("pvc/data")["metadata"]
        sim.kubectl("delete pod one")
        sim.run("1m")
        assert sim.list("pvc") == []

    def test_an_unbound_claim_keeps_the_pod_waiting(self) -> None:
        sim = cluster(1)
        sim.apply(pod("one", "node-0", of="nothing"))
        sim.run("30s")
        text = 'error processing PVC default/nothing: failed to fetch PVC from API server: persistentvolumeclaims "nothing" not found'
        assert text in sim.kubectl("get events").stdout

    @pytest.mark.parametrize(("vouched", "after"), [(False, (360, 375)), (True, (0, 30))])
    def test_a_dead_node_keeps_its_volume_for_six_minutes_unless_somebody_vouches(
        self, vouched: bool, after: tuple[int, int]
    ) -> None:
        sim = self.ready()
        sim.inject("node-crash", "node-0")
        sim.run("2m")
        sim.kubectl("delete pod one --force --grace-period=0")
        began = sim.now
        sim.apply(pod("two", "node-1"))
        if vouched:
            sim.kubectl("taint node node-0 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
        sim.run_until(lambda s: len(s.list("volumeattachments")) == 0 or attached_to(s) == "node-1", "10m")
        assert after[0] <= sim.now - began <= after[1]
        sim.run("3m")
        assert phase(sim, "pod/two") == "Running"

    def test_a_new_kubelet_knows_what_its_pods_use(self) -> None:
        sim = self.ready()
        kubelet = sim.cluster().kubelets["node-0"]
        kubelet.stop()
        sim.run("5s")
        kubelet.start()
        sim.run("1m")
        assert phase(sim, "pod/one") == "Running"
        assert len(sim.get("node/node-0")["status"]["volumesInUse"]) == 1


def attached_to(sim: Simulation) -> str:
    return sim.list("volumeattachments")[0]["spec"]["nodeName"]


def test_each_replica_gets_a_volume_where_the_scheduler_puts_it() -> None:
    sim = cluster()
    sim.apply(storage_class("late", "volumeBindingMode: WaitForFirstConsumer\n"))
    sim.apply(
        """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: app, image: app:1}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: late, resources: {requests: {storage: 1Gi}}}
"""
    )
    sim.run("4m")
    assert [phase(sim, f"pod/db-{i}") for i in range(3)] == ["Running"] * 3
    for i in range(3):
        node = sim.get(f"node/{sim.get(f'pod/db-{i}')['spec']['nodeName']}")
        volume = sim.get(f"pv/{sim.get(f'pvc/data-db-{i}')['spec']['volumeName']}")
        terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert terms[0]["matchExpressions"][0]["values"] == [node["metadata"]["labels"][ZONE]]

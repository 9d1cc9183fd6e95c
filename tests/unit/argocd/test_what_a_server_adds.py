"""What the API server fills in is no difference: each kind applied for real, then compared."""

from __future__ import annotations

import json
from typing import Any

import pytest

import kcsim
from kcsim.delivery.gitops.argocd.diff import ignore
from kcsim.delivery.gitops.argocd.diff.compare import Options, compare
from kcsim.delivery.gitops.argocd.diff.normalize import Normalizer
from kcsim.delivery.gitops.argocd.resources import FIELD_MANAGER, LAST_APPLIED
from kcsim.manifests import read

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        args: [--port, "8080"]
        env: [{name: A, value: b}, {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        ports: [{containerPort: 8080}, {containerPort: 8081, name: admin}]
        readinessProbe: {httpGet: {path: /, port: 8080}}
        resources: {requests: {cpu: 1000m, memory: 1024Mi}, limits: {memory: 2Gi}}
      tolerations: [{key: a, operator: Exists}]
      volumes: [{name: c, configMap: {name: conf}}, {name: e, emptyDir: {}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db:1, volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: "not much of one"}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a:1}]}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: none}
rules: []
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, annotations: {}}
data: {a: ""}
"""
OBJECTS = [manifest.object for manifest in read(MANIFESTS, "manifests.yaml")]
OPTIONS = Options(Normalizer(ignore.rules_of((), {})))


@pytest.fixture(scope="module")
def cluster() -> kcsim.Simulation:
    return kcsim.Simulation(nodes=1, seed=1)


def applied(cluster: kcsim.Simulation, obj: dict[str, Any], flags: str = "") -> dict[str, Any]:
    done = cluster.kubectl(f"apply -f - {flags}", stdin=json.dumps(obj))
    assert done.exit_code == 0, done.stderr
    kind, name = obj["kind"].lower(), obj["metadata"]["name"]
    found: dict[str, Any] = json.loads(
        cluster.kubectl(f"get {kind} {name} -o json --show-managed-fields").stdout
    )
    return found


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_a_client_side_apply_is_in_sync_with_and_without_its_annotation(
    cluster: kcsim.Simulation, obj: dict[str, Any]
) -> None:
    live = applied(cluster, obj)
    found = compare(obj, live, OPTIONS)
    assert found.predicted == found.live
    assert not found.modified
    del live["metadata"]["annotations"][LAST_APPLIED]
    assert not compare(obj, live, OPTIONS).modified


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_a_server_side_apply_is_in_sync_by_its_own_algorithm(
    cluster: kcsim.Simulation, obj: dict[str, Any]
) -> None:
    other = {**obj, "metadata": {**obj["metadata"], "name": obj["metadata"]["name"] + "-ssa"}}
    live = applied(cluster, other, f"--server-side --field-manager {FIELD_MANAGER}")
    options = Options(Normalizer(ignore.rules_of((), {})), structured=True)
    found = compare(other, live, options)
    assert found.predicted == found.live
    assert not found.modified


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_a_label_by_hand_is_left_and_one_from_git_is_missed(
    cluster: kcsim.Simulation, obj: dict[str, Any]
) -> None:
    live = applied(cluster, obj)
    live["metadata"]["labels"] = {**(live["metadata"].get("labels") or {}), "by": "hand"}
    assert not compare(obj, live, OPTIONS).modified
    labels = {**(obj["metadata"].get("labels") or {}), "from": "git"}
    assert compare({**obj, "metadata": {**obj["metadata"], "labels": labels}}, live, OPTIONS).modified

"""The small plugins: classes, priorities, accounts, kubelets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api_admission.conftest import containers


def priority_class(door: Any, name: str, value: int, **members: Any) -> Any:
    return door.create("scheduling.k8s.io/v1", "PriorityClass", name, value=value, **members)


def test_priorities(door):
    assert door.create("v1", "Pod", "plain", spec=containers({}))["spec"]["priority"] == 0
    priority_class(door, "low", 5, globalDefault=True)
    priority_class(door, "polite", 9, preemptionPolicy="Never")
    default = door.create("v1", "Pod", "default", spec=containers({}))["spec"]
    assert (default["priority"], default["priorityClassName"]) == (5, "low")
    polite = door.create("v1", "Pod", "polite", spec={"priorityClassName": "polite", **containers({})})[
        "spec"
    ]
    assert (polite["priority"], polite["preemptionPolicy"]) == (9, "Never")
    critical = {"priorityClassName": "system-node-critical", **containers({})}
    assert door.create("v1", "Pod", "critical", spec=critical)["spec"]["priority"] == 2_000_001_000
    assert door.create("v1", "Pod", "x", spec={"priorityClassName": "nope", **containers({})}) == (
        403,
        'pods "x" is forbidden: no PriorityClass with name nope was found',
    )
    policy = {"priorityClassName": "polite", "preemptionPolicy": "PreemptLowerPriority", **containers({})}
    assert "the string value of PreemptionPolicy" in door.create("v1", "Pod", "x", spec=policy)[1]


def test_only_one_priority_class_is_the_default(door):
    priority_class(door, "low", 5, globalDefault=True)
    assert priority_class(door, "high", 6, globalDefault=True) == (
        403,
        (
            'priorityclasses.scheduling.k8s.io "high" is forbidden: '
            "PriorityClass low is already marked as default. Only one default can exist"
        ),
    )
    assert door.patch("priorityclasses", "low", {"description": "x"})["globalDefault"] is True


def test_accounts(door):
    spec = {"serviceAccountName": "robot", **containers({})}
    refused = (
        'pods "p" is forbidden: error looking up service account a/robot: serviceaccount "robot" not found'
    )
    assert door.create("v1", "Pod", "p", spec=spec) == (403, refused)
    door.create("v1", "ServiceAccount", "robot", imagePullSecrets=[{"name": "pull"}])
    made = door.create("v1", "Pod", "p", spec=spec)["spec"]
    assert made["serviceAccount"] == made["serviceAccountName"] == "robot"
    assert made["imagePullSecrets"] == [{"name": "pull"}]
    (volume,) = made["volumes"]
    assert made["containers"][0]["volumeMounts"] == [
        {
            "name": volume["name"],
            "readOnly": True,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }
    ]
    silent = {"automountServiceAccountToken": False, **containers({})}
    assert "volumes" not in door.create("v1", "Pod", "silent", spec=silent)["spec"]


def test_a_refusal_shows_what_the_name_is_generated_from(door):
    obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-"},
        "spec": {"serviceAccountName": "robot", **containers({})},
    }
    assert door._asked(door.client.create("pods", obj, "a"))[1].startswith(
        'pods "web-" is forbidden: error looking up'
    )


def test_runtime_classes(door):
    scheduling = {"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]}
    overhead = {"podFixed": {"cpu": "250m"}}
    door.create(
        "node.k8s.io/v1", "RuntimeClass", "vm", handler="vm", overhead=overhead, scheduling=scheduling
    )
    made = door.create("v1", "Pod", "p", spec={"runtimeClassName": "vm", **containers({})})["spec"]
    assert made["overhead"] == {"cpu": "250m"}
    assert made["nodeSelector"] == {"vm": "yes"}
    assert {"key": "vm", "operator": "Exists"} in made["tolerations"]
    clash = {"runtimeClassName": "vm", "nodeSelector": {"vm": "no"}, **containers({})}
    assert door.create("v1", "Pod", "q", spec=clash)[1].endswith(
        "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no"
    )
    missing = {"runtimeClassName": "nope", **containers({})}
    assert door.create("v1", "Pod", "q", spec=missing) == (
        403,
        'pods "q" is forbidden: pod rejected: RuntimeClass "nope" not found',
    )


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def test_default_classes(door):
    assert "storageClassName" not in door.create("v1", "PersistentVolumeClaim", "early", spec=CLAIM)["spec"]
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    door.create("storage.k8s.io/v1", "StorageClass", "slow", provisioner="x", annotations=mark)
    door.engine.run_until(2_000_000)
    door.create("storage.k8s.io/v1", "StorageClass", "fast", provisioner="x", annotations=mark)
    assert door.create("v1", "PersistentVolumeClaim", "c", spec=CLAIM)["spec"]["storageClassName"] == "fast"
    none = {**CLAIM, "storageClassName": ""}
    assert door.create("v1", "PersistentVolumeClaim", "d", spec=none)["spec"]["storageClassName"] == ""
    mark = {"ingressclass.kubernetes.io/is-default-class": "true"}
    door.create("networking.k8s.io/v1", "IngressClass", "nginx", spec={"controller": "x/y"}, annotations=mark)
    backend = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    assert (
        door.create("networking.k8s.io/v1", "Ingress", "i", spec=backend)["spec"]["ingressClassName"]
        == "nginx"
    )


def test_claims_grow_only_where_their_class_says_so(door):
    door.create("storage.k8s.io/v1", "StorageClass", "fixed", provisioner="x")
    door.create(
        "v1", "PersistentVolumeClaim", "c", spec={**CLAIM, "storageClassName": "fixed", "volumeName": "v"}
    )
    door.patch("persistentvolumeclaims", "c", {"status": {"phase": "Bound"}}, subresource="status")
    more = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    assert door.patch("persistentvolumeclaims", "c", more) == (
        403,
        (
            'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the '
            "storageclass that provisions the pvc must support resize"
        ),
    )
    door.patch("storageclasses", "fixed", {"allowVolumeExpansion": True})
    assert door.patch("persistentvolumeclaims", "c", more)["kind"] == "PersistentVolumeClaim"


def test_a_kubelet_keeps_to_its_node(door):
    kubelet = door.as_user("system:node:n1", "system:nodes")
    door.create("v1", "Node", "n1", client=kubelet)
    door.create("v1", "Node", "n2")
    for node in ("n1", "n2"):
        door.create("v1", "Pod", f"on-{node}", spec={"nodeName": node, **containers({})})
    running = {"status": {"phase": "Running"}}
    assert door.patch("pods", "on-n1", running, kubelet, subresource="status")["status"]["phase"] == "Running"
    assert door.patch("pods", "on-n2", running, kubelet, subresource="status") == (
        403,
        'pods "on-n2" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself',
    )
    assert door.delete("pods", "on-n2", kubelet)[1].endswith(
        'node "n1" can only delete pods with spec.nodeName set to itself'
    )
    assert door.patch("nodes", "n2", {"metadata": {"labels": {"a": "b"}}}, kubelet)[1].endswith(
        'node "n1" is not allowed to modify node "n2"'
    )
    taints = {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}
    assert door.patch("nodes", "n1", taints, kubelet)[1].endswith('node "n1" is not allowed to modify taints')
    assert (
        "mirror pods"
        in door.create("v1", "Pod", "own", client=kubelet, spec={"nodeName": "n1", **containers({})})[1]
    )


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingAdmissionPolicy"])
def test_who_creates_what_is_not_modelled_is_told(door, kind):
    obj = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "x"}}
    resource = door.server.catalog.of(obj)
    if resource is None:
        pytest.skip(f"{kind} is not served")
    assert "does not enforce" in door.warned(door.client.create(resource, obj))[0]


def test_ranges_of_addresses_are_only_stored(door):
    obj = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "more"},
        "spec": {"cidrs": ["10.100.0.0/16"]},
    }
    resource = door.server.catalog.of(obj)
    assert "does not enforce" in door.warned(door.client.create(resource, obj))[0]

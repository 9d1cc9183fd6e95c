"""What kubectl describe writes of objects that no story has: one object, one description."""

import re
from textwrap import dedent
from types import SimpleNamespace

import pytest

from kcsim.kubectl.describe import DESCRIBERS
from kcsim.kubectl.describers.writer import Writer

CREATED = "2026-01-01T00:00:00Z"
HOUR = 3_600_000_000


def told(kind, *answers, group="", **members):
    """The description of an object ``x``, an hour after it was made; ``answers`` are what the server says when asked."""
    meta = {"name": "x", "namespace": "n", "creationTimestamp": CREATED, **members.pop("metadata", {})}
    asked = SimpleNamespace(list=lambda *_, **__: None, get=lambda *_, **__: None)
    session = SimpleNamespace(engine=SimpleNamespace(now=HOUR), client=asked)
    writer = Writer()
    steps = DESCRIBERS[group, kind](session, {"kind": kind, "metadata": meta, **members}, writer)
    given = iter(answers)
    try:
        next(steps)
        while True:
            steps.send(next(given))
    except StopIteration:
        return writer.text()


def lines(text, start, end=""):
    """From the line that starts with ``start`` to before the one that starts with ``end``."""
    found = text.split("\n")
    first = next(place for place, line in enumerate(found) if line.startswith(start))
    rest = found[first:]
    last = next((place for place, line in enumerate(rest) if end and line.startswith(end)), len(rest))
    return "\n".join(line.rstrip() for line in rest[:last]).rstrip("\n") + "\n"


def loose(text):
    """With one blank where columns were filled up."""
    return re.sub("(?<=[^\n ]) +", " ", text)


def test_tolerations_are_sorted_by_key():
    items = [
        {"key": "b", "value": "1", "effect": "NoExecute", "tolerationSeconds": 60},
        {"key": "a", "operator": "Exists"},
        {"operator": "Exists", "effect": "NoSchedule"},
        {"operator": "Exists"},
    ]
    wanted = """\
        Tolerations:     :NoSchedule op=Exists
                         op=Exists
                         a op=Exists
                         b=1:NoExecute for 60s
        """
    assert lines(told("Pod", spec={"tolerations": items}), "Tolerations") == dedent(wanted)


@pytest.mark.parametrize(("phase", "shown"), [("Running", "Terminating (lasts 30m)"), ("Failed", "Failed")])
def test_a_pod_that_has_ended_is_not_terminating(phase, shown):
    gone = {"deletionTimestamp": "2026-01-01T00:30:00Z", "deletionGracePeriodSeconds": 30}
    assert f"\nStatus: {shown}\n" in loose(told("Pod", metadata=gone, status={"phase": phase}))


def container(**members):
    return told("Pod", spec={"containers": [{"name": "app", "image": "i", **members}]})


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ({"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}, "x (v1:metadata.name)"),
        ({"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}, "n (v1:metadata.namespace)"),
        ({"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}, " (v1:spec.nodeName)"),
        ({"resourceFieldRef": {"resource": "limits.cpu"}}, "2 (limits.cpu)"),
        ({"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}, "1500 (limits.cpu)"),
        ({"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}}, "64 (requests.memory)"),
        ({"resourceFieldRef": {"resource": "requests.cpu"}}, "0 (requests.cpu)"),
        ({"resourceFieldRef": {"resource": "limits.memory"}}, "node allocatable (limits.memory)"),
    ],
)
def test_variables_from_fields_and_resources(reference, shown):
    resources = {"limits": {"cpu": "1500m"}, "requests": {"memory": "64Mi"}}
    text = container(env=[{"name": "V", "valueFrom": reference}], resources=resources)
    assert f"      V:{shown if shown[0] == ' ' else f' {shown}'}\n" in loose(text)


def test_devices_and_mounts():
    text = container(volumeDevices=[{"name": "disk", "devicePath": "/dev/x"}])
    shown = loose(lines(text, "    Mounts", "Volumes"))
    assert shown == "    Mounts: <none>\n    Devices: <none>\n      /dev/x from disk\n"


def test_seccomp_profiles():
    profile = {"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}}
    body = {"securityContext": profile, "containers": [{"name": "app", "securityContext": profile}]}
    text = told("Pod", spec=body)
    assert "\nSeccompProfile:    Localhost\nLocalhostProfile:  p.json\nIP:" in text
    assert "    SeccompProfile:      Localhost\n      LocalhostProfile:  p.json\n" in text


def test_times_that_were_never_set():
    state = {"name": "app", "state": {"terminated": {"exitCode": 1}}}
    text = told("Pod", spec={"containers": [{"name": "app"}]}, status={"containerStatuses": [state]})
    assert "Started: Mon, 01 Jan 0001 00:00:00 +0000" in loose(text)


def test_selectors_of_spread_constraints():
    spread = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    text = told("Pod", spec={"topologySpreadConstraints": [spread]})
    assert "zone:DoNotSchedule when max skew 1 is exceeded for selector <none>\n" in text


def test_volumes():
    volumes = [
        {"name": "a", "image": {"reference": "r", "pullPolicy": "Always"}},
        {"name": "b", "emptyDir": {"sizeLimit": "0"}},
        {
            "name": "c",
            "downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "limits.cpu"}}]},
        },
        {"name": "d", "csi": {"driver": "v", "volumeAttributes": {"k": "1", "j": "2"}}},
    ]
    wanted = """\
        Volumes:
          a:
            Type:        Image (a container image or OCI artifact)
            Reference:   r
            PullPolicy:  Always
          b:
            Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
            Medium:
            SizeLimit:  <unset>
          c:
            Type:  DownwardAPI (a volume populated by information about the pod)
            Items:
              limits.cpu -> p
          d:
            Type:              CSI (a Container Storage Interface (CSI) volume source)
            Driver:            v
            FSType:
            ReadOnly:          false
            VolumeAttributes:      j=2
                                   k=1
        """
    assert lines(told("Pod", spec={"volumes": volumes}), "Volumes", "QoS Class") == dedent(wanted)


@pytest.mark.parametrize(
    ("indexes", "shown"),
    [("", "<none>"), ("0-3", "0-3"), ("1," * 25 + "55,57,59", "1," * 25 + "55,..."), ("7" * 60, "7" * 60)],
)
def test_completed_indexes_are_cut(indexes, shown):
    text = told(
        "Job", group="batch", spec={"completionMode": "Indexed"}, status={"completedIndexes": indexes}
    )
    assert f"Completed Indexes:  {shown}\n" in text


def endpoints(*ready, ports=True):
    made = [{"addresses": [f"10.0.0.{n}"], "conditions": {"ready": up}} for n, up in enumerate(ready)]
    return {"items": [{"ports": [{"name": "", "port": 80}] if ports else [], "endpoints": made}]}


@pytest.mark.parametrize(
    ("slices", "shown"),
    [
        ({"items": []}, "<none>"),
        (endpoints(), ""),
        (endpoints(True, False, True), "10.0.0.0:80,10.0.0.2:80"),
        (endpoints(True, True, True), "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80"),
        (endpoints(True, True, True, False), "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 0 more..."),
        (endpoints(True, True, True, True, True), "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."),
        (endpoints(True, ports=False), "10.0.0.0"),
    ],
)
def test_endpoints_of_a_service(slices, shown):
    text = told("Service", slices, spec={"ports": [{"port": 80}]})
    assert f"\nEndpoints: {shown}\n" in loose(text)


def test_load_balancers_in_their_order():
    items = [{"ip": "9.9.9.9", "ipMode": "VIP"}, {"hostname": "b.example"}, {"ip": "1.1.1.1"}]
    text = told("Service", {"items": []}, status={"loadBalancer": {"ingress": items}})
    assert "LoadBalancer Ingress:  9.9.9.9 (VIP), b.example, 1.1.1.1\n" in text


def test_a_backend_that_is_a_resource():
    backend = {"resource": {"kind": "Bucket", "name": "b"}}
    text = told("Ingress", group="networking.k8s.io", spec={"defaultBackend": backend})
    assert "Default backend:  APIGroup: <none>, Kind: Bucket, Name: b\n" in text


def test_ports_of_network_policies():
    ports = [{"port": 80, "endPort": 90}, {"port": "web", "protocol": "UDP"}, {"protocol": "TCP"}]
    rules = [{"ports": ports, "from": [{"podSelector": {}}]}]
    text = told(
        "NetworkPolicy", group="networking.k8s.io", spec={"ingress": rules, "policyTypes": ["Ingress"]}
    )
    assert "    To Port Range: 80-90/TCP\n    To Port: web/UDP\n    To Port: <nil>/TCP\n" in text
    assert "      PodSelector: <none>\n" in text


METRICS = [
    (
        {"type": "Object", "object": {"target": {"type": "AverageValue", "averageValue": "5"}}},
        {"type": "Object", "object": {"current": {"averageValue": "4"}}},
        '"" on / (target average value): 4 / 5',
    ),
    ({"type": "Pods", "pods": {"target": {"averageValue": "5"}}}, {}, '"" on pods: <unknown> / 5'),
    ({"type": "Odd"}, {}, '<unknown metric type "Odd">'),
]


@pytest.mark.parametrize(("metric", "measured", "shown"), METRICS)
def test_metrics_of_autoscalers(metric, measured, shown):
    state = {"currentMetrics": [measured]}
    text = told("HorizontalPodAutoscaler", group="autoscaling", spec={"metrics": [metric]}, status=state)
    assert f"  {shown}\n" in loose(text)


def test_behaviour_without_policies():
    rules = {"scaleDown": {"stabilizationWindowSeconds": 5}}
    text = told("HorizontalPodAutoscaler", group="autoscaling", spec={"behavior": rules})
    assert "    Stabilization Window: 5 seconds\n" in text
    assert "Select Policy" not in text


def test_taints_are_sorted_by_effect():
    taints = [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "value": "1", "effect": "NoExecute"}]
    text = told("Node", {}, {"items": []}, spec={"taints": taints})
    assert "Taints:             b=1:NoExecute\n                    a:NoSchedule\n" in text


def test_what_is_asked_of_a_node_of_every_resource():
    asked = {"requests": {"example.com/gpu": "2", "hugepages-2Mi": "4Mi"}}
    pod = {"metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": [{"resources": asked}]}}
    has = {"cpu": "1", "hugepages-2Mi": "8Mi", "example.com/gpu": "4", "pods": "9"}
    text = told("Node", {}, {"items": [pod]}, status={"allocatable": has})
    assert "  hugepages-2Mi      4Mi (50%)  0 (0%)\n  example.com/gpu    2          0\n" in text
    assert "  Namespace                   Name    CPU Requests  CPU Limits" in text


@pytest.mark.parametrize("kind", ["PersistentVolume", "PersistentVolumeClaim"])
def test_volumes_and_claims_that_go(kind):
    text = told(kind, {"items": []}, metadata={"deletionTimestamp": "2026-01-01T00:55:00Z"})
    assert "Terminating (lasts 5m)\n" in text


def test_a_claim_with_a_source_and_conditions():
    source = {"apiGroup": "g", "kind": "VolumeSnapshot", "name": "s"}
    state = {"conditions": [{"type": "Resizing", "status": "True", "reason": "r", "message": "m"}]}
    text = told("PersistentVolumeClaim", {"items": []}, spec={"dataSource": source}, status=state)
    assert "DataSource:\n  APIGroup:  g\n  Kind:      VolumeSnapshot\n  Name:      s\n" in text
    never = "Mon, 01 Jan 0001 00:00:00 +0000"
    assert f"  Resizing True {never} {never} r m\n" in loose(text)


def test_a_volume_of_a_driver():
    affinity = {
        "required": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}]
        }
    }
    text = told(
        "PersistentVolume", spec={"csi": {"driver": "d", "volumeHandle": "h"}, "nodeAffinity": affinity}
    )
    assert "Node Affinity:     \n  Required Terms:  \n    Term 0:        k in [v]\n" in text
    assert "    VolumeHandle:      h\n    ReadOnly:          false\n    VolumeAttributes:  <none>\n" in text


def test_the_token_of_an_account_is_shown():
    text = told(
        "Secret", type="kubernetes.io/service-account-token", data={"token": "YWJj", "ca.crt": "YWJj"}
    )
    assert "ca.crt:  3 bytes\ntoken:   abc\n" in text


def test_classes():
    beta = {"annotations": {"storageclass.beta.kubernetes.io/is-default-class": "true"}}
    text = told("StorageClass", group="storage.k8s.io", metadata=beta)
    assert "IsDefaultClass:        Yes\n" in text
    assert "ReclaimPolicy" not in text
    text = told("PriorityClass", group="scheduling.k8s.io", metadata={"annotations": {"b": "2", "a": "1"}})
    assert "Annotations:       a=1,b=2\n" in text
    text = told("VolumeAttributesClass", group="storage.k8s.io", driverName="d", parameters={"iops": "5"})
    assert text == "Name:         x\nAnnotations:  <none>\nDriverName:   d\nParameters:   iops=5\n"


def test_kinds_that_had_only_an_outline():
    text = told("ServiceCIDR", group="networking.k8s.io", spec={"cidrs": ["10.0.0.0/16", "fd00::/64"]})
    assert text.endswith("CIDRs:        10.0.0.0/16, fd00::/64\n")
    parent = {"resource": "services", "namespace": "n", "name": "web"}
    text = told("IPAddress", group="networking.k8s.io", spec={"parentRef": parent})
    assert text.endswith(
        "Parent Reference:\n  Group:      \n  Resource:   services\n  Namespace:  n\n  Name:       web\n"
    )
    driver = {"name": "d", "nodeID": "i", "allocatable": {"count": 3}, "topologyKeys": ["zone"]}
    text = told("CSINode", group="storage.k8s.io", spec={"drivers": [driver]})
    assert text.endswith(
        "Spec:\n  Drivers:\n    d:\n      Node ID:  i\n      Allocatables:\n        Count:        3\n      Topology Keys:  [zone]\n"
    )


def test_templates_of_claims():
    claim = {"metadata": {"name": "data", "annotations": {"a": "1"}}, "spec": {}}
    text = told(
        "StatefulSet", {"items": []}, group="apps", spec={"volumeClaimTemplates": [claim], "selector": {}}
    )
    assert "  Annotations:   a=1\n" in text


def test_what_comes_last_of_a_service_and_a_pod():
    body = {
        "trafficDistribution": "PreferSameZone",
        "healthCheckNodePort": 32000,
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
    }
    last = [line.partition(":")[0] for line in told("Service", {"items": []}, spec=body).split("\n")[-4:]]
    assert last == ["HealthCheck NodePort", "LoadBalancer Source Ranges", "Traffic Distribution", ""]
    assert "QoS Class:       BestEffort\nNode-Selectors:" in told("Pod", spec={})

"""The cells of kubectl's tables, where the printers of upstream have turns of their own."""

import pytest

from kcsim.api.tables.cells import View
from kcsim.api.tables.table import KINDS, definitions

HOUR = 3_600_000_000


def row(group, kind, *, wide=True, **members):
    """The cells of an object that is called ``x`` and was made at the epoch, an hour ago."""
    meta = {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z", **members.pop("metadata", {})}
    return KINDS[group, kind].cells({"metadata": meta, **members}, View(HOUR, wide))


def ended(code, reason="Error"):
    return {"state": {"terminated": {"exitCode": code, "reason": reason}}}


RUNNING = {"ready": True, "state": {"running": {}}}
READY = [{"type": "Ready", "status": "True"}]


@pytest.mark.parametrize(
    ("containers", "conditions", "wanted"),
    [
        ([ended(0, "Completed"), ended(1, "Oops")], [], "Oops"),
        ([ended(0, "Completed"), ended(1, "One"), ended(2, "Two")], [], "One"),
        ([ended(0, "Completed"), RUNNING, ended(3, "")], [], "ExitCode:3"),
        ([ended(0, "Completed"), RUNNING, ended(1)], READY, "Running"),
        ([ended(0, "Completed"), RUNNING], [], "NotReady"),
        ([ended(0, "Completed"), ended(0, "Completed")], [], "Completed"),
    ],
)
def test_a_failed_container_is_not_hidden_by_a_completed_one(containers, conditions, wanted):
    state = {"phase": "Failed", "containerStatuses": containers, "conditions": conditions}
    assert row("", "Pod", status=state)[2] == wanted


def test_containers_without_a_name_are_containers():
    body = {"initContainers": [{"restartPolicy": "Always"}], "containers": [{}]}
    state = {"initContainerStatuses": [{"started": True, "ready": True}], "containerStatuses": [RUNNING]}
    assert row("", "Pod", spec=body, status=state)[1] == "2/2"


WRONG = {"matchExpressions": [{"key": "a", "operator": "Near"}]}


@pytest.mark.parametrize(
    ("kind", "selector", "wanted"),
    [
        ("Deployment", {"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ("Deployment", {}, ""),
        ("Deployment", None, ""),
        ("Deployment", WRONG, "<invalid>"),
        ("ReplicaSet", {}, "<none>"),
        ("ReplicaSet", None, "<none>"),
        ("ReplicaSet", WRONG, "<error>"),
    ],
)
def test_selectors(kind, selector, wanted):
    assert row("apps", kind, spec={"selector": selector})[-1] == wanted


def hpa(metric, measured=None):
    state = {"currentMetrics": [measured]} if measured else {}
    return row("autoscaling", "HorizontalPodAutoscaler", spec={"metrics": [metric]}, status=state)[2]


@pytest.mark.parametrize(
    ("target", "current", "wanted"),
    [
        ({"value": "5"}, None, "<unknown>/5"),
        ({"value": "5"}, {"value": "4"}, "4/5"),
        ({"value": "5"}, {"averageValue": "4"}, "<nil>/5"),
        ({}, None, "<unknown>/<nil>"),
        ({"averageValue": "5"}, {"value": "4"}, "<unknown>/5 (avg)"),
        ({"averageValue": "5"}, {"averageValue": "4"}, "4/5 (avg)"),
    ],
)
@pytest.mark.parametrize("kind", ["Object", "External"])
def test_metrics_with_values(kind, target, current, wanted):
    measured = None if current is None else {"type": kind, kind.lower(): {"current": current}}
    assert hpa({"type": kind, kind.lower(): {"target": target}}, measured) == wanted


def test_a_metric_that_was_measured_without_the_value_asked_for():
    pods = {"type": "Pods", "pods": {"target": {"averageValue": "7"}}}
    assert hpa(pods, {"type": "Pods", "pods": {"current": {}}}) == "<nil>/7"
    resource = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageValue": "7"}}}
    assert hpa(resource, {"type": "Resource", "resource": {"current": {}}}) == "cpu: <nil>/7"
    assert hpa({"type": "Odd"}) == "<unknown type>"


@pytest.mark.parametrize(
    ("hosts", "wanted"),
    [
        ([], "*"),
        (["", ""], "*"),
        (["a", "b", "c"], "a,b,c"),
        (["a", "", "b", "c"], "a,b,c"),
        (["a", "b", "c", "d"], "a,b,c + 1 more..."),
        (["a", "b", "c", "", ""], "a,b,c + 2 more..."),
    ],
)
def test_hosts_of_an_ingress(hosts, wanted):
    rules = [{"host": host} if host else {} for host in hosts]
    assert row("networking.k8s.io", "Ingress", spec={"rules": rules})[2] == wanted


@pytest.mark.parametrize(
    ("ports", "wanted"),
    [
        ([], "<unset>"),
        ([{"port": 80, "name": "web"}], "80"),
        ([{"name": "web"}], "web"),
        ([{"protocol": "TCP"}], "*"),
        ([{"name": ""}], "<unset>"),
        ([{"port": n} for n in (1, 2, 3, 4, 5)], "1,2,3 + 2 more..."),
    ],
)
def test_ports_of_a_slice(ports, wanted):
    assert row("discovery.k8s.io", "EndpointSlice", ports=ports)[2] == wanted


@pytest.mark.parametrize(
    ("parent", "wanted"),
    [
        (None, "<none>"),
        ({"resource": "services", "namespace": "shop", "name": "web"}, "services/shop/web"),
        ({"group": "Example.com", "resource": "Routers", "name": "r"}, "routers.example.com/r"),
    ],
)
def test_parents_of_addresses(parent, wanted):
    assert row("networking.k8s.io", "IPAddress", spec={"parentRef": parent} if parent else {})[1] == wanted


def test_the_age_of_an_address_has_no_column():
    assert [column["name"] for column in definitions(KINDS["networking.k8s.io", "IPAddress"])] == [
        "Name",
        "ParentRef",
    ]
    assert row("networking.k8s.io", "IPAddress")[2] == "60m"


@pytest.mark.parametrize("word", ["", "beta."])
def test_default_storage_class_by_either_annotation(word):
    marked = {"annotations": {f"storageclass.{word}kubernetes.io/is-default-class": "true"}}
    assert row("storage.k8s.io", "StorageClass", metadata=marked)[0] == "x (default)"


@pytest.mark.parametrize(
    ("body", "state", "wanted"),
    [
        ({}, {}, ["x", "60m", "<none>", "", "<none>", "Pending"]),
        ({"expirationSeconds": 7500}, {}, ["x", "60m", "<none>", "", "125m", "Pending"]),
        (
            {"username": "ann"},
            {"conditions": [{"type": "Failed"}]},
            ["x", "60m", "<none>", "ann", "<none>", "Pending,Failed"],
        ),
        ({"signerName": "s"}, {"certificate": "Zm9v"}, ["x", "60m", "s", "", "<none>", "Pending,Issued"]),
        (
            {},
            {"conditions": [{"type": "Approved"}, {"type": "Failed"}], "certificate": "Zm9v"},
            ["x", "60m", "<none>", "", "<none>", "Approved,Failed,Issued"],
        ),
        (
            {},
            {"conditions": [{"type": "Approved"}, {"type": "Denied"}]},
            ["x", "60m", "<none>", "", "<none>", "Denied"],
        ),
    ],
)
def test_signing_requests(body, state, wanted):
    assert row("certificates.k8s.io", "CertificateSigningRequest", spec=body, status=state) == wanted


@pytest.mark.parametrize(
    ("info", "wanted"),
    [
        ({}, "<unknown>"),
        ({"kernelVersion": "6.1"}, "6.1"),
        ({"kernelVersion": "6.1", "architecture": "arm64"}, "6.1 (arm64)"),
        ({"architecture": "arm64"}, "<unknown> (arm64)"),
    ],
)
def test_kernels(info, wanted):
    assert row("", "Node", status={"nodeInfo": info})[8] == wanted


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding"])
@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        (None, "<unset>"),
        ({"name": "p"}, "*/p"),
        ({"name": "p", "namespace": "n"}, "n/p"),
        (
            {
                "selector": {
                    "matchLabels": {"b": "2", "a": "1"},
                    "matchExpressions": [{"key": "c", "operator": "In", "values": ["3", "4"]}],
                }
            },
            (
                "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},"
                "MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:c,Operator:In,Values:[3 4],},},}"
            ),
        ),
    ],
)
def test_parameters_of_policy_bindings(kind, reference, wanted):
    body = {"policyName": "limits", "paramRef": reference}
    assert row("admissionregistration.k8s.io", kind, spec=body) == ["x", "limits", wanted, "60m"]


@pytest.mark.parametrize(
    ("group", "kind", "members", "wanted"),
    [
        (
            "batch",
            "CronJob",
            {"spec": {"timeZone": ""}},
            ["x", "", "", "<unset>", 0, "<none>", "60m", "", "", "<none>"],
        ),
        (
            "storage.k8s.io",
            "CSIDriver",
            {"spec": {}},
            ["x", True, False, False, "<unset>", False, "<none>", "60m"],
        ),
        (
            "storage.k8s.io",
            "CSIDriver",
            {
                "spec": {
                    "attachRequired": False,
                    "podInfoOnMount": True,
                    "storageCapacity": True,
                    "tokenRequests": [{"audience": "a"}, {"audience": "b"}],
                    "requiresRepublish": True,
                    "volumeLifecycleModes": ["Persistent", "Ephemeral"],
                }
            },
            ["x", False, True, True, "a,b", True, "Persistent,Ephemeral", "60m"],
        ),
        ("storage.k8s.io", "CSINode", {"spec": {"drivers": [{"name": "d"}]}}, ["x", 1, "60m"]),
        ("storage.k8s.io", "CSIStorageCapacity", {"storageClassName": "fast"}, ["x", "fast", "<unset>"]),
        ("storage.k8s.io", "CSIStorageCapacity", {"capacity": "3Gi"}, ["x", "", "3Gi"]),
        (
            "admissionregistration.k8s.io",
            "MutatingAdmissionPolicy",
            {"spec": {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "mutations": [{}, {}]}},
            ["x", 2, "v1/ConfigMap", "60m"],
        ),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy", {}, ["x", 0, "<unset>", "60m"]),
        (
            "flowcontrol.apiserver.k8s.io",
            "PriorityLevelConfiguration",
            {"spec": {"type": "Exempt"}},
            ["x", "Exempt", "<none>", "<none>", "<none>", "<none>", "60m"],
        ),
        (
            "flowcontrol.apiserver.k8s.io",
            "PriorityLevelConfiguration",
            {
                "spec": {
                    "type": "Limited",
                    "limited": {
                        "nominalConcurrencyShares": 9,
                        "limitResponse": {"queuing": {"queues": 2, "handSize": 1, "queueLengthLimit": 6}},
                    },
                }
            },
            ["x", "Limited", 9, 2, 1, 6, "60m"],
        ),
        ("", "ComponentStatus", {}, ["x", "Unknown", "", ""]),
        (
            "",
            "ComponentStatus",
            {"conditions": [{"type": "Healthy", "status": "False", "message": "down", "error": "e"}]},
            ["x", "Unhealthy", "down", "e"],
        ),
        ("apiregistration.k8s.io", "APIService", {}, ["x", "Local", "Unknown", "60m"]),
        (
            "apiregistration.k8s.io",
            "APIService",
            {
                "spec": {"service": {"namespace": "n", "name": "s"}},
                "status": {"conditions": [{"type": "Available", "status": "False", "reason": "NoEndpoints"}]},
            },
            ["x", "n/s", "False (NoEndpoints)", "60m"],
        ),
        ("resource.k8s.io", "DeviceClass", {}, ["x", "60m"]),
        ("resource.k8s.io", "ResourceClaimTemplate", {}, ["x", "60m"]),
        ("resource.k8s.io", "ResourceClaim", {}, ["x", "pending", "60m"]),
        (
            "resource.k8s.io",
            "ResourceClaim",
            {"status": {"allocation": {}, "reservedFor": [{"name": "p"}]}},
            ["x", "allocated,reserved", "60m"],
        ),
        (
            "resource.k8s.io",
            "ResourceClaim",
            {"metadata": {"deletionTimestamp": "2026-01-01T00:10:00Z"}, "status": {"allocation": {}}},
            ["x", "deleted,allocated", "60m"],
        ),
        (
            "resource.k8s.io",
            "ResourceSlice",
            {"spec": {"nodeName": "n", "driver": "d", "pool": {"name": "p"}}},
            ["x", "n", "d", "p", "60m"],
        ),
    ],
)
def test_rows(group, kind, members, wanted):
    assert row(group, kind, **members) == wanted


@pytest.mark.parametrize(("group", "kind"), KINDS)
def test_nothing_but_a_name_is_enough(group, kind):
    assert KINDS[group, kind].cells({"metadata": {"name": "x"}}, View(0, True))


def test_kinds_of_columns():
    shown = {
        c["name"]: (c["type"], c["format"]) for c in definitions(KINDS["storage.k8s.io", "VolumeAttachment"])
    }
    assert shown["Attacher"] == ("string", "name")
    assert shown["Attached"] == ("boolean", "")
    assert definitions(KINDS["autoscaling", "Scale"])[0]["format"] == ""

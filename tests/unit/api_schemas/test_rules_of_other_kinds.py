"""What is refused of Services, Secrets, namespaces, nodes, runtime classes, requests to sign, ranges and addresses."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kcsim.api.resources import GVK
from kcsim.api.validation.rules import validate_create, validate_update

Object = dict[str, Any]

_NET = ("networking.k8s.io", "v1")
_QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def service(**spec: Any) -> Object:
    ports = [{"port": 80, "protocol": "TCP"}]
    return {"spec": {"type": "ClusterIP", "sessionAffinity": "None", "ports": ports, **spec}}


def docker(text: str) -> Object:
    value = base64.b64encode(text.encode()).decode()
    return {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": value}}


_TEMPLATE = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {
        "restartPolicy": "Never",
        "dnsPolicy": "ClusterFirst",
        "containers": [
            {"name": "a", "image": "a", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}
        ],
    },
}
_SELECTOR = {"matchLabels": {"a": "b"}}
_LONG = "j" * 61


def stateful_set(**rolling: Any) -> Object:
    template = {**_TEMPLATE, "spec": {**_TEMPLATE["spec"], "restartPolicy": "Always"}}
    keeps = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    spec = {
        "podManagementPolicy": "Parallel",
        "persistentVolumeClaimRetentionPolicy": keeps,
        "updateStrategy": strategy,
        "selector": _SELECTOR,
        "template": template,
    }
    return {"spec": spec}


def job(**spec: Any) -> Object:
    spec = {"manualSelector": True, "selector": _SELECTOR, "template": _TEMPLATE, "parallelism": 1, **spec}
    return {"metadata": {"name": _LONG}, "spec": spec}


def request(**spec: Any) -> Object:
    pem = base64.b64encode(b"-----BEGIN CERTIFICATE REQUEST-----").decode()
    return {"spec": {"request": pem, "usages": ["client auth"], **spec}}


_SECRET: GVK = ("", "v1", "Secret")
_SERVICE: GVK = ("", "v1", "Service")
_REQUEST: GVK = ("certificates.k8s.io", "v1", "CertificateSigningRequest")
_REDACTED = 'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>"'

CASES: list[tuple[GVK, Object, list[str]]] = [
    (
        _SERVICE,
        service(clusterIP="10.96.0.50", clusterIPs=["10.96.0.51"]),
        ['spec.clusterIPs: Invalid value: ["10.96.0.51"]: first value must match `clusterIP`'],
    ),
    (
        _SERVICE,
        service(clusterIPs=["10.96.0.51"]),
        ['spec.clusterIPs: Invalid value: ["10.96.0.51"]: must be empty when `clusterIP` is not specified'],
    ),
    (
        _SERVICE,
        service(clusterIP="None", clusterIPs=["None", "10.96.0.51"]),
        [
            'spec.clusterIPs: Invalid value: ["None","10.96.0.51"]: \'None\' must be the first and only value',
        ],
    ),
    (
        _SERVICE,
        service(clusterIP="10.96.0.50", clusterIPs=["10.96.0.50", "10.96.0.51"]),
        [
            (
                'spec.clusterIPs: Invalid value: ["10.96.0.50","10.96.0.51"]: '
                "may specify no more than one IP for each IP family"
            )
        ],
    ),
    (
        _SERVICE,
        service(ipFamilies=["IPv4", "IPv4", "IPv5"]),
        [
            'spec.ipFamilies[1]: Duplicate value: "IPv4"',
            'spec.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        ],
    ),
    (_SECRET, docker("{}"), []),
    (_SECRET, docker("x"), [f"{_REDACTED}: invalid character 'x' looking for beginning of value"]),
    (_SECRET, docker(""), [f"{_REDACTED}: unexpected end of JSON input"]),
    (
        _SECRET,
        docker("[]"),
        [f"{_REDACTED}: json: cannot unmarshal array into Go value of type map[string]interface {{}}"],
    ),
    (
        ("", "v1", "Namespace"),
        {"spec": {"finalizers": ["x", "a.example/x", "kubernetes"]}},
        [
            'spec.finalizers: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'
        ],
    ),
    (
        ("", "v1", "Node"),
        {"status": {"capacity": {"cpu": "-1"}}},
        ['status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0'],
    ),
    (
        ("node.k8s.io", "v1", "RuntimeClass"),
        {
            "handler": "a",
            "overhead": {"podFixed": {"cpu": "-1"}},
            "scheduling": {
                "nodeSelector": {"a b": "c"},
                "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "Exists"}],
            },
        },
        [
            'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
            f'scheduling.nodeSelector: Invalid value: "a b": {_QUALIFIED}',
            (
                "scheduling.tolerations[1]: Duplicate value: "
                '{"Key":"a","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}'
            ),
        ],
    ),
    (_REQUEST, request(signerName="example.com/a.b"), []),
    (_REQUEST, request(usages=[]), ["spec.usages: Required value", "spec.signerName: Required value"]),
    (
        _REQUEST,
        request(signerName="example"),
        [
            (
                'spec.signerName: Invalid value: "example": '
                "must be a fully qualified domain and path of the form 'example.com/signer-name'"
            )
        ],
    ),
    (
        _REQUEST,
        request(signerName="example/a"),
        [
            'spec.signerName: Invalid value: "example": should be a domain with at least two segments separated by dots'
        ],
    ),
    (
        ("apps", "v1", "StatefulSet"),
        stateful_set(maxUnavailable="0%", partition=-1),
        [
            "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
            'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0',
        ],
    ),
    (
        ("apps", "v1", "StatefulSet"),
        stateful_set(maxUnavailable="x%"),
        [
            f'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "x%": {_PERCENT}',
            'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "x%": cannot be 0',
        ],
    ),
    (
        ("batch", "v1", "Job"),
        job(completionMode="Indexed", completions=11),
        [
            f'metadata.name: Invalid value: "{_LONG}": will not able to create pod with invalid DNS label: {_LONG}-10',
        ],
    ),
    (
        ("batch", "v1", "Job"),
        job(managedBy=f"example.com/{'a' * 60}"),
        ["spec.managedBy: Too long: may not be more than 63 bytes"],
    ),
    ((*_NET, "ServiceCIDR"), {"spec": {}}, ["spec.cidrs: Required value: at least one CIDR required"]),
    (
        (*_NET, "ServiceCIDR"),
        {"spec": {"cidrs": ["10.0.0.0/8", "2001:DB8::/64"]}},
        ['spec.cidrs[1]: Invalid value: "2001:DB8::/64": must be in canonical form ("2001:db8::/64")'],
    ),
    (
        (*_NET, "ServiceCIDR"),
        {"spec": {"cidrs": ["10.0.0.0/8", "11.0.0.0/8"]}},
        [
            (
                'spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/8","11.0.0.0/8"]}: may specify no more than one IP for each '
                "IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
            )
        ],
    ),
    (
        (*_NET, "IPAddress"),
        {"spec": {"parentRef": {"group": "", "resource": "services"}}},
        ["spec.parentRef.name: Required value"],
    ),
    (
        ("storage.k8s.io", "v1", "VolumeAttributesClass"),
        {},
        [
            "driverName: Required value",
            "parameters: Required value: must contain at least one key/value pair",
        ],
    ),
]


@pytest.mark.parametrize(("gvk", "obj", "wrong"), CASES)
def test_refused(gvk: GVK, obj: Object, wrong: list[str]) -> None:
    name = "10.96.0.50" if gvk[2] == "IPAddress" else "a"
    found = validate_create({"metadata": {"name": name}, **obj}, gvk)
    assert [str(error) for error in found] == wrong


def test_an_address_is_named_in_its_canonical_form() -> None:
    parent = {"resource": "services", "name": "a"}
    obj = {"metadata": {"name": "2001:DB8::1"}, "spec": {"parentRef": parent}}
    found = validate_create(obj, (*_NET, "IPAddress"))
    assert [error.detail for error in found] == ['must be in canonical form ("2001:db8::1")']


@pytest.mark.parametrize(
    ("gvk", "old", "new", "wrong"),
    [
        (
            (*_NET, "ServiceCIDR"),
            {"spec": {"cidrs": ["10.0.0.0/8"]}},
            {"spec": {"cidrs": ["x"]}},
            ['spec.cidrs: Invalid value: ["x"]: field is immutable'],
        ),
        (
            ("storage.k8s.io", "v1", "VolumeAttributesClass"),
            {"driverName": "a", "parameters": {"a": "b"}},
            {"driverName": "b", "parameters": {"a": "c"}},
            [
                "driverName: Forbidden: updates to driverName are forbidden.",
                "parameters: Forbidden: updates to parameters are forbidden.",
            ],
        ),
    ],
)
def test_not_to_be_changed(gvk: GVK, old: Object, new: Object, wrong: list[str]) -> None:
    metadata = {"name": "a", "resourceVersion": "1"}
    found = validate_update({"metadata": metadata, **new}, {"metadata": metadata, **old}, gvk)
    assert [str(error) for error in found] == wrong


def test_finalizers_of_built_in_kinds_have_a_domain() -> None:
    metadata = {"name": "a", "finalizers": ["orphan", "plain", "a.example/b"]}
    wrong = 'metadata.finalizers[1]: Invalid value: "plain": name is neither a standard finalizer name nor is it fully qualified'
    obj, gvk = {"metadata": metadata}, ("", "v1", "ConfigMap")
    assert [str(error) for error in validate_create(obj, gvk)] == [wrong]
    assert [str(error) for error in validate_update(obj, {"metadata": {"name": "a"}}, gvk)] == [wrong]
    assert validate_create(obj, gvk, custom=True) == []
    crd = ("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    assert "fully qualified" not in str(validate_update(obj, {"metadata": {"name": "a"}}, crd))

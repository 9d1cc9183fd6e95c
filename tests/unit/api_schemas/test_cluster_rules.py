"""What is refused of volumes, classes, quotas, limits, endpoints and Ingresses: rules that no recording holds."""

from __future__ import annotations

from typing import Any

import pytest

from kcsim.api.validation.apps import controller_revision
from kcsim.api.validation.cluster import persistent_volume, storage_class
from kcsim.api.validation.endpoints import endpoint_slice, endpoints
from kcsim.api.validation.networking import ingress_class
from kcsim.api.validation.policy import limit_range, resource_quota


def told(errors: list[Any]) -> list[str]:
    return [str(error) for error in errors]


VOLUMES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"},
        [("spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'")],
    ),
    (
        {"local": {"path": "/a/../b"}},
        [
            "spec.local.path: Invalid value: \"/a/../b\": must not contain '..'",
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
        ],
    ),
    (
        {"csi": {"driver": "d"}, "nodeAffinity": {}},
        [
            "spec.nodeAffinity.required: Required value: must specify required node constraints",
            "spec.csi.volumeHandle: Required value",
        ],
    ),
    (
        {"hostPath": {"path": "/x"}, "accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]},
        ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), VOLUMES, ids=[errors[0][:60] for _, errors in VOLUMES])
def test_volumes(spec, errors):
    plain = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    assert told(persistent_volume({"spec": {**plain, **spec}})) == errors


def test_classes():
    obj = {
        "provisioner": "a.b/c",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowedTopologies": [
            {"matchLabelExpressions": [{"key": "a", "values": ["x", "x"]}, {"key": "a", "values": []}]}
        ],
    }
    assert told(storage_class(obj)) == [
        'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "x"',
        "allowedTopologies[0].matchLabelExpressions[1].values: Required value",
        'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "a"',
    ]
    parameters = {"kind": "K", "name": "n", "scope": "Namespace"}
    assert told(ingress_class({"spec": {"controller": "a", "parameters": parameters}})) == [
        'spec.controller: Invalid value: "a": must be a domain-prefixed path (such as "acme.io/foo")',
        "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ]


def test_quotas():
    assert told(resource_quota({"spec": {"hard": {"pods": "1500m"}}})) == [
        'spec.hard[pods]: Invalid value: "1500m": must be an integer'
    ]
    chosen = [{"scopeName": "PriorityClass", "operator": "In"}, {"scopeName": "X", "operator": "Exists"}]
    spec = {"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": chosen}}
    where = "spec.scopeSelector.matchExpressions"
    assert told(resource_quota({"spec": spec})) == [
        (
            f"{where}.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope "
            "selector"
        ),
        f'{where}.scopeName: Invalid value: "X": unsupported scope',
    ]


def test_limits():
    limits = [
        {"type": "PersistentVolumeClaim"},
        {
            "type": "Container",
            "min": {"cpu": "1"},
            "max": {"cpu": "2", "foo": "1"},
            "maxLimitRequestRatio": {"cpu": "4", "memory": "500m"},
        },
    ]
    assert told(limit_range({"spec": {"limits": limits}})) == [
        (
            "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither "
            "was provided"
        ),
        'spec.limits[1].max[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
        'spec.limits[1].max[foo]: Invalid value: "foo": must be a standard resource for containers',
        (
            'spec.limits[1].maxLimitRequestRatio[cpu]: Invalid value: "4": ratio 4 is greater than max/min = '
            "2.000000"
        ),
        'spec.limits[1].maxLimitRequestRatio[memory]: Invalid value: "500m": ratio 500m is less than 1',
    ]


def test_endpoints():
    subsets = [
        {},
        {"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 1, "protocol": "TCP"}, {"port": 0}]},
    ]
    assert told(endpoints({"subsets": subsets})) == [
        "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
        (
            'subsets[1].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, '
            "::1/128)"
        ),
        "subsets[1].ports[0].name: Required value",
        "subsets[1].ports[1].name: Required value",
        "subsets[1].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "subsets[1].ports[1].protocol: Required value",
    ]
    many = [f"192.0.2.{number}" for number in range(101)]
    made = {"addressType": "IPv4", "endpoints": [{"addresses": many}, {"addresses": ["2001:db8::1"]}]}
    assert told(endpoint_slice(made)) == [
        "endpoints[0].addresses: Too many: 101: must have at most 100 items",
        'endpoints[1].addresses[0]: Invalid value: "2001:db8::1": must be a valid IPv4 address',
    ]


def test_revisions():
    assert told(controller_revision({"revision": -1})) == [
        "data: Required value: data is mandatory",
        "revision: Invalid value: -1: must be greater than or equal to 0",
    ]

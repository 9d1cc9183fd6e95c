"""Whatever stands in what admission reads, the answer is an object or a Status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kcsim.api.http import Request, Response, handle
from tests.unit.api_admission.conftest import ADMISSION

JUNK = (None, 1, "x", [], {}, [None], {"a": None})
RULE = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["*"],
    "resources": ["configmaps"],
    "resourceNames": ["x"],
}
HARD = {
    "pods": "100",
    "requests.cpu": "100",
    "services": "90",
    "services.nodeports": "99",
    "requests.storage": "9Gi",
}
LIMITS = {
    "type": "Container",
    "min": {"cpu": "1"},
    "max": {"cpu": "2"},
    "default": {"cpu": "2"},
    "maxLimitRequestRatio": {"cpu": "2"},
}
RANGE = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [LIMITS]}}
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "q"},
    "spec": {"hard": HARD, "scopes": ["NotTerminating"]},
}
BODIES: dict[str, dict[str, Any]] = {
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies": {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "p"},
        "spec": {
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
            "matchConstraints": {"resourceRules": [RULE], "objectSelector": {"matchLabels": {"a": "b"}}},
            "matchConditions": [{"name": "m", "expression": "true"}],
            "variables": [{"name": "v", "expression": "1"}],
            "validations": [
                {"expression": "variables.v == 1", "messageExpression": "'a'", "reason": "Invalid"}
            ],
            "auditAnnotations": [{"key": "k", "valueExpression": "'a'"}],
        },
    },
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings": {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "p"},
        "spec": {
            "policyName": "p",
            "paramRef": {"name": "x", "parameterNotFoundAction": "Allow"},
            "matchResources": {"resourceRules": [RULE]},
            "validationActions": ["Deny"],
        },
    },
    "/api/v1/namespaces/a/resourcequotas": QUOTA,
    "/api/v1/namespaces/a/limitranges": RANGE,
    "/api/v1/namespaces/a/persistentvolumeclaims": {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    },
    "/api/v1/namespaces/a/pods": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}],
            "initContainers": [{"name": "i", "image": "i"}],
            "overhead": {"cpu": "1"},
            "resources": {"limits": {"cpu": "1"}},
        },
    },
    "/api/v1/namespaces/a/services": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30001}]},
    },
    "/apis/networking.k8s.io/v1/namespaces/a/ingresses": {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "i"},
        "spec": {"defaultBackend": {"service": {"name": "a", "port": {"number": 1}}}},
    },
}


def spots(value: Any, before: tuple[Any, ...] = ()) -> Any:
    yield before
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield from spots(item, (*before, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.rpartition("/")[2])
def test_junk_is_answered(door, path):
    def ask(method: str, where: str, body: Any, media: str = "application/json") -> Response:
        answer = handle(door.server, Request(method, where, "", {"Content-Type": media}, json.dumps(body)))
        assert isinstance(answer, Response)
        return answer

    for obj, where in ((RANGE, "limitranges"), (QUOTA, "resourcequotas")):
        assert ask("POST", f"/api/v1/namespaces/a/{where}", obj).code == 201
    counted = {"status": {"hard": HARD, "used": dict.fromkeys(HARD, "0")}}
    merge = "application/merge-patch+json"
    assert ask("PATCH", "/api/v1/namespaces/a/resourcequotas/q/status", counted, merge).code == 200
    body = BODIES[path]
    ask("POST", path, body)
    for number, spot in enumerate(spots({"spec": body["spec"]})):
        if not spot:
            continue
        for junk in JUNK:
            strange = put(body, spot, junk)
            ask("PATCH", f"{path}/{body['metadata']['name']}", strange, merge)
            answer = ask("POST", path, {**strange, "metadata": {"name": f"x{number}"}})
            assert answer.code != 500 or "InternalError" not in str(answer.body)

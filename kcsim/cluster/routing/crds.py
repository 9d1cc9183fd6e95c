"""The custom resource definitions of the Gateway API: GatewayClass, Gateway, HTTPRoute, ReferenceGrant.

**Imitates:** gateway-api v1.3 config/crd/standard: names, versions, columns, defaults, patterns and limits of the fields that are
played here. Left out: descriptions, CEL rules, fields of filters, TLS and other protocols' routes, whose values are kept as they are.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.objects import Object
from kcsim.cluster.routing.attach import GROUP

Schema = dict[str, Any]

_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 253}
_NAMESPACE: Schema = {"type": "string", "minLength": 1, "maxLength": 63, "pattern": _LABEL}
_HOST: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 253,
    "pattern": r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}
_PORT: Schema = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535}
_SECTION: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 253,
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
}
_ANY: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _object(required: str = "", /, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required.split()} if required else schema


def _list(items: Schema, least: int = 0, most: int = 16) -> Schema:
    schema: Schema = {"type": "array", "items": items, "maxItems": most}
    return {**schema, "minItems": least} if least else schema


def _text(default: str | None = None, **more: Any) -> Schema:
    schema: Schema = {"type": "string", **more}
    return {**schema, "default": default} if default is not None else schema


def _one_of(*values: str, default: str | None = None) -> Schema:
    return _text(default, enum=list(values))


_CONDITIONS = _list(
    _object(
        "lastTransitionTime message reason status type",
        lastTransitionTime={"type": "string", "format": "date-time"},
        message={"type": "string", "maxLength": 32768},
        observedGeneration={"type": "integer", "format": "int64", "minimum": 0},
        reason={"type": "string", "maxLength": 1024, "minLength": 1},
        status=_one_of("True", "False", "Unknown"),
        type={"type": "string", "maxLength": 316},
    ),
    0,
    8,
)
_PARENT = _object(
    "name",
    group=_text(GROUP, maxLength=253),
    kind=_text("Gateway", minLength=1, maxLength=63),
    namespace=_NAMESPACE,
    name=_NAME,
    sectionName=_SECTION,
    port=_PORT,
)
_BACKEND = _object(
    "name",
    group=_text("", maxLength=253),
    kind=_text("Service", minLength=1, maxLength=63),
    name=_NAME,
    namespace=_NAMESPACE,
    port=_PORT,
    weight={"type": "integer", "format": "int32", "minimum": 0, "maximum": 1_000_000, "default": 1},
    filters=_list(_ANY),
)
_MATCH = _object(
    path={
        **_object(
            type=_one_of("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"),
            value=_text("/", maxLength=1024),
        ),
        "default": {"type": "PathPrefix", "value": "/"},
    },
    headers=_list(
        _object(
            "name value",
            name={"type": "string", "minLength": 1, "maxLength": 256},
            type=_one_of("Exact", "RegularExpression", default="Exact"),
            value={"type": "string", "minLength": 1, "maxLength": 4096},
        )
    ),
    queryParams=_list(_ANY),
    method=_one_of("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
)
_RULE = _object(
    name=_SECTION,
    matches={**_list(_MATCH, 0, 64), "default": [{"path": {"type": "PathPrefix", "value": "/"}}]},
    filters=_list(_ANY),
    backendRefs=_list(_BACKEND),
    timeouts=_ANY,
    retry=_ANY,
    sessionPersistence=_ANY,
)
_ROUTE = _object(
    parentRefs=_list(_PARENT, 0, 32),
    hostnames=_list(_HOST),
    rules={
        **_list(_RULE, 1),
        "default": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}],
    },
)
_ROUTE_STATUS = _object(
    "parents",
    parents=_list(
        _object(
            "parentRef controllerName",
            parentRef=_PARENT,
            controllerName=_text(minLength=1, maxLength=253),
            conditions=_CONDITIONS,
        ),
        0,
        32,
    ),
)
_ALLOWED = _object(
    namespaces=_object(**{"from": _one_of("All", "Selector", "Same", default="Same")}, selector=_ANY),
    kinds=_list(_object("kind", group=_text(GROUP), kind=_text(minLength=1, maxLength=63)), 0, 8),
)
_LISTENER = _object(
    "name port protocol",
    name=_SECTION,
    hostname=_HOST,
    port=_PORT,
    protocol=_text(minLength=1, maxLength=255),
    tls=_ANY,
    allowedRoutes={**_ALLOWED, "default": {"namespaces": {"from": "Same"}}},
)
_GATEWAY = _object(
    "gatewayClassName listeners",
    gatewayClassName=_NAME,
    listeners=_list(_LISTENER, 1, 64),
    addresses=_list(_ANY),
    infrastructure=_ANY,
)
_GATEWAY_STATUS = _object(
    addresses=_list(_object("value", type=_text("IPAddress"), value=_text(minLength=1, maxLength=253))),
    conditions=_CONDITIONS,
    listeners=_list(
        _object(
            "attachedRoutes conditions name",
            name=_SECTION,
            attachedRoutes={"type": "integer", "format": "int32"},
            supportedKinds=_list(_object("kind", group=_text(GROUP), kind=_text()), 0, 8),
            conditions=_CONDITIONS,
        ),
        0,
        64,
    ),
)
_CLASS = _object(
    "controllerName",
    controllerName=_text(
        minLength=1,
        maxLength=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$",
    ),
    parametersRef=_ANY,
    description=_text(maxLength=64),
)
_GRANT = _object(
    "from to",
    **{
        "from": _list(
            _object("group kind namespace", group=_text(maxLength=253), kind=_text(), namespace=_NAMESPACE),
            1,
        )
    },
    to=_list(_object("group kind", group=_text(maxLength=253), kind=_text(), name=_NAME), 1),
)


def _column(name: str, path: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path}


_AGE = _column("Age", ".metadata.creationTimestamp", "date")


def definitions() -> list[Object]:
    """The four definitions."""
    return [
        _definition(
            "GatewayClass",
            "gatewayclasses",
            ["gc"],
            "v1",
            [
                _column("Controller", ".spec.controllerName"),
                _column("Accepted", '.status.conditions[?(@.type=="Accepted")].status'),
                _AGE,
            ],
            _CLASS,
            _object(conditions=_CONDITIONS),
            scope="Cluster",
        ),
        _definition(
            "Gateway",
            "gateways",
            ["gtw"],
            "v1",
            [
                _column("Class", ".spec.gatewayClassName"),
                _column("Address", ".status.addresses[*].value"),
                _column("Programmed", '.status.conditions[?(@.type=="Programmed")].status'),
                _AGE,
            ],
            _GATEWAY,
            _GATEWAY_STATUS,
        ),
        _definition(
            "HTTPRoute",
            "httproutes",
            [],
            "v1",
            [_column("Hostnames", ".spec.hostnames"), _AGE],
            _ROUTE,
            _ROUTE_STATUS,
        ),
        _definition("ReferenceGrant", "referencegrants", ["refgrant"], "v1beta1", [_AGE], _GRANT, None),
    ]


def _definition(
    kind: str,
    plural: str,
    short: list[str],
    version: str,
    columns: list[dict[str, Any]],
    spec: Schema,
    status: Schema | None,
    *,
    scope: str = "Namespaced",
) -> Object:
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": spec,
    }
    if status is not None:
        properties["status"] = status
    schema: Schema = {"type": "object", "properties": properties}
    if kind != "ReferenceGrant":
        schema["required"] = ["spec"]
    served: dict[str, Any] = {
        "name": version,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": schema},
    }
    if status is not None:
        served["subresources"] = {"status": {}}
    names = {
        "categories": ["gateway-api"],
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": short,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api"},
        },
        "spec": {"group": GROUP, "names": names, "scope": scope, "versions": [served]},
    }

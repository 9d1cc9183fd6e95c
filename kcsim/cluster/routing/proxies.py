"""The objects that a Gateway is played with, and those of the two routing installations.  Decides; never acts.

**Imitates:** ingress-nginx deploy/static/provider/cloud, and GEP-1762 for what a Gateway makes. Left out: what nothing here
acts on: the admission webhook's jobs, security contexts, environment.
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.cluster.images import ImageBehaviour
from kcsim.cluster.routing.attach import CONTROLLER, GROUP
from kcsim.cluster.routing.ingress import CLASS
from kcsim.cluster.routing.ingress import CONTROLLER as NGINX_CONTROLLER
from kcsim.cluster.traffic.front import GATEWAY_CLASS, INGRESS_SERVICE, gateway_service
from kcsim.engine.clock import MILLISECOND, SECOND

GATEWAY_NAME = f"{GROUP}/gateway-name"
INGRESS_IMAGE = "registry.k8s.io/ingress-nginx/controller:v1.13.0"
PROXY_IMAGE = "registry.example/gateway-proxy:v1.0.0"
MANAGER_IMAGE = "registry.example/gateway-controller:v1.0.0"
SYSTEM = "gateway-system"
_RBAC = "rbac.authorization.k8s.io"


def images() -> list[ImageBehaviour]:
    """How the programs behave: a millisecond a request; they drain when told to stop."""
    return [
        ImageBehaviour(
            INGRESS_IMAGE,
            size_bytes=110_000_000,
            program="nginx-ingress-controller",
            ports=(80, 443, 10254),
            ready_after=SECOND,
            latency=MILLISECOND,
            stops_after_sigterm=10 * SECOND,
        ),
        ImageBehaviour(
            PROXY_IMAGE,
            size_bytes=60_000_000,
            program="gateway-proxy",
            ready_after=SECOND,
            latency=MILLISECOND,
            stops_after_sigterm=10 * SECOND,
        ),
        ImageBehaviour(MANAGER_IMAGE, size_bytes=40_000_000, program="gateway-controller"),
    ]


def proxies_of(gateway: Object) -> tuple[Object, Object]:
    """The Deployment and the Service of a Gateway."""
    namespace, name = gateway_service(*objects.key(gateway))
    labels = {GATEWAY_NAME: objects.name(gateway)}
    owner = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Gateway",
        "name": objects.name(gateway),
        "uid": gateway["metadata"]["uid"],
        "controller": True,
    }
    metadata = {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [owner]}
    numbers = list(dict.fromkeys(each["port"] for each in gateway["spec"].get("listeners") or ()))
    container = {
        "name": "proxy",
        "image": PROXY_IMAGE,
        "ports": [{"containerPort": number} for number in numbers],
        "readinessProbe": {"tcpSocket": {"port": numbers[0]}, "periodSeconds": 5} if numbers else None,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    pod = {
        "terminationGracePeriodSeconds": 60,
        "containers": [_draining({k: v for k, v in container.items() if v is not None})],
        "serviceAccountName": "default",
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    ports = [{"name": f"port-{number}", "port": number, "targetPort": number} for number in numbers]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "LoadBalancer", "selector": labels, "ports": ports},
    }
    return deployment, service


def ingress_objects(replicas: int = 2) -> list[Object]:
    """An installation of the ingress controller, in the order in which it can be created."""
    namespace, name = INGRESS_SERVICE
    labels = {
        "app.kubernetes.io/name": "ingress-nginx",
        "app.kubernetes.io/component": "controller",
    }
    container = {
        "name": "controller",
        "image": INGRESS_IMAGE,
        "args": ["/nginx-ingress-controller", f"--publish-service={namespace}/{name}"],
        "ports": [{"name": "http", "containerPort": 80}, {"name": "https", "containerPort": 443}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 10254}, "initialDelaySeconds": 10},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": 10254},
            "initialDelaySeconds": 10,
            "failureThreshold": 5,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "90Mi"}},
    }
    pod = {
        "terminationGracePeriodSeconds": 300,
        "serviceAccountName": "ingress-nginx",
        "containers": [_draining(container)],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
        *_identity(namespace, "ingress-nginx", _INGRESS_RULES),
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": CLASS, "labels": labels},
            "spec": {"controller": NGINX_CONTROLLER},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "type": "LoadBalancer",
                "externalTrafficPolicy": "Local",
                "selector": labels,
                "ports": [
                    {"name": "http", "port": 80, "targetPort": "http", "appProtocol": "http"},
                    {"name": "https", "port": 443, "targetPort": "https", "appProtocol": "https"},
                ],
            },
        },
        _deployment(namespace, name, labels, pod, replicas),
    ]


def gateway_objects() -> list[Object]:
    """An installation of the gateway controller and its class, but for the definitions of the kinds."""
    labels = {"app.kubernetes.io/name": "gateway-controller"}
    container = {
        "name": "controller",
        "image": MANAGER_IMAGE,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
    }
    pod = {"serviceAccountName": "gateway-controller", "containers": [container]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
        *_identity(SYSTEM, "gateway-controller", _GATEWAY_RULES),
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "gateway-proxies"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "gateway-proxy"},
            "subjects": [{"kind": "Group", "name": "system:serviceaccounts", "apiGroup": _RBAC}],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "gateway-proxy"},
            "rules": _READ_RULES,
        },
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "GatewayClass",
            "metadata": {"name": GATEWAY_CLASS},
            "spec": {"controllerName": CONTROLLER},
        },
        _deployment(SYSTEM, "gateway-controller", labels, pod, 1),
    ]


def _rule(groups: str, resources: str, verbs: str) -> dict[str, Any]:
    return {
        "apiGroups": [group.strip('"') for group in groups.split()],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }


_LOOK = "get list watch"
_READ_RULES = [
    _rule('""', "services namespaces", _LOOK),
    _rule("discovery.k8s.io", "endpointslices", _LOOK),
    _rule(GROUP, "gatewayclasses gateways httproutes referencegrants", _LOOK),
]
_GATEWAY_RULES = [
    *_READ_RULES,
    _rule('""', "services", "create update patch delete"),
    _rule("apps", "deployments", f"{_LOOK} create update patch delete"),
    _rule(GROUP, "gatewayclasses/status gateways/status httproutes/status", "update patch"),
    _rule('""', "events", "create patch"),
]
_INGRESS_RULES = [
    _rule('""', "services namespaces", _LOOK),
    _rule("discovery.k8s.io", "endpointslices", _LOOK),
    _rule("networking.k8s.io", "ingresses ingressclasses", _LOOK),
    _rule("networking.k8s.io", "ingresses/status", "update patch"),
    _rule('""', "events", "create patch"),
]


def _identity(namespace: str, name: str, rules: list[dict[str, Any]]) -> list[Object]:
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": rules,
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def _draining(container: dict[str, Any]) -> dict[str, Any]:
    """A program that waits for its load balancer to forget it before it stops, as both installations do."""
    return {**container, "lifecycle": {"preStop": {"sleep": {"seconds": 10}}}}


def _deployment(
    namespace: str, name: str, labels: dict[str, str], pod: dict[str, Any], replicas: int
) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }

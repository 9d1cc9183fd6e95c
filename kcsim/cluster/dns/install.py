"""The objects of the cluster's DNS, as kubeadm installs it.

**Imitates:** kubeadm's ``phases/addons/dns/manifests.go`` (v1.36). Left out: what nothing here acts on: priority class,
security context, volumes and anti-affinity.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from kcsim.api.allocation import SERVICE_CIDR
from kcsim.api.objects import Object
from kcsim.cluster.dns.coredns import COREFILE, PROGRAM
from kcsim.cluster.images import ImageBehaviour
from kcsim.engine.clock import MILLISECOND

IMAGE = "registry.example/coredns:v1.12.1"
NAMESPACE, SERVICE, NAME = "kube-system", "kube-dns", "coredns"
_RBAC = "rbac.authorization.k8s.io"


def behaviour() -> ImageBehaviour:
    """How CoreDNS' image behaves: it drains for five seconds (``lameduck``)."""
    return ImageBehaviour(
        IMAGE,
        size_bytes=20_000_000,
        program=PROGRAM,
        ports=(53, 8080, 8181, 9153),
        ready_after=200 * MILLISECOND,
        stops_after_sigterm=5000 * MILLISECOND,
    )


def dns_ip(service_cidr: str) -> str:
    """The tenth address of the Services' range (kubeadm constants.GetDNSIP)."""
    return str(ipaddress.ip_network(service_cidr)[10])


def install_objects(replicas: int = 2, service_cidr: str = SERVICE_CIDR) -> list[Object]:
    """All objects, in the order in which they can be created."""
    labels = {"k8s-app": SERVICE}
    return [
        _object("v1", "ServiceAccount", NAME),
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "system:coredns"},
            "rules": [
                _list_watch("", "endpoints", "services", "pods", "namespaces"),
                _list_watch("discovery.k8s.io", "endpointslices"),
            ],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "system:coredns"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "system:coredns"},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        },
        _object("v1", "ConfigMap", NAME, data={"Corefile": COREFILE}),
        _object(
            "v1",
            "Service",
            SERVICE,
            {**labels, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
            spec={
                "clusterIP": dns_ip(service_cidr),
                "selector": labels,
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                    {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
                ],
            },
        ),
        _object("apps/v1", "Deployment", NAME, labels, spec=_deployment(labels, replicas)),
    ]


def _deployment(labels: dict[str, str], replicas: int) -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181, "scheme": "HTTP"}},
    }
    return {
        "replicas": replicas,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "serviceAccountName": NAME,
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "tolerations": [
                    {"key": "CriticalAddonsOnly", "operator": "Exists"},
                    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
                ],
                "dnsPolicy": "Default",
                "containers": [container],
            },
        },
    }


def _object(version: str, kind: str, name: str, labels: dict[str, str] | None = None, **parts: Any) -> Object:
    metadata: dict[str, Any] = {"name": name, "namespace": NAMESPACE}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def _list_watch(group: str, *resources: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": ["list", "watch"]}

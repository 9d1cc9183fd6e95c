"""What a new cluster contains before anybody uses it: namespaces, roles and bindings.

**Imitates:** the API server's own start-up objects and the bootstrap policy of kubernetes
``plugin/pkg/auth/authorizer/rbac/bootstrappolicy`` (v1.36), cut to the roles whose holders exist here. The control
plane's roles are written as broadly as what its parts need; the user-facing ones follow upstream's groups of kinds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kcsim.api.client import DirectClient
from kcsim.api.log import Version
from kcsim.api.objects import Object

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_RBAC = "rbac.authorization.k8s.io"
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_READ = ["get", "list", "watch"]


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


_WORKLOADS = _rule(
    ["apps"],
    [
        "daemonsets",
        "deployments",
        "deployments/scale",
        "replicasets",
        "replicasets/scale",
        "statefulsets",
        "statefulsets/scale",
        "controllerrevisions",
    ],
    ["*"],
)
_BATCH = _rule(["batch", "autoscaling", "networking.k8s.io", "policy"], ["*"], ["*"])
_CORE = _rule(
    [""],
    [
        "configmaps",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/eviction",
        "pods/log",
        "pods/status",
        "replicationcontrollers",
        "secrets",
        "serviceaccounts",
        "services",
    ],
    ["*"],
)
_SEE_NAMESPACES = _rule([""], ["namespaces", "limitranges", "resourcequotas"], _READ)

_ROLES: dict[str, list[dict[str, Any]]] = {
    "cluster-admin": [_rule(["*"], ["*"], ["*"])],
    "admin": [
        _CORE,
        _WORKLOADS,
        _BATCH,
        _SEE_NAMESPACES,
        _rule(["discovery.k8s.io"], ["endpointslices"], _READ),
        _rule([_RBAC], ["roles", "rolebindings"], ["*"]),
    ],
    "edit": [
        _CORE,
        _WORKLOADS,
        _BATCH,
        _SEE_NAMESPACES,
        _rule(["discovery.k8s.io"], ["endpointslices"], _READ),
    ],
    "view": [
        _rule([""], [r for r in _CORE["resources"] if r != "secrets"], _READ),
        _rule(
            ["apps", "batch", "autoscaling", "networking.k8s.io", "policy", "discovery.k8s.io"], ["*"], _READ
        ),
        _SEE_NAMESPACES,
    ],
    "system:basic-user": [
        _rule(["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
        _rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"]),
    ],
    "system:discovery": [
        {
            "nonResourceURLs": [
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz",
                "/livez",
                "/openapi",
                "/openapi/*",
                "/readyz",
                "/version",
                "/version/",
            ],
            "verbs": ["get"],
        }
    ],
    "system:public-info-viewer": [
        {"nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"]}
    ],
    "system:kube-controller-manager": [_rule(["*"], ["*"], ["*"])],
    "system:kube-scheduler": [
        _rule(["", "apps", "policy", "storage.k8s.io", "scheduling.k8s.io"], ["*"], _READ),
        _rule([""], ["pods"], ["delete", *_READ]),
        _rule([""], ["pods/binding", "bindings"], ["create"]),
        _rule([""], ["pods/status"], ["patch", "update"]),
        # What upstream has in a role of its own, system:volume-scheduler.
        _rule([""], ["persistentvolumeclaims", "persistentvolumes"], ["patch", "update"]),
        _rule(["", "events.k8s.io"], ["events"], ["create", "patch", "update"]),
        _rule(["coordination.k8s.io"], ["leases"], ["create", "get", "update"]),
    ],
    "system:node": [
        _rule([""], ["nodes", "nodes/status"], ["create", "patch", "update", *_READ]),
        _rule([""], ["pods"], ["create", "delete", *_READ]),
        _rule([""], ["pods/status"], ["patch", "update"]),
        _rule(
            [""], ["configmaps", "secrets", "services", "persistentvolumeclaims", "persistentvolumes"], _READ
        ),
        _rule([""], ["serviceaccounts", "serviceaccounts/token"], ["create", *_READ]),
        _rule(["", "events.k8s.io"], ["events"], ["create", "patch", "update"]),
        _rule(["coordination.k8s.io"], ["leases"], ["create", "delete", "get", "patch", "update"]),
        _rule(["storage.k8s.io"], ["*"], _READ),
    ],
    "system:node-proxier": [
        _rule([""], ["nodes", "services", "endpoints"], _READ),
        _rule(["discovery.k8s.io"], ["endpointslices"], _READ),
        _rule(["", "events.k8s.io"], ["events"], ["create", "patch", "update"]),
    ],
}

_PUBLIC = "system:public-info-viewer"
"""Also held by who has not said who they are."""

_BINDINGS: tuple[tuple[str, str, str, str], ...] = (
    ("system:basic-user", "system:basic-user", "Group", "system:authenticated"),
    ("system:discovery", "system:discovery", "Group", "system:authenticated"),
    (_PUBLIC, _PUBLIC, "Group", "system:authenticated"),
    ("cluster-admin", "cluster-admin", "Group", "system:masters"),
    (
        "system:kube-controller-manager",
        "system:kube-controller-manager",
        "User",
        "system:kube-controller-manager",
    ),
    ("system:kube-scheduler", "system:kube-scheduler", "User", "system:kube-scheduler"),
    ("system:node", "system:node", "Group", "system:nodes"),
    ("system:node-proxier", "system:node-proxier", "User", "system:kube-proxy"),
)


def cluster_role(name: str, rules: list[dict[str, Any]]) -> Object:
    """A ClusterRole."""
    return {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def cluster_role_binding(name: str, role: str, *subjects: dict[str, str]) -> Object:
    """A ClusterRoleBinding."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }


def _marked(obj: Object) -> Object:
    """An object of the bootstrap policy, which the API server reconciles at each start."""
    marks = {
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    }
    return {**obj, "metadata": {**obj["metadata"], **marks}}


_MADE: list[Version] = []
"""The start-up objects as the first server of this process stored them: all others hold the same, under other uids."""


def bootstrap(client: DirectClient) -> None:
    """Create the start-up objects, as the API server itself does before it says it is ready."""
    server = client.endpoint.server
    if _MADE:
        server.create_again(client.user, _MADE)
        return
    for word, obj in _objects():
        client.now(client.create(word, obj))
    _MADE.extend(server.log.versions)


def _objects() -> Iterator[tuple[str, Object]]:
    for name in NAMESPACES:
        yield "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    for name, rules in _ROLES.items():
        yield "clusterroles", _marked(cluster_role(name, rules))
    for name, role, kind, subject in _BINDINGS:
        names = [subject, "system:unauthenticated"] if name == _PUBLIC else [subject]
        subjects = [{"apiGroup": _RBAC, "kind": kind, "name": who} for who in names]
        yield "clusterrolebindings", _marked(cluster_role_binding(name, role, *subjects))

"""The objects of an Argo CD installation, and those that tell it what to deliver.

**Imitates:** argo-cd 3.x manifests/install.yaml and ``argocd cluster add``, ``argocd app create``. Left out:
dex and notifications, network policies, security contexts, init containers, environment and volumes of the pods, which
nothing here acts on.

**Walk:** ``install_objects`` are applied by whoever installs -> pods of the images in ``IMAGES`` start -> their programs
(agent.py) reconcile what ``application`` makes. ``manager_objects`` stand in each further cluster, ``cluster_secret`` in
the one with Argo CD.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import crds, terms
from kcsim.delivery.gitops.argocd.terms import API_VERSION, GROUP, IN_CLUSTER, NAMESPACE

CONTROLLER = "argocd-application-controller"
REPO_SERVER = "argocd-repo-server"
SERVER = "argocd-server"
SET_CONTROLLER = "argocd-applicationset-controller"
REDIS = "argocd-redis"

VERSION = "v3.5.0"
ARGOCD_IMAGE = f"quay.io/argoproj/argocd:{VERSION}"
REDIS_IMAGE = "public.ecr.aws/docker/library/redis:8.2.3-alpine"
IMAGES = {"argocd": ARGOCD_IMAGE, "redis": REDIS_IMAGE}
"""Program -> image; which of its commands a container of the first one runs, its arguments say."""

MANAGER, MANAGER_NAMESPACE = "argocd-manager", "kube-system"
"""The account that ``argocd cluster add`` makes in a cluster (util/clusterauth)."""

_RBAC = "rbac.authorization.k8s.io"
_COMPONENTS = {
    CONTROLLER: "application-controller",
    REPO_SERVER: "repo-server",
    SERVER: "server",
    SET_CONTROLLER: "applicationset-controller",
    REDIS: "redis",
}
_PARAMS = "argocd-cmd-params-cm"
_CONTROLLER_ENVIRONMENT = {
    "ARGOCD_RECONCILIATION_TIMEOUT": ("argocd-cm", "timeout.reconciliation"),
    "ARGOCD_HARD_RECONCILIATION_TIMEOUT": ("argocd-cm", "timeout.hard.reconciliation"),
    "ARGOCD_RECONCILIATION_JITTER": ("argocd-cm", "timeout.reconciliation.jitter"),
    "ARGOCD_REPO_ERROR_GRACE_PERIOD_SECONDS": (_PARAMS, "controller.repo.error.grace.period.seconds"),
    "ARGOCD_APPLICATION_CONTROLLER_STATUS_PROCESSORS": (_PARAMS, "controller.status.processors"),
    "ARGOCD_APPLICATION_CONTROLLER_OPERATION_PROCESSORS": (_PARAMS, "controller.operation.processors"),
    "ARGOCD_APPLICATION_CONTROLLER_REPO_SERVER_TIMEOUT_SECONDS": (
        _PARAMS,
        "controller.repo.server.timeout.seconds",
    ),
    "ARGOCD_APPLICATION_CONTROLLER_KUBECTL_PARALLELISM_LIMIT": (
        _PARAMS,
        "controller.kubectl.parallelism.limit",
    ),
    "ARGOCD_APPLICATION_CONTROLLER_SERVER_SIDE_DIFF": (_PARAMS, "controller.diff.server.side"),
    "ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT": (_PARAMS, "controller.sync.timeout.seconds"),
    "ARGOCD_CONTROLLER_SHARDING_ALGORITHM": (_PARAMS, "controller.sharding.algorithm"),
    "ARGOCD_K8S_CLIENT_QPS": (_PARAMS, "controller.k8s.client.qps"),
    "ARGOCD_SYNC_WAVE_DELAY": (_PARAMS, "controller.sync.wave.delay.seconds"),
}
_SET_ENVIRONMENT = {
    "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS": (
        _PARAMS,
        "applicationsetcontroller.enable.progressive.syncs",
    ),
    "ARGOCD_APPLICATIONSET_CONTROLLER_POLICY": (_PARAMS, "applicationsetcontroller.policy"),
}
_REPO_SERVER_ENVIRONMENT = {
    "ARGOCD_RECONCILIATION_TIMEOUT": ("argocd-cm", "timeout.reconciliation"),
    "ARGOCD_REPO_SERVER_PARALLELISM_LIMIT": (_PARAMS, "reposerver.parallelism.limit"),
}
_EXCLUSIONS = """\
- apiGroups: ['', discovery.k8s.io]
  kinds: [Endpoints, EndpointSlice]
- apiGroups: [coordination.k8s.io]
  kinds: [Lease]
- apiGroups: [authentication.k8s.io, authorization.k8s.io]
  kinds: [SelfSubjectReview, TokenReview, LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview,
    SubjectAccessReview]
- apiGroups: [certificates.k8s.io]
  kinds: [CertificateSigningRequest]
- apiGroups: [cert-manager.io]
  kinds: [CertificateRequest]
"""


def install_objects(
    namespace: str = NAMESPACE,
    *,
    replicas: int = 1,
    config: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
) -> list[Object]:
    """All objects of an installation, in the order in which they can be created.

    Args:
        replicas: of the application controller: its shards.
        config: what argocd-cm says beyond what is shipped.
        params: what argocd-cmd-params-cm says.
    """
    found = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        crds.application(),
        crds.application_set(),
        crds.app_project(),
    ]
    found += [_named("v1", "ServiceAccount", namespace, name) for name in _COMPONENTS]
    found += _rbac(namespace)
    found += [
        _config_map(namespace, "argocd-cm", {"resource.exclusions": _EXCLUSIONS, **(config or {})}),
        _config_map(namespace, _PARAMS, params or {}),
        _config_map(namespace, "argocd-rbac-cm", {}),
        _service(namespace, SET_CONTROLLER, ("webhook", 7000, 7000), ("metrics", 8080, 8080)),
        _service(namespace, REDIS, ("tcp-redis", 6379, 6379)),
        _service(namespace, REPO_SERVER, ("server", 8081, 8081), ("metrics", 8084, 8084)),
        _service(namespace, SERVER, ("http", 80, 8080), ("https", 443, 8080)),
        _deployment(namespace, SET_CONTROLLER, (7000, 8080)),
        _redis(namespace),
        _deployment(namespace, REPO_SERVER, (8081, 8084), ready=("/healthz", 8084, 10)),
        _deployment(namespace, SERVER, (8080, 8083), ready=("/healthz", 8080, 30)),
        _controller(namespace, replicas),
        default_project(namespace),
    ]
    return found


def default_project(namespace: str = NAMESPACE) -> Object:
    """The project that permits everything; upstream's controller makes it at its first start."""
    everything = {"group": "*", "kind": "*"}
    return project(
        "default",
        namespace=namespace,
        sourceRepos=["*"],
        destinations=[{"server": "*", "namespace": "*"}],
        clusterResourceWhitelist=[everything],
    )


def project(name: str, *, namespace: str = NAMESPACE, **spec: Any) -> Object:
    """An AppProject with these fields of the spec under their own names."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def application(
    name: str,
    source: dict[str, Any],
    *,
    namespace: str = NAMESPACE,
    server: str = IN_CLUSTER,
    destination_namespace: str = "",
    project: str = "default",
    cascade: bool = False,
    **more: Any,
) -> Object:
    """An Application of one source.

    Args:
        cascade: whether deleting it deletes what it manages (the resources finalizer).
        more: further fields of the spec under their own names (``syncPolicy``, ``ignoreDifferences`` ...); those that are
            None or empty are left out.
    """
    destination: dict[str, Any] = {"server": server}
    if destination_namespace:
        destination["namespace"] = destination_namespace
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if cascade:
        metadata["finalizers"] = [terms.CASCADE]
    spec = {"destination": destination, "project": project, "source": source}
    spec.update({field: value for field, value in more.items() if value})
    return {"apiVersion": API_VERSION, "kind": "Application", "metadata": metadata, "spec": spec}


# --- further clusters -------------------------------------------------------------------------------------------


def manager_objects() -> list[Object]:
    """The account with which Argo CD works in a cluster that ``argocd cluster add`` has registered, and its rights."""
    role = f"{MANAGER}-role"
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": MANAGER, "namespace": MANAGER_NAMESPACE},
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": everything,
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{role}-binding"},
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": MANAGER, "namespace": MANAGER_NAMESPACE}],
        },
    ]


def cluster_secret(
    name: str, server: str, *, namespace: str = NAMESPACE, labels: dict[str, str] | None = None
) -> Object:
    """The Secret by which Argo CD knows a further cluster: name, address, and the credentials of its account there."""
    config = {
        "bearerToken": f"system:serviceaccount:{MANAGER_NAMESPACE}:{MANAGER}",
        "tlsClientConfig": {"insecure": True},
    }
    data = {"name": name, "server": server, "config": json.dumps(config)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"cluster-{name}",
            "namespace": namespace,
            "labels": {terms.SECRET_TYPE: "cluster", **(labels or {})},
        },
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


# --- parts of the installation ----------------------------------------------------------------------------------


def _labels(name: str) -> dict[str, str]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "argocd"}
    component = _COMPONENTS.get(name)
    return {"app.kubernetes.io/component": component, **labels} if component else labels


def _named(api_version: str, kind: str, namespace: str, name: str, **more: Any) -> Object:
    metadata: dict[str, Any] = {"name": name, "labels": _labels(name)}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def _config_map(namespace: str, name: str, data: dict[str, str]) -> Object:
    return _named("v1", "ConfigMap", namespace, name, **({"data": data} if data else {}))


def _rule(groups: str, resources: str, verbs: str) -> dict[str, Any]:
    """Rules as words apart by spaces; ``core`` stands for the group without a name."""
    named = ["" if group == "core" else group for group in groups.split()]
    return {"apiGroups": named, "resources": resources.split(), "verbs": verbs.split()}


def _rbac(namespace: str) -> list[Object]:
    own = "create delete get list patch update watch"
    set_rules = [
        _rule(GROUP, "applications applicationsets applicationsets/finalizers", own),
        _rule(GROUP, "appprojects", "get list watch"),
        _rule(GROUP, "applicationsets/status", "get patch update"),
        _rule("core", "events", "create get list patch watch"),
        _rule("core", "secrets configmaps", "get list watch"),
        _rule("coordination.k8s.io", "leases", "get update create"),
    ]
    roles = {
        CONTROLLER: [
            _rule("core", "secrets configmaps", "get list watch"),
            _rule(GROUP, "applications applicationsets appprojects", own),
            _rule("core", "events", "create list"),
            _rule("apps", "deployments", "get list watch"),
        ],
        SET_CONTROLLER: set_rules,
        SERVER: [
            _rule("core", "secrets configmaps", own),
            _rule(GROUP, "applications appprojects applicationsets", own),
            _rule("core", "events", "create list"),
        ],
        REDIS: [_rule("core", "secrets", "get create")],
    }
    cluster_roles = {
        CONTROLLER: [_rule("*", "*", "*"), {"nonResourceURLs": ["*"], "verbs": ["*"]}],
        SET_CONTROLLER: set_rules,
        SERVER: [
            _rule("*", "*", "delete get patch"),
            _rule("*", "*/finalizers", "update"),
            _rule("core", "events", "list"),
            _rule("core", "pods pods/log", "get"),
            _rule(GROUP, "applications applicationsets", "get list watch"),
            _rule("batch", "jobs", "create"),
        ],
    }
    found: list[Object] = []
    for name, rules in roles.items():
        found.append(_named(f"{_RBAC}/v1", "Role", namespace, name, rules=rules))
        found.append(_binding(namespace, namespace, name, "Role"))
    for name, rules in cluster_roles.items():
        found.append(_named(f"{_RBAC}/v1", "ClusterRole", "", name, rules=rules))
        found.append(_binding("", namespace, name, "ClusterRole"))
    return found


def _binding(namespace: str, of: str, name: str, kind: str) -> Object:
    ref = {"apiGroup": _RBAC, "kind": kind, "name": name}
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": of}]
    return _named(f"{_RBAC}/v1", f"{kind}Binding", namespace, name, roleRef=ref, subjects=subjects)


def _service(namespace: str, name: str, *ports: tuple[str, int, int]) -> Object:
    listed = [{"name": n, "port": port, "protocol": "TCP", "targetPort": target} for n, port, target in ports]
    spec = {"ports": listed, "selector": {"app.kubernetes.io/name": name}}
    return _named("v1", "Service", namespace, name, spec=spec)


def _pod(name: str, ports: tuple[int, ...], ready: tuple[str, int, int] | None) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": name,
        "image": ARGOCD_IMAGE,
        "imagePullPolicy": "Always",
        "args": [f"/usr/local/bin/{name}"],
        "ports": [{"containerPort": port} for port in ports],
    }
    environment = {REPO_SERVER: _REPO_SERVER_ENVIRONMENT, SET_CONTROLLER: _SET_ENVIRONMENT}.get(name)
    if environment:
        container["env"] = _environment(environment)
    if ready is not None:
        path, port, period = ready
        container["readinessProbe"] = {
            "httpGet": {"path": path, "port": port},
            "initialDelaySeconds": 5,
            "periodSeconds": period,
        }
    return {
        "containers": [container],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "serviceAccountName": name,
    }


def _environment(keys: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """Variables that take their values from keys of ConfigMaps, where those are set."""
    return [
        {
            "name": name,
            "valueFrom": {"configMapKeyRef": {"name": config_map, "key": key, "optional": True}},
        }
        for name, (config_map, key) in keys.items()
    ]


def _deployment(
    namespace: str, name: str, ports: tuple[int, ...], ready: tuple[str, int, int] | None = None
) -> Object:
    return _named("apps/v1", "Deployment", namespace, name, spec=_workload(name, _pod(name, ports, ready)))


def _workload(name: str, pod: dict[str, Any]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    return {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }


def _redis(namespace: str) -> Object:
    pod = {
        "containers": [
            {
                "name": "redis",
                "image": REDIS_IMAGE,
                "imagePullPolicy": "Always",
                "args": ["--save", "", "--appendonly", "no"],
                "ports": [{"containerPort": 6379}],
            }
        ],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "serviceAccountName": REDIS,
    }
    return _named("apps/v1", "Deployment", namespace, REDIS, spec=_workload(REDIS, pod))


def _controller(namespace: str, replicas: int) -> Object:
    pod = _pod(CONTROLLER, (8082,), ("/healthz", 8082, 10))
    replicas_of = {"name": "ARGOCD_CONTROLLER_REPLICAS", "value": str(replicas)}
    pod["containers"][0]["env"] = [replicas_of, *_environment(_CONTROLLER_ENVIRONMENT)]
    spec = {"replicas": replicas, "serviceName": CONTROLLER, **_workload(CONTROLLER, pod)}
    return _named("apps/v1", "StatefulSet", namespace, CONTROLLER, spec=spec)

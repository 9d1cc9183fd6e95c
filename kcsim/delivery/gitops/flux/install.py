"""The objects of a Flux installation, and those that tell it what to deliver.

**Imitates:** ``flux install --components=source-controller,kustomize-controller,...`` of flux2 2.9 (manifests/bases, rbac,
install) and ``flux create source git / kustomization``. Left out: network policies, the quota of critical pods,
security contexts, environment and volumes of the pods, which nothing here acts on.

**Walk:** ``install_objects`` are applied by whoever installs -> pods of the images in ``IMAGES`` start -> their programs
(agent.py) reconcile what ``git_repository`` and ``kustomization`` make.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.flux import crds, crds_helm, crds_image, crds_notification, crds_sources
from kcsim.delivery.gitops.flux.agent import (
    HELM_CONTROLLER,
    IMAGE_AUTOMATION,
    IMAGE_REFLECTOR,
    KUSTOMIZE_CONTROLLER,
    SOURCE_CONTROLLER,
    SOURCE_WATCHER,
    WEBHOOK_RECEIVER,
)
from kcsim.delivery.gitops.flux.events import NOTIFICATION_CONTROLLER
from kcsim.delivery.gitops.flux.toolkit import KUSTOMIZE_GROUP, NOTIFICATION_GROUP, SOURCE_GROUP
from kcsim.engine.clock import MINUTE, format_duration

NAMESPACE = "flux-system"
SPOKE, SPOKE_NAMESPACE = "flux", "kube-system"
"""The account that a hub has in the other clusters."""
VERSION = "v2.9.0"
IMAGES = {
    SOURCE_CONTROLLER: "ghcr.io/fluxcd/source-controller:v1.9.4",
    KUSTOMIZE_CONTROLLER: "ghcr.io/fluxcd/kustomize-controller:v1.9.4",
    HELM_CONTROLLER: "ghcr.io/fluxcd/helm-controller:v1.6.3",
    NOTIFICATION_CONTROLLER: "ghcr.io/fluxcd/notification-controller:v1.9.0",
    IMAGE_REFLECTOR: "ghcr.io/fluxcd/image-reflector-controller:v1.2.0",
    IMAGE_AUTOMATION: "ghcr.io/fluxcd/image-automation-controller:v1.2.0",
    SOURCE_WATCHER: "ghcr.io/fluxcd/source-watcher:v2.2.0",
}
"""Program -> image. Whoever pushes images gives each of them a behaviour with that program."""
COMPONENTS = (SOURCE_CONTROLLER, KUSTOMIZE_CONTROLLER)
"""What is installed when nobody names more."""

_RBAC = "rbac.authorization.k8s.io"
_ALL_GROUPS = (
    SOURCE_GROUP,
    KUSTOMIZE_GROUP,
    "helm.toolkit.fluxcd.io",
    "notification.toolkit.fluxcd.io",
    "image.toolkit.fluxcd.io",
    "source.extensions.fluxcd.io",
)


def install_objects(namespace: str = NAMESPACE, components: Sequence[str] = COMPONENTS) -> list[Object]:
    """All objects of an installation, in the order in which they can be created.

    ``components``: the controllers, of ``IMAGES``; their order plays no part.
    """
    chosen = [name for name in IMAGES if name in components]
    found = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": namespace,
                "labels": {
                    **_labels(namespace),
                    "pod-security.kubernetes.io/warn": "restricted",
                    "pod-security.kubernetes.io/warn-version": "latest",
                },
            },
        },
        *(_labelled(crd, namespace, name) for name in chosen for crd in definitions(name)),
        *_rbac(namespace, chosen),
    ]
    found += [_account(namespace, name) for name in chosen]
    found += [obj for name in chosen for obj in _SERVICES[name](namespace)]
    events = f"http://{NOTIFICATION_CONTROLLER}.{namespace}.svc.cluster.local./"
    address = events if NOTIFICATION_CONTROLLER in chosen else ""
    external = SOURCE_WATCHER in chosen
    found += [_controller(namespace, name, address, external=external) for name in chosen]
    return found


def components_for(brought: Iterable[Object]) -> tuple[str, ...]:
    """The controllers, beside ``COMPONENTS``, that some objects need: those whose kinds are among them."""
    kinds = {(str(obj.get("apiVersion", "")).partition("/")[0], obj.get("kind")) for obj in brought}
    return tuple(
        name
        for name in IMAGES
        if name not in COMPONENTS
        and any((crd["spec"]["group"], crd["spec"]["names"]["kind"]) in kinds for crd in definitions(name))
    )


def definitions(component: str) -> list[Object]:
    """The custom resource definitions that come with a controller."""
    return [make() for make in _CRDS[component]]


def git_repository(
    name: str,
    url: str,
    *,
    namespace: str = NAMESPACE,
    branch: str = "main",
    interval: int = MINUTE,
    timeout: int = MINUTE,
    suspend: bool = False,
) -> Object:
    """A GitRepository that follows a branch; durations in µs."""
    spec: dict[str, Any] = {
        "interval": format_duration(interval),
        "ref": {"branch": branch},
        "timeout": format_duration(timeout),
        "url": url,
    }
    if suspend:
        spec["suspend"] = True
    return _custom(f"{SOURCE_GROUP}/v1", "GitRepository", namespace, name, spec)


def kustomization(
    name: str,
    source: str,
    *,
    namespace: str = NAMESPACE,
    interval: int = 10 * MINUTE,
    prune: bool = True,
    **more: Any,
) -> Object:
    """A Kustomization of a GitRepository in its namespace; ``interval`` in µs.

    Args:
        more: further fields of the spec under their own names (``path``, ``wait``, ``dependsOn`` ...); those that are
            None are left out, whole numbers under ``timeout`` and ``retryInterval`` are µs.
    """
    spec: dict[str, Any] = {
        "interval": format_duration(interval),
        "prune": prune,
        "sourceRef": {"kind": "GitRepository", "name": source},
    }
    for field, value in more.items():
        if value is not None and value is not False and value != ():
            spec[field] = format_duration(value) if field in {"timeout", "retryInterval"} else value
    return _custom(f"{KUSTOMIZE_GROUP}/v1", "Kustomization", namespace, name, spec)


def receiver(name: str, token: str, sources: Sequence[Object], *, namespace: str = NAMESPACE) -> list[Object]:
    """A Receiver of signed requests (generic-hmac) that asks for the sources, and the Secret with its token."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{name}-token", "namespace": namespace},
        "stringData": {"token": token},
        "type": "Opaque",
    }
    resources = [{"kind": o["kind"], **{k: o["metadata"][k] for k in ("name", "namespace")}} for o in sources]
    spec: dict[str, Any] = {
        "type": "generic-hmac",
        "secretRef": {"name": f"{name}-token"},
        "resources": resources,
    }
    return [secret, _custom(f"{NOTIFICATION_GROUP}/v1", "Receiver", namespace, name, spec)]


def _custom(api_version: str, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


# --- parts of the installation ----------------------------------------------------------------------------------


def _labels(instance: str, component: str = "") -> dict[str, str]:
    labels = {
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/part-of": "flux",
        "app.kubernetes.io/version": VERSION,
    }
    return {**labels, "app.kubernetes.io/component": component} if component else labels


def _labelled(obj: Object, instance: str, component: str = "") -> Object:
    metadata = {
        **obj["metadata"],
        "labels": {**(obj["metadata"].get("labels") or {}), **_labels(instance, component)},
    }
    return {**obj, "metadata": metadata}


def _rbac(namespace: str, components: list[str]) -> list[Object]:
    def rule(groups: list[str], resources: list[str], verbs: str) -> dict[str, Any]:
        return {"apiGroups": groups, "resources": resources, "verbs": verbs.split()}

    rules = [rule([group], ["*"], "*") for group in _ALL_GROUPS]
    rules += [
        rule([""], ["namespaces", "secrets", "configmaps", "serviceaccounts"], "get list watch"),
        rule([""], ["events"], "create patch"),
        rule([""], ["configmaps"], "get list watch create update patch delete"),
        rule([""], ["configmaps/status"], "get update patch"),
        rule(["coordination.k8s.io"], ["leases"], "get list watch create update patch delete"),
        rule([""], ["serviceaccounts/token"], "create"),
    ]
    role = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"crd-controller-{namespace}"},
        "rules": rules,
    }
    return [
        _labelled(role, namespace),
        _binding(
            namespace,
            "cluster-reconciler",
            "cluster-admin",
            [KUSTOMIZE_CONTROLLER, *(name for name in components if name == HELM_CONTROLLER)],
        ),
        _binding(
            namespace,
            "crd-controller",
            f"crd-controller-{namespace}",
            sorted(components),
        ),
    ]


def _binding(namespace: str, name: str, role: str, accounts: list[str]) -> Object:
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{name}-{namespace}"},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": a, "namespace": namespace} for a in accounts],
    }
    return _labelled(binding, namespace)


def _account(namespace: str, name: str) -> Object:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
    }
    return _labelled(account, namespace, name)


def _service(namespace: str, name: str, app: str, port: int, target: str) -> Object:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"control-plane": "controller"},
        },
        "spec": {
            "ports": [{"name": "http", "port": port, "protocol": "TCP", "targetPort": target}],
            "selector": {"app": app},
            "type": "ClusterIP",
        },
    }
    return _labelled(service, namespace, app)


_CRDS = {
    SOURCE_CONTROLLER: (
        crds_sources.git_repository,
        crds_sources.oci_repository,
        crds_sources.bucket,
    ),
    SOURCE_WATCHER: (crds_sources.external_artifact, crds_sources.artifact_generator),
    KUSTOMIZE_CONTROLLER: (crds.kustomization,),
    HELM_CONTROLLER: (crds_helm.helm_repository, crds_helm.helm_chart, crds_helm.helm_release),
    NOTIFICATION_CONTROLLER: (
        crds_notification.receiver,
        crds_notification.alert,
        crds_notification.provider,
    ),
    IMAGE_REFLECTOR: (crds_image.image_repository, crds_image.image_policy),
    IMAGE_AUTOMATION: (crds_image.image_update_automation,),
}


def kubeconfig_name(cluster: str) -> str:
    """The Secret in a hub that leads to another cluster."""
    return f"{cluster}-kubeconfig"


def kubeconfig_secret(cluster: str, server: str, *, namespace: str = NAMESPACE) -> Object:
    """What ``spec.kubeConfig`` of a hub's Kustomizations names: the way to another cluster, as the account of ``spoke_objects``."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server}}],
        "users": [{"name": SPOKE, "user": {"token": f"system:serviceaccount:{SPOKE_NAMESPACE}:{SPOKE}"}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": SPOKE}}],
        "current-context": cluster,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": kubeconfig_name(cluster), "namespace": namespace},
        "type": "Opaque",
        "data": {"value": base64.b64encode(json.dumps(config).encode()).decode()},
    }


def spoke_objects() -> list[Object]:
    """The account as which the Flux of a hub works in another cluster.

    Differs: upstream leaves it to whoever writes the kubeconfig; this is the usual one, with the rights that Flux has at home.
    """
    account = {"name": SPOKE, "namespace": SPOKE_NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": SPOKE},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
    ]


_SERVICES: dict[str, Callable[[str], list[Object]]] = {
    SOURCE_CONTROLLER: lambda ns: [_service(ns, SOURCE_CONTROLLER, SOURCE_CONTROLLER, 80, "http")],
    SOURCE_WATCHER: lambda ns: [_service(ns, SOURCE_WATCHER, SOURCE_WATCHER, 80, "http")],
    KUSTOMIZE_CONTROLLER: lambda _: [],
    HELM_CONTROLLER: lambda _: [],
    NOTIFICATION_CONTROLLER: lambda ns: [
        _service(ns, NOTIFICATION_CONTROLLER, NOTIFICATION_CONTROLLER, 80, "http"),
        _service(ns, WEBHOOK_RECEIVER, NOTIFICATION_CONTROLLER, 80, "http-webhook"),
    ],
    IMAGE_REFLECTOR: lambda _: [],
    IMAGE_AUTOMATION: lambda _: [],
}
_PORTS = {
    SOURCE_CONTROLLER: [("http", 9090), ("http-prom", 8080), ("healthz", 9440)],
    SOURCE_WATCHER: [("http", 9090), ("http-prom", 8080), ("healthz", 9440)],
    NOTIFICATION_CONTROLLER: [
        ("http", 9090),
        ("http-webhook", 9292),
        ("http-prom", 8080),
        ("healthz", 9440),
    ],
}


def _controller(namespace: str, name: str, events: str, *, external: bool) -> Object:
    args = [] if name == NOTIFICATION_CONTROLLER else [f"--events-addr={events}"]
    args += [
        "--watch-all-namespaces=true",
        "--log-level=info",
        "--log-encoding=json",
        "--enable-leader-election",
    ]
    ready = {"httpGet": {"path": "/readyz", "port": "healthz"}}
    more: dict[str, Any] = {}
    cpu, grace = "100m", 10
    if name in {SOURCE_CONTROLLER, SOURCE_WATCHER}:
        address = f"{name}.{namespace}.svc.cluster.local."
        args += ["--storage-path=/data", f"--storage-adv-addr={address}"]
        ready, more, cpu = (
            {"httpGet": {"path": "/", "port": "http"}},
            {"strategy": {"type": "Recreate"}},
            "50m",
        )
    elif name == KUSTOMIZE_CONTROLLER:
        grace = 60
        if external:
            args.append("--feature-gates=ExternalArtifact=true")
    elif name == HELM_CONTROLLER:
        grace = 600
        if external:
            args.append("--feature-gates=ExternalArtifact=true")
    ports = _PORTS.get(name, [("http-prom", 8080), ("healthz", 9440)])
    return _deployment(namespace, name, _pod(name, args, ports, ready, cpu=cpu, grace=grace), more)


def _pod(
    name: str, args: list[str], ports: list[tuple[str, int]], ready: Object, *, cpu: str, grace: int
) -> dict[str, Any]:
    return {
        "containers": [
            {
                "name": "manager",
                "image": IMAGES[name],
                "imagePullPolicy": "IfNotPresent",
                "args": args,
                "ports": [{"containerPort": port, "name": p, "protocol": "TCP"} for p, port in ports],
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": "healthz"}},
                "readinessProbe": ready,
                "resources": {
                    "limits": {"cpu": "1", "memory": "1Gi"},
                    "requests": {"cpu": cpu, "memory": "64Mi"},
                },
            }
        ],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": name,
        "terminationGracePeriodSeconds": grace,
    }


def _deployment(namespace: str, name: str, pod: dict[str, Any], more: dict[str, Any]) -> Object:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {"control-plane": "controller"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "annotations": {"prometheus.io/port": "8080", "prometheus.io/scrape": "true"},
                    "labels": {"app": name, **_labels(namespace, name)},
                },
                "spec": pod,
            },
            **more,
        },
    }
    return _labelled(deployment, namespace, name)

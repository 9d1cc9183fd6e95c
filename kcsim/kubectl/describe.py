"""kubectl describe: which objects, and who describes them.

**Imitates:** kubectl ``pkg/cmd/describe`` and ``pkg/describe`` (v1.36): a name that no object has is taken as the
beginning of names. The kinds stand in ``describers``.
"""

from __future__ import annotations

from collections.abc import Callable

from kcsim.api.objects import Object
from kcsim.api.resources import Resource
from kcsim.api.status import StatusError
from kcsim.engine.task import Steps
from kcsim.kubectl.describers import certificates, cluster, network, quotas, workloads
from kcsim.kubectl.describers.events import write_events
from kcsim.kubectl.describers.generic import write_generic
from kcsim.kubectl.describers.writer import Writer
from kcsim.kubectl.flags import Arguments
from kcsim.kubectl.printing import resource_of
from kcsim.kubectl.session import KubectlError, Session
from kcsim.kubectl.targets import Target, list_chosen, namespace_of, parse_targets, tell, written

Describer = Callable[[Session, Object, Writer], Steps]
_RBAC, _STORAGE, _NET = "rbac.authorization.k8s.io", "storage.k8s.io", "networking.k8s.io"

DESCRIBERS: dict[tuple[str, str], Describer] = {
    ("", "Pod"): workloads.describe_pod,
    ("apps", "Deployment"): workloads.describe_deployment,
    ("apps", "ReplicaSet"): workloads.describe_replica_set,
    ("", "ReplicationController"): workloads.describe_replica_set,
    ("apps", "StatefulSet"): workloads.describe_stateful_set,
    ("apps", "DaemonSet"): workloads.describe_daemon_set,
    ("batch", "Job"): workloads.describe_job,
    ("batch", "CronJob"): workloads.describe_cron_job,
    ("", "Service"): network.describe_service,
    ("", "Endpoints"): network.describe_endpoints,
    ("discovery.k8s.io", "EndpointSlice"): network.describe_endpoint_slice,
    (_NET, "Ingress"): network.describe_ingress,
    (_NET, "IngressClass"): network.describe_ingress_class,
    (_NET, "NetworkPolicy"): network.describe_network_policy,
    (_NET, "ServiceCIDR"): network.describe_service_cidr,
    (_NET, "IPAddress"): network.describe_address,
    ("autoscaling", "HorizontalPodAutoscaler"): network.describe_autoscaler,
    ("policy", "PodDisruptionBudget"): network.describe_budget,
    ("", "Node"): cluster.describe_node,
    ("", "Namespace"): quotas.describe_namespace,
    ("", "ResourceQuota"): quotas.describe_quota,
    ("", "LimitRange"): quotas.describe_limits,
    ("", "ConfigMap"): cluster.describe_config_map,
    ("", "Secret"): cluster.describe_secret,
    ("", "ServiceAccount"): cluster.describe_account,
    ("", "PersistentVolume"): cluster.describe_volume,
    ("", "PersistentVolumeClaim"): cluster.describe_claim,
    (_STORAGE, "StorageClass"): cluster.describe_class,
    (_STORAGE, "VolumeAttributesClass"): cluster.describe_attributes_class,
    (_STORAGE, "CSINode"): cluster.describe_csi_node,
    ("scheduling.k8s.io", "PriorityClass"): cluster.describe_priority_class,
    ("certificates.k8s.io", "CertificateSigningRequest"): certificates.describe_signing_request,
    (_RBAC, "Role"): cluster.describe_role,
    (_RBAC, "ClusterRole"): cluster.describe_role,
    (_RBAC, "RoleBinding"): cluster.describe_binding,
    (_RBAC, "ClusterRoleBinding"): cluster.describe_binding,
}
_WITHOUT_EVENTS = frozenset(
    {
        ("", "Secret"),
        ("", "Namespace"),
        ("", "LimitRange"),
        ("", "ResourceQuota"),
        (_NET, "NetworkPolicy"),
        (_RBAC, "Role"),
        (_RBAC, "ClusterRole"),
        (_RBAC, "RoleBinding"),
        (_RBAC, "ClusterRoleBinding"),
    }
)


def describe(session: Session, arguments: Arguments) -> Steps:
    """``kubectl describe KIND [NAME | -l SELECTOR]``."""
    found, guessed = yield from _chosen(session, arguments)
    if session.failed:
        return None
    texts = []
    for obj in found:
        resource = resource_of(session, obj)
        writer = Writer()
        yield from _describe(session, resource, obj, writer, events=arguments.on("show-events", default=True))
        texts.append(writer.text())
    session.write("".join(f"{text}\n" for text in texts) if guessed else "\n\n".join(texts))
    if not found and not session.failed:
        arguments.came_to_nothing()
        namespace = namespace_of(session, arguments)
        session.warn(f"No resources found in {namespace} namespace." if namespace else "No resources found")
    return None


def _describe(session: Session, resource: Resource, obj: Object, writer: Writer, *, events: bool) -> Steps:
    own = DESCRIBERS.get((resource.group, resource.kind)) if not resource.custom else None
    if own is None:
        write_generic(writer, obj)
    else:
        yield from own(session, obj, writer)
    if events and (resource.group, resource.kind) not in _WITHOUT_EVENTS:
        yield from write_events(session, resource, obj, writer)


def _chosen(session: Session, arguments: Arguments) -> Steps:
    """The objects, by name, selector or from files; and whether they were found by the beginning of a name only."""
    namespace = namespace_of(session, arguments)
    if arguments.flags.get("filename"):
        kinds: list[Resource] = []
        targets = [
            Target(w.resource, w.namespace, w.object["metadata"].get("name", ""))
            for w in written(session, arguments)
        ]
    else:
        if not arguments.words:
            raise KubectlError(
                'error: You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of '
                "supported resources."
            )
        kinds, targets = parse_targets(session, arguments.words, namespace)
    found: list[Object] = []
    guessed = False
    for target in targets:
        try:
            found.append((yield session.client.get(target.resource, target.namespace, target.name)))
        except StatusError as error:
            if not error.is_not_found:
                tell(session, error)
                continue
            listed = yield session.client.list(target.resource, target.namespace)
            begins = [item for item in listed["items"] if item["metadata"]["name"].startswith(target.name)]
            found.extend(begins)
            guessed = bool(begins)
            if not begins:
                tell(session, error)
    for resource in kinds:
        listed = yield from list_chosen(session, arguments, resource, namespace)
        found.extend(listed["items"])
    return found, guessed

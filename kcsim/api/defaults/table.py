"""Which defaults each kind gets.

**Imitates:** `Scheme.Default` of kube-apiserver 1.36: one defaulter a kind, after decoding. Kinds without an entry have
none upstream (ConfigMap, Ingress, Lease, PodDisruptionBudget ...) or are custom resources, whose schemas hold them.

**Walk:** canonical quantities and times first (decoding does that upstream), then the kind's defaulter. An object with
nothing to add comes back as the same object.
"""

from collections.abc import Callable, Mapping
from typing import Final

from kcsim.api.defaults import core_pod, other, workloads
from kcsim.api.defaults.canonical import canonical, with_canonical_fields
from kcsim.api.defaults.spine import Object
from kcsim.api.resources import GVK
from kcsim.api.schemas.definitions import definition

Defaulter = Callable[[Object], Object]

_ADM: Final = "admissionregistration.k8s.io"
_RBAC: Final = "rbac.authorization.k8s.io"
_STORAGE: Final = "storage.k8s.io"

DEFAULTERS: Final[Mapping[GVK, Defaulter]] = {
    ("", "v1", "Endpoints"): other.endpoints,
    ("", "v1", "LimitRange"): other.limit_range,
    ("", "v1", "Namespace"): other.namespace,
    ("", "v1", "Node"): other.node,
    ("", "v1", "PersistentVolume"): other.persistent_volume,
    ("", "v1", "PersistentVolumeClaim"): other.persistent_volume_claim,
    ("", "v1", "Pod"): core_pod.pod,
    ("", "v1", "PodTemplate"): workloads.pod_template,
    ("", "v1", "ReplicationController"): workloads.replication_controller,
    ("", "v1", "Secret"): other.secret,
    ("", "v1", "Service"): other.service,
    ("apps", "v1", "DaemonSet"): workloads.daemon_set,
    ("apps", "v1", "Deployment"): workloads.deployment,
    ("apps", "v1", "ReplicaSet"): workloads.replica_set,
    ("apps", "v1", "StatefulSet"): workloads.stateful_set,
    ("autoscaling", "v1", "HorizontalPodAutoscaler"): workloads.horizontal_pod_autoscaler_v1,
    ("autoscaling", "v2", "HorizontalPodAutoscaler"): workloads.horizontal_pod_autoscaler,
    ("batch", "v1", "CronJob"): workloads.cron_job,
    ("batch", "v1", "Job"): workloads.job,
    ("discovery.k8s.io", "v1", "EndpointSlice"): other.endpoint_slice,
    ("networking.k8s.io", "v1", "NetworkPolicy"): other.network_policy,
    (_RBAC, "v1", "ClusterRoleBinding"): other.binding,
    (_RBAC, "v1", "RoleBinding"): other.binding,
    ("scheduling.k8s.io", "v1", "PriorityClass"): other.priority_class,
    (_STORAGE, "v1", "CSIDriver"): other.csi_driver,
    (_STORAGE, "v1", "StorageClass"): other.storage_class,
    (_ADM, "v1", "MutatingWebhookConfiguration"): other.webhook_configuration,
    (_ADM, "v1", "ValidatingWebhookConfiguration"): other.webhook_configuration,
    (_ADM, "v1", "MutatingAdmissionPolicy"): other.admission_policy,
    (_ADM, "v1", "ValidatingAdmissionPolicy"): other.admission_policy,
    (_ADM, "v1", "MutatingAdmissionPolicyBinding"): other.admission_policy_binding,
    (_ADM, "v1", "ValidatingAdmissionPolicyBinding"): other.admission_policy_binding,
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"): other.custom_resource_definition,
}


def default(obj: Object, gvk: GVK, stored: Object | None = None) -> Object:
    """The object as the server holds it after decoding and defaulting; the same object when nothing is added.

    Takes a pruned object (`schemas.check.Checker.decode`) without structural faults. What it shares with the ``stored``
    version that it replaces is canonical already.
    """
    node = definition(gvk)
    if node is None:
        return obj
    obj = canonical(obj, node) if stored is None else with_canonical_fields(obj, node, stored)
    defaulter = DEFAULTERS.get(gvk)
    return obj if defaulter is None else defaulter(obj)

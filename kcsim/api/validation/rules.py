"""Which rules each kind must keep.

**Imitates:** the `Validate` and `ValidateUpdate` of each registry strategy of kube-apiserver 1.36. Kinds without an
entry, custom resources among them, get the rules of `metadata` alone.

**Walk:** metadata first, then the kind's own rules; errors keep upstream's order, because clients print them in it.
On update the rules for what may change follow those for what may be.
`Differs:` an error that upstream finds twice is one cause here; the message shows it once in both.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from kcsim.api.resources import GVK
from kcsim.api.validation import (
    apps,
    batch,
    cluster,
    config,
    endpoints,
    networking,
    other,
    pod,
    policy,
    rbac,
    service,
    storage,
)
from kcsim.api.validation.field import Errors
from kcsim.api.validation.metadata import kube_finalizers, name_rule, object_meta, object_meta_update

Object = Mapping[str, Any]
Create = Callable[[Object], Errors]
Update = Callable[[Object, Object], Errors]

_NET: Final = "networking.k8s.io"
_RBAC: Final = "rbac.authorization.k8s.io"
_ADM: Final = "admissionregistration.k8s.io"
_STORAGE: Final = "storage.k8s.io"
_CRD: Final = ("apiextensions.k8s.io", "v1", "CustomResourceDefinition")

CREATE: Final[Mapping[GVK, Create]] = {
    ("", "v1", "ConfigMap"): config.config_map,
    ("", "v1", "Endpoints"): endpoints.endpoints,
    ("", "v1", "Event"): other.event,
    ("", "v1", "LimitRange"): policy.limit_range,
    ("", "v1", "Namespace"): cluster.namespace,
    ("", "v1", "Node"): cluster.node,
    ("", "v1", "PersistentVolume"): cluster.persistent_volume,
    ("", "v1", "PersistentVolumeClaim"): cluster.persistent_volume_claim,
    ("", "v1", "Pod"): pod.pod,
    ("", "v1", "PodTemplate"): lambda obj: pod.pod_template("template", obj.get("template") or {}),
    ("", "v1", "ReplicationController"): apps.replication_controller,
    ("", "v1", "ResourceQuota"): policy.resource_quota,
    ("", "v1", "Secret"): config.secret,
    ("", "v1", "Service"): service.service,
    ("apps", "v1", "ControllerRevision"): apps.controller_revision,
    ("apps", "v1", "DaemonSet"): apps.daemon_set,
    ("apps", "v1", "Deployment"): apps.deployment,
    ("apps", "v1", "ReplicaSet"): apps.replica_set,
    ("apps", "v1", "StatefulSet"): apps.stateful_set,
    ("autoscaling", "v2", "HorizontalPodAutoscaler"): policy.horizontal_pod_autoscaler,
    ("batch", "v1", "CronJob"): batch.cron_job,
    ("batch", "v1", "Job"): batch.job,
    ("certificates.k8s.io", "v1", "CertificateSigningRequest"): other.certificate_signing_request,
    ("coordination.k8s.io", "v1", "Lease"): other.lease,
    ("discovery.k8s.io", "v1", "EndpointSlice"): endpoints.endpoint_slice,
    ("events.k8s.io", "v1", "Event"): other.new_event,
    (_NET, "v1", "IPAddress"): networking.ip_address_object,
    (_NET, "v1", "Ingress"): networking.ingress,
    (_NET, "v1", "IngressClass"): networking.ingress_class,
    (_NET, "v1", "NetworkPolicy"): networking.network_policy,
    (_NET, "v1", "ServiceCIDR"): networking.service_cidr,
    ("node.k8s.io", "v1", "RuntimeClass"): cluster.runtime_class,
    ("policy", "v1", "PodDisruptionBudget"): policy.pod_disruption_budget,
    (_RBAC, "v1", "ClusterRole"): rbac.cluster_role,
    (_RBAC, "v1", "ClusterRoleBinding"): rbac.cluster_role_binding,
    (_RBAC, "v1", "Role"): rbac.role,
    (_RBAC, "v1", "RoleBinding"): rbac.role_binding,
    ("scheduling.k8s.io", "v1", "PriorityClass"): cluster.priority_class,
    (_STORAGE, "v1", "CSIDriver"): storage.csi_driver,
    (_STORAGE, "v1", "CSINode"): storage.csi_node,
    (_STORAGE, "v1", "StorageClass"): cluster.storage_class,
    (_STORAGE, "v1", "VolumeAttachment"): storage.volume_attachment,
    (_STORAGE, "v1", "VolumeAttributesClass"): storage.attributes_class,
    (_ADM, "v1", "MutatingWebhookConfiguration"): other.webhook_configuration,
    (_ADM, "v1", "ValidatingWebhookConfiguration"): other.webhook_configuration,
    _CRD: other.custom_resource_definition,
}
"""Rules an object of a kind must keep, beyond metadata."""

UPDATE: Final[Mapping[GVK, Update]] = {
    ("", "v1", "ConfigMap"): config.config_map_update,
    ("", "v1", "Node"): cluster.node_update,
    ("", "v1", "PersistentVolume"): cluster.persistent_volume_update,
    ("", "v1", "PersistentVolumeClaim"): cluster.persistent_volume_claim_update,
    ("", "v1", "Pod"): pod.pod_update,
    ("", "v1", "Secret"): config.secret_update,
    ("", "v1", "Service"): service.service_update,
    ("apps", "v1", "DaemonSet"): apps.selector_update,
    ("apps", "v1", "Deployment"): apps.selector_update,
    ("apps", "v1", "ReplicaSet"): apps.selector_update,
    ("apps", "v1", "StatefulSet"): apps.stateful_set_update,
    ("batch", "v1", "Job"): batch.job_update,
    ("discovery.k8s.io", "v1", "EndpointSlice"): endpoints.endpoint_slice_update,
    (_NET, "v1", "IPAddress"): networking.ip_address_update,
    (_NET, "v1", "IngressClass"): networking.ingress_class_update,
    (_NET, "v1", "ServiceCIDR"): networking.service_cidr_update,
    ("node.k8s.io", "v1", "RuntimeClass"): cluster.runtime_class_update,
    (_RBAC, "v1", "ClusterRoleBinding"): rbac.binding_update,
    (_RBAC, "v1", "RoleBinding"): rbac.binding_update,
    ("scheduling.k8s.io", "v1", "PriorityClass"): cluster.priority_class_update,
    (_STORAGE, "v1", "CSIDriver"): storage.csi_driver_update,
    (_STORAGE, "v1", "CSINode"): storage.csi_node_update,
    (_STORAGE, "v1", "StorageClass"): cluster.storage_class_update,
    (_STORAGE, "v1", "VolumeAttachment"): storage.volume_attachment_update,
    (_STORAGE, "v1", "VolumeAttributesClass"): storage.attributes_class_update,
    _CRD: other.custom_resource_definition_update,
}
"""What an update of a kind may change, given (new, old)."""

# Upstream checks these updates for what changed alone, or has its own full check inside the update rule.
_CHANGES_ONLY: Final = frozenset(
    {
        ("", "v1", "Namespace"),
        ("", "v1", "Node"),
        ("", "v1", "Pod"),
        ("", "v1", "Event"),
        ("discovery.k8s.io", "v1", "EndpointSlice"),
        (_NET, "v1", "IPAddress"),
        (_NET, "v1", "IngressClass"),
        (_NET, "v1", "ServiceCIDR"),
        ("node.k8s.io", "v1", "RuntimeClass"),
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        (_STORAGE, "v1", "VolumeAttributesClass"),
    }
)
# Upstream asks first what changed and then what is.
_CHANGES_FIRST: Final = frozenset({("apps", "v1", "DaemonSet"), (_RBAC, "v1", "RoleBinding")})
_ON_UPDATE: Final[Mapping[GVK, Create]] = {(_NET, "v1", "Ingress"): networking.ingress_spec}


def validate_metadata(obj: Object, gvk: GVK, *, custom: bool = False) -> Errors:
    """The errors of a new object's metadata."""
    meta = obj.get("metadata") or {}
    errors = object_meta(meta, name_rule(gvk))
    return errors if custom or not meta.get("finalizers") else errors + kube_finalizers(meta, gvk)


def validate_create(obj: Object, gvk: GVK, *, custom: bool = False) -> Errors:
    """The errors of a new object, in upstream's order; empty when it may be stored. Takes a defaulted object."""
    errors = validate_metadata(obj, gvk, custom=custom)
    rule = CREATE.get(gvk)
    return errors + rule(obj) if rule is not None else errors


PARTS: Final[Mapping[tuple[GVK, str], Update]] = {
    (("", "v1", "Pod"), "ephemeralcontainers"): pod.ephemeral_containers_update,
    (("", "v1", "Pod"), "resize"): pod.resize_update,
}
"""What a write through a sub-resource may change, given (new, old)."""


def validate_update(
    new: Object, old: Object, gvk: GVK, subresource: str = "", *, custom: bool = False
) -> Errors:
    """The errors of an object about to replace a stored one, in upstream's order. Takes defaulted objects."""
    meta = new.get("metadata") or {}
    errors = object_meta_update(meta, old.get("metadata") or {})
    if meta.get("finalizers") and not custom:
        errors += kube_finalizers(meta, gvk)
    if (part := PARTS.get((gvk, subresource))) is not None:
        return errors + part(new, old)
    rule = None if gvk in _CHANGES_ONLY else _ON_UPDATE.get(gvk, CREATE.get(gvk))
    change = UPDATE.get(gvk)
    whole = rule(new) if rule is not None else []
    changed = change(new, old) if change is not None else []
    return errors + (changed + whole if gvk in _CHANGES_FIRST else whole + changed)


STATUS: Final[Mapping[GVK, Create]] = {
    ("apps", "v1", "DaemonSet"): apps.daemon_set_status,
    ("apps", "v1", "Deployment"): apps.deployment_status,
    ("apps", "v1", "ReplicaSet"): apps.replica_set_status,
    ("apps", "v1", "StatefulSet"): apps.stateful_set_status,
}
"""What the status of a kind must keep."""


def validate_status(new: Object, gvk: GVK) -> Errors:
    """The errors of an object whose status was written."""
    rule = STATUS.get(gvk)
    return rule(new) if rule is not None else []

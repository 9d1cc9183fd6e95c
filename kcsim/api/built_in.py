"""The kinds that every API server serves, in the order of discovery.

**Imitates:** API discovery of kube-apiserver 1.36 and the strategies of pkg/registry/*. Left out: alpha and beta groups,
aggregated APIs, storage version hashes.
"""

from typing import Any, Final

from kcsim.api.resources import Resource, split_api_version

_NO_COLLECTION: Final = ("create", "delete", "get", "list", "patch", "update", "watch")
_CREATE: Final = ("create",)


def _kind(group_version: str, kind: str, plural: str, short: str = "", **facts: Any) -> Resource:
    group, version = split_api_version(group_version)
    short_names = tuple(short.split(",")) if short else ()
    facts.setdefault("singular", kind.lower())
    facts.setdefault("namespaced", True)
    return Resource(group, version, kind, plural, short_names=short_names, **facts)


# ---- the built-in table, in the order of discovery: an ambiguous word means the first that has it

_ALL: Final = ("all",)
_STATUS: Final = ("status",)
_SCALE: Final = ("scale", "status")
_POD_SUB: Final = (
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "log",
    "portforward",
    "proxy",
    "resize",
    "status",
)
_POD_FIELDS: Final = (
    "spec.nodeName",
    "spec.host",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
)
_REFERENCE: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT_FIELDS: Final = (
    *(f"involvedObject.{part}" for part in _REFERENCE),
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_NEW_EVENT_FIELDS: Final = (
    *(f"regarding.{part}" for part in _REFERENCE),
    "reason",
    "reportingController",
    "type",
)
_ADM: Final = "admissionregistration.k8s.io/v1"
_AUTHN: Final = "authentication.k8s.io/v1"
_AUTHZ: Final = "authorization.k8s.io/v1"
_NET: Final = "networking.k8s.io/v1"
_RBAC: Final = "rbac.authorization.k8s.io/v1"
_STORAGE: Final = "storage.k8s.io/v1"
_FLOW: Final = "flowcontrol.apiserver.k8s.io/v1"
_DRA: Final = "resource.k8s.io/v1"

BUILT_IN: Final[tuple[Resource, ...]] = (
    _kind("v1", "Binding", "bindings", verbs=_CREATE),
    _kind("v1", "ComponentStatus", "componentstatuses", "cs", namespaced=False, verbs=("get", "list")),
    _kind("v1", "ConfigMap", "configmaps", "cm"),
    _kind("v1", "Endpoints", "endpoints", "ep", create_on_update=True),
    _kind("v1", "Event", "events", "ev", create_on_update=True, field_selectors=_EVENT_FIELDS),
    _kind("v1", "LimitRange", "limitranges", "limits", create_on_update=True),
    _kind(
        "v1",
        "Namespace",
        "namespaces",
        "ns",
        namespaced=False,
        verbs=_NO_COLLECTION,
        subresources=("finalize", "status"),
        field_selectors=("status.phase",),
    ),
    _kind(
        "v1",
        "Node",
        "nodes",
        "no",
        namespaced=False,
        subresources=("proxy", "status"),
        field_selectors=("spec.unschedulable",),
    ),
    _kind(
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        "pvc",
        subresources=_STATUS,
        returns_deleted=True,
    ),
    _kind(
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        "pv",
        namespaced=False,
        subresources=_STATUS,
        returns_deleted=True,
    ),
    _kind(
        "v1",
        "Pod",
        "pods",
        "po",
        categories=_ALL,
        subresources=_POD_SUB,
        generation="spec",
        returns_deleted=True,
        graceful=True,
        field_selectors=_POD_FIELDS,
    ),
    _kind("v1", "PodTemplate", "podtemplates", generation="content", returns_deleted=True),
    _kind(
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        "rc",
        categories=_ALL,
        subresources=_SCALE,
        generation="spec",
        orphan_by_default=True,
        field_selectors=("status.replicas",),
    ),
    _kind("v1", "ResourceQuota", "resourcequotas", "quota", subresources=_STATUS, returns_deleted=True),
    _kind("v1", "Secret", "secrets", field_selectors=("type",)),
    _kind("v1", "ServiceAccount", "serviceaccounts", "sa", subresources=("token",), returns_deleted=True),
    _kind(
        "v1",
        "Service",
        "services",
        "svc",
        categories=_ALL,
        subresources=("proxy", "status"),
        create_on_update=True,
        returns_deleted=True,
        field_selectors=("spec.clusterIP", "spec.type"),
    ),
    _kind(
        "apiregistration.k8s.io/v1",
        "APIService",
        "apiservices",
        namespaced=False,
        categories=("api-extensions",),
        subresources=_STATUS,
        unconditional_update=False,
    ),
    _kind("apps/v1", "ControllerRevision", "controllerrevisions"),
    _kind(
        "apps/v1", "DaemonSet", "daemonsets", "ds", categories=_ALL, subresources=_STATUS, generation="spec"
    ),
    _kind(
        "apps/v1",
        "Deployment",
        "deployments",
        "deploy",
        categories=_ALL,
        subresources=_SCALE,
        generation="spec+annotations",
    ),
    _kind(
        "apps/v1", "ReplicaSet", "replicasets", "rs", categories=_ALL, subresources=_SCALE, generation="spec"
    ),
    _kind(
        "apps/v1",
        "StatefulSet",
        "statefulsets",
        "sts",
        categories=_ALL,
        subresources=_SCALE,
        generation="spec",
    ),
    _kind(
        "events.k8s.io/v1",
        "Event",
        "events",
        "ev",
        create_on_update=True,
        field_selectors=_NEW_EVENT_FIELDS,
        storage="v1",
    ),
    _kind(_AUTHN, "SelfSubjectReview", "selfsubjectreviews", namespaced=False, verbs=_CREATE),
    _kind(_AUTHN, "TokenReview", "tokenreviews", namespaced=False, verbs=_CREATE),
    _kind(_AUTHZ, "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=_CREATE),
    _kind(_AUTHZ, "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False, verbs=_CREATE),
    _kind(_AUTHZ, "SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False, verbs=_CREATE),
    _kind(_AUTHZ, "SubjectAccessReview", "subjectaccessreviews", namespaced=False, verbs=_CREATE),
    _kind(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
        categories=_ALL,
        subresources=_STATUS,
    ),
    _kind(
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        "hpa",
        categories=_ALL,
        subresources=_STATUS,
        storage="autoscaling/v2",
    ),
    _kind("batch/v1", "CronJob", "cronjobs", "cj", categories=_ALL, subresources=_STATUS, generation="spec"),
    _kind(
        "batch/v1",
        "Job",
        "jobs",
        categories=_ALL,
        subresources=_STATUS,
        generation="spec",
        orphan_by_default=True,
        field_selectors=("status.successful",),
    ),
    _kind(
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        "csr",
        namespaced=False,
        subresources=("approval", "status"),
        field_selectors=("spec.signerName",),
    ),
    _kind(_NET, "IngressClass", "ingressclasses", namespaced=False, generation="spec"),
    _kind(_NET, "Ingress", "ingresses", "ing", subresources=_STATUS, generation="spec"),
    _kind(_NET, "IPAddress", "ipaddresses", "ip", namespaced=False),
    _kind(_NET, "NetworkPolicy", "networkpolicies", "netpol", generation="spec"),
    _kind(_NET, "ServiceCIDR", "servicecidrs", namespaced=False, subresources=_STATUS),
    _kind(
        "policy/v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        "pdb",
        subresources=_STATUS,
        generation="spec",
        unconditional_update=False,
    ),
    _kind(_RBAC, "ClusterRoleBinding", "clusterrolebindings", namespaced=False, create_on_update=True),
    _kind(_RBAC, "ClusterRole", "clusterroles", namespaced=False, create_on_update=True),
    _kind(_RBAC, "RoleBinding", "rolebindings", create_on_update=True),
    _kind(_RBAC, "Role", "roles", create_on_update=True),
    _kind(
        _STORAGE,
        "CSIDriver",
        "csidrivers",
        namespaced=False,
        generation="spec",
        unconditional_update=False,
        returns_deleted=True,
    ),
    _kind(
        _STORAGE, "CSINode", "csinodes", namespaced=False, unconditional_update=False, returns_deleted=True
    ),
    _kind(_STORAGE, "CSIStorageCapacity", "csistoragecapacities", unconditional_update=False),
    _kind(_STORAGE, "StorageClass", "storageclasses", "sc", namespaced=False, returns_deleted=True),
    _kind(
        _STORAGE,
        "VolumeAttachment",
        "volumeattachments",
        namespaced=False,
        subresources=_STATUS,
        unconditional_update=False,
        returns_deleted=True,
    ),
    _kind(
        _STORAGE,
        "VolumeAttributesClass",
        "volumeattributesclasses",
        "vac",
        namespaced=False,
        returns_deleted=True,
    ),
    _kind(
        _ADM,
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
        namespaced=False,
        categories=("api-extensions",),
        generation="spec",
        unconditional_update=False,
    ),
    _kind(
        _ADM,
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
        namespaced=False,
        categories=("api-extensions",),
        generation="spec",
        unconditional_update=False,
    ),
    _kind(
        _ADM,
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        namespaced=False,
        categories=("api-extensions",),
        generation="content",
        unconditional_update=False,
    ),
    _kind(
        _ADM,
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        namespaced=False,
        categories=("api-extensions",),
        subresources=_STATUS,
        generation="spec",
        unconditional_update=False,
    ),
    _kind(
        _ADM,
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        namespaced=False,
        categories=("api-extensions",),
        generation="spec",
        unconditional_update=False,
    ),
    _kind(
        _ADM,
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        namespaced=False,
        categories=("api-extensions",),
        generation="content",
        unconditional_update=False,
    ),
    _kind(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        "crd,crds",
        namespaced=False,
        categories=("api-extensions",),
        subresources=_STATUS,
        generation="spec",
        unconditional_update=False,
    ),
    _kind(
        "scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", "pc", namespaced=False, generation="fixed"
    ),
    _kind("coordination.k8s.io/v1", "Lease", "leases", create_on_update=True, unconditional_update=False),
    _kind(
        "node.k8s.io/v1",
        "RuntimeClass",
        "runtimeclasses",
        namespaced=False,
        create_on_update=True,
        unconditional_update=False,
    ),
    _kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", generation="content+labels"),
    _kind(_DRA, "DeviceClass", "deviceclasses", namespaced=False, generation="spec", returns_deleted=True),
    _kind(_DRA, "ResourceClaim", "resourceclaims", subresources=_STATUS, returns_deleted=True),
    _kind(_DRA, "ResourceClaimTemplate", "resourceclaimtemplates", returns_deleted=True),
    _kind(_DRA, "ResourceSlice", "resourceslices", namespaced=False, generation="spec", returns_deleted=True),
    _kind(
        _FLOW,
        "FlowSchema",
        "flowschemas",
        namespaced=False,
        subresources=_STATUS,
        generation="spec",
        unconditional_update=False,
    ),
    _kind(
        _FLOW,
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        namespaced=False,
        subresources=_STATUS,
        generation="spec",
        unconditional_update=False,
    ),
)

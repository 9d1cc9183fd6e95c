"""What each controller may do where it acts under a ServiceAccount of its own: the roles ``system:controller:*``.

**Imitates:** plugin/pkg/auth/authorizer/rbac/bootstrappolicy ``controller_policy.go`` and ``namespace_policy.go`` with the gates
that are on in v1.36. Differs: kcsim's controllers act as the controller manager, whose own role allows everything, so these
roles are there to be read and bound, and nobody uses them.

**Walk:** a line here is groups, resources, verbs and names, as ``bootstrap_policy.rule`` reads them -> ``bootstrap_policy``
makes roles and bindings of it.
"""

from __future__ import annotations

from typing import Final

_READ = "get list watch"
_FOLLOW = "list watch"
_EVENTS = ("core events.k8s.io", "events", "create patch update")
_PODS_OF_A_SET = ("core", "pods", "create delete list patch watch")
_POD_STATUS = ("core", "pods/status", "patch update")
_NODE_STATUS = ("core", "nodes/status", "patch update")
_CERTIFICATES = "certificates.k8s.io"

Line = tuple[str, ...]

CONTROLLERS: Final[dict[str, tuple[Line, ...]]] = {
    "attachdetach-controller": (
        ("core", "persistentvolumeclaims persistentvolumes", _FOLLOW),
        ("core", "nodes", _READ),
        _NODE_STATUS,
        ("core", "pods", _FOLLOW),
        _EVENTS,
        ("storage.k8s.io", "volumeattachments", "create delete get list watch"),
        ("storage.k8s.io", "csidrivers", _READ),
        ("storage.k8s.io", "csinodes", _READ),
    ),
    "certificate-controller": (
        (_CERTIFICATES, "certificatesigningrequests", "delete get list watch"),
        (_CERTIFICATES, "certificatesigningrequests/approval certificatesigningrequests/status", "update"),
        (_CERTIFICATES, "signers", "approve", "kubernetes.io/kube-apiserver-client-kubelet"),
        (
            _CERTIFICATES,
            "signers",
            "sign",
            "kubernetes.io/kube-apiserver-client",
            "kubernetes.io/kube-apiserver-client-kubelet",
            "kubernetes.io/kubelet-serving",
            "kubernetes.io/legacy-unknown",
        ),
        ("authorization.k8s.io", "subjectaccessreviews", "create"),
        _EVENTS,
    ),
    "clusterrole-aggregation-controller": (
        ("rbac.authorization.k8s.io", "clusterroles", "escalate get list patch update watch"),
    ),
    "cronjob-controller": (
        ("batch", "cronjobs", "get list update watch"),
        ("batch", "jobs", "create delete get list patch update watch"),
        ("batch", "cronjobs/status", "update"),
        ("batch", "cronjobs/finalizers", "update"),
        ("core", "pods", "delete list watch"),
        _EVENTS,
    ),
    "daemon-set-controller": (
        ("apps extensions", "daemonsets", _READ),
        ("apps extensions", "daemonsets/status", "update"),
        ("apps extensions", "daemonsets/finalizers", "update"),
        ("core", "nodes", _FOLLOW),
        _PODS_OF_A_SET,
        ("core", "pods/binding", "create"),
        ("apps", "controllerrevisions", "create delete get list patch update watch"),
        _EVENTS,
    ),
    "deployment-controller": (
        ("apps extensions", "deployments", "get list update watch"),
        ("apps extensions", "deployments/status", "update"),
        ("apps extensions", "deployments/finalizers", "update"),
        ("apps extensions", "replicasets", "create delete get list patch update watch"),
        ("core", "pods", "get list update watch"),
        _EVENTS,
    ),
    "device-taint-eviction-controller": (
        ("core", "pods", "delete get list watch"),
        _POD_STATUS,
        ("resource.k8s.io", "resourceclaims", _READ),
        ("resource.k8s.io", "resourceslices", _READ),
        ("resource.k8s.io", "deviceclasses", _READ),
        ("resource.k8s.io", "devicetaintrules", _READ),
        _EVENTS,
    ),
    "disruption-controller": (
        ("apps extensions", "deployments", _READ),
        ("apps extensions", "replicasets", _READ),
        ("core", "replicationcontrollers", _READ),
        ("policy", "poddisruptionbudgets", _READ),
        ("apps", "statefulsets", _READ),
        ("policy", "poddisruptionbudgets/status", "update"),
        _POD_STATUS,
        ("*", "*/scale", "get"),
        _EVENTS,
    ),
    "endpoint-controller": (
        ("core", "pods services", _READ),
        ("core", "endpoints", "create delete get list update watch"),
        ("core", "endpoints/restricted", "create"),
        _EVENTS,
    ),
    "endpointslice-controller": (
        ("core", "nodes pods services", _READ),
        ("core", "services/finalizers", "update"),
        ("discovery.k8s.io", "endpointslices", "create delete get list update watch"),
        _EVENTS,
    ),
    "endpointslicemirroring-controller": (
        ("core", "endpoints services", _READ),
        ("core", "services/finalizers", "update"),
        ("core", "endpoints/finalizers", "update"),
        ("discovery.k8s.io", "endpointslices", "create delete get list update watch"),
        _EVENTS,
    ),
    "ephemeral-volume-controller": (
        ("core", "pods", _READ),
        ("core", "pods/finalizers", "update"),
        ("core", "persistentvolumeclaims", "create get list watch"),
        _EVENTS,
    ),
    "expand-controller": (
        ("core", "persistentvolumes", "get list patch update watch"),
        ("core", "persistentvolumeclaims/status", "patch update"),
        ("core", "persistentvolumeclaims", _READ),
        _EVENTS,
        ("core", "services", "get"),
    ),
    "generic-garbage-collector": (("*", "*", "delete get list patch update watch"), _EVENTS),
    "horizontal-pod-autoscaler": (
        ("autoscaling", "horizontalpodautoscalers", _READ),
        ("autoscaling", "horizontalpodautoscalers/status", "update"),
        ("*", "*/scale", "get update"),
        ("core", "pods", _FOLLOW),
        ("metrics.k8s.io", "pods", _FOLLOW),
        ("custom.metrics.k8s.io", "*", _READ),
        ("external.metrics.k8s.io", "*", _READ),
        _EVENTS,
    ),
    "job-controller": (
        ("batch", "jobs", "get list patch update watch"),
        ("batch", "jobs/status", "update"),
        ("batch", "jobs/finalizers", "update"),
        _PODS_OF_A_SET,
        _EVENTS,
    ),
    "legacy-service-account-token-cleaner": (
        ("core", "configmaps", "get", "kube-apiserver-legacy-service-account-token-tracking"),
        ("core", "secrets", "delete patch"),
    ),
    "namespace-controller": (
        ("core", "namespaces", "delete get list watch"),
        ("core", "namespaces/finalize namespaces/status", "update"),
        ("*", "*", "delete deletecollection get list watch"),
    ),
    "node-controller": (
        ("core", "nodes", "delete get list patch update watch"),
        _NODE_STATUS,
        _POD_STATUS,
        ("core", "pods", "delete get list watch"),
        _EVENTS,
    ),
    "persistent-volume-binder": (
        ("core", "persistentvolumes", "create delete get list update watch"),
        ("core", "persistentvolumes/status", "update"),
        ("core", "persistentvolumeclaims", "get list update watch"),
        ("core", "persistentvolumeclaims/status", "update"),
        ("core", "pods", "create delete get list watch"),
        ("storage.k8s.io", "storageclasses", _READ),
        ("core", "nodes", _FOLLOW),
        _EVENTS,
        ("core", "events", "watch"),
        ("core", "services", "get"),
    ),
    "pod-garbage-collector": (
        ("core", "pods", "delete list watch"),
        ("core", "nodes", _READ),
        ("core", "pods/status", "patch"),
    ),
    "pv-protection-controller": (("core", "persistentvolumes", "get list update watch"), _EVENTS),
    "pvc-protection-controller": (
        ("core", "persistentvolumeclaims", "get list update watch"),
        ("core", "pods", _READ),
        _EVENTS,
    ),
    "replicaset-controller": (
        ("apps extensions", "replicasets", "get list update watch"),
        ("apps extensions", "replicasets/status", "update"),
        ("apps extensions", "replicasets/finalizers", "update"),
        _PODS_OF_A_SET,
        _EVENTS,
    ),
    "replication-controller": (
        ("core", "replicationcontrollers", "get list update watch"),
        ("core", "replicationcontrollers/status", "update"),
        ("core", "replicationcontrollers/finalizers", "update"),
        _PODS_OF_A_SET,
        _EVENTS,
    ),
    "resource-claim-controller": (
        ("core", "pods", _READ),
        ("core", "pods/finalizers", "update"),
        ("resource.k8s.io", "resourceclaims", "create delete get list watch"),
        ("resource.k8s.io", "resourceclaims resourceclaims/status", "patch update"),
        _POD_STATUS,
        _EVENTS,
    ),
    "resourcequota-controller": (
        ("*", "*", _FOLLOW),
        ("core", "resourcequotas/status", "update"),
        _EVENTS,
    ),
    "root-ca-cert-publisher": (("core", "configmaps", "create update"), _EVENTS),
    "route-controller": (("core", "nodes", _FOLLOW), ("core", "nodes/status", "patch"), _EVENTS),
    "selinux-warning-controller": (
        _EVENTS,
        ("core", "persistentvolumes", _READ),
        ("core", "persistentvolumeclaims", _READ),
        ("core", "pods", _READ),
        ("storage.k8s.io", "csidrivers", _READ),
    ),
    "service-account-controller": (("core", "serviceaccounts", "create"), _EVENTS),
    "service-cidrs-controller": (
        ("networking.k8s.io", "servicecidrs", "get list patch update watch"),
        ("networking.k8s.io", "servicecidrs/finalizers", "patch update"),
        ("networking.k8s.io", "servicecidrs/status", "patch update"),
        ("networking.k8s.io", "ipaddresses", _READ),
        _EVENTS,
    ),
    "service-controller": (
        ("core", "services", _READ),
        ("core", "services/status", "patch update"),
        ("core", "nodes", _FOLLOW),
        _EVENTS,
    ),
    "statefulset-controller": (
        ("core", "pods", _FOLLOW),
        ("apps", "statefulsets", _READ),
        ("apps", "statefulsets/status", "update"),
        ("apps", "statefulsets/finalizers", "update"),
        ("core", "pods", "create delete get patch update"),
        ("apps", "controllerrevisions", "create delete get list patch update watch"),
        ("core", "persistentvolumeclaims", "create get list watch"),
        ("core", "persistentvolumeclaims", "delete update"),
        ("core", "pods/finalizers", "update"),
        _EVENTS,
    ),
    "ttl-after-finished-controller": (("batch", "jobs", "delete get list watch"), _EVENTS),
    "ttl-controller": (("core", "nodes", "list patch update watch"), _EVENTS),
    "validatingadmissionpolicy-status-controller": (
        ("admissionregistration.k8s.io", "validatingadmissionpolicies", _READ),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies/status", "get patch update"),
        _EVENTS,
    ),
    "volumeattributesclass-protection-controller": (
        ("core", "persistentvolumeclaims", _READ),
        ("core", "persistentvolumes", _READ),
        ("storage.k8s.io", "volumeattributesclasses", "get list update watch"),
        _EVENTS,
    ),
}
"""By the name of the ServiceAccount in kube-system that the role is bound to."""

_LEADING = "system::leader-locking-kube"
_READER = "extension-apiserver-authentication-reader"
_SIGNER, _CLOUD, _CLEANER = (
    f"system:controller:{name}" for name in ("bootstrap-signer", "cloud-provider", "token-cleaner")
)

NAMESPACED: Final[dict[tuple[str, str], tuple[Line, ...]]] = {
    ("kube-public", _SIGNER): (
        ("core", "configmaps", _READ),
        ("core", "configmaps", "update", "cluster-info"),
        _EVENTS,
    ),
    ("kube-system", _READER): (("core", "configmaps", _READ, "extension-apiserver-authentication"),),
    ("kube-system", f"{_LEADING}-controller-manager"): (
        ("core", "configmaps", "watch"),
        ("core", "configmaps", "get update", "kube-controller-manager"),
        ("coordination.k8s.io", "leases", "create get list update watch"),
    ),
    ("kube-system", f"{_LEADING}-scheduler"): (
        ("core", "configmaps", "watch"),
        ("core", "configmaps", "get update", "kube-scheduler"),
    ),
    ("kube-system", _SIGNER): (("core", "secrets", _READ),),
    ("kube-system", _CLOUD): (("core", "configmaps", "create get list watch"),),
    ("kube-system", _CLEANER): (("core", "secrets", "delete get list watch"), _EVENTS),
}
"""The Roles, by namespace and name."""

_MANAGER, _SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"

NAMESPACED_BINDINGS: Final[tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...]] = (
    ("kube-public", _SIGNER, _SIGNER, (("ServiceAccount", "bootstrap-signer"),)),
    ("kube-system", f"system::{_READER}", _READER, (("User", _MANAGER), ("User", _SCHEDULER))),
    (
        "kube-system",
        f"{_LEADING}-controller-manager",
        f"{_LEADING}-controller-manager",
        (
            ("User", _MANAGER),
            ("ServiceAccount", "kube-controller-manager"),
            ("ServiceAccount", "leader-election-controller"),
        ),
    ),
    (
        "kube-system",
        f"{_LEADING}-scheduler",
        f"{_LEADING}-scheduler",
        (("User", _SCHEDULER), ("ServiceAccount", "kube-scheduler")),
    ),
    ("kube-system", _SIGNER, _SIGNER, (("ServiceAccount", "bootstrap-signer"),)),
    ("kube-system", _CLOUD, _CLOUD, (("ServiceAccount", "cloud-provider"),)),
    ("kube-system", _CLEANER, _CLEANER, (("ServiceAccount", "token-cleaner"),)),
)
"""Their bindings: namespace, name, role, and to whom, accounts being those of kube-system."""

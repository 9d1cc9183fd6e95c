"""The roles and bindings that every cluster has: the API server's bootstrap policy.

**Imitates:** plugin/pkg/auth/authorizer/rbac/bootstrappolicy (policy.go, v1.36): the user-facing roles with what they aggregate,
and those of the system, by name and rule. Differs: controller manager, scheduler, nodes and proxies have the rights that their
parts need here. Those of the controllers stand in ``controller_policy``.

**Walk:** ``cluster_roles`` with the rules of those that aggregate worked out, as a cluster has them once its controller manager
has run -> ``cluster_role_bindings`` -> ``roles`` and ``role_bindings`` of kube-system and kube-public.
"""

from __future__ import annotations

from typing import Any

from kcsim.api.objects import Object
from kcsim.cluster.controllers.clusterroleaggregation.controller import aggregated
from kcsim.simulation.controller_policy import CONTROLLERS, NAMESPACED, NAMESPACED_BINDINGS

GROUP = "rbac.authorization.k8s.io"
Rule = dict[str, Any]

_READ = "get list watch"
_CHANGE = "create delete deletecollection patch update"
_ALL = "create delete deletecollection get list patch update watch"
_CONTROLLER = "system:controller:"
_RECORD = "create patch update"
_CERTIFICATES = "system:certificates.k8s.io"


def rule(groups: str, resources: str, verbs: str, *names: str) -> Rule:
    """A PolicyRule; words between blanks, ``core`` for the group without a name."""
    made = {
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }
    return {**made, "resourceNames": list(names)} if names else made


def _urls(*urls: str) -> Rule:
    return {"nonResourceURLs": list(urls), "verbs": ["get"]}


_SCALES = "deployments deployments/scale replicasets replicasets/scale"
_EDIT = [
    rule("core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", _READ),
    rule("core", "serviceaccounts", "impersonate"),
    rule("core", "pods pods/attach pods/exec pods/portforward pods/proxy", _CHANGE),
    rule("core", "pods/eviction", "create"),
    rule(
        "core",
        "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services "
        "services/proxy",
        _CHANGE,
    ),
    rule("core", "serviceaccounts/token", "create"),
    rule("core events.k8s.io", "events", _CHANGE),
    rule(
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets "
        "statefulsets/scale",
        _CHANGE,
    ),
    rule("autoscaling", "horizontalpodautoscalers", _CHANGE),
    rule("batch", "cronjobs jobs", _CHANGE),
    rule(
        "extensions",
        "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale "
        "replicationcontrollers/scale",
        _CHANGE,
    ),
    rule("policy", "poddisruptionbudgets", _CHANGE),
    rule("networking.k8s.io", "ingresses networkpolicies", _CHANGE),
    rule("coordination.k8s.io", "leases", _ALL),
    rule("resource.k8s.io", "resourceclaims resourceclaimtemplates", _CHANGE),
]
_VIEW = [
    rule(
        "core",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
        "replicationcontrollers/scale serviceaccounts services services/status",
        _READ,
    ),
    rule(
        "core",
        "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas "
        "resourcequotas/status",
        _READ,
    ),
    rule("core", "namespaces", _READ),
    rule("core events.k8s.io", "events", _READ),
    rule("discovery.k8s.io", "endpointslices", _READ),
    rule(
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets "
        "replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
        _READ,
    ),
    rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", _READ),
    rule("batch", "cronjobs cronjobs/status jobs jobs/status", _READ),
    rule(
        "extensions",
        "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status "
        "networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale",
        _READ,
    ),
    rule("policy", "poddisruptionbudgets poddisruptionbudgets/status", _READ),
    rule("networking.k8s.io", "ingresses ingresses/status networkpolicies", _READ),
    rule("resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates", _READ),
]
_REVIEWS = [
    rule("authentication.k8s.io", "tokenreviews", "create"),
    rule("authorization.k8s.io", "subjectaccessreviews", "create"),
]
_EVENTS = rule("core events.k8s.io", "events", _RECORD)

_ROLES: dict[str, list[Rule]] = {
    "cluster-admin": [rule("*", "*", "*"), {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "system:aggregate-to-admin": [
        rule("authorization.k8s.io", "localsubjectaccessreviews", "create"),
        rule(GROUP, "rolebindings roles", _ALL),
    ],
    "system:aggregate-to-edit": _EDIT,
    "system:aggregate-to-view": _VIEW,
    "system:auth-delegator": _REVIEWS,
    "system:basic-user": [
        rule("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
        rule("authentication.k8s.io", "selfsubjectreviews", "create"),
    ],
    f"{_CERTIFICATES}:certificatesigningrequests:nodeclient": [
        rule("certificates.k8s.io", "certificatesigningrequests/nodeclient", "create")
    ],
    f"{_CERTIFICATES}:certificatesigningrequests:selfnodeclient": [
        rule("certificates.k8s.io", "certificatesigningrequests/selfnodeclient", "create")
    ],
    **{
        f"{_CERTIFICATES}:{name}-approver": [
            rule("certificates.k8s.io", "signers", "approve", f"kubernetes.io/{name}")
        ]
        for name in (
            "kube-apiserver-client",
            "kube-apiserver-client-kubelet",
            "kubelet-serving",
            "legacy-unknown",
        )
    },
    "system:discovery": [
        _urls(
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
        )
    ],
    "system:heapster": [
        rule("core", "events namespaces nodes pods", _READ),
        rule("extensions", "deployments", _READ),
    ],
    "system:kube-aggregator": [rule("core", "endpoints services", _READ)],
    # Differs: broader than upstream's, which gives each controller a ServiceAccount of its own.
    "system:kube-controller-manager": [rule("*", "*", "*")],
    "system:kube-dns": [rule("core", "endpoints services", "list watch")],
    "system:kube-scheduler": [
        rule("core apps policy storage.k8s.io scheduling.k8s.io", "*", _READ),
        rule("core", "pods", "delete get list watch"),
        rule("core", "bindings pods/binding", "create"),
        rule("core", "pods/status", "patch update"),
        _EVENTS,
        rule("coordination.k8s.io", "leases", "create get update"),
    ],
    "system:kubelet-api-admin": [
        rule("core", "nodes", _READ),
        rule("core", "nodes", "proxy"),
        rule("core", "nodes/log nodes/metrics nodes/proxy nodes/stats", "*"),
    ],
    "system:monitoring": [
        _urls(
            "/healthz",
            "/healthz/*",
            "/livez",
            "/livez/*",
            "/metrics",
            "/metrics/slis",
            "/readyz",
            "/readyz/*",
        )
    ],
    "system:node": [
        rule("core", "nodes nodes/status", "create get list patch update watch"),
        rule("core", "pods", "create delete get list watch"),
        rule("core", "pods/status", "patch update"),
        rule("core", "configmaps persistentvolumeclaims persistentvolumes secrets services", _READ),
        rule("core", "serviceaccounts serviceaccounts/token", "create get list watch"),
        _EVENTS,
        rule("coordination.k8s.io", "leases", "create delete get patch update"),
        rule("storage.k8s.io", "*", _READ),
    ],
    "system:node-bootstrapper": [
        rule("certificates.k8s.io", "certificatesigningrequests", "create get list watch")
    ],
    "system:node-problem-detector": [
        rule("core", "nodes", "get"),
        rule("core", "nodes/status", "patch"),
        _EVENTS,
    ],
    "system:node-proxier": [
        rule("core", "endpoints nodes services", _READ),
        _EVENTS,
        rule("discovery.k8s.io", "endpointslices", _READ),
    ],
    "system:persistent-volume-provisioner": [
        rule("core", "persistentvolumes", "create delete get list watch"),
        rule("core", "persistentvolumeclaims", "get list update watch"),
        rule("storage.k8s.io", "storageclasses", _READ),
        rule("core", "events", "watch"),
        _EVENTS,
    ],
    "system:public-info-viewer": [_urls("/healthz", "/livez", "/readyz", "/version", "/version/")],
    "system:service-account-issuer-discovery": [
        _urls("/.well-known/openid-configuration", "/openid/v1/jwks")
    ],
    "system:volume-scheduler": [
        rule("core", "persistentvolumes", "get list patch update watch"),
        rule("storage.k8s.io", "storageclasses", _READ),
        rule("core", "persistentvolumeclaims", "get list patch update watch"),
    ],
    **{f"{_CONTROLLER}{name}": [rule(*line) for line in lines] for name, lines in CONTROLLERS.items()},
}

_AGGREGATES = ("view", "edit", "admin")
"""In the order in which each can be worked out: every one selects the one before it."""
_SELECTED_FOR = {
    "system:aggregate-to-admin": "admin",
    "edit": "admin",
    "system:aggregate-to-edit": "edit",
    "view": "edit",
    "system:aggregate-to-view": "view",
}

_BINDINGS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("cluster-admin", "Group", ("system:masters",)),
    ("system:basic-user", "Group", ("system:authenticated",)),
    ("system:discovery", "Group", ("system:authenticated",)),
    ("system:kube-controller-manager", "User", ("system:kube-controller-manager",)),
    ("system:kube-dns", "ServiceAccount", ("kube-dns",)),
    ("system:kube-scheduler", "User", ("system:kube-scheduler",)),
    ("system:monitoring", "Group", ("system:monitoring",)),
    # Upstream's authorizer for nodes goes by what is bound to each; the binding has no subjects there.
    ("system:node", "Group", ("system:nodes",)),
    ("system:node-proxier", "User", ("system:kube-proxy",)),
    ("system:public-info-viewer", "Group", ("system:authenticated", "system:unauthenticated")),
    ("system:service-account-issuer-discovery", "Group", ("system:serviceaccounts",)),
    ("system:volume-scheduler", "User", ("system:kube-scheduler",)),
    *((f"{_CONTROLLER}{name}", "ServiceAccount", (name,)) for name in CONTROLLERS),
)


def cluster_role(name: str, rules: list[Rule]) -> Object:
    """A ClusterRole."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def cluster_role_binding(name: str, role: str, *subjects: dict[str, str]) -> Object:
    """A ClusterRoleBinding."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }


def cluster_roles() -> list[Object]:
    """All ClusterRoles, by name, as the API server makes them: those that aggregate have no rules yet."""
    roles = {name: _marked(cluster_role(name, rules)) for name, rules in _ROLES.items()}
    for name in _AGGREGATES:
        role = {k: v for k, v in _marked(cluster_role(name, [])).items() if k != "rules"}
        selector = {"matchLabels": {_label(name): "true"}}
        roles[name] = {**role, "aggregationRule": {"clusterRoleSelectors": [selector]}}
    return [roles[name] for name in sorted(roles)]


def aggregated_rules() -> list[tuple[str, Object]]:
    """What the controller applies to the roles that aggregate, each with its name, in an order that needs one pass."""
    roles = {role["metadata"]["name"]: role for role in cluster_roles()}
    applied = []
    for name in _AGGREGATES:
        rules = aggregated(roles[name], roles.values())
        roles[name] = {**roles[name], "rules": rules}
        applied.append((name, cluster_role(name, rules)))
    return applied


def cluster_role_bindings() -> list[Object]:
    """All ClusterRoleBindings, by name."""
    return [
        _marked(cluster_role_binding(role, role, *(_subject(kind, name) for name in names)))
        for role, kind, names in _BINDINGS
    ]


def roles() -> list[Object]:
    """The Roles of kube-public and kube-system."""
    return [
        _marked(
            {
                "apiVersion": f"{GROUP}/v1",
                "kind": "Role",
                "metadata": {"name": name, "namespace": namespace},
                "rules": [rule(*line) for line in lines],
            }
        )
        for (namespace, name), lines in NAMESPACED.items()
    ]


def role_bindings() -> list[Object]:
    """Their RoleBindings."""
    return [
        _marked(
            {
                "apiVersion": f"{GROUP}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": name, "namespace": namespace},
                "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": role},
                "subjects": [_subject(*subject) for subject in subjects],
            }
        )
        for namespace, name, role, subjects in NAMESPACED_BINDINGS
    ]


def _subject(kind: str, name: str) -> dict[str, str]:
    if kind == "ServiceAccount":
        return {"kind": kind, "name": name, "namespace": "kube-system"}
    return {"apiGroup": GROUP, "kind": kind, "name": name}


def _label(name: str) -> str:
    return f"{GROUP}/aggregate-to-{name}"


def _marked(obj: Object) -> Object:
    """An object of the bootstrap policy, which the API server reconciles at each start."""
    name = obj["metadata"]["name"]
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    if obj["kind"] == "ClusterRole" and name in _SELECTED_FOR:
        labels[_label(_SELECTED_FOR[name])] = "true"
    annotations = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels, "annotations": annotations}}

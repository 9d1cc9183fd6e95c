"""The kinds an API server serves: names, scope, verbs, sub-resources and registry strategy facts.

**Imitates:** API discovery of kube-apiserver 1.36 and the `strategy.go` facts of pkg/registry/* (create on
update, unconditional update, generation, deleted object in the answer, field selectors). Left out: alpha and
beta groups, aggregated APIs, storage version hashes.

**Walk:** a `Catalog` starts with the built-in table; each established CustomResourceDefinition adds one
`Resource` a served version (`add_crd`) and takes it away again (`remove_crd`). Requests look up by
(group, version, plural), objects by kind, and people by the words they type (`deploy`, `deployments.apps`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

GVK = tuple[str, str, str]
"""(group, version, kind); the core group is ""."""

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_NO_COLLECTION: Final = ("create", "delete", "get", "list", "patch", "update", "watch")
_CREATE: Final = ("create",)

Generation = Literal["none", "spec", "spec+annotations", "content", "content+labels", "fixed"]
"""When `metadata.generation` moves: never; with the spec; with spec or annotations (Deployment); with anything
outside metadata and status; that or labels (EndpointSlice); or set to 1 at create and never again."""


def split_api_version(api_version: str) -> tuple[str, str]:
    """Group and version of an `apiVersion`: "apps/v1" -> ("apps", "v1"), "v1" -> ("", "v1")."""
    group, slash, version = api_version.rpartition("/")
    return (group, version) if slash else ("", api_version)


def gvk_of(obj: Mapping[str, Any]) -> GVK:
    """(group, version, kind) an object says it is; missing parts are ""."""
    group, version = split_api_version(obj.get("apiVersion") or "")
    return group, version, obj.get("kind") or ""


@dataclass(frozen=True, slots=True)
class Subresource:
    """One path below an object: the kind it reads and writes, and its verbs. Group and version "" = the parent's."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where the replicas wanted and there are, and the selector as a text; an empty selector: there is none."""

    spec: tuple[str, ...]
    status: tuple[str, ...]
    selector: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource of one served version, and what its registry strategy allows.

    Compared by identity (a catalog holds one of each): it is a dictionary key on the hottest paths.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[str, ...] = ()
    """Names only; `subresource(name)` tells kind and verbs."""
    strategic: bool = True
    """Takes strategic merge patches (built-in kinds); custom resources answer 415."""
    generation: Generation = "none"
    create_on_update: bool = False
    """PUT of a missing object creates it (201) instead of 404."""
    unconditional_update: bool = True
    """PUT without a resourceVersion overwrites; otherwise 422 "must be specified for an update"."""
    returns_deleted: bool = False
    """DELETE answers with the object even when it is really gone; otherwise with a Status."""
    graceful: bool = False
    """DELETE first sets deletionTimestamp and waits for the grace period (pods)."""
    orphan_by_default: bool = False
    """DELETE without a propagation policy orphans the dependents (legacy batch and core controllers)."""
    field_selectors: tuple[str, ...] = ()
    """Beyond metadata.name and metadata.namespace. Empty: the kind has no conversion of field labels, so
    refusals read `"x" is not a known field selector`."""
    storage: str = ""
    """apiVersion it is stored as when that is not its own: a converter is needed to serve it."""
    custom: bool = False
    scale: ScalePaths | None = None
    """Where a custom resource keeps what its scale shows; None for built-in kinds."""
    table: str = field(init=False)
    """Under which its objects are stored: the same for all its versions, and after its definition has changed."""

    word: str = field(init=False)
    """How the trace names one of its objects: `deployment.apps`, `pod`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", self.group_resource)
        object.__setattr__(self, "word", f"{self.singular}.{self.group}" if self.group else self.singular)

    @property
    def group_version(self) -> str:
        """As in `apiVersion`: "apps/v1", "v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """As error messages name it: "deployments.apps", "pods"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def gvk(self) -> GVK:
        """(group, version, kind)."""
        return self.group, self.version, self.kind

    @property
    def storage_version(self) -> str:
        """apiVersion the object is stored as."""
        return self.storage or self.group_version

    @property
    def has_status(self) -> bool:
        """Whether status is written through its own path, and ignored on the main one."""
        return "status" in self.subresources

    def subresource(self, name: str) -> Subresource | None:
        """Kind and verbs of a sub-resource, or None when this resource has no such path."""
        if name not in self.subresources:
            return None
        special = _SUBRESOURCES.get((self.plural, name)) or _SUBRESOURCES.get(("*", name))
        return special or Subresource(name, self.kind, ("get", "patch", "update"))


_CONNECT: Final = ("create", "get")
_PROXY: Final = ("create", "delete", "get", "patch", "update")
_SUBRESOURCES: Final[Mapping[tuple[str, str], Subresource]] = {
    ("*", "scale"): Subresource("scale", "Scale", ("get", "patch", "update"), "autoscaling", "v1"),
    ("namespaces", "finalize"): Subresource("finalize", "Namespace", ("update",)),
    ("nodes", "proxy"): Subresource("proxy", "NodeProxyOptions", _PROXY),
    ("services", "proxy"): Subresource("proxy", "ServiceProxyOptions", _PROXY),
    ("pods", "proxy"): Subresource("proxy", "PodProxyOptions", _PROXY),
    ("pods", "attach"): Subresource("attach", "PodAttachOptions", _CONNECT),
    ("pods", "exec"): Subresource("exec", "PodExecOptions", _CONNECT),
    ("pods", "portforward"): Subresource("portforward", "PodPortForwardOptions", _CONNECT),
    ("pods", "binding"): Subresource("binding", "Binding", _CREATE),
    ("pods", "eviction"): Subresource("eviction", "Eviction", _CREATE, "policy", "v1"),
    ("pods", "log"): Subresource("log", "Pod", ("get",)),
    ("serviceaccounts", "token"): Subresource(
        "token", "TokenRequest", _CREATE, "authentication.k8s.io", "v1"
    ),
}


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


def crd_resources(crd: Mapping[str, Any]) -> list[Resource]:
    """The resources a CustomResourceDefinition serves: one a served version, the storage version first."""
    spec = crd["spec"]
    # Accepted names win once the naming controller has spoken; before that the asked-for names are all there is.
    names = (crd.get("status") or {}).get("acceptedNames") or {}
    names = names if names.get("plural") else spec["names"]
    versions = sorted(spec.get("versions") or (), key=lambda version: not version.get("storage"))
    stored = next((version["name"] for version in versions if version.get("storage")), "")
    return [
        Resource(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec.get("scope") != "Cluster",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=tuple(
                name for name in ("status", "scale") if name in (version.get("subresources") or {})
            ),
            strategic=False,
            generation="content",
            unconditional_update=False,
            field_selectors=tuple(
                field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or ()
            ),
            storage="" if version["name"] == stored else f"{spec['group']}/{stored}",
            custom=True,
            scale=_scale_paths((version.get("subresources") or {}).get("scale")),
        )
        for version in versions
        if version.get("served")
    ]


def _scale_paths(scale: Mapping[str, str] | None) -> ScalePaths | None:
    if not scale:
        return None
    spec, status, selector = (
        tuple(filter(None, scale.get(field, "").split(".")))
        for field in ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
    )
    return ScalePaths(spec, status, selector)


ByPath = dict[tuple[str, str, str], Resource]
ByGVK = dict[GVK, Resource]
ByWord = dict[str, Resource]


class Catalog:
    """The resources of one API server: the built-in ones and those of its custom resource definitions.

    Iteration gives the built-in resources in the order of discovery, then custom ones in the order added.
    """

    __slots__ = ("_by_gvk", "_by_path", "_by_word", "version")

    def __init__(self, resources: tuple[Resource, ...] = BUILT_IN) -> None:
        by_path, by_gvk, by_word = _tables(resources)
        self._by_path = dict(by_path)
        self._by_gvk = dict(by_gvk)
        self._by_word = dict(by_word)
        self.version = len(resources)
        """Grows with every change, for those who cache what they derived from the catalog."""

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_path.values())

    def __len__(self) -> int:
        return len(self._by_path)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource behind a URL path, or None."""
        return self._by_path.get((group, version, plural))

    def by_gvk(self, gvk: GVK) -> Resource | None:
        """The resource of a kind, or None."""
        return self._by_gvk.get(gvk)

    def of(self, obj: Mapping[str, Any]) -> Resource | None:
        """The resource an object belongs to by its apiVersion and kind, or None."""
        return self._by_gvk.get(gvk_of(obj))

    def by_word(self, word: str) -> Resource | None:
        """What a person typed: kind, singular, plural or short name, also as plural.group and plural.version.group.

        Letter case is free; where several groups use a word, the first in discovery order is meant.
        """
        word = word.lower()
        found = self._by_word.get(word)
        if found is not None or word.count(".") < 1:
            return found
        name, version, group = [*word.split(".", 2), ""][:3]
        plain = self._by_word.get(f"{name}.{group}" if group else name)
        return None if plain is None else self.find(group, version, plain.plural)

    def has_group(self, group: str, version: str) -> bool:
        """Whether the group is known (unknown ones are plain-text 404s), one of custom resources in that version."""
        return any(
            known == group and (not item.custom or served == version)
            for (known, served, _), item in self._by_path.items()
        )

    def in_version(self, group: str, version: str) -> list[Resource]:
        """Resources of one group version, sorted by plural as discovery lists them."""
        found = [item for item in self._by_path.values() if (item.group, item.version) == (group, version)]
        return sorted(found, key=lambda item: item.plural)

    def in_category(self, category: str) -> list[Resource]:
        """Resources `kubectl get <category>` fetches; of several versions only the first."""
        return [
            item for item in self if category in item.categories and self.by_word(item.group_resource) == item
        ]

    def group_versions(self) -> list[tuple[str, list[str]]]:
        """Each group with its versions, the preferred version first; the core group "" comes first."""
        groups: dict[str, list[str]] = {}
        for item in self._by_path.values():
            versions = groups.setdefault(item.group, [])
            if item.version not in versions:
                versions.append(item.version)
        return list(groups.items())

    def add_crd(self, crd: Mapping[str, Any]) -> list[Resource]:
        """Serve what a CustomResourceDefinition defines, in place of what it defined before; gives the resources."""
        self.remove_crd(crd)
        added = crd_resources(crd)
        for resource in added:
            self._add(resource)
        return added

    def remove_crd(self, crd: Mapping[str, Any]) -> None:
        """Stop serving the custom resources of a definition; unknown ones are no error."""
        group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
        gone = [item for item in self if item.custom and (item.group, item.plural) == (group, plural)]
        if not gone:
            return
        kept = [item for item in self if item not in gone]
        for table in (self._by_path, self._by_gvk, self._by_word):
            table.clear()
        for resource in kept:
            self._add(resource)
        self.version += 1

    def _add(self, resource: Resource) -> None:
        self.version += 1
        _enter(resource, self._by_path, self._by_gvk, self._by_word)


def _enter(resource: Resource, by_path: ByPath, by_gvk: ByGVK, by_word: ByWord) -> None:
    by_path[resource.group, resource.version, resource.plural] = resource
    by_gvk[resource.gvk] = resource
    # The group-qualified words need no precedence; the bare ones belong to who came first.
    by_word[f"{resource.plural}.{resource.version}.{resource.group}".rstrip(".")] = resource
    kind = resource.kind.lower()
    for name in (resource.plural, resource.singular, kind, *resource.short_names):
        by_word.setdefault(name, resource)
        by_word.setdefault(f"{name}.{resource.group}".rstrip("."), resource)


@lru_cache(maxsize=8)
def _tables(resources: tuple[Resource, ...]) -> tuple[ByPath, ByGVK, ByWord]:
    """The tables that a catalog of these resources begins with; each catalog has copies of its own."""
    tables: tuple[ByPath, ByGVK, ByWord] = ({}, {}, {})
    for resource in resources:
        _enter(resource, *tables)
    return tables

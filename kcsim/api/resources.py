"""What an API server knows of one kind: names, scope, verbs, sub-resources, facts of its registry strategy.

**Imitates:** APIResource of API discovery, and the `strategy.go` facts of pkg/registry/* (create on update, unconditional
update, generation, deleted object in the answer, field selectors) of kube-apiserver 1.36.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

GVK = tuple[str, str, str]
"""(group, version, kind); the core group is ""."""

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
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

"""Resources under construction: an object and the names it had, and the list of them that a build passes along.

**Imitates:** kustomize api/resource/resource.go, api/resmap/reswrangler.go, kyaml/resid. What upstream keeps in
internal annotations stands in fields beside the object here.

Resources and lists are values: every step makes new ones and changes neither object nor list it was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kcsim.api.built_in import BUILT_IN
from kcsim.api.objects import assoc, dissoc
from kcsim.api.selectors import parse as parse_selector
from kcsim.delivery.kustomize.errors import KustomizeError

NOT_A_NAMESPACE = "_non_namespaceable_"

# By group and kind, because manifests may carry versions that are no longer served.
_CLUSTER_SCOPED = frozenset((r.group, r.kind) for r in BUILT_IN if not r.namespaced)


class ResId(NamedTuple):
    """What identifies a resource within a build."""

    group: str
    version: str
    kind: str
    name: str
    namespace: str

    @property
    def is_cluster_scoped(self) -> bool:
        """Certainly so: kinds that nobody knows count as namespaced."""
        return (self.group, self.kind) in _CLUSTER_SCOPED

    @property
    def effective_namespace(self) -> str:
        """The namespace to compare by: none is `default`, and cluster-scoped is a value of its own."""
        return NOT_A_NAMESPACE if self.is_cluster_scoped else self.namespace or "default"

    def equals(self, other: ResId) -> bool:
        """The same resource: group, version, kind, name and effective namespace."""
        return self[:4] == other[:4] and self.effective_namespace == other.effective_namespace

    def is_selected(self, gvk: Gvk) -> bool:
        """Whether each part of `gvk` that is not empty is equal."""
        return all(not wanted or wanted == own for wanted, own in zip(gvk, self[:3], strict=True))

    def __str__(self) -> str:
        gvk = f"{self.kind or '[noKind]'}.{self.version or '[noVer]'}.{self.group or '[noGrp]'}"
        return f"{gvk}/{self.name or '[noName]'}.{self.namespace or '[noNs]'}"


class Gvk(NamedTuple):
    """Group, version and kind to select by; an empty part selects any."""

    group: str = ""
    version: str = ""
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.kind or '[noKind]'}.{self.version or '[noVer]'}.{self.group or '[noGrp]'}"


LEGACY_FIRST = (
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
LEGACY_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""Kinds that kustomize puts first and last when it sorts by kind."""

LEGACY_RANKS: Mapping[str, int] = {kind: i - len(LEGACY_FIRST) for i, kind in enumerate(LEGACY_FIRST)} | {
    kind: i + 1 for i, kind in enumerate(LEGACY_LAST)
}


def legacy_key(gvk: Gvk, ranks: Mapping[str, int] = LEGACY_RANKS) -> tuple[int, str]:
    """What kustomize sorts kinds by; empty parts come last."""
    return ranks.get(gvk.kind, 0), "_".join((gvk.group or "~G", gvk.version or "~V", gvk.kind or "~K"))


@dataclass(frozen=True, slots=True)
class Resource:
    """An object in the middle of a build."""

    obj: dict[str, Any]
    file: str = ""
    """Where it was read or generated."""
    previous: tuple[tuple[str, str, str], ...] = ()
    """(namespace, name, kind) it had before each change of one of them, oldest first."""
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    behaviour: str = ""
    """What a generated resource does with one that is there: create, merge or replace."""
    needs_hash: bool = False
    variables: tuple[str, ...] = field(default=())
    """Names of the vars that read from it."""

    @property
    def id(self) -> ResId:
        """What it is called now."""
        metadata = self.obj.get("metadata") or {}
        group, _, version = self.obj.get("apiVersion", "").rpartition("/")
        return ResId(
            group, version, self.obj.get("kind", ""), metadata.get("name", ""), metadata.get("namespace", "")
        )

    @property
    def previous_ids(self) -> list[ResId]:
        """What it was called before, oldest first, under its present group and version."""
        now = self.id
        return [ResId(now.group, now.version, kind, name, ns) for ns, name, kind in self.previous]

    @property
    def original_id(self) -> ResId:
        """What it was called when it was read."""
        return self.previous_ids[0] if self.previous else self.id

    @property
    def all_ids(self) -> list[ResId]:
        """Every name it goes by."""
        return [*self.previous_ids, self.id]

    def remember(self) -> Resource:
        """The same, with its present name noted down before it changes."""
        now = self.id
        return replace(self, previous=(*self.previous, (now.effective_namespace, now.name, now.kind)))

    def with_object(self, obj: dict[str, Any]) -> Resource:
        """The same resource with another object."""
        return self if obj is self.obj else replace(self, obj=obj)

    def with_name(self, name: str) -> Resource:
        """The same resource under another name."""
        return self.with_object(assoc(self.obj, ("metadata", "name"), name))

    def matches_affixes(self, other: Resource, *, allow_empty: bool) -> bool:
        """Whether both went through the same prefixes and suffixes, as far as the shorter list tells."""
        pairs = ((self.prefixes, other.prefixes), (self.suffixes, other.suffixes))
        return all(_same_ending(a, b) or (allow_empty and not (a and b)) for a, b in pairs)


Resources = tuple[Resource, ...]


def set_namespace(obj: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The object in a namespace; "" takes the field away."""
    path = ("metadata", "namespace")
    result: dict[str, Any] = assoc(obj, path, namespace) if namespace else dissoc(obj, path)
    return result


def append_all(resources: Resources, more: Iterable[Resource]) -> Resources:
    """Both lists; each id only once.

    Raises: KustomizeError.
    """
    result = list(resources)
    # Keyed by what `equals` compares, so that a build of n resources costs n.
    seen = {_key(r.id) for r in result}
    for resource in more:
        key = _key(resource.id)
        if key in seen:
            raise KustomizeError(
                resource.file, f"may not add resource with an already registered id: {resource.id}"
            )
        seen.add(key)
        result.append(resource)
    return tuple(result)


def find_by_any_id(resources: Resources, matches: Callable[[ResId], bool]) -> list[int]:
    """Indexes of the resources that go, or went, by a matching id."""
    return [i for i, r in enumerate(resources) if any(matches(id_) for id_ in r.all_ids)]


def find_one(resources: Resources, wanted: ResId, file: str, purpose: str) -> int:
    """Index of the one resource that goes, or went, by an id.

    Raises: KustomizeError when there is none, or more than one.
    """
    found = find_by_any_id(resources, wanted.equals)
    if len(found) == 1:
        return found[0]
    count = "multiple" if found else "no"
    raise KustomizeError(
        file, f"{purpose}: {count} matches for Id {wanted}; failed to find unique target for patch {wanted}"
    )


def replace_at(resources: Resources, changes: Mapping[int, Resource]) -> Resources:
    """The list with some of its members replaced; those without an object any more are dropped."""
    if not changes:
        return resources
    return drop_empty(tuple(changes.get(i, r) for i, r in enumerate(resources)))


def drop_empty(resources: Resources) -> Resources:
    """The list without resources that a patch deleted."""
    return tuple(r for r in resources if r.obj) if any(not r.obj for r in resources) else resources


def _key(id_: ResId) -> tuple[str, ...]:
    return (*id_[:4], id_.effective_namespace)


def _same_ending(a: Sequence[str], b: Sequence[str]) -> bool:
    short, long = sorted((a, b), key=len)
    return len(long) == 0 if not short else tuple(long[-len(short) :]) == tuple(short)


# ---------------------------------------------------------------- selecting


@dataclass(frozen=True, slots=True)
class Selector:
    """Which resources a patch or a replacement is for; names are anchored regular expressions, "" is any."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    labels: str = ""
    annotations: str = ""

    def matches_id(self, id_: ResId) -> bool:
        """Whether an id fits, by the namespace as written."""
        return self.matches_gvk(id_) and _full(self.name, id_.name) and _full(self.namespace, id_.namespace)

    def matches_gvk(self, id_: ResId) -> bool:
        """Whether group, version and kind fit."""
        pairs = ((self.group, id_.group), (self.version, id_.version), (self.kind, id_.kind))
        return all(_full(pattern, text) for pattern, text in pairs)

    def matches_metadata(self, obj: Mapping[str, Any]) -> bool:
        """Whether labels and annotations fit."""
        metadata = obj.get("metadata") or {}
        return _selects(self.labels, metadata.get("labels")) and _selects(
            self.annotations, metadata.get("annotations")
        )

    @property
    def names_nothing(self) -> bool:
        """Whether it has no condition but labels and annotations."""
        return not (self.group or self.version or self.kind or self.name or self.namespace)

    def selects(self, resource: Resource) -> bool:
        """Whether a resource fits by what it is called, or was called when it was read."""
        now, first = resource.id, resource.original_id
        return (
            (
                _full(self.namespace, first.effective_namespace)
                or _full(self.namespace, now.effective_namespace)
            )
            and (_full(self.name, first.name) or _full(self.name, now.name))
            and self.matches_gvk(now)
            and self.matches_metadata(resource.obj)
        )


def selector_of(raw: Mapping[str, Any]) -> Selector:
    """A selector as kustomization files write it."""
    return Selector(
        group=raw.get("group") or "",
        version=raw.get("version") or "",
        kind=raw.get("kind") or "",
        name=raw.get("name") or "",
        namespace=raw.get("namespace") or "",
        labels=raw.get("labelSelector") or "",
        annotations=raw.get("annotationSelector") or "",
    )


def _full(pattern: str, text: str) -> bool:
    return not pattern or re.fullmatch(pattern, text) is not None


def _selects(selector: str, labels: Mapping[str, str] | None) -> bool:
    return not selector or parse_selector(selector).matches(dict(labels or {}))

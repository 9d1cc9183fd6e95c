"""Names that other objects refer to, followed after they changed.

**Imitates:** kustomize api/internal/accumulator/namereferencetransformer.go, api/filters/nameref.

**Walk:** each resource -> each back reference whose fields it may have -> the candidates it can see -> the one that
went by the name it holds -> that one's present name (and namespace) is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from kcsim.delivery.kustomize.defaults import BackReferences
from kcsim.delivery.kustomize.errors import KustomizeError
from kcsim.delivery.kustomize.fieldspec import FieldSpec
from kcsim.delivery.kustomize.resources import NOT_A_NAMESPACE, Gvk, Resource, Resources
from kcsim.delivery.kustomize.transformers import change_all

Same = Callable[[Sequence[Resource]], bool]


def fix_back_references(resources: Resources, references: tuple[BackReferences, ...]) -> Resources:
    """The resources with every reference to a changed name brought up to date.

    Raises: KustomizeError when a reference could mean several resources.
    """
    for resource in resources:
        _check_subjects(resource)
    if all(not r.previous for r in resources):
        return resources
    return tuple(_fixed(r, resources, references) for r in resources)


def _check_subjects(resource: Resource) -> None:
    if resource.obj.get("kind") != "RoleBinding" or not isinstance(resource.obj.get("subjects"), list):
        return
    for subject in resource.obj["subjects"]:
        if subject.get("kind") == "ServiceAccount" and not isinstance(subject.get("namespace", ""), str):
            problem = f'Invalid Input: namespace is blank for resource "{resource.id}"'
            raise KustomizeError(resource.file, problem)


def _fixed(referrer: Resource, resources: Resources, references: tuple[BackReferences, ...]) -> Resource:
    candidates: list[Resource] | None = None
    first = referrer.original_id
    for back in references:
        for spec in back.referrers:
            if not first.is_selected(spec.gvk):
                continue
            if candidates is None:
                candidates = _visible(referrer, resources)
            finder = _Finder(referrer, candidates, back.target, spec)
            # The kind may have changed on the way: the field is looked for in whatever it is now.
            referrer = change_all(referrer, (FieldSpec(spec.path, spec.create),), finder.change)
    return referrer


def _visible(referrer: Resource, resources: Resources) -> list[Resource]:
    """What a resource could refer to: its own namespace, what has none, and accounts that a RoleBinding names."""
    own = referrer.id
    if own.is_cluster_scoped:
        return list(resources)
    others: set[str] = set()
    if own.kind == "RoleBinding":
        subjects = referrer.obj.get("subjects") or []
        others = {
            s.get("namespace", "")
            for s in subjects
            if s.get("kind") == "ServiceAccount" and s.get("namespace")
        }
    return [
        r
        for r in resources
        if r.id.effective_namespace in (NOT_A_NAMESPACE, own.effective_namespace) or r.id.namespace in others
    ]


class _Finder:
    """Looks up, for one field of one referrer, which candidate a name means."""

    def __init__(self, referrer: Resource, candidates: list[Resource], target: Gvk, spec: FieldSpec) -> None:
        self._referrer = referrer
        self._candidates = candidates
        self._target = target
        self._is_role_ref = spec.path.endswith("roleRef/name")

    def change(self, value: Any) -> Any:
        """The value of the field with the names in it brought up to date."""
        if value is None:
            return None
        if isinstance(value, list):
            items = [self._mapping(i) if isinstance(i, dict) else self._scalar(i) for i in value]
            return value if items == value else items
        return self._mapping(value) if isinstance(value, dict) else self._scalar(value)

    def _scalar(self, name: Any) -> Any:
        found = self._select(name, self._candidates, partial(_same, namespaces=False))
        return name if found is None else found.id.name

    def _mapping(self, value: dict[str, Any]) -> dict[str, Any]:
        """A map with `name` and perhaps `namespace`, such as a subject or a webhook's service."""
        if "name" not in value:
            raise KustomizeError(self._referrer.file, "path config error; no 'name' field in node")
        candidates = self._candidates
        if "namespace" in value:
            wanted = value["namespace"]
            before = [c for c in candidates if c.original_id.effective_namespace == wanted]
            candidates = before or [c for c in candidates if c.id.effective_namespace == wanted]
        found = self._select(value["name"], candidates, partial(_same, namespaces=True))
        if found is None:
            return value
        now = found.id
        renamed = {**value, "name": now.name} if now.name != value["name"] else value
        return {**renamed, "namespace": now.namespace} if now.namespace else renamed

    def _select(self, name: Any, candidates: list[Resource], same: Same) -> Resource | None:
        target, referrer = self._target, self._referrer
        found = [c for c in candidates if any(id_.name == name for id_ in c.previous_ids)]
        found = [c for c in found if any(id_.is_selected(target) for id_ in c.previous_ids)]
        found = [c for c in found if self._fits_role_ref(c) and self._in_reach(c)]
        if len(found) == 1:
            return found[0]
        found = [c for c in found if c.matches_affixes(referrer, allow_empty=True)]
        if len(found) > 1:
            found = [c for c in found if c.matches_affixes(referrer, allow_empty=False)]
        if len(found) <= 1 or same(found):
            return found[0] if found else None
        ids = ", ".join(str(c.id) for c in found)
        raise KustomizeError(
            referrer.file, f"found multiple possible referrals: {ids} (referred to by {referrer.id})"
        )

    def _fits_role_ref(self, candidate: Resource) -> bool:
        ref = self._referrer.obj.get("roleRef")
        if (
            not self._is_role_ref
            or not isinstance(ref, dict)
            or not ref.get("apiGroup")
            or not ref.get("kind")
        ):
            return True
        wanted = Gvk(group=ref["apiGroup"], kind=ref["kind"])
        return any(id_.is_selected(wanted) for id_ in candidate.previous_ids)

    def _in_reach(self, candidate: Resource) -> bool:
        own, other = self._referrer.id, candidate.id
        return (
            own.is_cluster_scoped
            or other.is_cluster_scoped
            or other.kind == "ServiceAccount"
            or own.effective_namespace == other.effective_namespace
        )


def _same(found: Sequence[Resource], *, namespaces: bool) -> bool:
    return len({(r.id.name, r.id.namespace if namespaces else "") for r in found}) == 1

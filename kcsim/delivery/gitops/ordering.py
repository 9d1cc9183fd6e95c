"""The order in which Flux applies and deletes objects.  Decides; never acts.

**Imitates:** fluxcd/pkg ssa/sort.go (`ReconcileOrder`, `SortableUnstructureds`) and the stages of
ssa/manager_apply.go (`ApplyAllStaged`).

**Walk:** built objects -> `stages` -> each stage in `reconcile_order` -> applied; pruning runs in `deletion_order`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

AnyObject = TypeVar("AnyObject", bound=Mapping[str, Any])

_FIRST = (
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")

KIND_RANK: Mapping[str, int] = {kind: i - len(_FIRST) for i, kind in enumerate(_FIRST)} | {
    kind: i + 1 for i, kind in enumerate(_LAST)
}
"""Kind -> rank; negative before, positive after all kinds that are not listed (rank 0)."""

CLUSTER_DEFINITIONS = frozenset({"CustomResourceDefinition", "Namespace", "ClusterRole"})
"""Kinds of the first stage, which is waited for before anything else is applied."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of an apply: its objects in order, and whether it is waited for before the next begins."""

    name: str
    objects: tuple[Mapping[str, Any], ...]
    wait: bool


def sort_key(obj: Mapping[str, Any]) -> tuple[int, str, str, str, str]:
    """The sort key of an object: rank of its kind, then group, kind, namespace and name."""
    metadata = obj.get("metadata") or {}
    kind = obj.get("kind", "")
    return (
        KIND_RANK.get(kind, 0),
        group_of(obj),
        kind,
        metadata.get("namespace", ""),
        metadata.get("name", ""),
    )


def group_of(obj: Mapping[str, Any]) -> str:
    """The API group of an object; empty for the core group."""
    group, slash, _ = obj.get("apiVersion", "").partition("/")
    return group if slash else ""


def reconcile_order(objects: Iterable[AnyObject]) -> list[AnyObject]:
    """Objects in the order in which they are applied."""
    return sorted(objects, key=sort_key)


def deletion_order(objects: Iterable[AnyObject]) -> list[AnyObject]:
    """Objects in the order in which they are deleted: the reverse of applying."""
    return sorted(objects, key=sort_key, reverse=True)


def stages(objects: Iterable[Mapping[str, Any]], custom_kinds: Collection[str] = ()) -> list[Stage]:
    """The stages of one apply, in order, without empty ones.

    `custom_kinds` are "kind.group" names of the controller's --custom-apply-stage-kinds; that stage is not waited for.
    """
    parts: dict[str, list[Mapping[str, Any]]] = {"definitions": [], "classes": [], "custom": [], "rest": []}
    for obj in reconcile_order(objects):
        parts[_stage_of(obj, custom_kinds)].append(obj)
    return [
        Stage(name, tuple(members), wait=name in ("definitions", "classes"))
        for name, members in parts.items()
        if members
    ]


def _stage_of(obj: Mapping[str, Any], custom_kinds: Collection[str]) -> str:
    kind = obj.get("kind", "")
    if kind in CLUSTER_DEFINITIONS:
        return "definitions"
    # ssa/utils IsClassDefinition goes by the kind's name alone, so that any *Class of any group qualifies.
    if kind.endswith("Class"):
        return "classes"
    if f"{kind}.{group_of(obj)}" in custom_kinds or kind in custom_kinds:
        return "custom"
    return "rest"

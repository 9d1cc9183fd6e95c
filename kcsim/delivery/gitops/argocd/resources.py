"""How Argo CD names a resource and reads its annotations.  Pure data, no API.

**Imitates:** gitops-engine pkg/utils/kube (`ResourceKey`), pkg/sync/resource/annotations.go and pkg/sync/common/types.go
(the names of annotations and options).

**Walk:** an object -> `key_of` -> the key under which targets, live objects and results of a sync meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kcsim.api.objects import Object
from kcsim.delivery.gitops.ordering import group_of

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
SYNC_WAVE = "argocd.argoproj.io/sync-wave"
HOOK = "argocd.argoproj.io/hook"
HOOK_DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"
DELETION_APPROVED = "argocd.argoproj.io/deletion-approved"
IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"
IGNORE_HEALTHCHECK = "argocd.argoproj.io/ignore-healthcheck"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
TRACKING_ID = "argocd.argoproj.io/tracking-id"
INSTALLATION_ID = "argocd.argoproj.io/installation-id"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

FIELD_MANAGER = "argocd-controller"
"""The manager by whose name Argo CD applies server-side (common.ArgoCDSSAManager)."""


class ResourceKey(NamedTuple):
    """Group, kind, namespace and name: what makes two objects the same resource to Argo CD."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.group}/{self.kind}/{self.namespace}/{self.name}"


def key_of(obj: Object) -> ResourceKey:
    """The key of an object."""
    return ResourceKey(group_of(obj), kind_of(obj), namespace_of(obj), name_of(obj))


def kind_of(obj: Object) -> str:
    """The kind; "" when there is none."""
    return str(obj.get("kind") or "")


def version_of(obj: Object) -> str:
    """The API version without its group."""
    return str(obj.get("apiVersion") or "").rpartition("/")[2]


def metadata_of(obj: Object) -> Mapping[str, Any]:
    """metadata; empty when there is none."""
    return obj.get("metadata") or {}


def name_of(obj: Object) -> str:
    """metadata.name; "" for an object that only has a generateName."""
    return str(metadata_of(obj).get("name") or "")


def namespace_of(obj: Object) -> str:
    """metadata.namespace; "" when there is none."""
    return str(metadata_of(obj).get("namespace") or "")


def annotations_of(obj: Object) -> Mapping[str, str]:
    """metadata.annotations; empty when there are none."""
    return metadata_of(obj).get("annotations") or {}


def is_deleting(obj: Object) -> bool:
    """Whether the object waits for its finalizers."""
    return bool(metadata_of(obj).get("deletionTimestamp"))


def is_crd(obj: Object) -> bool:
    """Whether the object defines a kind (kube.IsCRD)."""
    return kind_of(obj) == "CustomResourceDefinition" and group_of(obj) == "apiextensions.k8s.io"


def is_namespace(obj: Object) -> bool:
    """Whether the object is a core Namespace."""
    return kind_of(obj) == "Namespace" and group_of(obj) == ""


def annotation_values(obj: Object, key: str) -> list[str]:
    """The comma-separated values of an annotation, trimmed, each once, in order (`GetAnnotationCSVs`)."""
    text = annotations_of(obj).get(key)
    if not text:
        return []
    parts = (part.strip() for part in str(text).split(","))
    return list(dict.fromkeys(part for part in parts if part))


def has_option(obj: Object, key: str, value: str) -> bool:
    """Whether the comma-separated annotation holds a value (`HasAnnotationOption`)."""
    return value in annotation_values(obj, key)


def option_value(obj: Object, key: str, option: str) -> str | None:
    """The value of the first `option=value` in the annotation; None when there is none (`GetAnnotationOptionValue`)."""
    return _value_of(annotation_values(obj, key), option)


def sync_option_value(options: list[str], option: str) -> str | None:
    """The value of an option of `syncPolicy.syncOptions` or of an operation (types.go `GetOptionValue`)."""
    return _value_of(options, option)


def _value_of(items: list[str], option: str) -> str | None:
    prefix = f"{option}="
    return next((item[len(prefix) :] for item in items if item.startswith(prefix)), None)

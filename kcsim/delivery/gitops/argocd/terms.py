"""The words of Argo CD: groups, kinds, annotations, finalizers, phases, and how its objects are read.  Pure.

**Imitates:** argo-cd 3.x common/common.go and pkg/apis/application/v1alpha1 (types.go, application_annotations.go).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import resources

GROUP = "argoproj.io"
API_VERSION = f"{GROUP}/v1alpha1"
APPLICATIONS = f"applications.{GROUP}"
PROJECTS = f"appprojects.{GROUP}"
APPLICATION_SETS = f"applicationsets.{GROUP}"

NAMESPACE = "argocd"
IN_CLUSTER = "https://kubernetes.default.svc"
IN_CLUSTER_NAME = "in-cluster"

REFRESH = "argocd.argoproj.io/refresh"
SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
GENERATE_PATHS = "argocd.argoproj.io/manifest-generate-paths"
IGNORE_UPDATES = "argocd.argoproj.io/ignore-resource-updates"
SECRET_TYPE = "argocd.argoproj.io/secret-type"  # noqa: S105 - a label's name

CASCADE = "resources-finalizer.argocd.argoproj.io"
FOREGROUND, BACKGROUND = f"{CASCADE}/foreground", f"{CASCADE}/background"
PRE_DELETE = "pre-delete-finalizer.argocd.argoproj.io"
POST_DELETE = "post-delete-finalizer.argocd.argoproj.io"

SYNCED, OUT_OF_SYNC, UNKNOWN = "Synced", "OutOfSync", "Unknown"

COMPARISON_ERROR, INVALID_SPEC, SYNC_ERROR = "ComparisonError", "InvalidSpecError", "SyncError"
DELETION_ERROR, UNKNOWN_ERROR = "DeletionError", "UnknownError"
SHARED_RESOURCE, REPEATED_RESOURCE = "SharedResourceWarning", "RepeatedResourceWarning"
EXCLUDED_RESOURCE, ORPHANED_RESOURCE = "ExcludedResourceWarning", "OrphanedResourceWarning"


def spec(obj: Object) -> dict[str, Any]:
    """spec, empty when absent."""
    return obj.get("spec") or {}


def status(obj: Object) -> dict[str, Any]:
    """status, empty when absent."""
    return obj.get("status") or {}


def sources(app: Object) -> list[dict[str, Any]]:
    """The sources of an Application: ``spec.sources`` when there are any, else the one source."""
    several = spec(app).get("sources")
    return list(several) if several else [spec(app).get("source") or {}]


def has_multiple_sources(app: Object) -> bool:
    """Whether ``spec.sources`` decides."""
    return bool(spec(app).get("sources"))


def destination(app: Object) -> dict[str, Any]:
    """spec.destination, empty when absent."""
    return spec(app).get("destination") or {}


def project_of(app: Object) -> str:
    """The name of the project; an empty one is ``default``."""
    return spec(app).get("project") or "default"


def sync_options(app: Object) -> list[str]:
    """``spec.syncPolicy.syncOptions``."""
    return list((spec(app).get("syncPolicy") or {}).get("syncOptions") or ())


def operation_state(app: Object) -> dict[str, Any]:
    """``status.operationState``, empty when absent."""
    return status(app).get("operationState") or {}


def qualified_name(app: Object) -> str:
    """``<namespace>/<name>``."""
    return f"{objects.namespace(app)}/{objects.name(app)}"


def is_deletion_approved(app: Object, since: str) -> bool:
    """Whether somebody confirmed a deletion since an instant (RFC 3339 texts compare as instants do)."""
    return objects.annotations(app).get(resources.DELETION_APPROVED, "") >= since != ""

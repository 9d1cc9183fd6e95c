"""The words of the toolkit: groups, kinds, annotations, and how its objects are read.  Pure.

**Imitates:** fluxcd/pkg apis/meta, source-controller api/v1, kustomize-controller api/v1 (2.9).
"""

from __future__ import annotations

from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.clock import MILLISECOND, MINUTE, SECOND, seconds

SOURCE_GROUP = "source.toolkit.fluxcd.io"
KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"
GIT_REPOSITORIES = f"gitrepositories.{SOURCE_GROUP}"
OCI_REPOSITORIES = f"ocirepositories.{SOURCE_GROUP}"
BUCKETS = f"buckets.{SOURCE_GROUP}"
HELM_REPOSITORIES = f"helmrepositories.{SOURCE_GROUP}"
HELM_CHARTS = f"helmcharts.{SOURCE_GROUP}"
EXTERNAL_ARTIFACTS = f"externalartifacts.{SOURCE_GROUP}"
EXTENSIONS_GROUP = "source.extensions.fluxcd.io"
ARTIFACT_GENERATORS = f"artifactgenerators.{EXTENSIONS_GROUP}"
SOURCES = {
    "GitRepository": GIT_REPOSITORIES,
    "OCIRepository": OCI_REPOSITORIES,
    "Bucket": BUCKETS,
    "ExternalArtifact": EXTERNAL_ARTIFACTS,
}
"""Kinds of sources, by the name that a ``sourceRef`` gives."""
KUSTOMIZATIONS = f"kustomizations.{KUSTOMIZE_GROUP}"
HELM_GROUP = "helm.toolkit.fluxcd.io"
HELM_RELEASES = f"helmreleases.{HELM_GROUP}"
NOTIFICATION_GROUP = "notification.toolkit.fluxcd.io"
RECEIVERS = f"receivers.{NOTIFICATION_GROUP}"
ALERTS = f"alerts.{NOTIFICATION_GROUP}"
PROVIDERS = f"providers.{NOTIFICATION_GROUP}"
IMAGE_GROUP = "image.toolkit.fluxcd.io"
IMAGE_REPOSITORIES = f"imagerepositories.{IMAGE_GROUP}"
IMAGE_POLICIES = f"imagepolicies.{IMAGE_GROUP}"
IMAGE_UPDATES = f"imageupdateautomations.{IMAGE_GROUP}"

WATCH = ("reconcile.fluxcd.io/watch", "Enabled")
"""Label of the ConfigMaps and Secrets whose changes are looked at once (--watch-configs-label-selector)."""

FINALIZER = "finalizers.fluxcd.io"
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
OWNER_NAME, OWNER_NAMESPACE = f"{KUSTOMIZE_GROUP}/name", f"{KUSTOMIZE_GROUP}/namespace"

READY, RECONCILING, STALLED, HEALTHY = "Ready", "Reconciling", "Stalled", "Healthy"
SUCCEEDED, PROGRESSING, RETRYING = "Succeeded", "Progressing", "ProgressingWithRetry"

JITTER = 0.05
"""Share by which an interval is longer or shorter (pkg/runtime/jitter)."""
BACKOFF_FIRST, BACKOFF_MOST = 750 * MILLISECOND, 15 * MINUTE
"""Of the work queues (pkg/runtime/controller)."""
REQUEUE_DEPENDENCY = 30 * SECOND
"""--requeue-dependency."""
_TIMEOUT_FLOOR = 30 * SECOND


def backoff(failures: int) -> int:
    """The delay (µs) after the n-th failure in a row, from 0."""
    return min(BACKOFF_FIRST << min(failures, 20), BACKOFF_MOST)


def jittered(interval: int, draw: float, share: float = JITTER) -> int:
    """An interval (µs) moved by up to ``share`` of it either way; ``draw`` is uniform in [0, 1)."""
    return interval + int(interval * share * (2.0 * draw - 1.0))


def spec(obj: Object) -> dict[str, Any]:
    """spec, empty when absent."""
    return obj.get("spec") or {}


def status(obj: Object) -> dict[str, Any]:
    """status, empty when absent."""
    return obj.get("status") or {}


def duration(obj: Object, field: str, default: int = 0) -> int:
    """A duration of the spec in µs."""
    text = spec(obj).get(field)
    return default if text is None else seconds(text)


def requested_at(obj: Object) -> str:
    """The value of the annotation by which somebody asks for a reconciliation; "" when nobody did."""
    return objects.annotations(obj).get(REQUESTED_AT, "")


def is_triggered(old: Object | None, new: Object) -> bool:
    """Whether a change of an object asks for its reconciliation: its generation or the request annotation moved."""
    if old is None:
        return True
    return old["metadata"].get("generation") != new["metadata"].get("generation") or (
        bool(requested_at(new)) and requested_at(old) != requested_at(new)
    )


def artifact_revision(source: Object | None) -> str:
    """The revision of a source's artifact; "" when it has none."""
    return objects.get_in(source, ("status", "artifact", "revision"), "") if source is not None else ""


def kustomization_timeout(obj: Object) -> int:
    """How long (µs) health checks may take: the timeout, or the interval less 30 s, and never under 30 s."""
    return max(duration(obj, "timeout", duration(obj, "interval") - _TIMEOUT_FLOOR), _TIMEOUT_FLOOR)


def retry_interval(obj: Object) -> int:
    """When (µs) a Kustomization is tried again after a failure."""
    return duration(obj, "retryInterval", duration(obj, "interval"))


def source_key(kustomization: Object) -> objects.Key:
    """(namespace, name) of the source a Kustomization refers to."""
    ref = spec(kustomization).get("sourceRef") or {}
    return ref.get("namespace") or objects.namespace(kustomization), ref.get("name", "")


def source_kind(kustomization: Object) -> str:
    """The kind of the source a Kustomization refers to."""
    return str((spec(kustomization).get("sourceRef") or {}).get("kind", "GitRepository"))


def source_subject(kustomization: Object) -> str:
    """``Kind/namespace/name`` of the source a Kustomization refers to."""
    return f"{source_kind(kustomization)}/{'/'.join(source_key(kustomization))}"


def kubeconfig_names(obj: Object) -> list[str]:
    """``Kind/namespace/name`` of what ``spec.kubeConfig`` of an object refers to."""
    config = spec(obj).get("kubeConfig") or {}
    refs = (("Secret", config.get("secretRef")), ("ConfigMap", config.get("configMapRef")))
    return [f"{kind}/{objects.namespace(obj)}/{ref['name']}" for kind, ref in refs if ref]


def go_duration(us: int) -> str:
    """A duration as Go's Duration.String prints it: ``1m0s``, ``10m0s``, ``1h0m0s``, ``30s``, ``1.5s``."""
    if abs(us) < SECOND:
        if us == 0:
            return "0s"
        return f"{us / MILLISECOND:g}ms" if abs(us) >= MILLISECOND else f"{us}µs"
    sign, us = ("-", -us) if us < 0 else ("", us)
    minutes, rest = divmod(us, MINUTE)
    whole, fraction = divmod(rest, SECOND)
    tail = f"{whole}.{fraction:06d}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{tail}"
    return f"{sign}{minutes}m{tail}" if minutes else f"{sign}{tail}"

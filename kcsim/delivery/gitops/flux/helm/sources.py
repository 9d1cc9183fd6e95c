"""What a HelmRelease takes its chart from: whether it is ready, which version the chart has there.  Decides; never acts.

**Imitates:** helm-controller 1.6 internal/controller/helmrelease_controller.go (isReady, mutateChartWithSourceRevision) and
helmrelease_indexers.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.charts import Chart
from kcsim.delivery.gitops.flux.toolkit import READY, RECONCILING, STALLED, artifact_revision, spec, status
from kcsim.delivery.gitops.flux.versions import read

_SHORT = 12


class ChartMutateError(Exception):
    """The chart is not the one that the revision of its source speaks of."""


def not_ready(source: Object) -> str:
    """Why a chart cannot be taken from a source; "" when it can."""
    kind, name = source["kind"], "/".join(objects.key(source))
    has_artifact = bool(artifact_revision(source))
    if kind == "ExternalArtifact":
        return "" if has_artifact else f"ExternalArtifact '{name}' is not ready: does not have an artifact"
    ready = objects.condition(source, READY) or {}
    if status(source).get("observedGeneration") != source["metadata"].get("generation"):
        why = ready.get("message") if ready.get("status") == "False" else None
        return f"{kind} '{name}' is not ready: {why or 'latest generation of object has not been reconciled'}"
    if objects.condition_is(source, STALLED):
        return f"{kind} '{name}' is not ready: {(objects.condition(source, STALLED) or {})['message']}"
    return "" if has_artifact else f"{kind} '{name}' is not ready: does not have an artifact"


def digest_of(revision: str) -> str:
    """The digest in a revision ``tag@digest``, or the whole."""
    return revision.partition("@")[2] or revision


def with_revision(chart: Chart, source: Object) -> tuple[Chart, str]:
    """The chart with the digest of its artifact in its version, and that digest; HelmCharts' stay as they are.

    Raises:
        ChartMutateError: the tag of an artifact is another version than its chart's.
    """
    revision = artifact_revision(source)
    if source["kind"] != "OCIRepository" and not (source["kind"] == "ExternalArtifact" and ":" in revision):
        return chart, ""
    version = read(chart.version)
    if version is None:
        raise ChartMutateError(f"invalid chart version {chart.version}")
    tag = revision.partition("@")[0].replace("_", "+") if "@" in revision else ""
    tagged = read(tag) if tag else None
    if tagged is not None and tagged.rank != version.rank:
        raise ChartMutateError(f"artifact revision {tag} does not match chart version {chart.version}")
    found = digest_of(revision) if tagged is not None else revision
    short = found.rpartition(":")[2]
    if len(short) < _SHORT:
        raise ChartMutateError(f"invalid artifact revision {revision}")
    return replace(chart, version=f"{chart.version.partition('+')[0]}+{short[:_SHORT]}"), found


def has_news(source: Object, release: Object) -> bool:
    """Whether a new revision of its source concerns a HelmRelease: it is not at it already, or is at nothing."""
    if not any(objects.condition_is(release, kind) for kind in (READY, RECONCILING)):
        return True
    revision, seen = artifact_revision(source), status(release)
    if source["kind"] == "HelmChart" or (source["kind"] == "ExternalArtifact" and ":" not in revision):
        return bool(revision != seen.get("lastAttemptedRevision"))
    return bool(digest_of(revision) != seen.get("lastAttemptedRevisionDigest"))


def config_names(obj: Object) -> list[str]:
    """``Kind/namespace/name`` of each ConfigMap and Secret with values of a HelmRelease."""
    refs: list[dict[str, Any]] = spec(obj).get("valuesFrom") or []
    return [f"{ref['kind']}/{objects.namespace(obj)}/{ref['name']}" for ref in refs]

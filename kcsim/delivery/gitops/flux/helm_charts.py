"""HelmChart: one version of a chart, of a repository of charts or a folder of another source, becomes an artifact.

**Imitates:** source-controller 1.9 internal/controller/helmchart_controller.go, internal/helm/chart (builder_local.go,
builder_remote.go) and internal/helm/repository (which version a range means). Left out: ``verify``, charts that a chart needs and
does not hold (refused by name), packaged charts inside a git repository.

**Walk:** its source's artifact, a new revision of it, the interval -> which chart, which version -> the one in storage: done, or
downloaded or packed, values files merged into its own -> stored.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.delivery.chart_repositories import OCI, ChartRepositories, ChartsUnavailable, Download
from kcsim.delivery.charts import Chart, ChartUnreadable, loaded, missing_dependencies
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.artifact import Storage
from kcsim.delivery.gitops.flux.artifact_copies import merge_values
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.helm.values import parsed
from kcsim.delivery.gitops.flux.helm_repositories import INDEX, is_oci, refuse
from kcsim.delivery.gitops.flux.oci_repositories import answer_of
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import Failure, Stalling, Success, Told
from kcsim.delivery.gitops.flux.sources import FETCH_FAILED, IN_STORAGE, OUTDATED, Sources
from kcsim.delivery.gitops.flux.toolkit import (
    BUCKETS,
    GIT_REPOSITORIES,
    HELM_CHARTS,
    HELM_REPOSITORIES,
    SOURCE_GROUP,
    spec,
)
from kcsim.delivery.gitops.flux.versions import highest
from kcsim.delivery.registry.artifacts import OciArtifact
from kcsim.delivery.registry.reference import parse
from kcsim.delivery.registry.registry import DEFAULT_TIMEOUT, ImageNotFound, Registry, RegistryUnavailable
from kcsim.engine.trace import Record
from kcsim.manifests import dump

SOURCES = {"HelmRepository": HELM_REPOSITORIES, "GitRepository": GIT_REPOSITORIES, "Bucket": BUCKETS}
BUILD_FAILED = "BuildFailed"
_VALUES = "values.yaml"
_SHORT = 12
_BUILDING = frozenset({"MetadataPatchError", "ValuesFilesError", "DependencyBuildError", "ChartPackageError"})
"""Reasons that are told in the condition BuildFailed; the others are in FetchFailed (observeChartBuild)."""


@dataclass(frozen=True, slots=True)
class Build:
    """What a HelmChart comes to (internal/helm/chart Build).

    Attributes:
        chart: None while it is the one in storage.
        packed: whether it was packed here, instead of pulled as it is.
    """

    name: str
    version: str
    packed: bool
    values_files: tuple[str, ...] = ()
    chart: Chart | None = None
    record: Record | None = None

    def told(self, action: str = "") -> str:
        """What is said of it."""
        word = action or ("packaged" if self.packed else "pulled")
        merged = f" and merged values files [{' '.join(self.values_files)}]" if self.values_files else ""
        return f"{word} '{self.name}' chart with version '{self.version}'{merged}"

    @property
    def reason(self) -> str:
        """The reason of conditions and Events."""
        return "ChartPackageSucceeded" if self.packed else "ChartPullSucceeded"


def choose(index: bytes, name: str, version: str) -> str:
    """The version of a chart that a range means (ChartRepository.getChartVersion).

    Raises:
        Stalling: the index does not have it.
    """
    entries = json.loads(index)["entries"]
    what = "invalid chart reference: failed to get chart version for remote reference"
    if name not in entries:
        raise Stalling(f"{what}: no chart name found", "InvalidChartReference")
    versions = [entry["version"] for entry in entries[name]]
    found = pick(versions, version)
    if found is None:
        why = f"no '{name}' chart with version matching '{version}' found"
        raise Stalling(f"{what}: {why}", "InvalidChartReference")
    return found


def pick(versions: list[str], wanted: str) -> str | None:
    """Of some versions the one that is asked for, else the highest that a range allows."""
    if wanted in versions:
        return wanted
    try:
        return highest(wanted or "*", versions)
    except ValueError:
        return None


class HelmCharts(Sources):
    """The reconciler of HelmChart."""

    name = "helmchart"
    resource = HELM_CHARTS

    def __init__(
        self,
        charts: ChartRepositories,
        registry: Registry,
        storage: Storage,
        options: Options,
        phases: Phases,
    ) -> None:
        super().__init__(charts, storage, options, phases)
        self._charts = charts
        self._registry = registry

    def setup(self, component: Component) -> None:
        """Watch HelmCharts and their sources."""
        super().setup(component)
        self.objects.add_index("source", source_names)
        self._sources = {kind: component.informer(resource) for kind, resource in SOURCES.items()}
        for informer in self._sources.values():
            informer.on_change(self._source_changed)

    def _source_changed(self, old: Object | None, new: Object | None) -> None:
        revision = toolkit.artifact_revision(new)
        if old is None or new is None or not revision or revision == toolkit.artifact_revision(old):
            return
        for user in self.objects.by_index("source", "/".join((new["kind"], *objects.key(new)))):
            if toolkit.status(user).get("observedSourceArtifactRevision") != revision:
                self.enqueue(objects.key(user))

    # --- one object ---------------------------------------------------------------------------------------------

    def attempt(self, obj: Object, draft: Draft) -> Generator[Any, Any, Success]:
        """The chart as its source has it now."""
        before = draft.get("artifact")
        failed_before = any(draft.condition(kind) is not None for kind in (FETCH_FAILED, BUILD_FAILED))
        if spec(obj).get("verify"):
            raise Stalling("spec.verify: kcsim does not model signatures of charts yet", "NotModelled")
        build = yield from self._build(obj, draft)
        draft.drop(FETCH_FAILED)
        draft.drop(BUILD_FAILED)
        if build.chart is not None:
            packed = {f"{build.name}/{path}": data for path, data in build.chart.files.items()}
            self.keep(
                obj,
                draft,
                f"{build.name}-{build.version}.tgz",
                build.version,
                packed,
                build.record,
            )
            draft.set("observedChartName", build.name)
            ignores = spec(obj).get("ignoreMissingValuesFiles")
            draft.set("observedValuesFiles", list(build.values_files) or None if ignores else None)
            draft.set("url", f"{draft.get('artifact')['url'].rpartition('/')[0]}/latest.tar.gz")
        draft.drop(OUTDATED)
        stored = draft.get("artifact")
        draft.mark(IN_STORAGE, "True", build.reason, build.told())
        about = {"revision": stored["revision"], "digest": stored["digest"]}
        new = before is None or before["digest"] != stored["digest"]
        if new or failed_before:
            told = [Told(build.reason, build.told(), metadata=about)]
        else:
            told = [self.unchanged(stored["revision"])]
        return Success(build.told(), told, reason=build.reason)

    def failed(self, draft: Draft, error: Failure) -> None:
        """The condition of a step that did not work."""
        kind, other = FETCH_FAILED, BUILD_FAILED
        if error.reason in _BUILDING:
            kind, other = other, kind
        draft.drop(other)
        draft.mark(kind, "True", error.reason, str(error))

    def _build(self, obj: Object, draft: Draft) -> Generator[Any, Any, Build]:
        ref = spec(obj)["sourceRef"]
        kind, name, namespace = ref["kind"], ref["name"], objects.namespace(obj)
        source = self._sources[kind].get(namespace, name)
        if source is None:
            why = f'failed to get source: {kind}.{SOURCE_GROUP} "{name}" not found'
            raise Failure(why, "SourceUnavailable")
        oci = kind == "HelmRepository" and is_oci(source)
        artifact = objects.get_in(source, ("status", "artifact"), None)
        if artifact is None or self._storage.get(artifact["path"]) is None:
            if not oci:
                why = f"no artifact available for {kind} source '{name}'"
                raise Failure(why, "NoSourceArtifact")
        else:
            draft.set("observedSourceArtifactRevision", artifact["revision"])
        if oci:
            return (yield from self._of_registry(obj, draft, source))
        stored = self._storage.get(artifact["path"])
        assert stored is not None, "looked for above"
        if kind == "HelmRepository":
            return (yield from self._of_repository(obj, draft, source, stored.files[INDEX]))
        return (yield from self._of_folder(obj, draft, stored.files, artifact["revision"], stored.record))

    # --- repositories of charts ---------------------------------------------------------------------------------

    def _of_repository(
        self, obj: Object, draft: Draft, source: Object, index: bytes
    ) -> Generator[Any, Any, Build]:
        name, url = spec(obj)["chart"], spec(source)["url"]
        version = choose(index, name, spec(obj).get("version") or "")
        build = self._named(obj, name, version)
        if self._is_stored(obj, draft, build):
            return build
        yield from self._tell(obj, draft, build)
        timeout = toolkit.duration(source, "timeout", DEFAULT_TIMEOUT)
        what = "chart pull error: failed to download chart for remote reference"
        try:
            found: Download = yield self._charts.download(self.component.host, url, name, version, timeout)
        except ChartsUnavailable as error:
            raise Failure(f"{what}: {error}", "ChartPullError") from error
        except Unreachable as error:
            host = url.partition("://")[2].partition("/")[0]
            raise Failure(f"{what}: dial tcp {host}:443: i/o timeout", "ChartPullError") from error
        self.blame(found.record)
        chart = loaded(found.files)
        return self._finished(obj, build, chart, chart.files, found.record)

    def _of_registry(self, obj: Object, draft: Draft, source: Object) -> Generator[Any, Any, Build]:
        refuse(source)
        name, url = spec(obj)["chart"], spec(source)["url"]
        if not url.startswith(OCI):
            raise Stalling(f"failed to construct Helm client: invalid OCI registry URL: {url}", "Failed")
        place = f"{url.removeprefix(OCI).rstrip('/')}/{name}"
        timeout = toolkit.duration(source, "timeout", DEFAULT_TIMEOUT)
        wanted = spec(obj).get("version") or ""
        what = "chart pull error: failed to get chart version for remote reference"
        try:
            tags: list[str] = yield self._registry.list_tags(self.component.host, place, timeout)
            version = pick([tag.replace("_", "+") for tag in tags], wanted)
            if version is None:
                why = f"could not locate a version matching provided version string {wanted}"
                raise Stalling(
                    f'invalid chart reference: {what.partition(": ")[2]}: could not get tag for "{name}": {why}',
                    "InvalidChartReference",
                )
            build = self._named(obj, name, version)
            if self._is_stored(obj, draft, build):
                return build
            yield from self._tell(obj, draft, build)
            what = "chart pull error: failed to download chart for remote reference"
            image = yield self._registry.fetch(
                self.component.host, f"{place}:{version.replace('+', '_')}", timeout
            )
        except (ImageNotFound, RegistryUnavailable, Unreachable) as error:
            raise Failure(f"{what}: {answer_of(error, parse(place))}", "ChartPullError") from error
        artifact = image.behaviour
        if not isinstance(artifact, OciArtifact):
            raise Failure(
                f"{what}: '{place}' holds an image whose files kcsim does not know", "ChartPullError"
            )
        record = self._registry.record_of(image)
        self.blame(record)
        chart = self._read(artifact.files, None)
        return self._finished(obj, build, chart, chart.files, record)

    # --- folders of other sources -------------------------------------------------------------------------------

    def _of_folder(
        self, obj: Object, draft: Draft, files: Mapping[str, bytes], revision: str, record: Record | None
    ) -> Generator[Any, Any, Build]:
        place = posixpath.normpath(spec(obj)["chart"].lstrip("/"))
        if place in files:
            raise Stalling(f"spec.chart: kcsim does not read the packaged chart {place} yet", "NotModelled")
        chart = self._read(files, place)
        lacks = missing_dependencies(chart)
        if lacks:
            why = f"kcsim does not fetch the charts that {chart.name} needs: {', '.join(lacks)}"
            raise Stalling(f"spec.chart: {why}; commit them to its charts folder", "NotModelled")
        short = (
            revision.rpartition(":")[2][:_SHORT] if spec(obj).get("reconcileStrategy") == "Revision" else ""
        )
        build = replace(self._named(obj, chart.name, chart.version, short), packed=True)
        self.blame(record)
        if self._is_stored(obj, draft, build):
            return build
        yield from self._tell(obj, draft, build)
        return self._finished(obj, build, chart, files, record)

    @staticmethod
    def _read(files: Mapping[str, bytes], place: str | None) -> Chart:
        try:
            return loaded(files, place)
        except ChartUnreadable as error:
            raise Stalling(f"invalid chart reference: {error}", "InvalidChartReference") from error

    # --- all ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _named(obj: Object, name: str, version: str, metadata: str = "") -> Build:
        """The version it will have: with what made it differ from its source's."""
        files = tuple(spec(obj).get("valuesFiles") or ())
        parts = [
            part for part in (metadata, str(obj["metadata"].get("generation", 0)) if files else "") if part
        ]
        whole = f"{version.partition('+')[0]}+{'.'.join(parts)}" if parts else version
        return Build(name, whole, bool(parts), files)

    def _is_stored(self, obj: Object, draft: Draft, build: Build) -> bool:
        """Whether the artifact is that build; a changed spec builds anew."""
        if obj["metadata"].get("generation") != draft.get("observedGeneration"):
            return False
        stored = draft.get("artifact")
        return (
            stored is not None
            and draft.get("observedChartName") == build.name
            and stored["revision"] == build.version
            and self._storage.has(stored)
        )

    def _tell(self, obj: Object, draft: Draft, build: Build) -> Generator[Any, Any, None]:
        stored = draft.get("artifact")
        if (
            draft.get("observedChartName") == build.name
            and stored is not None
            and stored["revision"] == build.version
        ):
            return
        if stored is not None:
            draft.mark(OUTDATED, "True", "NewChart", build.told("new"))
        draft.progress(f"building artifact: {build.told('new')}", drift=True)
        yield from self.own.write(obj, draft)

    def _finished(
        self, obj: Object, build: Build, chart: Chart, files: Mapping[str, bytes], record: Record | None
    ) -> Build:
        """The chart with its new version, and the values files merged into its values."""
        own = dict(chart.files)
        merged: tuple[str, ...] = ()
        if build.values_files:
            values: dict[str, Any] = {}
            for path in build.values_files:
                place = posixpath.normpath(path)
                if place not in files:
                    if spec(obj).get("ignoreMissingValuesFiles"):
                        continue
                    raise Stalling(
                        f"values files merge error: no values file found at path '{path}'", "ValuesFilesError"
                    )
                try:
                    values = merge_values(values, parsed(files[place].decode(), path))
                except ValueError as error:
                    raise Stalling(f"values files merge error: {error}", "ValuesFilesError") from error
                merged = (*merged, path)
            own[_VALUES] = dump(values).encode()
        if build.version != chart.version:
            own["Chart.yaml"] = dump({**chart.metadata, "version": build.version}).encode()
        return replace(build, values_files=merged, chart=loaded(own), record=record)


def source_names(obj: Object) -> list[str]:
    """What a HelmChart is filed under: ``Kind/namespace/name`` of its source."""
    ref = spec(obj)["sourceRef"]
    return [f"{ref['kind']}/{objects.namespace(obj)}/{ref['name']}"]

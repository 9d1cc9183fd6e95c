"""ArtifactGenerator: artifacts of several sources become artifacts of their own, each an ExternalArtifact.

**Imitates:** fluxcd/source-watcher 2.2 internal/controller (artifactgenerator_controller.go and its neighbours). Differs: the sources
are read from caches (the gate DirectSourceFetch is off by default there, too), a stored artifact cannot be corrupted.

**Walk:** a new revision of a source, a changed spec, a request, an hour -> is there anything to do? -> download the sources ->
``requests``, ``copied`` -> stored -> ExternalArtifact and its status applied -> what is no longer asked for is deleted -> Ready.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Generator, Iterable, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Result
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux import events, toolkit
from kcsim.delivery.gitops.flux.artifact import (
    Artifact,
    DownloadFailed,
    NotStored,
    Servers,
    Storage,
    digest_of,
)
from kcsim.delivery.gitops.flux.artifact_copies import BadPattern, CopyFailed, Request, copied, requests
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.ignore import ignored, patterns
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import KindReconciler, handled, retry_after
from kcsim.delivery.gitops.flux.toolkit import (
    ARTIFACT_GENERATORS,
    EXTENSIONS_GROUP,
    EXTERNAL_ARTIFACTS,
    HELM_CHARTS,
    PROGRESSING,
    READY,
    RECONCILING,
    SOURCE_GROUP,
    SOURCES,
    STALLED,
    SUCCEEDED,
    spec,
)
from kcsim.delivery.registry.artifacts import REVISION as ORIGIN_REVISION
from kcsim.engine.clock import HOUR, format_duration, rfc3339
from kcsim.engine.trace import Record

CONTROLLER = "source-watcher"
FINALIZER = f"{EXTENSIONS_GROUP}/finalizer"
GENERATOR = f"{EXTENSIONS_GROUP}/generator"
"""The label of an ExternalArtifact: the UID of the ArtifactGenerator that made it."""
RECONCILE = f"{EXTENSIONS_GROUP}/reconcile"
"""The annotation that pauses an ArtifactGenerator, with the value ``disabled``."""
INTERVAL = HOUR
_IN_PROGRESS = "Reconciliation in progress"
_ARCHIVED = patterns({}, None)
"""What no archive holds: what belongs to git, and the default exclusions."""


class _NotReady(Exception):
    """A source is missing or has no artifact."""


class _Terminal(Exception):
    """It cannot work as it is written; ``reason`` of the conditions."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Failed(Exception):
    """It did not work this time; ``reason`` of the condition, and whether the pause is that of dependencies."""

    def __init__(self, reason: str, message: str, *, waits: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.waits = waits


class ArtifactGenerators(KindReconciler):
    """The reconciler of ArtifactGenerator."""

    name = "artifactgenerator"
    resource = ARTIFACT_GENERATORS
    finalizer = FINALIZER

    def __init__(
        self, servers: Servers, storage: Storage, options: Options, phases: Phases, *, charts: bool = False
    ) -> None:
        """``charts``: whether HelmCharts are served."""
        super().__init__(options, phases)
        self._kinds = {**SOURCES, "HelmChart": HELM_CHARTS} if charts else SOURCES
        self._servers = servers
        self._storage = storage

    def setup(self, component: Component) -> None:
        """Watch the generators, and what they may name as sources."""
        super().setup(component)
        self.objects.add_index("source", source_names)
        self._sources = {kind: component.informer(resource) for kind, resource in self._kinds.items()}
        for informer in self._sources.values():
            informer.on_change(self._source_changed)

    # --- triggers -----------------------------------------------------------------------------------------------

    def _source_changed(self, old: Object | None, new: Object | None) -> None:
        revision = toolkit.artifact_revision(new)
        if new is None or not revision or (old is not None and revision == toolkit.artifact_revision(old)):
            return
        for user in self.objects.by_index("source", "/".join((new["kind"], *objects.key(new)))):
            self.enqueue(objects.key(user))

    # --- one object ---------------------------------------------------------------------------------------------

    def finalize(self, obj: Object) -> Outcome:
        """Delete its artifacts."""
        yield from self._throw_away(objects.get_in(obj, ("status", "inventory"), []))
        return (yield from super().finalize(obj))

    def adopt(self, obj: Object) -> Generator[Any, Any, None]:
        """The status says from the first moment that there is work, or that there will be none."""
        yield from super().adopt(obj)
        draft = Draft(self.component.engine, obj)
        if _is_paused(obj):
            draft.mark(READY, "True", "ReconciliationDisabled", "Initialized with reconciliation suspended")
        else:
            draft.mark(READY, "Unknown", PROGRESSING, _IN_PROGRESS)
            draft.mark(RECONCILING, "True", PROGRESSING, _IN_PROGRESS)
        yield from self.own.write(obj, draft)

    def is_suspended(self, obj: Object) -> bool:
        """Suspended by an annotation, which an Event tells each time."""
        if _is_paused(obj):
            message = "Reconciliation is disabled"
            events.record(self.component, obj, "Normal", "ReconciliationDisabled", message, trace=True)
        return _is_paused(obj)

    def work(self, obj: Object) -> Outcome:
        """One reconciliation, and when to look again."""
        draft = Draft(self.component.engine, obj)
        try:
            self._validate(obj)
            again = yield from self._bring_up_to_date(obj, draft)
        except _Terminal as error:
            draft.mark(READY, "False", error.reason, str(error))
            draft.mark(STALLED, "True", error.reason, str(error))
            again = None
        except _Failed as error:
            draft.mark(READY, "False", error.reason, str(error))
            again = retry_after(self.options.requeue_dependency) if error.waits else Result(requeue=True)
        ready = draft.condition(READY) or {}
        if ready.get("status") == "False":
            events.record(self.component, obj, "Warning", ready["reason"], ready["message"])
        yield from self._finish(obj, draft)
        return again

    def _finish(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        """The last write of a reconciliation (summarizeStatus)."""
        handled(obj, draft)
        if draft.is_(READY, "False"):
            draft.note_retry()
        if draft.is_(READY) or draft.is_(STALLED):
            draft.drop(RECONCILING)
        yield from self.own.write(obj, draft)

    def _validate(self, obj: Object) -> None:
        """What the schema cannot say (artifactgenerator_validation.go)."""
        aliases: set[str] = set()
        for source in spec(obj)["sources"]:
            if source["alias"] in aliases:
                raise _Terminal("ValidationFailed", f"duplicate source alias '{source['alias']}' found")
            aliases.add(source["alias"])
            elsewhere = source.get("namespace") or objects.namespace(obj)
            if self.options.no_cross_namespace_refs and elsewhere != objects.namespace(obj):
                what = f"{source['kind']}/{elsewhere}/{source['name']}"
                raise _Terminal("AccessDenied", f"cross-namespace reference to source {what} is not allowed")
        names: set[str] = set()
        for output in spec(obj)["artifacts"]:
            name, revision = output["name"], (output.get("revision") or "").removeprefix("@")
            if name in names:
                raise _Terminal("ValidationFailed", f"duplicate artifact name '{name}' found")
            names.add(name)
            if revision and revision not in aliases:
                raise _Terminal(
                    "ValidationFailed", f"artifact {name} revision source alias '{revision}' not found"
                )

    def _bring_up_to_date(self, obj: Object, draft: Draft) -> Generator[Any, Any, Result]:
        try:
            observed = self._observe(obj)
        except _NotReady as error:
            raise _Failed("SourceFetchFailed", f"get sources failed: {error}", waits=True) from error
        digest = digest_of_sources(observed)
        if not self._has_drifted(obj, draft, digest):
            message = f"No drift detected, {len(draft.get('inventory') or ())} artifact(s) up to date"
            events.record(self.component, obj, "Normal", READY, message, trace=True)
            return Result(INTERVAL, what=f"interval {format_duration(INTERVAL)}")
        draft.drop(STALLED)
        draft.mark(RECONCILING, "True", PROGRESSING, _IN_PROGRESS)
        draft.mark(READY, "Unknown", PROGRESSING, _IN_PROGRESS)
        yield from self.own.write(obj, draft)
        fetched = yield from self._fetch(observed)
        self._blame(fetched.values())
        old = draft.get("inventory") or []
        inventory = yield from self._build(obj, observed, fetched, old)
        kept = {(ref["namespace"], ref["name"]) for ref in inventory}
        yield from self._throw_away(ref for ref in old if (ref["namespace"], ref["name"]) not in kept)
        for ref in inventory:
            folder = _folder(ref["namespace"], ref["name"])
            self._storage.collect(folder, f"{folder}/{ref['filename']}", self.component.engine.now)
        draft.set("inventory", inventory)
        draft.set("observedSourcesDigest", digest)
        message = f"reconciliation succeeded, generated {len(inventory)} artifact(s)"
        draft.mark(READY, "True", SUCCEEDED, message)
        events.record(self.component, obj, "Normal", READY, message, trace=True)
        new = [ref for ref in inventory if not _holds(old, ref)]
        if new:
            told = "\n".join(f"{ref['namespace']}/{ref['name']} ({ref['digest']})" for ref in new)
            events.record(self.component, obj, "Normal", READY, f"external artifacts reconciled: {told}")
        return self.next_interval(obj, INTERVAL)

    # --- sources ------------------------------------------------------------------------------------------------

    def _observe(self, obj: Object) -> dict[str, dict[str, Any]]:
        """``status.artifact`` of each source, by alias."""
        observed = {}
        for source in spec(obj)["sources"]:
            kind, name = source["kind"], source["name"]
            namespace = source.get("namespace") or objects.namespace(obj)
            if kind not in self._sources:
                raise _Terminal(
                    "NotModelled", f"spec.sources: kcsim does not model sources of kind {kind} yet"
                )
            found = self._sources[kind].get(namespace, name)
            if found is None:
                raise _NotReady(f'{self._kinds[kind]} "{name}" not found')
            artifact = objects.get_in(found, ("status", "artifact"), None)
            if artifact is None:
                raise _NotReady(f"source '{kind}/{namespace}/{name}' is not ready")
            observed[source["alias"]] = artifact
        return observed

    def _fetch(self, observed: Mapping[str, dict[str, Any]]) -> Generator[Any, Any, dict[str, Artifact]]:
        fetched: dict[str, Artifact] = {}
        for alias, artifact in observed.items():
            try:
                fetched[alias] = yield from self._servers.fetch(
                    self.component.endpoint, self.component.host, artifact
                )
            except (DownloadFailed, NotStored) as error:
                raise _Failed("SourceFetchFailed", f"fetch sources failed: {error}", waits=True) from error
        return fetched

    def _blame(self, artifacts: Iterable[Artifact]) -> None:
        """What follows is done for what brought the newest of the revisions."""
        brought = [artifact.record for artifact in artifacts if artifact.record is not None]
        if brought:
            self.component.engine.cause = max(brought, key=lambda record: record.seq)

    def _has_drifted(self, obj: Object, draft: Draft, digest: str) -> bool:
        """Whether there is anything to do (artifactgenerator_drift.go)."""
        ready = draft.condition(READY)
        if ready is None or ready["status"] == "False":
            return True
        if ready.get("observedGeneration") != obj["metadata"].get("generation"):
            return True
        inventory = draft.get("inventory") or []
        if draft.get("observedSourcesDigest") != digest:
            return True
        if len(inventory) != len(spec(obj)["artifacts"]) and not spec(obj).get("pathPattern"):
            return True
        if not all(self._storage.has(_place(ref)) for ref in inventory):
            return True
        uid = objects.uid(obj)
        there = [
            found
            for found in self._sources["ExternalArtifact"].list(objects.namespace(obj))
            if objects.labels(found).get(GENERATOR) == uid
        ]
        return len(there) != len(inventory) or not all(_holds(inventory, _ref_of(found)) for found in there)

    # --- artifacts ----------------------------------------------------------------------------------------------

    def _build(
        self,
        obj: Object,
        observed: Mapping[str, dict[str, Any]],
        fetched: Mapping[str, Artifact],
        old: list[Object],
    ) -> Generator[Any, Any, list[Object]]:
        sources = {alias: artifact.files for alias, artifact in fetched.items()}
        try:
            wanted = requests(spec(obj), sources)
        except BadPattern as error:
            raise _Terminal("BuildFailed", f"failed to expand path pattern: {error}") from error
        record = self.component.engine.cause
        inventory: list[Object] = []
        for request in wanted:
            name = request.output["name"]
            try:
                files = copied(request.output["copy"], sources)
            except CopyFailed as error:
                raise _Failed("BuildFailed", f"{name} build failed: {error}") from error
            artifact = self._store(obj, request, files, observed, record)
            try:
                yield from self._apply(obj, request, artifact)
            except StatusError as error:
                why = f"{name} reconcile failed: failed to apply ExternalArtifact: {error.message}"
                raise _Failed("ReconciliationFailed", why) from error
            ref = {
                "name": name,
                "namespace": objects.namespace(obj),
                "digest": artifact["digest"],
                "filename": artifact["path"].rpartition("/")[2],
            }
            if not _holds(old, ref):
                who = f"ExternalArtifact/{objects.namespace(obj)}/{name}"
                told = f"{who} reconciled with revision {artifact['revision']}"
                events.record(self.component, obj, "Normal", READY, told, trace=True)
            inventory.append(ref)
        return inventory

    def _store(
        self,
        obj: Object,
        request: Request,
        files: Mapping[str, bytes],
        observed: Mapping[str, dict[str, Any]],
        record: Record | None,
    ) -> dict[str, Any]:
        """Pack the files; ``status.artifact`` of the ExternalArtifact."""
        output = request.output
        kept = {path: data for path, data in files.items() if not ignored(path, _ARCHIVED)}
        of, origin = (
            observed.get((output.get(field) or "").removeprefix("@"))
            for field in ("revision", "originRevision")
        )
        metadata = {}
        if origin is not None:
            known = (origin.get("metadata") or {}).get(ORIGIN_REVISION)
            metadata = {ORIGIN_REVISION: known or origin["revision"]}
        return self._storage.add(
            _folder(objects.namespace(obj), output["name"]),
            f"{contents_hash(output['name'], files)}.tar.gz",
            of["revision"] if of is not None else f"latest@{digest_of(kept)}",
            kept,
            record,
            self.component.engine.now,
            metadata,
        ).to_status()

    def _apply(self, obj: Object, request: Request, artifact: dict[str, Any]) -> Generator[Any, Any, None]:
        namespace, name = objects.namespace(obj), request.output["name"]
        common = spec(obj).get("commonMetadata") or {}
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": namespace,
            "labels": {
                **(common.get("labels") or {}),
                **request.labels,
                "app.kubernetes.io/managed-by": CONTROLLER,
                GENERATOR: objects.uid(obj),
            },
        }
        if common.get("annotations"):
            metadata["annotations"] = dict(common["annotations"])
        head = {"apiVersion": f"{SOURCE_GROUP}/v1", "kind": "ExternalArtifact"}
        reference = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": objects.name(obj),
            "namespace": namespace,
        }
        body = {**head, "metadata": metadata, "spec": {"sourceRef": reference}}
        stored = yield self._send(namespace, name, body)
        ready = {
            "type": READY,
            "status": "True",
            "reason": SUCCEEDED,
            "message": "Artifact is ready",
            "observedGeneration": stored["metadata"].get("generation", 0),
            "lastTransitionTime": rfc3339(self.component.engine.now),
        }
        status = {"artifact": artifact, "conditions": [ready]}
        names = {"name": name, "namespace": namespace}
        yield self._send(namespace, name, {**head, "metadata": names, "status": status}, "status")

    def _send(self, namespace: str, name: str, body: Object, subresource: str = "") -> Any:
        return self.client.patch(
            EXTERNAL_ARTIFACTS,
            namespace,
            name,
            body,
            type="apply",
            field_manager=CONTROLLER,
            force=True,
            subresource=subresource,
        )

    def _throw_away(self, refs: Iterable[Object]) -> Generator[Any, Any, None]:
        """Delete artifacts of an inventory, from storage and from the cluster."""
        for ref in list(refs):
            self._storage.remove(_folder(ref["namespace"], ref["name"]))
            try:
                yield self.client.delete(EXTERNAL_ARTIFACTS, ref["namespace"], ref["name"])
            except StatusError as error:
                if not error.is_not_found:
                    self.component.engine.note(
                        CONTROLLER,
                        "not-deleted",
                        f"externalartifact/{ref['namespace']}/{ref['name']}",
                        {"error": error.message},
                    )


# --- decisions --------------------------------------------------------------------------------------------------


def _is_paused(obj: Object) -> bool:
    return objects.annotations(obj).get(RECONCILE, "").lower() == "disabled"


def source_names(obj: Object) -> list[str]:
    """What a generator is filed under: ``Kind/namespace/name`` of each of its sources."""
    return [
        f"{source['kind']}/{source.get('namespace') or objects.namespace(obj)}/{source['name']}"
        for source in spec(obj).get("sources") or ()
    ]


def digest_of_sources(observed: Mapping[str, Mapping[str, Any]]) -> str:
    """``status.observedSourcesDigest`` (api: HashObservedSources)."""
    parts = sorted(
        f"{alias}=[digest={a['digest']},revision={a['revision']},url={a['url']}]"
        for alias, a in observed.items()
    )
    return f"sha256:{hashlib.sha256('|'.join(parts).encode()).hexdigest()}"


def contents_hash(name: str, files: Mapping[str, bytes]) -> str:
    """The name of an artifact's file: an Adler-32 of names and sums (internal/builder DirHash)."""
    lines = sorted((f"{name}/{path}", zlib.adler32(data)) for path, data in files.items())
    return str(zlib.adler32("".join(f"{total:x}  {path}\n" for path, total in lines).encode()))


def _folder(namespace: str, name: str) -> str:
    return f"externalartifact/{namespace}/{name}"


def _place(ref: Object) -> dict[str, str]:
    """What a storage is asked for: path and digest."""
    return {
        "path": f"{_folder(ref['namespace'], ref['name'])}/{ref['filename']}",
        "digest": ref["digest"],
    }


def _ref_of(found: Object) -> dict[str, str]:
    digest = objects.get_in(found, ("status", "artifact", "digest"), "")
    return {"name": objects.name(found), "namespace": objects.namespace(found), "digest": digest}


def _holds(inventory: Iterable[Object], ref: Mapping[str, Any]) -> bool:
    """Whether an inventory has an artifact with that content (HasArtifactInInventory)."""
    fields = ("name", "namespace", "digest")
    return any(all(each[f] == ref[f] for f in fields) for each in inventory)

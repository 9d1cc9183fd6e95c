"""flux reconcile, suspend and resume.

**Imitates:** flux2 cmd/flux/reconcile.go, reconcile_with_source.go, suspend.go, resume.go: what is written, how the outcome
is waited for (every 2 s, at most --timeout), and what is printed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.delivery.gitops import kstatus
from kcsim.delivery.gitops.flux.cli.get import chart_version
from kcsim.delivery.gitops.flux.cli.session import (
    EXTERNAL_ARTIFACT,
    HELM_CHART,
    HELM_RELEASE,
    HELM_REPOSITORY,
    IMAGE_POLICY,
    IMAGE_REPOSITORY,
    IMAGE_UPDATE,
    KUSTOMIZATION,
    POLL,
    RECEIVER,
    SOURCE_KINDS,
    FluxError,
    Kind,
    Session,
)
from kcsim.delivery.gitops.flux.helm import terms
from kcsim.delivery.gitops.flux.toolkit import (
    READY,
    REQUESTED_AT,
    artifact_revision,
    source_key,
    source_kind,
    spec,
    status,
)
from kcsim.engine.clock import rfc3339_micro
from kcsim.engine.task import Sleep, Steps


def reconcile(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Ask for a reconciliation now, and wait for its outcome."""
    kind = kinds[0]
    if not session.arguments.words:
        raise FluxError(f"{kind.kind} name is required")
    yield from _reconcile(session, kind, session.namespace, session.arguments.words[0])


def _reconcile(session: Session, kind: Kind, namespace: str, name: str) -> Steps:
    obj = yield session.client.get(kind.resource, namespace, name)
    if kind is HELM_REPOSITORY and spec(obj).get("type") == "oci":
        session.success("reconciliation not supported by the object")
        return
    if spec(obj).get("suspend"):
        raise FluxError("resource is suspended")
    if kind in {KUSTOMIZATION, HELM_RELEASE, HELM_CHART} and session.arguments.on("with-source"):
        source, place = _source_of(obj)
        yield from _reconcile(session, source, *place)
    before = status(obj).get("lastHandledReconcileAt")
    session.action(f"annotating {kind.kind} {name} in {namespace} namespace")
    now = rfc3339_micro(session.client.endpoint.engine.now)
    marks = {REQUESTED_AT: now}
    if kind is HELM_RELEASE:
        marks |= {mark: now for word, mark in _MARKS.items() if session.arguments.on(word)}
    asked = {"metadata": {"annotations": marks}}
    yield session.client.patch(kind.resource, namespace, name, asked)
    session.success(f"{kind.kind} annotated")
    session.waiting(f"waiting for {kind.kind} reconciliation")
    done = yield from _wait(
        session,
        kind,
        namespace,
        name,
        lambda o: status(o).get("lastHandledReconcileAt") != before,
    )
    ready = objects.condition(done, READY)
    if ready is None:
        raise FluxError("status can't be determined")
    if ready["status"] != "True":
        raise FluxError(f"{kind.kind} reconciliation failed: '{ready['message']}'")
    session.success(_succeeded(kind, done))


_MARKS = {"force": terms.FORCE_AT, "reset": terms.RESET_AT}


def _source_of(obj: Object) -> tuple[Kind, objects.Key]:
    """What an object is reconciled with, and where it is.

    Raises:
        FluxError: nobody reconciles sources of its kind.
    """
    kind, place = source_kind(obj), source_key(obj)
    if obj["kind"] == HELM_RELEASE.kind:
        kind, namespace, name = terms.source_subject(obj).split("/")
        place = (namespace, name)
    found = next((k for k in SOURCE_KINDS.values() if k.kind == kind and k is not EXTERNAL_ARTIFACT), None)
    if found is None:
        raise FluxError(f"cannot reconcile source of kind {kind}")
    return found, place


def _wait(
    session: Session, kind: Kind, namespace: str, name: str, begun: Callable[[Object], bool]
) -> Generator[Any, Any, Object]:
    """The object once it has got there.

    Raises:
        FluxError: it failed for good, or time ran out.
    """
    engine = session.client.endpoint.engine
    until = engine.now + session.timeout
    while True:
        obj: Object = yield session.client.get(kind.resource, namespace, name)
        if begun(obj):
            result = kstatus.compute(obj, engine.now)
            if result.status == kstatus.CURRENT:
                return obj
            if result.status != kstatus.IN_PROGRESS:
                raise FluxError(result.message)
        if engine.now + POLL > until:
            yield Sleep(engine, max(until - engine.now, 0))
            raise FluxError("context deadline exceeded")
        yield Sleep(engine, POLL)


def _succeeded(kind: Kind, obj: Object) -> str:
    if kind is KUSTOMIZATION:
        return f"applied revision {status(obj).get('lastAppliedRevision', '')}"
    if kind is HELM_RELEASE:
        return f"applied revision {chart_version(obj)}"
    if kind is IMAGE_REPOSITORY:
        return f"scan fetched {status(obj)['lastScanResult']['tagCount']} tags"
    if kind is RECEIVER:
        return f"generated webhook URL {status(obj).get('webhookPath', '')}"
    if kind in {IMAGE_POLICY, IMAGE_UPDATE}:
        return str((objects.condition(obj, READY) or {}).get("message", ""))
    return f"fetched revision {artifact_revision(obj)}"


def _named(session: Session, kind: Kind) -> Generator[Any, Any, list[tuple[str, Object | None]]]:
    """The objects a command names, each once, None for one that does not exist; with --all those of the namespace."""
    names = list(dict.fromkeys(session.arguments.words))
    if not names and not session.arguments.on("all"):
        raise FluxError(f"{kind.human} name is required")
    found = yield session.client.list(kind.resource, session.namespace)
    there = {objects.name(o): o for o in found["items"]}
    return [(name, there.get(name)) for name in names or sorted(there)]


def suspend(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Set spec.suspend."""
    kind, where = kinds[0], session.namespace
    for name, obj in (yield from _named(session, kind)):
        if obj is None:
            session.failure(f"{kind.kind} {name} not found in {where} namespace")
            continue
        session.action(f"suspending {kind.human} {name} in {where} namespace")
        yield session.client.patch(kind.resource, where, name, {"spec": {"suspend": True}})
        session.success(f"{kind.human} suspended")


def resume(session: Session, kinds: tuple[Kind, ...]) -> Steps:
    """Clear spec.suspend; one object by name, or --wait: until it has been reconciled."""
    kind, where = kinds[0], session.namespace
    named = yield from _named(session, kind)
    resumed: list[str] = []
    for name, obj in named:
        if obj is None:
            session.failure(f"{kind.kind} object '{name}' not found in {where} namespace")
            continue
        session.action(f"resuming {kind.human} {name} in {where} namespace")
        yield session.client.patch(kind.resource, where, name, {"spec": {"suspend": None}})
        resumed.append(name)
        session.success(f"{kind.human} resumed")
    arguments = session.arguments
    if "wait" not in arguments.flags and len(arguments.words) != 1:
        return
    if not arguments.on("wait", default=True):
        return
    failed = 0
    for name in resumed:
        session.waiting(f"waiting for {kind.kind} reconciliation")
        try:
            done = yield from _wait(session, kind, where, name, _is_observed)
        except FluxError as error:
            session.failure(f"{kind.kind} {name} reconciliation failed: {error}")
            failed += 1
            continue
        session.success(f"{kind.kind} {name} reconciliation completed")
        session.success(_succeeded(kind, done))
    if failed:
        raise FluxError(f"reconciliation failed for {failed} {kind.kind}(s)")


def _is_observed(obj: Object) -> bool:
    return bool(status(obj).get("observedGeneration") == obj["metadata"].get("generation"))

"""One step of a sync: the Application compared at the revision of the operation, then one pass of the sync.

**Imitates:** argo-cd 3.x controller/sync.go (SyncAppState, newSyncOperationResult). Differs: whether the
controller may impersonate an account is asked once a pass, not with each request.

**Walk:** window -> comparison at the pinned revision -> errors that forbid it -> ``Request`` -> a pass, whose actions the
executor carries out -> phase, message and results go into the operation's state.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.client import Client
from kcsim.api.identity import impersonation_denial
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import projects, resources, terms, windows
from kcsim.delivery.gitops.argocd.application_controller.comparison import (
    Comparison,
    Managed,
    diff_options,
    spec_conditions,
)
from kcsim.delivery.gitops.argocd.application_controller.executor import Executor
from kcsim.delivery.gitops.argocd.application_controller.state import NoAccount, State
from kcsim.delivery.gitops.argocd.conditions import BLOCKING, as_text, of_types
from kcsim.delivery.gitops.argocd.diff import compare as diff
from kcsim.delivery.gitops.argocd.diff.strategies import DiffError
from kcsim.delivery.gitops.argocd.projects import Project
from kcsim.delivery.gitops.argocd.sync import messages
from kcsim.delivery.gitops.argocd.sync.operation import Operation, Outcome, Pass, WaveDelay, sync, terminate
from kcsim.delivery.gitops.argocd.sync.plan import Discovery, Request, Resource, ResourceResult
from kcsim.delivery.gitops.argocd.sync.settings import Settings, settings_of
from kcsim.delivery.gitops.argocd.sync.tasks import ERROR, FAILED, RUNNING, TERMINATING
from kcsim.engine.clock import parse_rfc3339, unix_seconds
from kcsim.engine.task import Sleep

_MIGRATION_MANAGER = "argocd.argoproj.io/client-side-apply-migration-manager"


def synced(
    state: State, app: Object, project: Project, running: dict[str, Any]
) -> Generator[Any, Any, Comparison | None]:
    """A task's steps: take an operation one pass further.

    Args:
        running: ``status.operationState``, which is changed to what it is afterwards.

    Returns:
        The comparison, or None when it did not come to one.
    """
    request = (running.get("operation") or {}).get("sync")
    if request is None:
        running.update(phase=ERROR, message="Invalid operation request: no operation specified")
        return None
    result = running.get("syncResult")
    if result is None:
        result = _new_result(app, request)
    running["syncResult"] = result = dict(result)
    automated = bool((running["operation"].get("initiatedBy") or {}).get("automated"))
    started = parse_rfc3339(running["startedAt"])
    allowed, problem = state.can_sync(app, project, manual=not automated, since=started)
    if not allowed:
        if running["phase"] == RUNNING:
            running["message"] = f"{windows.BLOCKED}: {problem}" if problem else windows.BLOCKED
        return None
    several = bool(result.get("sources"))
    sources = result["sources"] if several else [result.get("source") or {}]
    revisions = list(result.get("revisions") or ()) if several else [result.get("revision", "")]
    if len(revisions) != len(sources):
        revisions = [source.get("targetRevision", "") for source in sources]
    project, wrong = spec_conditions(state, app)
    if wrong:
        running.update(phase=ERROR, message=as_text(wrong))
        return None
    if not several and not revisions[0]:
        revisions = [sources[0].get("targetRevision", "")]
    compared = yield from state.compare(
        app,
        project,
        sources=sources,
        revisions=revisions,
        several=several,
        no_cache=False,
        no_revision_cache=True,
    )
    for field in ("revision", "revisions"):
        if compared.sync.get(field):
            result[field] = compared.sync[field]
    result.setdefault("revision", "")
    shared = of_types(compared.conditions, [terms.SHARED_RESOURCE])
    settings = _settings(app, request, running)
    if settings.fail_on_shared and shared:
        running.update(phase=FAILED, message=f"Shared resource found: {shared[0]['message']}")
        return compared
    errors = of_types(compared.conditions, BLOCKING)
    if errors:
        running.update(phase=ERROR, message=as_text(errors))
        return compared
    try:
        client = state.sync_client(app, project)
    except NoAccount as error:
        problem = f"failed to find a matching service account to impersonate: {error}"
        running.update(phase=ERROR, message=problem)
        return compared
    try:
        asked = yield from _request(state, app, project, running, compared, settings, client)
    except DiffError as error:
        running.update(phase=ERROR, message=f"Failed to normalize target resources: {error}")
        return compared
    known = tuple(ResourceResult.from_json(each) for each in result.get("resources") or ())
    operation = Operation(running["phase"], running.get("message", ""), known)
    step = terminate if running["phase"] == TERMINATING else sync
    after = yield from _driven(state, app, client, step(asked, operation))
    running["phase"] = after.phase
    running["message"] = after.message
    served = [(r.group, r.version, r.kind) for r in state.destination_client(app).endpoint.server.catalog]
    result["resources"] = [
        {**each.to_json(), "message": messages.augmented(each, served)} if each.message else each.to_json()
        for each in after.results
    ]
    metadata = (terms.spec(app).get("syncPolicy") or {}).get("managedNamespaceMetadata")
    if metadata is not None:
        result["managedNamespaceMetadata"] = metadata
    return compared


def _driven(state: State, app: Object, client: Client, steps: Pass) -> Generator[Any, Any, Operation]:
    """Carry out what a pass yields, until it returns."""
    own = state.destination_client(app)
    denial = None
    if client is not own:
        denial = impersonation_denial(client.endpoint.server, own.user, client.user)
    said = denial.message if denial is not None else ""
    executor = Executor(state.component, client, state.settings.kubectl_parallelism, said)
    outcomes: Sequence[Outcome] = ()
    try:
        step = next(steps)
        while True:
            if isinstance(step, WaveDelay):
                yield Sleep(state.component.engine, state.settings.wave_delay)
                outcomes = ()
            else:
                outcomes = yield from executor.perform(step)
            step = steps.send(outcomes)
    except StopIteration as stop:
        operation: Operation = stop.value
        return operation


def _new_result(app: Object, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("sources") or request.get("source"):
        made = {field: request[field] for field in ("source", "sources") if request.get(field)}
    elif terms.has_multiple_sources(app):
        made = {"sources": terms.sources(app)}
    else:
        made = {"source": terms.sources(app)[0]}
    for field in ("revision", "revisions"):
        if request.get(field):
            made[field] = request[field]
    made.setdefault("revision", "")
    return made


def _settings(app: Object, request: dict[str, Any], running: dict[str, Any]) -> Settings:
    return settings_of(
        request,
        prune_confirmed=terms.is_deletion_approved(app, running["startedAt"]),
        migrate_from=objects.annotations(app).get(_MIGRATION_MANAGER, ""),
    )


def _request(
    state: State,
    app: Object,
    project: Project,
    running: dict[str, Any],
    compared: Comparison,
    settings: Settings,
    client: Client,
) -> Generator[Any, Any, Request]:
    """Everything the pass has to know."""
    namespace = terms.destination(app).get("namespace", "")
    taking_part = {managed.key: managed.is_self for managed in compared.managed}
    chosen = running["operation"]["sync"].get("resources") or ()

    def selected(resource: Resource) -> bool:
        key = resource.key
        return taking_part.get(key, True) and (not chosen or any(_chooses(each, key) for each in chosen))

    live_namespace, problem = None, ""
    if settings.create_namespace and namespace:
        live_namespace, problem = yield from _namespace(client, namespace)
    resources_ = []
    for managed in compared.managed:
        live = managed.live
        if live is not None and settings.server_side:
            live = yield from _with_managers(state, app, managed)
        target = managed.target
        if settings.respect_ignore_differences and target is not None:
            target = diff.respecting_ignored(target, live, diff_options(state, app))
        resources_.append(Resource(target, live, managed.difference.modified))
    cluster = state.cluster_of(app)
    where = projects.Cluster(cluster.server, cluster.name)
    policy = terms.spec(app).get("syncPolicy") or {}
    return Request(
        revision=compared.sync.get("revision", ""),
        namespace=namespace,
        started_at=unix_seconds(parse_rfc3339(running["startedAt"])),
        resources=resources_,
        hooks=compared.hooks,
        settings=settings,
        managed_metadata=policy.get("managedNamespaceMetadata"),
        live_namespace=live_namespace,
        namespace_error=problem,
        discover=lambda version, kind: _discovered(state, app, version, kind),
        permit=lambda obj, namespaced: project.refusal(obj, where, namespaced=namespaced),
        selected=selected,
        health=state.configuration.health,
    )


def _chooses(wanted: dict[str, Any], key: resources.ResourceKey) -> bool:
    """ContainsSyncResource: an empty namespace is any."""
    return (
        wanted.get("kind") == key.kind
        and (wanted.get("group") or "") == key.group
        and wanted.get("name") == key.name
        and (wanted.get("namespace") or key.namespace) == key.namespace
    )


def _namespace(client: Client, name: str) -> Generator[Any, Any, tuple[Object | None, str]]:
    try:
        return (yield client.get("namespaces", "", name)), ""
    except StatusError as error:
        return None, "" if error.is_not_found else error.message


def _with_managers(state: State, app: Object, managed: Managed) -> Generator[Any, Any, Object | None]:
    """The live object with its managers, which a server-side apply may have to take over."""
    key = managed.key
    resource = state.cluster_cache(app).resource(key.group, key.kind)
    assert resource is not None, "there is a live object of the kind"
    try:
        return (  # type: ignore[no-any-return]
            yield state.destination_client(app).get(resource, key.namespace, key.name, managed_fields=True)
        )
    except StatusError as error:
        if not error.is_not_found:
            raise
        return None


def _discovered(state: State, app: Object, version: str, kind: str) -> Discovery:
    """What the destination serves, as the controller's discovery knows it."""
    catalog = state.destination_client(app).endpoint.server.catalog
    resource = catalog.of({"apiVersion": version, "kind": kind})
    if resource is not None:
        return Discovery(found=True, namespaced=resource.namespaced)
    group, _, name = version.rpartition("/")
    known = any(name in versions for served, versions in catalog.group_versions() if served == group)
    return Discovery(found=False, group_version=known)

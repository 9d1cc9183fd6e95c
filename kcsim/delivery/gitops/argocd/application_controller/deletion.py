"""What happens to what an Application manages when the Application is deleted.

**Imitates:** argo-cd 3.x controller/appcontroller.go (finalizeApplicationDeletion, shouldBeDeleted) and
controller/hook.go (executeHooks, cleanupHooks), controller/sort_delete.go (FilterObjectsForDeletion).

**Walk:** PreDelete hooks -> the live objects of the highest wave, again and again until none is left -> PostDelete hooks ->
what hooks leave behind -> each part's finalizer goes as soon as the part is done.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.argocd import projects, resources, terms
from kcsim.delivery.gitops.argocd.application_controller.clusters import UnknownCluster
from kcsim.delivery.gitops.argocd.application_controller.comparison import project_of, targets_of
from kcsim.delivery.gitops.argocd.application_controller.state import State
from kcsim.delivery.gitops.argocd.health.check import DEGRADED, HEALTHY, PROGRESSING, assess, is_worse
from kcsim.delivery.gitops.argocd.projects import Project
from kcsim.delivery.gitops.argocd.repo_server.generate import GenerationError
from kcsim.delivery.gitops.argocd.resources import ResourceKey
from kcsim.delivery.gitops.argocd.services import RpcError
from kcsim.delivery.gitops.argocd.sync import hooks

_KEEP = "helm.sh/resource-policy"
_CASCADES = (terms.CASCADE, terms.FOREGROUND, terms.BACKGROUND)


class DeletionFailed(Exception):
    """It did not work this time; the finalizers stay, and it is tried again."""


def finalize(state: State, app: Object) -> Generator[Any, Any, None]:
    """A task's steps: take the deletion of an Application one step further.

    Raises:
        DeletionFailed.
    """
    fresh = yield from state.applications.fresh(objects.key(app))
    if fresh is None:
        return
    app = fresh
    project, problem = project_of(state, app)
    if project is None:
        raise DeletionFailed(problem)
    try:
        state.cluster_cache(app)
    except UnknownCluster:
        # Nobody knows any more where its objects are: they are left behind.
        left = [
            f
            for f in _finalizers(app)
            if f not in _CASCADES and not f.startswith((terms.PRE_DELETE, terms.POST_DELETE))
        ]
        yield from state.applications.set_finalizers(app, left)
        return
    if terms.PRE_DELETE in _finalizers(app):
        if not (yield from _run_hooks(state, app, project, hooks.PRE_DELETE)):
            return
        yield from _drop(state, app, terms.PRE_DELETE)
        app = (yield from state.applications.fresh(objects.key(app))) or app
    if any(f in _finalizers(app) for f in _CASCADES):
        if (yield from _cascade(state, app, project)):
            yield from _drop(state, app, *_CASCADES)
    elif terms.POST_DELETE in _finalizers(app):
        if (yield from _run_hooks(state, app, project, hooks.POST_DELETE)):
            yield from _drop(state, app, terms.POST_DELETE)
    elif f"{terms.PRE_DELETE}/cleanup" in _finalizers(app):
        if (yield from _clean_hooks(state, app, project, hooks.PRE_DELETE)):
            yield from _drop(state, app, f"{terms.PRE_DELETE}/cleanup")
    elif f"{terms.POST_DELETE}/cleanup" in _finalizers(app):
        if (yield from _clean_hooks(state, app, project, hooks.POST_DELETE)):
            yield from _drop(state, app, f"{terms.POST_DELETE}/cleanup")


def _finalizers(app: Object) -> list[str]:
    return list(app["metadata"].get("finalizers") or ())


def _drop(state: State, app: Object, *names: str) -> Generator[Any, Any, None]:
    yield from state.applications.set_finalizers(app, [f for f in _finalizers(app) if f not in names])


def _live(state: State, app: Object, project: Project) -> dict[ResourceKey, Object]:
    """getPermittedAppLiveObjects."""
    cluster = state.cluster_of(app)
    where = projects.Cluster(cluster.server, cluster.name)
    managed = state.cluster_cache(app).managed(state.instance(app))
    return {key: obj for key, obj in sorted(managed.items()) if project.permits_live(key, where)}


# --- the cascade ------------------------------------------------------------------------------------------------


def _cascade(state: State, app: Object, project: Project) -> Generator[Any, Any, bool]:
    """Delete the next wave; True when nothing is left to delete."""
    live = _live(state, app, project)
    approved = terms.is_deletion_approved(app, app["metadata"].get("deletionTimestamp", ""))
    if any(objects.is_deleting(obj) for obj in live.values()):
        return False
    doomed = [obj for obj in live.values() if should_be_deleted(app, obj)]
    if not approved and any(_needs_confirmation(app, obj) for obj in doomed):
        return False
    policy = "Background" if terms.BACKGROUND in _finalizers(app) else "Foreground"
    yield from _delete(state, app, last_wave(doomed), policy)
    return not any(should_be_deleted(app, obj) for obj in _live(state, app, project).values())


def should_be_deleted(app: Object, obj: Object) -> bool:
    """Whether an object goes with its Application."""
    key = resources.key_of(obj)
    itself = (key.group, key.kind) == (terms.GROUP, "Application") and (
        key.namespace,
        key.name,
    ) == objects.key(app)
    return (
        not resources.is_crd(obj)
        and not itself
        and _delete_option(app, obj) != "false"
        and not resources.has_option(obj, _KEEP, "keep")
    )


def _delete_option(app: Object, obj: Object) -> str | None:
    own = resources.option_value(obj, resources.SYNC_OPTIONS, "Delete")
    return own if own is not None else resources.sync_option_value(terms.sync_options(app), "Delete")


def _needs_confirmation(app: Object, obj: Object) -> bool:
    return _delete_option(app, obj) == "confirm"


def last_wave(doomed: Sequence[Object]) -> list[Object]:
    """Those of the highest sync wave (FilterObjectsForDeletion)."""
    highest = max((hooks.wave(obj) for obj in doomed), default=0)
    return [obj for obj in doomed if hooks.wave(obj) == highest]


def _delete(state: State, app: Object, doomed: Sequence[Object], policy: str) -> Generator[Any, Any, None]:
    client = state.destination_client(app)
    for obj in doomed:
        key = resources.key_of(obj)
        resource = state.cluster_cache(app).resource(key.group, key.kind)
        if resource is None:
            continue
        try:
            yield client.delete(resource, key.namespace, key.name, propagation=policy)
        except StatusError as error:
            if not error.is_not_found:
                raise DeletionFailed(error.message) from error


# --- hooks ------------------------------------------------------------------------------------------------------


def _run_hooks(state: State, app: Object, project: Project, kind: str) -> Generator[Any, Any, bool]:
    """Create the hooks of a kind that are not there, and look how they do; True when all are done."""
    live = _live(state, app, project)
    running = {key: obj for key, obj in live.items() if hooks.is_deletion_hook(obj, kind)}
    try:
        targets = yield from targets_of(state, app)
    except (GenerationError, RpcError) as error:
        raise DeletionFailed(f"error executing {kind.lower()} hooks: {error}") from error
    expected = [
        obj for obj in targets if hooks.is_deletion_hook(obj, kind) and resources.key_of(obj) not in running
    ]
    created = 0
    for obj in expected:
        client = state.destination_client(app)
        resource = client.endpoint.server.catalog.of(obj)
        if resource is None:
            raise DeletionFailed("the server could not find the requested resource")
        try:
            yield client.create(resource, dict(obj), resources.namespace_of(obj))
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise DeletionFailed(error.message) from error
            continue
        created += 1
    if created:
        return False
    healths = {key: assess(obj, state.configuration.health) for key, obj in running.items()}
    failed = [obj for key, obj in running.items() if _status(healths[key]) == DEGRADED]
    if failed:
        yield from _delete(state, app, failed, "")
        names = ", ".join(f"{resources.namespace_of(obj)}/{resources.name_of(obj)}" for obj in failed)
        raise DeletionFailed(f"error executing {kind.lower()} hooks: {kind} hook(s) failed: {names}")
    return all(_status(health) != PROGRESSING for health in healths.values())


def _status(health: Any) -> str:
    return health.status if health is not None else HEALTHY


def _clean_hooks(state: State, app: Object, project: Project, kind: str) -> Generator[Any, Any, bool]:
    """Delete the hooks of a kind whose policy says so; True when none of those is left."""
    found: Mapping[ResourceKey, Object] = {
        key: obj for key, obj in _live(state, app, project).items() if hooks.is_deletion_hook(obj, kind)
    }
    worst = HEALTHY
    for obj in found.values():
        status = _status(assess(obj, state.configuration.health))
        worst = status if is_worse(worst, status) else worst
    doomed = [obj for obj in found.values() if _goes(obj, worst)]
    yield from _delete(state, app, [obj for obj in doomed if not objects.is_deleting(obj)], "")
    return not doomed


def _goes(hook: Object, worst: str) -> bool:
    policies = hooks.delete_policies(hook)
    return (hooks.HOOK_FAILED in policies and worst == DEGRADED) or (
        hooks.HOOK_SUCCEEDED in policies and worst == HEALTHY
    )

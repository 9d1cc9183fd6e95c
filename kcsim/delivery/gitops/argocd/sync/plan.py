"""From compared resources to the tasks of a sync.  Decides; never acts.

**Imitates:** gitops-engine pkg/sync/sync_context.go (`getSyncTasks`, `autoCreateNamespace`) and argo-cd
controller/sync_namespace.go.

**Walk:** `Request` -> a task an object and phase -> the namespace to create -> discovery and permissions ->
waves of pruning -> order -> results of earlier passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.health.check import Check
from kcsim.delivery.gitops.argocd.resources import (
    SYNC_OPTIONS,
    ResourceKey,
    has_option,
    is_namespace,
    key_of,
    kind_of,
    metadata_of,
    name_of,
    version_of,
)
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.delivery.gitops.argocd.sync.settings import Settings
from kcsim.delivery.gitops.argocd.sync.tasks import (
    ERROR,
    SYNC_FAILED,
    Task,
    defined_kind,
    in_order,
    mirror_prune_waves,
    with_namespace,
)
from kcsim.delivery.gitops.ordering import group_of

_SHORT_REVISION = 7


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of an Application: what Git wants of it and what is there; one of the two may be absent."""

    target: Object | None
    live: Object | None
    modified: bool = True
    """Whether the comparison found a difference; only ApplyOutOfSyncOnly asks."""

    @property
    def key(self) -> ResourceKey:
        """The key of the live object, which knows whether its kind has a namespace, else of the target."""
        obj = self.live if self.live is not None else self.target
        assert obj is not None
        return key_of(obj)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What the cluster knows of a kind: an unknown one is not `found`; `error` is why asking failed otherwise."""

    found: bool = True
    namespaced: bool = True
    group_version: bool = True
    """Whether at least the group and version are known; it decides on the text."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One sync, the same in every pass over it but for the live objects.

    `started_at`: when the operation began, whole seconds since the Unix epoch, for the names of hooks.
    `managed_metadata`: `syncPolicy.managedNamespaceMetadata`.
    `live_namespace`: the destination namespace; None when it is not there (only asked with `create_namespace`).
    `discover`: API version and kind -> what the cluster knows of it.
    `permit`: an object and whether its kind is namespaced -> why the project refuses it, "" when it does not.
    `selected`: which resources take part; None for all.
    """

    revision: str
    namespace: str
    started_at: int
    resources: Sequence[Resource]
    hooks: Sequence[Object] = ()
    settings: Settings = field(default_factory=Settings)
    managed_metadata: Mapping[str, Any] | None = None
    live_namespace: Object | None = None
    namespace_error: str = ""
    """Why the destination namespace could not be read; "" when it could."""
    discover: Callable[[str, str], Discovery] = lambda _version, _kind: Discovery()
    permit: Callable[[Object, bool], str] = lambda _obj, _namespaced: ""
    selected: Callable[[Resource], bool] | None = None
    health: Mapping[str, Check] = field(default_factory=dict)
    """Checks of health that replace built-in ones, by `group/Kind`."""


@dataclass(frozen=True, slots=True)
class ResourceResult:
    """One member of `operationState.syncResult.resources`, in the order in which resources were first reported."""

    key: ResourceKey
    version: str
    sync_phase: str
    status: str = ""
    message: str = ""
    hook_phase: str = ""
    """How far what was applied has come; set for resources that are no hooks too."""
    hook_type: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `syncResult.resources` holds it; empty members are left out where upstream omits them."""
        required = {
            "group": self.key.group,
            "version": self.version,
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
        }
        optional = {
            "status": self.status,
            "message": self.message,
            "hookType": self.hook_type,
            "hookPhase": self.hook_phase,
            "syncPhase": self.sync_phase,
        }
        return required | {k: v for k, v in optional.items() if v}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ResourceResult:
        """The result behind a member of `syncResult.resources`."""
        key = ResourceKey(*(str(raw.get(part) or "") for part in ("group", "kind", "namespace", "name")))
        rest = [
            str(raw.get(part) or "")
            for part in ("version", "syncPhase", "status", "message", "hookPhase", "hookType")
        ]
        return cls(key, *rest)


Results = dict[tuple[ResourceKey, str], ResourceResult]


def record(results: Results, task: Task, status: str, state: str, message: str) -> None:
    """Writes how a task went into the task and the results; an empty message keeps the former one."""
    task.status, task.state = status, state
    task.message = message or task.message
    obj, known = task.obj, results.get(task.result_key)
    results[task.result_key] = ResourceResult(
        known.key if known else key_of(obj),
        known.version if known else version_of(obj),
        task.phase,
        status,
        task.message,
        state,
        known.hook_type if known else task.phase if task.is_hook else "",
    )


def tasks_of(request: Request, results: Results) -> tuple[list[Task], bool]:
    """The tasks of a sync in order, with what earlier passes made of them; false when one of them cannot run.

    Why one cannot run is recorded in `results`.
    """
    tasks = _resource_tasks(request) + _hook_tasks(request)
    for task in tasks:
        if task.target is not None:
            # Cluster-scoped kinds too, as upstream: nothing may land in the namespace that the client defaults to.
            task.target = with_namespace(task.target, request.namespace)
    if request.settings.create_namespace and request.namespace:
        tasks += _namespace_task(request, results)
    for task in tasks:
        if task.target is not None and task.live is None:
            task.live = _live_of(task.target, request.resources)
    valid = _validate(tasks, request, results)
    mirror_prune_waves(tasks, prune_last=request.settings.prune_last)
    ordered = in_order(tasks)
    for task in ordered:
        if (known := results.get(task.result_key)) is not None:
            task.status, task.state, task.message = known.status, known.hook_phase, known.message
    return ordered, valid


def managed_namespace(
    name: str, live: Object | None, metadata: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The destination namespace as it is to be applied; None when it is to be left alone."""
    if live is not None and metadata is None:
        return None
    made: dict[str, Any] = {"name": name}
    if metadata is not None:
        if labels := metadata.get("labels"):
            made["labels"] = dict(labels)
        # Server-side, so that labels and annotations of others on the namespace stay.
        made["annotations"] = {**(metadata.get("annotations") or {}), SYNC_OPTIONS: "ServerSideApply=true"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": made}


def hook_name(hook: Object, phase: str, revision: str, started_at: int) -> str:
    """The name of a hook in one operation; made from its generateName where it has no name.

    `started_at`: whole seconds since the Unix epoch.
    """
    if name := name_of(hook):
        return name
    # Upstream shortens from eight characters on, so that a revision of seven keeps all of them either way.
    short = revision[:_SHORT_REVISION] if len(revision) > _SHORT_REVISION else revision
    generated = str(metadata_of(hook).get("generateName") or "")
    return generated + f"{short}-{phase}-{started_at}".lower()


def _resource_tasks(request: Request) -> list[Task]:
    tasks = []
    for resource in request.resources:
        if request.selected is not None and not request.selected(resource):
            continue
        obj = resource.target if resource.target is not None else resource.live
        assert obj is not None
        if hooks.is_hook(obj):
            continue
        tasks += [Task(phase, resource.target, resource.live) for phase in hooks.phases(obj)]
    return tasks


def _hook_tasks(request: Request) -> list[Task]:
    if request.settings.skip_hooks:
        return []
    return [
        Task(phase, _hook_object(hook, phase, request))
        for hook in request.hooks
        for phase in hooks.phases(hook)
    ]


def _hook_object(hook: Object, phase: str, request: Request) -> Object:
    metadata = dict(metadata_of(hook))
    metadata["name"] = hook_name(hook, phase, request.revision, request.started_at)
    if not hooks.has_finalizer(hook):
        metadata["finalizers"] = [*(metadata.get("finalizers") or ()), hooks.FINALIZER]
    return {**hook, "metadata": metadata}


def _namespace_task(request: Request, results: Results) -> list[Task]:
    # Hooks are not looked at: upstream copies them into a slice without room (`autoCreateNamespace`).
    targets = [r.target for r in request.resources if r.target is not None]
    if any(is_namespace(obj) and name_of(obj) == request.namespace for obj in targets):
        return []
    if request.namespace_error:
        made = managed_namespace(request.namespace, None, None)
        task = Task(hooks.PRE_SYNC, made)
        text = f"namespace auto creation failed: {request.namespace_error}"
        record(results, task, SYNC_FAILED, ERROR, text)
        return [task]
    made = managed_namespace(request.namespace, request.live_namespace, request.managed_metadata)
    return [] if made is None else [Task(hooks.PRE_SYNC, made, request.live_namespace)]


def _live_of(target: Object, resources: Sequence[Resource]) -> Object | None:
    wanted = key_of(target)
    for resource in resources:
        key = resource.key
        # Live objects of cluster-scoped kinds have no namespace, even if the target has been given one.
        if key == wanted or key == wanted._replace(namespace=""):
            return resource.live
    return None


def _validate(tasks: Sequence[Task], request: Request, results: Results) -> bool:
    defined = {kind for obj in _targets(request) if (kind := defined_kind(obj)) is not None}
    valid = True
    for task in tasks:
        obj = task.obj
        answer = request.discover(str(obj.get("apiVersion") or ""), kind_of(obj))
        if answer.found:
            if refusal := request.permit(obj, answer.namespaced):
                record(results, task, SYNC_FAILED, "", refusal)
                valid = False
            continue
        known_soon = (group_of(obj), kind_of(obj)) in defined
        asked = task.target is not None and has_option(
            task.target, SYNC_OPTIONS, "SkipDryRunOnMissingResource=true"
        )
        if not answer.error and (request.settings.skip_dry_run_on_missing or asked or known_soon):
            task.skip_dry_run = True
        else:
            record(results, task, SYNC_FAILED, "", answer.error or _unknown_kind(obj, answer))
            valid = False
    return valid


def _unknown_kind(obj: Object, answer: Discovery) -> str:
    # kube.ServerResourceForGroupVersionKind
    if not answer.group_version:
        where = f"failed to discover server resources for group version {obj.get('apiVersion')}"
        return f"{where}: the server could not find the requested resource"
    group = group_of(obj)
    return f'{kind_of(obj)}{"." + group if group else ""} "" not found'


def _targets(request: Request) -> list[Object]:
    return [*request.hooks, *(r.target for r in request.resources if r.target is not None)]


def split_hooks(targets: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """Rendered objects -> what is compared and what is a hook; Helm hooks of no phase are dropped."""
    taken = [obj for obj in targets if not hooks.is_ignored(obj)]
    return [o for o in taken if not hooks.is_hook(o)], [o for o in taken if hooks.is_hook(o)]

"""The tasks of a sync and their order.  Decides; never acts.

**Imitates:** gitops-engine pkg/sync/sync_task.go and sync_tasks.go; the waves of pruning in sync_context.go
(`getSyncTasks`).

**Walk:** targets and live objects -> one `Task` an object and phase -> `mirror_prune_waves` -> `in_order`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.resources import (
    SYNC_OPTIONS,
    ResourceKey,
    has_option,
    is_crd,
    is_namespace,
    key_of,
    kind_of,
    metadata_of,
    name_of,
    namespace_of,
)
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.delivery.gitops.ordering import group_of

_KINDS = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
KIND_RANK = {kind: rank - len(_KINDS) for rank, kind in enumerate(_KINDS)}
"""Kind -> rank within one wave; kinds that are not listed come after all of them (rank 0)."""

_PHASE_RANK = {phase: rank for rank, phase in enumerate(hooks.PHASES)}

# Results of a task, and how far what it applied has come.
SYNCED = "Synced"
SYNC_FAILED = "SyncFailed"
PRUNED = "Pruned"
PRUNE_SKIPPED = "PruneSkipped"

RUNNING = "Running"
TERMINATING = "Terminating"
FAILED = "Failed"
ERROR = "Error"
SUCCEEDED = "Succeeded"
COMPLETED = frozenset({FAILED, ERROR, SUCCEEDED})
"""The phases of an operation, or of a hook, in which nothing more happens."""


@dataclass(slots=True, eq=False)
class Task:
    """One object in one phase.  Without a target the live object is pruned; without a live object it is created.

    A task lives for one pass over a sync, in which its result is written into it; what lasts is in `Operation`.
    """

    phase: str
    target: Object | None = None
    live: Object | None = None
    skip_dry_run: bool = False
    status: str = ""
    state: str = ""
    message: str = ""
    wave_override: int | None = None

    @property
    def obj(self) -> Object:
        """The target, or the live object where there is no target."""
        found = self.target if self.target is not None else self.live
        assert found is not None
        return found

    @property
    def wave(self) -> int:
        """The wave in which the task runs."""
        return hooks.wave(self.obj) if self.wave_override is None else self.wave_override

    @property
    def result_key(self) -> tuple[ResourceKey, str]:
        """The key of the result: the resource, and the phase."""
        return key_of(self.obj), self.phase

    @property
    def live_key(self) -> ResourceKey:
        """The key with the namespace of the live object: targets of cluster-scoped kinds carry a namespace by then."""
        key = key_of(self.obj)
        return key if self.live is None else key._replace(namespace=namespace_of(self.live))

    @property
    def is_prune(self) -> bool:
        """Whether the task deletes what Git no longer has."""
        return self.target is None

    @property
    def is_hook(self) -> bool:
        """Whether the object is a hook."""
        return hooks.is_hook(self.obj)

    @property
    def pending(self) -> bool:
        """Whether the task has not run yet."""
        return not self.state

    @property
    def running(self) -> bool:
        """Whether the task ran and what it made is not done."""
        return self.state == RUNNING

    @property
    def completed(self) -> bool:
        """Whether nothing more happens to the task."""
        return self.state in COMPLETED

    @property
    def deletes_before_creation(self) -> bool:
        """Whether an earlier run's hook is in the way."""
        return self.live is not None and self.pending and self._has_policy(hooks.BEFORE_HOOK_CREATION)

    @property
    def deletes_on_success(self) -> bool:
        """Whether the hook goes when the sync succeeded."""
        return self.live is not None and self._has_policy(hooks.HOOK_SUCCEEDED)

    @property
    def deletes_on_failure(self) -> bool:
        """Whether the hook goes when the sync failed."""
        return self.live is not None and self._has_policy(hooks.HOOK_FAILED)

    def _has_policy(self, policy: str) -> bool:
        return self.is_hook and policy in hooks.delete_policies(self.obj)


def sort_key(task: Task) -> tuple[int, int, int, str]:
    """Phase, wave, rank of the kind, name."""
    obj = task.obj
    return _PHASE_RANK[task.phase], task.wave, KIND_RANK.get(kind_of(obj), 0), name_of(obj)


def in_order(tasks: Iterable[Task]) -> list[Task]:
    """The tasks as they run: sorted, then Namespaces and definitions of kinds moved before what first needs them."""
    ordered = sorted(tasks, key=sort_key)
    _move_up(ordered, _namespace_made, lambda obj: namespace_of(obj) or None)
    _move_up(ordered, _kind_made, _kind_used)
    return ordered


def mirror_prune_waves(tasks: Sequence[Task], *, prune_last: bool) -> None:
    """Gives prune tasks the waves in reverse order among themselves; with PruneLast, the one after all of the sync."""
    by_wave: dict[int, list[Task]] = {}
    for task in tasks:
        if task.is_prune:
            by_wave.setdefault(task.wave, []).append(task)
    waves = sorted(by_wave)
    for wave, mirrored in zip(waves, reversed(waves), strict=True):
        for task in by_wave[wave]:
            # The middle of an odd number stays as it is, as upstream's symmetric swap leaves it.
            task.wave_override = mirrored if mirrored != wave else None
    last = max((t.wave for t in tasks if t.phase == hooks.SYNC and t.wave > 0), default=0) + 1
    for task in tasks:
        if task.is_prune and (prune_last or has_option(task.obj, SYNC_OPTIONS, "PruneLast=true")):
            task.wave_override = last


def is_multi_step(tasks: Sequence[Task]) -> bool:
    """Whether ordered tasks are of more than one wave or phase, so that one has to be waited for."""
    return bool(tasks) and (tasks[0].wave, tasks[0].phase) != (tasks[-1].wave, tasks[-1].phase)


def _move_up(tasks: list[Task], made: Callable[[Object], Any], used: Callable[[Object], Any]) -> None:
    # As `adjustDeps`: what is made moves into the wave and phase of the first task that uses it.
    first_use: dict[Any, int] = {}
    for position, task in enumerate(list(tasks)):
        if task.target is None:
            continue
        dependency = made(task.target)
        if dependency is None:
            if (needed := used(task.target)) is not None:
                first_use.setdefault(needed, position)
        elif dependency in first_use:
            index = first_use[dependency]
            task.wave_override, task.phase = tasks[index].wave, tasks[index].phase
            tasks.insert(index, tasks.pop(position))
            first_use = {use: at + 1 if at >= index else at for use, at in first_use.items()}


def _namespace_made(obj: Object) -> str | None:
    return name_of(obj) if is_namespace(obj) else None


def _kind_made(obj: Object) -> tuple[str, str] | None:
    return defined_kind(obj)


def _kind_used(obj: Object) -> tuple[str, str]:
    return group_of(obj), kind_of(obj)


def defined_kind(obj: Object) -> tuple[str, str] | None:
    """Group and kind that a CustomResourceDefinition defines; None for other objects and unfinished ones."""
    spec = obj.get("spec") if is_crd(obj) else None
    if not isinstance(spec, dict):
        return None
    group, names = spec.get("group"), spec.get("names")
    kind = names.get("kind") if isinstance(names, dict) else None
    return (group, kind) if isinstance(group, str) and isinstance(kind, str) else None


def with_namespace(obj: Object, namespace: str) -> Object:
    """The object, in a namespace where it names none."""
    if namespace_of(obj) or not namespace:
        return obj
    return {**obj, "metadata": {**metadata_of(obj), "namespace": namespace}}

"""Is an Application in sync?  Decides; never acts.

**Imitates:** argo-cd controller/state.go (`CompareAppState`, `NormalizeTargetObjects`, `isManagedNamespace`,
`isObjRequiresDeletionConfirmation`), gitops-engine pkg/sync/reconcile.go, argo-cd util/settings/resources_filter.go.

**Walk:** rendered objects -> `targets_of` -> `pairs_of` with the live ones -> `compare` of each pair ->
`sync_state`: a status for each resource, one for the Application, and conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd import globs, terms
from kcsim.delivery.gitops.argocd.conditions import condition
from kcsim.delivery.gitops.argocd.diff import tracking
from kcsim.delivery.gitops.argocd.diff.strategies import Difference
from kcsim.delivery.gitops.argocd.diff.tracking import Tracking
from kcsim.delivery.gitops.argocd.projects import Project
from kcsim.delivery.gitops.argocd.resources import (
    COMPARE_OPTIONS,
    SYNC_OPTIONS,
    ResourceKey,
    has_option,
    is_namespace,
    key_of,
    kind_of,
    metadata_of,
    name_of,
    namespace_of,
    option_value,
    sync_option_value,
    version_of,
)
from kcsim.delivery.gitops.argocd.sync import hooks
from kcsim.delivery.gitops.argocd.sync.plan import managed_namespace, split_hooks
from kcsim.delivery.gitops.ordering import group_of

Scope = Callable[[str, str], bool | None]
"""Group and kind -> whether it is namespaced; None for a kind that the cluster does not know."""

ALWAYS_EXCLUDED: Sequence[Mapping[str, Any]] = (
    {"apiGroups": ["events.k8s.io", "metrics.k8s.io"]},
    {"apiGroups": [""], "kinds": ["Event"]},
    {"apiGroups": ["coordination.k8s.io"], "kinds": ["Lease"]},
)
"""What is neither watched nor applied, whatever the settings say."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Rendered objects as they are compared, and the conditions that making them so led to."""

    objects: list[Object]
    conditions: list[dict[str, str]]


def targets_of(
    rendered: Iterable[Object],
    namespace: str,
    scope: Scope,
    mark: Callable[[Object], Object],
    excluded: Callable[[str, str], bool] = lambda _group, _kind: False,
) -> Targets:
    """The objects of an Application: in their namespace, each once, without excluded kinds.

    `mark` puts the tracking id on an object whose namespace has changed; the repo-server has put one on all of them.
    Of objects that appear several times the last one counts.  Their order is that of first appearance, where upstream
    has that of a map.
    """
    by_key: dict[ResourceKey, list[Object]] = {}
    for position, raw in enumerate(rendered):
        obj = _placed(raw, namespace, scope, mark)
        key = key_of(obj)
        generated = str(metadata_of(obj).get("generateName") or "")
        if not key.name and generated:
            key = key._replace(name=f"{generated}{position}")
        by_key.setdefault(key, []).append(obj)
    conditions = [
        condition(
            terms.REPEATED_RESOURCE,
            f"Resource {key} appeared {len(found)} times among application resources.",
        )
        for key, found in by_key.items()
        if len(found) > 1
    ]
    kept = []
    for found in by_key.values():
        obj = found[-1]
        group, kind = group_of(obj), kind_of(obj)
        if excluded(group, kind):
            text = f"Resource {group}/{kind} {name_of(obj)} is excluded in the settings"
            conditions.append(condition(terms.EXCLUDED_RESOURCE, text))
        else:
            kept.append(obj)
    return Targets(kept, conditions)


def is_excluded(
    group: str,
    kind: str,
    cluster: str,
    exclusions: Sequence[Mapping[str, Any]] = (),
    inclusions: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Whether a kind is left alone on a cluster (`resource.exclusions`, `resource.inclusions`).

    `cluster`: the URL of its API server.
    """
    if any(_covers(rule, group, kind, cluster) for rule in (*ALWAYS_EXCLUDED, *exclusions)):
        return True
    if any(_covers(rule, group, kind, cluster) for rule in inclusions):
        return False
    return any(_names_cluster(rule, cluster) for rule in inclusions)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Targets beside their live twins, then live objects that no target names; and the hooks, which are in no pair."""

    pairs: list[tuple[Object | None, Object | None]]
    hooks: list[Object]


def pairs_of(
    targets: Sequence[Object], live: Mapping[ResourceKey, Object], namespace: str, scope: Scope
) -> Pairs:
    """Matches targets with live objects by key.

    `live`: what carries the Application's tracking and has no owner, and what has the key of a target.
    """
    objects, found_hooks = split_hooks(targets)
    left: MutableMapping[ResourceKey, Object] = dict(live)
    _drop_twins(objects, left)
    pairs: list[tuple[Object | None, Object | None]] = []
    for obj in objects:
        key = key_of(obj)._replace(namespace=namespace_of(obj) or namespace)
        namespaced = scope(key.group, key.kind)
        # Of an unknown kind neither can be ruled out, and a miss would delete the object.
        keys = [key] if namespaced is not False else []
        keys += [key._replace(namespace="")] if not namespaced else []
        pairs.append((obj, next((left.pop(k) for k in keys if k in left), None)))
    pairs += [(None, obj) for obj in left.values()]
    return Pairs(pairs, found_hooks)


def shared_with(
    live: Iterable[Object], instance: str, qualified_name: str, owner: Callable[[Object], str]
) -> list[dict[str, str]]:
    """A SharedResourceWarning for each live object that is tracked by another Application.

    `instance`: the tracked name of this one; `qualified_name`: namespace/name; `owner`: `tracking.application_of`.
    """
    found = []
    for obj in live:
        other = owner(obj)
        if other and other != instance:
            where = other.replace("_", "/")
            text = f"{kind_of(obj)}/{name_of(obj)} is part of applications {qualified_name} and {where}"
            found.append(condition(terms.SHARED_RESOURCE, text))
    return found


def compared_namespaces(app: Object, targets: Sequence[Object], live: Iterable[Object]) -> list[Object]:
    """The destination namespace as a target, where its metadata is managed and Git does not have it.

    Without it the namespace would be taken for one that is to be pruned.
    """
    if any(_is_managed_namespace(obj, app) for obj in targets):
        return []
    metadata = (terms.spec(app).get("syncPolicy") or {}).get("managedNamespaceMetadata")
    made = [managed_namespace(name_of(obj), obj, metadata) for obj in live if _is_managed_namespace(obj, app)]
    return [obj for obj in made if obj is not None]


@dataclass(frozen=True, slots=True)
class ResourceState:
    """One member of `status.resources`, and what it was compared from."""

    target: Object | None
    live: Object | None
    difference: Difference | None
    own: bool
    """Whether the live object is the one that its tracking id was written for; a copy takes part in nothing."""
    status: str
    """Synced, OutOfSync, Unknown; "" for hooks, skipped objects and copies of others."""
    hook: bool
    requires_pruning: bool
    requires_confirmation: bool
    wave: int

    @property
    def key(self) -> ResourceKey:
        """The key of the live object, or of the target."""
        return key_of(self._obj)

    @property
    def _obj(self) -> Object:
        found = self.live if self.live is not None else self.target
        assert found is not None
        return found

    def to_json(self, health: Mapping[str, str] | None = None) -> dict[str, Any]:
        """As `status.resources` holds it; `health` only where the controller keeps it there."""
        key = self.key
        made: dict[str, Any] = {
            "group": key.group,
            "hook": self.hook,
            "kind": key.kind,
            "name": key.name,
            "namespace": key.namespace,
            "requiresDeletionConfirmation": self.requires_confirmation,
            "requiresPruning": self.requires_pruning,
            "syncWave": self.wave,
            "version": version_of(self._obj),
            "status": self.status,
            "health": health,
        }
        return {k: v for k, v in made.items() if v}


@dataclass(frozen=True, slots=True)
class SyncState:
    """The outcome of a comparison: the Application's status, that of its resources, and conditions."""

    status: str
    resources: list[ResourceState]
    conditions: list[dict[str, str]] = field(default_factory=list)


def sync_state(
    app: Object,
    pairs: Pairs,
    differences: Sequence[Difference | None],
    project: Project,
    scope: Scope,
    track: Tracking,
    *,
    failed: bool = False,
) -> SyncState:
    """The state of an Application from its compared pairs.

    `differences` goes with `pairs.pairs`; a None says that the comparison could not be made.  `failed`: target or live
    state could not be loaded, so that nothing can be said.
    """
    code, states, conditions = terms.SYNCED, list[ResourceState](), list[dict[str, str]]()
    for (target, live), difference in zip(pairs.pairs, differences, strict=True):
        state = _resource_state(app, target, live, difference, pairs.hooks, track)
        obj = live if live is not None else target
        assert obj is not None
        extraneous = target is None and has_option(obj, COMPARE_OPTIONS, "IgnoreExtraneous")
        if state.status == terms.OUT_OF_SYNC and not extraneous:
            code = terms.OUT_OF_SYNC
        key = key_of(obj)
        namespaced = bool(scope(key.group, key.kind))
        if failed or not project.permits_kind(key.group, key.kind, key.name, namespaced=namespaced):
            state = replace(state, status=terms.UNKNOWN)
        if namespaced and not key.namespace:
            gvk = f"{key.group}/{version_of(obj)}, Kind={key.kind}"
            conditions.append(condition(terms.INVALID_SPEC, f"Namespace for {key.name} {gvk} is missing."))
        states.append(state)
    if failed:
        code = terms.UNKNOWN
    elif changed_namespace_metadata(app):
        code = terms.OUT_OF_SYNC
    return SyncState(code, states, conditions)


def changed_namespace_metadata(app: Object) -> bool:
    """Whether `managedNamespaceMetadata` is another than that of the last sync."""
    wanted = (terms.spec(app).get("syncPolicy") or {}).get("managedNamespaceMetadata")
    result = (terms.status(app).get("operationState") or {}).get("syncResult")
    return wanted is not None and result is not None and wanted != result.get("managedNamespaceMetadata")


def requires_confirmation(obj: Object | None, app: Object) -> bool:
    """Whether somebody has to approve that an object is deleted or pruned."""
    if obj is None:
        return False
    options = list((terms.spec(app).get("syncPolicy") or {}).get("syncOptions") or ())
    for option in ("Delete", "Prune"):
        own = option_value(obj, SYNC_OPTIONS, option)
        if (sync_option_value(options, option) if own is None else own) == "confirm":
            return True
    return False


def _resource_state(
    app: Object,
    target: Object | None,
    live: Object | None,
    difference: Difference | None,
    found_hooks: Sequence[Object],
    track: Tracking,
) -> ResourceState:
    obj = live if live is not None else target
    assert obj is not None
    own = tracking.describes_itself(live, target, name_of(app), track)
    hook = hooks.is_any_hook(obj)
    modified = difference is not None and difference.modified
    if hook or hooks.is_ignored(obj) or (target is not None and hooks.is_skipped(target)) or not own:
        status = ""
    elif target is not None and live is None and _is_managed_namespace(target, app):
        status = terms.SYNCED
    else:
        status = terms.OUT_OF_SYNC if modified or target is None or live is None else terms.SYNCED
    return ResourceState(
        target,
        live,
        difference,
        own,
        status,
        hook,
        requires_pruning=target is None and live is not None and own,
        requires_confirmation=requires_confirmation(target, app) or requires_confirmation(live, app),
        wave=_wave(target, obj, found_hooks) if target is not None or hook else 0,
    )


def _wave(target: Object | None, live: Object, found_hooks: Sequence[Object]) -> int:
    if target is not None:
        return hooks.wave(target)
    twin = next((h for h in found_hooks if _same_hook(h, live)), None)
    return hooks.wave(twin) if twin is not None else 0


def _same_hook(hook: Object, live: Object) -> bool:
    return (name_of(hook), kind_of(hook), namespace_of(hook)) == (
        name_of(live),
        kind_of(live),
        namespace_of(live),
    )


def _placed(obj: Object, namespace: str, scope: Scope, mark: Callable[[Object], Object]) -> Object:
    # A kind that the cluster does not know is taken for a namespaced one.
    namespaced = scope(group_of(obj), kind_of(obj)) is not False
    own = namespace_of(obj)
    if namespaced is bool(own):
        return obj
    metadata = {k: v for k, v in metadata_of(obj).items() if k != "namespace"}
    if namespaced and namespace:
        metadata["namespace"] = namespace
    return mark({**obj, "metadata": metadata})


def _drop_twins(objects: Sequence[Object], live: MutableMapping[ResourceKey, Object]) -> None:
    # One object under two groups has one uid: only the one that Git names is kept, or one of them.
    wanted = {key_of(obj) for obj in objects}
    by_uid: dict[str, list[ResourceKey]] = {}
    for key, obj in live.items():
        if uid := str(metadata_of(obj).get("uid") or ""):
            by_uid.setdefault(uid, []).append(key)
    for keys in by_uid.values():
        surplus = len(keys) - 1
        for key in keys:
            if surplus and key not in wanted:
                del live[key]
                surplus -= 1


def _is_managed_namespace(obj: Object, app: Object) -> bool:
    policy = terms.spec(app).get("syncPolicy") or {}
    destination = terms.spec(app).get("destination") or {}
    return (
        is_namespace(obj)
        and name_of(obj) == destination.get("namespace")
        and policy.get("managedNamespaceMetadata") is not None
    )


def _covers(rule: Mapping[str, Any], group: str, kind: str, cluster: str) -> bool:
    groups, kinds = rule.get("apiGroups") or (), rule.get("kinds") or ()
    return (
        (not groups or any(globs.matches(pattern, group) for pattern in groups))
        and (not kinds or any(wanted in ("*", kind) for wanted in kinds))
        and _names_cluster(rule, cluster)
    )


def _names_cluster(rule: Mapping[str, Any], cluster: str) -> bool:
    clusters = rule.get("clusters") or ()
    return not clusters or any(globs.matches(pattern, cluster) for pattern in clusters)

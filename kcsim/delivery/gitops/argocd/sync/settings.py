"""The options of one sync operation, and the command that an object's options make of an apply.  Decides; never acts.

**Imitates:** argo-cd controller/sync.go (`SyncAppState`: options of the operation -> the engine's settings) and
gitops-engine pkg/sync/sync_context.go (`applyObject`, `shouldUseServerSideApply`, `needsClientSideApplyMigration`,
`isPruningDisabled`, `objRequiresPruneConfirmation`).

**Walk:** `operation.sync.syncOptions` -> `Settings` -> a task -> `apply_command` -> what the client is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcsim.api.objects import Object
from kcsim.delivery.gitops.argocd.resources import (
    FIELD_MANAGER,
    SYNC_OPTIONS,
    has_option,
    is_crd,
    kind_of,
    metadata_of,
    option_value,
    sync_option_value,
)
from kcsim.delivery.gitops.argocd.sync.tasks import Task

CLIENT_SIDE_MANAGER = "kubectl-client-side-apply"
KNOWN_OPTIONS: Mapping[str, frozenset[str] | None] = {
    "ApplyOutOfSyncOnly": frozenset({"true", "false"}),
    "ClientSideApplyMigration": frozenset({"true", "false"}),
    "CreateNamespace": frozenset({"true", "false"}),
    "Delete": frozenset({"true", "false", "confirm"}),
    "FailOnSharedResource": frozenset({"true", "false"}),
    "Force": frozenset({"true", "false"}),
    "Prune": frozenset({"true", "false", "confirm"}),
    "PruneLast": frozenset({"true", "false"}),
    "PrunePropagationPolicy": frozenset({"foreground", "background", "orphan"}),
    "Replace": frozenset({"true", "false"}),
    "RespectIgnoreDifferences": frozenset({"true", "false"}),
    "ServerSideApply": frozenset({"true", "false"}),
    "SkipDryRunOnMissingResource": frozenset({"true", "false"}),
    "Validate": frozenset({"true", "false"}),
}
"""Sync options -> their values.  Upstream compares whole texts, so that any other text has no effect and no error."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one operation asks of every task; the annotation `sync-options` of an object can ask for more."""

    dry_run: bool = False
    prune: bool = False
    force: bool = False
    skip_hooks: bool = False
    validate: bool = True
    replace: bool = False
    server_side: bool = False
    manager: str = FIELD_MANAGER
    migrate_from: str = CLIENT_SIDE_MANAGER
    """The manager whose fields a server-side apply takes over first; "" switches that off."""
    prune_last: bool = False
    prune_option: str | None = None
    """The value of the operation's `Prune` option, where an object has none of its own."""
    prune_confirmed: bool = False
    propagation: str = "Foreground"
    out_of_sync_only: bool = False
    skip_dry_run_on_missing: bool = False
    create_namespace: bool = False
    fail_on_shared: bool = False
    respect_ignore_differences: bool = False


def settings_of(
    sync: Mapping[str, Any], *, prune_confirmed: bool = False, migrate_from: str = ""
) -> Settings:
    """The settings of `operation.sync`.

    `prune_confirmed`: whether the Application has been approved for deletions since the operation began.
    `migrate_from`: the annotation client-side-apply-migration-manager of the Application.
    """
    options: list[str] = list(sync.get("syncOptions") or ())
    strategy = sync.get("syncStrategy") or {}
    chosen = strategy.get("apply") or strategy.get("hook") or {}
    return Settings(
        dry_run=bool(sync.get("dryRun")),
        prune=bool(sync.get("prune")),
        force=bool(chosen.get("force")),
        # Hooks stay out of the apply strategy, and of a sync of chosen resources.
        skip_hooks="apply" in strategy or bool(sync.get("resources")),
        validate="Validate=false" not in options,
        replace="Replace=true" in options,
        server_side="ServerSideApply=true" in options,
        migrate_from=""
        if "ClientSideApplyMigration=false" in options
        else migrate_from or CLIENT_SIDE_MANAGER,
        prune_last="PruneLast=true" in options,
        prune_option=sync_option_value(options, "Prune"),
        prune_confirmed=prune_confirmed,
        propagation=propagation_policy(options),
        out_of_sync_only="ApplyOutOfSyncOnly=true" in options,
        skip_dry_run_on_missing="SkipDryRunOnMissingResource=true" in options,
        create_namespace="CreateNamespace=true" in options,
        fail_on_shared="FailOnSharedResource=true" in options,
        respect_ignore_differences="RespectIgnoreDifferences=true" in options,
    )


def propagation_policy(options: Sequence[str]) -> str:
    """The deletion propagation of `PrunePropagationPolicy`; Foreground where none is given."""
    for policy in ("background", "foreground", "orphan"):
        if f"PrunePropagationPolicy={policy}" in options:
            return policy.capitalize()
    return "Foreground"


@dataclass(frozen=True, slots=True)
class Command:
    """What the client does with a target: `apply`, `replace`, `create`, or `update` (a plain PUT).

    A `manager` and `server_side` mean something to apply alone, `validate` to apply and create, `force` to apply and
    replace (delete and create again).  `migrate_from` names the manager whose Update fields are taken over before.
    """

    verb: str
    server_side: bool = False
    manager: str = ""
    force: bool = False
    validate: bool = True
    migrate_from: str = ""
    dry_run: bool = False


def apply_command(task: Task, settings: Settings, *, dry_run: bool = False) -> Command:
    """The command for a task with a target.  A dry run is always one of the client's side."""
    target, live = task.target, task.live
    assert target is not None
    validate = settings.validate and validates(target)
    force = settings.force or _asks(target, live, "Force=true")
    if settings.replace or _asks(target, live, "Replace=true"):
        if live is None:
            return Command("create", validate=validate, dry_run=dry_run)
        # A replace may recreate: that would take every object of a kind, or everything in a namespace, with it.
        if is_crd(target) or kind_of(target) == "Namespace":
            return Command("update", dry_run=dry_run)
        return Command("replace", force=force, dry_run=dry_run)
    server_side = uses_server_side(target, settings, dry_run=dry_run)
    migrates = server_side and needs_migration(live, settings.migrate_from)
    return Command(
        "apply",
        server_side=server_side,
        manager=settings.manager,
        force=force,
        validate=validate,
        migrate_from=settings.migrate_from if migrates else "",
        dry_run=dry_run,
    )


def validates(target: Object) -> bool:
    """Whether an object's own options leave validation on."""
    return not has_option(target, SYNC_OPTIONS, "Validate=false")


def uses_server_side(target: Object, settings: Settings, *, dry_run: bool = False) -> bool:
    """Whether a target is applied server-side; the object's own `ServerSideApply=false` wins."""
    if settings.dry_run or dry_run or has_option(target, SYNC_OPTIONS, "ServerSideApply=false"):
        return False
    return settings.server_side or has_option(target, SYNC_OPTIONS, "ServerSideApply=true")


def needs_migration(live: Object | None, manager: str) -> bool:
    """Whether a live object has fields of a client-side apply by `manager` that a server-side one would not remove."""
    if live is None or not manager:
        return False
    entries = metadata_of(live).get("managedFields") or ()
    return any(e.get("manager") == manager and e.get("operation") == "Update" for e in entries)


def prune_option(live: Object, settings: Settings) -> str | None:
    """The `Prune` option that holds for a live object: its own, else the operation's."""
    own = option_value(live, SYNC_OPTIONS, "Prune")
    return settings.prune_option if own is None else own


def needs_confirmation(live: Object | None, settings: Settings) -> bool:
    """Whether pruning a live object waits for somebody's approval."""
    if settings.prune_confirmed or live is None:
        return False
    return prune_option(live, settings) == "confirm"


def _asks(target: Object, live: Object | None, option: str) -> bool:
    return has_option(target, SYNC_OPTIONS, option) or (
        live is not None and has_option(live, SYNC_OPTIONS, option)
    )

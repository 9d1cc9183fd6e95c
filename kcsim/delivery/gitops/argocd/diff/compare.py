"""Is one resource in sync?  Decides; never acts.

**Imitates:** argo-cd util/argo/diff/diff.go (`StateDiffs`, `preDiffNormalize`) over gitops-engine pkg/diff/diff.go
(`Diff`), and controller/sync.go (`normalizeTargetResources`: RespectIgnoreDifferences).

**Walk:** target and live object -> tracking and trusted managers evened out -> both normalised -> server-side, structured
or three-way -> `Difference`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.apply.schema import TypeSchema
from kcsim.api.apply.schemas import schema_for
from kcsim.api.objects import Object
from kcsim.api.patch import merge_patch, strategic, three_way
from kcsim.api.patch.values import PatchError, json_equal
from kcsim.api.patching import patch_schema
from kcsim.api.resources import GVK
from kcsim.api.schemas.definitions import definition_name
from kcsim.delivery.gitops.argocd.diff import strategies, tracking
from kcsim.delivery.gitops.argocd.diff.normalize import Normalizer, remarshalled
from kcsim.delivery.gitops.argocd.diff.strategies import Difference, DiffError
from kcsim.delivery.gitops.argocd.resources import (
    SYNC_OPTIONS,
    has_option,
    kind_of,
    version_of,
)
from kcsim.delivery.gitops.ordering import group_of


@dataclass(frozen=True, slots=True)
class Options:
    """How the resources of one Application are compared.

    `server_side`: ask the server for a dry run of each apply.  `keeps_mutations`: count what admission does to it as a
    difference (IncludeMutationWebhook=true).  `structured`: the Application syncs with ServerSideApply=true.
    `schema_of`: the merge schema of a custom kind; built-in kinds have theirs.
    """

    normalizer: Normalizer = field(default_factory=Normalizer)
    tracking: tracking.Tracking = field(default_factory=tracking.Tracking)
    server_side: bool = False
    keeps_mutations: bool = False
    structured: bool = False
    schema_of: Callable[[GVK], TypeSchema] = schema_for


def compare(
    target: Object | None, live: Object | None, options: Options, dry_run: Object | None = None
) -> Difference:
    """The difference between what is wanted and what is there; one of the two may be absent.

    `dry_run`: what the server answered to a dry run of applying `dry_run_target` as argocd-controller, with managedFields;
    needed where `needs_dry_run` says so.
    Raises: DiffError when the comparison cannot be made.
    """
    if live is None or target is None:
        return strategies.one_sided(
            _normalized(target, options) if target is not None else None,
            _normalized(live, options) if live is not None else None,
        )
    target, live = _prepared(target, live, options)
    if options.server_side:
        if dry_run is None:
            raise DiffError(
                "error calculating server side diff: serverSideDiff error: serverSideDryRunner is null"
            )
        return _server_side(live, dry_run, options)
    target, live = _normalized(target, options), _normalized(live, options)
    if options.structured or has_option(target, SYNC_OPTIONS, "ServerSideApply=true"):
        return strategies.structured(target, live, options.schema_of(_gvk(target)))
    original = strategies.last_applied(live)
    if original is not None:
        try:
            return strategies.three_ways(options.normalizer.normalized(original), target, live)
        except DiffError:
            # As upstream: without a three-way patch, the target stands in for what was last applied.
            return strategies.three_ways(target, target, live)
    return strategies.three_ways(target, target, live)


def needs_dry_run(target: Object | None, live: Object | None, options: Options) -> bool:
    """Whether a comparison needs the server: never for what is created or pruned."""
    return options.server_side and target is not None and live is not None


def dry_run_target(target: Object, live: Object, options: Options) -> Object:
    """What the server is asked to apply in a dry run; ignored fields are in it still."""
    prepared, _ = _prepared(target, live, options)
    return _normalized(prepared, options, full=False)


def respecting_ignored(target: Object, live: Object | None, options: Options) -> Object:
    """The target with the live values of ignored fields, as RespectIgnoreDifferences applies it.

    Raises: DiffError when the values cannot be merged.
    """
    if live is None:
        return target
    prepared_target, prepared_live = _prepared(target, live, options)
    wanted = options.normalizer.ignores.strip(prepared_target)
    stripped = options.normalizer.ignores.strip(prepared_live)
    gvk = _gvk(target)
    # Status belongs to the controller of the kind: a sync that copied it would own it from then on.
    before, after = _without_status(stripped), _without_status(live)
    try:
        if definition_name(gvk) is None:
            patch = merge_patch.diff(dict(before), dict(after))
            patched = merge_patch.apply(dict(wanted), patch)
        else:
            schema = patch_schema(gvk)
            patch = three_way.strategic(dict(after), dict(after), dict(before), schema)
            patched = strategic.apply(dict(wanted), patch, schema)
    except PatchError as error:
        raise DiffError(f"Failed to normalize target resources: {error}") from None
    return _restored(patched, target, wanted, stripped)


def _server_side(live: Object, dry_run: Object, options: Options) -> Difference:
    predicted = dry_run
    if not options.keeps_mutations:
        predicted = strategies.without_mutations(dry_run, live, options.schema_of(_gvk(dry_run)))
    predicted = strategies.server_view(_normalized(predicted, options))
    current = strategies.server_view(_normalized(live, options))
    return Difference(not json_equal(current, predicted), current, predicted)


def _prepared(target: Object, live: Object, options: Options) -> tuple[Object, Object]:
    migrated = tracking.migrated(target, live, options.tracking)
    assert migrated is not None
    ignores = options.normalizer.ignores
    if not ignores.managers_of(target):
        return target, migrated
    return ignores.trust(target, migrated, options.schema_of(_gvk(target)))


def _normalized(obj: Object, options: Options, *, full: bool = True) -> Object:
    return options.normalizer.normalized(remarshalled(obj), full=full)


def _gvk(obj: Object) -> GVK:
    return group_of(obj), version_of(obj), kind_of(obj)


def _without_status(obj: Object) -> Object:
    return {k: v for k, v in obj.items() if k != "status"} if "status" in obj else obj


def _restored(
    patched: Mapping[str, Any],
    original: Mapping[str, Any],
    stripped_target: Mapping[str, Any],
    stripped_live: Mapping[str, Any],
) -> dict[str, Any]:
    # `restoreNonIgnoredFields`: a field that is replaced as a whole brings its neighbours along; they are put back.
    made = dict(patched)
    for key, value in original.items():
        kept = stripped_target.get(key)
        if all(isinstance(v, Mapping) for v in (made.get(key), value, kept)):
            below = stripped_live.get(key)
            made[key] = _restored(made[key], value, kept or {}, below if isinstance(below, Mapping) else {})
        elif key in stripped_target and json_equal(kept, value):
            made[key] = value
    for key in [k for k in made if k not in original and k in stripped_live]:
        del made[key]
    return made

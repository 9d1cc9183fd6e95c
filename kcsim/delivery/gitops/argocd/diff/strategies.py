"""The ways of telling a target and a live object apart.  Decides; never acts.

**Imitates:** gitops-engine pkg/diff/diff.go (`Diff`, `ThreeWayDiff`, `TwoWayDiff`, `StructuredMergeDiff`,
`ServerSideDiff`, `removeWebhookMutation`, `statefulSetWorkaround`) and pkg/utils/json/json.go.

**Walk:** normalised target and live object -> what the live object would be after an apply (`predicted`) ->
modified when the two differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.apply import managed_fields
from kcsim.api.apply.compare import compare
from kcsim.api.apply.elements import Path, key_fields
from kcsim.api.apply.fieldset import EMPTY, FieldSet
from kcsim.api.apply.managed import Managed
from kcsim.api.apply.managed_fields import ApplyError
from kcsim.api.apply.merge import merge
from kcsim.api.apply.remove import remove_items
from kcsim.api.apply.schema import TypedError, TypeSchema
from kcsim.api.apply.typed import to_field_set
from kcsim.api.defaults.table import default
from kcsim.api.objects import Object
from kcsim.api.patch import merge_patch, strategic, three_way
from kcsim.api.patch.values import PatchError, json_equal
from kcsim.api.patching import patch_schema
from kcsim.api.resources import GVK
from kcsim.api.schemas.definitions import definition_name
from kcsim.delivery.gitops.argocd.diff.normalize import conforms
from kcsim.delivery.gitops.argocd.resources import (
    FIELD_MANAGER,
    LAST_APPLIED,
    annotations_of,
    kind_of,
    metadata_of,
    name_of,
    version_of,
)
from kcsim.delivery.gitops.ordering import group_of


class DiffError(ValueError):
    """A comparison that cannot be made; the Application gets a ComparisonError with its text."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a comparison found; `live` is normalised, `predicted` is what an apply would make of it.

    Either is None where there is no such object.
    """

    modified: bool
    live: Object | None
    predicted: Object | None


def one_sided(target: Object | None, live: Object | None) -> Difference:
    """An object that is to be created counts as modified; one that is to be pruned does not."""
    return Difference(live is None, live, target)


def last_applied(live: Object) -> dict[str, Any] | None:
    """What was last applied client-side; None without the annotation, or when it is no JSON object.

    Upstream logs a text that it cannot read and goes on without it.
    """
    text = annotations_of(live).get(LAST_APPLIED)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def three_ways(original: Object, target: Object, live: Object) -> Difference:
    """Last applied, target and live, as `kubectl apply` would merge them.

    Raises: DiffError when no patch can be made.
    """
    original, target = _comparable(original), _comparable(target)
    gvk = (group_of(original), version_of(original), kind_of(original))
    try:
        if definition_name(gvk) is None:
            # Fields that the server or a controller filled in are not in question for custom kinds.
            known = keep_known(original, live)
            patch = three_way.json_merge(dict(original), dict(target), dict(known))
            predicted = merge_patch.apply(dict(live), patch)
            return Difference(not json_equal(live, predicted), live, predicted)
        schema = patch_schema(gvk)
        base = _stateful_set(original, live)
        patch = three_way.strategic(dict(original), dict(target), dict(base), schema)
        predicted = strategic.apply(dict(live), patch, schema) if patch else live
    except PatchError as error:
        raise DiffError(str(error)) from None
    if json_equal(live, predicted):
        # Both would get the same defaults: there is nothing further to find.
        return Difference(False, live, live)
    before, after = _defaulted(live, gvk), _defaulted(predicted, gvk)
    return Difference(not json_equal(before, after), before, after)


def structured(target: Object, live: Object, schema: TypeSchema, manager: str = FIELD_MANAGER) -> Difference:
    """A server-side apply worked out on this side, as for Applications that sync with ServerSideApply=true.

    Raises: DiffError when an object does not fit the schema.
    """
    metadata = metadata_of(live)
    stored = {**live, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}
    try:
        managed = Managed.from_json(metadata.get("managedFields") or ())
        merged, _ = managed_fields.apply_patch(stored, target, managed, manager, schema, True, "")
    except (ApplyError, ValueError) as error:
        raise DiffError(f"error calculating structured merge diff: {error}") from None
    if merged is stored:
        return Difference(False, live, live)
    gvk = (group_of(target), version_of(target), kind_of(target))
    before, after = (_defaulted(_without_last_applied(obj), gvk) for obj in (stored, merged))
    return Difference(not json_equal(before, after), before, after)


def without_mutations(
    predicted: Object, live: Object, schema: TypeSchema, manager: str = FIELD_MANAGER
) -> Object:
    """What a dry run predicts, less what admission did to fields that `manager` does not own.

    Raises: DiffError where the dry run tells nothing of owners, or an object does not fit the schema.
    """
    entries = metadata_of(predicted).get("managedFields") or ()
    where = f"{kind_of(predicted)}/{name_of(predicted)}"
    if not entries:
        raise DiffError(f"predictedLive for resource {where} must have the managedFields")
    own = EMPTY
    for entry in entries:
        if entry.get("manager") == manager:
            own = own.union(FieldSet.from_json(entry.get("fieldsV1") or {}))
    if not own:
        raise DiffError(f"no managed fields found for manager: {manager}")
    kind = schema.root
    try:
        foreign = _without_ancestors(to_field_set(predicted, kind).difference(own), own)
        removed = compare(live, predicted, kind).removed.difference(foreign)
        kept = FieldSet.of(*(path for path in foreign.paths() if not _is_key(path)))
        made = merge(live, remove_items(predicted, kept, kind), kind)
        result: Object = remove_items(made, removed, kind)
    except TypedError as error:
        raise DiffError(f"error comparing predicted resource to live resource: {error}") from None
    return result


def server_view(obj: Object) -> Object:
    """An object without what differs between a dry run and the stored object whatever is applied."""
    metadata = {k: v for k, v in metadata_of(obj).items() if k not in ("managedFields", "resourceVersion")}
    return _without_last_applied({**obj, "metadata": metadata})


def keep_known(config: Any, live: Any) -> Any:
    """The live value, restricted to what the configuration has too; further items of a list stay (`RemoveMapFields`)."""
    if isinstance(config, Mapping) and isinstance(live, Mapping):
        return {key: keep_known(value, live[key]) for key, value in config.items() if key in live}
    if isinstance(config, list) and isinstance(live, list):
        return [keep_known(config[i], item) if i < len(config) else item for i, item in enumerate(live)]
    return live


def _comparable(obj: Object) -> Object:
    # The namespace is on the live object and need not be in Git; empty annotations are none.
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping):
        return obj
    kept = {k: v for k, v in metadata.items() if k != "namespace" and (k != "annotations" or v)}
    return {**obj, "metadata": kept}


def _stateful_set(original: Object, live: Object) -> Object:
    # The server fills in defaults of the claims inside, which are not those of the scheme.
    if kind_of(original) != "StatefulSet" or group_of(original) not in ("apps", "extensions"):
        return live
    wanted = (original.get("spec") or {}).get("volumeClaimTemplates")
    there = (live.get("spec") or {}).get("volumeClaimTemplates")
    if not isinstance(wanted, list) or not isinstance(there, list):
        return live
    return {**live, "spec": {**live["spec"], "volumeClaimTemplates": keep_known(wanted, there)}}


def _defaulted(obj: Object, gvk: GVK) -> Object:
    # What does not fit its kind cannot be defaulted: upstream leaves it as it is too.
    return default(dict(obj), gvk) if conforms(obj, gvk) else obj


def _without_last_applied(obj: Object) -> Object:
    annotations = annotations_of(obj)
    if LAST_APPLIED not in annotations:
        return obj
    kept = {k: v for k, v in annotations.items() if k != LAST_APPLIED}
    return {**obj, "metadata": {**metadata_of(obj), "annotations": kept}}


def _without_ancestors(fields: FieldSet, own: FieldSet) -> FieldSet:
    # Removing a place removes all below it: places above what the manager owns have to stay.
    def is_above(path: Path) -> bool:
        below = own
        for element in path:
            below = below.below(element)
        return bool(below)

    return FieldSet.of(*(path for path in fields.paths() if not is_above(path)))


def _is_key(path: Path) -> bool:
    # A field of the key of its list item, where the key is made of several: without it the item is another one.
    if not path or not path[-1].startswith("f:"):
        return False
    name = path[-1].removeprefix("f:")
    return any(len(keys := key_fields(e)) > 1 and name in keys for e in path[:-1] if e.startswith("k:"))

"""What the API server calls: apply a configuration, or note who made a write.

Both are pure. Objects come without metadata.managedFields; the store keeps a Managed beside the object.

Imitates: apimachinery pkg/util/managedfields/internal/{fieldmanager,structuredmerge,managedfieldsupdater,
          skipnonapplied,buildmanagerinfo,versioncheck,conflict}.go (v1.36), a chain of managers there.
Walk:     apply_patch: check the body -> first apply ever? what exists belongs to before-first-apply -> updater.apply
          -> kubectl's last-applied annotation -> strip what is never managed, note the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from kcsim.api.apply import last_applied, updater
from kcsim.api.apply.elements import path_text
from kcsim.api.apply.fieldset import Filter
from kcsim.api.apply.managed import (
    APPLY,
    NOTHING_MANAGED,
    UPDATE,
    Managed,
    cap_update_managers,
    manager_identity,
    manager_text,
    strip_meta,
)
from kcsim.api.apply.nulls import drop_nulls
from kcsim.api.apply.reset_fields import filter_of
from kcsim.api.apply.schema import TypedError, TypeSchema
from kcsim.api.apply.typed import validate
from kcsim.api.apply.updater import Conflicts, Writer

__all__ = ["ApplyConflict", "ApplyError", "Managed", "apply_patch", "check_type", "track_update"]

BEFORE_FIRST_APPLY: Final = "before-first-apply"
_SELF: Final = "current-operation"
_UNKNOWN: Final = "unknown"


class ApplyError(Exception):
    """An apply that cannot be done. `code` is the HTTP status: 400, or 500 without a reason."""

    def __init__(self, message: str, code: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class ApplyConflict(Exception):
    """Others own fields that the configuration changes: 409 with these causes in the details."""

    def __init__(self, causes: list[dict[str, str]], message: str) -> None:
        super().__init__(message)
        self.causes = causes
        self.message = message


class _Request(NamedTuple):
    """One write, apart from the objects."""

    manager: str
    api_version: str
    now: str
    subresource: str
    keep: Filter

    def writer(self, operation: str) -> Writer:
        """Who this is to the updater."""
        name = self.manager or _UNKNOWN
        identity = manager_identity(name, operation, self.api_version, self.subresource)
        return Writer(identity, self.api_version, self.keep)

    def stamped(self, times: Mapping[str, str], identity: str) -> dict[str, str]:
        """The times after this write. Entries of the scale endpoint never get one (scalehandler.go, ToParent)."""
        if self.subresource == "scale":
            return {k: time for k, time in times.items() if k != identity}
        return {**times, identity: self.now}


def apply_patch(
    live: Mapping[str, Any] | None,
    config: Mapping[str, Any],
    managed: Managed,
    manager: str,
    schema: TypeSchema,
    force: bool,
    now: str,
    subresource: str = "",
    keep: Filter | None = None,
) -> tuple[dict[str, Any], Managed]:
    """Applies a configuration to a live object, or to none, which creates it.

    For the scale endpoint the configuration is the parent's, with nothing but spec.replicas.

    Args:
        live: the stored object without managedFields; None when there is none.
        config: what is applied; its apiVersion and kind are those of the schema.
        managed: who owns what on the live object.
        manager: the field manager's name.
        schema: the types of the kind.
        force: take over what others own.
        now: RFC 3339 text in UTC and seconds.
        subresource: "" for the object itself, else "status" or "scale".
        keep: what the endpoint lets anyone own; by default what its strategy resets is left out.

    Returns:
        The new object, without managedFields and before defaulting; `live` itself when it stays as it is.

    Raises:
        ApplyConflict: not forced, and others own what would change.
        ApplyError: the configuration does not fit the schema, or names managedFields.
    """
    _check_config(config, schema)
    keep = keep or filter_of(schema, subresource)
    request = _Request(manager, str(config.get("apiVersion")), now, subresource, keep)
    base: Mapping[str, Any] = {} if live is None else live
    if live is None:
        managed = NOTHING_MANAGED
    elif not managed.fields:
        # Nobody is known to own what exists: it has been there before the first apply.
        managed = _update(schema.zero, base, managed, request._replace(manager=BEFORE_FIRST_APPLY), schema)
    try:
        new, after = _apply(base, config, managed, request, schema, force=force)
    except TypedError as error:
        raise ApplyError(f"failed to merge config: {error}") from error
    except Conflicts as error:
        raise conflict_error(error) from None
    if manager == last_applied.KUBECTL:
        new = last_applied.with_last_applied(new, config)
    return (new if new is live else drop_nulls(new, schema)), after


def _apply(
    live: Mapping[str, Any],
    config: Mapping[str, Any],
    managed: Managed,
    request: _Request,
    schema: TypeSchema,
    *,
    force: bool,
) -> tuple[dict[str, Any], Managed]:
    writer = request.writer(APPLY)
    try:
        new, fields = updater.apply(live, config, schema.root, managed.fields, writer, force=force)
    except Conflicts as error:
        if request.manager != last_applied.KUBECTL:
            raise
        allowed = last_applied.allowed_conflicts(live, request.api_version, schema)
        if allowed is None:
            raise
        rest = [conflict for conflict in error.conflicts if not allowed.has(conflict.path)]
        if rest:
            raise Conflicts(rest) from None
        new, fields = updater.apply(live, config, schema.root, managed.fields, writer, force=True)
    strip_meta(fields, writer.manager)
    times = managed.times if new is live else request.stamped(managed.times, writer.manager)
    return new, managed.with_(fields, times)


def track_update(
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    managed: Managed,
    manager: str,
    schema: TypeSchema,
    api_version: str,
    now: str,
    subresource: str = "",
    keep: Filter | None = None,
) -> Managed:
    """Who owns what after a create (old is None), update or patch.

    An object that nobody is known to manage stays so until it is applied. A write that fits no type leaves the
    managers as they were, as upstream's UpdateNoErrors does: such a write is refused elsewhere.
    Upstream looks at the object as sent and defaulted: before admission and strategies add to it.
    """
    if old is not None and (old is new or not managed.fields):
        return managed
    request = _Request(manager, api_version, now, subresource, keep or filter_of(schema, subresource))
    if old is None:
        return _update(schema.zero, new, NOTHING_MANAGED, request, schema)
    return _update(old, new, managed, request, schema)


def _update(
    old: Mapping[str, Any], new: Mapping[str, Any], managed: Managed, request: _Request, schema: TypeSchema
) -> Managed:
    # A write is first noted under a name of its own: so a manager that repeats itself is seen to change nothing.
    try:
        fields = updater.update(
            _with_structs(old, schema),
            _with_structs(new, schema),
            schema.root,
            managed.fields,
            Writer(_SELF, request.api_version, request.keep),
        )
    except TypedError:
        return managed
    strip_meta(fields, _SELF)
    written = fields.pop(_SELF, None)
    if written is None:
        return cap_update_managers(managed.with_(fields, managed.times))
    identity = request.writer(UPDATE).manager
    previous = fields.get(identity)
    if previous is not None:
        written = written._replace(fields=written.fields.union(previous.fields))
    fields[identity] = written
    return cap_update_managers(managed.with_(fields, request.stamped(managed.times, identity)))


def _with_structs(obj: Mapping[str, Any], schema: TypeSchema) -> Mapping[str, Any]:
    """The object with the top-level structs that Go always has (an absent status is an empty one)."""
    missing = {k: v for k, v in schema.zero.items() if k not in obj and v.__class__ is dict}
    return {**obj, **missing} if missing else obj


def check_type(config: Mapping[str, Any], api_version: str, kind: str) -> None:
    """Is the body of the kind that the path names?

    Raises:
        ApplyError: 400 when not.
    """
    if (config.get("apiVersion"), config.get("kind")) != (api_version, kind):
        raise ApplyError(f"invalid object type: {_kind_text(config)}", code=400)


def _check_config(config: Mapping[str, Any], schema: TypeSchema) -> None:
    metadata = config.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("managedFields") is not None:
        raise ApplyError("metadata.managedFields must be nil", code=400)
    try:
        validate(config, schema.root)
    except TypedError as error:
        raise ApplyError(f"failed to create typed patch object ({_object_text(config)}): {error}") from error


def _kind_text(obj: Mapping[str, Any]) -> str:
    """GroupVersionKind.String; a body without apiVersion is `/, Kind=`."""
    api_version = str(obj.get("apiVersion") or "/")
    if "/" not in api_version:
        api_version = "/" + api_version
    return f"{api_version}, Kind={obj.get('kind') or ''}"


def _object_text(obj: Mapping[str, Any]) -> str:
    metadata = obj.get("metadata")
    named = metadata if isinstance(metadata, Mapping) else {}
    return f"{named.get('namespace') or ''}/{named.get('name') or ''}; {_kind_text(obj)}"


def conflict_error(error: Conflicts) -> ApplyConflict:
    """The conflicts as clients see them: one cause each, and a message grouped by manager."""
    conflicts = [(manager_text(c.manager), path_text(c.path)) for c in error.conflicts]
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, path in conflicts
    ]
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        return ApplyConflict(causes, f"Apply failed with 1 conflict: conflict with {manager}: {path}")
    grouped: dict[str, list[str]] = {}
    for manager, path in conflicts:
        grouped.setdefault(manager, []).append(f"- {path}")
    lines = [line for manager, paths in grouped.items() for line in (f"conflicts with {manager}:", *paths)]
    return ApplyConflict(causes, f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines))

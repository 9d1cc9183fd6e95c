"""metadata.managedFields: the list on the wire and its working form.

Imitates: apimachinery pkg/util/managedfields/internal/{managedfields,capmanagers,stripmeta}.go (v1.36).
Walk:     wire list -> Managed.from_json (identity of each entry -> what it owns, when) -> ... -> Managed.to_json,
          sorted: applies before updates, then oldest first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from kcsim.api.apply.elements import ElementError
from kcsim.api.apply.fieldset import FieldSet
from kcsim.api.apply.texts import compact_json
from kcsim.api.apply.updater import Managers, VersionedSet
from kcsim.api.gotext import go_quote

APPLY: Final = "Apply"
UPDATE: Final = "Update"

MAX_UPDATE_MANAGERS: Final = 10
"""Entries of updates that an object keeps; older ones are merged into ANCIENT_CHANGES (fieldmanager.go)."""

ANCIENT_CHANGES: Final = "ancient-changes"

NEVER_MANAGED: Final = FieldSet.of(
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
        )
    ),
)
"""What a manager never owns, though it writes it (stripmeta.go)."""


class ManagedFieldsError(ValueError):
    """A managedFields list that the server does not accept."""


@dataclass(frozen=True, slots=True)
class Managed:
    """Who owns what on one object, by manager identity. Immutable: do not change the mappings."""

    fields: Mapping[str, VersionedSet] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    """RFC 3339 text in UTC and seconds: when the manager last changed something; absent when it never did."""

    @staticmethod
    def empty() -> Managed:
        """Nobody owns anything: an object just created, or one whose managers were cleared."""
        return NOTHING_MANAGED

    def to_json(self) -> list[dict[str, Any]]:
        """The wire form. Its fieldsV1 parts are shared: do not change them."""
        entries = [self._entry(identity, owned) for identity, owned in self.fields.items()]
        return sorted(entries, key=_order)

    def _entry(self, identity: str, owned: VersionedSet) -> dict[str, Any]:
        who = json.loads(identity)
        out = {
            "manager": who["manager"],
            "operation": APPLY if owned.applied else UPDATE,
            "apiVersion": owned.api_version,
        }
        if identity in self.times:
            out["time"] = self.times[identity]
        out |= {"fieldsType": "FieldsV1", "fieldsV1": owned.fields.to_json()}
        if "subresource" in who:
            out["subresource"] = who["subresource"]
        return out

    @staticmethod
    def from_json(entries: Sequence[Mapping[str, Any]]) -> Managed:
        """Reads the wire form.

        Raises:
            ManagedFieldsError: in the server's words.
        """
        fields: Managers = {}
        times: dict[str, str] = {}
        for index, entry in enumerate(entries):
            _check(index, entry)
            operation = entry["operation"]
            identity = manager_identity(
                entry.get("manager", ""), operation, entry["apiVersion"], entry.get("subresource", "")
            )
            try:
                owned = FieldSet.from_json(entry.get("fieldsV1") or {})
            except ElementError as error:
                raise ManagedFieldsError(f"error decoding set: {error}") from error
            fields[identity] = VersionedSet(owned, entry["apiVersion"], operation == APPLY)
            if entry.get("time"):
                times[identity] = entry["time"]
        return Managed(fields, times)

    def same_but_times(self, other: Managed) -> bool:
        """Do both say the same, apart from when? Such a write changes nothing (equality.go)."""
        return self is other or self.fields == other.fields

    def with_(self, fields: Managers, times: Mapping[str, str]) -> Managed:
        """Other fields and times, without times of managers that are gone; itself when nothing differs."""
        kept = {identity: time for identity, time in times.items() if identity in fields}
        if fields == self.fields and kept == self.times:
            return self
        return Managed(fields, kept)


NOTHING_MANAGED: Final = Managed()


def is_reset(entries: Sequence[Mapping[str, Any]] | None) -> bool:
    """Does this list in a request ask to forget all managers? `[]` and `[{}]` do (isResetManagedFields)."""
    return entries is not None and (not entries or (len(entries) == 1 and not entries[0]))


def _check(index: int, entry: Mapping[str, Any]) -> None:
    if entry.get("operation") not in (APPLY, UPDATE):
        raise ManagedFieldsError("operation must be `Apply` or `Update`")
    if not entry.get("apiVersion"):
        raise ManagedFieldsError("apiVersion must not be empty")
    kind = entry.get("fieldsType")
    if not kind:
        raise ManagedFieldsError(f"missing fieldsType in managed fields entry {index}")
    if kind != "FieldsV1":
        raise ManagedFieldsError(f"invalid fieldsType {go_quote(kind)} in managed fields entry {index}")


def _order(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """RFC 3339 texts in one zone sort like the times they mean; an entry without time comes first."""
    names = ("operation", "time", "manager", "apiVersion", "subresource")
    return tuple(entry.get(name, "") for name in names)


@lru_cache(maxsize=8192)
def manager_identity(manager: str, operation: str, api_version: str, subresource: str = "") -> str:
    """What tells entries apart: an applier is one over all versions, an updater one per version.

    The text is upstream's (an entry as JSON), because upstream sorts by it.
    """
    parts = [f'"manager":{compact_json(manager)}'] if manager else []
    parts.append(f'"operation":{compact_json(operation)}')
    if operation != APPLY:
        parts.append(f'"apiVersion":{compact_json(api_version)}')
    if subresource:
        parts.append(f'"subresource":{compact_json(subresource)}')
    return "{" + ",".join(parts) + "}"


def manager_text(identity: str) -> str:
    """As conflicts name it: `"kubectl"`, `"upd" using apps/v1`, `"st" with subresource "status"`."""
    who = json.loads(identity)
    out = go_quote(who.get("manager", ""))
    if "subresource" in who:
        out += f" with subresource {go_quote(who['subresource'])}"
    if who["operation"] == UPDATE:
        out += f" using {who['apiVersion']}"
    return out


def strip_meta(managers: Managers, identity: str) -> None:
    """Takes what is never managed from the acting manager."""
    owned = managers.get(identity)
    if owned is None:
        return
    fields = owned.fields.difference(NEVER_MANAGED)
    if fields:
        managers[identity] = owned._replace(fields=fields)
    else:
        del managers[identity]


def cap_update_managers(managed: Managed) -> Managed:
    """Merges the oldest update entries, per version, until no more than MAX_UPDATE_MANAGERS are left."""
    updaters = [identity for identity, owned in managed.fields.items() if not owned.applied]
    excess = len(updaters) - MAX_UPDATE_MANAGERS
    if excess <= 0:
        return managed
    updaters.sort(key=lambda identity: (managed.times.get(identity, ""), identity))
    fields, times = dict(managed.fields), dict(managed.times)
    first_of: dict[str, str] = {}
    for identity in updaters:
        if excess <= 0:
            break
        owned = fields[identity]
        version = owned.api_version
        first = first_of.setdefault(version, identity)
        if first == identity:
            continue
        bucket = manager_identity(ANCIENT_CHANGES, UPDATE, version)
        if bucket not in fields:
            fields[bucket] = fields.pop(first)
        fields[bucket] = owned._replace(fields=owned.fields.union(fields[bucket].fields))
        if identity != bucket:
            del fields[identity]
        if identity in managed.times:
            times[bucket] = managed.times[identity]
        excess -= 1
    return managed.with_(fields, times)

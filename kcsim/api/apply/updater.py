"""The server-side apply algorithm: who owns what after an apply or another write, and what gives way.

Managers are told apart by plain strings here; managed_fields.py says which.

Imitates: structured-merge-diff v6 merge/{update,conflict}.go.
Differs:  one version per object: the sets of managers that wrote another version of the same kind are compared as
          they are, without converting the object to that version (no Converter).
Walk:     apply: merge the configuration into the live object -> prune what the manager had applied before and no
          longer does, unless someone else owns it -> compare with the live object -> conflicts, or take over.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

from kcsim.api.apply.compare import Comparison, compare
from kcsim.api.apply.elements import Path, path_text
from kcsim.api.apply.fieldset import EMPTY, FieldSet, Filter, keep_all
from kcsim.api.apply.merge import merge
from kcsim.api.apply.reconcile import reconcile_field_set
from kcsim.api.apply.remove import remove_items
from kcsim.api.apply.schema import Type
from kcsim.api.apply.typed import equal, named_fields_as_members, to_field_set


class VersionedSet(NamedTuple):
    """What one manager owns, in terms of which API version, and whether by applying."""

    fields: FieldSet
    api_version: str
    applied: bool


Managers = dict[str, VersionedSet]


class Writer(NamedTuple):
    """Who writes, in terms of which version, and what the endpoint lets it own."""

    manager: str
    api_version: str
    keep: Filter = keep_all


class Conflict(NamedTuple):
    """An applied field that another manager owns with another value."""

    manager: str
    path: Path


class Conflicts(Exception):
    """The apply was not forced and others own what it changes."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        super().__init__("; ".join(f"{c.manager}: {path_text(c.path)}" for c in conflicts))
        self.conflicts = conflicts


def _reconciled(managers: Mapping[str, VersionedSet], type: Type) -> Managers:
    return {
        name: owned._replace(fields=reconcile_field_set(owned.fields, type))
        for name, owned in managers.items()
    }


def _take_over(difference: Comparison, managers: Managers, acting: str, *, force: bool) -> Managers:
    """The managers after the acting one made these differences: others lose what was changed or removed.

    Raises:
        Conflicts: not forced, and others own something that was changed or added.
    """
    changed = difference.modified.union(difference.added)
    conflicts: dict[str, FieldSet] = {}
    if changed:
        for name, owned in managers.items():
            if name != acting and (lost := owned.fields.intersection(changed)):
                conflicts[name] = lost
    if conflicts and not force:
        # Upstream's order of managers is random here and sorted in the message; sorted in both for us.
        raise Conflicts(
            [Conflict(name, path) for name in sorted(conflicts) for path in conflicts[name].paths()]
        )
    out: Managers = {}
    for name, owned in managers.items():
        fields = owned.fields
        if name in conflicts:
            fields = fields.difference(conflicts[name])
        if name != acting and difference.removed:
            fields = fields.difference(difference.removed)
        if fields:
            out[name] = owned if fields is owned.fields else owned._replace(fields=fields)
    return out


def update(live: Any, new: Any, type: Type, managers: Mapping[str, VersionedSet], writer: Writer) -> Managers:
    """Managers after a write other than apply: the writer owns what it added and changed."""
    difference = compare(live, new, type).filtered(writer.keep)
    acting = writer.manager
    out = _take_over(difference, _reconciled(managers, type), acting, force=True)
    before = out[acting].fields if acting in out else EMPTY
    fields = writer.keep(
        before.difference(difference.removed).union(difference.modified).union(difference.added)
    )
    out.pop(acting, None)
    if fields:
        out[acting] = VersionedSet(fields, writer.api_version, applied=False)
    return out


def apply(
    live: Any, config: Any, type: Type, managers: Mapping[str, VersionedSet], writer: Writer, *, force: bool
) -> tuple[Any, Managers]:
    """(the new object, which is `live` itself when nothing changed; the managers after it).

    Raises:
        Conflicts: not forced, and others own something that was changed or added.
        TypedError: the configuration does not fit its type.
    """
    before = _reconciled(managers, type)
    merged = merge(live, config, type)
    last = before.get(writer.manager)
    mine = writer.keep(to_field_set(config, type))
    after = {**before, writer.manager: VersionedSet(mine, writer.api_version, applied=True)}
    new = merged if last is None else _prune(merged, type, after, last.fields, mine)
    difference = compare(live, new, type).filtered(writer.keep)
    after = _take_over(difference, after, writer.manager, force=force)
    return (live if equal(live, new) else new), after


def _prune(merged: Any, type: Type, managers: Managers, last: FieldSet, mine: FieldSet) -> Any:
    """Removes what the manager applied last time, not this time, and nobody else owns."""
    if not last.difference(mine):
        # Everything applied last time is applied again: nothing can be given up (see the two steps below).
        return merged
    present = named_fields_as_members(to_field_set(merged, type), type)
    last = named_fields_as_members(last, type)
    owned = reduce(FieldSet.union, (versioned.fields for versioned in managers.values()), EMPTY)

    # Add back what anyone, the new configuration included, claims to own.
    pruned = remove_items(merged, last, type)
    kept = _named_set(pruned, type).union(named_fields_as_members(owned, type))
    pruned = remove_items(merged, present.difference(kept), type)
    # Add back what the manager had not owned itself: items that nobody owns but that were below removed ones.
    dangling = present.difference(_named_set(pruned, type)).intersection(last)
    return remove_items(merged, dangling, type)


def _named_set(value: Any, type: Type) -> FieldSet:
    return named_fields_as_members(to_field_set(value, type), type)

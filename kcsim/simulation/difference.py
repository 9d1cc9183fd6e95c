"""What changed between two instants of a world, object by object and field by field; and what counts as a change.

**Walk:** the versions of a log between two revisions -> the first and last state of each object -> ``Diff``.
``next_change`` of the façade stops where ``is_change`` says that there is something to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kcsim.api.log import Log, Version
from kcsim.api.objects import Object
from kcsim.engine.clock import format_duration
from kcsim.engine.shown import Shown, Tabular
from kcsim.engine.trace import Record
from kcsim.simulation.leaves import Leaf, differences, short

Kind = Literal["added", "changed", "removed"]
NOISE = frozenset({"ControllerRevision", "Endpoints", "EndpointSlice", "Event", "Lease"})
"""Kinds by which components keep their own books."""
_MADE_FOR_ALL = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
"""What controllers put into every namespace."""
_SERVER = frozenset({"resourceVersion", "managedFields", "generation", "uid", "creationTimestamp"})
_ALWAYS_TOLD = 8
"""Fields told of one object in the text; the rest are counted."""


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """How one object differs: what became of it, and the fields in which it does (none of one added or removed)."""

    object: str
    kind: Kind
    fields: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Diff(Tabular):
    """What differs between two instants (seconds), in the order of kinds and names."""

    since: float
    until: float
    objects: tuple[ObjectDiff, ...]

    def to_records(self) -> list[dict[str, Any]]:
        """``{object, kind, path, before, after}`` for each field; of an object added or removed one with path ""."""
        return [
            {
                "object": each.object,
                "kind": each.kind,
                "path": leaf.path,
                "before": leaf.before,
                "after": leaf.after,
            }
            for each in self.objects
            for leaf in each.fields or (Leaf("", None, None),)
        ]

    def __str__(self) -> str:
        lines = [f"t={self.since:.3f}s to t={self.until:.3f}s: {counted(self.objects)}"]
        signs = {"added": "+", "changed": "~", "removed": "-"}
        for each in self.objects:
            lines.append(f"{signs[each.kind]} {each.object}")
            lines.extend(
                f"    {leaf.path}: {short(leaf.before)} -> {short(leaf.after)}"
                for leaf in each.fields[:_ALWAYS_TOLD]
            )
            if len(each.fields) > _ALWAYS_TOLD:
                lines.append(f"    and {len(each.fields) - _ALWAYS_TOLD} more fields")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Change(Shown):
    """The next thing worth seeing: the instant (seconds), what happened at it, and the objects that it changed.

    Attributes:
        found: whether there was one; False when the limit came first, or the end of the story.
        records: the trace records of that instant that are worth telling.
        over: whether the story has come to its end without one.
    """

    found: bool
    time: float
    records: tuple[Record, ...]
    objects: tuple[ObjectDiff, ...]
    over: bool = False

    @property
    def news(self) -> str:
        """Why nothing was found; "" when something was."""
        ending = "; the story is over" if self.over else ""
        return "" if self.found else f"nothing changed until then{ending}"

    def __str__(self) -> str:
        if not self.found:
            return f"t={self.time:.3f}s: {self.news}"
        lines = [f"t={self.time:.3f}s"]
        told = {each.object: each for each in self.objects}
        for record in self.records:
            lines.append(f"  {record.actor} {record.verb} {record.subject}")
            diff = told.pop(record.subject, None)
            if diff is not None:
                lines.extend(
                    f"      {leaf.path}: {short(leaf.before)} -> {short(leaf.after)}"
                    for leaf in diff.fields[:_ALWAYS_TOLD]
                )
        return "\n".join(lines)


def counted(objects: tuple[ObjectDiff, ...]) -> str:
    """How many objects came, changed and went."""
    kinds: tuple[Kind, ...] = ("added", "changed", "removed")
    counts = [(kind, sum(each.kind == kind for each in objects)) for kind in kinds]
    return ", ".join(f"{count} {kind}" for kind, count in counts if count) or "nothing differs"


def is_change(record: Record) -> bool:
    """Whether a record is worth stopping at.

    A commit, a command or a fault is; so is an object that came, went, or changed in what somebody asked of it, in its
    phase, its conditions or its ready replicas. What components note for themselves is not.
    """
    if not isinstance(record, Version):
        return (record.cause is None and record.actor != "clock") or record.verb in {
            "inject",
            "heal",
            "failing",
            "recovered",
        }
    if record.resource.kind in NOISE or (record.resource.kind, record.key[1]) in _MADE_FOR_ALL:
        return False
    before = record.previous
    if record.deleted or before is None or before.deleted:
        return True
    return _seen(before.object) != _seen(record.object)


def _seen(obj: Object) -> Object:
    """What somebody sees of an object at a glance."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    rest = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    return {
        **rest,
        "labels": metadata.get("labels"),
        "deleting": metadata.get("deletionTimestamp") is not None,
        "phase": status.get("phase"),
        "ready": status.get("readyReplicas"),
        "conditions": {
            c.get("type"): (c.get("status"), c.get("reason")) for c in status.get("conditions") or ()
        },
    }


def of_log(log: Log, since: int, until: int, prefix: str = "") -> Iterator[ObjectDiff]:
    """The objects of a log that differ between two instants (µs), by kind and name; books of components are left out."""
    first: dict[tuple[Any, Any], Object | None] = {}
    last: dict[tuple[Any, Any], Version] = {}
    for version in log.versions[log.revision_at(since) : log.revision_at(until)]:
        if version.resource.kind in NOISE:
            continue
        key = version.resource.plural, version.key
        if key not in first:
            before = version.previous
            first[key] = before.object if before is not None and not before.deleted else None
        last[key] = version
    for key in sorted(last):
        version = last[key]
        yield from compared(
            f"{prefix}{version.subject}", first[key], None if version.deleted else version.object
        )


def compared(name: str, before: Object | None, after: Object | None) -> Iterator[ObjectDiff]:
    """How one object differs; nothing when it does not, but for what the server counts."""
    if before is None and after is None:
        return
    if before is None or after is None:
        yield ObjectDiff(name, "added" if before is None else "removed", ())
        return
    leaves = tuple(differences(_told(before), _told(after)))
    if leaves:
        yield ObjectDiff(name, "changed", leaves)


def _told(obj: Mapping[str, Any]) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVER}
    return {**obj, "metadata": metadata}


class Ahead(ValueError):
    """Somebody asked for an instant that has not come.

    Attributes:
        what: the same without what mends it in Python, for whoever asked in another way.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what


def ahead(asked: str | float, when: int, now: int, end: int | None) -> Ahead:
    """What to tell who asks for an instant (µs) that has not come: how to get there, or that the story ends before."""
    written = f'"{asked}"' if isinstance(asked, str) else f"{asked:g}"
    if end is not None and when > end:
        over = format_duration(end)
        remedy = f"load(..., until={written}) makes it longer"
        return Ahead(f"{asked} lies beyond the end of the story at {over}", remedy)
    what = f"{asked} has not happened yet: it is t={format_duration(now)}"
    return Ahead(what, f"run_until({written}) goes there")

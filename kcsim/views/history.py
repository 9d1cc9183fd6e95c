"""Who changed an object, when, and what: its versions as lines, and what git, the last apply and the cluster say of it.

**Walk:** an object -> its versions in the log -> ``changes`` of each; ``sides_of`` puts git, last-applied and live side by
side, path by path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.scenario.play import Play
from kcsim.scenario.wanted import Wanted
from kcsim.simulation.leaves import differences
from kcsim.views.look import Look
from kcsim.views.managers import owned_part
from kcsim.views.objects import Ref

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_COUNTED = frozenset({"metadata.generation", "metadata.resourceVersion"})


@dataclass(frozen=True, slots=True)
class Change:
    """One write: its trace record, when (µs), who, what they did, and each field that changed as ``path: old -> new``."""

    seq: int
    time: int
    actor: str
    verb: str
    fields: tuple[str, ...]
    status_only: bool


def changes(look: Look, play: Play, ref: Ref) -> list[Change]:
    """Every write to an object up to the instant of the look, newest first; also of one that is gone."""
    newest = version_at(look, play, ref)
    found: list[Change] = []
    while newest is not None:
        found.append(_change(newest))
        newest = newest.previous
    return found


def version_at(look: Look, play: Play, ref: Ref) -> Version | None:
    """The version of an object at the instant of the look, a deletion too; None when it had never existed."""
    resource, log = look.resource(ref.kind), play.cluster().server.log
    live = log.get(resource, ref.namespace, ref.name)
    while live is not None and live.time > look.now:
        live = live.previous
    if live is not None:
        return live
    found: Version | None = None
    for version in log.history(resource, (ref.namespace, ref.name)):
        if version.time > look.now:
            break
        found = version
    return found


def _change(version: Version) -> Change:
    before = version.previous
    if version.deleted:
        return Change(version.seq, version.time, version.actor, version.verb, (), status_only=False)
    if before is None or before.deleted:
        return Change(version.seq, version.time, version.actor, version.verb, ("created",), status_only=False)
    leaves = [leaf for leaf in differences(before.object, version.object) if leaf.path not in _COUNTED]
    fields = tuple(f"{leaf.path}: {_short(leaf.before)} → {_short(leaf.after)}" for leaf in leaves)
    status = all(leaf.path.startswith("status") for leaf in leaves)
    return Change(version.seq, version.time, version.actor, version.verb, fields, status)


def _short(value: Any) -> str:
    text = (
        "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    )
    return text if len(text) <= 48 else f"{text[:45]}..."


@dataclass(frozen=True, slots=True)
class Field:
    """One field that git or the last apply names: what each says of it, None where it says nothing."""

    path: str
    git: Any
    applied: Any
    live: Any

    @property
    def differs(self) -> bool:
        """Whether what is live is not what git wants, or not what was applied last."""
        return (self.git is not None and self.git != self.live) or (
            self.applied is not None and self.applied != self.live
        )


@dataclass(frozen=True, slots=True)
class Sides:
    """The three sides of an object; ``git`` and ``applied`` say where they come from, "" where there is none."""

    git: str
    applied: str
    fields: tuple[Field, ...]


def sides_of(look: Look, play: Play, ref: Ref) -> Sides:
    """What git, the last apply and the cluster say of an object, for every field that one of the first two names.

    Last applied is kubectl's annotation, or for server-side apply the fields that the applying manager owns. What git
    wants is that of the newest commit up to the instant of the look.
    """
    live = look.find(ref.kind, ref.namespace, ref.name) or {}
    wanted, revision = _wanted(play, ref, look.now)
    applied, by = _applied(look, play, ref, live)
    paths: dict[str, None] = {}
    sides = [dict(_leaves(side)) for side in (wanted, applied, live)]
    for side in sides[:2]:
        paths.update(dict.fromkeys(side))
    fields = tuple(Field(path, *(side.get(path) for side in sides)) for path in paths)
    return Sides(revision, by, fields)


def _wanted(play: Play, ref: Ref, when: int) -> tuple[Object, str]:
    for change in reversed([change for change in play.changes() if change.at <= when]):
        for wanted in play.way.wanted(change.sha):
            if _is(wanted, ref):
                return wanted.manifest, change.sha[:7]
        return {}, ""
    return {}, ""


def _is(wanted: Wanted, ref: Ref) -> bool:
    return wanted.resource.singular == ref.kind and (wanted.key.namespace, wanted.key.name) == (
        ref.namespace,
        ref.name,
    )


def _applied(look: Look, play: Play, ref: Ref, live: Object) -> tuple[Object, str]:
    annotations = (live.get("metadata") or {}).get("annotations") or {}
    text = annotations.get(LAST_APPLIED)
    if text:
        found = json.loads(text)
        return found, "kubectl apply"
    last = version_at(look, play, ref)
    while last is not None and last.operation != "Apply":
        last = last.previous
    if last is None:
        return {}, ""
    shown = play.cluster().server.ownership.shown(last)
    entry = next(
        (
            each
            for each in shown["metadata"].get("managedFields") or ()
            if each["manager"] == last.manager and each["operation"] == "Apply"
        ),
        None,
    )
    fields = {} if entry is None else {k: v for k, v in entry["fieldsV1"].items() if k != "."}
    names = {"apiVersion": shown["apiVersion"], "kind": shown["kind"]}
    identity = {k: v for k, v in shown["metadata"].items() if k in {"name", "namespace"}}
    part = owned_part({k: v for k, v in shown.items() if k not in names}, fields) if fields else {}
    return {**names, **part, "metadata": {**identity, **part.get("metadata", {})}}, f"{last.manager}"


def _leaves(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(path, value) of every leaf of an object that a manifest can name."""
    skipped = {"status"}
    body = {k: v for k, v in value.items() if k not in skipped}
    metadata = {
        k: v
        for k, v in (body.get("metadata") or {}).items()
        if k not in {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"}
    }
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED}
    if "annotations" in metadata:
        metadata["annotations"] = annotations
    for leaf in differences({}, {**body, "metadata": metadata} if body else {}):
        yield from _spread(leaf.path, leaf.after)


_KEYS = ("name", "type", "key", "containerPort", "port")


def _spread(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Lists of things with a name, item by item; others whole."""
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        key = next((k for k in _KEYS if all(k in item for item in value)), None)
        if key is not None:
            for item in value:
                for leaf in differences({}, item):
                    yield from _spread(f"{path}[{item[key]}].{leaf.path}", leaf.after)
            return
    yield path, value

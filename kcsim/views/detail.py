"""One object in full: its YAML, its events, who owns it and what it owns.

Reads through a ``Look``, so an object can be seen as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND, parse_rfc3339
from kcsim.manifests import dump
from kcsim.views.look import Look
from kcsim.views.objects import Ref


@dataclass(frozen=True, slots=True)
class EventLine:
    """One Kubernetes Event: when it was last seen (µs), how often, type, reason, who reported it, and the message."""

    time: int
    count: int
    type: str
    reason: str
    source: str
    message: str


def yaml_text(obj: Object) -> str:
    """The object as ``kubectl get -o yaml`` prints it."""
    if "managedFields" in obj["metadata"]:
        metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
        obj = {**obj, "metadata": metadata}
    return dump(obj)


def events_of(look: Look, obj: Object) -> list[EventLine]:
    """The events about one object, oldest first."""
    uid = objects.uid(obj)
    namespace = objects.namespace(obj) or None
    lines = [
        event_line(event)
        for event in look.objects("events", namespace)
        if (event.get("involvedObject") or {}).get("uid") == uid
        or (not namespace and (event.get("involvedObject") or {}).get("name") == obj["metadata"]["name"])
    ]
    # Within a second their names are in order.
    return sorted(lines, key=lambda line: line.time)


def event_line(event: Object) -> EventLine:
    """What ``kubectl get events`` reads from an Event."""
    series = event.get("series") or {}
    seen = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    seen = seen or event["metadata"].get("creationTimestamp", "")
    source = (event.get("source") or {}).get("component") or event.get("reportingComponent", "")
    return EventLine(
        # Only some carry fractions of a second: none are shown.
        parse_rfc3339(seen) // SECOND * SECOND if seen else 0,
        series.get("count") or event.get("count") or 1,
        event.get("type", ""),
        event.get("reason", ""),
        source,
        event.get("message") or event.get("note", ""),
    )


@dataclass(frozen=True, slots=True)
class Branch:
    """One object of an owner tree, and how deep it stands below the root."""

    ref: Ref
    depth: int


FAMILY = ("deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "pods")
"""The kinds an owner tree is made of."""


def owner_tree(look: Look, ref: Ref) -> list[Branch]:
    """The tree that an object stands in: its topmost owner, and everything that one owns, depth first."""
    family: dict[str, tuple[Ref, Object]] = {}
    for word in FAMILY:
        kind = look.resource(word).singular
        for obj in look.objects(word, ref.namespace or None):
            family[objects.uid(obj)] = (Ref(kind, *objects.key(obj)), obj)
    start = next((uid for uid, (known, _) in family.items() if known == ref), None)
    if start is None:
        return []
    children: dict[str, list[str]] = {}
    for uid, (_, obj) in family.items():
        owner = objects.controller_of(obj)
        if owner is not None:
            children.setdefault(owner["uid"], []).append(uid)
    root = start
    while (owner := objects.controller_of(family[root][1])) is not None and owner["uid"] in family:
        root = owner["uid"]
    branches: list[Branch] = []
    waiting = [(root, 0)]
    while waiting:
        uid, depth = waiting.pop()
        branches.append(Branch(family[uid][0], depth))
        waiting.extend((child, depth + 1) for child in reversed(children.get(uid, ())))
    return branches

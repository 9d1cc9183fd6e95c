"""Promises that hold while nothing is broken: asked by name, of stories in which nobody fights and no fault blinds anyone.

A crashed controller manager leaves endpoints of dead pods behind, an autoscaler and a repository may fight over a number,
and a program may be told to delete what is not its own: all of these are stories worth telling, so no world is held to
these promises unless somebody asks (``check(world, ["no-oscillation"])``, or ``check(world, CALM)`` for all).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kcsim.api import objects
from kcsim.api.objects import Object
from kcsim.engine.clock import SECOND, format_duration
from kcsim.testing.invariants.history import History, Write

TURNS = 6
"""A, B, A, B, A, B: that many contents in a row are a fight."""
LONGEST = 30 * SECOND
"""How long an endpoint may be ready after its pod is dead (µs)."""
_ACCOUNT = "system:serviceaccount:"


def no_oscillation(history: History) -> Iterator[tuple[Write, str]]:
    """No object goes back and forth between two contents because two actors each want their own.

    Looks at what people and controllers want (spec, data and so on), not at what is reported in ``status``. Source: the
    workloads reference's fights (HPA against replicas in git, experiments C9).
    """
    turns: dict[tuple[str, str, Any], list[tuple[Write, Object]]] = {}
    for write in history.all_writes:
        track = turns.setdefault((write.cluster, write.kind, write.key), [])
        if write.deleted or write.before is None:
            track.clear()
        content = _content(write.object)
        if not write.deleted and (not track or track[-1][1] != content):
            track.append((write, content))
            last = track[-TURNS:]
            if len(last) == TURNS and _alternate(last):
                one, other = (each.record.actor for each, _ in last[-2:])
                since = format_duration(write.time - last[0][0].time)
                yield write, f"{one} and {other} undo each other's change, {TURNS} turns in {since}"


def _content(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in {"metadata", "status"}}


def _alternate(last: list[tuple[Write, Object]]) -> bool:
    contents = [content for _, content in last]
    actors = [write.record.actor for write, _ in last[1:]]
    return (
        all(one == other for one, other in zip(contents, contents[2:], strict=False))
        and all(one == other for one, other in zip(actors, actors[2:], strict=False))
        and actors[0] != actors[1]
    )


def never_an_unowned_delete(history: History) -> Iterator[tuple[Write, str]]:
    """A program deletes only what it wrote itself, or what some object owns.

    Programs are whoever runs as a ServiceAccount: agents, and controllers of users.
    """
    for write in history.all_writes:
        actor = write.record.actor
        if write.record.verb != "delete" or not actor.startswith(_ACCOUNT):
            continue
        if write.object["metadata"].get("ownerReferences"):
            continue
        before = write.before
        while before is not None and before.record.actor != actor:
            before = before.before
        if before is None:
            yield write, f"{actor} deletes what it never wrote and nobody owns"


def dead_endpoints_leave(history: History) -> Iterator[tuple[Write, str]]:
    """No slice names a pod as ready for longer than 30 s after it is gone or not Ready any more."""
    slices: dict[tuple[str, Any], list[Write]] = {}
    for write in history.writes("endpointslice.discovery.k8s.io"):
        slices.setdefault((write.cluster, write.key), []).append(write)
    for (cluster, key), writes in slices.items():
        ends = [*(write.time for write in writes[1:]), history.end]
        for write, until in zip(writes, ends, strict=True):
            for pod in () if write.deleted or _publishes_all(history, write) else _ready(write.object):
                dead = history.since(cluster, "pod", (key[0], pod), until, _is_dead)
                if dead is not None and until - max(dead, write.time) > LONGEST:
                    lasted = format_duration(until - max(dead, write.time))
                    yield write, f"{pod} is ready in it for {lasted} after it is dead"


def _ready(piece: Object) -> list[str]:
    return [
        endpoint["targetRef"]["name"]
        for endpoint in piece.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready")
        and (endpoint.get("targetRef") or {}).get("kind") == "Pod"
    ]


def _publishes_all(history: History, write: Write) -> bool:
    name = objects.labels(write.object).get("kubernetes.io/service-name", "")
    service = history.at(write.cluster, "service", (write.key[0], name), write.time)
    return service is not None and bool(service["spec"].get("publishNotReadyAddresses"))


def _is_dead(pod: Object | None) -> bool:
    return pod is None or not objects.condition_is(pod, "Ready")

"""Faults between the log and an informer: what a component is told of it late, twice, never, or as of long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kcsim.api.kit.seams import CursorFault, Seams
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.simulation.faults.api import plural
from kcsim.simulation.faults.fault import Begin, Fault, FaultError, Kind, Undo
from kcsim.simulation.faults.process import a_component, restart, whose

if TYPE_CHECKING:
    from kcsim.simulation.cluster import Cluster
    from kcsim.simulation.world import World


def a_cursor(world: World, cluster: Cluster, fault: Fault) -> dict[str, Any]:
    """The component exists, and so do the resource and the revision."""
    facts = a_component(world, cluster, fault)
    plural(cluster, fault.amounts.get("resource"))
    revision, newest = fault.amounts.get("revision"), len(cluster.server.log.versions)
    if revision is not None and revision > newest:
        raise FaultError(f"{fault.kind}: revision {revision} is not written yet; the newest is {newest}")
    return facts


def _arms(what: str) -> Begin:
    def begin(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
        del world
        name, host = whose(fault.target)
        given = fault.amounts.get
        rule = CursorFault(
            what,
            name,
            plural(cluster, given("resource")),
            host,
            nth=given("nth") or 1,
            times=given("times") or 1,
            event=given("event") or "",
            namespace=given("namespace") or "",
            name=given("object_name") or "",
            by=given("delay") or 0,
            revision=given("revision"),
            ago=given("ago") or 0,
        )
        return Seams.of(cluster.endpoint).arm(rule).lift

    return begin


def _rewind(world: World, cluster: Cluster, fault: Fault) -> Undo | None:
    lift = _arms("rewind")(world, cluster, fault)
    restart(cluster, fault.target, fault["down"])
    return lift


def _cursor(summary: str, effect: str, begin: Begin, *, momentary: bool = False, **takes: Any) -> Kind:
    return Kind(
        layer="cursor",
        summary=summary,
        effect=effect,
        target="component",
        takes={"resource": None, **takes},
        check=a_cursor,
        begin=begin,
        momentary=momentary,
    )


_WHICH: dict[str, Any] = {"event": None, "namespace": None, "object_name": None}

KINDS: dict[str, Kind] = {
    "watch-lag": _cursor(
        "Changes reach a component's informers late, in their order.",
        "It decides on what was; its writes meet conflicts, or undo what others did meanwhile.",
        _arms("lag"),
        delay=10 * SECOND,
    ),
    "watch-drop": _cursor(
        "A change never reaches a component's informer; at the end the informer lists again.",
        "A state that came and went stays unseen; a deletion that was missed leaves a ghost in the cache.",
        _arms("drop"),
        nth=1,
        times=1,
        **_WHICH,
    ),
    "watch-repeat": _cursor(
        "A change reaches a component's informer more than once.",
        "Its handlers run again for what they have seen: who counts events counts wrong.",
        _arms("repeat"),
        nth=1,
        times=1,
        **_WHICH,
    ),
    "watch-reorder": _cursor(
        "Changes of different objects reach a component's informers in another order; each object's own keep theirs.",
        "Whoever takes one object's state for a sign of another's is wrong.",
        _arms("reorder"),
        delay=5 * SECOND,
    ),
    "watch-relist": _cursor(
        "A component's watches break, and it lists again.",
        "Every object is told again; what was missed before is made good.",
        _arms("relist"),
        momentary=True,
    ),
    "api-stale": _cursor(
        "A component talks to an API server whose watch cache stands still.",
        "Its caches show the past, also after a restart; reads that ask for the newest, and writes, go through.",
        _arms("hold"),
    ),
    "watch-rewind": _cursor(
        "A component restarts and lists from an API server that is behind; it catches up later.",
        "It travels back in time: it meets objects that are gone, and old states of those that are there.",
        _rewind,
        revision=None,
        ago=MINUTE,
        delay=10 * SECOND,
        down=SECOND,
    ),
}

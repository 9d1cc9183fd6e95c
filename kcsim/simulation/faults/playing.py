"""Putting faults in and taking them back.

**Walk:** ``inject`` checks the fault and notes it in the trace -> it joins the world's ongoing faults -> its kind's
``begin`` carries it out, or ``settle`` brings the target where the ongoing faults want it -> after ``duration``, or with
``heal``, it leaves them, and is undone or the target is settled again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kcsim.engine.clock import format_duration
from kcsim.engine.collector import collector_at_rest
from kcsim.engine.trace import Record
from kcsim.simulation.faults.catalogue import KINDS, kind_named
from kcsim.simulation.faults.fault import Fault, FaultError, Kind, Ongoing
from kcsim.simulation.faults.fields import AMOUNTS, read

if TYPE_CHECKING:
    from kcsim.simulation.world import World


def fault(
    kind: str, target: str = "", *, duration: int | None = None, cluster: str = "", **amounts: Any
) -> Fault:
    """A fault with its fields read: ``amounts`` as people write them, ``delay="2s"``.

    Raises:
        FaultError: an unknown kind or field, a field that is missing, or a value that is none.
    """
    name, found = kind_named(kind)
    return Fault(name, target, duration, cluster, amounts=_amounts(name, found, amounts))


def _amounts(name: str, kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    for field in given:
        if field not in kind.takes:
            takes = ", ".join(kind.takes) or "no such fields"
            raise FaultError(f"{name} takes no {field}; it takes {takes}")
    for field in kind.needs:
        if given.get(field) is None:
            raise FaultError(f"{name} needs {field}: {AMOUNTS[field].about}")
    wanted = {field: value for field, value in given.items() if value is not None}
    return {
        field: read(name, field, wanted[field]) if field in wanted else value
        for field, value in kind.takes.items()
    }


def inject(world: World, fault: Fault) -> Record:
    """Put a fault in now; gives its trace record.

    Raises:
        FaultError: an unknown kind, or a target that does not exist.
    """
    name, kind = kind_named(fault.kind)
    if fault.target and not kind.target:
        raise FaultError(f"{name} hits everybody: it takes no target")
    if not fault.target and kind.target and not kind.everywhere:
        raise FaultError(f"{name} needs the {kind.target} that it hits")
    if fault.duration is not None and kind.momentary:
        raise FaultError(f"{name} is over at once: it takes no duration")
    if fault.duration is not None and fault.duration <= 0:
        raise FaultError(f"{name} ends before it begins: its duration is {format_duration(fault.duration)}")
    fault = replace(
        fault,
        kind=name,
        cluster="" if kind.worldwide else fault.cluster,
        duration=kind.lasts if fault.duration is None else fault.duration,
        amounts={**kind.takes, **fault.amounts},
    )
    cluster = world.clusters.get(fault.cluster) if fault.cluster else world.cluster
    if cluster is None:
        raise FaultError(f"no cluster {fault.cluster!r}; there are {', '.join(sorted(world.clusters))}")
    engine = world.engine
    detail = {**kind.check(world, cluster, fault), **_told(kind, fault)}
    if fault.duration is not None:
        detail["for"] = format_duration(fault.duration)
    # What is over at once has no end to wait for: it strikes, and opens no stretch of time.
    verb = "strike" if kind.momentary else "inject"
    record = engine.note("fault", verb, _subject(fault), {**detail, **fault.detail})
    with engine.because(record):
        if kind.momentary:
            assert kind.begin is not None, "what is over at once has no state to settle"
            kind.begin(world, cluster, fault)
            return record
        ongoing = Ongoing(fault, record)
        world.faults.append(ongoing)
        # A cut moves a timer for each of thousands of nodes: no reason to walk the whole log for garbage.
        with collector_at_rest():
            if kind.begin is not None:
                ongoing.undo = kind.begin(world, cluster, fault)
            else:
                _settle(world, fault)
        if fault.duration is not None:
            ongoing.ends = engine.after(fault.duration, _over, world, ongoing)
    return record


def heal(world: World, record: Record) -> Record:
    """End the fault that ``record`` noted, before its time; gives the record of that.

    Raises:
        FaultError: it is over already, or never was.
    """
    ongoing = next((o for o in world.faults if o.record is record), None)
    if ongoing is None:
        raise FaultError("no such fault is going on")
    before = world.engine.cause
    try:
        return _over(world, ongoing)
    finally:
        world.engine.cause = before


def heal_all(world: World) -> list[Record]:
    """End every fault that goes on; gives the records of that, in the order in which the faults began."""
    return [heal(world, ongoing.record) for ongoing in list(world.faults)]


def _over(world: World, ongoing: Ongoing) -> Record:
    engine = world.engine
    if ongoing.ends is not None:
        ongoing.ends.cancel()
    world.faults.remove(ongoing)
    record = engine.cause = engine.note("fault", "heal", _subject(ongoing.fault))
    if ongoing.undo is not None:
        ongoing.undo()
    elif KINDS[ongoing.fault.kind].settle is not None:
        _settle(world, ongoing.fault)
    return record


def _settle(world: World, fault: Fault) -> None:
    kind = KINDS[fault.kind]
    assert kind.settle is not None, "asked before"
    here = [
        o.fault
        for o in world.faults
        if o.fault.target == fault.target
        and o.fault.cluster == fault.cluster
        and (o.fault.kind == fault.kind or (kind.scope and KINDS[o.fault.kind].scope == kind.scope))
    ]
    cluster = world.clusters[fault.cluster] if fault.cluster else world.cluster
    kind.settle(world, cluster, fault.target, here)


def _told(kind: Kind, fault: Fault) -> dict[str, str]:
    """How strongly it hits, for the trace."""
    return {
        name: AMOUNTS[name].write(fault.amounts[name])
        for name in kind.takes
        if fault.amounts[name] is not None
    }


def _subject(fault: Fault) -> str:
    parts = (fault.kind, fault.cluster, fault.target)
    return "/".join(part for part in parts if part)

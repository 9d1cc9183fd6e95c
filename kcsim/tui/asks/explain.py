"""The causal chain of something, step by step; and what would have prevented it, found out by playing the world without it.

**Walk:** ``chain`` lists the causes, newest first -> ``alternatives`` forks the world just before each of its origins that
somebody could have left undone, and looks whether the same thing happens -> ``Alternative``, which can be opened as a branch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kcsim.api.log import Version
from kcsim.api.objects import Object
from kcsim.engine.clock import MINUTE, SECOND, clock_text, format_duration, to_seconds
from kcsim.engine.trace import Record
from kcsim.scenario.divergence import substance
from kcsim.scenario.play import Play
from kcsim.simulation.finding import NotFound
from kcsim.simulation.why import Link, of_record
from kcsim.tui.asks.pages import Page, Row, Want, listed
from kcsim.tui.session import Session
from kcsim.tui.worlds import Worlds
from kcsim.views.moments import short_actor
from kcsim.views.objects import Ref

MOST = 12
"""Steps of a chain that are shown; repeats of a loop count as one."""

PATIENCE = 10 * MINUTE
"""How long after the fact a world without its cause is watched for it."""


def record_of(session: Session, what: Ref | int) -> int:
    """The trace record that made something so: that of a moment, or an object's last change of substance.

    Raises:
        NotFound: nothing of that name ever existed.
    """
    return what if isinstance(what, int) else session.why(what).links[0].seq


@dataclass(frozen=True, slots=True)
class Asked:
    """What is explained: its record, when it was (µs), and in words."""

    seq: int
    time: int
    text: str


def asked(session: Session, what: Ref | int) -> Asked | str:
    """What is to be explained; a text when there is nothing."""
    try:
        seq = record_of(session, what)
    except NotFound as error:
        return str(error)
    record = session.play.trace.records[seq]
    return Asked(seq, record.time, f"{short_actor(record.actor)} {record.verb} {record.subject}")


def chain(session: Session, seq: int, want: Want) -> Page:
    """The causes of a record, newest first: a row a step, its key the record's number and instant (µs)."""
    links = of_record(session.play.trace.records[seq]).links
    rows = [
        _row(session, link, count, place, len(links))
        for place, (link, count) in enumerate(_capped(_folded(links)))
    ]
    return listed(want, ("TIME", "WHO", "DID", "CHANGED"), rows, note=f"{len(links)} steps")


def _folded(links: tuple[Link, ...]) -> list[tuple[Link, int]]:
    """Repeats of one loop (the same actor does the same to the same) counted as one step."""
    found: list[tuple[Link, int]] = []
    for link in links:
        if found and _same(found[-1][0], link):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((link, 1))
    return found


def _same(one: Link, other: Link) -> bool:
    return (one.actor, one.verb, one.object) == (other.actor, other.verb, other.object)


def _capped(steps: list[tuple[Link, int]]) -> list[tuple[Link, int]]:
    """At most so many: the nearest ones, and the origin."""
    return steps if len(steps) <= MOST else [*steps[: MOST - 1], steps[-1]]


def _row(session: Session, link: Link, count: int, place: int, links: int) -> Row:
    time = session.play.trace.records[link.seq].time
    lead = "" if not place else "← "
    times = f" x{count}" if count > 1 else ""
    did = f"{lead}{link.verb} {_name(link.object)}{times}"
    is_end = place == 0 or link.seq == _origin(session, link.seq)
    lit = frozenset({2}) if is_end and links > 1 else frozenset()
    return Row((link.seq, time), (clock_text(time), short_actor(link.actor), did, link.facts), "", lit)


def _origin(session: Session, seq: int) -> int:
    record: Record = session.play.trace.records[seq]
    return seq if record.cause is None else -1


def _name(subject: str) -> str:
    kind, *rest = subject.split("/")
    return f"{kind.partition('.')[0]}/{'/'.join(rest[-2:])}" if rest else subject


def step(session: Session, seq: int) -> list[str]:
    """One step in full: who did what when, the facts, and for a decision of the scheduler each node."""
    link = of_record(session.play.trace.records[seq]).links[0]
    lines = [f"t={float(link.t):.3f}s  {link.actor}", f"{link.verb} {link.object}"]
    if link.facts:
        lines.append(link.facts)
    return [*lines, *link.lines]


# What would have prevented it.


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another world: what is different in it, from when on (µs), and what becomes of the thing that is explained.

    Attributes:
        without: places in the timeline of what does not happen in it.
        line: a (program, line) that is typed in it at its beginning.
        prevents: whether the thing does not happen there.
        told: that in words.
    """

    label: str
    at: int
    without: tuple[int, ...]
    line: tuple[str, str] | None
    prevents: bool
    told: str


def alternatives(worlds: Worlds, name: str, seq: int) -> list[Alternative]:
    """Each thing in the chain of a record that somebody could have left undone or held back, tried out."""
    session = worlds[name]
    target = session.play.trace.records[seq]
    found = []
    for label, at, without, line in _candidates(worlds, session, target):
        branch = session.branch(at, [worlds.scenario.timeline[place] for place in without])
        if line is not None:
            branch.type(line[1], line[0])
        until = min(session.now, target.time + PATIENCE)
        if branch.now < until:
            branch.play.run_until(to_seconds(until))
        when = _happens(branch.play, target, at)
        told = (
            "it does not happen" if when is None else f"it happens all the same, at t={format_duration(when)}"
        )
        found.append(Alternative(label, at, without, line, when is None, told))
    return found


_Candidate = tuple[str, int, tuple[int, ...], tuple[str, str] | None]


def _candidates(worlds: Worlds, session: Session, target: Record) -> Iterator[_Candidate]:
    told: set[str] = set()
    for record in target.chain():
        before = max(0, record.time - 1)
        place = _entry(worlds, session, record)
        if place is not None:
            entry = worlds.scenario.timeline[place]
            what = entry.name or f"{record.actor} {record.verb} {record.subject}"
            yield f"without {what}", before, (place,), None
        elif record.cause is None and any(d.entry.at == record.time for d in session.hands.deeds):
            yield f"without what you did: {record.verb} {record.subject}", before, (), None
        suspended = _kustomization(record)
        if suspended is not None and suspended not in told and record.time > SECOND:
            told.add(suspended)
            line = f"suspend kustomization {suspended}"
            yield f"with flux {line} typed just before", max(0, record.time - SECOND), (), ("flux", line)


def _entry(worlds: Worlds, session: Session, record: Record) -> int | None:
    """The place in the timeline of the entry that a record without a cause came from."""
    if record.cause is not None:
        return None
    name = record.facts().get("entry")
    for place, entry in enumerate(worlds.scenario.timeline):
        if any(entry is each for each in session.play.without):
            continue
        if (name is not None and entry.name == name) or (
            name is None and entry.at == record.time and _did(entry.action_names(), record)
        ):
            return place
    return None


def _did(actions: tuple[str, ...], record: Record) -> bool:
    """Whether a record is what such an entry leaves: told by its verb."""
    verbs = {"kubectl": "kubectl", "apply": "kubectl", "flux": "flux", "fault": "inject", "image": "change"}
    verb = "inject" if record.verb == "strike" else record.verb
    return any(verbs.get(action, "commit") == verb for action in actions)


def _kustomization(record: Record) -> str | None:
    """The Kustomization on whose behalf a record was written by Flux."""
    if not isinstance(record, Version) or not record.actor.endswith(":kustomize-controller"):
        return None
    labels = record.object["metadata"].get("labels") or {}
    name = labels.get("kustomize.toolkit.fluxcd.io/name")
    return str(name) if name and record.verb == "apply" else None


def _happens(play: Play, target: Record, since: int) -> int | None:
    """When (µs) the same thing happens in another world after an instant; None: it does not.

    Of a write: the object comes to be, in what a manifest can say, as that write left it. Of anything else: the same actor
    does the same to the same.
    """
    for record in play.trace.records:
        if record.time <= since:
            continue
        if not isinstance(target, Version):
            if (record.actor, record.verb, record.subject) == (target.actor, target.verb, target.subject):
                return record.time
        elif isinstance(record, Version) and record.subject == target.subject and _as(record, target):
            return record.time
    return None


def _as(record: Version, target: Version) -> bool:
    if record.deleted or target.deleted:
        return record.deleted and target.deleted
    if _is_status(target):
        return bool(_status(record.object) == _status(target.object))
    before = record.previous
    changed = before is None or substance(before.object) != substance(record.object)
    return changed and substance(record.object) == substance(target.object)


def _is_status(version: Version) -> bool:
    before = version.previous
    return before is not None and not before.deleted and substance(before.object) == substance(version.object)


def _status(obj: Object) -> object:
    """The status without its times and counters."""
    status = dict(obj.get("status") or {})
    status.pop("observedGeneration", None)
    conditions = status.pop("conditions", None) or ()
    return status, [(c.get("type"), c.get("status"), c.get("reason")) for c in conditions]

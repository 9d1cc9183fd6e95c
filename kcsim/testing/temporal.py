"""What must hold over time, asked of a world that has run: always, never, eventually, until, leads to, stable, converges.

    expect(sim).always('ready("deployment/web", "default") >= 2', since="1m")
    expect(sim).eventually(lambda at: at.get("deployment/web")["status"]["readyReplicas"] == 3, within="2m", stays="1m")

A condition is an expression as scenarios write it, or a function of a ``Moment``; both are looked at again only when
something they read has changed. Everything is read from the trace, so a question can be asked after the run, of any
moment, as often as one likes, and the run is the same whether or not anybody asks.

``expect`` raises ``Broken``, an AssertionError that tells the virtual time, the values, the change that decided it, its
chain of causes, and how to see it again. ``ask`` gives the same answers as values (``Finding``).

**Walk:** conditions -> ``_signals`` reads the trace once -> a ``Signal`` each -> the arithmetic of ``scenario.expectations``.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from warnings import warn

from kcsim.api.log import Version
from kcsim.api.resources import Resource
from kcsim.engine.clock import MILLISECOND, format_duration, seconds, to_seconds
from kcsim.engine.trace import Record
from kcsim.scenario.arguments import Names
from kcsim.scenario.expectations import Finding, Window, sometime, throughout
from kcsim.scenario.expressions import ExpressionError
from kcsim.scenario.history import History
from kcsim.scenario.play import Play, Reading
from kcsim.scenario.signals import Signal, Signals
from kcsim.simulation.cluster import Cluster
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Simulation, Time

Object = dict[str, Any]
__tracebackhide__ = True
"""A test that asks in vain shows its own line, and none of this module."""
_CHAIN = 8
"""Causes that a failure tells."""
_FAULTS = 3
_TOLD = ("when", "for", "error")
"""Facts of a fault that a failure tells."""


class Broken(AssertionError):
    """Something that had to hold over time did not; the message tells the whole of it. ``finding`` is the outcome."""

    def __init__(self, message: str, finding: Finding | None = None) -> None:
        super().__init__(message)
        self.finding = finding


class Moment:
    """A world at one instant, as a condition sees it: ``get``, ``list``, and ``now`` in virtual seconds.

    What a condition reads is noted, so that it is asked again only when that has changed: ``now`` alone wakes nobody.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._first = next(iter(simulation.world.clusters))
        self._tables: dict[tuple[str, str], dict[tuple[str, str], Version]] = {}
        self.time = 0
        self.read: dict[tuple[str, str], None] = {}

    @property
    def now(self) -> float:
        """Virtual seconds since the world began."""
        return to_seconds(self.time)

    def get(self, ref: str, namespace: str | None = None, cluster: str | None = None) -> Object:
        """The object as it was; in ``default``, or else in the first namespace that has it, when none is said.

        Raises:
            NotFound: it did not exist then; a condition that lets this pass does not hold.
            ValueError: there is no such kind or cluster, at no time of the run.
        """
        kind, _, name = ref.partition("/")
        if namespace is None and "/" in name:
            namespace, _, name = name.partition("/")
        table = self._table(kind, cluster)
        if namespace is not None:
            found = table.get((namespace, name)) or table.get(("", name))
        else:
            found = table.get(("default", name)) or next(
                (version for key, version in sorted(table.items()) if key[1] == name), None
            )
        if found is None:
            raise NotFound(f"there was no {ref} at t={self.now:g}s")
        return found.object

    def list(self, kind: str, namespace: str | None = None, cluster: str | None = None) -> list[Object]:
        """The objects of a kind as they were, in key order.

        Raises:
            ValueError: there is no such kind or cluster, at no time of the run.
        """
        table = self._table(kind, cluster)
        return [table[key].object for key in sorted(table) if namespace in {None, key[0]}]

    def _table(self, kind: str, cluster: str | None) -> dict[tuple[str, str], Version]:
        try:
            home = self._simulation.cluster(cluster)
        except NotFound as error:
            raise ValueError(str(error)) from None
        place = home.name, self._served(kind, home).table
        self.read[place] = None
        return self._tables.get(place, {})

    def _served(self, kind: str, home: Cluster) -> Resource:
        """What a word means, or has meant: a kind that was taken away may be asked about still."""
        resource = home.server.catalog.by_word(kind)
        if resource is not None:
            return resource
        word = kind.lower()
        for version in home.server.log.versions:
            past = version.resource
            if word in {past.plural, past.singular, f"{past.plural}.{past.group}", *past.short_names}:
                return past
        near = get_close_matches(word, [each.plural for each in home.server.catalog], 1)
        raise ValueError(f"there is no kind {kind!r}" + (f"; did you mean {near[0]!r}?" if near else ""))

    def follow(self, record: Record) -> tuple[str, str] | None:
        """Take a record in; gives the place it changed."""
        if not isinstance(record, Version):
            return None
        place = record.cluster or self._first, record.resource.table
        table = self._tables.setdefault(place, {})
        if record.deleted:
            table.pop(record.key, None)
        else:
            table[record.key] = record
        return place


Condition = str | Callable[[Moment], Any]


class Asking:
    """Questions about one world; each answer is a ``Finding``: held, at (µs), why, and the record that decided it."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._end = world.engine.now

    def always(self, condition: Condition, *, since: Time = 0, until: Time | None = None) -> Finding:
        """It holds at every instant from ``since`` to ``until`` (the end of the run when None)."""
        (signal,) = self._signals(condition)
        return throughout(signal, self._window(since, until), True)

    def never(self, condition: Condition, *, since: Time = 0, until: Time | None = None) -> Finding:
        """It holds at no instant from ``since`` to ``until``."""
        (signal,) = self._signals(condition)
        return throughout(signal, self._window(since, until), False)

    def eventually(
        self,
        condition: Condition,
        *,
        within: Time | None = None,
        since: Time = 0,
        stays: Time | None = None,
    ) -> Finding:
        """It comes to hold ``within`` so long of ``since``, and ``stays`` so, if need be beyond that."""
        (signal,) = self._signals(condition)
        until = None if within is None else to_seconds(seconds(since) + seconds(within))
        return sometime(signal, self._window(since, until), _us(stays), self._end)

    def until(
        self, condition: Condition, release: Condition, *, since: Time = 0, within: Time | None = None
    ) -> Finding:
        """``condition`` holds until ``release`` does, and ``release`` comes to hold."""
        signal, released = self._signals(condition, release)
        limit = None if within is None else to_seconds(seconds(since) + seconds(within))
        window = self._window(since, limit)
        end = sometime(released, window, None, self._end)
        if not end.held or end.at is None:
            return end
        before = Window(window.opened, max(window.opened, end.at - 1), True, "until it was released")
        return throughout(signal, before, True) if end.at > window.opened else end

    def leads_to(self, trigger: Condition, condition: Condition, *, within: Time) -> Finding:
        """Each time ``trigger`` comes to hold, ``condition`` holds ``within`` so long of it."""
        first, then = self._signals(trigger, condition)
        rises = [max(sample.time, 0) for sample in first.rises(0, self._end)]
        if not rises:
            return Finding(True, None, f"{first.expression.text} never became true", True)
        findings = [
            sometime(
                then, self._window(to_seconds(rise), to_seconds(rise + seconds(within))), None, self._end
            )
            for rise in rises
        ]
        return next((found for found in findings if not found.held), findings[-1])

    def before(self, earlier: Condition, later: Condition) -> Finding:
        """``earlier`` holds at some instant before ``later`` first does."""
        first, second = self._signals(earlier, later)
        end = second.first(0, self._end, True)
        if end is None:
            return Finding(True, None, f"{second.expression.text} never became true", True)
        begin = first.first(0, self._end, True)
        if begin is not None and begin[0] < end[0]:
            return Finding(
                True, begin[0], f"{first.expression.text} became true first", True, begin[1].record
            )
        why = f"{second.expression.text} became true at {format_duration(end[0])}, and {first.expression.text} not before it"
        return Finding(False, end[0], why, True, end[1].record)

    def stable_for(self, condition: Condition, duration: Time) -> Finding:
        """It has held for the last ``duration`` of the run."""
        (signal,) = self._signals(condition)
        begin = max(0, self._end - seconds(duration))
        return throughout(signal, Window(begin, self._end, True, "the end of the run"), True)

    def converges(self, *, within: Time, stays: Time = "1m", namespace: str = "") -> Finding:
        """After the story's last entry the cluster comes to hold what git says ``within`` so long, and ``stays`` so.

        Raises:
            TypeError: the world plays no story with a delivery.
        """
        world = self._world
        if not isinstance(world, Play) or not world.delivery:
            raise TypeError("converges is asked of a story with a delivery: use eventually with a condition")
        last = max((entry.at + (entry.for_ or 0) for entry in world.scenario.timeline), default=0)
        drift = f"not drifted({json.dumps(namespace) if namespace else ''})"
        names = [repository.name for repository in world.scenario.repositories]
        done = [f'deployed("{name}") == head("{name}")' for name in names]
        return self.eventually(
            " and ".join([*done, drift]), since=to_seconds(last), within=within, stays=stays
        )

    # --- how ----------------------------------------------------------------------------------------------------

    def _window(self, since: Time, until: Time | None) -> Window:
        begin = seconds(since)
        end = self._end if until is None else seconds(until)
        if end < begin:
            if until is None:
                raise ValueError(
                    f"the window begins at {format_duration(begin)}, but the run ends at {format_duration(end)}"
                )
            raise ValueError(
                f"the window ends ({format_duration(end)}) before it begins ({format_duration(begin)})"
            )
        why = "the end of the run" if until is None else f"within {format_duration(end - begin)}"
        return Window(begin, min(end, self._end), end <= self._end, why)

    def _signals(self, *conditions: Condition) -> list[Signal]:
        written = [condition for condition in conditions if isinstance(condition, str)]
        called = [condition for condition in conditions if not isinstance(condition, str)]
        by_text = iter(_written(self._world, written))
        by_call = iter(_called(self._world, called, self._end))
        return [next(by_text if isinstance(condition, str) else by_call) for condition in conditions]


class Expecting:
    """The questions of ``Asking`` as demands: each raises ``Broken`` or gives the same thing back, so they chain."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._asking = Asking(world)

    def always(self, condition: Condition, *, since: Time = 0, until: Time | None = None) -> Expecting:
        """As ``Asking.always``."""
        return self._demand("always", self._asking.always(condition, since=since, until=until))

    def never(self, condition: Condition, *, since: Time = 0, until: Time | None = None) -> Expecting:
        """As ``Asking.never``."""
        return self._demand("never", self._asking.never(condition, since=since, until=until))

    def eventually(
        self,
        condition: Condition,
        *,
        within: Time | None = None,
        since: Time = 0,
        stays: Time | None = None,
    ) -> Expecting:
        """As ``Asking.eventually``."""
        found = self._asking.eventually(condition, within=within, since=since, stays=stays)
        return self._demand("eventually", found)

    def until(
        self, condition: Condition, release: Condition, *, since: Time = 0, within: Time | None = None
    ) -> Expecting:
        """As ``Asking.until``."""
        return self._demand("until", self._asking.until(condition, release, since=since, within=within))

    def leads_to(self, trigger: Condition, condition: Condition, *, within: Time) -> Expecting:
        """As ``Asking.leads_to``."""
        return self._demand("leads_to", self._asking.leads_to(trigger, condition, within=within))

    def before(self, earlier: Condition, later: Condition) -> Expecting:
        """As ``Asking.before``."""
        return self._demand("before", self._asking.before(earlier, later))

    def stable_for(self, condition: Condition, duration: Time) -> Expecting:
        """As ``Asking.stable_for``."""
        return self._demand("stable_for", self._asking.stable_for(condition, duration))

    def converges(self, *, within: Time, stays: Time = "1m", namespace: str = "") -> Expecting:
        """As ``Asking.converges``."""
        return self._demand(
            "converges", self._asking.converges(within=within, stays=stays, namespace=namespace)
        )

    def _demand(self, what: str, finding: Finding) -> Expecting:
        if not finding.held:
            raise Broken(told(self._world, what, finding), finding)
        return self


def ask(world: Simulation) -> Asking:
    """Questions about a world, answered as values."""
    return Asking(world)


def expect(world: Simulation) -> Expecting:
    """Demands on a world; a broken one raises ``Broken``."""
    return Expecting(world)


def told(world: Simulation, what: str, finding: Finding) -> str:
    """A broken demand as a person reads it: what, when, which change, why, and how to see it again."""
    when = "" if finding.at is None else f" at t={format_duration(finding.at // MILLISECOND * MILLISECOND)}"
    lines = [f"{what} is broken{when}", f"  {finding.why}"]
    if finding.record is not None:
        lines += causes(finding.record, "by")
    elif finding.looked is not None:
        lines += causes(finding.looked, "last of what it looks at:")
    if finding.record is None:
        lines += _faults(world, finding.at)
    if isinstance(world, Play):
        steps = len(world.scenario.timeline)
        lines.append(
            f"{steps} steps; {world.delivery or 'no delivery'}; seed {world.seed}; trace {world.trace.sha256()[:12]}"
        )
    else:
        lines.append(f"seed {world.seed}; trace {world.trace.sha256()[:12]}")
    return "\n".join(lines)


def causes(record: Record, how: str) -> list[str]:
    """A record, what it changed, and what led to it, in lines of a failure."""
    lines = [f"  {how} t={_at(record)} {record.actor} {record.verb} {record.subject}{_change(record)}"]
    found = record.chain()[1:]
    lines.extend(
        f"    because t={_at(each)} {each.actor} {each.verb} {each.subject}" for each in found[:_CHAIN]
    )
    if len(found) > _CHAIN:
        lines.append(f"    ... {len(found) - _CHAIN} more")
    return lines


def _at(record: Record) -> str:
    """When, rounded down to a millisecond as the time of a finding is: what broke it is not told as coming after it."""
    return f"{record.time // MILLISECOND / 1000:.3f}s"


def _faults(world: Simulation, at: int | None) -> list[str]:
    """The last faults before a demand ran out that no single write broke: one of them may be why."""
    until = world.engine.now if at is None else at
    found = [r for r in world.trace.records if r.actor == "fault" and r.verb != "heal" and r.time <= until]
    lines = []
    for record in found[-_FAULTS:]:
        facts = {name: value for name, value in record.facts().items() if name in _TOLD}
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        lines.append(f"  fault t={_at(record)} {record.verb} {record.subject}  {told}".rstrip())
    return lines


def _change(record: Record) -> str:
    """What a write changed, shortly."""
    if not isinstance(record, Version) or record.deleted:
        return ""
    changed = {
        k: v
        for k, v in (record.facts().get("set") or {}).items()
        if k not in {"apiVersion", "kind", "metadata"}
    }
    text = json.dumps(changed, separators=(",", ":"))
    return f"  {text if len(text) <= 160 else text[:157] + '...'}" if changed else ""


def _us(time: Time | None) -> int | None:
    return None if time is None else seconds(time)


# Expressions.


class _Bare:
    """What the history of a world without a story knows beside its trace: nothing."""

    def __init__(self, simulation: Simulation) -> None:
        self.records: Sequence[Record] = simulation.trace.records
        self.settled = simulation.engine.now

    def deployed(self, repository: str) -> str | None:
        """No story, no repository."""
        del repository
        return None

    def adrift(self, namespace: str, cluster: str) -> Sequence[str]:
        """No delivery, no drift."""
        del namespace, cluster
        return ()


def _written(world: Simulation, texts: Sequence[str]) -> list[Signal]:
    if not texts:
        return []
    first = next(iter(world.world.clusters))
    names = Names(catalog=world.world.clusters[first].server.catalog)
    if isinstance(world, Play):
        history = Reading(world).history
    else:
        history = History(_Bare(world), frozenset({"", first}), {})
    try:
        signals = Signals(history, texts, names)
    except ExpressionError as error:
        raise error.with_traceback(None) from None
    history.listen(signals)
    history.advance()
    return [signals[text] for text in texts]


# Functions.


@dataclass(slots=True)
class _Called:
    """A function as a signal's expression.

    Attributes:
        text: the function in words.
        raised: what it raised, while it has never given an answer: it may say nothing at all about the world.
        answered: whether it has given one.
    """

    text: str
    condition: Callable[[Moment], Any]
    raised: str = ""
    answered: bool = False

    def holds(self, moment: Any) -> bool:
        """Whether it is true; what is not there yet makes it false."""
        try:
            held = bool(self.condition(moment))
        except NotFound:
            return False
        except (LookupError, TypeError) as error:
            if not self.answered:
                self.raised = f"{type(error).__name__}: {error}"
            return False
        self.answered, self.raised = True, ""
        return held


def _called(world: Simulation, conditions: Sequence[Callable[[Moment], Any]], end: int) -> list[Signal]:
    if not conditions:
        return []
    moment = Moment(world)
    calls = [_Called(text_of(each), each) for each in conditions]
    signals: list[Any] = [Signal(call, ()) for call in calls]  # type: ignore[arg-type]
    reads: list[dict[tuple[str, str], None]] = [{} for _ in signals]

    def look(number: int, record: Record | None) -> None:
        moment.read = {}
        signals[number].look(moment, moment.time, record)
        reads[number] = moment.read

    for number in range(len(signals)):
        look(number, None)
    records = world.trace.records
    place = 0
    while place < len(records) and records[place].time <= end:
        moment.time = records[place].time
        changed: dict[tuple[str, str], Record] = {}
        while place < len(records) and records[place].time == moment.time:
            touched = moment.follow(records[place])
            if touched is not None:
                changed[touched] = records[place]
            place += 1
        for number, read in enumerate(reads):
            # A condition that failed before it read anything may be waiting for a kind that did not exist.
            due = [changed[each] for each in (read or changed) if each in changed]
            if due:
                look(number, due[-1])
    for call in calls:
        if call.raised:
            warn(
                f"{call.text} is never true, for it raised {call.raised} whenever it was looked at",
                stacklevel=5,
            )
            call.text += f" (which raised {call.raised})"
    return signals


def text_of(condition: Callable[..., Any]) -> str:
    """A condition in words: the function's name, or the lambda as it is written."""
    name = getattr(condition, "__name__", type(condition).__name__)
    if name != "<lambda>":
        return str(name).replace("_", " ")
    try:
        source = " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return "the condition"
    start = source.find("lambda")
    depth = 0
    for place in range(start, len(source)):
        letter = source[place]
        depth += (letter in "([{") - (letter in ")]}")
        past_colon = ":" in source[start:place]
        if depth < 0 or (letter == "," and depth == 0 and past_colon):
            return source[start:place]
    return source[start:]


__all__ = [
    "Asking",
    "Broken",
    "Condition",
    "Expecting",
    "Finding",
    "Moment",
    "ask",
    "causes",
    "expect",
    "told",
]

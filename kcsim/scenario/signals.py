"""Signals: the truth of an expression over the whole run, as the instants at which it, or a value in it, changed.

An expression is looked at again only when something it reads has changed, so that cost follows change. Judging
expectations and triggers is then arithmetic on signals (`expectations.py`).
**Walk:** an instant is over -> the signals that read what its records changed -> each is evaluated once -> a `Sample` when
truth or values differ from before.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kcsim.api.log import Version
from kcsim.engine.clock import SECOND
from kcsim.engine.trace import Record
from kcsim.scenario.expressions import Expression, Names, compile_expression, operands
from kcsim.scenario.functions import Objects, Reads, View
from kcsim.scenario.history import History, Place, Requests


@dataclass(frozen=True, slots=True)
class Sample:
    """From `time` (µs) on: whether the expression holds, the values in it, and the record that brought the change."""

    time: int
    holds: bool
    values: tuple[Any, ...]
    record: Record | None


class Signal:
    """One expression over time.

    Attributes:
        samples: its changes, oldest first; the first is at the start of the run.
        looked: the last record that changed something it reads, whether or not that changed the expression.
    """

    def __init__(self, expression: Expression, parts: Sequence[Expression]) -> None:
        self.expression = expression
        self.parts = tuple(parts)
        self.samples: list[Sample] = []
        self.looked: Record | None = None
        self._times: list[int] = []
        self._delivered: tuple[Any, ...] = ()
        # Where now() is only compared with fixed times its value is told, and makes no sample by itself.
        passing = [not expression.reads.clock and part.text == "now()" for part in parts]
        self._passing = tuple(index for index, each in enumerate(passing) if each)

    def look(self, view: View, time: int, record: Record | None) -> None:
        """Evaluate at an instant."""
        self.looked = record or self.looked
        holds = self.expression.holds(view)
        values = tuple(_shown(part.evaluate(view)) for part in self.parts)
        last = self.samples[-1] if self.samples else None
        if last is not None and last.holds == holds and self._same(last.values, values):
            return
        if last is not None and last.time == time:
            self.samples.pop()  # only what an instant ends with was ever true for any time
            self._times.pop()
            before = self.samples[-1] if self.samples else None
            if before is not None and before.holds == holds and self._same(before.values, values):
                return
        self.samples.append(Sample(time, holds, values, record))
        self._times.append(time)

    def delivery_moved(self, view: View) -> bool:
        """Whether drift, or how far the delivery is, has changed in what it reads since it was last asked."""
        reads = self.expression.reads
        delivered = (
            *(view.deployed(repository) for repository in sorted(reads.repositories)),
            *(tuple(view.drift(namespace, cluster)) for namespace, cluster in sorted(reads.drift)),
        )
        moved, self._delivered = delivered != self._delivered, delivered
        return moved

    def _same(self, before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
        if not self._passing:
            return before == after
        return all(
            one == other
            for index, (one, other) in enumerate(zip(before, after, strict=True))
            if index not in self._passing
        )

    # --- asking -------------------------------------------------------------------------------------------------

    def at(self, time: int) -> Sample | None:
        """What was so at an instant; None before the first look."""
        index = bisect_right(self._times, time) - 1
        return self._as_of(self.samples[index], time) if index >= 0 else None

    def _as_of(self, sample: Sample, time: int) -> Sample:
        """The sample as a later instant has it: what only passes has gone on, in whole seconds."""
        when = max(sample.time, time // SECOND * SECOND)
        if not self._passing or when == sample.time:
            return sample
        values = list(sample.values)
        for index in self._passing:
            values[index] = _shown(when / SECOND)
        return replace(sample, values=tuple(values))

    def rises(self, since: int, until: int) -> Iterator[Sample]:
        """Samples in [since, until] at which it became true; at `since` also when it is true already."""
        yield from self._turns(since, until, True)

    def first(self, since: int, until: int, holds: bool) -> tuple[int, Sample] | None:
        """(instant, sample) at which it first is (`holds`) or is not true within [since, until]."""
        for sample in self._turns(since, until, holds):
            when = max(sample.time, since)
            return when, self._as_of(sample, when)
        return None

    def _turns(self, since: int, until: int, holds: bool) -> Iterator[Sample]:
        index = max(0, bisect_right(self._times, since) - 1)
        was: bool | None = None
        for sample in self.samples[index:]:
            if sample.time > until:
                return
            if sample.holds == holds and was != holds:
                yield sample
            was = sample.holds

    def values_text(self, sample: Sample | None) -> str:
        """The values in words: `ready("deployment/web") was 2`."""
        if sample is None:
            return ""
        named = zip(self.parts, sample.values, strict=True)
        return ", ".join(f"{part.text} was {_text(value)}" for part, value in named)


def _shown(value: Any) -> Any:
    """What is kept of a value: objects are told by their number or name."""
    if isinstance(value, float):
        return round(value, 4)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Objects):
        return len(value.items)
    if isinstance(value, Mapping):
        metadata = value.get("metadata")
        return metadata.get("name") if isinstance(metadata, Mapping) else len(value)
    return tuple(value) if isinstance(value, list) else value


def _text(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


class Signals:
    """All signals of a story, each expression once, evaluated as the history goes on."""

    def __init__(self, history: History, texts: Sequence[str], names: Names) -> None:
        self._history = history
        self._signals: dict[str, Signal] = {}
        self._by_place: dict[Place, list[tuple[str, str, Signal]]] = {}
        self._by_head: list[Signal] = []
        self._by_delivery: list[Signal] = []
        self._by_time: list[Signal] = []
        self._by_time_alone: list[Signal] = []
        self._looked = self._looked_alone = -1
        for text in texts:
            if text not in self._signals:
                self._add(text, names)
        for signal in self._signals.values():
            history.keep(signal.expression.reads.objects)

    def __getitem__(self, text: str) -> Signal:
        """The signal of an expression."""
        return self._signals[text]

    def _add(self, text: str, names: Names) -> None:
        signal = self._signals[text] = Signal(compile_expression(text, names), operands(text, names))
        reads = signal.expression.reads
        for read in sorted(reads.objects):
            self._by_place.setdefault((self._history.home(read.cluster), read.resource), []).append(
                (read.namespace, read.name, signal)
            )
        if reads.repositories:
            self._by_head.append(signal)
        if reads.drift or reads.repositories:
            self._by_delivery.append(signal)
        if reads.traffic or reads.clock or reads.instants:
            # What reads nothing else can be looked at later, many instants at once.
            alone = not (reads.objects or reads.repositories or reads.drift)
            (self._by_time_alone if alone else self._by_time).append(signal)

    # --- following ----------------------------------------------------------------------------------------------

    def settle(self, time: int, records: Sequence[Record]) -> None:
        """Evaluate what the records of an instant may have changed, and before it what time alone changes."""
        if self._looked < 0:
            for signal in self._signals.values():
                signal.look(self._history, time, None)
            self._looked = self._looked_alone = time
        self._pass_time(self._by_time, self._looked, time)
        self._looked = max(self._looked, time)
        due: dict[str, tuple[Signal, Record]] = {}
        for record in records:
            for signal in self._readers(record):
                due[signal.expression.text] = (signal, record)
        # Drift and progress of a delivery follow from writes and from what the delivery says: asked each time.
        for signal in self._by_delivery if records else ():
            if signal.delivery_moved(self._history):
                due[signal.expression.text] = (signal, records[-1])
        for signal, record in due.values():
            signal.look(self._history, time, record)

    def _readers(self, record: Record) -> Iterator[Signal]:
        if isinstance(record, Version):
            if not self._by_place:
                return
            namespace, name = record.key
            place = (self._history.cluster_of(record), record.resource.group_resource)
            for wanted, called, signal in self._by_place.get(place, ()):
                if (not wanted or wanted == namespace) and (not called or called == name):
                    yield signal
        elif record.subject.startswith("commit/"):
            yield from self._by_head

    def caught_up(self, time: int) -> None:
        """Look at what only time changes."""
        self._pass_time(self._by_time_alone, self._looked_alone, time)
        self._looked_alone = max(self._looked_alone, time)

    def _pass_time(self, signals: Sequence[Signal], since: int, until: int) -> None:
        history = self._history
        before = history.now
        for signal in signals if until > since else ():
            for when in _moments(signal.expression.reads, history.traffic, since, until):
                history.now = when
                signal.look(history, when, None)
        history.now = before


def _moments(reads: Reads, traffic: Mapping[str, Requests], since: int, until: int) -> list[int]:
    """Instants in (since, until] at which time alone may change an expression, as precise as a second.

    While nothing fails, rates do not move; from a failure until it has left the window they do, with each request.
    """
    if reads.clock or any(read.each for read in reads.traffic):
        return [second * SECOND for second in range(since // SECOND + 1, until // SECOND + 1)]
    found = {when for when in reads.instants if since < when <= until}
    for read in reads.traffic:
        lasting = until if read.window < 0 else read.window + SECOND
        failures = traffic[read.name].failed(max(0, since - lasting), until)
        found.update(when for when in failures if when > since)
        covered = since // SECOND
        for when in failures:
            first, last = max(when // SECOND, covered) + 1, min(when + lasting, until) // SECOND
            found.update(second * SECOND for second in range(first, last + 1))
            covered = max(covered, last)
    return sorted(found)

"""Judging expectations: signals and windows in, verdicts with their reasons out.  Decides; never acts.

The meaning is that of the fields of `kcsim.scenario.model.Expectation`: it opens with the run or with `after`, and closes
with the run, with `until`, or `within` so long. `always` and `never` look at every moment of the window; `eventually`
wants one, for each time that `after` became true, and with `stays` it must last, if need be beyond the window.
**Walk:** `openings` -> a `Window` each -> `throughout` or `sometime` -> the first that fails decides, else the last one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kcsim.engine.clock import format_duration, to_seconds
from kcsim.engine.trace import Record
from kcsim.scenario.expectation_checks import is_entry_name
from kcsim.scenario.model import Expectation, Scenario
from kcsim.scenario.signals import Sample, Signal, Signals

Expected = Literal["holds", "fails", "not judged"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one expectation in one world.

    Attributes:
        name, note: the expectation's.
        expected: what the scenario expects under this delivery: holds, fails (`failsUnder`), or not judged.
        passed: whether it came as expected; what is not judged passes.
        at: when that was decided, virtual seconds; None while nothing has decided it, or nothing but the end could.
        why: in one line: what was seen, and when.
        held: whether it held, whatever was expected.
        decided: False while the run may still change it.
        record: the trace record that decided it, to be asked `why`; None where the mere passing of time did.
    """

    name: str
    note: str
    expected: Expected
    passed: bool
    at: float | None
    why: str
    held: bool = True
    decided: bool = True
    record: Record | None = None

    def to_json(self) -> dict[str, Any]:
        """As the ``--json`` document shows it; ``at`` in virtual seconds."""
        return {
            "name": self.name,
            "note": self.note,
            "expected": self.expected,
            "passed": self.passed,
            "held": self.held,
            "decided": self.decided,
            "at": self.at,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Window:
    """Open from `opened` to `closes` (µs, both included); `final`: that end is known, however long the run goes on."""

    opened: int
    closes: int
    final: bool
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome for one window; `at` in µs; `record` decided it, or `looked` was the last that could have."""

    held: bool
    at: int | None
    why: str
    decided: bool
    record: Record | None = None
    looked: Record | None = None


def texts(expectations: Iterable[Expectation]) -> list[str]:
    """Every expression the expectations look at."""
    found: dict[str, None] = {}
    for it in expectations:
        triggers = [text for text in (it.after, it.until) if text is not None and not is_entry_name(text)]
        found.update(dict.fromkeys([it.expression, *triggers]))
    return list(found)


class Judge:
    """Judges the expectations of a scenario under one delivery."""

    def __init__(
        self, scenario: Scenario, delivery: str, signals: Signals, end: int, done: Mapping[str, int]
    ) -> None:
        """`done` says when (µs) the named entries of the timeline were done; it grows as the run goes on."""
        self._scenario = scenario
        self._delivery = delivery
        self._signals = signals
        self._end = end
        self._done = done

    def verdicts(self, now: int, wanted: Iterable[Expectation] | None = None) -> tuple[Verdict, ...]:
        """The verdicts as far as the run has come, in the scenario's order; of its own expectations, or of others."""
        asked = self._scenario.expectations if wanted is None else wanted
        return tuple(self._verdict(it, now) for it in asked)

    def windows(self, it: Expectation, now: int) -> list[Window]:
        """The stretches of time that it looks at, as far as the run has come."""
        return [self._window(it, opened, now) for opened in self._openings(it, now)]

    def _verdict(self, it: Expectation, now: int) -> Verdict:
        expected = it.verdict_under(self._delivery)
        if expected == "not judged":
            under = ", ".join((*it.deliveries, *it.fails_under)) or "no delivery"
            return Verdict(it.name, it.note, expected, True, None, f"judged under {under} only")
        found = self._finding(it, now)
        if not found.decided and now >= self._end and self._end < self._scenario.until:
            why = f"the run ended at {format_duration(self._end)}, before it could be decided"
            return Verdict(it.name, it.note, "not judged", True, None, why, found.held)
        passed = found.held == (expected == "holds")
        at = None if found.at is None else to_seconds(found.at)
        decided = found.decided or now >= self._end
        return Verdict(it.name, it.note, expected, passed, at, found.why, found.held, decided, found.record)

    def _finding(self, it: Expectation, now: int) -> Finding:
        windows = self.windows(it, now)
        if not windows:
            return Finding(True, None, f"it never opened: {self._never_opened(it)}", False)
        signal = self._signals[it.expression]
        if it.eventually is None:
            return throughout(signal, windows[0], it.always is not None)
        findings = [sometime(signal, window, it.stays, now) for window in windows]
        lost = [found for found in findings if not found.held]
        # Something lost for good outweighs what may still come.
        return next((found for found in lost if found.decided), lost[0] if lost else findings[-1])

    # --- windows ------------------------------------------------------------------------------------------------

    def _openings(self, it: Expectation, now: int) -> list[int]:
        """The instants (µs) up to now at which it opens."""
        if it.after is None:
            return [0]
        if is_entry_name(it.after):
            at = self._done.get(it.after)
            return [at] if at is not None and at <= now else []
        rises = [max(sample.time, 0) for sample in self._signals[it.after].rises(0, now)]
        return rises if it.eventually is not None else rises[:1]

    def _never_opened(self, it: Expectation) -> str:
        assert it.after is not None, "what has no trigger opens with the run"
        if is_entry_name(it.after):
            return f"'{it.after}' did not happen here"
        return f"{it.after} never became true"

    def _window(self, it: Expectation, opened: int, now: int) -> Window:
        ends: list[tuple[int, str]] = [(self._end, "the end of the run")]
        if it.within is not None:
            ends.append((opened + it.within, f"within {format_duration(it.within)}"))
        if it.until is not None and is_entry_name(it.until):
            entry = self._scenario.entry_named(it.until)
            if entry is not None and entry.at >= opened:
                ends.append((entry.at, f"until {it.until}"))
        elif it.until is not None:
            first = self._signals[it.until].first(opened, now, True)
            if first is not None:
                ends.append((first[0], f"until {it.until}"))
        closes, why = min(ends)
        return Window(opened, min(closes, now), closes <= now and closes < self._end, why)


# Inside one window.


def throughout(signal: Signal, window: Window, wanted: bool) -> Finding:
    """`always` (wanted) or `never` (not wanted)."""
    found = signal.first(window.opened, window.closes, not wanted)
    text = signal.expression.text
    if found is None:
        since = f" from {format_duration(window.opened)}" if window.opened else ""
        word = "was always true" if wanted else "was never true"
        return Finding(True, None, f"{text} {word}{since} to {_when(window.closes)}", window.final)
    at, sample = found
    word = "was not true" if wanted else "was true"
    return Finding(False, at, f"{text} {word} at {_when(at)}{_seen(signal, sample)}", True, sample.record)


def sometime(signal: Signal, window: Window, stays: int | None, now: int) -> Finding:
    """`eventually`, with `stays`."""
    text, longest = signal.expression.text, 0
    at: int | None = window.opened
    while at is not None:
        found = signal.first(at, window.closes, True)
        if found is None:
            break
        begin, sample = found
        broken = signal.first(begin, now if stays is None else min(begin + stays, now), False)
        after = f", {format_duration(_tidy(begin - window.opened))} after it opened" if window.opened else ""
        if stays is None:
            why = f"{text} became true at {_when(begin)}{after}"
            return Finding(True, begin, why, True, sample.record)
        if broken is None and begin + stays <= now:
            why = f"{text} became true at {_when(begin)}{after} and stayed so for {format_duration(stays)}"
            return Finding(True, begin, why, True, sample.record)
        if broken is None:
            why = f"{text} became true at {_when(begin)}, but it must stay so for {format_duration(stays)}"
            return Finding(False, None, why, False, sample.record)
        longest = max(longest, broken[0] - begin)
        at = broken[0]
    last = signal.at(window.closes)
    kept = f"; it stayed so for {format_duration(_tidy(longest))} at most" if longest else ""
    limit = window.why if window.why != "the end of the run" else f"before {window.why}"
    opened = f" of {_when(window.opened)}" if window.opened and window.final else ""
    why = f"{text} did not become true{' and stay so' if longest else ''} {limit}{opened}{kept}{_seen(signal, last)}"
    looked = signal.looked if signal.looked is not None and signal.looked.time <= window.closes else None
    record = last.record if last is not None else None
    return Finding(False, window.closes if window.final else None, why, window.final, record, looked)


def _seen(signal: Signal, sample: Sample | None) -> str:
    values = signal.values_text(sample)
    return f": {values}" if values else ""


def _when(us: int) -> str:
    return format_duration(_tidy(us))


def _tidy(us: int) -> int:
    """To the millisecond: finer than that nobody reads."""
    return us // 1000 * 1000


def failed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that did not come as expected."""
    return [verdict for verdict in verdicts if not verdict.passed]

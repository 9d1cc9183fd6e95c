"""Many runs of one scenario: over seeds, over settings, under each delivery; for questions that one run cannot answer.

Runs do not know each other, so their results are the same in whatever order, and in however many processes, they are made.

**Walk:** seeds and settings -> one ``Swept`` for each run and delivery, in a fixed order -> ``Sweep``: records, medians, values
by group for a chart.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from kcsim.engine.shown import Tabular
from kcsim.scenario.compare import worlds
from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.model import Scenario
from kcsim.scenario.play import Play
from kcsim.simulation.simulation import Time, checked_seed

Progress = Callable[[int, int], None]
"""Told how many runs are done, of how many."""
_BAR = 30


@dataclass(frozen=True, slots=True)
class Swept:
    """One world of one run: where it stood in the sweep, its measures by name (None: it never happened), and its verdict."""

    delivery: str
    seed: int
    settings: tuple[tuple[str, Any], ...]
    measures: tuple[tuple[str, float | int | str | None], ...]
    passed: bool
    trace_sha256: str

    def measure(self, name: str) -> float | None:
        """One measure as a number; None where it never happened."""
        value = dict(self.measures).get(name)
        return value if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class Sweep(Tabular):
    """The runs, by settings, seed and delivery, in that order.

    Attributes:
        scenario: its name.
        title: for people.
        varied: the settings that differ between runs, in the order given.
        units: the unit of each measure, by name, and its title.
    """

    scenario: str
    title: str
    varied: tuple[str, ...]
    units: tuple[tuple[str, str, str], ...]
    runs: tuple[Swept, ...]

    def to_records(self) -> list[dict[str, Any]]:
        """``{delivery, seed, <setting>..., <measure>..., passed, trace_sha256}`` for each run: a row of a data frame."""
        return [
            {
                "delivery": run.delivery,
                "seed": run.seed,
                **dict(run.settings),
                **dict(run.measures),
                "passed": run.passed,
                "trace_sha256": run.trace_sha256,
            }
            for run in self.runs
        ]

    def groups(self, measure: str) -> dict[str, list[float | None]]:
        """The values of a measure by delivery and settings, a value for each seed.

        Raises:
            ValueError: there is no such measure, or it is a text; the nearest is told.
        """
        self.unit(measure)
        found: dict[str, list[float | None]] = {}
        for run in self.runs:
            found.setdefault(group_of(run), []).append(run.measure(measure))
        return found

    def unit(self, measure: str) -> tuple[str, str]:
        """(title, unit) of a measure.

        Raises:
            ValueError: there is no such measure, or it is a text.
        """
        known = {name: (title, unit) for name, title, unit in self.units}
        if measure not in known:
            raise ValueError(f"there is no measure {measure!r}: {did_you_mean(measure, known, 'measures')}")
        if not known[measure][1]:
            raise ValueError(f"{measure} is a text and no number: it is in to_records()")
        return known[measure]

    def medians(self, measure: str) -> dict[str, float | None]:
        """The median of a measure in each group, over the runs in which it happened."""
        found = {}
        for name, values in self.groups(measure).items():
            known = [value for value in values if value is not None]
            found[name] = round(median(known), 6) if known else None
        return found

    def __str__(self) -> str:
        seeds = len({run.seed for run in self.runs})
        failed = sum(not run.passed for run in self.runs)
        lines = [
            f"{self.title}: {len(self.runs)} worlds, {seeds} seeds"
            + (f", {failed} with expectations that failed" if failed else "")
        ]
        groups = list(dict.fromkeys(group_of(run) for run in self.runs))
        width = max((len(title) for _, title, unit in self.units if unit), default=0)
        lines.append("  ".join([" " * width, *groups]))
        for name, title, unit in self.units:
            if unit:
                cells = [
                    ("never" if value is None else f"{value:g} {unit}").ljust(len(group))
                    for group, value in self.medians(name).items()
                ]
                lines.append("  ".join([title.ljust(width), *cells]).rstrip())
        return "\n".join(lines)


def group_of(run: Swept) -> str:
    """The group that a run belongs to: its delivery and what was set, without the seed."""
    settings = ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in run.settings)
    return ", ".join(part for part in (run.delivery, settings) if part) or "runs"


def sweep(
    path_or_name: str | Path,
    seeds: int | Iterable[int] = 10,
    *,
    vary: Mapping[str, Sequence[Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    deliveries: Sequence[str] | None = None,
    until: Time | None = None,
    jobs: int = 1,
    progress: bool | Progress | None = None,
) -> Sweep:
    """Play a scenario many times: each combination of settings, under each seed, under each delivery.

    Args:
        path_or_name: a scenario file or a name of the gallery.
        seeds: which, or how many (from 0 on).
        vary: settings with the values to try, ``{"deliveries.flux.kustomization.interval": ["1m", "10m"]}``; all
            combinations are played.
        settings: settings that are the same in all runs.
        deliveries, until: as for ``compare``.
        jobs: how many processes share the work; the results are the same. In a script, more than one needs the usual
            ``if __name__ == "__main__":`` around the call.
        progress: whether to draw a bar on stderr (by default on a terminal and in notebooks), or what to call instead.

    Raises:
        ScenarioError: with every fault, when a combination cannot be read or cannot be run.
        ValueError: no seeds, no values, no jobs, or several where there are no processes.
    """
    chosen = _seeds(seeds)
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise ValueError(f"jobs must be a whole number of 1 or more, not {jobs!r}")
    varied = {name: _values(name, values) for name, values in (vary or {}).items()}
    combinations = [dict(zip(varied, values, strict=True)) for values in product(*varied.values())]
    # Every combination is read, and can be played, before the first is run: nothing is half done because the last one is
    # wrong.
    stories = [
        _Story.of(
            worlds(
                path_or_name, deliveries or None, settings={**(settings or {}), **combination}, until=until
            ),
            combination,
            until,
        )
        for combination in combinations
    ]
    asked = [(number, seed) for number in range(len(stories)) for seed in chosen]
    scenario = stories[0].scenario
    tell = _progress(progress)
    runs: list[Swept] = []
    units: dict[str, tuple[str, str, str]] = {}
    for done, (found, measured) in enumerate(_played(stories, asked, jobs), 1):
        runs.extend(found)
        for each in measured:
            units.setdefault(each[0], each)
        tell(done, len(asked))
    return Sweep(
        scenario.name, scenario.title or scenario.name, tuple(varied), tuple(units.values()), tuple(runs)
    )


@dataclass(frozen=True, slots=True)
class _Story:
    """One combination of settings, read and checked: all that its runs have in common, as it is handed to a process."""

    scenario: Scenario
    deliveries: tuple[str, ...]
    varied: dict[str, Any]
    until: Time | None

    @classmethod
    def of(cls, made: Mapping[str, Play], varied: dict[str, Any], until: Time | None) -> _Story:
        first = next(iter(made.values()))
        return cls(first.scenario, tuple(made), varied, until)


_Answer = tuple[list[Swept], list[tuple[str, str, str]]]
_Asked = tuple[int, int]
"""(number of the story, seed)."""


def _played(stories: Sequence[_Story], asked: Sequence[_Asked], jobs: int) -> Iterator[_Answer]:
    if jobs == 1 or len(asked) == 1:
        for number, seed in asked:
            yield _play(stories[number], seed)
        return
    # Not loaded before: a browser has no processes, and nothing else needs these.
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # A fresh interpreter each: a fork would take threads and locks of a notebook along.
    try:
        pool = ProcessPoolExecutor(
            min(jobs, len(asked)), get_context("spawn"), initializer=_begin, initargs=(stories,)
        )
    except NotImplementedError as error:
        raise ValueError(
            f"jobs={jobs} needs processes, which a browser has not: leave it at 1 ({error})"
        ) from error
    with pool:
        yield from pool.map(_play_here, asked)


_here: list[_Story] = []
"""In a process that was started for a sweep: its stories, read once."""


def _begin(stories: Sequence[_Story]) -> None:
    _here[:] = stories


def _play_here(asked: _Asked) -> _Answer:
    number, seed = asked
    return _play(_here[number], seed)


def _play(story: _Story, seed: int) -> _Answer:
    found: list[Swept] = []
    units: list[tuple[str, str, str]] = []
    for name in story.deliveries:
        world = Play(story.scenario, name, seed, until=story.until)
        world.finish()
        measures = world.measures()
        units.extend((each.name, each.title, each.unit) for each in measures)
        found.append(
            Swept(
                name,
                seed,
                tuple(story.varied.items()),
                tuple((each.name, each.value) for each in measures),
                all(verdict.passed for verdict in world.verdicts()),
                world.trace.sha256(),
            )
        )
    return found, units


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    if isinstance(seeds, bool) or not isinstance(seeds, int | Iterable):
        raise TypeError(f"seeds must be a number of seeds or a list of them, not {seeds!r}")
    chosen = list(range(seeds)) if isinstance(seeds, int) else [checked_seed(seed) for seed in seeds]
    if not chosen:
        raise ValueError("there is no seed to play: give a number of 1 or more, or a list of seeds")
    return list(dict.fromkeys(chosen))


def _values(name: str, values: Sequence[Any]) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"vary[{name!r}] must be a list of values, not {values!r}")
    found = list(values)
    if not found:
        raise ValueError(f"vary[{name!r}] names no value")
    return found


def _progress(asked: bool | Progress | None) -> Progress:
    if callable(asked):
        return asked
    if asked is None:
        asked = sys.stderr.isatty() or "ipykernel" in sys.modules
    return _bar if asked else lambda _done, _all: None


def _bar(done: int, all_: int) -> None:
    full = _BAR * done // all_
    end = "\n" if done == all_ else ""
    sys.stderr.write(f"\r{'█' * full}{'░' * (_BAR - full)} {done} of {all_} runs{end}")
    sys.stderr.flush()

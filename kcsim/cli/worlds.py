"""The worlds a command plays: loaded and checked, with warnings told; and what is written of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kcsim.cli.console import Console
from kcsim.cli.problems import tell_diagnostics

if TYPE_CHECKING:  # the simulator is loaded when a command runs
    from kcsim.scenario.compare import Twins
    from kcsim.scenario.diagnostics import Diagnostic
    from kcsim.scenario.play import Play


def load_twins(
    console: Console,
    scenario: str,
    deliveries: Sequence[str] = (),
    *,
    seed: int | None = None,
    until: str | None = None,
    settings: Sequence[str] = (),
    repo: Path | None = None,
    pace: str | None = None,
    path: str | None = None,
    chaos: int | None = None,
) -> "Twins":
    """One world a delivery, ready to run. Warnings of the file go to stderr.

    Raises:
        ScenarioError: with every fault.
    """
    from kcsim.scenario.compare import Twins, worlds
    from kcsim.scenario.load import examine
    from kcsim.scenario.settings import Changes

    repository = str(repo) if repo is not None else None
    given = settings or None
    loaded = examine(scenario, Changes(given, repository, pace, path))
    if loaded.scenario is not None:
        tell_diagnostics(console, loaded.warnings)
    made = worlds(
        scenario,
        deliveries or None,
        seed,
        settings=given,
        until=until,
        repository=repository,
        pace=pace,
        path=path,
        chaos=chaos,
    )
    tell_diagnostics(
        console, _beyond_the_end(next(iter(made.values())), scenario if repo is None else f"--repo {repo}")
    )
    return Twins(next(iter(made.values())).scenario, made)


def _beyond_the_end(world: "Play", file: str) -> "tuple[Diagnostic, ...]":
    """What of a replayed history comes too late to be seen."""
    from kcsim.engine.clock import format_duration, to_seconds
    from kcsim.scenario.diagnostics import Position, Report

    report = Report()
    times = [commit.at for commit in world.commits()]
    late = [time for time in times if to_seconds(time) > world.end]
    if late:
        share = f"{len(late)} of {len(times)} commits"
        last = format_duration(max(late))
        report.add("KC604", Position(file), f"{share} lie beyond the end of the run, the last at {last}")
    return report.warnings


def begun_of(twins: "Twins", done: Sequence[str]) -> "Twins":
    """The worlds in which anything happened: all of them, unless the run was interrupted."""
    begun = {name: world for name, world in twins.worlds.items() if name in done or world.now > 0}
    return type(twins)(twins.scenario, begun or twins.worlds)


def document_of(twins: "Twins", done: Sequence[str], *, interrupted: bool) -> dict[str, Any]:
    """The document of `--json`: what `Twins.result` gives, and whether the run was cut short."""
    document = twins.result()
    if interrupted:
        document["interrupted"] = True
        document["finished"] = list(done)
    return document

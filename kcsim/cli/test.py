"""`kcsim test`: runs scenarios for their expectations, as a test suite."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kcsim.cli.arguments import Folder, ScenarioName
from kcsim.cli.console import Console, wrapped
from kcsim.cli.exits import Exit
from kcsim.cli.options import chaos_options, story_options, with_order
from kcsim.cli.problems import BadInput

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.scenario.play import Play
    from kcsim.views.junit import Suite


@click.command("test", short_help="Run the expectations of scenarios; exit code 1 where one fails.")
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True, type=ScenarioName())
@click.option("--junitxml", metavar="FILE", type=Folder(), help="Write the verdicts as JUnit XML as well.")
@story_options
@chaos_options
@click.option("-q", "--quiet", is_flag=True, help="Print failures only.")
@click.pass_obj
def command(
    console: Console,
    scenarios: tuple[str, ...],
    junitxml: Path | None,
    deliveries: tuple[str, ...],
    seed: int | None,
    until: str | None,
    settings: tuple[str, ...],
    chaos: int | None,
    order: str | None,
    quiet: bool,
) -> Exit:
    """Run scenarios under every delivery they name, and judge their expectations.

    An expectation that must fail under a delivery (`failsUnder`) fails the test when it holds there. Exit code 1 where
    one came out otherwise than its scenario says.
    """
    from kcsim.cli.playing import Interruption, play
    from kcsim.cli.worlds import load_twins
    from kcsim.views.junit import Suite, junit_xml

    # All are loaded before the first is run: nothing is half run because the last one cannot be read.
    stories = [
        load_twins(
            console,
            name,
            deliveries,
            seed=seed,
            until=until,
            settings=with_order(settings, order),
            chaos=chaos,
        )
        for name in scenarios
    ]
    if junitxml is not None:
        _write(junitxml, "")  # told now, not when all has been run
    suites: list[Suite] = []
    with Interruption() as interruption:
        for story in stories:
            for name in play(story.worlds, console, interruption, quiet=quiet):
                suite = _suite(name, story[name])
                suites.append(suite)
                _show(console, suite, quiet=quiet)
            if interruption.asked:
                break
    if junitxml is not None:
        _write(junitxml, junit_xml(suites))
    return _summary(console, suites, interrupted=interruption.asked, quiet=quiet)


def _suite(name: str, world: "Play") -> "Suite":
    from kcsim.views.junit import Suite

    return Suite(world.scenario.name, name, world.seed, world.trace.sha256(), world.end, world.verdicts())


def _show(console: Console, suite: "Suite", *, quiet: bool) -> None:
    failed = [verdict for verdict in suite.verdicts if not verdict.passed]
    if not quiet:
        console.print(_heading(console, suite, len(failed)))
    elif failed:
        console.print(f"{suite.scenario}  {suite.delivery}")
    for verdict in failed:
        console.print(f"  {console.paint('✗ failed', 'bad')}  {console.paint(verdict.name, 'bold')}")
        for line in wrapped(verdict.why, console.width, indent="    "):
            console.print(line)


def _heading(console: Console, suite: "Suite", failed: int) -> str:
    counts = Counter(verdict.expected for verdict in suite.verdicts if verdict.passed)
    parts = []
    if failed:
        parts.append(console.paint(f"✗ {failed} failed", "bad"))
    if counts["holds"]:
        parts.append(console.paint(f"✓ {counts['holds']} hold", "good"))
    if counts["fails"]:
        parts.append(console.paint(f"✓ {counts['fails']} fail as told", "good"))
    if counts["not judged"]:
        parts.append(console.paint(f"○ {counts['not judged']} not judged", "dim"))
    return (
        f"{console.paint(suite.scenario, 'title')}  {suite.delivery}  {'  '.join(parts) or 'no expectations'}"
    )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInput(
            f"--junitxml: {path} cannot be written: {error.strerror or error}",
            "Name a file that can be written.",
        ) from None


def _summary(console: Console, suites: "list[Suite]", *, interrupted: bool, quiet: bool) -> Exit:
    judged = [v for suite in suites for v in suite.verdicts if v.expected != "not judged"]
    failed = sum(not verdict.passed for verdict in judged)
    words = f"{len(judged)} expectations in {len(suites)} worlds: "
    if interrupted:
        console.say(f"kcsim: interrupted after {words.removesuffix(': ')}")
        return Exit.INTERRUPTED
    if failed:
        console.print(words + console.paint(f"✗ {failed} failed", "bad"))
        return Exit.EXPECTATION_FAILED
    if not quiet:
        console.print(words + console.paint("✓ all as the scenarios say", "good"))
    return Exit.OK

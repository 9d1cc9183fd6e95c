"""`kcsim run`: plays a story under every delivery it names, and compares the worlds.

**Walk:** options -> the worlds, loaded and checked -> played with somebody watching (playing.py) -> files (`--out`) ->
text (story.py) or one JSON document -> the exit code.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcsim.cli.arguments import Duration, Folder, ScenarioName
from kcsim.cli.console import Console
from kcsim.cli.exits import Exit
from kcsim.cli.options import chaos_options, story_options, with_order
from kcsim.cli.problems import BadInput

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.cli.story import Ending
    from kcsim.scenario.compare import Twins


@click.command("run", short_help="Play a story under every delivery it names, and compare the worlds.")
@click.argument("scenario", metavar="SCENARIO", type=ScenarioName())
@story_options
@chaos_options
@click.option(
    "--repo",
    metavar="PATH",
    type=Folder(),
    help="Replay the commits of this git repository in place of the scenario's own.",
)
@click.option(
    "--path",
    metavar="DIR",
    type=Folder(),
    help="With --repo: the folder inside it that holds the manifests; without, those that no other one builds upon.",
)
@click.option("--pace", metavar="TIME", type=Duration(), help="With --repo: one commit every so long.")
@click.option(
    "--out",
    metavar="DIR",
    type=Folder(),
    help="Write a report (report.html), traces, final objects and results there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.option(
    "--plain", is_flag=True, help="Tell it as lines of plain text, one fact a line: no colours, no pictures."
)
@click.option("--follow", is_flag=True, help="Tell it line by line while it happens; goes with --plain too.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but what went wrong.")
@click.pass_obj
def command(
    console: Console,
    scenario: str,
    deliveries: tuple[str, ...],
    seed: int | None,
    until: str | None,
    settings: tuple[str, ...],
    chaos: int | None,
    order: str | None,
    repo: Path | None,
    path: Path | None,
    pace: str | None,
    out: Path | None,
    as_json: bool,
    plain: bool,
    follow: bool,
    quiet: bool,
) -> Exit:
    """Play SCENARIO (a path or a gallery name; see `kcsim list`).

    Every delivery gets a world of its own with the same commits, faults and dice. Prints what happened, the measures
    side by side, and which expectations held.

    \b
    kcsim run drift-at-night
    kcsim run drift-at-night --delivery flux --seed 8
    kcsim run my-story.yaml --set cluster.nodes=5 --until 30m --out out
    kcsim run plain-release --repo ~/shop --pace 10m --json
    kcsim run drift-at-night --delivery flux --plain --follow
    kcsim run plain-release --chaos 7 --order random@1ms
    """
    from kcsim.cli.playing import Interruption, play
    from kcsim.cli.story import Ending, tell_story
    from kcsim.cli.worlds import begun_of, document_of, load_twins

    as_lines = plain or follow
    if as_lines and (as_json or quiet):
        other = "--json" if as_json else "--quiet"
        raise BadInput(f"{other} does not go with --plain or --follow", "Leave one of them out.")
    for option, value in (("--pace", pace), ("--path", path)):
        if value is not None and repo is None:
            raise BadInput(f"{option} goes with --repo only", f"Add --repo PATH, or leave {option} out.")
    settings = with_order(settings, order)
    twins = load_twins(
        console,
        scenario,
        deliveries,
        seed=seed,
        until=until,
        settings=settings,
        chaos=chaos,
        repo=repo,
        pace=pace,
        path=path.as_posix() if path is not None else None,
    )
    if out is not None:
        _prepare(out)
    with Interruption() as interruption:
        if as_lines:
            from kcsim.cli.follow import follow as tell_lines

            done = tell_lines(twins.worlds, console, interruption, at_once=follow)
        else:
            done = play(twins.worlds, console, interruption, quiet=quiet)
    further = further_options(until, settings, repo, path, pace, chaos)
    ending = Ending(scenario, further, tuple(done), interruption.asked, out)
    begun = begun_of(twins, done)
    document = document_of(begun, done, interrupted=ending.interrupted)
    if out is not None:
        _write(out, begun, document)
    if as_json:
        console.document(json.dumps(document, indent=2, ensure_ascii=False))
    elif not quiet and not as_lines:
        tell_story(console, begun, ending)
    return _outcome(console, begun, ending, says_failures=quiet)


def further_options(
    until: str | None,
    settings: Sequence[str],
    repo: Path | None,
    path: Path | None,
    pace: str | None,
    chaos: int | None = None,
) -> tuple[str, ...]:
    """The options that made this the story it was: a further run should have them as well."""
    given = [
        ("--until", until),
        ("--repo", repo),
        ("--path", path),
        ("--pace", pace),
        ("--chaos", chaos),
        *(("--set", text) for text in settings),
    ]
    return tuple(word for option, value in given if value is not None for word in (option, str(value)))


def _prepare(out: Path) -> None:
    from kcsim.scenario.recording import RecordingError, prepare

    try:
        prepare(out)
    except RecordingError as error:
        raise BadInput(f"--out: {error}", error.remedy) from None


def _write(out: Path, twins: "Twins", document: dict[str, Any]) -> None:
    from kcsim.cli.report import room
    from kcsim.scenario.recording import RecordingError, write

    try:
        write(out, twins, document, room().files_of(twins, document))
    except RecordingError as error:
        raise BadInput(f"--out: {error}", error.remedy) from None


def _outcome(console: Console, twins: "Twins", ending: "Ending", *, says_failures: bool) -> Exit:
    from kcsim.cli.playing import clock_of

    if ending.interrupted:
        stopped = [(name, world) for name, world in twins.worlds.items() if name not in ending.done]
        at = "".join(f"; {name or 'the world'} stopped at {clock_of(world)}" for name, world in stopped)
        where = f"; what was recorded is in {ending.out}" if ending.out is not None else ""
        console.say(f"kcsim: interrupted{at}{where}")
        return Exit.INTERRUPTED
    failed = [
        (name, verdict)
        for name in ending.done
        for verdict in twins.worlds[name].verdicts()
        if not verdict.passed  # what is not judged passes
    ]
    if says_failures:
        for name, verdict in failed:
            console.say(f"{name}: {console.paint_err('✗ failed', 'bad')} {verdict.name}: {verdict.why}")
    return Exit.EXPECTATION_FAILED if failed else Exit.OK

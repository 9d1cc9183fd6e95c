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
@click.argument("scenario", metavar="[SCENARIO]", type=ScenarioName(), required=False)
@story_options
@chaos_options
@click.option(
    "--repo",
    metavar="PATH",
    type=Folder(),
    help="Replay the commits of this git repository in place of the scenario's own; without SCENARIO, under the "
    "Flux and Argo CD objects that stand in it.",
)
@click.option(
    "--path",
    metavar="DIR",
    type=Folder(),
    help="With --repo: the folder inside it that holds the manifests; without, those that no other one builds upon.",
)
@click.option(
    "--kustomization",
    metavar="NAME",
    help="With --repo and no SCENARIO: this Kustomization of Flux's and what it depends on, nothing else.",
)
@click.option(
    "--from",
    "base",
    metavar="REV",
    help="With --repo and no SCENARIO: begin there, and merge what --to names, as one merge request.",
)
@click.option(
    "--to",
    "head",
    metavar="REV",
    help="With --repo and no SCENARIO: what is merged, or the end of the history; what is checked out when left out.",
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
    scenario: str | None,
    deliveries: tuple[str, ...],
    seed: int | None,
    until: str | None,
    settings: tuple[str, ...],
    chaos: int | None,
    order: str | None,
    repo: Path | None,
    path: Path | None,
    kustomization: str | None,
    base: str | None,
    head: str | None,
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
    kcsim run --repo ~/shop --from main --to my-branch
    kcsim run --repo ~/fleet --path clusters/production --kustomization apps
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
    alone = {"--kustomization": kustomization, "--from": base, "--to": head}
    if scenario is None and repo is None:
        raise BadInput(
            "no SCENARIO and no --repo", "Name a story (`kcsim list`), or a repository: --repo PATH."
        )
    for option, given in alone.items():
        if given is not None and (scenario is not None or repo is None):
            raise BadInput(
                f"{option} goes with --repo and without SCENARIO", f"Leave SCENARIO or {option} out."
            )
    if scenario is None and chaos is not None:
        raise BadInput("--chaos goes with SCENARIO only", "Name a story, or leave --chaos out.")
    settings = with_order(settings, order)
    folder = path.as_posix() if path is not None else None
    notes: tuple[str, ...] = ()
    if scenario is None:
        from kcsim.cli.rehearse import load_what_if
        from kcsim.scenario.rehearsal.story import Asked

        asked = Asked(str(repo), folder, kustomization, base, head, pace, settings or None)
        twins, notes = load_what_if(console, asked, deliveries, seed=seed, until=until)
    else:
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
            path=folder,
        )
    if out is not None:
        _prepare(out)
    with Interruption() as interruption:
        if as_lines:
            from kcsim.cli.follow import follow as tell_lines

            done = tell_lines(twins.worlds, console, interruption, at_once=follow)
        else:
            done = play(twins.worlds, console, interruption, quiet=quiet)
    further = (
        *further_options(until, settings, repo, path, pace, chaos),
        *(word for option, given in alone.items() if given is not None for word in (option, given)),
    )
    ending = Ending(scenario or "", further, tuple(done), interruption.asked, out)
    begun = begun_of(twins, done)
    document = document_of(begun, done, interrupted=ending.interrupted)
    if scenario is None:
        from kcsim.cli.rehearse import rehearsal_of

        document["rehearsal"] = rehearsal_of(begun, notes)
    if out is not None:
        _write(out, begun, document)
    if as_json:
        console.document(json.dumps(document, indent=2, ensure_ascii=False))
    elif not quiet and not as_lines:
        tell_story(console, begun, ending)
    if scenario is None and not as_json and not quiet:
        from kcsim.cli.rehearse import tell_rehearsal

        console.print()
        tell_rehearsal(console, begun, notes)
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

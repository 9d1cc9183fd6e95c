"""`kcsim lesson`: a lesson in plain text, from the first question to the chain of causes at the end.

**Walk:** the goal and the story -> each question, asked when somebody is there -> the untouched worlds, and what came beside what
was said -> stops at which lines may be typed -> the checks -> the debrief. Without a terminal nothing is asked: ``--answers``
holds what a person would say and do.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kcsim.cli.arguments import ScenarioName, Seed
from kcsim.cli.console import Console
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput, tell_diagnostics

if TYPE_CHECKING:  # what the command loads when it runs
    from kcsim.scenario.lesson_run import Answers, LessonRun


@click.command("lesson", short_help="A lesson: predict, see, change, and be told whether it worked.")
@click.argument("lesson", metavar="[LESSON]", required=False, type=ScenarioName())
@click.option(
    "--seed", metavar="N", type=Seed(), help="Another seed for all dice, and for what a lesson hides."
)
@click.option(
    "--answers",
    metavar="FILE",
    help="YAML with `answers` and `actions` instead of questions; - reads stdin; "
    "reference and wrong play the lesson's own solutions.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; needs --answers.")
@click.pass_obj
def command(
    console: Console, lesson: str | None, seed: int | None, answers: str | None, as_json: bool
) -> Exit:
    """Take a lesson (a name, a number, or a file); without one, list them.

    Exit code 1 when the checks did not pass.
    """
    if lesson is None:
        return _list(console)
    if as_json and answers is None:
        raise BadInput("--json asks nobody", "Add --answers FILE, or --answers reference.")
    from kcsim.cli.lesson_telling import Telling
    from kcsim.scenario.lesson_run import lesson as begin

    run = begin(lesson, seed)
    if answers is not None:
        given = _answers(run, answers)
        if as_json:
            run.play(given)
            console.document(json.dumps(run.result(), indent=2, ensure_ascii=False))
        else:
            Telling(console, run).play(given)
    elif console.interactive and sys.stdin.isatty():
        Telling(console, run).ask()
        _keep(console, run)
    else:
        Telling(console, run).begin()
        raise BadInput("nobody is there to ask", "Give answers and actions with --answers FILE.")
    return Exit.OK if run.attempt.passed else Exit.EXPECTATION_FAILED


def _keep(console: Console, run: "LessonRun") -> None:
    """Keep what somebody has reached."""
    from kcsim.scenario.progress import Progress

    if run.attempt.passed:
        reached = Progress.of_user()
        reached.passed(run.scenario.name, run.attempt.points(run.lesson), run.attempt.stars)
        if reached.fault:
            console.say(f"kcsim: {reached.fault}")


def _list(console: Console) -> Exit:
    from kcsim.scenario.load import examine
    from kcsim.scenario.progress import Progress
    from kcsim.scenario.shipped import lessons

    reached = Progress.of_user()
    broken = False
    for name, path in lessons().items():
        loaded = examine(path)
        if loaded.scenario is None or loaded.scenario.lesson is None:
            broken = True
            tell_diagnostics(console, loaded.diagnostics)
            continue
        domain = console.paint(loaded.scenario.lesson.domain, "dim")
        best = reached.best(name)
        done = f"  {best.points} points {'*' * best.stars}" if best is not None else ""
        console.print(f"{console.paint(name, 'title')}  {loaded.scenario.title}  {domain}{done}")
    console.print()
    console.print(f"Take one:  {console.paint('kcsim lesson NAME', 'command')}")
    return Exit.BAD_INPUT if broken else Exit.OK


def _answers(run: "LessonRun", where: str) -> "Answers":
    from kcsim.scenario.lesson_run import read_answers, solution_named

    own = solution_named(run.scenario, where)
    if own is not None:
        return own
    try:
        text = sys.stdin.read() if where == "-" else Path(where).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"{where} cannot be read: {why}", "Give a YAML file, reference, or wrong.") from None
    return read_answers(run.scenario, text, where)

"""`kcsim measures`: what is measured in every world, and with `--explain` what each measure means exactly."""

import json
from typing import TYPE_CHECKING

import click

from kcsim.cli.console import Console, wrapped
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput

if TYPE_CHECKING:  # loaded when the command runs
    from kcsim.scenario.measure import Measure

STORIES = ("plain-release", "three-environments")
"""Stories with everything that there is to measure, the second with merge requests; they are read and not run."""


@click.command("measures", short_help="What is measured in every world; --explain says what it means.")
@click.option(
    "--explain", is_flag=True, help="Also what exactly is measured, and what is told where it never happened."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.pass_obj
def command(console: Console, explain: bool, as_json: bool, words: tuple[str, ...]) -> Exit:
    """List the measures of a run: name, title and unit; with words, those whose name or title has each of them.

    \b
    kcsim measures
    kcsim measures --explain drift
    """
    every = every_measure()
    chosen = [each for each in every if all(w.lower() in f"{each.name} {each.title}".lower() for w in words)]
    if not chosen:
        known = ", ".join(each.name for each in every)
        raise BadInput(f"no measure's name has {' and '.join(words)[:60]}", f"Measures: {known}.")
    if as_json:
        rows = [
            {"name": m.name, "title": m.title, "unit": m.unit, "definition": m.definition, "absent": m.absent}
            for m in chosen
        ]
        console.document(json.dumps({"measures": rows}, indent=2, ensure_ascii=False))
        return Exit.OK
    width = max(len(each.name) for each in chosen)
    for number, each in enumerate(chosen):
        if explain and number:
            console.print()
        unit = console.paint(f"  [{each.unit or 'text'}]", "dim")
        console.print(f"{console.paint(f'{each.name:<{width}}', 'command')}  {each.title}{unit}")
        if explain:
            for line in wrapped(each.definition, console.width, "  "):
                console.print(line)
            if each.unit in {"s", "ms", "%", ""}:
                console.print(console.paint(f'  Told as "{each.absent}" where it never happened.', "dim"))
    return Exit.OK


def every_measure() -> "list[Measure]":
    """The measures of all the stories, each once; what only a later one has stands where it stands there."""
    from kcsim.scenario.play import load

    found: list[Measure] = []
    for story in STORIES:
        place = 0
        for measure in load(story).measures():
            names = [each.name for each in found]
            if measure.name in names:
                place = names.index(measure.name) + 1
            else:
                found.insert(place, measure)
                place += 1
    return found

"""`kcsim list`: the gallery, with what each story teaches."""

import json
from typing import Any

import click

from kcsim.cli.console import Console, wrapped
from kcsim.cli.exits import Exit
from kcsim.cli.problems import tell_diagnostics


@click.command("list", short_help="The gallery: every shipped story, and what it teaches.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(console: Console, as_json: bool) -> Exit:
    """List the stories that ship with kcsim, with what one learns from each, and the lessons."""
    from kcsim.scenario.load import examine
    from kcsim.scenario.shipped import gallery, lessons

    entries: list[dict[str, Any]] = []
    faults = False
    for name, path in {**gallery(), **lessons()}.items():
        loaded = examine(path)
        if loaded.scenario is None:
            faults = True
            tell_diagnostics(console, loaded.diagnostics)
            continue
        story = loaded.scenario
        entries.append(
            {
                "name": name,
                "title": story.title,
                "teaches": story.teaches,
                "deliveries": list(story.deliveries),
                "path": str(path),
                "lesson": story.lesson.number if story.lesson is not None else None,
            }
        )
    if as_json:
        console.document(json.dumps(entries, indent=2, ensure_ascii=False))
    else:
        _show(console, entries)
    return Exit.BAD_INPUT if faults else Exit.OK


def _show(console: Console, entries: list[dict[str, Any]]) -> None:
    for entry in (each for each in entries if each["lesson"] is None):
        title, versus = entry["title"], " | ".join(entry["deliveries"])
        console.print(f"{console.paint(str(entry['name']), 'title')}  {console.paint(versus, 'dim')}")
        console.print(f"  {console.paint(title, 'bold')}")
        for line in wrapped(entry["teaches"], console.width, indent="  "):
            console.print(line)
        console.print()
    console.print(console.paint("Lessons", "bold"))
    for entry in (each for each in entries if each["lesson"] is not None):
        console.print(f"  {console.paint(str(entry['name']), 'title')}  {entry['title']}")
        for line in wrapped(entry["teaches"], console.width, indent="    "):
            console.print(line)
    console.print()
    console.print(f"Play one:  {console.paint('kcsim run NAME', 'command')}")
    console.print(f"Learn:     {console.paint('kcsim lesson NAME', 'command')}")

"""`kcsim check`: is this a scenario that can be run? Every fault at once, each at its place."""

import click

from kcsim.cli.arguments import ScenarioName
from kcsim.cli.console import Console
from kcsim.cli.exits import Exit
from kcsim.cli.problems import tell_diagnostics


@click.command("check", short_help="Validate scenario files: each fault with its place and its remedy.")
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True, type=ScenarioName())
@click.option("-q", "--quiet", is_flag=True, help="Print faults only.")
@click.pass_obj
def command(console: Console, scenarios: tuple[str, ...], quiet: bool) -> Exit:
    """Validate scenarios (paths or gallery names). A story in which a fault names a revision is played up to there;
    others are not run.

    One line a fault, `file:line:column: CODE message`, with the remedy below it, on stderr. Exit code 2 if there is an
    error; warnings do not count.
    """
    from kcsim.scenario.build_checks import check_built
    from kcsim.scenario.load import examine
    from kcsim.scenario.played_checks import check_played

    broken = 0
    for name in scenarios:
        loaded = examine(name)
        shown_by_playing = check_played(loaded.scenario) if loaded.scenario is not None else ()
        shown_by_building = check_built(loaded.scenario) if loaded.scenario is not None else ()
        tell_diagnostics(console, sorted({*loaded.diagnostics, *shown_by_building, *shown_by_playing}))
        if loaded.scenario is None or shown_by_playing:
            broken += 1
        elif not quiet:
            story = loaded.scenario
            parts = [
                _count(len(story.deliveries), "delivery", "deliveries"),
                _count(len(story.timeline), "timeline entry", "timeline entries"),
                _count(len(story.expectations), "expectation", "expectations"),
            ]
            console.print(f"{console.paint('✓ ok', 'good')}  {name}  ({', '.join(parts)})")
    if broken and not quiet:
        console.say(f"{_count(broken, 'scenario', 'scenarios')} of {len(scenarios)} cannot be run")
    return Exit.BAD_INPUT if broken else Exit.OK


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"

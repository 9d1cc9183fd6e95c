"""`kcsim tui`: opens the terminal user interface, a program of its own that this one only starts."""

from importlib import import_module
from importlib.util import find_spec

import click

from kcsim.cli.arguments import ScenarioName
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput

# Surfaces do not import one another: it is named here as a script would name it.
APP = "kcsim.tui.app"


@click.command("tui", short_help="The terminal user interface: watch, pause, step, break things.")
@click.argument("scenario", required=False, type=ScenarioName())
def command(scenario: str | None) -> Exit:
    """Open the terminal user interface, with the gallery or with one scenario."""
    return open_tui(scenario)


def is_available() -> bool:
    """Whether it is installed."""
    return find_spec(APP) is not None and find_spec("textual") is not None


def open_tui(scenario: str | None) -> Exit:
    """Run it until it is closed."""
    if not is_available():
        raise BadInput(
            "the terminal user interface is not installed", "pip install textual, or use `kcsim run`."
        )
    import_module(APP).main(scenario)
    return Exit.OK

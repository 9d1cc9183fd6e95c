"""`kcsim tui`: opens the terminal user interface, a program of its own that this one only starts."""

from importlib import import_module
from importlib.util import find_spec

import click

from kcsim.cli.arguments import DeliveryName, ScenarioName, Seed
from kcsim.cli.problems import BadInput

# Surfaces do not import one another: it is named here as a script would name it.
APP = "kcsim.tui.app"


@click.command("tui", short_help="The terminal user interface: watch, pause, step, break things.")
@click.argument("scenario", metavar="[SCENARIO]", required=False, type=ScenarioName())
@click.option(
    "-d", "--delivery", metavar="NAME", type=DeliveryName(), help="Open this delivery's world (push, flux)."
)
@click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice.")
def command(scenario: str | None, delivery: str | None, seed: int | None) -> int:
    """Open the terminal user interface, with the gallery or with one scenario."""
    return open_tui(scenario, delivery, seed)


def is_available() -> bool:
    """Whether it is installed."""
    return find_spec("textual") is not None and find_spec(APP) is not None


def open_tui(scenario: str | None = None, delivery: str | None = None, seed: int | None = None) -> int:
    """Run it until it is closed; gives its exit code."""
    if not is_available():
        raise BadInput(
            "the terminal user interface is not installed", "pip install textual, or use `kcsim run`."
        )
    return int(import_module(APP).main(scenario, delivery, seed))

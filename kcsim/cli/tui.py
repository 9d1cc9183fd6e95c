"""`kcsim tui`: opens the terminal user interface, a program of its own that this one only starts."""

from importlib import import_module
from importlib.util import find_spec

import click

from kcsim.cli.arguments import DeliveryName, ScenarioName, Seed
from kcsim.cli.problems import BadInput

# Surfaces do not import one another: it is named here as a script would name it.
APP = "kcsim.tui.app"
WEB = "kcsim.tui.web"


@click.command("tui", short_help="The terminal user interface: watch, pause, step, break things.")
@click.argument("scenario", metavar="[SCENARIO]", required=False, type=ScenarioName())
@click.option(
    "-d",
    "--delivery",
    metavar="NAME",
    type=DeliveryName(),
    help="Open this delivery's world (push, flux, argocd).",
)
@click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice.")
@click.option("--web", is_flag=True, help="Serve it to browsers on this machine (needs kcsim[web]).")
@click.option(
    "--port", metavar="N", type=click.IntRange(1, 65535), help="With --web: the port; 8000 when left out."
)
def command(scenario: str | None, delivery: str | None, seed: int | None, web: bool, port: int | None) -> int:
    """Open the terminal user interface, with the gallery or with one scenario."""
    if port is not None and not web:
        raise BadInput("--port goes with --web only", "Add --web, or leave --port out.")
    return serve(scenario, delivery, seed, port) if web else open_tui(scenario, delivery, seed)


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


def serve(scenario: str | None, delivery: str | None, seed: int | None, port: int | None) -> int:
    """Serve it to a browser until it is interrupted; gives the exit code."""
    if not is_available():
        raise BadInput("the terminal user interface is not installed", "pip install textual.")
    web = import_module(WEB)
    if not web.is_available():
        raise BadInput("--web needs textual-serve, which is not installed", "pip install 'kcsim[web]'.")
    chosen = web.PORT if port is None else port
    fault = web.fault_of_port(chosen)
    if fault is not None:
        raise BadInput(fault, "Name another one: --port 8001.")
    arguments = [scenario] if scenario is not None else []
    arguments += ["--delivery", delivery] if delivery is not None else []
    arguments += ["--seed", str(seed)] if seed is not None else []
    return int(web.serve(arguments, chosen))

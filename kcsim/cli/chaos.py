"""`kcsim chaos`: experiments of the Chaos Toolkit, the catalogue of faults, random schedules of them, orders of events.

**Walk:** `run`: an experiment and a story, read and checked -> the world played to where the experiment begins -> the
experiment -> the journal. `faults`: the catalogue. `draw`: a schedule as lines of a timeline. `orders`: a story, once for
each order.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcsim.cli.arguments import DeliveryName, Duration, Folder, ScenarioName, Seed
from kcsim.cli.console import Console, wrapped
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.scenario.experiment.running import Journal


@click.group(
    "chaos",
    short_help="Run a Chaos Toolkit experiment; list faults; draw schedules of them; try orders of events.",
)
def command() -> None:
    """Break things on purpose.

    \b
    kcsim chaos run experiment.json --scenario plain-release -d flux
    kcsim chaos faults network-loss
    kcsim chaos draw plain-release --seed 7
    kcsim chaos orders plain-release -d flux --from 10m --depth 3
    """


# --- run --------------------------------------------------------------------------------------------------------


@command.command("run", short_help="Run a Chaos Toolkit experiment in the world of a story.")
@click.argument("experiment", metavar="EXPERIMENT", type=Folder())
@click.option(
    "--scenario",
    metavar="SCENARIO",
    required=True,
    type=ScenarioName(),
    help="The story whose world it is run in.",
)
@click.option("-d", "--delivery", metavar="NAME", type=DeliveryName(), help="Play under this delivery.")
@click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice.")
@click.option(
    "--at",
    "begin",
    metavar="TIME",
    default="5m",
    type=Duration(),
    help="When the experiment begins; 5m when left out.",
)
@click.option(
    "--var", "variables", metavar="NAME=VALUE", multiple=True, help="A value for its configuration."
)
@click.option(
    "--journal-path", "--journal", "journal", metavar="FILE", type=Folder(), help="Write the journal there."
)
@click.option("--json", "as_json", is_flag=True, help="Print the journal instead of text.")
@click.pass_obj
def run(
    console: Console,
    experiment: Path,
    scenario: str,
    delivery: str | None,
    seed: int | None,
    begin: str,
    variables: tuple[str, ...],
    journal: Path | None,
    as_json: bool,
) -> Exit:
    """Run EXPERIMENT, a JSON or YAML file of the Chaos Toolkit, against a simulated world.

    Actions and probes may be functions of chaostoolkit-kubernetes, kubectl as a process, requests to Services over http, and
    any fault of kcsim: module `kcsim.faults`, its name as the function. What cannot be played is refused with its place. Exit
    code 1 where the steady state does not hold, before or after.
    """
    from kcsim.scenario.experiment import read_experiment, run_experiment
    from kcsim.scenario.play import load

    made = read_experiment(_text(experiment), str(experiment), _variables(variables))
    for warning in made.warnings:
        console.say(warning)
    world = load(scenario, delivery, seed)
    world.run_until(begin)
    found = run_experiment(made, world)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if journal is not None:
        _write(journal, text)
    if as_json:
        console.document(text)
    else:
        _tell(console, found)
    return Exit.OK if found["status"] == "completed" else Exit.EXPECTATION_FAILED


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{path} cannot be read: {why}", "Name an experiment's file.") from None


def _variables(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"--var: '{text[:60]}' is no variable", "Write --var NAME=VALUE.")
        found[name] = value
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInput(
            f"--journal-path: {path} cannot be written: {error.strerror or error}", "Name another file."
        ) from None


def _tell(console: Console, journal: "Journal") -> None:
    console.print(console.paint(journal["experiment"]["title"], "title"))
    states = journal["steady_states"]
    if states["before"] is not None:
        _tell_state(console, "steady state before", states["before"])
    for one in journal["run"]:
        _tell_activity(console, one)
    if states["after"] is not None:
        _tell_state(console, "steady state after", states["after"])
    for one in journal["rollbacks"]:
        _tell_activity(console, one, "rollback ")
    status = "deviated" if journal["deviated"] else journal["status"]
    role = "good" if journal["status"] == "completed" else "bad"
    console.print(f"{console.paint(status, role)} after {journal['duration']:g}s of virtual time")


def _tell_state(console: Console, what: str, state: dict[str, Any]) -> None:
    met = state["steady_state_met"]
    console.print(f"{console.paint('✓' if met else '✗', 'good' if met else 'bad')} {what}")
    for probe in state["probes"]:
        _tell_activity(console, probe, "  ")


def _tell_activity(console: Console, run: dict[str, Any], lead: str = "") -> None:
    well = run["status"] == "succeeded" and run.get("tolerance_met", True)
    mark = console.paint("✓" if well else "✗", "good" if well else "bad")
    kind, name = (
        run["activity"].get("type", "activity"),
        run["activity"].get("name", run["activity"].get("ref")),
    )
    said = run.get("exception", [""])[0].strip() if run["status"] == "failed" else _short(run["output"])
    when = run["start"].partition("T")[2].partition(".")[0]
    lines = wrapped(
        f"{lead}{when} {kind} {name}: {said}" if said else f"{lead}{when} {kind} {name}",
        console.width - 2,
        indent="    ",
    )
    for number, line in enumerate(lines):
        console.print(f"{mark} {line.strip()}" if not number else f"  {line}")


def _short(output: Any) -> str:
    if output is None:
        return ""
    text = " ".join((output if isinstance(output, str) else json.dumps(output)).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


# --- the catalogue ----------------------------------------------------------------------------------------------


@command.command(
    "faults", short_help="List the faults, or tell one: what it hits, how strongly, what it does to whom."
)
@click.argument("name", required=False)
@click.pass_obj
def faults(console: Console, name: str | None) -> Exit:
    """List every kind of fault by layer; with NAME (ours, or another tool's) tell all about one."""
    from kcsim.scenario.faults import FAULTS
    from kcsim.simulation.faults import AMOUNTS, KINDS, LAYERS, FaultError, kind_named

    if name is None:
        for layer, title in LAYERS.items():
            here = [(each, kind) for each, kind in KINDS.items() if kind.layer == layer and each in FAULTS]
            if here:
                console.print(console.paint(title, "title"))
                for each, kind in here:
                    for line in wrapped(f"{each}: {kind.summary}", console.width, indent="  "):
                        console.print(line)
        return Exit.OK
    try:
        own, kind = kind_named(name)
    except FaultError as error:
        raise BadInput(str(error).partition("; ")[0], str(error).partition("; ")[2]) from None
    console.print(console.paint(own, "title"))
    for line in wrapped(f"{kind.summary} {kind.effect}", console.width, indent=""):
        console.print(line)
    if kind.target:
        console.print(f"  {kind.target}: what it hits" + (", all when left out" if kind.everywhere else ""))
    for field, value in kind.takes.items():
        amount = AMOUNTS[field]
        default = "" if value is None else f" ({amount.write(value)} when left out)"
        for line in wrapped(f"{field}: {amount.about}{default}", console.width, indent="  "):
            console.print(line)
    return Exit.OK


# --- orders -----------------------------------------------------------------------------------------------------


@command.command("orders", short_help="Try every order of the events of an instant, up to a bound.")
@click.argument("scenario", metavar="SCENARIO", type=ScenarioName())
@click.option("-d", "--delivery", metavar="NAME", type=DeliveryName(), help="Play under this delivery.")
@click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice.")
@click.option(
    "--from",
    "begin",
    metavar="TIME",
    required=True,
    type=Duration(),
    help="Choices count from this instant on.",
)
@click.option(
    "--depth",
    default=4,
    metavar="N",
    type=click.IntRange(1, 100),
    help="How many choices are tried; 4 when left out.",
)
@click.option(
    "--limit",
    default=100,
    metavar="N",
    type=click.IntRange(1),
    help="How many orders at most; 100 when left out.",
)
@click.option(
    "--grid",
    default="1ms",
    metavar="TIME",
    type=Duration(),
    help="How coarse instants are; 1ms when left out.",
)
@click.pass_obj
def orders(
    console: Console,
    scenario: str,
    delivery: str | None,
    seed: int | None,
    begin: str,
    depth: int,
    limit: int,
    grid: str,
) -> Exit:
    """Play SCENARIO once for each order in which the events of its instants can happen, and judge its expectations.

    The first --depth choices after --from are tried in all ways, depth first; what fails is told with the order that plays it
    again. Exit code 1 where an expectation comes out otherwise than the scenario says.
    """
    from kcsim.scenario.play import Play, load
    from kcsim.simulation.orders import explore
    from kcsim.simulation.simulation import Simulation

    def made(order: str) -> Play:
        world = load(scenario, delivery, seed, settings={"order": f"{order}@{grid}"})
        world.run_until(begin)
        return world

    def to_the_end(world: Simulation) -> None:
        assert isinstance(world, Play), "it was made so"
        world.run_until(world.end)

    count, failed = 0, 0
    for path in explore(made, to_the_end, depth=depth, limit=limit):
        assert isinstance(path.world, Play), "it was made so"
        count += 1
        wrong = [verdict for verdict in path.world.verdicts() if not verdict.passed]
        failed += bool(wrong)
        for verdict in wrong:
            again = f"kcsim run {scenario} --order {path.order}@{grid}"
            console.print(f"{console.paint('✗ failed', 'bad')} {verdict.name}: {again}")
    words = f"{count} orders of the first {depth} choices after {begin}: "
    if failed:
        console.print(words + console.paint(f"✗ {failed} failed", "bad"))
        return Exit.EXPECTATION_FAILED
    console.print(words + console.paint("✓ all as the scenario says", "good"))
    return Exit.OK


# --- schedules --------------------------------------------------------------------------------------------------


@command.command(
    "draw", short_help="Print the schedule of faults that --chaos N plays, as lines of a timeline."
)
@click.argument("scenario", metavar="SCENARIO", type=ScenarioName())
@click.option("--seed", metavar="N", default=1, type=Seed(), help="What it is drawn from; 1 when left out.")
@click.option(
    "--count", metavar="N", default=6, type=click.IntRange(1, 1000), help="How many faults; 6 when left out."
)
@click.option(
    "--fault", "kinds", metavar="KIND", multiple=True, help="Only these kinds; may be given several times."
)
@click.option("--no-swarm", is_flag=True, help="Draw from all kinds, not from a random part of them.")
@click.pass_obj
def draw(
    console: Console, scenario: str, seed: int, count: int, kinds: tuple[str, ...], no_swarm: bool
) -> Exit:
    """Print what `kcsim run SCENARIO --chaos N` puts into the timeline, to be pasted into a scenario and cut down."""
    from kcsim.scenario.dump import to_data
    from kcsim.scenario.play import read_scenario
    from kcsim.scenario.schedules import draw as drawn

    schedule = drawn(read_scenario(scenario), seed, kinds=kinds or None, count=count, swarm=not no_swarm)
    console.say(f"kinds drawn from seed {seed}: {', '.join(schedule.kinds)}")
    for entry in schedule.entries:
        fields = ", ".join(f"{key}: {json.dumps(value)}" for key, value in to_data(entry).items())
        console.print(f"- {{{fields}}}")
    return Exit.OK

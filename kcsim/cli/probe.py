"""`kcsim probe`: crashes, blinds and misleads a controller at every place that could matter.

**Walk:** options -> the story -> the reference run and its plans (kcsim.testing.probing) -> the report, and files of what was
found (`--save`). `--plan` runs one plan, `--zoo` the bug zoo.
"""

import json
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

import click

from kcsim.cli.arguments import DeliveryName, Duration, Folder, ScenarioName, Seed
from kcsim.cli.console import Console
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput

# Surfaces do not import one another: they are named here as a script would name them.
PROBE, SAVE, TOUR = (
    "kcsim.testing.probing.probe",
    "kcsim.testing.probing.save",
    "kcsim.testing.zoo.tour",
)
PATTERNS = ("intermediate", "stale", "unobserved")
SHOWN_AFTER = 0.4


@click.command(
    "probe", short_help="Find out whether a controller survives crashes, stale views and missed events."
)
@click.argument("scenario", metavar="[SCENARIO]", required=False, type=ScenarioName())
@click.option(
    "-c",
    "--controller",
    metavar="NAME",
    default="",
    help="The program to perturb: one of the story's controllers, or a component; its only controller when left out.",
)
@click.option(
    "-d", "--delivery", metavar="NAME", default="", type=DeliveryName(), help="Play under this delivery."
)
@click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice.")
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    type=click.Choice(PATTERNS),
    help="Only these perturbations; may be given several times.",
)
@click.option("--plan", metavar="TEXT", help='Run this plan only: "crash after write 3".')
@click.option(
    "--quiet-time",
    metavar="TIME",
    default="5m",
    type=Duration(),
    help="How long the world has to come to rest after the story's end; 5m when left out.",
)
@click.option(
    "--ignore",
    metavar="PATH",
    multiple=True,
    help="A field that may differ: status.lastSeen, configmap:data.seen; may be given several times.",
)
@click.option(
    "--save", metavar="DIR", type=Folder(), help="Write what is found there, as scenarios and pytest cases."
)
@click.option("--zoo", is_flag=True, help="Probe the controllers of the bug zoo, each with its mended twin.")
@click.option(
    "--exhibit", metavar="NAME", help="Only this controller of the bug zoo, in full; --zoo may be left out."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.pass_obj
def command(
    console: Console,
    scenario: str | None,
    controller: str,
    delivery: str,
    seed: int | None,
    patterns: tuple[str, ...],
    plan: str | None,
    quiet_time: str,
    ignore: tuple[str, ...],
    save: Path | None,
    zoo: bool,
    exhibit: str | None,
    as_json: bool,
) -> Exit:
    """Play SCENARIO once, then once for each crash, missed change and stale view that could matter to a controller.

    A run that ends otherwise than the first, or in which the controller creates or deletes what it did not before, is a
    way to go wrong; each is told by its shortest plan, with the command that shows it again. Exit code 1 when there is
    one.

    \b
    kcsim probe my-operator.yaml
    kcsim probe my-operator.yaml --plan "crash after write 3"
    kcsim probe drift-at-night -d flux -c kustomize-controller --pattern intermediate
    kcsim probe --zoo
    """
    if zoo or (exhibit is not None and scenario is None):
        if scenario is not None:
            raise BadInput("--zoo brings its own stories", "Leave SCENARIO out, or --zoo.")
        return _zoo(console, exhibit, 1 if seed is None else seed, save, as_json=as_json)
    if scenario is None:
        raise BadInput("which story is to be probed?", "Name a scenario file, or use --zoo.")
    if exhibit is not None:
        raise BadInput("--exhibit goes with --zoo only", "Leave SCENARIO out, or --exhibit.")
    probing = import_module(PROBE)
    options: dict[str, Any] = {"delivery": delivery, "seed": seed, "quiet": quiet_time, "ignore": ignore}
    try:
        target = probing.target_of(scenario, controller, **options)
        if plan is not None:
            return _one(console, probing, target, plan, as_json=as_json)
        report = _watched(
            console,
            f"probe {target.controller}",
            lambda tell: probing.probe(
                target.scenario, target.controller, patterns=patterns or PATTERNS, progress=tell, **options
            ),
        )
    except probing.NoSuchController as error:
        raise BadInput(str(error), "Name it with --controller NAME.") from None
    except probing.NoSuchField as error:
        raise BadInput(f"--ignore: {error}", "See `kcsim probe --help`.") from None
    report.command = _command_of(scenario, controller, delivery, seed, quiet_time, ignore)
    if as_json:
        console.document(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        console.print(report.text())
    if save is not None:
        _save(console, target, report.violations, save)
    return Exit.OK if report.passed else Exit.EXPECTATION_FAILED


def _one(console: Console, probing: Any, target: Any, text: str, *, as_json: bool) -> Exit:
    try:
        plan = probing.parse(text)
    except ValueError as error:
        message, _, forms = str(error).partition("; ")
        raise BadInput(f"--plan: {message}", f"{forms[:1].upper()}{forms[1:]}.") from None
    try:
        violation = probing.try_plan(target, plan)
    except probing.NotJudged as reason:
        raise BadInput(
            f"--plan: {reason}",
            "It shows nothing about the controller; `kcsim probe` plans what could matter.",
        ) from None
    if as_json:
        found = violation.to_json() if violation is not None else None
        console.document(json.dumps({"plan": str(plan), "violation": found}, indent=2, ensure_ascii=False))
    elif violation is None:
        console.print(f"{plan}: nothing went wrong")
    else:
        console.print(f"{plan}: {target.controller} goes wrong")
        for each in violation.differences:
            console.print(f"  {each}")
    return Exit.OK if violation is None else Exit.EXPECTATION_FAILED


def _zoo(console: Console, name: str | None, seed: int, save: Path | None, *, as_json: bool) -> Exit:
    tour = import_module(TOUR)
    exhibits = [each for each in tour.EXHIBITS if name in {None, each.name}]
    if not exhibits:
        known = ", ".join(each.name for each in tour.EXHIBITS)
        raise BadInput(f"the zoo has no '{name}'", f"There are {known}.")
    visits: list[Any] = []

    def walk(tell: Callable[[int, int], None]) -> None:
        for number, visit in enumerate(tour.tour(seed, exhibits), 1):
            visits.append(visit)
            tell(number, len(exhibits))

    _watched(console, "zoo", walk)
    if as_json:
        console.document(json.dumps(tour.to_json(visits), indent=2, ensure_ascii=False))
    elif name is not None:
        console.print(tour.label(visits[0]))
    else:
        console.print(tour.table(visits))
    if save is not None:
        for visit in visits:
            _save(console, visit.broken.target, visit.broken.violations, save)
    well = all(visit.found and not visit.false_alarm for visit in visits)
    return Exit.OK if well else Exit.EXPECTATION_FAILED


def _save(console: Console, target: Any, violations: list[Any], folder: Path) -> None:
    saving = import_module(SAVE)
    for violation in violations:
        try:
            file, test = saving.save(target, violation, folder)
        except OSError as error:
            raise BadInput(
                f"--save: {folder} cannot be written: {error.strerror or error}", "Name another folder."
            ) from None
        console.say(f"saved: kcsim run {file}; pytest {test}")


def _command_of(
    scenario: str, controller: str, delivery: str, seed: int | None, quiet: str, ignore: tuple[str, ...]
) -> str:
    given = [("-c", controller), ("-d", delivery), ("--seed", seed), *(("--ignore", path) for path in ignore)]
    if quiet != "5m":
        given.append(("--quiet-time", quiet))
    words = [word for option, value in given if value not in {None, ""} for word in (option, str(value))]
    return shlex.join(["kcsim", "probe", scenario, *words])


def _watched(console: Console, what: str, work: Callable[[Callable[[int, int], None]], Any]) -> Any:
    """Do something while a line on stderr tells how far it is."""
    began, drawn = monotonic(), False

    def tell(done: int, of: int) -> None:
        nonlocal drawn
        if console.interactive and monotonic() - began >= SHOWN_AFTER:
            console.draw(f"\r\x1b[K{what}  {done} of {of}"[: console.width - 1])
            drawn = True

    try:
        return work(tell)
    finally:
        if drawn:
            console.draw("\r\x1b[K")

"""`kcsim kubectl`: types one kubectl command in a world: of a story, of a recorded run, or a bare cluster.

**Walk:** options -> a world, played to an instant -> the files that the command names are read -> ``Simulation.kubectl``
-> stdout, stderr and the exit code are kubectl's. The world is gone afterwards, with whatever the command changed in it.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kcsim.cli.arguments import DeliveryName, Duration, ScenarioName, Seed
from kcsim.cli.console import Console
from kcsim.cli.problems import BadInput, tell_diagnostics

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.kubectl.flags import Arguments, Editor
    from kcsim.scenario.play import Play
    from kcsim.simulation.simulation import Simulation

SETTLED = "1m"
"""How old a bare cluster is: its nodes are ready, and its own objects are there."""
_NAMES_FILES = ("custom", "filename", "from-file", "template", "output", "cert", "key")


@click.command(
    "kubectl",
    short_help="Type a kubectl command in the world of a story, or in a bare cluster.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--scenario",
    metavar="SCENARIO",
    type=ScenarioName(),
    help="The world of this story: a path, a gallery name, or a folder of `kcsim run --out`. Without: a bare cluster.",
)
@click.option(
    "-d",
    "--delivery",
    metavar="NAME",
    type=DeliveryName(),
    help="The world of this delivery (push, flux, argocd); the first one when left out.",
)
@click.option(
    "--at",
    metavar="TIME",
    type=Duration(),
    help="When the command is typed, in virtual time. Without: at the end of the story; in a bare cluster after 1m.",
)
@click.option(
    "--nodes", metavar="N", type=click.IntRange(0, 5000), help="Nodes of a bare cluster (default 3)."
)
@click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice.")
@click.option("--cluster", metavar="NAME", help="The cluster, when the story has several; else the first.")
@click.option("--as", "user", metavar="USER", help="Who types; the administrator when left out.")
@click.argument("words", metavar="-- ARGS...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def command(
    console: Console,
    scenario: str | None,
    delivery: str | None,
    at: str | None,
    nodes: int | None,
    seed: int | None,
    cluster: str | None,
    user: str | None,
    words: tuple[str, ...],
) -> int:
    """Play a world to an instant, and type one kubectl command in it.

    Prints what kubectl prints; the exit code is kubectl's (2 also for what kcsim itself cannot use). Files are read
    from disk, `-f -` from stdin. What the command changes is gone with the world when it ends: to see what follows from
    a change, write it into the timeline of a story. Commands that edit open $KUBE_EDITOR, $EDITOR, or on a terminal vi.

    \b
    kcsim kubectl -- get nodes -o wide
    kcsim kubectl -- apply -f my-app.yaml
    kcsim kubectl --scenario drift-at-night --delivery flux --at 20m -- get pods -A
    kcsim kubectl --scenario out/push -- describe deployment/web -n shop
    """
    world = _world(console, scenario, delivery, at, nodes, seed)
    if cluster is not None and cluster not in world.world.clusters:
        raise BadInput(f"there is no cluster '{cluster}'", f"clusters: {', '.join(world.world.clusters)}")
    outcome = world.kubectl(
        words,
        as_=user or "",
        stdin=_stdin(words),
        files=dict(_files(words)),
        editor=_editor(words),
        cluster=cluster,
    )
    console.write(outcome.stdout)
    console.say_text(outcome.stderr)
    if outcome.exit_code:
        _tell_choices(console, world, words, outcome.stderr, cluster)
    return outcome.exit_code


def _tell_choices(
    console: Console, world: "Simulation", words: Sequence[str], said: str, cluster: str | None
) -> None:
    """Of a word that kubectl does not know: the near miss and what there is, which kubectl itself does not say."""
    from kcsim.kubectl.command import choices
    from kcsim.scenario.diagnostics import did_you_mean, near_miss

    found = choices(words)
    unknown = _NO_SUCH_TYPE.search(said)
    if found is not None:
        word, of, known = found
        console.say(f"kcsim: {did_you_mean(word, known, f'{of} has here', most=60)}")
    elif unknown is not None:
        catalog = world.cluster(cluster).endpoint.server.catalog
        known = sorted({resource.plural for resource in catalog})
        near = near_miss(unknown[1], known)
        listed = "`kubectl api-resources` lists all there are"
        console.say(f"kcsim: did you mean '{near}'?  ({listed})" if near else f"kcsim: {listed}")


_NO_SUCH_TYPE = re.compile(r"""the server doesn't have a resource type "([^"]+)\"""")


# --- the world --------------------------------------------------------------------------------------------------


def _world(
    console: Console,
    scenario: str | None,
    delivery: str | None,
    at: str | None,
    nodes: int | None,
    seed: int | None,
) -> "Simulation":
    """A world at the instant at which the command is typed."""
    from kcsim.simulation.simulation import Simulation

    if scenario is None:
        if delivery is not None:
            raise BadInput("--delivery goes with --scenario only", "A bare cluster has no delivery.")
        world = Simulation(nodes=3 if nodes is None else nodes, seed=seed or 0)
        world.run_until(at or SETTLED)
        return world
    if nodes is not None:
        raise BadInput("--nodes is for a bare cluster", "Leave it out, or leave --scenario out.")
    return played(console, scenario, delivery, at, seed)


def played(console: Console, scenario: str, delivery: str | None, at: str | None, seed: int | None) -> "Play":
    """A story's world, or that of a recorded run, at an instant; at its end when none is given."""
    from kcsim.scenario.load import examine
    from kcsim.scenario.play import load

    until = None
    if Path(scenario).is_dir():
        scenario, delivery, until = _as_run(Path(scenario), delivery)
    tell_diagnostics(console, examine(scenario).warnings)
    world = load(scenario, delivery, seed, until=until)
    if at is not None:
        world.run_until(at)
    else:
        world.run_until(world.end)
    return world


def first_of(scenario: str, kind: type) -> str | None:
    """The first delivery of a kind; None for recorded worlds, which are of one delivery."""
    from kcsim.scenario.load import examine

    if Path(scenario).is_dir():
        return None
    found = examine(scenario).scenario
    ways = found.deliveries.items() if found is not None else ()
    return next((name for name, way in ways if isinstance(way, kind)), None)


_COMMAND = re.compile(
    r"^# kcsim run scenario\.yaml(?: --delivery (?P<delivery>\S+))?(?: --until (?P<until>\S+))?$"
)


def _as_run(folder: Path, delivery: str | None) -> tuple[str, str | None, str | None]:
    """The file, the delivery and the end of a world that `kcsim run --out` recorded."""
    from kcsim.scenario.recording import worlds_in

    worlds = worlds_in(folder)
    if worlds and not (folder / "scenario.yaml").is_file():
        if delivery is None and len(worlds) > 1:
            shown = ", ".join(f"{folder / world}" for world in worlds)
            raise BadInput(f"{folder} holds several worlds", f"Name one of them: {shown}.")
        name = delivery or worlds[0]
        if name not in worlds:
            raise BadInput(f"{folder} holds no world '{name}'", f"worlds: {', '.join(worlds)}")
        folder = folder / name
    file = folder / "scenario.yaml"
    try:
        first = file.read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            f"{folder} holds no recorded world",
            "Make one: kcsim run SCENARIO --out DIR, then name DIR/<delivery>.",
        ) from None
    match = _COMMAND.match(first)
    if match is None:
        return str(file), delivery, None
    return str(file), delivery or match["delivery"], match["until"]


# --- what the command reads -------------------------------------------------------------------------------------


def _stdin(words: Sequence[str]) -> str:
    """Stdin, where the command names it; nobody waits for a keyboard otherwise."""
    return sys.stdin.read() if "-" in _values(_read(words)) else ""


def _read(words: Sequence[str]) -> "Arguments":
    """The command line taken apart; of one that cannot be read nothing is left, and kubectl says why."""
    from kcsim.kubectl.flags import Arguments, parse
    from kcsim.kubectl.session import UsageError

    try:
        return parse([word for place, word in enumerate(words) if place or word != "kubectl"])
    except UsageError:
        return Arguments()


def _editor(words: Sequence[str]) -> "Editor | None":
    """The editor of who sits there (kubectl ``pkg/cmd/util/editor/editor.go``); None where nobody could use one."""
    at_hand = "vi" if sys.stdin is not None and sys.stdin.isatty() else ""
    program = os.environ.get("KUBE_EDITOR") or os.environ.get("EDITOR") or at_hand
    if not program:
        return None
    suffix = ".json" if _read(words).get("output") == "json" else ".yaml"

    def opened(text: str) -> str:
        try:
            saved = click.edit(text, editor=program, extension=suffix, require_save=False)
        except click.ClickException as error:
            raise BadInput(
                f"there was a problem with the editor '{program}': {error.format_message()}",
                "Set KUBE_EDITOR or EDITOR to a program that edits the file it is given.",
            ) from None
        return saved or ""

    return opened


def _values(arguments: "Arguments") -> list[str]:
    """The values of flags that may name files."""
    values = [value for flag in _NAMES_FILES for value in arguments.all(flag)]
    return [part for value in values for part in (value, value.partition("=")[2]) if part]


def _files(words: Sequence[str]) -> Iterator[tuple[str, str | bytes]]:
    """The files that the command names, by the path it names them by; of a folder those that lie in it."""
    arguments = _read(words)
    for value in _values(arguments):
        path = Path(value)
        if value == "-":
            continue
        if path.is_file():
            yield value, _content(path)
        elif path.is_dir():
            inside = path.rglob("*") if arguments.on("recursive") else path.iterdir()
            lead = "" if value in {".", "./"} else value.removeprefix("./").rstrip("/") + "/"
            for inner in sorted(inside):
                if inner.is_file():
                    yield f"{lead}{inner.relative_to(path)}", _content(inner)


def _content(path: Path) -> str | bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or error}", "Mend that, or leave it out."
        ) from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw

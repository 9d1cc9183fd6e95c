"""`kcsim net`: the network of a story at an instant: who reaches whom, and where a request goes.

**Walk:** options -> one world, run to `--at` -> the question -> text, one JSON document, or an SVG on stdout.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from kcsim.cli.arguments import DeliveryName, Duration, ScenarioName, Seed
from kcsim.cli.console import Console
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.scenario.play import Play
    from kcsim.simulation.journey import Journey

QUESTIONS = {
    "reach": ("A", "B"),
    "matrix": ("NAMESPACE",),
    "trace": ("CLIENT", "URL"),
    "lookup": ("CLIENT", "NAME"),
    "svg": (),
}
"""What can be asked, and the words each needs."""


@click.command("net", short_help="The network of a story: who reaches whom, and where a request goes.")
@click.argument("scenario", metavar="SCENARIO", type=ScenarioName())
@click.argument("words", metavar="[QUESTION]...", nargs=-1)
@click.option("--at", metavar="TIME", type=Duration(), help='When to look: "5m"; at the end when left out.')
@click.option("-d", "--delivery", metavar="NAME", type=DeliveryName(), help="The world of this delivery.")
@click.option("--seed", metavar="N", type=Seed(), help="Another seed for all dice.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change a field of the scenario.")
@click.option("--cluster", metavar="NAME", help="The cluster; the first when left out.")
@click.option(
    "-p", "--port", metavar="N", type=click.IntRange(1, 65535), help="Port that must be listened on."
)
@click.option(
    "--protocol", type=click.Choice(["TCP", "UDP", "SCTP"], case_sensitive=False), default="TCP", help="TCP."
)
@click.option(
    "--kept",
    metavar="TIME",
    type=Duration(),
    help="Trace over a connection that was opened at TIME and kept.",
)
@click.option(
    "--type", "record", metavar="TYPE", default="", help="Of the records of a lookup: A, AAAA, SRV, PTR."
)
@click.option("--dns", is_flag=True, help="Install CoreDNS before the story begins.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.pass_obj
def command(
    console: Console,
    scenario: str,
    words: tuple[str, ...],
    at: str | None,
    delivery: str | None,
    seed: int | None,
    settings: tuple[str, ...],
    cluster: str | None,
    port: int | None,
    protocol: str,
    kept: str | None,
    record: str,
    dns: bool,
    as_json: bool,
) -> Exit:
    """Play SCENARIO to an instant and look at its network.

    Without a question: zones, nodes, pods and Services. Ends are written pod/web-1, shop/web-1, deployment/web (its first
    pod), service/web, a node, users, or an address. Exit code 1 when a reach, a trace or a lookup says no.

    \b
    kcsim net drift-at-night --at 5m
    kcsim net drift-at-night --at 5m reach users service/web
    kcsim net drift-at-night --at 5m matrix default
    kcsim net drift-at-night --at 5m trace users http://web
    kcsim net drift-at-night --at 5m trace users http://web --kept 1m
    kcsim net drift-at-night --at 5m --dns lookup deployment/web web
    kcsim net drift-at-night --at 5m svg > network.svg
    """
    question, *arguments = words or ("",)
    _check(question, arguments)
    play = _world(scenario, delivery, seed, settings, dns)
    try:
        over = _kept(play, question, arguments, kept, at, cluster)
        _run(play, at)
        answer = _ANSWERS[question](play, arguments, _How(cluster, port, protocol.upper(), over, record))
    except LookupError as error:
        remedy = "Write it like pod/web-1, service/web, node-1 or users."
        raise BadInput(str(error).strip("'"), remedy) from None
    except ValueError as error:
        raise BadInput(str(error), "") from None
    if as_json:
        console.document(json.dumps(answer.document, indent=2, ensure_ascii=False))
    else:
        console.print(answer.text.rstrip("\n"))
    return Exit.OK if answer.ok else Exit.EXPECTATION_FAILED


def _check(question: str, arguments: list[str]) -> None:
    if question and question not in QUESTIONS:
        raise BadInput(f"there is no question '{question[:60]}'", f"Ask {', '.join(QUESTIONS)}, or nothing.")
    needs = QUESTIONS.get(question, ())
    optional = question == "matrix"
    if len(arguments) > len(needs) or (len(arguments) < len(needs) and not optional):
        usage = " ".join(("kcsim net SCENARIO", question, *needs))
        raise BadInput(f"{question} takes {len(needs)} words, not {len(arguments)}", f"Write {usage}.")


def _world(
    scenario: str, delivery: str | None, seed: int | None, settings: tuple[str, ...], dns: bool
) -> "Play":
    from kcsim.scenario.load import examine
    from kcsim.scenario.play import load

    loaded = examine(scenario).scenario
    if delivery is None and loaded is not None and loaded.deliveries:
        delivery = next(iter(loaded.deliveries))
    play = load(scenario, delivery, seed, settings=settings or None)
    if dns:
        play.network.install_dns()
    return play


def _run(play: "Play", at: str | None) -> None:
    """Play to an instant, as far as the story goes."""
    from kcsim.engine.clock import seconds

    end = play.end if at is None else seconds(at) / 1_000_000
    play.run_until(min(end, play.end))


def _kept(
    play: "Play", question: str, words: list[str], kept: str | None, at: str | None, cluster: str | None
) -> "Journey | None":
    """The journey that opened the connection which a trace goes over."""
    from kcsim.engine.clock import seconds

    if kept is None:
        return None
    if question != "trace":
        raise BadInput("--kept: only a trace goes over a connection", "Leave it out, or ask for a trace.")
    if at is not None and seconds(kept) > seconds(at):
        raise BadInput(f"--kept {kept} is later than --at {at}", "Give a time before the one of the trace.")
    _run(play, kept)
    return play.network.trace(words[0], words[1], cluster=cluster)


@dataclass(frozen=True, slots=True)
class _How:
    """Of which cluster, which port must be listened on, by which protocol, over which journey's connection, which records."""

    cluster: str | None
    port: int | None
    protocol: str
    over: "Journey | None"
    record: str


class _Answer:
    def __init__(self, text: str, document: Any, ok: bool = True) -> None:
        self.text = text
        self.document = document
        self.ok = ok


def _topology(play: "Play", _words: list[str], how: _How) -> _Answer:
    from kcsim.views import topology

    graph = play.network.topology(how.cluster)
    document = {
        "vertices": [{"name": name, **data} for name, data in graph.nodes(data=True)],
        "edges": [{"ends": [a, b], **data} for a, b, data in graph.edges(data=True)],
    }
    return _Answer(topology.text(graph), document)


def _svg(play: "Play", words: list[str], how: _How) -> _Answer:
    from kcsim.views import topology

    graph = play.network.topology(how.cluster)
    picture = str(topology.picture(graph, f"{play.scenario.name} at {play.now:g} s"))
    return _Answer(picture, {"svg": picture, **_topology(play, words, how).document})


def _reach(play: "Play", words: list[str], how: _How) -> _Answer:
    found = play.network.reach(words[0], words[1], how.port, how.protocol, cluster=how.cluster)
    document = {**asdict(found), "latency_s": found.latency_s, "why": found.why}
    return _Answer(str(found), document, found.ok)


def _matrix(play: "Play", words: list[str], how: _How) -> _Answer:
    found = play.network.matrix(words[0] if words else "default", how.port, cluster=how.cluster)
    why = [{"from": a, "to": b, "why": text} for (a, b), text in found.why.items()]
    document = {"namespace": found.namespace, "reachable": found.cells, "why": why}
    return _Answer(str(found), document)


def _trace(play: "Play", words: list[str], how: _How) -> _Answer:
    found = play.network.trace(words[0], words[1], over=how.over, cluster=how.cluster)
    return _Answer(str(found), {**asdict(found), "why": found.why}, found.ok)


def _lookup(play: "Play", words: list[str], how: _How) -> _Answer:
    found = play.network.lookup(words[0], words[1], how.record, cluster=how.cluster)
    return _Answer(str(found), {**asdict(found), "failure": found.failure}, not found.failure)


_ANSWERS: dict[str, Callable[["Play", list[str], _How], _Answer]] = {
    "": _topology,
    "svg": _svg,
    "reach": _reach,
    "matrix": _matrix,
    "trace": _trace,
    "lookup": _lookup,
}

"""`kcsim why`: the chain of causes of an object's last change, read from a recorded world."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcsim.cli.arguments import Folder
from kcsim.cli.console import Console, wrapped
from kcsim.cli.exits import Exit
from kcsim.cli.problems import BadInput

if TYPE_CHECKING:  # the simulator is loaded when the command runs
    from kcsim.simulation.why import Link, Why


@click.command("why", short_help="Why is this object as it is? The causes, back to a commit or a person.")
@click.argument("world", metavar="WORLD-DIR", type=Folder())
@click.argument("target", metavar="OBJECT")
@click.option("-n", "--namespace", help="The object's namespace, when several have one of that name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(console: Console, world: Path, target: str, namespace: str | None, as_json: bool) -> Exit:
    """Explain the last change of OBJECT (deployment/web, pod/web-5c4-x, commit/shop/3f2a91c).

    WORLD-DIR is a world written by `kcsim run SCENARIO --out DIR`: DIR/flux, DIR/push. The chain of causes goes back to
    a commit, a person, a fault or the clock.
    """
    from kcsim.scenario.recording import RecordingError, read_trace
    from kcsim.simulation.why import last_change, of_rows

    try:
        rows = read_trace(world)
    except RecordingError as error:
        raise BadInput(str(error), error.remedy) from None
    wanted = _wanted(target, namespace)
    index = last_change(rows, wanted)
    if index is None:
        raise BadInput(f"nothing named '{_short(target)}' ever changed in this world", _nearest(rows, wanted))
    why = of_rows(rows, index)
    if as_json:
        chain = [asdict(link) for link in why.links]
        console.document(
            json.dumps({"object": rows[index]["object"], "chain": chain}, indent=2, ensure_ascii=False)
        )
    else:
        for line in lines_of(console, why):
            console.print(line)
    return Exit.OK


def _wanted(target: str, namespace: str | None) -> str:
    """As the trace writes it: the kind in the singular, whatever word of kubectl's was given."""
    from kcsim.scenario.functions import CATALOG

    kind, slash, name = target.partition("/")
    if not slash or not kind or not name:
        raise BadInput(f"'{_short(target)}' names no object", "Write it like deployment/web or pod/web-1.")
    resource = CATALOG.by_word(kind)
    word = resource.singular if resource is not None else kind
    return f"{word}/{namespace}/{name}" if namespace and "/" not in name else f"{word}/{name}"


def _nearest(rows: Sequence[dict[str, Any]], wanted: str) -> str:
    kind, _, name = wanted.partition("/")
    subjects = {str(row["object"]) for row in rows if "/" in str(row["object"])}
    of_kind = sorted(text for text in subjects if text.partition("/")[0].partition(".")[0] == kind)
    if not of_kind:
        kinds = sorted({text.partition("/")[0].partition(".")[0] for text in subjects if " " not in text})
        near = get_close_matches(kind, kinds, n=1)
        return (
            f"did you mean '{near[0]}'?  (kinds: {', '.join(kinds)})"
            if near
            else f"kinds: {', '.join(kinds)}"
        )
    names = {text.rpartition("/")[2]: text for text in of_kind}
    near = get_close_matches(name.rpartition("/")[2], names, n=1)
    some = ", ".join(f"{kind}/{text.partition('/')[2]}" for text in of_kind[:8])
    more = f" and {len(of_kind) - 8} more" if len(of_kind) > 8 else ""
    return (f"did you mean '{kind}/{near[0]}'?  " if near else "") + f"(there are {some}{more})"


def lines_of(console: Console, why: "Why") -> list[str]:
    """The chain as text: the change first, then what led to it, the origin last."""
    lines: list[str] = []
    last = len(why.links) - 1
    for number, link in enumerate(why.links):
        lead = "" if number == 0 else "because "
        lines.extend(_link(console, link, lead, is_origin=number == last))
        if number < 2:
            # A decision of the scheduler, node by node; further down the chain it would be beside the point.
            lines.extend(console.paint(f"{' ' * 14}│   {line}", "dim") for line in link.lines)
    return lines


def _link(console: Console, link: "Link", lead: str, *, is_origin: bool) -> list[str]:
    mark = "●" if is_origin else "│" if lead else "○"
    time = _clock(link.t)
    words = f"{_actor(link.actor)} {link.verb} {link.object}"
    text = f"{lead}{words}"
    indent = " " * 15
    role = "title" if is_origin else "bold"
    painted = text.replace(words, console.paint(words, role), 1)
    lines = [f"{console.paint(time, 'dim')}  {mark} {painted}"]
    if link.facts:
        bar = " " if is_origin else "│"
        lines.extend(
            console.paint(f"{' ' * 14}{bar} {line.strip()}", "dim")
            for line in wrapped(link.facts, console.width - 16, indent=indent)
        )
    return lines


def _actor(name: str) -> str:
    """A user name without the prefixes that only machines need."""
    return name.rpartition(":")[2] if name.startswith("system:") else name


def _clock(text: str) -> str:
    from kcsim.engine.clock import SECOND, clock_text

    whole, _, fraction = text.partition(".")
    return f"{clock_text(int(whole) * SECOND)}.{fraction[:3]:<03}"


def _short(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:60])

"""The report as a comment for a merge request: the verdict, the table, what failed and why, how to play it again.

GitLab's and GitHub's Markdown: tables with pipes, ``<details>`` for what is long. Every text of others is escaped, so that a
name can neither break a table nor mention a person nor become markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kcsim.engine.clock import SECOND, clock_text, format_duration
from kcsim.report.facts import Facts, Judged, World
from kcsim.report.sections import state_of
from kcsim.report.verdict import verdict
from kcsim.simulation.why import Link
from kcsim.views.comparison import MAIN
from kcsim.views.markup import fit
from kcsim.views.moments import short_actor

_MOST = 16
"""Steps of a chain that are told."""
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
_REFERENCE = re.compile(r"((?<!&)[@#!$%](?=\w)|:(?=//)|\bwww(?=\.))")
"""Where a forge would see a mention, an issue, a merge request, a milestone or an address."""


def comment(facts: Facts) -> str:
    """The comment, ending with a line break."""
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: Facts) -> Iterable[str]:
    glyph = {"ok": "✅", "failed": "❌"}.get(state_of(facts)[0], "⚪")
    yield f"### {glyph} {_plain(facts.title)}"
    yield ""
    yield _plain(verdict(facts))
    yield ""
    yield from _measures(facts)
    yield from _expectations(facts)
    for world, each in facts.failed:
        yield from _failure(world, each)
    yield from _parted(facts)
    yield "<details><summary>Play it again</summary>"
    yield ""
    for world in facts.worlds:
        yield f"- {_plain(world.folder)}: {_code(world.command)}, trace {_code(world.sha256[:16])}"
    yield ""
    yield "</details>"
    yield ""
    length = format_duration(facts.end)
    yield f"<sub>{_plain(facts.scenario)}, seed {facts.seed}, {length} of virtual time, kcsim {_plain(facts.version)}</sub>"


def _measures(facts: Facts) -> Iterable[str]:
    rows = []
    for name in MAIN:
        found = [world.measure(name) for world in facts.worlds]
        first = next((each for each in found if each is not None), None)
        if first is not None and any(each is not None and each.value is not None for each in found):
            texts = ["" if each is None else each.text for each in found]
            differs = len(set(texts)) > 1
            rows.append(
                [first.title, *(f"**{_plain(text)}**" if differs else _plain(text) for text in texts)]
            )
    if rows:
        yield from _table(["measured", *(world.folder for world in facts.worlds)], rows)


def _expectations(facts: Facts) -> Iterable[str]:
    rows = []
    for place, first in enumerate(facts.worlds[0].expectations):
        rows.append([first.name, *(_outcome(world.expectations[place]) for world in facts.worlds)])
    if rows:
        yield from _table(["expected", *(world.folder for world in facts.worlds)], rows)


def _outcome(each: Judged) -> str:
    if not each.is_judged:
        return "⚪ not judged"
    if each.passed:
        return "✅ held" if each.held else "✅ did not hold, as told"
    return "❌ held, but should not" if each.held else "❌ did not hold"


def _failure(world: World, each: Judged) -> Iterable[str]:
    under = f" under {_plain(world.name)}" if world.name else ""
    yield f"**❌ {_plain(each.name)}**{under}: {_plain(each.why)}"
    yield ""
    if each.chain:
        yield "<details><summary>What led to it</summary>"
        yield ""
        yield from _chain(each.chain)
        yield ""
        yield "</details>"
        yield ""


def _parted(facts: Facts) -> Iterable[str]:
    for found in facts.parted:
        if found.time is None:
            continue
        pair = " and ".join(found.between)
        head = f"{pair} part at {_clock(found.time)}: {found.object}"
        yield f"<details><summary>{_html(head)}</summary>"
        yield ""
        names = [name for name, _ in found.sides]
        if found.fields:
            rows = [[path or "the object", *map(_code, values)] for path, *values in found.fields]
            yield from _table(["field", *names], rows)
        for name, links in found.sides:
            yield f"**{_plain(name)}**{'' if links else ': nothing changes'}"
            yield ""
            if links:
                yield from _chain(links)
                yield ""
        yield "</details>"
        yield ""


def _chain(links: Sequence[Link]) -> Iterable[str]:
    over = len(links) - _MOST
    for place, link in enumerate(links):
        if over > 1 and _MOST // 2 <= place < _MOST // 2 + over:
            if place == _MOST // 2:
                yield f"{place + 1}. ... {over} steps in between"
            continue
        lead = "because " if place else ""
        facts = f": {_plain(link.facts)}" if link.facts else ""
        yield f"{place + 1}. {lead}{_clock(float(link.t))} {_plain(short_actor(link.actor))} {_plain(link.verb)} {_code(link.object)}{facts}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """The first column is text of others; the further ones are markup already."""
    yield f"| {' | '.join(_plain(each) for each in head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join([_plain(row[0]), *row[1:]])} |"
    yield ""


def _plain(words: str) -> str:
    """A text that Markdown leaves alone, on one line."""
    return _SPECIAL.sub(r"\\\1", _html(words))


def _html(words: str) -> str:
    """A text inside HTML, on one line; what would mention a person or an issue, or become a link, does not."""
    line = " ".join(fit(words).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _REFERENCE.sub("\\1\u200b", line)


def _code(words: str) -> str:
    """A text as code, with a fence longer than any in it."""
    line = " ".join(fit(words).split()).replace("|", "\u2502")
    ticks = max((len(run) for run in re.findall("`+", line)), default=0) + 1
    pad = " " if "`" in line else ""
    return f"{'`' * ticks}{pad}{line}{pad}{'`' * ticks}"


def _clock(time: float) -> str:
    return clock_text(round(time * SECOND))

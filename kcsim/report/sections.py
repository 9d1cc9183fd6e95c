"""The sections of the report: facts in, markup out.  Pure.

Each section is complete in words; pictures stand beside them. A section with nothing to say is empty and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kcsim.engine.clock import SECOND, clock_text
from kcsim.report.facts import Facts, Judged, Measured, Parted, World
from kcsim.scenario.recording import MARKER, TRACE
from kcsim.simulation.why import Link
from kcsim.views.causes import causal_graph
from kcsim.views.comparison import MAIN
from kcsim.views.markup import EMPTY, Markup, joined, tag
from kcsim.views.merged import Row, merged
from kcsim.views.picture import picture
from kcsim.views.states import state_of_line
from kcsim.views.strips import Happened
from kcsim.views.svg import Svg

_WIDTH = 1120
_LONG = 14
"""Steps of a chain that stand open."""
_WORDS = {
    "ok": ("✓", "held"),
    "told": ("✓", "did not hold, as told"),
    "failed": ("✗", "did not hold"),
    "held": ("✗", "held, but should not"),
    "none": ("○", "not judged"),
    "open": ("○", "open"),
}
"""What became of an expectation -> its glyph and its words."""


def state_of(facts: Facts) -> tuple[str, str]:
    """How the run ended: a class and a glyph."""
    if facts.interrupted or not facts.judged:
        return "unknown", "○"
    return ("failed", "✗") if facts.failed else ("ok", "✓")


# Side by side.


def side_by_side(facts: Facts) -> Markup:
    """The measures that matter most and the verdicts, a column a world."""
    rows = [row for row in _measure_rows(facts) if row[0].name in MAIN]
    rows.sort(key=lambda row: MAIN.index(row[0].name))
    happened = [row for row in rows if any(each is not None and each.value is not None for each in row[1])]
    head = [world.name or "world" for world in facts.worlds]
    measures = _table(
        "Measures",
        ["measured", *head],
        [
            (
                [tag("a", measure.title, href=f"#m-{measure.name}"), *(_text(each) for each in cells)],
                "differs" if _differ(cells) else "",
            )
            for measure, cells in happened
        ],
    )
    names = [each.name for each in facts.worlds[0].expectations]
    expectations = _table(
        "Expectations",
        ["expected", *head],
        [
            (
                [
                    tag("a", name, href=f"#e-{place}"),
                    *(_outcome(world.expectations[place]) for world in facts.worlds),
                ],
                "",
            )
            for place, name in enumerate(names)
        ],
    )
    note = tag("p", "Rows in bold are those in which the worlds differ.", class_="soft")
    parts = [measures, note if len(facts.worlds) > 1 else EMPTY] if happened else []
    return joined([*parts, expectations if names else EMPTY])


def _measure_rows(facts: Facts) -> list[tuple[Measured, list[Measured | None]]]:
    named: dict[str, Measured] = {}
    for world in facts.worlds:
        for each in world.measures:
            named.setdefault(each.name, each)
    return [(each, [world.measure(name) for world in facts.worlds]) for name, each in named.items()]


def _text(measure: Measured | None) -> str:
    return "" if measure is None else measure.text


def _differ(cells: Sequence[Measured | None]) -> bool:
    return len({_text(each) for each in cells}) > 1


def _outcome(each: Judged) -> Markup:
    kind = _kind(each)
    glyph, words = _WORDS[kind]
    at = f" at {_clock(each.at)}" if each.at is not None and kind == "ok" else ""
    return tag("span", tag("span", glyph, aria_hidden="true"), f" {words}{at}", class_=f"outcome {kind}")


def _kind(each: Judged) -> str:
    if not each.is_judged:
        return "none"
    if not each.decided:
        return "open"
    if each.passed:
        return "told" if each.expected == "fails" else "ok"
    return "held" if each.held else "failed"


# What happened.


def timeline(facts: Facts) -> Markup:
    """The picture of all worlds on one clock, and every moment of them in a table."""
    strips = [world.strip for world in facts.worlds]
    rows = merged({world.folder: world.strip.moments for world in facts.worlds})
    drawn = picture(strips, facts.end, facts.title, _WIDTH, _links(rows))
    figure = tag(
        "figure",
        tag("div", drawn.embedded("lanes"), class_="scroll"),
        tag("figcaption", drawn.description, class_="sr"),
        id="lanes-figure",
        data_end=f"{facts.end / SECOND:g}",
    )
    left_out = sum(strip.left_out for strip in strips)
    note = tag(
        "p", f"{left_out:,} more moments are left out here; {TRACE} of each world has all.", class_="soft"
    )
    return joined([figure, note if left_out else EMPTY, _moment_table(facts, rows)])


def _links(rows: Sequence[Row[Happened]]) -> dict[tuple[int, str, str], str]:
    """Where the marks of the picture lead to: every moment of every world, to the row that tells it."""
    return {
        (time, row.moment.lane, row.moment.text): f"#t-{place}"
        for place, row in enumerate(rows)
        for time in row.times
        if time is not None
    }


def _moment_table(facts: Facts, rows: Sequence[Row[Happened]]) -> Markup:
    several = len(facts.worlds) > 1
    head = ["time", "lane", "what happened", *([world.name for world in facts.worlds] if several else [])]
    body = []
    for place, row in enumerate(rows):
        state = state_of_line(row.moment.lane, row.moment.text)
        cells: list[object] = [
            tag("span", _clock(row.time / SECOND), class_="num"),
            tag("span", row.moment.lane, class_=f"lane l-{row.moment.lane}"),
            tag("span", row.moment.text, title=row.moment.actor, class_="bad" if state == "failed" else None),
        ]
        if several:
            cells.extend(_mark(time, row.time) for time in row.times)
        attributes = {"id": f"t-{place}", "data_lane": row.moment.lane, "data_a": f"{row.time / SECOND:g}"}
        body.append(tag("tr", *(tag("td", cell) for cell in cells), **attributes))
    table = tag(
        "table",
        tag("thead", tag("tr", *(tag("th", each, scope="col") for each in head))),
        tag("tbody", *body),
        class_="moments",
    )
    return tag(
        "details",
        tag("summary", f"All {len(rows)} moments as a table"),
        tag("div", table, class_="scroll"),
        id="moments",
        open=len(rows) <= 12,
    )


def _mark(time: int | None, first: int) -> Markup:
    """Whether it happened in a world, and when where that is later."""
    if time is None:
        return tag(
            "span", tag("span", "·", aria_hidden="true"), tag("span", "no", class_="sr"), class_="soft"
        )
    late = f" {_clock(time / SECOND)}" if time // SECOND != first // SECOND else ""
    return tag("span", tag("span", "●", aria_hidden="true"), tag("span", "yes", class_="sr"), late)


# Where the worlds part.


def parted(facts: Facts) -> Markup:
    """The first difference of substance between the first world and each other one, with both chains of causes."""
    return joined(_parted(each, several=len(facts.parted) > 1) for each in facts.parted)


def _parted(found: Parted, *, several: bool) -> Markup:
    pair = " and ".join(found.between)
    lead = tag("h3", pair) if several else EMPTY
    if found.time is None:
        return joined([lead, tag("p", "What the deliveries manage never differed in substance.")])
    chains: Mapping[str, tuple[Link, ...]] = {name: links for name, links in found.sides if links}
    drawn = causal_graph(chains, f"{_clock(found.time)}: {found.object} differs")
    sides = [
        tag("div", tag("h3", name), _chain(links) if links else tag("p", "Nothing changes.", class_="soft"))
        for name, links in found.sides
    ]
    return joined(
        [
            lead,
            tag(
                "p",
                "Until ",
                tag("b", _clock(found.time)),
                f" {pair} hold the same of what git asks for. Then ",
                tag("code", found.object),
                " differs.",
            ),
            _figure(drawn) if len(chains) > 1 else EMPTY,
            tag("div", *sides, class_="columns"),
        ]
    )


def _figure(drawn: Svg) -> Markup:
    """A picture that the page has in words as well."""
    return tag("figure", tag("div", drawn.embedded(label=False), class_="scroll"))


def _chain(links: Sequence[Link]) -> Markup:
    """The chain as a list; of a long one the middle is folded away."""
    items = _items(links)
    over = len(items) - _LONG
    if over < _LONG:
        return tag("ol", *items, class_="chain")
    half = _LONG // 2
    middle = tag(
        "details",
        tag("summary", f"{over} steps in between"),
        tag("ol", *items[half : half + over], start=half + 1, class_="chain"),
    )
    last = tag("ol", *items[half + over :], start=half + over + 1, class_="chain")
    return joined([tag("ol", *items[:half], class_="chain"), middle, last])


def _items(links: Sequence[Link]) -> list[Markup]:
    items = []
    for place, link in enumerate(links):
        head = joined(
            [
                tag("span", "because ", class_="soft") if place else EMPTY,
                tag("span", f"{_clock(float(link.t))} ", class_="num"),
                tag("b", _actor(link.actor)),
                f" {link.verb} ",
                tag("code", link.object),
            ]
        )
        more = [tag("div", link.facts, class_="facts")] if link.facts else []
        more += [tag("div", line, class_="facts") for line in link.lines if place < 2]
        items.append(tag("li", head, *more))
    return items


def _actor(name: str) -> str:
    return name.rpartition(":")[2] if name.startswith("system:") else name


# What was expected.


def expected(facts: Facts) -> Markup:
    """Each expectation with its verdict in each world; those that did not hold with what led there."""
    parts = []
    failed = {f"{each.name} ({world.folder})": each.chain for world, each in facts.failed if each.chain}
    if len(failed) > 1:
        parts.append(_figure(causal_graph(failed, "How the failures hang together")))
    for place, first in enumerate(facts.worlds[0].expectations):
        verdicts = [(world, world.expectations[place]) for world in facts.worlds]
        is_failed = any(not each.passed for _, each in verdicts)
        worst = next((each for _, each in verdicts if not each.passed), None)
        kinds = [_kind(each) for _, each in verdicts]
        shown = worst or next((each for _, each in verdicts if each.is_judged), first)
        summary = joined(
            [
                tag("span", _WORDS[_kind(shown)][0], aria_hidden="true", class_=f"outcome {_kind(shown)}"),
                " ",
                tag("span", first.name, class_="name"),
                tag("span", f" {', '.join(dict.fromkeys(_WORDS[kind][1] for kind in kinds))}", class_="soft"),
            ]
        )
        body = [tag("p", first.note, class_="soft")] if first.note else []
        body.extend(_verdict(world, each) for world, each in verdicts)
        parts.append(tag("details", tag("summary", summary), *body, id=f"e-{place}", open=is_failed))
    return joined(parts)


def _verdict(world: World, each: Judged) -> Markup:
    parts: list[object] = [
        tag("h3", f"{world.name} " if world.name else EMPTY, _outcome(each)),
        tag("p", each.why),
    ]
    if each.is_judged and not each.held:
        if each.chain:
            parts.append(_chain(each.chain))
        else:
            parts.append(tag("p", "Nothing that happened decided it: it did not come.", class_="soft"))
    return tag("div", *parts, class_="verdict-of")


# What was measured.


def measured(facts: Facts) -> Markup:
    """Every measure with what it means and what it is made of."""
    items = []
    for measure, cells in _measure_rows(facts):
        values = [
            tag(
                "div",
                tag("span", f"{world.name or 'value'} ", class_="soft"),
                tag("b", _text(each) or "-"),
                tag("ul", *(tag("li", line) for line in each.detail)) if each and each.detail else EMPTY,
            )
            for world, each in zip(facts.worlds, cells, strict=True)
        ]
        items.append(
            tag(
                "div",
                tag(
                    "h3",
                    measure.title,
                    tag("span", f" {measure.unit}", class_="soft") if measure.unit else EMPTY,
                ),
                tag("p", measure.definition),
                tag("div", *values, class_="columns"),
                id=f"m-{measure.name}",
                class_="measure",
            )
        )
    return joined(items)


# Play it again.


def again(facts: Facts) -> Markup:
    """The commands, and what must come out."""
    rows = [
        (
            [
                world.name or "world",
                tag("code", world.command),
                tag("code", world.sha256, class_="sha"),
            ],
            "",
        )
        for world in facts.worlds
    ]
    target = f"{facts.worlds[-1].folder}"
    return joined(
        [
            tag(
                "p",
                "A run is decided by its scenario and its seed. In the folder of this page, each command plays its world again; "
                "its trace then has the same SHA-256, with the same version of kcsim "
                f"({facts.version}).",
            ),
            _table("Commands", ["world", "command", "SHA-256 of the trace"], rows),
            tag(
                "p",
                "Ask why an object is as it is: ",
                tag("code", f"kcsim why {target} deployment/NAME"),
                ". Make this page again: ",
                tag("code", "kcsim report ."),
                f". Beside it: result.json, timeline.json, {MARKER}, and for each world {TRACE}, objects.yaml and scenario.yaml.",
                class_="soft",
            ),
        ]
    )


def _table(caption: str, head: Sequence[object], rows: Sequence[tuple[Sequence[object], str]]) -> Markup:
    body = [
        tag(
            "tr",
            tag("th", cells[0], scope="row"),
            *(tag("td", cell) for cell in cells[1:]),
            class_=look or None,
        )
        for cells, look in rows
    ]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption, class_="sr"),
            tag("thead", tag("tr", *(tag("th", each, scope="col") for each in head))),
            tag("tbody", *body),
        ),
        class_="scroll",
    )


def _clock(time: float) -> str:
    return clock_text(round(time * SECOND))

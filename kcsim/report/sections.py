"""The sections of the report: facts in, markup out.  Pure.

Each section is complete in words; pictures stand beside them. A section with nothing to say is empty and left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from kcsim.engine.clock import SECOND
from kcsim.report.facts import Facts, Measured
from kcsim.report.reasons import clock, outcome
from kcsim.scenario.recording import MARKER, TRACE
from kcsim.views.comparison import MAIN
from kcsim.views.markup import EMPTY, Markup, joined, tag
from kcsim.views.merged import Row, merged
from kcsim.views.picture import picture
from kcsim.views.states import state_of_line
from kcsim.views.strips import Happened

_WIDTH = 1120


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
                    *(outcome(world.expectations[place]) for world in facts.worlds),
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
            tag("span", clock(row.time / SECOND), class_="num"),
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
    late = f" {clock(time / SECOND)}" if time // SECOND != first // SECOND else ""
    return tag("span", tag("span", "●", aria_hidden="true"), tag("span", "yes", class_="sr"), late)


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

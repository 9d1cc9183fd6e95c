"""The sections of the report that say why: where the worlds part, and what became of the expectations.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kcsim.engine.clock import SECOND, clock_text
from kcsim.report.facts import Facts, Judged, Parted, World
from kcsim.simulation.why import Link
from kcsim.views.causes import causal_graph
from kcsim.views.markup import EMPTY, Markup, joined, tag
from kcsim.views.moments import short_actor
from kcsim.views.svg import Svg

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


# Where the worlds part.


def parted(facts: Facts) -> Markup:
    """The first difference of substance between each two worlds: over what, in which fields, both chains of causes."""
    several = len(facts.parted) > 1
    lead = tag(
        "p", "Each two worlds, at the first moment at which what git asks for was not the same in both."
    )
    return joined([lead if several else EMPTY, *(_parted(each, several=several) for each in facts.parted)])


def _parted(found: Parted, *, several: bool) -> Markup:
    pair = " and ".join(found.between)
    lead = tag("h3", pair) if several else EMPTY
    if found.time is None:
        return joined([lead, tag("p", "What the deliveries manage never differed in substance.")])
    chains: Mapping[str, tuple[Link, ...]] = {name: links for name, links in found.sides if links}
    drawn = causal_graph(chains, f"{clock(found.time)}: {found.object} differs")
    sides = [
        tag(
            "div",
            tag("h4" if several else "h3", name),
            _chain(links) if links else tag("p", "Nothing changes.", class_="soft"),
        )
        for name, links in found.sides
    ]
    return joined(
        [
            lead,
            tag(
                "p",
                "Until ",
                tag("b", clock(found.time)),
                f" {pair} hold the same of what git asks for. Then ",
                tag("code", found.object),
                " differs:" if found.fields else " differs.",
            ),
            _fields(found) if found.fields else EMPTY,
            _figure(drawn) if len(chains) > 1 else EMPTY,
            tag("div", *sides, class_="columns"),
        ]
    )


def _fields(found: Parted) -> Markup:
    """In what the object differed, a column a side."""
    heads = ["field", *(name for name, _ in found.sides)]
    rows = [
        tag(
            "tr",
            tag("th", tag("code", path) if path else "the object", scope="row"),
            *(tag("td", tag("code", value)) for value in values),
        )
        for path, *values in found.fields
    ]
    head = tag("thead", tag("tr", *(tag("th", each, scope="col") for each in heads)))
    caption = tag("caption", f"In what {found.object} differs", class_="sr")
    return tag("div", tag("table", caption, head, tag("tbody", *rows)), class_="scroll")


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
                tag("span", f"{clock(float(link.t))} ", class_="num"),
                tag("b", short_actor(link.actor)),
                f" {link.verb} ",
                tag("code", link.object),
            ]
        )
        more = [tag("div", link.facts, class_="facts")] if link.facts else []
        more += [tag("div", line, class_="facts") for line in link.lines if place < 2]
        items.append(tag("li", head, *more))
    return items


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
        tag("h3", f"{world.name} " if world.name else EMPTY, outcome(each)),
        tag("p", each.why),
    ]
    if each.is_judged and not each.held:
        if each.chain:
            parts.append(_chain(each.chain))
        else:
            parts.append(tag("p", "Nothing that happened decided it: it did not come.", class_="soft"))
    return tag("div", *parts, class_="verdict-of")


# Words that other sections use too.


def outcome(each: Judged) -> Markup:
    """What became of an expectation in one world: a glyph, words, and when."""
    kind = _kind(each)
    glyph, words = _WORDS[kind]
    at = f" at {clock(each.at)}" if each.at is not None and kind == "ok" else ""
    return tag("span", tag("span", glyph, aria_hidden="true"), f" {words}{at}", class_=f"outcome {kind}")


def _kind(each: Judged) -> str:
    if not each.is_judged:
        return "none"
    if not each.decided:
        return "open"
    if each.passed:
        return "told" if each.expected == "fails" else "ok"
    return "held" if each.held else "failed"


def clock(time: float) -> str:
    """An instant (virtual seconds) as the page shows it."""
    return clock_text(round(time * SECOND))

"""The report as one HTML page: everything inside, nothing fetched, readable without its script.

The page forbids itself every connection (Content-Security-Policy). Its script adds zooming, stepping and filtering to
what stands there anyway; on paper it is all unfolded.

**Walk:** facts -> the sections (sections.py, reasons.py) -> a page with ``report.css`` and ``report.js`` inside.
"""

from __future__ import annotations

from importlib.resources import files

from kcsim.engine.clock import format_duration
from kcsim.report import reasons, sections
from kcsim.report.facts import Facts
from kcsim.report.verdict import verdict
from kcsim.views.markup import EMPTY, Markup, joined, tag
from kcsim.views.svg import STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def page(facts: Facts) -> str:
    """The whole document."""
    parts = [
        ("at-a-glance", "Side by side", sections.side_by_side(facts)),
        ("timeline", "What happened", sections.timeline(facts)),
        ("parted", "Where the worlds part", reasons.parted(facts)),
        ("expected", "What was expected", reasons.expected(facts)),
        ("measures", "What was measured", sections.measured(facts)),
        ("again", "Play it again", sections.again(facts)),
    ]
    shown = [(id, title, content) for id, title, content in parts if content]
    body = joined(
        [
            tag("a", "Skip to the verdict", href="#verdict", class_="skip"),
            _header(facts),
            tag(
                "nav",
                tag("ul", *(tag("li", tag("a", title, href=f"#{id}")) for id, title, _ in shown)),
                aria_label="Sections",
            ),
            tag(
                "main",
                _verdict(facts),
                *(
                    tag("section", tag("h2", title, id=f"h-{id}"), content, id=id, aria_labelledby=f"h-{id}")
                    for id, title, content in shown
                ),
            ),
            tag("footer", tag("p", f"Made by kcsim {facts.version} from a recording. Times are virtual.")),
            tag("script", _asset("report.js")),
        ],
        "\n",
    )
    head = joined(
        [
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="generator", content=f"kcsim {facts.version}"),
            tag("title", f"{facts.title}: kcsim report"),
            tag("style", _asset("report.css"), STYLE),
        ],
        "\n",
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _asset(name: str) -> Markup:
    """A file of this room; style and script are written here and hold no text of others."""
    return Markup(files("kcsim.report").joinpath(name).read_text("utf-8"))


def _header(facts: Facts) -> Markup:
    names = " | ".join(world.name for world in facts.worlds if world.name)
    length = f"{format_duration(facts.end)} of virtual time"
    line = [each for each in (names, f"seed {facts.seed}", length, facts.scenario) if each]
    return tag(
        "header",
        tag("p", "kcsim report", class_="kicker"),
        tag("h1", facts.title),
        tag("p", facts.summary, class_="summary") if facts.summary else EMPTY,
        tag("p", *(tag("span", each) for each in line), class_="line"),
    )


def _verdict(facts: Facts) -> Markup:
    state, glyph = sections.state_of(facts)
    return tag(
        "p",
        tag("span", glyph, aria_hidden="true", class_="glyph"),
        tag("span", verdict(facts)),
        id="verdict",
        class_=f"verdict {state}",
    )

"""Text in markup: whatever a name holds, a page stays the page it was."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcsim.views.markup import Markup, fit, joined, tag, text
from kcsim.views.svg import Svg

html5lib = pytest.importorskip("html5lib", reason="needs the development dependencies")

ANYTHING = st.text(st.characters(codec=None), max_size=40)


@given(ANYTHING, ANYTHING)
def test_any_text_stays_one_text_in_xml_and_html(words: str, attribute: str) -> None:
    made = tag("p", words, title=attribute)
    root = ET.fromstring(made)
    assert len(root) == 0
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
        f"<!DOCTYPE html><html><head><title>t</title></head><body>{made}</body></html>"
    )
    (paragraph,) = page.iter("p")
    assert set(paragraph.attrib) == {"title"}
    made.encode("utf-8")


@given(ANYTHING)
def test_any_name_in_a_picture_stays_text(words: str) -> None:
    svg = Svg(100, 100, words, words)
    svg.text(1, 2, words, words)
    svg.rect(0, 0, 1, 1, words, words)
    svg.mark(words, 0, 0, words, words)
    with svg.link(words):
        svg.line(0, 0, 1, 1, words, words)
    root = ET.fromstring(str(svg))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "text", "circle", "polygon", "a", "line"
    }  # fmt: skip


def test_what_turns_text_around_or_cannot_be_shown_is_replaced() -> None:
    assert fit("a\u202eb\u0000c\ud800d\x1be\u0085") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd"
    assert fit("grüße ✓ 日本 \U0001f600\t\n") == "grüße ✓ 日本 \U0001f600\t\n"


def test_markup_is_not_escaped_twice() -> None:
    inner = tag("b", "<")
    assert tag("p", inner, " & ") == "<p><b>&lt;</b> &amp; </p>"
    assert text(inner) is inner
    assert joined(["<", inner], "|") == "&lt;|<b>&lt;</b>"
    assert isinstance(joined([]), Markup)


def test_attributes() -> None:
    assert (
        tag("input", type="checkbox", checked=True, disabled=False, id=None)
        == '<input type="checkbox" checked>'
    )
    assert (
        tag("a", "x", class_="c", data_at=3, aria_label='"')
        == '<a class="c" data-at="3" aria-label="&quot;">x</a>'
    )

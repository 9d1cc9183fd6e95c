"""A small SVG writer: shapes in, one self-contained picture out, the same bytes every time.

One writer serves notebooks, reports, the terminal's export and the documentation. Every text is escaped, every number is
written in its shortest form, and colours come from one palette (Okabe and Ito's, told apart by colour-blind people) that
knows light and dark pages. A picture needs no script and no network.

**Walk:** ``Svg(width, height, title)`` -> ``rect``, ``line``, ``text``, ``mark`` append shapes -> ``str(svg)``, or
``svg.embedded()`` in a page that has ``STYLE`` once for all its pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kcsim.views.markup import Markup, text

_LIGHT = "--bg:#fff;--ink:#1c2024;--soft:#5b6470;--rule:#dfe3e8;--axis:#8a93a0;--box:#f4f6f8"
_DARK = "--bg:#15181c;--ink:#e6e8eb;--soft:#a3acb8;--rule:#2b3138;--axis:#6f7885;--box:#1e2328"

# Plain colours first, so that viewers without variables or media queries show the light picture. Pages that choose
# a theme themselves (JupyterLab, VS Code, the report) are asked after the reader's own preference.
STYLE = Markup(
    f"""
.kc{{font:12px system-ui,sans-serif;{_LIGHT}}}
@media (prefers-color-scheme:dark){{.kc{{{_DARK}}}}}
[data-theme=light] .kc,[data-jp-theme-light=true] .kc,.vscode-light .kc{{{_LIGHT}}}
[data-theme=dark] .kc,[data-jp-theme-light=false] .kc,.vscode-dark .kc{{{_DARK}}}
@media print{{.kc{{{_LIGHT}}}}}
.kc .bg{{fill:#fff;fill:var(--bg)}}.kc text{{fill:#1c2024;fill:var(--ink)}}.kc .soft{{fill:#5b6470;fill:var(--soft)}}
.kc .strong{{font-weight:600}}.kc .mono{{font-family:ui-monospace,monospace;font-size:11px}}.kc .small{{font-size:10.5px}}
.kc .rule{{stroke:#dfe3e8;stroke:var(--rule);stroke-width:1;fill:none}}
.kc .axis{{stroke:#8a93a0;stroke:var(--axis);stroke-width:1;fill:none}}
.kc .box{{fill:#f4f6f8;fill:var(--box);stroke:#dfe3e8;stroke:var(--rule)}}
.kc .ok,.kc .pods{{fill:#009e73}}.kc .pending,.kc .person{{fill:#e69f00}}.kc .failed,.kc .fault,.kc .traffic{{fill:#d55e00}}
.kc .unknown,.kc .api{{fill:#999}}.kc .done,.kc .registry{{fill:#b8a22c}}.kc .git{{fill:#0072b2}}.kc .ci{{fill:#cc79a7}}
.kc .agent{{fill:#56b4e9}}.kc .faint{{opacity:.25}}
.kc text.on{{fill:#fff}}.kc .h0{{opacity:.08}}.kc .h1{{opacity:.3}}.kc .h2{{opacity:.5}}.kc .h3{{opacity:.75}}
.kc .line{{fill:none;stroke-width:2}}.kc .dashed{{stroke-dasharray:5 4}}
.kc .line.ok{{stroke:#009e73}}.kc .line.failed{{stroke:#d55e00}}.kc .line.pending{{stroke:#e69f00}}
.kc .line.git{{stroke:#0072b2}}.kc .line.agent{{stroke:#56b4e9}}.kc .line.ink{{stroke:#1c2024;stroke:var(--ink);stroke-width:1.2}}
.kc a:hover .m,.kc .m.on{{stroke:#1c2024;stroke:var(--ink);stroke-width:2}}
""".strip().replace("\n", "")
)
"""The rules that every picture goes by."""


class Svg:
    """A picture of ``width`` by ``height`` CSS pixels that says what it shows in ``title`` and ``description``.

    ``look`` names classes of the palette (``ok``, ``failed faint``), ``hover`` is what a pointer is told, and what is
    given by name beyond that becomes a ``data-`` attribute, for a page's script.
    """

    def __init__(self, width: float, height: float, title: str, description: str = "") -> None:
        self.width = width
        self.height = height
        self.title = title
        self.description = description
        self._parts: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, look: str, hover: str = "", **data: float
    ) -> None:
        """A box."""
        size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" height="{_n(height)}"'
        self._add("rect", size, look, hover, data)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, look: str = "rule", hover: str = "", **data: float
    ) -> None:
        """A straight line."""
        self._add("line", f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"', look, hover, data)

    def path(self, points: Sequence[tuple[float, float]], look: str, hover: str = "", **data: float) -> None:
        """A filled polygon."""
        self._add("polygon", f'points="{_points(points)}"', look, hover, data)

    def polyline(self, points: Sequence[tuple[float, float]], look: str, hover: str = "") -> None:
        """Straight lines from point to point, not filled."""
        self._add("polyline", f'points="{_points(points)}"', f"line {look}", hover, {})

    def curve(
        self, x1: float, y1: float, x2: float, y2: float, look: str, hover: str = "", bow: float = 0.0
    ) -> None:
        """A line that leaves and arrives vertically, or aside by ``bow`` pixels."""
        one, other = (_n(y1), _n(y2)) if bow else (_n((y1 + y2) / 2),) * 2
        way = f"M{_n(x1)} {_n(y1)}C{_n(x1 + bow)} {one} {_n(x2 + bow)} {other} {_n(x2)} {_n(y2)}"
        self._add("path", f'd="{way}"', look, hover, {})

    def circle(self, x: float, y: float, radius: float, look: str, hover: str = "", **data: float) -> None:
        """A disc."""
        self._add("circle", f'cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"', look, hover, data)

    def mark(self, shape: str, x: float, y: float, look: str, hover: str = "", **data: float) -> None:
        """A mark around a point, by the name of its shape in ``MARKS`` (a disc when it has none)."""
        corners = MARKS.get(shape)
        if corners is None:
            self.circle(x, y, 5, look, hover, **data)
        else:
            self.path([(x + dx, y + dy) for dx, dy in corners], look, hover, **data)

    def text(self, x: float, y: float, words: object, look: str = "", anchor: str = "start") -> None:
        """Words; ``anchor`` is start, middle or end."""
        where = f'<text x="{_n(x)}" y="{_n(y)}"' + (f' text-anchor="{anchor}"' if anchor != "start" else "")
        kind = f' class="{text(look)}"' if look else ""
        self._parts.append(f"{where}{kind}>{text(words)}</text>")

    @contextmanager
    def group(self, look: str = "") -> Iterator[None]:
        """What is drawn inside belongs together."""
        self._parts.append(f'<g class="{text(look)}">')
        yield
        self._parts.append("</g>")

    @contextmanager
    def link(self, href: str) -> Iterator[None]:
        """What is drawn inside leads to a place of the page; the keyboard passes it over, as the page has it in words."""
        self._parts.append(f'<a href="{text(href)}" tabindex="-1">')
        yield
        self._parts.append("</a>")

    def _add(self, tag: str, where: str, look: str, hover: str, data: dict[str, float]) -> None:
        more = "".join(f' data-{key}="{_n(value)}"' for key, value in data.items()) if data else ""
        shape = f'<{tag} {where} class="{text(look)}"{more}'
        self._parts.append(f"{shape}><title>{text(hover)}</title></{tag}>" if hover else f"{shape}/>")

    def embedded(self, id: str = "", *, label: bool = True) -> Markup:
        """The picture for a page that has ``STYLE``.

        Args:
            id: of the element.
            label: whether the picture names itself to who cannot see it; not where the page has it in words.
        """
        named = f' id="{text(id)}"' if id else ""
        size = f'width="{_n(self.width)}" height="{_n(self.height)}" viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
        head = f"<title>{text(self.title)}</title>"
        described = f"<desc>{text(self.description)}</desc>" if self.description else ""
        role = ' role="img"' if label else ' aria-hidden="true"'
        body = "\n".join(self._parts)
        return Markup(
            f'<svg xmlns="http://www.w3.org/2000/svg"{named} {size}{role} class="kc" style="max-width:100%;height:auto">'
            f'{head if label else ""}{described}\n<rect width="100%" height="100%" class="bg"/>\n{body}\n</svg>\n'
        )

    def __str__(self) -> str:
        """The picture as a file of its own."""
        whole = self.embedded()
        place = whole.index('\n<rect width="100%"')
        return f"{whole[:place]}<style>{STYLE}</style>{whole[place:]}"

    def __repr__(self) -> str:
        """What it shows, in words: for terminals, logs and screen readers."""
        return f"{self.title}: {self.description}" if self.description else self.title

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows inside its own page, whose theme the picture then follows."""
        return str(self)


MARKS: dict[str, tuple[tuple[float, float], ...]] = {
    "diamond": ((0, -6.5), (6.5, 0), (0, 6.5), (-6.5, 0)),
    "square": ((-5, -5), (5, -5), (5, 5), (-5, 5)),
    "triangle": ((0, -6), (6, 5), (-6, 5)),
    "down": ((0, 6), (6, -5), (-6, -5)),
    "cross": (
        (-6, -4),
        (-4, -6),
        (0, -2),
        (4, -6),
        (6, -4),
        (2, 0),
        (6, 4),
        (4, 6),
        (0, 2),
        (-4, 6),
        (-6, 4),
        (-2, 0),
    ),
}
"""Shape -> its corners around the point that it marks."""


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _n(value: float) -> str:
    """A number with at most two decimals and none it does not need."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short

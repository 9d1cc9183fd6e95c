"""A small SVG writer: shapes in, one self-contained picture out, the same bytes every time.

One writer serves notebooks, reports and the documentation. Every text is escaped, every number is written in its
shortest form, and colours come from one palette (Okabe and Ito's, told apart by colour-blind people) that knows light and
dark pages. A picture needs no script and no network.

**Walk:** ``Svg(width, height, title)`` -> ``rect``, ``line``, ``text``, ``path`` append shapes -> ``str(svg)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

# Plain colours first, so that viewers without CSS variables or media queries show the light picture.
_STYLE = """
.kc{font:12px system-ui,sans-serif}
.kc .bg{fill:#fff}.kc text{fill:#1c2024}.kc .soft{fill:#6b7280}.kc .strong{font-weight:600}
.kc .rule{stroke:#d7dbe0;stroke-width:1}.kc .axis{stroke:#6b7280;stroke-width:1}
.kc .ok,.kc .pods{fill:#009e73}.kc .pending,.kc .person{fill:#e69f00}.kc .failed,.kc .fault,.kc .traffic{fill:#d55e00}
.kc .unknown,.kc .api{fill:#999}.kc .git{fill:#0072b2}.kc .ci{fill:#cc79a7}.kc .agent{fill:#56b4e9}
.kc .faint{opacity:.25}
@media (prefers-color-scheme:dark){.kc .bg{fill:#15181c}.kc text{fill:#e6e8eb}.kc .soft{fill:#9aa3ad}
.kc .rule{stroke:#3a4149}.kc .axis{stroke:#9aa3ad}}
""".strip().replace("\n", "")


class Svg:
    """A picture of ``width`` by ``height`` CSS pixels that says what it shows in ``title`` and ``description``."""

    def __init__(self, width: float, height: float, title: str, description: str = "") -> None:
        self.width = width
        self.height = height
        self.title = title
        self.description = description
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, look: str, hover: str = "") -> None:
        """A box; ``look`` names classes of the palette (``ok``, ``failed faint``), ``hover`` what a pointer is told."""
        shape = f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(width, 0))}" height="{_n(height)}" class="{_a(look)}"'
        self._add(shape, "rect", hover)

    def line(self, x1: float, y1: float, x2: float, y2: float, look: str = "rule") -> None:
        """A straight line."""
        self._add(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" class="{_a(look)}"', "line", ""
        )

    def path(self, points: Sequence[tuple[float, float]], look: str, hover: str = "") -> None:
        """A filled polygon."""
        where = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._add(f'<polygon points="{where}" class="{_a(look)}"', "polygon", hover)

    def circle(self, x: float, y: float, radius: float, look: str, hover: str = "") -> None:
        """A disc."""
        self._add(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" class="{_a(look)}"', "circle", hover)

    def text(self, x: float, y: float, text: str, look: str = "", anchor: str = "start") -> None:
        """Words; ``anchor`` is start, middle or end."""
        where = f'<text x="{_n(x)}" y="{_n(y)}"' + (f' text-anchor="{anchor}"' if anchor != "start" else "")
        self._parts.append(f'{where} class="{_a(look)}">{escape(text, quote=False)}</text>')

    def _add(self, shape: str, tag: str, hover: str) -> None:
        if hover:
            self._parts.append(f"{shape}><title>{escape(hover, quote=False)}</title></{tag}>")
        else:
            self._parts.append(f"{shape}/>")

    def __str__(self) -> str:
        described = f"<desc>{escape(self.description, quote=False)}</desc>" if self.description else ""
        size = f'width="{_n(self.width)}" height="{_n(self.height)}" viewBox="0 0 {_n(self.width)} {_n(self.height)}"'
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" class="kc" style="max-width:100%;height:auto">'
            f"<title>{escape(self.title, quote=False)}</title>{described}<style>{_STYLE}</style>\n"
            f'<rect width="100%" height="100%" class="bg"/>\n{body}\n</svg>\n'
        )

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return str(self)


def _n(value: float) -> str:
    """A number with at most two decimals and none it does not need."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _a(value: str) -> str:
    return escape(value, quote=True)

"""Chains of causes as one graph: where they have a step in common they share it, so that it shows where they part.

Pure. Each record has one cause, so chains that meet never part again on their way back: together they are trees, each
with an origin (a commit, a person, a fault, a clock) at its top and what was asked about at its leaves.

**Walk:** chains by name -> ``causes`` lays them on each other from their origins -> ``Step``s -> ``causal_graph`` draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kcsim.engine.clock import SECOND, clock_text
from kcsim.views.moments import short_actor
from kcsim.views.svg import Svg

_BOX, _TALL, _GAP_X, _GAP_Y, _MARGIN, _HEAD = 316, 50, 22, 26, 16, 34
_LINE = 46
"""Characters that a box has room for in one line."""
_MOST = 9
"""Steps of a chain that are drawn; of a longer one the middle is told by its number."""


class Told(Protocol):
    """A step of a chain: ``kcsim.simulation.why.Link`` is one."""

    @property
    def t(self) -> str:
        """When, virtual seconds as text."""

    @property
    def actor(self) -> str:
        """Who."""

    @property
    def verb(self) -> str:
        """Did what."""

    @property
    def object(self) -> str:
        """To what."""

    @property
    def facts(self) -> str:
        """More, in a few words."""


@dataclass(slots=True)
class Step:
    """One thing that happened, what it led to, and the names of the chains that end with it.

    Attributes:
        link: what happened; None stands for ``folded`` steps that are not drawn.
    """

    link: Told | None
    folded: int = 0
    led_to: list[Step] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)


def causes(chains: Mapping[str, Sequence[Told]]) -> list[Step]:
    """The trees that chains make together, in the order of the chains; each chain begins with what was asked about."""
    roots: list[Step] = []
    for name, links in chains.items():
        level, at = roots, None
        for link, folded in _folded(list(reversed(links))):
            at = next((step for step in level if _same(step, link, folded)), None)
            if at is None:
                at = Step(link, folded)
                level.append(at)
            level = at.led_to
        if at is not None:
            at.ends.append(name)
    return roots


def _folded(links: Sequence[Told]) -> Iterator[tuple[Told | None, int]]:
    """From the origin on; of a long chain the middle is one step."""
    over = len(links) - _MOST
    for place, link in enumerate(links):
        if over <= 0 or not _MOST // 2 <= place <= _MOST // 2 + over:
            yield link, 0
        elif place == _MOST // 2:
            yield None, over + 1


def _same(step: Step, link: Told | None, folded: int) -> bool:
    if step.link is None or link is None:
        return step.link is link and step.folded == folded
    mine = step.link
    return (mine.t, mine.actor, mine.verb, mine.object) == (link.t, link.actor, link.verb, link.object)


def causal_graph(chains: Mapping[str, Sequence[Told]], title: str = "Why") -> Svg:
    """The graph: origins at the top, what was asked about at the bottom, the names of chains below their ends."""
    roots = causes(chains)
    wide = sum(_width(step) for step in roots)
    deep = max((_depth(step) for step in roots), default=0)
    width = 2 * _MARGIN + max(1, wide) * _BOX + (max(1, wide) - 1) * _GAP_X
    svg = Svg(width, _HEAD + max(1, deep) * (_TALL + _GAP_Y) + _MARGIN, title, _words(chains))
    svg.text(_MARGIN, 20, title, "strong")
    if not roots:
        svg.text(_MARGIN, _HEAD + 20, "nothing was asked about", "soft")
    column = 0
    for root in roots:
        _draw(svg, root, column, 0, None)
        column += _width(root)
    return svg


def _draw(svg: Svg, step: Step, column: int, row: int, above: tuple[float, float] | None) -> None:
    wide = _width(step)
    x = _MARGIN + column * (_BOX + _GAP_X) + (wide - 1) * (_BOX + _GAP_X) / 2
    y = float(_HEAD + row * (_TALL + _GAP_Y))
    middle = x + _BOX / 2
    if above is not None:
        svg.curve(*above, middle, y, "axis")
        svg.path([(middle - 4, y - 6), (middle + 4, y - 6), (middle, y)], "unknown")
    if step.link is None:
        svg.rect(x, y + 8, _BOX, _TALL - 16, "box")
        svg.text(middle, y + 29, f"{step.folded} steps in between", "soft", "middle")
    else:
        _box(svg, step.link, x, y, origin=row == 0)
    for place, name in enumerate(step.ends):
        svg.text(middle, y + _TALL + 14 + 14 * place, name, "strong", "middle")
    place = column
    for child in step.led_to:
        _draw(svg, child, place, row + 1, (middle, y + _TALL))
        place += _width(child)


def _box(svg: Svg, link: Told, x: float, y: float, *, origin: bool) -> None:
    hover = f"t={link.t}s {link.actor} {link.verb} {link.object}" + (f": {link.facts}" if link.facts else "")
    svg.rect(x, y, _BOX, _TALL, "box", hover)
    svg.rect(x, y, 4, _TALL, "git" if origin else "agent")
    clock = clock_text(round(float(link.t) * SECOND))
    svg.text(x + 12, y + 15, _cut(f"{clock}  {short_actor(link.actor)}", _LINE), "soft")
    svg.text(x + 12, y + 30, _cut(f"{link.verb} {link.object}", _LINE - 5), "strong")
    if link.facts:
        svg.text(x + 12, y + 44, _cut(link.facts, _LINE), "soft small")


def _width(step: Step) -> int:
    return max(1, sum(_width(child) for child in step.led_to))


def _depth(step: Step) -> int:
    return 1 + max((_depth(child) for child in step.led_to), default=0)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _words(chains: Mapping[str, Sequence[Told]]) -> str:
    """The chains in words, for who cannot see them."""
    told = []
    for name, links in chains.items():
        steps = " because ".join(f"{link.actor} {link.verb} {link.object}" for link in links)
        told.append(f"{name}: {steps}." if name else f"{steps}.")
    return " ".join(told)

"""kcsim in a notebook: ``%load_ext kcsim.notebook``, and every value shows itself in tables and pictures.

The façade is the same as everywhere; this room only says how its values look. ``picture(...)`` draws a world, or twin
worlds, as lanes on one clock.
"""

from __future__ import annotations

from typing import Any

from kcsim.scenario.compare import Twins
from kcsim.scenario.play import Play
from kcsim.views.picture import picture_of
from kcsim.views.svg import Svg

__all__ = ["load_ipython_extension", "picture"]


def picture(what: Play | Twins) -> Svg:
    """A story as lanes: git, people and faults, then each world's delivery, pods and requests."""
    return picture_of(what)


def load_ipython_extension(ipython: Any) -> None:
    """Teach the notebook's display how kcsim's values look (called by ``%load_ext``)."""
    from kcsim.notebook.representations import REPRESENTATIONS

    formatter = ipython.display_formatter.formatters["text/html"]
    for kind, represent in REPRESENTATIONS.items():
        formatter.for_type(kind, represent)

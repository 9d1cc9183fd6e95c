"""kcsim in a notebook: every value shows itself in tables and pictures, and here are the pictures to ask for.

The façade is the same as everywhere. What it returns needs nothing to be loaded; ``%load_ext kcsim.notebook`` besides
teaches the display how plain Kubernetes objects (dicts) and the graphs of ``sim.network.topology`` look.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from kcsim.notebook.asked import checked, of_a_world
from kcsim.notebook.playing import player
from kcsim.scenario.compare import Twins
from kcsim.scenario.play import Play
from kcsim.scenario.sweep import Sweep
from kcsim.simulation.simulation import Simulation
from kcsim.simulation.why import Why
from kcsim.views import spread as _spread
from kcsim.views.causes import causal_graph
from kcsim.views.heatmap import HeatMap, grid, nodes
from kcsim.views.picture import picture_of
from kcsim.views.rollout_chart import rollout as _rollout
from kcsim.views.spread import Spread
from kcsim.views.svg import Svg
from kcsim.views.three_way import three_way as _three_way
from kcsim.views.timeline import timeline as _timeline
from kcsim.views.topology import topology as _topology

__all__ = [
    "causes",
    "heat_map",
    "load_ipython_extension",
    "picture",
    "player",
    "rollout",
    "spread",
    "three_way",
    "timeline",
    "topology",
]

rollout = of_a_world(_rollout)
three_way = of_a_world(_three_way, Play)
timeline = of_a_world(_timeline)
topology = of_a_world(_topology)


def picture(what: Simulation | Play | Twins) -> Svg:
    """A story as lanes: git, people and faults, then each world's delivery, writes to the API, pods and requests.

    Raises:
        TypeError: this is neither a world nor twins.
    """
    if not isinstance(what, Twins):
        checked(what, "picture")
    return picture_of(what)


def spread(swept: Sweep, measure: str) -> Spread:
    """A measure over the seeds of a sweep, group by group, with an interval for each median.

    Raises:
        ValueError: there is no such measure, or it is a text.
    """
    title, unit = swept.unit(measure)
    return _spread.spread(title, swept.groups(measure), unit)


def heat_map(what: Simulation | Sweep, of: str = "cpu", **options: Any) -> HeatMap:
    """Of a world: its nodes by what pods ask for; of a sweep: the medians of a measure, deliveries by settings.

    Args:
        of: ``cpu``, ``memory`` or ``pods`` of nodes; the name of a measure of a sweep.
        options: of a world: ``at``, ``cluster`` (see ``kcsim.views.heatmap.nodes``).

    Raises:
        TypeError: this is neither a world nor a sweep.
        ValueError: there is nothing of that name.
    """
    if not isinstance(what, Sweep):
        checked(what, "heat_map")
        return nodes(what, of, **options)
    title, unit = what.unit(of)
    columns = list(dict.fromkeys(run.delivery for run in what.runs))
    rows = list(dict.fromkeys(_settings(run.settings) for run in what.runs))
    medians: dict[tuple[str, str], list[float]] = {}
    for run in what.runs:
        value = run.measure(of)
        if value is not None:
            medians.setdefault((_settings(run.settings), run.delivery), []).append(value)
    values = [[_middle(medians.get((row, column))) for column in columns] for row in rows]
    return grid(f"{title}, medians", rows, columns, values, unit)


def causes(**chains: Why) -> Svg:
    """Chains of causes as one graph, under the names they are given: ``causes(push=..., flux=...)``.

    Raises:
        TypeError: something is no chain, or there is none.
    """
    wrong = next((name for name, why in chains.items() if not isinstance(why, Why)), None)
    if wrong is not None or not chains:
        what = "nothing was asked about" if wrong is None else f"{wrong} is no chain of causes"
        raise TypeError(f'{what}: give chains by name, causes(web=sim.why("deployment/web"))')
    return causal_graph({name: why.links for name, why in chains.items()})


def load_ipython_extension(ipython: Any) -> None:
    """Teach the notebook's display how Kubernetes objects and graphs of the network look (called by ``%load_ext``)."""
    from kcsim.notebook.representations import REPRESENTATIONS

    formatter = ipython.display_formatter.formatters["text/html"]
    for kind, represent in REPRESENTATIONS.items():
        formatter.for_type(kind, represent)


def _settings(settings: Sequence[tuple[str, Any]]) -> str:
    return ", ".join(f"{name.rpartition('.')[2]}={value}" for name, value in settings) or "all"


def _middle(values: list[float] | None) -> float | None:
    return median(values) if values else None

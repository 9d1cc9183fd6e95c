"""How each value of the façade shows itself in a notebook: one function a type, from the value to HTML, and to a picture.

Plain text stays what ``str`` gives: terminals, logs and screen readers lose nothing. What is stored in a notebook can be read
without running anything.

**Walk:** a value is asked (``kcsim.engine.shown``) -> ``bundle`` finds its type in ``REPRESENTATIONS`` (looks: worlds.py,
things.py) and ``PICTURES`` ->
``{mime type: text}``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kcsim.cluster.dns.lookup import Lookup
from kcsim.engine.extras import MissingExtra
from kcsim.engine.trace import Record
from kcsim.kubectl.session import Outcome
from kcsim.network.graphs import Graph
from kcsim.notebook import things, worlds
from kcsim.notebook.html import drawn, fold, note, page, table
from kcsim.notebook.plots import Cumulative, Means
from kcsim.scenario.compare import Table, Twins
from kcsim.scenario.divergence import Agreement, Divergence
from kcsim.scenario.play import Play
from kcsim.scenario.results import MeasureList, VerdictList
from kcsim.scenario.sweep import Sweep
from kcsim.simulation.difference import Change, Diff
from kcsim.simulation.journey import Journey
from kcsim.simulation.network import Matrix
from kcsim.simulation.past import Past
from kcsim.simulation.reach import Reach
from kcsim.simulation.simulation import Run, Simulation, Step
from kcsim.simulation.subjects import Condition, Subject
from kcsim.simulation.why import Why
from kcsim.views.heatmap import HeatMap
from kcsim.views.markup import Markup
from kcsim.views.moments import Moments
from kcsim.views.picture import picture_of
from kcsim.views.rollout_chart import Rollout
from kcsim.views.spread import Spread
from kcsim.views.svg import Svg
from kcsim.views.three_way import ThreeWay
from kcsim.views.topology import Topology

Drawn = TypeVar("Drawn", Rollout, HeatMap, Spread, Topology)


def bundle(value: Any) -> dict[str, str]:
    """The value for Jupyter: plain text, HTML, and a picture where it has one.

    Raises:
        TypeError: nothing says how such a value looks.
    """
    kind = next((each for each in type(value).__mro__ if each in REPRESENTATIONS), None)
    if kind is None:
        raise TypeError(f"nothing says how a {type(value).__name__} looks in a notebook")
    found = {"text/plain": str(value)}
    html = REPRESENTATIONS[kind](value)
    if html is not None:
        found["text/html"] = html
    draw = PICTURES.get(kind)
    if draw is not None:
        found["image/svg+xml"] = str(draw(value))
    return found


def _charted(value: Drawn) -> str:
    records = value.to_records()
    head = list(records[0]) if records else []
    rows = [["" if row[key] is None else row[key] for key in head] for row in records]
    return page(drawn(value.svg()), fold("numbers", table(head, rows)) if rows else "")


def _plotted(value: Cumulative | Means) -> str:
    """A plot and its numbers; where nothing can draw it, the numbers and what to do."""
    records = value.to_records()
    numbers = table(list(records[0]), [[_number(cell) for cell in row.values()] for row in records])
    try:
        return page(Markup(value.svg()), fold("numbers", numbers))
    except MissingExtra as missing:
        return page(note(missing), numbers)


def _number(cell: object) -> object:
    return "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else cell


def _svg(value: Drawn | ThreeWay) -> Svg:
    return value.svg()


REPRESENTATIONS: dict[type, Callable[[Any], str | None]] = {
    Simulation: worlds.of_simulation,
    Play: worlds.of_simulation,
    Past: worlds.of_past,
    Step: worlds.of_step,
    Run: worlds.of_run,
    Record: worlds.of_record,
    Change: things.of_change,
    Diff: things.of_diff,
    ThreeWay: things.of_three_way,
    Subject: things.of_subject,
    Condition: things.of_condition,
    Outcome: things.of_outcome,
    Why: worlds.of_why,
    Divergence: worlds.of_divergence,
    Agreement: worlds.of_agreement,
    Table: worlds.of_table,
    Twins: worlds.of_twins,
    MeasureList: worlds.of_measures,
    VerdictList: worlds.of_verdicts,
    Moments: worlds.of_moments,
    Sweep: worlds.of_sweep,
    Matrix: things.of_matrix,
    Reach: things.of_reach,
    Journey: things.of_journey,
    Lookup: things.of_lookup,
    Rollout: _charted,
    HeatMap: _charted,
    Spread: _charted,
    Topology: _charted,
    Cumulative: _plotted,
    Means: _plotted,
    Graph: things.of_graph,
    dict: things.of_object,
}
"""type -> its HTML; None where a value of that type is none of ours."""

PICTURES: dict[type, Callable[[Any], Svg]] = {
    Simulation: picture_of,
    Play: picture_of,
    Twins: picture_of,
    Moments: worlds.lanes,
    Why: worlds.graph,
    Divergence: worlds.parting,
    ThreeWay: _svg,
    Rollout: _svg,
    HeatMap: _svg,
    Spread: _svg,
    Topology: _svg,
}
"""type -> its picture, for those that have one."""

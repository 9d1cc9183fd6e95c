"""How each value of the façade shows itself in a notebook: one function a type, from the value to HTML, and to a picture.

Plain text stays what ``str`` gives: terminals, logs and screen readers lose nothing. What is stored in a notebook can be read
without running anything.

**Walk:** a value is asked (``kcsim.engine.shown``) -> ``bundle`` finds its type in ``REPRESENTATIONS`` and ``PICTURES`` ->
``{mime type: text}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from kcsim.engine.clock import SECOND, clock_text, format_duration
from kcsim.engine.trace import Record
from kcsim.kubectl.session import Outcome
from kcsim.network.graphs import Graph
from kcsim.notebook.html import code, drawn, fold, line, note, page, table
from kcsim.scenario.compare import Divergence, Table, Twins
from kcsim.scenario.play import Play
from kcsim.scenario.results import MeasureList, VerdictList
from kcsim.scenario.sweep import Sweep
from kcsim.simulation.difference import Change, Diff, ObjectDiff, counted
from kcsim.simulation.journey import Journey
from kcsim.simulation.network import Matrix
from kcsim.simulation.reach import Hop, Reach
from kcsim.simulation.simulation import Past, Run, Simulation, Step
from kcsim.simulation.subjects import Condition, Subject, standing
from kcsim.simulation.why import Link, Why
from kcsim.simulation.why import of_record as chain_of
from kcsim.views.causes import causal_graph
from kcsim.views.comparison import comparison
from kcsim.views.detail import yaml_text
from kcsim.views.heatmap import HeatMap
from kcsim.views.markup import tag
from kcsim.views.moments import Moments
from kcsim.views.picture import picture, picture_of
from kcsim.views.rollout_chart import Rollout
from kcsim.views.spread import Spread
from kcsim.views.strips import Strip, happened
from kcsim.views.svg import Svg
from kcsim.views.three_way import ABSENT, ThreeWay
from kcsim.views.topology import Topology
from kcsim.views.topology import picture as topology_picture

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


# Worlds and moments of theirs.


def of_simulation(sim: Simulation) -> str:
    """Where a world stands, how its workloads are, and what happened so far."""
    name = f"{sim.scenario.name} under {sim.delivery}" if isinstance(sim, Play) else "a bare simulation"
    return page(
        line(name, f"t={sim.now:.3f}s, seed {sim.seed}, {len(sim.trace)} records"),
        _workloads(sim.list("deployments")),
        drawn(picture_of(sim)),
    )


def of_past(past: Past) -> str:
    """How the workloads were."""
    return page(line(f"as it was at t={past.time:g}s"), _workloads(past.list("deployments")))


def of_step(step: Step) -> str:
    """What one step did."""
    if not step.records:
        return page(line(f"t={step.time:.3f}s", "nothing left a trace until then"))
    return page(line(f"t={step.time:.3f}s"), _records(step.records))


def of_run(run: Run) -> str:
    """Why a run stopped."""
    return page(line(run.reason, f"at t={run.time:.3f}s, {run.records} records"))


def of_moments(moments: Moments) -> str:
    """The timeline as lanes and as a table."""
    rows = [(clock_text(m.time), m.lane, m.actor, m.text) for m in moments]
    return page(drawn(_lanes(moments)), table(("time", "lane", "who", "what happened"), rows))


def _lanes(moments: Moments) -> Svg:
    end = max([moments.now, *(moment.time for moment in moments)])
    strip = Strip("", [happened(moment) for moment in moments], [], [], [], [], False, end)
    return picture([strip], end, f"{_count(len(moments), 'moment')} to t={format_duration(end)}")


def of_record(record: Record) -> str:
    """One thing that happened, and what led to it."""
    why = chain_of(record)
    return page(
        line(f"{record.actor} {record.verb} {record.subject}", f"at t={record.time / SECOND:.3f}s"),
        fold("why", _chain(why.links)) if len(why.links) > 1 else note(why.links[0].facts),
    )


# What changed.


def of_change(change: Change) -> str:
    """The next thing worth seeing."""
    if not change.found:
        return page(line(f"t={change.time:.3f}s", "nothing changed until then"))
    return page(
        line(f"t={change.time:.3f}s", _count(len(change.records), "change")),
        _records(change.records),
        _fields(change.objects),
    )


def of_diff(diff: Diff) -> str:
    """What differs between two instants."""
    return page(
        line(f"t={diff.since:.3f}s to t={diff.until:.3f}s", counted(diff.objects)), _fields(diff.objects)
    )


def _fields(objects: Sequence[ObjectDiff]) -> str:
    signs = {"added": "+", "changed": "~", "removed": "-"}
    rows = [
        (f"{signs[each.kind]} {each.object}", each.kind if path == "" else path, before, after)
        for each in objects
        for path, before, after in (
            [(leaf.path, _short(leaf.before), _short(leaf.after)) for leaf in each.fields] or [("", "", "")]
        )
    ]
    return table(("object", "field", "before", "after"), rows) if rows else ""


def of_three_way(told: ThreeWay) -> str:
    """Git, last applied and live beside each other."""
    rows = [
        (
            tag("code", each.path),
            _cell(each.git),
            _cell(each.applied),
            tag("b", _cell(each.live)) if each.live != each.applied else _cell(each.live),
            ", ".join(each.managers),
            each.says,
        )
        for each in told.lines
    ]
    head = ("field", "git", "last applied", "live", "managed by", "")
    return page(
        line(told.object, f"at t={format_duration(told.time)}: {told.verdict}"),
        table(head, rows) if rows else "",
    )


# Objects.


def of_subject(subject: Subject) -> str:
    """An object by its name: how it stands, why, and all of it a fold away."""
    obj = subject.found
    if obj is None:
        return page(line(subject.ref, subject.seen()))
    return page(
        line(subject.ref, standing(obj)),
        _conditions(obj),
        fold("why", code(str(subject.why()))),
        fold("YAML", code(yaml_text(obj))),
    )


def of_object(obj: Mapping[str, Any]) -> str | None:
    """An object as the API has it; None for any other dict, which then shows itself as dicts do."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping) or not all(
        isinstance(obj.get(k), str) for k in ("apiVersion", "kind")
    ):
        return None
    name = "/".join(str(metadata[key]) for key in ("namespace", "name") if metadata.get(key))
    return page(
        line(f"{obj['kind']} {name}", standing(dict(obj))),
        _conditions(obj),
        fold("YAML", code(yaml_text(dict(obj)))),
    )


def of_condition(condition: Condition) -> str:
    """Whether something holds, and how things stand."""
    return page(
        line(f"{'✓' if condition() else '○'} {condition.text}", "yes" if condition() else "not now"),
        note(condition.seen(condition.home)),
    )


def of_outcome(outcome: Outcome) -> str:
    """What a command printed."""
    failed = line(f"exit code {outcome.exit_code}") if outcome.exit_code else ""
    return page(code(outcome.stdout), code(outcome.stderr), failed)


def _conditions(obj: Mapping[str, Any]) -> str:
    rows = [
        (c.get("type", ""), c.get("status", ""), c.get("reason", ""), c.get("message", ""))
        for c in (obj.get("status") or {}).get("conditions") or ()
    ]
    return table(("condition", "status", "reason", "message"), rows) if rows else ""


# Why.


def of_why(why: Why) -> str:
    """The chain of causes, the question first and the origin last."""
    return page(_chain(why.links))


def _chain(links: Sequence[Link]) -> str:
    rows = [(f"{float(each.t):.3f}", each.actor, each.verb, each.object, each.facts) for each in links]
    return table(("t (s)", "who", "did", "to", ""), rows)


def _graph(why: Why) -> Svg:
    return causal_graph({"": why.links}, f"Why {why.links[0].object}")


def of_divergence(divergence: Divergence) -> str:
    """Where the worlds parted, and what each did there."""
    parts: list[str] = [line(f"t={divergence.time:.3f}s: {divergence.object} differs")]
    for side in divergence.sides:
        parts.append(line(side.delivery, "" if side.why is not None else "unchanged"))
        parts.append(_chain(side.why.links) if side.why is not None else "")
    return page(*parts)


def _parting(divergence: Divergence) -> Svg:
    chains = {side.delivery: side.why.links for side in divergence.sides if side.why is not None}
    return causal_graph(chains, f"{divergence.object} differs")


# Worlds side by side, and many runs.


def of_table(compared: Table) -> str:
    """Measures and expectations, world beside world."""
    return page(*_compared(compared))


def _compared(compared: Table) -> list[str]:
    rows = comparison(compared, every=True)
    cells = {
        kind: [
            (
                tag("span", row.title, title=row.help),
                *(tag("b", cell) if row.differs else cell for cell in row.cells),
            )
            for row in rows
            if row.kind == kind
        ]
        for kind in ("measure", "expectation")
    }
    parts: list[str] = [line(compared.title, f"seed {compared.seed}")]
    parts.append(table(("measured", *compared.columns), cells["measure"]))
    if cells["expectation"]:
        parts.append(table(("expected", *compared.columns), cells["expectation"]))
    return parts


def of_twins(twins: Twins) -> str:
    """The worlds as lanes on one clock, and their table."""
    return page(drawn(picture_of(twins)), *_compared(twins.table()))


def of_measures(measures: MeasureList) -> str:
    """What was measured, with what it means and what it is made of."""
    rows = [
        (
            tag("span", each.title, title=each.definition),
            tag("b", each.text),
            fold("of", *(tag("div", detail) for detail in each.detail)) if each.detail else "",
        )
        for each in measures
    ]
    return page(table(("measure", "", ""), rows))


def of_verdicts(verdicts: VerdictList) -> str:
    """What became of the expectations."""
    rows = [
        (f"{'✓' if each.passed else '✗'} {each.name}", each.expected, each.why, each.note)
        for each in verdicts
    ]
    return page(table(("expectation", "must", "seen", ""), rows))


def of_sweep(swept: Sweep) -> str:
    """The medians of all measures, a column a group; each run is in ``to_records()``."""
    groups: list[str] = []
    rows = []
    for name, title, unit in swept.units:
        if unit:
            medians = swept.medians(name)
            groups = list(medians)
            rows.append(
                (title, *("never" if value is None else f"{value:g} {unit}" for value in medians.values()))
            )
    seeds = len({run.seed for run in swept.runs})
    failed = sum(not run.passed for run in swept.runs)
    told = f"{len(swept.runs)} worlds, {seeds} seeds, medians" + (f", {failed} failed" if failed else "")
    return page(line(swept.title, told), table(("measured", *groups), rows))


# The network.


def of_matrix(matrix: Matrix) -> str:
    """Who reaches whom."""
    rows = [
        (
            name,
            *("·" if name == other else "✓" if matrix.cells[name][other] else "✗" for other in matrix.names),
        )
        for name in matrix.names
    ]
    return page(
        line(f"namespace {matrix.namespace}", f"ordered pairs of pods that connect: {matrix.pairs}"),
        table(("from / to", *matrix.names), rows),
    )


def of_reach(reach: Reach) -> str:
    """Whether one reaches the other, station by station."""
    return page(line(str(reach).partition("\n")[0]), _hops(reach.hops))


def of_journey(journey: Journey) -> str:
    """One request, station by station."""
    return page(line(str(journey).partition("\n")[0]), _hops(journey.hops))


def _hops(hops: Sequence[Hop]) -> str:
    rows = [("✓" if hop.passed else "✗", hop.what, hop.text, f"{hop.took / 1000:g} ms") for hop in hops]
    return table(("", "station", "", "takes"), rows)


def of_graph(graph: Graph) -> str | None:
    """A graph of ``sim.network.topology``; None for any other, which then shows itself as graphs do."""
    if not all("kind" in data and "zone" in data and "up" in data for _, data in graph.nodes(data=True)):
        return None
    return page(drawn(topology_picture(graph)))


# Pictures with a table below.


def _charted(value: Drawn) -> str:
    records = value.to_records()
    head = list(records[0]) if records else []
    rows = [["" if row[key] is None else row[key] for key in head] for row in records]
    return page(drawn(value.svg()), fold("numbers", table(head, rows)) if rows else "")


def _svg(value: Drawn | ThreeWay) -> Svg:
    return value.svg()


REPRESENTATIONS: dict[type, Callable[[Any], str | None]] = {
    Simulation: of_simulation,
    Play: of_simulation,
    Past: of_past,
    Step: of_step,
    Run: of_run,
    Record: of_record,
    Change: of_change,
    Diff: of_diff,
    ThreeWay: of_three_way,
    Subject: of_subject,
    Condition: of_condition,
    Outcome: of_outcome,
    Why: of_why,
    Divergence: of_divergence,
    Table: of_table,
    Twins: of_twins,
    MeasureList: of_measures,
    VerdictList: of_verdicts,
    Moments: of_moments,
    Sweep: of_sweep,
    Matrix: of_matrix,
    Reach: of_reach,
    Journey: of_journey,
    Rollout: _charted,
    HeatMap: _charted,
    Spread: _charted,
    Topology: _charted,
    Graph: of_graph,
    dict: of_object,
}
"""type -> its HTML; None where a value of that type is none of ours."""

PICTURES: dict[type, Callable[[Any], Svg]] = {
    Simulation: picture_of,
    Play: picture_of,
    Twins: picture_of,
    Moments: _lanes,
    Why: _graph,
    Divergence: _parting,
    ThreeWay: _svg,
    Rollout: _svg,
    HeatMap: _svg,
    Spread: _svg,
    Topology: _svg,
}
"""type -> its picture, for those that have one."""


def _workloads(deployments: Sequence[dict[str, Any]]) -> str:
    rows = [
        (
            f"{obj['metadata']['namespace']}/{obj['metadata']['name']}",
            f"{(obj.get('status') or {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 1)}",
            ", ".join(container["image"] for container in obj["spec"]["template"]["spec"]["containers"]),
        )
        for obj in deployments
    ]
    return table(("deployment", "ready", "images"), rows) if rows else line("", "no deployments")


def _records(records: Sequence[Record]) -> str:
    rows = [
        (clock_text(each.time // SECOND * SECOND), each.actor, each.verb, each.subject) for each in records
    ]
    return table(("time", "who", "did", "to"), rows)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _cell(value: Any) -> str:
    return ABSENT if value is None else str(value)


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."

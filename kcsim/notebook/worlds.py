"""How worlds, their moments and their results look in a notebook: from the value to HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kcsim.engine.clock import SECOND, clock_text, format_duration
from kcsim.engine.trace import Record
from kcsim.notebook.html import detail, drawn, fold, line, note, page, table, who
from kcsim.notebook.things import records_table
from kcsim.scenario.compare import Table, Twins
from kcsim.scenario.divergence import Agreement, Divergence
from kcsim.scenario.play import Play
from kcsim.scenario.results import MeasureList, VerdictList
from kcsim.scenario.sweep import Sweep
from kcsim.simulation.past import Past
from kcsim.simulation.simulation import Run, Simulation, Step
from kcsim.simulation.why import Link, Why
from kcsim.simulation.why import of_record as chain_of
from kcsim.views.causes import causal_graph
from kcsim.views.comparison import comparison
from kcsim.views.markup import EMPTY, Markup, joined, tag
from kcsim.views.moments import Moment, Moments
from kcsim.views.picture import picture, picture_of
from kcsim.views.strips import Strip, happened
from kcsim.views.svg import Svg
from kcsim.views.timeline import between

# Worlds and moments of theirs.


def of_simulation(sim: Simulation) -> str:
    """Where a world stands, how its workloads are, and what happened so far."""
    name = f"{sim.scenario.name} under {sim.delivery}" if isinstance(sim, Play) else "a bare simulation"
    return page(
        line(name, f"t={sim.now:.3f}s, seed {sim.seed}, {len(sim.trace)} records"),
        _workloads(sim, sim.world.clusters),
        drawn(picture_of(sim)),
    )


def of_past(past: Past) -> str:
    """How the workloads were."""
    return page(line(f"as it was at t={past.time:g}s"), _workloads(past, past.clusters))


def of_step(step: Step) -> str:
    """What one step did."""
    if not step.records:
        return page(line(f"t={step.time:.3f}s", step.news))
    return page(line(f"t={step.time:.3f}s"), records_table(step.records))


def of_run(run: Run) -> str:
    """Why a run stopped, and what happened until then."""
    head = line(run.reason, f"at t={run.time:.3f}s, {_count(run.records, 'record')}")
    moments = between(run.sim, run.first, run.first + run.records) if run.sim is not None else []
    return page(head, _told(moments) if moments else "")


def of_moments(moments: Moments) -> str:
    """The timeline as lanes and as a table."""
    return page(drawn(lanes(moments)), _told(moments))


def _told(moments: Sequence[Moment]) -> str:
    rows = [(clock_text(m.time), m.lane, who(m.actor), m.text) for m in moments]
    return table(("time", "lane", "who", "what happened"), rows)


def lanes(moments: Moments) -> Svg:
    """The moments of a world as lanes."""
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


# Why.


def of_why(why: Why) -> str:
    """The chain of causes, the question first and the origin last."""
    return page(_chain(why.links), fold("as a graph", drawn(graph(why))) if len(why.links) > 1 else "")


def _chain(links: Sequence[Link]) -> str:
    rows = [
        (f"{float(each.t):.3f}", who(each.actor), each.verb, each.object, detail(each.facts))
        for each in links
    ]
    return table(("t (s)", "who", "did", "to", "in particular"), rows)


def graph(why: Why) -> Svg:
    """A chain of causes as a graph."""
    return causal_graph({"": why.links}, f"Why {why.links[0].object}")


def of_divergence(divergence: Divergence) -> str:
    """Where the worlds parted, in which fields, and what each did there."""
    parts: list[str] = [line(f"t={divergence.time:.3f}s: {divergence.object} differs")]
    if divergence.fields:
        rows = [(each.path or "the object", *each.texts) for each in divergence.fields]
        parts.append(table(("field", *(side.delivery for side in divergence.sides)), rows))
    if all(side.why is not None for side in divergence.sides):
        parts.append(drawn(parting(divergence)))
    for side in divergence.sides:
        parts.append(line(side.delivery, "" if side.why is not None else "unchanged"))
        parts.append(_chain(side.why.links) if side.why is not None else "")
    return page(*parts)


def of_agreement(agreement: Agreement) -> str:
    """That two worlds agree, and how far."""
    return page(line(agreement))


def parting(divergence: Divergence) -> Svg:
    """Both chains of a divergence as one graph."""
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
            each.title,
            tag("b", each.text),
            joined([tag("span", each.definition, class_="soft"), _made_of(each.detail)]),
        )
        for each in measures
    ]
    return page(table(("measure", "value", "what it means"), rows))


def _made_of(detail: Sequence[str]) -> Markup:
    return fold("made of", *(tag("div", each) for each in detail)) if detail else EMPTY


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


def _workloads(world: Simulation | Past, clusters: Iterable[str]) -> str:
    rows = [
        (
            f"{f'{cluster}: ' if cluster else ''}{obj['metadata']['namespace']}/{obj['metadata']['name']}",
            f"{(obj.get('status') or {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 1)}",
            ", ".join(container["image"] for container in obj["spec"]["template"]["spec"]["containers"]),
        )
        for cluster in clusters
        for obj in world.list("deployments", cluster=cluster)
    ]
    return table(("deployment", "ready", "images"), rows) if rows else line("", "no deployments")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

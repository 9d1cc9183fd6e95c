"""How each value of the façade shows itself in a notebook: one function a type, from the value to HTML.

Plain text stays what ``str`` gives: terminals, logs and screen readers lose nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kcsim.engine.trace import Record
from kcsim.notebook.html import line, page, table
from kcsim.scenario.compare import Divergence, Table, Twins
from kcsim.scenario.play import Play
from kcsim.simulation.simulation import Past, Run, Simulation, Step
from kcsim.simulation.why import Why
from kcsim.views.picture import picture_of

_ROWS = 12
"""How many records a cell lists before it only counts the rest."""


def of_simulation(sim: Simulation) -> str:
    """Where a world stands, and how its workloads are."""
    name = f"{sim.scenario.name} under {sim.delivery}" if isinstance(sim, Play) else "a bare simulation"
    return page(
        line(name, f"t={sim.now:.3f}s, seed {sim.seed}, {len(sim.trace)} records"),
        _workloads(sim.list("deployments")),
    )


def of_past(past: Past) -> str:
    """How the workloads were."""
    return page(line(f"as it was at t={past.time:g}s"), _workloads(past.list("deployments")))


def of_step(step: Step) -> str:
    """What one step did."""
    return page(line(f"t={step.time:.3f}s"), _records(step.records))


def of_run(run: Run) -> str:
    """Why a run stopped."""
    return page(line(run.reason, f"at t={run.time:.3f}s, {run.records} records"))


def of_why(why: Why) -> str:
    """The chain of causes, the question first and the origin last."""
    rows = [(f"{float(link.t):.3f}", link.actor, link.verb, link.object, link.facts) for link in why.links]
    return page(table(("t (s)", "who", "did", "to", ""), rows))


def of_table(compared: Table) -> str:
    """Measures and expectations, world beside world."""
    head = ("", *compared.columns)
    measures = [(row.title, *row.texts) for row in compared.measures]
    expectations = [(row.name, *row.texts) for row in compared.expectations]
    return page(
        line(compared.title, f"seed {compared.seed}"),
        table(head, measures),
        table(("expectation", *compared.columns), expectations) if expectations else "",
    )


def of_twins(twins: Twins) -> str:
    """The worlds as lanes on one clock, and their table."""
    return str(picture_of(twins)) + of_table(twins.table())


def of_divergence(divergence: Divergence) -> str:
    """Where the worlds parted, and what each did there."""
    parts = [line(f"t={divergence.time:.3f}s: {divergence.object} differs")]
    for side in divergence.sides:
        parts.append(line(side.delivery, "" if side.why is not None else "unchanged"))
        parts.append(of_why(side.why) if side.why is not None else "")
    return page(*parts)


REPRESENTATIONS: dict[type, Callable[[Any], str]] = {
    Simulation: of_simulation,
    Play: of_simulation,
    Past: of_past,
    Step: of_step,
    Run: of_run,
    Why: of_why,
    Table: of_table,
    Twins: of_twins,
    Divergence: of_divergence,
}
"""type -> its HTML."""


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
    rows = [(record.seq, record.actor, record.verb, record.subject) for record in records[:_ROWS]]
    more = len(records) - _ROWS
    return table(("#", "who", "did", "to"), rows) + (line("", f"and {more} more") if more > 0 else "")

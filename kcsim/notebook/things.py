"""How objects, changes of them and the network look in a notebook: from the value to HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kcsim.cluster.dns.lookup import Lookup
from kcsim.engine.clock import SECOND, clock_text, format_duration
from kcsim.engine.trace import Record
from kcsim.kubectl.session import Outcome
from kcsim.network.graphs import Graph
from kcsim.notebook.html import code, detail, drawn, fold, line, note, page, table, who
from kcsim.simulation.difference import Change, Diff, ObjectDiff, counted
from kcsim.simulation.journey import Journey
from kcsim.simulation.network import Matrix
from kcsim.simulation.reach import Hop, Reach
from kcsim.simulation.subjects import Condition, Subject, standing
from kcsim.views.detail import yaml_text
from kcsim.views.markup import tag
from kcsim.views.three_way import ABSENT, ThreeWay
from kcsim.views.topology import picture as topology_picture

# What changed.


def of_change(change: Change) -> str:
    """The next thing worth seeing."""
    if not change.found:
        return page(line(f"t={change.time:.3f}s", change.news))
    return page(
        line(f"t={change.time:.3f}s", _count(len(change.records), "change")),
        records_table(change.records),
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
        (
            f"{signs[each.kind]} {each.object}",
            each.kind if path == "" else path,
            detail(before),
            detail(after),
        )
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


def of_lookup(lookup: Lookup) -> str:
    """One name, question by question."""
    rows = [
        (
            each.name,
            each.server or "its own resolver",
            each.result,
            ", ".join(each.records or each.addresses),
            each.why,
        )
        for each in lookup.questions
    ]
    return page(
        line(str(lookup).partition("\n")[0]),
        table(("question", "asked", "answer", "records", "why"), rows),
    )


def _hops(hops: Sequence[Hop]) -> str:
    rows = [("✓" if hop.passed else "✗", hop.what, hop.text, f"{hop.took / 1000:g} ms") for hop in hops]
    return table(("", "station", "", "takes"), rows)


def of_graph(graph: Graph) -> str | None:
    """A graph of ``sim.network.topology``; None for any other, which then shows itself as graphs do."""
    if not all("kind" in data and "zone" in data and "up" in data for _, data in graph.nodes(data=True)):
        return None
    return page(drawn(topology_picture(graph)))


def records_table(records: Sequence[Record]) -> str:
    """Trace records as rows."""
    rows = [
        (clock_text(each.time // SECOND * SECOND), who(each.actor), each.verb, each.subject)
        for each in records
    ]
    return table(("time", "who", "did", "to"), rows)


def _cell(value: Any) -> str:
    return ABSENT if value is None else str(value)


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

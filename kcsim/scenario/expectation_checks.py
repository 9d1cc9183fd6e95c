"""Checks of the expectations: one demand each, windows that fit the run, and expressions that can be evaluated."""

import re
from typing import Final

from kcsim.api.catalog import Catalog
from kcsim.scenario.contents import at, key_at
from kcsim.scenario.diagnostics import Position, Report, did_you_mean, near_miss
from kcsim.scenario.expressions import Expression, Names, parse_expression
from kcsim.scenario.manifest_checks import Objects, may_exist, similar_objects
from kcsim.scenario.model import Expectation, Scenario
from kcsim.scenario.yamltree import Scalar

_ENTRY_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""What `after` and `until` take for the name of a timeline entry; all else is an expression."""


def is_entry_name(text: str) -> bool:
    """Whether the text of `after` or `until` is a timeline entry's name rather than an expression."""
    return bool(_ENTRY_NAME.fullmatch(text))


def check_expectations(scenario: Scenario, objects: Objects, catalog: Catalog, report: Report) -> None:
    """Add every fault of the expectations to the report."""
    names = names_of(scenario, catalog)
    for expectation in scenario.expectations:
        Checker(scenario, expectation, objects, names, report).check()


def names_of(scenario: Scenario, catalog: Catalog) -> Names:
    """What the expressions of a scenario may name."""
    nodes = frozenset(node.name for cluster in scenario.all_clusters() for node in scenario.nodes_of(cluster))
    return Names(
        traffic=frozenset(traffic.name for traffic in scenario.traffic),
        repositories=frozenset(repo.name for repo in scenario.repositories),
        clusters=frozenset(cluster.name for cluster in scenario.all_clusters()),
        nodes=nodes,
        catalog=catalog,
    )


class Checker:
    """Checks one expectation, or parts of it."""

    def __init__(
        self, scenario: Scenario, expectation: Expectation, objects: Objects, names: Names, report: Report
    ) -> None:
        self.scenario, self.it, self.objects, self.names, self.report = (
            scenario,
            expectation,
            objects,
            names,
            report,
        )

    def check(self) -> None:
        """All of it."""
        it = self.it
        kinds = [kind for kind in ("always", "never", "eventually") if getattr(it, kind) is not None]
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none of them"
            message = f"an expectation says always, never or eventually; '{it.name}' says {found}"
            self.report.add("KC105", at(it), message, "Keep one; write a second expectation for the other.")
        for kind in kinds:
            self.expression(kind, str(getattr(it, kind)))
        if it.stays is not None and it.eventually is None:
            self.report.add(
                "KC105",
                key_at(it, "stays"),
                "`stays` goes with `eventually` only",
                "Use `always` with `after`.",
            )
        self.trigger("after", it.after)
        self.trigger("until", it.until)
        self.deliveries()
        self.window()

    def trigger(self, field: str, text: str | None) -> None:
        """What opens or closes it: an entry's name, or an expression."""
        if text is None:
            return
        if not is_entry_name(text):
            self.expression(field, text)
            return
        entries = [entry.name for entry in self.scenario.timeline if entry.name is not None]
        if text not in entries:
            remedy = did_you_mean(text, entries, "names in the timeline")
            self.report.add("KC207", at(self.it, field), f"no timeline entry is named '{text[:60]}'", remedy)

    def deliveries(self) -> None:
        """Under which it is judged."""
        known = self.scenario.deliveries
        for field in ("deliveries", "failsUnder"):
            values = self.it.deliveries if field == "deliveries" else self.it.fails_under
            for index, name in enumerate(values):
                if name not in known:
                    remedy = did_you_mean(name, known, "deliveries")
                    self.report.add("KC206", at(self.it, field, index), f"no delivery '{name[:60]}'", remedy)
        both = sorted(set(self.it.deliveries) & set(self.it.fails_under))
        if both:
            message = f"it is to hold and to fail under {', '.join(both)[:120]}"
            self.report.add("KC105", key_at(self.it, "failsUnder"), message, "Name each delivery once.")

    def window(self) -> None:
        """Whether it can be decided before the end."""
        it = self.it
        if it.within is None or (it.after is not None and not is_entry_name(it.after)):
            return  # an expression opens it, at an instant that is not known yet
        entry = self.scenario.entry_named(it.after) if it.after is not None else None
        opened = entry.at if entry is not None else 0
        if opened + it.within + (it.stays or 0) > self.scenario.until:
            message = f"the window of '{it.name}' closes after the end of the run: it could never be decided"
            self.report.add("KC303", at(it, "within"), message)

    def expression(self, field: str, text: str) -> None:
        """The expression in one of its fields."""
        expression, faults = parse_expression(text, self.names)
        for fault in faults:
            self.report.add(fault.code, self.position(field, fault.offset), fault.message, fault.remedy)
        if expression is not None:
            self.mentions(field, expression)

    def mentions(self, field: str, expression: Expression) -> None:
        """Whether the objects it names will ever be there."""
        for mention in expression.mentions:
            resource, name = mention.resource, mention.name
            if may_exist(self.objects, self.scenario, resource, mention.namespace, name):
                continue
            place = f" in namespace '{mention.namespace[:60]}'" if resource.namespaced else ""
            written = sorted(self.objects.named.get((resource.kind, name), ()))
            if written:
                near = near_miss(mention.namespace, written)
                remedy = f"did you mean namespace '{near or written[0]}'?"
            else:
                remedy = did_you_mean(
                    name, similar_objects(self.objects, resource), f"each {resource.kind} of the story"
                )
            message = f"nothing in the story makes {resource.singular}/{name[:80]}{place}"
            self.report.add("KC407", self.position(field, mention.offset), message, remedy)

    def position(self, field: str, offset: int) -> Position:
        """Where a character of a field's text stands."""
        node = self.it.source.child(field) if self.it.source is not None else None
        return node.in_line(offset) if isinstance(node, Scalar) else at(self.it, field)

"""What is measured, and what each measure means."""

from __future__ import annotations

from kcsim.scenario.measure import Measure
from tools.docs.page import cell, page

_MEASURES_HEAD = """\
# Measures

`kcsim run` measures every world in the same way and puts the worlds side by side; `--json` gives each measure with its
unit and definition. A measure is read from the trace, from the requests' ledger and from the API servers' counters,
after the fact: measuring changes nothing.

Durations are in seconds of virtual time. Where something never happened there is no number but a word (the last column);
in JSON the value is then `null`. With several sources of traffic there is an `availability_NAME` for each beside the whole.

| name | title | unit | definition | otherwise |
|---|---|---|---|---|
"""

_MEASURES_TAIL = """

## Where they come from

Change lead time, deployments, failed changes and recovery time are the DORA measures of software delivery, taken from the
trace instead of a survey. Theirs is the median too; a failed change counts from its first write to the cluster.

Drift is judged against the commit that the delivery applied last, field by field, for the fields that commit sets. What
nobody asked for in git is no drift, and neither is a commit that has not arrived yet.

Availability is the share of requests, not of time: at night, when nobody asks, nothing is lost. A request meets the
conditions of the instant at which it is sent.

Credentials are judged by what they could change, from the rules that RBAC binds to their holder, not by what was done with
them. Those of people who type commands in the story are listed apart.
"""


def measures_page() -> str:
    """docs/measures.md: what is measured, and what each measure means exactly."""
    from kcsim.cli.measures import every_measure

    rows = [
        f"| `{each.name}` | {each.title} | {each.unit or 'text'} | {cell(each.definition)} | {_otherwise(each)} |"
        for each in every_measure()
    ]
    return page(_MEASURES_HEAD + "\n".join(rows) + _MEASURES_TAIL, "kcsim/scenario/measures.py")


def _otherwise(measure: Measure) -> str:
    """The word for what never happened; a count has a number always."""
    return measure.absent if measure.unit in {"s", "%", ""} else ""

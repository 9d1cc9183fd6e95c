"""Whether a plan did anything at all, and if not, why: a plan that never takes hold proves nothing.

**Walk:** ``taken_hold`` looks in a run's trace for what the plan's fault did -> when it did nothing, ``why_not`` looks in the
reference for what it was aimed at: writes that were fewer, an object that never changed, a revision that came later.
"""

from __future__ import annotations

from difflib import get_close_matches

from kcsim.engine.clock import format_duration
from kcsim.testing.probing.plan import Crash, Drop, Plan, Rewind
from kcsim.testing.probing.runs import Outcome, Target


class NotJudged(ValueError):
    """A plan was run and says nothing about the controller; the message tells why."""


def taken_hold(outcome: Outcome, plan: Plan) -> int:
    """When the plan's fault first did something, in µs; 0 when it never did."""
    begun = None
    (entry,) = plan.entries("")
    for record in outcome.play.trace.records:
        if record.actor != "fault":
            continue
        if (
            record.verb == "inject"
            and record.time == entry.at
            and record.subject.startswith(str(entry.fault))
        ):
            begun = begun or record
        elif begun is not None and record.cause is begun and record.verb != "heal":
            return record.time
    return 0


def why_not(target: Target, plan: Plan, reference: Outcome) -> str:
    """Why a plan never took hold, from what the reference run was told and wrote."""
    sites, name = reference.sites, target.controller
    assert sites is not None, "a reference collects them"
    if isinstance(plan, Crash):
        writes = sum(write.component == name for write in sites.writes)
        return f"{name} sends {_count(writes, 'write')} in this story"
    if isinstance(plan, Rewind):
        log = reference.play.world.cluster.server.log
        newest = log.revision_at(plan.at)
        at = format_duration(plan.at)
        if plan.at > target.scenario.until + target.quiet:
            return f"the run is over before {at}"
        return f"the newest revision at {at} is {newest}, so there is no past to go back to"
    resource, since, lasts = plan.resource, plan.since if isinstance(plan, Drop) else plan.at, plan.lasts
    told = [each for each in sites.deliveries if each.component == name]
    watched = sorted({informer.resource.partition(".")[0] for informer in reference.informers})
    if resource not in watched:
        near = get_close_matches(resource, watched, 1)
        mend = f"did you mean {near[0]}?" if near else f"it watches {', '.join(watched)}"
        return f"{name} does not watch {resource}; {mend}"
    told = [each for each in told if each.resource == resource]
    if isinstance(plan, Drop):
        told = [each for each in told if (each.namespace, each.name) == (plan.namespace, plan.name)]
    window = [each for each in told if since < each.time <= since + lasts]
    what = f"{resource} {plan.namespace}/{plan.name}" if isinstance(plan, Drop) else resource
    count = f"{_count(len(window), 'change')} of {what}" if window else f"no change of {what}"
    when = f"from {format_duration(since)} for {format_duration(lasts)}"
    reach = f"{count} {'reaches' if len(window) < 2 else 'reach'} {name} {when}"
    return f"{reach}, {len(told)} in the whole story" if told else reach


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"

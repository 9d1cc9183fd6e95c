"""Which perturbations of a run could matter: every crash point, every droppable change, every stale view.

**Imitates:** Sieve (Sun et al., OSDI'22), sections 4 and 5: plans come from a reference run, and are pruned by what the
controller saw and did there.

======  ==========================================================  ====================================================
plan    one for each                                                left out (and counted)
======  ==========================================================  ====================================================
crash   write that took effect; with a later step in the story a    writes that were refused or changed nothing: the
        second one, in which the process is back only after it      state after them is the state before
drop    change that the controller was told of and that a later     changes that are never superseded (a real watch
        change of the same object supersedes: alone, and together   tells the last state sooner or later), and those
        with all that follow until what it changed is changed again between which and what supersedes them the controller
                                                                    did nothing and which caused nothing it did later
hold    echo of a write of its own in a cache of its own, and each  changes that it did nothing about; a cache that would
        change of others that it acted upon                         stand still while a change comes and goes goes on a
                                                                    second before, for that is what a drop does
rewind  view after which the controller acted, into which it is     views whose actions, done again, would change
        restarted when all has been settled for a while: before     nothing: what they made is there, what they deleted
        each later step and at the end                              is not, what they set is so
======  ==========================================================  ====================================================

Places after the story's end are left out as well: what is perturbed needs time to come to rest.

**Walk:** ``Sites`` and effects of the reference -> ``changes`` (what it was told, with what it did before the next change
of the same object) -> ``plans``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kcsim.api import objects
from kcsim.api.kit.seams import Delivery, Write
from kcsim.api.log import Log, Version
from kcsim.engine.clock import MICROSECOND, MILLISECOND, MINUTE, SECOND
from kcsim.testing.probing.plan import Crash, Drop, Hold, Plan, Rewind
from kcsim.testing.probing.runs import Outcome, Target

STALE = 30 * SECOND
"""How long a stale view lasts, unless the story's next step comes later."""
AFTER = 10 * SECOND
"""How long a perturbation reaches beyond a step of the story."""
LONGEST = 10 * MINUTE
ANSWERED = 500 * MILLISECOND
"""Within so long of being sent a write has taken effect."""


@dataclass
class Change:
    """A change that the controller was told of.

    Attributes:
        told: the delivery; version: what it was told of.
        nth: which of its object's changes it is, from 1.
        until: when the next change of the object was told (µs), None: there is none.
        cancelled: which of the object's changes takes back what it changed, None: none does; ``cancelled_at``: when
            that was told (µs).
        times: when the controller was told of each change of the object (µs).
        caused: what the controller did while it was the latest of its object, or because of it.
    """

    told: Delivery
    version: Version
    nth: int
    until: int | None = None
    cancelled: int | None = None
    cancelled_at: int = 0
    times: Sequence[int] = ()
    caused: list[Version] = field(default_factory=list)


@dataclass
class Planned:
    """The plans, and how many places were left out by kind and rule."""

    plans: list[Plan] = field(default_factory=list)
    pruned: Counter[str] = field(default_factory=Counter)


def plan_all(target: Target, reference: Outcome) -> Planned:
    """Every plan that could matter, the least perturbation first."""
    planned = Planned()
    log = reference.play.world.cluster.server.log
    steps = [entry.at for entry in target.scenario.timeline if entry.at > 0]
    changes = _changes(target, reference, log)
    found: dict[Plan, None] = {}
    for plans in (
        _crashes(target, reference, steps, planned),
        _drops(target, changes, planned),
        _holds(target, changes, reference, steps, planned),
        _rewinds(target, changes, log, steps, planned),
    ):
        found.update(dict.fromkeys(plans))
    planned.plans = sorted(found, key=lambda plan: plan.weight)
    return planned


# --- what was sent and told -----------------------------------------------------------------------------------


def _sent(target: Target, reference: Outcome) -> list[tuple[Write, Version | None]]:
    """The controller's writes as they were sent, each with the version that it made, if it made one."""
    assert reference.sites is not None, "a reference run collects"
    waiting: dict[str, list[Version]] = defaultdict(list)
    for version in reference.effects:
        waiting[version.resource.plural].append(version)
    found: list[tuple[Write, Version | None]] = []
    for write in reference.sites.writes:
        if write.component != target.controller:
            continue
        candidates = waiting[write.resource]
        made = next((version for version in candidates if _is_of(version, write)), None)
        if made is not None:
            candidates.remove(made)
        found.append((write, made))
    return found


def _is_of(version: Version, write: Write) -> bool:
    namespace, name = version.key
    prefix = version.object["metadata"].get("generateName")
    return (
        write.time <= version.time <= write.time + ANSWERED
        and version.subresource == write.subresource
        and namespace == write.namespace
        and (name == write.name or (version.previous is None and prefix == write.name))
    )


def _changes(target: Target, reference: Outcome, log: Log) -> list[Change]:
    """What the controller was told, with what it did about it; first lists are not among it."""
    assert reference.sites is not None, "a reference run collects"
    by_object: dict[tuple[str, str, str], list[Change]] = defaultdict(list)
    by_version: dict[int, list[Change]] = defaultdict(list)
    changes = []
    for told in reference.sites.deliveries:
        if told.component != target.controller:
            continue
        of = by_object[told.resource, told.namespace, told.name]
        change = Change(told, log.versions[told.revision - 1], len(of) + 1)
        if of:
            of[-1].until = told.time
        of.append(change)
        by_version[told.revision].append(change)
        changes.append(change)
    for of in by_object.values():
        told_at = [change.told.time for change in of]
        for place, change in enumerate(of):
            change.times = told_at
            later = _cancelled(of, place)
            if later is not None:
                change.cancelled, change.cancelled_at = later.nth, later.told.time
    times = [effect.time for effect in reference.effects]
    for change in changes:
        first = bisect_left(times, change.told.time)
        last = bisect_left(times, change.until) if change.until is not None else len(times)
        change.caused = reference.effects[first:last]
    for effect in reference.effects:
        for record in effect.chain()[1:]:
            if isinstance(record, Version):
                for change in by_version.get(record.revision, ()):
                    if not any(known is effect for known in change.caused):
                        change.caused.append(effect)
    return changes


def _cancelled(of: Sequence[Change], place: int) -> Change | None:
    """The change that takes back what this one changed."""
    change = of[place]
    before = of[place - 1].version.object if place else {}
    if change.told.event == "DELETED":
        return of[place + 1] if place + 1 < len(of) else None
    set_here = list(_leaves(objects.difference(before, change.version.object)))
    for later in of[place + 1 :]:
        now = later.version.object
        if later.told.event == "DELETED" or any(
            objects.get_in(now, path) != value for path, value in set_here
        ):
            return later
    return None


def _leaves(patch: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """What a merge patch sets, without what every write sets."""
    if isinstance(patch, dict) and patch:
        for key, value in patch.items():
            if (*path, key) not in _ALWAYS:
                yield from _leaves(value, (*path, key))
    else:
        yield path, patch


_ALWAYS = {("metadata", "resourceVersion"), ("metadata", "generation"), ("metadata", "managedFields")}


# --- the plans ------------------------------------------------------------------------------------------------


def _crashes(target: Target, reference: Outcome, steps: Sequence[int], planned: Planned) -> Iterator[Plan]:
    for nth, (write, made) in enumerate(_sent(target, reference), 1):
        if made is None:
            planned.pruned["crash: the write changed nothing"] += 1
            continue
        if write.time >= target.scenario.until:
            planned.pruned["crash: after the story's end"] += 1
            continue
        yield Crash(nth)
        later = next((step for step in steps if step > write.time), None)
        if later is not None and later - write.time + AFTER <= LONGEST:
            yield Crash(nth, _whole(later - write.time + AFTER))


def _drops(target: Target, changes: Sequence[Change], planned: Planned) -> Iterator[Plan]:
    for change in changes:
        told = change.told
        if change.until is None:
            planned.pruned["drop: nothing supersedes the change"] += 1
        elif change.version.time >= target.scenario.until:
            planned.pruned["drop: after the story's end"] += 1
        elif not change.caused:
            planned.pruned["drop: the controller did nothing about it"] += 1
        else:
            since = change.version.time // SECOND * SECOND or change.version.time - MICROSECOND
            earlier = sum(since <= time for time in change.times[: change.nth - 1])
            object_ = (told.resource, told.namespace, told.name)
            yield Drop(*object_, earlier + 1, 1, since, _whole(change.until - since + SECOND))
            if change.cancelled is not None:
                ends = change.cancelled_at - since + SECOND
                yield Drop(*object_, earlier + 1, change.cancelled - change.nth, since, _whole(ends))


def _holds(
    target: Target, changes: Sequence[Change], reference: Outcome, steps: Sequence[int], planned: Planned
) -> Iterator[Plan]:
    own = {effect.revision for effect in reference.effects}
    for change in changes:
        told, at = change.told, change.version.time - MICROSECOND
        if told.revision not in own and not change.caused:
            planned.pruned["hold: the controller did nothing about the change"] += 1
            continue
        later = next((step for step in steps if step > at), None)
        lasts = min(STALE if later is None else max(STALE, _whole(later - at + AFTER)), LONGEST)
        passing = [
            other.cancelled_at
            for other in changes
            if other.told.resource == told.resource
            and other.cancelled is not None
            and (other is change or other.caused)
            and change.told.time <= other.told.time
            and other.cancelled_at < at + lasts
        ]
        if passing:
            lasts = (min(passing) - at) // SECOND * SECOND - SECOND
        if lasts < SECOND:
            planned.pruned["hold: the change comes and goes meanwhile, as under a drop"] += 1
        elif 0 <= at < target.scenario.until:
            yield Hold(told.resource, at, lasts)


def _rewinds(
    target: Target, changes: Sequence[Change], log: Log, steps: Sequence[int], planned: Planned
) -> Iterator[Plan]:
    calm = [*(step - SECOND for step in steps), target.scenario.until]
    for change in changes:
        into, when = change.told.revision, change.version.time
        moments = [
            moment
            for moment in calm
            if moment > max((effect.time for effect in change.caused), default=when) + SECOND
        ]
        acted = [effect for effect in change.caused if effect.revision > into]
        useful = [moment for moment in moments if any(_would_change(log, effect, moment) for effect in acted)]
        if not useful:
            planned.pruned["rewind: to do it again would change nothing"] += 1
        for moment in useful:
            yield Rewind(moment, into, STALE)


def _would_change(log: Log, effect: Version, moment: int) -> bool:
    """Whether doing a write again at some moment would change what is there."""
    last: Version = effect
    for version in log.versions[effect.revision : log.revision_at(moment)]:
        if version.resource is effect.resource and version.key == effect.key:
            last = version
    if last is effect:
        return False
    if effect.deleted or objects.is_deleting(effect.object):
        return not last.deleted
    if last.deleted:
        return True
    before = effect.previous.object if effect.previous is not None else {}
    return any(
        objects.get_in(last.object, path) != value
        for path, value in _leaves(objects.difference(before, effect.object))
        if path[:1] != ("metadata",) or path[:2] in {("metadata", "labels"), ("metadata", "annotations")}
    )


def _whole(duration: int) -> int:
    """Rounded up to a second, so that it reads well."""
    return -(-duration // SECOND) * SECOND

"""Checks that need the story to be played: whether the API server takes what should stand there from the beginning, and whether
a revision that a fault names has been written when it happens.

**Walk:** `kcsim check` has found nothing wrong -> `check_played` plays the story, under each delivery, up to the last entry with
a `revision` -> the cluster's log says how far it had come at each of them.
"""

from kcsim.engine.clock import format_duration, to_seconds
from kcsim.scenario.contents import at
from kcsim.scenario.diagnostics import Diagnostic, Report, ScenarioError
from kcsim.scenario.model import ArgoCD, Flux, Scenario, TimelineEntry
from kcsim.scenario.play import Play


def check_played(scenario: Scenario) -> tuple[Diagnostic, ...]:
    """What only playing shows to be wrong; a story that gives no objects and names no revision is not played."""
    refused = _refused(scenario)
    if refused:
        return refused
    entries = [entry for entry in scenario.timeline if entry.revision is not None]
    report = Report()
    for delivery in (scenario.deliveries or ("",)) if entries else ():
        happen = [entry for entry in entries if not entry.deliveries or delivery in entry.deliveries]
        if not happen:
            continue
        play = Play(scenario, delivery)
        play.run_until(to_seconds(min(max(entry.at for entry in happen), scenario.until)))
        for entry in happen:
            _check_revision(play, entry, report)
    return report.diagnostics


def _refused(scenario: Scenario) -> tuple[Diagnostic, ...]:
    found: list[Diagnostic] = []
    stands = any(cluster.objects for cluster in scenario.all_clusters())
    for delivery in scenario.deliveries or ("",):
        way = scenario.deliveries.get(delivery)
        if stands or (isinstance(way, Flux | ArgoCD) and way.objects):
            try:
                Play(scenario, delivery)
            except ScenarioError as error:
                found += error.diagnostics
    return tuple(sorted(set(found)))


def _check_revision(play: Play, entry: TimelineEntry, report: Report) -> None:
    world = play.world
    cluster = world.clusters[entry.cluster] if entry.cluster else world.cluster
    newest = cluster.server.log.revision_at(entry.at)
    if entry.revision is not None and entry.revision > newest:
        under = f" under {play.delivery}" if play.delivery else ""
        message = (
            f"revision {entry.revision} is not written yet at {format_duration(entry.at)}{under}: "
            f"the newest is {newest}"
        )
        report.add(
            "KC704", at(entry, "revision"), message, "Name an older one, or leave it out and write `ago`."
        )

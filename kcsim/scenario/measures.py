"""What is measured in a world, the same for every delivery, so that worlds can be compared.

Every measure is read from the trace, the requests' ledger and the API servers' counters; each says in its definition what
it counts. A value is None where the thing never happened; `absent` then says it in a word ("never", "not detected").
**Walk:** the history tells of each instant -> `Changes` follows commits to ready workloads, `Drift` what is adrift ->
`take` puts the table together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from kcsim.api.request import ADMIN
from kcsim.engine.clock import DAY, MINUTE, format_duration, to_seconds
from kcsim.engine.trace import Record
from kcsim.scenario.availability import availability_measures
from kcsim.scenario.changes import Change, Changes
from kcsim.scenario.credentials import Holder, holders, holding
from kcsim.scenario.drift import Drift, Episode
from kcsim.scenario.measure import Measure, told_seconds

if TYPE_CHECKING:
    from kcsim.scenario.play import Play

_ACCOUNT = "system:serviceaccount:"


class Measures:
    """Takes the measures of one play; a listener of its history."""

    def __init__(self, play: "Play", drift: Drift) -> None:
        self._play = play
        self._drift = drift
        self.changes = Changes(play, drift)

    def settle(self, time: int, records: Sequence[Record]) -> None:
        """Follow the changes."""
        self.changes.settle(time, records)

    def caught_up(self, time: int) -> None:
        """Nothing hangs on time alone."""

    def take(self, now: int) -> tuple[Measure, ...]:
        """Every measure up to an instant (µs), in the order in which a table shows them."""
        found: list[Measure] = []
        found.extend(self._delivery(now))
        found.extend(self._repair(now))
        found.extend(availability_measures(self._play.scenario, self._play.traffic, now))
        found.extend(self._requests())
        found.extend(self._credentials())
        return tuple(found)

    # --- how changes arrive -------------------------------------------------------------------------------------

    def _delivery(self, now: int) -> Iterable[Measure]:
        changes = self.changes
        asked = changes.asked
        times = [change.lead_time for change in asked if change.lead_time is not None]
        first = changes.first
        yield Measure(
            "first_delivery_time",
            "Time until the app first ran",
            _seconds(first.lead_time) if first is not None else None,
            "s",
            "From the repository's first commit until all its workloads were ready.",
        )
        yield Measure(
            "change_lead_time",
            "Change lead time",
            _seconds(int(median(times))) if times else None,
            "s",
            "From a commit until every workload it asks for was ready at its version; the median over the commits after "
            "the first that got so far.",
            tuple(_lead_text(change) for change in asked),
            "never" if asked else "no change",
        )
        if self._play.scenario.has_reviews or any(change.began is not None for change in asked):
            yield from _reviewed(asked)
        delivered = changes.deployments
        yield Measure(
            "deployments",
            "Deployments done",
            len(delivered),
            "deployments",
            "How often the delivery reported a commit as deployed in full to a cluster.",
            tuple(
                f"{_at(at)} {sha[:7]}{f' to {cluster}' if cluster else ''}" for at, cluster, sha in delivered
            ),
        )
        yield Measure(
            "deployment_frequency",
            "Deployment frequency",
            round(len(delivered) * DAY / now, 2) if now else None,
            "/day",
            "Deployments done for each 24 hours of virtual time.",
            absent="no time has passed",
        )
        lost = changes.failed
        yield Measure(
            "failed_changes",
            "Failed changes",
            len(lost),
            "changes",
            "Commits that reached a cluster and failed there (the delivery reported so, or a Deployment exceeded its "
            "progress deadline), and that no retry of the delivery put right without a further commit.",
            tuple(f"{_at(change.failed_at or 0)} {change.title}: {change.failure}" for change in lost),
        )
        reached = sum(change.reached is not None for change in changes.all)
        yield Measure(
            "change_failure_rate",
            "Change failure rate",
            round(100 * len(lost) / reached, 1) if reached else None,
            "%",
            "Share of the commits that reached a cluster which are failed changes.",
            (f"{len(lost)} of {reached}",) if reached else (),
            "nothing was deployed",
        )
        rework = [
            change for change in asked if change.reached is not None and _is_rework(change, changes.all)
        ]
        yield Measure(
            "rework_rate",
            "Deployment rework rate",
            round(100 * len(rework) / reached, 1) if reached else None,
            "%",
            "Share of the commits that reached a cluster which were made to put a failed change right: after it had failed, and "
            "before all workloads were ready at a commit again.",
            tuple(f"{_at(change.at)} {change.title}" for change in rework),
            "nothing was deployed",
        )
        recoveries = [change.recovery_time for change in lost]
        known = [each for each in recoveries if each is not None]
        yield Measure(
            "recovery_time",
            "Time to recover from a failed change",
            _seconds(max(known)) if known and len(known) == len(recoveries) else None,
            "s",
            "From the first write of a failed change to the cluster until all workloads were ready at a commit again; "
            "the longest.",
            (),
            "never" if lost else "nothing failed",
        )
        since = changes.converged_since
        last = changes.last_disturbance
        yield Measure(
            "convergence_time",
            "Time to converge after the last event",
            _seconds(max(0, since - last)) if since is not None else None,
            "s",
            "From the last commit, change by hand or fault of the story (or its end) until the cluster held what git says, "
            "with every workload ready, and stayed so to the end.",
            (f"the last event was at {_at(last)}",),
            "not converged",
        )

    # --- drift --------------------------------------------------------------------------------------------------

    def _repair(self, now: int) -> Iterable[Measure]:
        episodes = self._drift.episodes
        yield _longest(
            Measure(
                "drift_detection_time",
                "Time to detect drift",
                None,
                "s",
                "From a change by hand until the delivery noticed it by comparing the cluster with git; the longest.",
                absent="not detected",
            ),
            episodes,
            lambda episode: episode.noticed,
        )
        yield _longest(
            Measure(
                "drift_repair_time",
                "Time to repair drift",
                None,
                "s",
                "From a change by hand until the object was as git says again, whoever brought that about; the longest.",
            ),
            episodes,
            lambda episode: episode.ended,
        )
        yield Measure(
            "minutes_adrift",
            "Time adrift",
            round(self._drift.time_adrift(now) / MINUTE, 2),
            "min",
            "Minutes in which any object that the delivery manages differed from the commit it applied last.",
            tuple(_episode_text(episode) for episode in episodes),
        )

    # --- the API ------------------------------------------------------------------------------------------------

    def _requests(self) -> Iterable[Measure]:
        servers = [cluster.server for cluster in self._play.world.clusters.values()]
        actors = self._play.way.actors
        writes = ours = asked = 0
        by_actor: dict[str, int] = {}
        for server in servers:
            for version in server.log.versions:
                if version.time == 0 and version.actor == ADMIN.name:
                    continue  # what a new cluster holds before anybody uses it
                if version.verb == "expire":
                    continue  # nobody asked for it
                writes += 1
                by_actor[version.actor] = by_actor.get(version.actor, 0) + 1
            asked += sum(server.asked.values())
        ours = sum(count for actor, count in by_actor.items() if actor in actors)
        most = sorted(by_actor.items(), key=lambda item: (-item[1], item[0]))
        yield Measure(
            "api_requests",
            "API requests",
            asked,
            "requests",
            "Requests that the API servers answered, from everybody; watches count once, renewals of leases not at all.",
        )
        yield Measure(
            "api_requests_by_delivery",
            "API requests of the delivery",
            sum(count for server in servers for user, count in server.asked.items() if user in actors),
            "requests",
            "API requests made with the delivery's identities.",
        )
        yield Measure(
            "api_writes",
            "API writes",
            writes,
            "writes",
            "Objects created, changed or deleted, by anybody. Left out: what a cluster holds before anybody uses it, requests "
            "that changed nothing or were refused, and what repeats without effect: renewals of leases, Events counted up by "
            "polls that find nothing new, Events that the server forgets after an hour.",
            tuple(f"{actor}: {count:,}" for actor, count in most[:8]),
        )
        yield Measure(
            "api_writes_by_delivery",
            "API writes of the delivery",
            ours,
            "writes",
            "Objects created, changed or deleted with the delivery's identities, Events among them; left out is what API writes "
            "leave out.",
        )

    # --- credentials --------------------------------------------------------------------------------------------

    def _credentials(self) -> Iterable[Measure]:
        outside: list[Holder] = []
        inside: list[Holder] = []
        for name, cluster in self._play.world.clusters.items():
            for user, reached in holders(cluster):
                account = user.name.startswith(_ACCOUNT)
                (inside if account else outside).append(Holder(user.name.rpartition(":")[2], name, reached))
        typing = (
            entry.as_
            for entry in self._play.scenario.timeline
            if entry.kubectl or entry.apply or entry.flux or entry.argocd
        )
        people = tuple(f"{name}, a person: everything in the cluster" for name in sorted(set(typing)))
        yield Measure(
            "credentials_outside",
            "Credentials outside the cluster",
            holding(outside),
            "",
            "Who, outside the clusters, holds credentials of the delivery that can change them, and how far these reach.",
            (*(holder.text for holder in outside), *people),
            "none",
        )
        yield Measure(
            "credentials_inside",
            "Credentials inside the cluster",
            holding(inside),
            "",
            "ServiceAccounts of the delivery's own pods that can change the cluster, and how far these reach.",
            tuple(holder.text for holder in inside),
            "none",
        )


def _is_rework(change: Change, all_changes: Sequence[Change]) -> bool:
    """Whether a commit was made while an earlier one had failed and nothing had put that right."""
    return any(
        other is not change
        and other.failed_at is not None
        and not other.alone
        and other.failed_at <= change.at
        and (other.recovered is None or change.at <= other.recovered)
        for other in all_changes
    )


def _reviewed(changes: Sequence[Change]) -> Iterable[Measure]:
    """What merge requests add: the time before the merge."""
    reviews = [change.review_time for change in changes if change.review_time is not None]
    whole = [time for change in changes if (time := change.lead_time_from_first_commit) is not None]
    yield Measure(
        "review_time",
        "Time in review",
        _seconds(int(median(reviews))) if reviews else None,
        "s",
        "From the first commit of a merge request until it was merged; the median.",
        tuple(
            f"{_at(change.at)} {change.title}: {told_seconds(to_seconds(change.review_time))}"
            for change in changes
            if change.review_time is not None
        ),
        "nothing merged",
    )
    yield Measure(
        "lead_time_from_first_commit",
        "Lead time from the first commit",
        _seconds(int(median(whole))) if whole else None,
        "s",
        "As the change lead time, but from the first commit of the merge request that brought the change; the two differ "
        "by the time in review.",
        absent="never" if changes else "no change",
    )


def _longest(measure: Measure, episodes: Sequence[Episode], end: Callable[[Episode], int | None]) -> Measure:
    """The longest stretch; None when one of them never ended."""
    if not episodes:
        return replace(measure, absent="no drift")
    lines = []
    longest = 0
    missing = False
    for episode in episodes:
        at = end(episode)
        took = None if at is None else at - episode.began
        missing = missing or took is None
        longest = max(longest, took or 0)
        said = measure.absent if took is None else f"after {told_seconds(to_seconds(took))}"
        lines.append(f"{_at(episode.began)} {episode.ref} by {episode.cause.actor}: {said}")
    return replace(measure, value=None if missing else _seconds(longest), detail=tuple(lines))


def _episode_text(episode: Episode) -> str:
    until = "the end" if episode.ended is None else _at(episode.ended)
    return f"{episode.ref} from {_at(episode.began)} to {until}, by {episode.cause.actor}"


def _lead_text(change: Change) -> str:
    said = "never" if change.lead_time is None else f"after {told_seconds(to_seconds(change.lead_time))}"
    return f"{_at(change.at)} {change.title}: {said}"


def _at(us: int) -> str:
    return format_duration(us // 1_000_000 * 1_000_000)


def _seconds(us: int | None) -> float | None:
    return None if us is None else round(to_seconds(us), 3)

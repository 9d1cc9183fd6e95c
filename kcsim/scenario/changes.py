"""Changes: commits on their way to ready workloads, found by reading the trace.

A change has arrived when every object it asks for is live as it says and every workload among them is ready; a later
commit counts for it as long as it still holds the files as the change left them. It has failed when it reached a cluster
and its delivery said so, or a Deployment exceeded its progress deadline at its version.
**Walk:** a commit -> a `Change` -> writes to managed objects -> arrived? failed? recovered? -> `Changes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kcsim.api.log import Version
from kcsim.delivery.gitops.kstatus import CURRENT, compute
from kcsim.engine.trace import Record
from kcsim.scenario.deliveries import Attempt
from kcsim.scenario.drift import Drift
from kcsim.scenario.history import head_moved
from kcsim.scenario.wanted import ObjectKey, Wanted, deviation

if TYPE_CHECKING:
    from kcsim.scenario.play import Play

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"})
_DISTURBING = frozenset({"kubectl", "flux"})


@dataclass(slots=True)
class Change:
    """One commit. Times in µs; None where it has not happened.

    Attributes:
        files: what it changed: path -> content, None where it deleted.
        reached: its first write to a cluster.
        arrived: when it had arrived in full.
        alone: it arrived without a further commit.
        failed_at, failure: when and why it failed.
        recovered: when all workloads were ready at a commit again after that.
    """

    sha: str
    title: str
    at: int
    record: Record
    files: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)
    reached: int | None = None
    arrived: int | None = None
    alone: bool = False
    failed_at: int | None = None
    failure: str = ""
    recovered: int | None = None

    @property
    def lead_time(self) -> int | None:
        """From the commit until it had arrived."""
        return None if self.arrived is None else self.arrived - self.at

    @property
    def recovery_time(self) -> int | None:
        """From its first write to the cluster until the workloads were ready at a commit again."""
        if self.recovered is None:
            return None
        return self.recovered - (self.reached if self.reached is not None else self.at)


class Changes:
    """Follows the commits to the delivered branch.

    Attributes:
        all: every change, in the order of its commit.
        deployments: (µs, cluster, SHA) of every commit that the delivery reported as deployed.
        last_disturbance: when the last commit, command of a person or fault (or its end) was.
        converged_since: since when the cluster has held what git says, with every workload ready; None: it does not.
    """

    def __init__(self, play: "Play", drift: Drift) -> None:
        self._play = play
        self._drift = drift
        how = play.scenario.deliveries.get(play.delivery)
        found = play.scenario.repository_named(how.repository) if how is not None else None
        self._repository = found.name if found is not None else None
        self._branch = play.source(found.name).branch if found is not None else ""
        self._known = 0
        self._open: list[Attempt] = []
        self._fit: dict[tuple[int, int], bool] = {}
        self._live: dict[ObjectKey, Version] = {}
        self._managed: set[ObjectKey] = set()
        self.all: list[Change] = []
        self.deployments: list[tuple[int, str, str]] = []
        self.last_disturbance = 0
        self.converged_since: int | None = None

    # --- asking -------------------------------------------------------------------------------------------------

    @property
    def first(self) -> Change | None:
        """The repository's first commit."""
        return self.all[0] if self.all else None

    @property
    def asked(self) -> list[Change]:
        """The commits after the first."""
        return self.all[1:]

    @property
    def failed(self) -> list[Change]:
        """Those that failed and did not come right without a further commit, in the order of their commits."""
        return [change for change in self.all if change.failed_at is not None and not change.alone]

    # --- following ----------------------------------------------------------------------------------------------

    def settle(self, time: int, records: Sequence[Record]) -> None:
        """Follow the records of an instant."""
        touched = False
        for record in records:
            if isinstance(record, Version):
                touched = self._write(record, time) or touched
                continue
            moved = head_moved(record)
            if moved is not None and moved[:2] == (self._repository, self._branch):
                self._commit(record, moved[2])
                touched = True
            if self._disturbs(record):
                self.last_disturbance = max(self.last_disturbance, time)
        touched = self._attempts(time) or touched
        if touched:
            self._look(time)

    def _write(self, version: Version, time: int) -> bool:
        """Note a write; whether it can have brought a change further."""
        namespace, name = version.key
        key = ObjectKey(version.cluster, version.resource.group_resource, namespace, name)
        if version.deleted:
            self._live.pop(key, None)
        else:
            self._live[key] = version
        if version.actor in self._play.way.actors:
            sha = self._play.way.revision_of(version)
            for change in reversed(self.all):
                if change.sha == sha:
                    change.reached = time if change.reached is None else change.reached
                    break
        return key in self._managed

    def _commit(self, record: Record, sha: str) -> None:
        repository = self._play.world.git.repository(self._repository or "")
        commit = repository.get(sha)
        parent = commit.parents[0] if commit.parents else None
        files = repository.files(sha)
        changed = {path: files.get(path) for path in repository.diff(parent, sha)}
        self.all.append(Change(sha, f'"{commit.subject}"', record.time, record, changed))
        self._managed.update(wanted.key for wanted in self._play.way.wanted(sha))

    @staticmethod
    def _disturbs(record: Record) -> bool:
        if record.actor == "fault":
            return True
        if record.verb in {"commit", "push"} and record.subject.startswith("commit/"):
            return True
        return record.cause is None and record.verb in _DISTURBING

    def _attempts(self, time: int) -> bool:
        """Take note of what the delivery said of its tries; whether there was news."""
        attempts = self._play.way.attempts
        self._open.extend(attempts[self._known :])
        self._known = len(attempts)
        over = [attempt for attempt in self._open if attempt.outcome != "running"]
        for attempt in over:
            self._open.remove(attempt)
            if attempt.outcome == "succeeded":
                self.deployments.append((attempt.ended or time, attempt.cluster, attempt.sha))
            else:
                self._fail(attempt.sha, attempt.ended or time, attempt.reason)
        return bool(over)

    def _fail(self, sha: str, time: int, why: str) -> None:
        for change in self.all:
            # What never wrote anything has failed nobody: the cluster is as it was.
            if (
                change.sha == sha
                and change.reached is not None
                and change.failed_at is None
                and change.arrived is None
            ):
                change.failed_at, change.failure = time, why

    # --- looking at the cluster ---------------------------------------------------------------------------------

    def _look(self, time: int) -> None:
        if not self.all:
            return
        states: dict[str, bool] = {}

        def holds(sha: str) -> bool:
            if sha not in states:
                states[sha] = self._holds(sha, time)
            return states[sha]

        head = self.all[-1]
        self._deadlines(time)
        for number, change in enumerate(self.all):
            if change.arrived is None:
                bringing = (c for c in self.all[number:] if self._still_says(c, change) and holds(c.sha))
                brought = next(bringing, None)
                if brought is not None:
                    change.arrived, change.alone = time, brought is change
            if (
                change.failed_at is not None
                and change.recovered is None
                and head is not change
                and holds(head.sha)
            ):
                change.recovered = time
        if not holds(head.sha):
            self.converged_since = None
        elif self.converged_since is None:
            self.converged_since = time

    def _still_says(self, later: Change, change: Change) -> bool:
        """Whether a later commit still holds what a change brought."""
        if later is change:
            return True
        files = self._play.world.git.repository(self._repository or "").files(later.sha)
        return all(files.get(path) == data for path, data in change.files.items())

    def _holds(self, sha: str, time: int) -> bool:
        """Whether every object of a commit is live as it says, and its workloads are ready."""
        wanted = self._play.way.wanted(sha)
        return bool(wanted) and all(self._is_done(each, time) for each in wanted)

    def _is_done(self, wanted: Wanted, time: int) -> bool:
        live = self._live.get(wanted.key)
        if live is None or not self._fits(live, wanted):
            return False
        return wanted.resource.kind not in WORKLOADS or compute(live.object, time).status == CURRENT

    def _fits(self, live: Version, wanted: Wanted) -> bool:
        known = self._fit.get((live.seq, id(wanted)))  # wanted objects are kept for as long as the play is
        if known is None:
            ownership = self._play.world.clusters[wanted.key.cluster].server.ownership
            known = self._fit[live.seq, id(wanted)] = deviation(live.object, wanted, ownership) is None
        return known

    def _deadlines(self, time: int) -> None:
        """Deployments that exceeded their progress deadline at the version of a change that has not arrived."""
        for change in self.all:
            if change.arrived is not None or change.failed_at is not None or change.reached is None:
                continue
            for wanted in self._play.way.wanted(change.sha):
                live = self._live.get(wanted.key)
                if live is not None and wanted.resource.kind == "Deployment" and self._fits(live, wanted):
                    late = _deadline(live.object)
                    if late is not None:
                        self._fail(change.sha, time, late)


def _deadline(deployment: Mapping[str, Any]) -> str | None:
    status = deployment.get("status") or {}
    if status.get("observedGeneration") != deployment["metadata"].get("generation"):
        return None  # what it says is of the version before
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message") or "ProgressDeadlineExceeded")
    return None

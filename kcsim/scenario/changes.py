"""Changes: commits on their way to ready workloads, found by reading the trace.

A change has arrived when every object it asks for is live as it says and every workload among them is ready; a later
commit counts for it as long as it still holds the files as the change left them. It has failed when it reached a cluster
and its delivery said so, or a Deployment exceeded its progress deadline at its version.
**Walk:** a commit -> a `Change` -> writes to managed objects -> arrived? failed? recovered? -> `Changes`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kcsim.api.log import Version
from kcsim.api.ownership import Ownership
from kcsim.delivery.gitops.kstatus import CURRENT, compute
from kcsim.engine.trace import Record
from kcsim.scenario.deliveries import Attempt
from kcsim.scenario.drift import Drift, only_status
from kcsim.scenario.history import head_moved
from kcsim.scenario.wanted import ObjectKey, Wanted, deviation

if TYPE_CHECKING:
    from kcsim.scenario.play import Play

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"})
_DISTURBING = frozenset({"kubectl", "flux", "argocd"})


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
        began: when the first commit of the merge request that brought it was made; without one, as ``at``.
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
    began: int | None = None

    @property
    def review_time(self) -> int | None:
        """From the first commit of its merge request until that was merged; None without one."""
        return None if self.began is None else self.at - self.began

    @property
    def lead_time_from_first_commit(self) -> int | None:
        """From the first commit of its merge request, or from the commit itself, until it had arrived."""
        began = self.at if self.began is None else self.began
        return None if self.arrived is None else self.arrived - began

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
        self._live: dict[ObjectKey, Version] = {}
        self._goals: dict[str, Goal] = {}
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
        if touched and self.all:
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
        touched = False
        for sha, goal in self._goals.items():
            if goal.take(key, version, time):
                touched = True
                late = _deadline(version.object) if version.resource.kind == "Deployment" else None
                if late is not None and goal.fits(key):
                    self._fail(sha, time, late)
        return touched

    def _commit(self, record: Record, sha: str) -> None:
        repository = self._play.world.git.repository(self._repository or "")
        commit = repository.get(sha)
        parent = commit.parents[0] if commit.parents else None
        files = repository.files(sha)
        changed = {path: files.get(path) for path in repository.diff(parent, sha)}
        change = Change(sha, f'"{commit.subject}"', record.time, record, changed)
        change.began = self._began(record)
        self.all.append(change)
        goal = self._goals[sha] = Goal(self._play.way.wanted(sha), self._ownership)
        for key in goal.wanted:
            live = self._live.get(key)
            if live is not None:
                goal.take(key, live, record.time, anew=True)

    def _began(self, record: Record) -> int | None:
        """When the work on a merge request began that a commit comes from."""
        merged = record.cause
        if merged is None or merged.verb != "merge" or not merged.subject.startswith("merge-request/"):
            return None
        number = merged.subject.rpartition("/")[2]
        reviews = self._play.world.git.reviews
        return reviews.find(self._repository or "", int(number)).first_commit_at

    def _disturbs(self, record: Record) -> bool:
        if record.actor == "fault":
            return True
        moved = head_moved(record)
        if moved is not None:
            # What lies on another branch waits for its merge, and disturbs nobody until then.
            repository, branch, _ = moved
            return repository != self._repository or branch == self._branch
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

    def _ownership(self, cluster: str) -> Ownership:
        return self._play.world.clusters[cluster].server.ownership

    # --- looking at the cluster ---------------------------------------------------------------------------------

    def _look(self, time: int) -> None:
        head = self.all[-1]
        settled = self._goals[head.sha].is_reached
        for number, change in enumerate(self.all):
            if change.arrived is None:
                later = (c for c in self.all[number:] if c.sha in self._goals and self._still_says(c, change))
                brought = next((c for c in later if self._goals[c.sha].is_reached), None)
                if brought is not None:
                    change.arrived, change.alone = time, brought is change
            if change.failed_at is not None and change.recovered is None and head is not change and settled:
                change.recovered = time
        for change in self.all[:-1]:
            if change.arrived is not None and change.sha != head.sha:
                self._goals.pop(change.sha, None)
        if not settled:
            self.converged_since = None
        elif self.converged_since is None:
            self.converged_since = time

    def _still_says(self, later: Change, change: Change) -> bool:
        """Whether a later commit still holds what a change brought."""
        if later is change:
            return True
        files = self._play.world.git.repository(self._repository or "").files(later.sha)
        return all(files.get(path) == data for path, data in change.files.items())


class Goal:
    """How far a cluster is from what a commit asks for, kept up to date write by write.

    Attributes:
        wanted: what the commit asks for, by object.
    """

    def __init__(self, wanted: Iterable[Wanted], ownership: Callable[[str], Ownership]) -> None:
        self.wanted = {each.key: each for each in wanted}
        self._ownership = ownership
        self._missing = set(self.wanted)
        self._fits: dict[ObjectKey, bool] = {}

    @property
    def is_reached(self) -> bool:
        """Whether every object is live as it says, and its workloads are ready."""
        return bool(self.wanted) and not self._missing

    def fits(self, key: ObjectKey) -> bool:
        """Whether an object is as the commit says, ready or not."""
        return self._fits.get(key, False)

    def take(self, key: ObjectKey, version: Version, time: int, *, anew: bool = False) -> bool:
        """Note the newest version of an object; whether the commit asks for it."""
        wanted = self.wanted.get(key)
        if wanted is None:
            return False
        if version.deleted:
            self._fits[key] = False
        elif anew or key not in self._fits or not only_status(version):
            self._fits[key] = deviation(version.object, wanted, self._ownership(key.cluster)) is None
        done = self._fits[key] and (
            wanted.resource.kind not in WORKLOADS or compute(version.object, time).status == CURRENT
        )
        if done:
            self._missing.discard(key)
        else:
            self._missing.add(key)
        return True


def _deadline(deployment: Mapping[str, Any]) -> str | None:
    status = deployment.get("status") or {}
    if status.get("observedGeneration") != deployment["metadata"].get("generation"):
        return None  # what it says is of the version before
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message") or "ProgressDeadlineExceeded")
    return None

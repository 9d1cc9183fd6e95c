"""How a pipeline learns of commits, and what else starts a run: webhooks, polling, schedules, and `on:`.

**Imitates:** GitHub Actions' `on` with branch, tag and path filters (`*` stands for all but a slash, `**` for all); Jenkins' Poll
SCM: `git ls-remote` at fixed instants; `on.schedule` of the workflow file at the head of the default branch, in UTC and every five
minutes at most (GitHub Docs, "Events that trigger workflows", schedule). A poll that would find nothing new is not carried out: the next instant is armed when a
ref moves, which makes no difference to anybody. Differs: a run for a merge request is one of its head, not of what merging it
would give; schedules are punctual.

**Walk:** a ref moves -> the webhook's `Update` -> `event_of` -> an `Event`, or nothing. Or: a commit reaches the repository -> the
next poll is armed -> `ls_remote` travels to the git host -> another head than the last one seen starts a run; a host that does
not answer is asked again at the next instant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kcsim.api.cron import BadSchedule, Schedule, parse
from kcsim.delivery.ci.checkout import git_error
from kcsim.delivery.ci.pipelines import On, PipelineSpec, Site
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import (
    AuthenticationRequired,
    GitHost,
    RepositoryNotFound,
    ServiceUnavailable,
)
from kcsim.delivery.git.repository import HEADS, PULLS, QUEUES, TAGS, Repository, Update
from kcsim.engine.clock import MINUTE, format_duration
from kcsim.engine.core import Timer
from kcsim.engine.task import Steps, Task
from kcsim.manifests import ManifestError, documents, resolve_core

SKIPS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")
"""What keeps GitHub from running a workflow for a commit whose message holds it."""


DEPLOYED = frozenset({"push", "schedule"})
"""Events that are about what is on a branch; what only might come there is not deployed."""


@dataclass(frozen=True, slots=True)
class Event:
    """Why a run is started.

    Attributes:
        name: push, pull_request, merge_group or schedule.
        ref: the full name of what was pushed; `branch` the short one, of a merge request its source.
        sha: the commit.
        base: the branch that a merge request is for.
    """

    name: str
    ref: str
    branch: str
    sha: str = ""
    base: str = ""

    def facts(self, repository: str, sha: str, actor: str, number: int, attempt: int) -> dict[str, str]:
        """The `github` context of a run."""
        is_tag = self.ref.startswith(TAGS)
        return {
            "event_name": self.name,
            "ref": self.ref,
            "ref_name": self.ref.removeprefix(HEADS).removeprefix(TAGS).removeprefix("refs/pull/"),
            "ref_type": "tag" if is_tag else "branch",
            "sha": sha,
            "head_ref": self.branch if self.base else "",
            "base_ref": self.base,
            "actor": actor,
            "repository": repository,
            "run_number": str(number),
            "run_attempt": str(attempt),
        }


def event_of(update: Update, spec: PipelineSpec, repository: Repository, git: GitHost) -> Event | None:
    """What a ref that moved means for a pipeline; None: nothing."""
    on = spec.on if spec.on is not None else On((spec.branch,))
    if update.new is None or _skips(repository, update):
        return None
    if update.ref.startswith(PULLS):
        request = git.reviews.of_ref(update.repository, update.ref)
        if not on.merge_requests or request is None:
            return None
        return Event("pull_request", update.ref, request.source, update.new, request.target)
    if update.ref.startswith(TAGS):
        name = update.ref.removeprefix(TAGS)
        sha = repository.tags().get(name)
        return Event("push", update.ref, name, sha) if sha and matches_any(name, on.tags) else None
    name = update.ref.removeprefix(HEADS)
    if update.ref.startswith(QUEUES):
        return Event("merge_group", update.ref, name, update.new) if on.merge_requests else None
    if not matches_any(name, on.branches):
        return None
    if on.paths and not any(matches_any(path, on.paths) for path in repository.diff(update.old, update.new)):
        return None
    return Event("push", update.ref, name, update.new)


def _skips(repository: Repository, update: Update) -> bool:
    """Whether the head's message asks for no run; a tag and what a merge queue tries are run all the same."""
    if update.new is None or update.ref.startswith((TAGS, QUEUES)):
        return False
    message = repository.get(update.new).message.lower()
    return any(word in message for word in SKIPS)


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits one of GitHub's filter patterns; a later one that begins with `!` takes it out again."""
    found = False
    for pattern in patterns:
        wanted = not pattern.startswith("!")
        if _regex(pattern.removeprefix("!")).fullmatch(name):
            found = wanted
    return found


def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/?|\*|\?)", pattern)
    words = {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*", "?": "?"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))


class Poller:
    """Looks at one branch every `poll_interval`; the first time `poll_phase` after it was made, or an interval after."""

    def __init__(self, site: Site, spec: PipelineSpec, found: Callable[[str], None]) -> None:
        self._site = site
        self._spec = spec
        self._found = found
        self._ref = HEADS + spec.branch
        self._began = site.engine.now + spec.poll_phase
        self._seen = ""
        self._timer: Timer | None = None
        self._looking = False
        repository = site.git.repository(spec.repository)
        repository.on_update(self._moved)
        if self._ref in repository.refs():
            self._arm()

    def _moved(self, update: Update) -> None:
        if update.ref == self._ref and update.new is not None:
            self._arm()

    def _arm(self) -> None:
        if self._looking or (self._timer is not None and self._timer.active):
            return
        engine, interval = self._site.engine, self._spec.poll_interval
        delay = interval - (engine.now - self._began) % interval
        self._timer = engine.tick(delay, f"poll {format_duration(interval)}", self._poll)

    def _poll(self) -> None:
        self._looking = True
        Task(self._look())

    def _look(self) -> Steps:
        site, spec = self._site, self._spec
        url, timeout = site.git.url(spec.repository), site.timings.git_timeout
        try:
            refs = yield site.git.ls_remote(site.host, url, timeout)
        except (Unreachable, ServiceUnavailable, AuthenticationRequired, RepositoryNotFound) as error:
            text = git_error(error, url, self._ref, timeout)
            site.engine.note("ci", "poll-failed", f"pipeline/{spec.name}", {"error": text})
        else:
            sha = refs.get(self._ref, self._seen)
            if sha != self._seen:
                self._seen = sha
                self._found(sha)
        self._looking = False
        # The branch may have moved while the answer was on its way, or the host did not answer.
        if site.git.repository(spec.repository).refs().get(self._ref, self._seen) != self._seen:
            self._arm()


SCHEDULE_MIN = 5 * MINUTE
"""The shortest interval at which GitHub runs a scheduled workflow."""


class BadWorkflow(ValueError):
    """A workflow file that cannot be read; the message says where and why."""


def schedules_in(text: bytes, file: str) -> tuple[Schedule, ...]:
    """The schedules of a workflow file: `on: {schedule: [{cron: "0 2 * * *"}]}`.

    Raises: BadWorkflow.
    """
    try:
        found = documents(text, file, plain=resolve_core)
        workflow = found[0].value if found else None
        on = workflow.get("on") if isinstance(workflow, dict) else None
        given = on.get("schedule") if isinstance(on, dict) else None
        if given is not None and not isinstance(given, list):
            raise BadWorkflow(f"{file}: on.schedule is a list of cron: '* * * * *'")
        return tuple(parse(str(each.get("cron", ""))) for each in given or () if isinstance(each, dict))
    except (ManifestError, BadSchedule) as error:
        raise BadWorkflow(f"{file}: {error}" if isinstance(error, BadSchedule) else str(error)) from None


class Scheduler:
    """Starts runs of the default branch's head when the workflow file there says so."""

    def __init__(self, site: Site, spec: PipelineSpec, due: Callable[[], object]) -> None:
        self._site = site
        self._spec = spec
        self._due = due
        self._schedules: tuple[Schedule, ...] = ()
        self._last = site.engine.now - SCHEDULE_MIN
        self._timer: Timer | None = None
        repository = site.git.repository(spec.repository)
        repository.on_update(self._moved)
        if HEADS + spec.branch in repository.refs():
            self._read()

    def _moved(self, update: Update) -> None:
        if update.ref == HEADS + self._spec.branch and update.new is not None:
            self._read()

    def _read(self) -> None:
        """The file as it is now; one that cannot be read has no schedules, and is told."""
        spec = self._spec
        repository = self._site.git.repository(spec.repository)
        text = repository.files(spec.branch).get(spec.workflow)
        try:
            self._schedules = schedules_in(text, spec.workflow) if text is not None else ()
        except BadWorkflow as error:
            self._schedules = ()
            self._site.engine.note("ci", "workflow-invalid", f"pipeline/{spec.name}", {"error": str(error)})
        self._arm()

    def _arm(self) -> None:
        engine = self._site.engine
        if self._timer is not None:
            self._timer.cancel()
        earliest = max(engine.now, self._last + SCHEDULE_MIN - 1)
        times = [when for each in self._schedules if (when := each.next(earliest)) is not None]
        if times:
            self._timer = engine.tick(min(times) - engine.now, "schedule", self._fire)

    def _fire(self) -> None:
        self._last = self._site.engine.now
        self._due()
        self._arm()

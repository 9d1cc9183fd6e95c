"""A git hosting service on the network: repositories, pushes, webhooks, and clients that list and fetch.

**Imitates:** a hosting service (GitHub, GitLab) as delivery tools see it through git over HTTPS; error texts are those
of go-git and git, which Flux and Argo CD pass on. Merge requests and protected branches are in ``reviews``. Left out:
accounts and their rights. A webhook that fails is not sent again by itself (as with GitHub and GitLab) unless the
repository's ``webhook_retries`` say so; ``redeliver`` sends it again by hand. Nobody is rate-limited or refused unless a
fault says so (``trouble``).

**Walk:** a repository's ref moves -> a trace record (the commit) -> a webhook to each subscriber, caused by it;
an agent's `ls_remote` or `fetch` travels to the host and comes back with refs or files, or with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from kcsim.delivery.exchange import Exchange, Path, Unreachable
from kcsim.delivery.git.repository import HEADS, PULLS, TAGS, Commit, GitError, Repository, Update
from kcsim.delivery.git.requests import MergeRequest
from kcsim.delivery.git.reviews import Reviews
from kcsim.engine.clock import MILLISECOND, MINUTE, seconds
from kcsim.engine.core import Engine
from kcsim.engine.task import Sleep, Steps, Task
from kcsim.engine.trace import Record
from kcsim.network.topology import Network
from kcsim.profile.distributions import Distribution, Skewed

DEFAULT_TIMEOUT = seconds("60s")
"""How long a client waits for an answer (µs): `spec.timeout` of a Flux GitRepository."""

_WEBHOOK_DICE = "webhook"


_LS_REMOTE = Skewed(150 * MILLISECOND, 600 * MILLISECOND)
_FETCH = Skewed(400 * MILLISECOND, seconds("2s"))
_WEBHOOK = Skewed(seconds("1s"), seconds("5s"))


@dataclass(frozen=True, slots=True)
class GitTimings:
    """How long (µs) the service works. Assumed values: no published measurement; orders of magnitude of hosted git."""

    ls_remote: Distribution = _LS_REMOTE
    fetch: Distribution = _FETCH
    webhook: Distribution = _WEBHOOK
    """From the push to the moment the request for a webhook leaves."""


class RepositoryNotFound(GitError):
    """The host has no such repository."""

    def __init__(self) -> None:
        super().__init__("repository not found")


class RefNotFound(GitError):
    """The repository has no such branch, tag or commit."""


class ServiceUnavailable(GitError):
    """The service is up but refuses to work: an answer with ``code`` that is none of git's."""

    def __init__(self, url: str, code: int) -> None:
        """The text is go-git's (plumbing/transport/http)."""
        super().__init__(
            f'unexpected requesting "{url}/info/refs?service=git-upload-pack" status code: {code}'
        )
        self.code = code


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought: the commit, the full name of the ref asked for, and all files by path. Read-only."""

    commit: Commit
    ref: str
    files: Mapping[str, bytes]
    record: Record | None
    """The trace record of the push that brought the commit to the host: the cause of what is done with it."""


@dataclass(frozen=True, slots=True)
class _Subscriber:
    repository: str
    host: str
    deliver: Callable[[Update], None]
    pushes: bool
    reviews: bool
    endings: bool

    @property
    def dice(self) -> str:
        """The stream that its delays are drawn from: who hears of merge requests alone moves nobody else's."""
        return _WEBHOOK_DICE if self.pushes else f"{_WEBHOOK_DICE} reviews"

    def hears(self, update: Update) -> bool:
        """Whether it is told of a ref that moved."""
        if update.repository != self.repository:
            return False
        return self.reviews if update.ref.startswith(PULLS) else self.pushes


@dataclass(slots=True)
class Delivery:
    """One webhook on its way: what it tells, to which host, and what became of it. `at` is when (µs) it left last."""

    subscriber: _Subscriber
    update: Update
    at: int
    status: Literal["sent", "lost"] = "sent"
    tries: int = 0

    @property
    def host(self) -> str:
        """Whom it is for."""
        return self.subscriber.host


class AuthenticationRequired(GitError):
    """The host does not take the key or token that the client shows (go-git transport.ErrAuthenticationRequired)."""

    def __init__(self) -> None:
        super().__init__("authentication required")


@dataclass(slots=True)
class Trouble:
    """What is wrong with a git service short of an outage, put there by faults.

    Attributes:
        delay: how much longer (µs) it works on each question.
        quota: how many questions it answers in each minute; the others get 429. None: all.
        locked: repositories that no client's key opens any more.
        lost: the share of webhooks that never leave.
        late: how much later (µs) webhooks leave.
        again: how often more each webhook is sent.
    """

    delay: int = 0
    quota: int | None = None
    locked: frozenset[str] = frozenset()
    lost: float = 0.0
    late: int = 0
    again: int = 0


class GitHost:
    """A git service.

    Attributes:
        name: on the network.
        available: False makes it answer 503 to everything.
        trouble: what else is wrong with it; ``set_trouble`` changes it.
        timings: how long it works.
        reviews: merge requests, protected branches and merge queues of all its repositories.
        webhook_retries: repository -> (how often a webhook that failed is sent again, µs before the first time; the
            wait doubles). Those that are not in it: never.
        deliveries: every webhook so far, in the order in which they were due.
    """

    def __init__(
        self, engine: Engine, network: Network, name: str, timings: GitTimings | None = None
    ) -> None:
        self._engine = engine
        self._network = network
        self.name = name
        self._available = True
        self._closed: set[str] = set()
        self.timings = timings or GitTimings()
        self._repositories: dict[str, Repository] = {}
        self._aliases: dict[str, str] = {}
        self._subscribers: list[_Subscriber] = []
        self._records: dict[tuple[str, str], Record] = {}
        self._remark: Mapping[str, Any] = {}
        self._listeners: list[Callable[[], None]] = []
        self.trouble = Trouble()
        self._answered: tuple[int, int] = (-1, 0)
        self.reviews = Reviews(engine, self.repository)
        self.reviews.on_ended(self._ended)
        self.webhook_retries: dict[str, tuple[int, int]] = {}
        self.deliveries: list[Delivery] = []

    def set_trouble(self, trouble: Trouble) -> None:
        """Something goes wrong, or well again."""
        self.trouble = trouble
        self._changed()

    @property
    def available(self) -> bool:
        """Whether the service works; while it does not it answers 503."""
        return self._available

    @available.setter
    def available(self, value: bool) -> None:
        self._available = value
        self._changed()

    def set_available(self, available: bool, repository: str = "") -> None:
        """Let the service, or only one of its repositories, answer everybody or nobody (503).

        Raises: RepositoryNotFound.
        """
        if not repository:
            self.available = available
            return
        name = self.repository(repository).name
        if available:
            self._closed.discard(name)
        else:
            self._closed.add(name)
        self._changed()

    def is_available(self, repository: str) -> bool:
        """Whether a repository, by its name, is answered for."""
        return self._available and repository not in self._closed

    @property
    def counts_questions(self) -> bool:
        """Whether a question that is asked makes a difference to the answer of the next."""
        return self.trouble.quota is not None

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever clients may get another answer: a ref moved, the service failed or came back."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    # ---------------------------------------------------------------- what the service holds

    def create(self, name: str, default_branch: str = "main") -> Repository:
        """Make an empty repository, e.g. `shop/manifests`.

        Raises: GitError when there is one of that name.
        """
        if name in self._repositories:
            raise GitError(f"repository '{name}' already exists on {self.name}")
        made = self._repositories[name] = Repository(name, default_branch)
        made.on_update(self._updated)
        self._changed()
        return made

    def repository(self, name: str) -> Repository:
        """A repository by its name or its URL.

        Raises: RepositoryNotFound.
        """
        found = self._repositories.get(name) or self._repositories.get(self._name_in(name))
        if found is None:
            raise RepositoryNotFound
        return found

    @property
    def repositories(self) -> list[Repository]:
        """All repositories, in the order in which they were made."""
        return list(self._repositories.values())

    def also_at(self, repository: str, url: str) -> None:
        """Serve a repository at a further address, as manifests name it that were written for another host."""
        self._aliases[url] = repository

    def urls(self, repository: str) -> tuple[str, ...]:
        """Every address under which a repository is cloned, its own first."""
        return (self.url(repository), *(url for url, name in self._aliases.items() if name == repository))

    def url(self, repository: str) -> str:
        """The address under which a repository is cloned."""
        return f"https://{self.name}/{repository}"

    def push(
        self,
        repository: str,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str,
        author: str,
        *,
        start: str | None = None,
    ) -> Commit:
        """Commit files to a branch now; the trace, the webhooks and later fetches follow from it.

        A branch that is not there yet begins at the revision `start`, else with nothing.

        Raises: GitError, as `git push` prints it, when the branch is protected or nothing would change.
        """
        self.reviews.check_push(repository, branch)
        return self.repository(repository).commit(branch, files, message, author, self._engine.now, start)

    def force_push(self, repository: str, branch: str, revision: str) -> Commit:
        """Point a branch at any commit, as `git push --force` does.

        Raises: GitError when the branch is protected; UnknownRevision.
        """
        found = self.repository(repository)
        self.reviews.check_push(repository, branch, forced=True)
        commit = found.get(revision)
        found.head(branch)  # there is one: a new branch is no force push
        found.reset(branch, commit.sha)
        return commit

    def report_check(self, source: str, repository: str, sha: str, name: str, *, passed: bool) -> None:
        """A check of a commit came out, as host `source` tells; sent only where a merge request waits for it.

        What gets lost is sent again every half minute, ten times.
        """
        if self.reviews.waits_for(repository, sha):
            Task(self._report(source, self.url(repository), sha, name, passed))

    def _report(self, source: str, url: str, sha: str, name: str, passed: bool) -> Steps:
        cause = self._engine.cause
        repository = self._name_in(url)
        for _ in range(10):
            try:
                yield Exchange(
                    self._path(source, DEFAULT_TIMEOUT),
                    lambda: (self._open(url), self._work(self.timings.ls_remote)),
                )
            except (Unreachable, GitError):
                yield Sleep(self._engine, seconds("30s"))
                continue
            self._engine.cause = cause
            self.reviews.check_came_out(repository, sha, name, passed=passed)
            return
        self._engine.cause = cause
        self._engine.note("git", "check-lost", f"repository/{repository}", {"sha": sha, "check": name})

    @contextmanager
    def remarking(self, remark: Mapping[str, Any]) -> Iterator[None]:
        """Add facts to the trace records of what is pushed within the block: who tells a story says why it happens."""
        before, self._remark = self._remark, remark
        try:
            yield
        finally:
            self._remark = before

    def subscribe(
        self,
        repository: str,
        host: str,
        deliver: Callable[[Update], None],
        *,
        pushes: bool = True,
        reviews: bool = False,
        endings: bool = False,
    ) -> None:
        """Send a webhook to `deliver`, which stands on `host`, after each push to a repository.

        With `reviews` merge requests that are opened or get further commits are told, too; with `endings` those that are merged
        or closed, as a `refs/pull/N/head` with nothing new.
        """
        name = self.repository(repository).name
        self._subscribers.append(_Subscriber(name, host, deliver, pushes, reviews, endings))

    def redeliver(self, repository: str = "", *, all_of_them: bool = False) -> int:
        """Send webhooks again that got lost, or all there ever were (a replay); gives how many."""
        name = self.repository(repository).name if repository else ""
        chosen = [
            delivery
            for delivery in self.deliveries
            if name in {"", delivery.update.repository} and (all_of_them or delivery.status == "lost")
        ]
        for delivery in chosen:
            self._send_webhook(delivery)
        return len(chosen)

    def record_of(self, repository: str, sha: str) -> Record | None:
        """The trace record of the push that first brought a commit to the head of a branch."""
        return self._records.get((repository, sha))

    # ---------------------------------------------------------------- what clients ask over the network

    def ls_remote(self, source: str, url: str, timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Ask from host `source` for the refs: {full ref name: SHA}, tags as the commits they name.

        Raises (where it is waited for): Unreachable, ServiceUnavailable, RepositoryNotFound.
        """
        return Exchange(self._path(source, timeout), lambda: self._serve_refs(url))

    def fetch(self, source: str, url: str, ref: str, timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Fetch from host `source` the files at a branch, tag, full ref or SHA; the value is a `Fetched`.

        Raises (where it is waited for): Unreachable, ServiceUnavailable, RepositoryNotFound, RefNotFound.
        """
        return Exchange(self._path(source, timeout), lambda: self._serve_files(url, ref))

    def list_requests(self, source: str, repository: str, timeout: int = DEFAULT_TIMEOUT) -> Exchange:
        """Ask from host `source`, through the host's API, for all merge requests of a repository, in the order of their numbers.

        Raises (where it is waited for): Unreachable, ServiceUnavailable, AuthenticationRequired, RepositoryNotFound.
        """

        def serve() -> tuple[list[MergeRequest], int]:
            found = self._open(self.url(repository))
            return self.reviews.all(found.name), self._work(self.timings.ls_remote)

        return Exchange(self._path(source, timeout), serve)

    def _serve_refs(self, url: str) -> tuple[dict[str, str], int]:
        repository = self._open(url)
        peeled = {TAGS + name: sha for name, sha in repository.tags().items()}
        return repository.refs() | peeled, self._work(self.timings.ls_remote)

    def _serve_files(self, url: str, ref: str) -> tuple[Fetched, int]:
        repository = self._open(url)
        full, sha = _find(repository, ref)
        commit = repository.get(sha)
        fetched = Fetched(commit, full, repository.files(sha), self._records.get((repository.name, sha)))
        return fetched, self._work(self.timings.fetch)

    def _open(self, url: str) -> Repository:
        name = self._name_in(url) or url
        if not self.is_available(name):
            raise ServiceUnavailable(url, 503)
        if self.trouble.quota is not None and not self._within(self.trouble.quota):
            raise ServiceUnavailable(url, 429)
        if name in self.trouble.locked:
            raise AuthenticationRequired
        return self.repository(url)

    def _within(self, quota: int) -> bool:
        """Whether this minute's quota is not used up; the question counts."""
        minute = self._engine.now // MINUTE
        count = self._answered[1] if self._answered[0] == minute else 0
        self._answered = (minute, count + 1)
        return count < quota

    def _work(self, distribution: Distribution) -> int:
        return self._engine.dice(f"git-host {self.name}").draw(distribution) + self.trouble.delay

    def _path(self, source: str, timeout: int) -> Path:
        return Path(self._engine, self._network, source, self.name, f"git {source}", timeout)

    def _name_in(self, url: str) -> str:
        if url in self._aliases:
            return self._aliases[url]
        _, scheme, rest = url.partition("://")
        place, slash, name = rest.partition("/")
        # The user part of ssh://git@host/name does not matter here.
        if not scheme or not slash or place.rpartition("@")[2] != self.name:
            return ""
        return name.removesuffix("/").removesuffix(".git")

    # ---------------------------------------------------------------- what follows a push

    def _updated(self, update: Update) -> None:
        record = self._note(update)
        if update.new is not None and update.ref.startswith(HEADS):
            self._records.setdefault((update.repository, update.new), record)
        with self._engine.because(record):
            self._changed()
            for subscriber in self._subscribers:
                if subscriber.hears(update):
                    self._tell(subscriber, update)
            self.reviews.ref_moved(update)

    def _ended(self, request: MergeRequest) -> None:
        """A merge request was merged or closed."""
        with self._engine.because(request.record):
            for subscriber in self._subscribers:
                if subscriber.endings and subscriber.repository == request.repository:
                    self._tell(subscriber, Update(request.repository, request.ref, request.head, None))

    def _tell(self, subscriber: _Subscriber, update: Update) -> None:
        delay = self._engine.dice(subscriber.dice).draw(self.timings.webhook)
        delivery = Delivery(subscriber, update, self._engine.now)
        self.deliveries.append(delivery)
        self._engine.after(delay + self.trouble.late, self._send_webhook, delivery)

    def _note(self, update: Update) -> Record:
        repository = self._repositories[update.repository]
        if update.ref.startswith(PULLS):
            return self.reviews.note_moved(update)
        short = update.ref.removeprefix(HEADS).removeprefix(TAGS)
        kind = "tag" if update.ref.startswith(TAGS) else "branch"
        if update.new is None:
            return self._engine.note(
                "git", "delete", f"{kind}/{update.repository}/{short}", {"old": update.old}
            )
        sha = repository.tags()[short] if kind == "tag" else update.new
        commit = repository.get(sha)
        if kind == "tag":
            detail = {"sha": commit.sha, **self._remark}
            return self._engine.note("git", "tag", f"tag/{update.repository}/{short}", detail)
        if update.old is None and (update.repository, commit.sha) in self._records:
            return self._engine.note(
                "git", "branch", f"branch/{update.repository}/{short}", {"sha": commit.sha}
            )
        on_top = update.old is None or update.old in commit.parents
        detail = {"branch": short, "sha": commit.sha, "message": commit.subject}
        if on_top:
            detail["files"] = list(repository.diff(update.old, commit.sha))
        if update.forced:
            detail["forced"] = True
        detail.update(self._remark)
        actor, verb = commit.author.partition(" <")[0], "commit" if on_top else "push"
        return self._engine.note(actor, verb, f"commit/{update.repository}/{commit.short}", detail)

    def _send_webhook(self, delivery: Delivery) -> None:
        subscriber, update = delivery.subscriber, delivery.update
        delivery.at, delivery.tries = self._engine.now, delivery.tries + 1
        route = self._network.route(self.name, subscriber.host)
        if route is None or not self.is_available(update.repository) or self._loses_webhook():
            delivery.status = "lost"
            self._engine.note(
                "git", "webhook-lost", f"host/{subscriber.host}", {"repository": update.repository}
            )
            times, wait = self.webhook_retries.get(update.repository, (0, 0))
            if delivery.tries <= times:
                self._engine.after(wait * 2 ** (delivery.tries - 1), self._send_webhook, delivery)
            return
        delivery.status = "sent"
        for _ in range(1 + self.trouble.again):
            self._engine.after(
                route.delay(self._engine.dice(subscriber.dice).draw), subscriber.deliver, update
            )

    def _loses_webhook(self) -> bool:
        share = self.trouble.lost
        return bool(share) and (share >= 1 or self._engine.dice("fault/webhook").uniform() < share)


def _find(repository: Repository, ref: str) -> tuple[str, str]:
    """(full ref name or SHA, commit SHA) of what a client asks for."""
    refs, tags = repository.refs(), repository.tags()
    for full in (ref, HEADS + ref, TAGS + ref):
        if full in refs:
            return full, tags.get(full.removeprefix(TAGS), refs[full]) if full.startswith(TAGS) else refs[
                full
            ]
    try:
        sha = repository.resolve(ref)
    except GitError as error:
        full = ref if ref.startswith("refs/") else HEADS + ref
        raise RefNotFound(f'couldn\'t find remote ref "{full}"') from error
    return sha, sha

"""argocd-repo-server as a process: it resolves revisions, fetches commits and generates manifests, and caches all of it.

**Imitates:** argo-cd 3.x reposerver/repository/repository.go (GenerateManifest, runRepoOperation, caching of errors,
UpdateRevisionForPaths), reposerver/cache, util/git/client.go (LsRemote with the cache of refs and its lock). Left out:
credentials, verification, submodules, LFS, the eviction of checkouts.

**Walk:** a request -> revision -> refs of the cache or ``ls-remote`` -> manifests of the cache, or: fetch -> one
generation after the other -> cache -> the answer.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kcsim.api.kit.component import Component
from kcsim.api.objects import Object
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import Fetched, GitHost
from kcsim.delivery.git.repository import HEADS, TAGS, GitError
from kcsim.delivery.gitops.argocd.redis import Cache
from kcsim.delivery.gitops.argocd.repo_server.generate import GenerationError, generate
from kcsim.delivery.gitops.argocd.settings import RepoSettings
from kcsim.engine.clock import HOUR, MILLISECOND, MINUTE, SECOND
from kcsim.engine.task import Done, Sleep, Steps
from kcsim.engine.trace import Record
from kcsim.profile.distributions import Distribution, Skewed

SERVICE = "argocd-repo-server"
MANIFEST_EXPIRY = 24 * HOUR
PAUSE_AFTER_FAILURES = 3
PAUSE = 60 * MINUTE
"""--repo-cache-expiration; --pause-generation-after-failed-attempts, --pause-generation-on-failure-for-minutes."""
CACHED_ERROR = "Manifest generation error (cached)"
GIT_TIMEOUT = 90 * SECOND
"""ARGOCD_EXEC_TIMEOUT."""
_GENERATION: Distribution = Skewed(68 * MILLISECOND, 160 * MILLISECOND)
"""One generation; those of one server come one after the other. Fitted to the published floor of 18 minutes for syncing
15,000 Applications, which no client rate of the controller shortens (experiments, G18)."""
_CACHED = 2 * MILLISECOND
"""Assumed: an answer out of Redis."""
_SHA = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True, slots=True)
class Request:
    """What a controller asks for: one source of an Application.

    Attributes:
        application: the name that manifests are marked with.
        revision: what to resolve; a full SHA stands for itself.
        no_cache: generate anew, whatever is cached (a hard refresh).
        no_revision_cache: ask the git host, whatever refs are cached.
        paths: annotation manifest-generate-paths, taken apart.
        synced: the revision that was synced last, which ``paths`` are compared with.
    """

    application: str
    namespace: str
    source: Mapping[str, Any]
    revision: str
    no_cache: bool = False
    no_revision_cache: bool = False
    paths: tuple[str, ...] = ()
    synced: str = ""


@dataclass(frozen=True, slots=True)
class Manifests:
    """The answer: read-only objects as they were rendered.

    Attributes:
        changed: whether the revision may change something of the application (``revisionsMayHaveChanges``).
        record: the trace record of the push that brought the revision.
    """

    revision: str
    source_type: str
    objects: Sequence[Object]
    changed: bool = True
    record: Record | None = field(default=None, compare=False)


@dataclass(slots=True)
class _Failures:
    """Generations of one key that failed in a row."""

    count: int
    since: int
    error: str


class Once:
    """Work that several callers want at the same time: the first does it, all get what came of it."""

    def __init__(self) -> None:
        self._waiting: list[Done] = []
        self._over = False
        self._result: tuple[Any, Exception | None] = (None, None)

    def start(self, done: Done) -> None:
        """Wait for it."""
        if self._over:
            done(*self._result)
        else:
            self._waiting.append(done)

    def finish(self, value: Any, error: Exception | None) -> None:
        """It has been done."""
        self._over, self._result = True, (value, error)
        for done in self._waiting:
            done(value, error)


class RepoServer:
    """One process."""

    def __init__(self, component: Component, git: GitHost, cache: Cache, settings: RepoSettings) -> None:
        self._component = component
        self._git = git
        self._cache = cache
        self._settings = settings
        self._listing: dict[str, Once] = {}
        self._fetching: dict[tuple[str, str], Once] = {}
        self._checkouts: dict[tuple[str, str], Fetched] = {}
        self._free_at = 0
        self._dice = component.dice("generation")
        self._running = 0
        self._queue: list[Done] = []

    # --- revisions ----------------------------------------------------------------------------------------------

    def resolve(self, url: str, revision: str, *, no_cache: bool) -> Generator[Any, Any, str]:
        """A task's steps: the commit of a branch, tag or HEAD; "" stands for HEAD.

        Raises:
            GenerationError: the host does not answer, or knows no such revision.
        """
        if _SHA.match(revision):
            return revision
        refs = None if no_cache else self._cache.get(("git-refs", url))
        if refs is None:
            refs = yield from self._list(url)
        try:
            default = self._git.repository(url).default_branch
        except GitError as error:
            raise GenerationError(f"failed to list refs: {error}") from error
        wanted = default if revision in {"", "HEAD"} else revision
        for name in (wanted, HEADS + wanted, TAGS + wanted):
            if name in refs:
                return str(refs[name])
        if re.fullmatch(r"[0-9a-f]{7,40}", revision):
            return revision
        raise GenerationError(f"unable to resolve '{revision}' to a commit SHA: revision not found")

    def _list(self, url: str) -> Steps:
        """``git ls-remote``; of callers at the same time only one asks (the lock of the cache of refs)."""
        running = self._listing.get(url)
        if running is not None:
            return (yield running)
        once = self._listing[url] = Once()
        refs, failure = None, None
        try:
            refs = yield self._git.ls_remote(self._component.host, url, GIT_TIMEOUT)
            self._cache.put(("git-refs", url), refs, self._settings.revision_expiry)
        except (GitError, Unreachable) as error:
            failure = GenerationError(f"failed to list refs: {error}")
        del self._listing[url]
        once.finish(refs, failure)
        if failure is not None:
            raise failure
        return refs

    # --- manifests ----------------------------------------------------------------------------------------------

    def generate(self, request: Request) -> Generator[Any, Any, Manifests]:
        """A task's steps: the manifests of a source at a revision.

        Raises:
            GenerationError: with the words that the Application's condition will show.
        """
        url = request.source.get("repoURL", "")
        sha = yield from self.resolve(url, request.revision, no_cache=request.no_revision_cache)
        record = self._record(url, sha)
        key = (
            "manifests",
            url,
            sha,
            json.dumps(request.source, sort_keys=True),
            request.application,
            request.namespace,
        )
        if not request.no_cache:
            found = self._cache.get(key)
            if isinstance(found, Manifests):
                yield Sleep(self._component.engine, _CACHED)
                return found
            if isinstance(found, _Failures) and self._is_paused(found):
                raise GenerationError(f"{CACHED_ERROR}: {found.error}")
            moved = yield from self._unchanged(request, url, sha, key)
            if moved is not None:
                return moved
        if request.source.get("ref") and not request.source.get("path") and not request.source.get("chart"):
            return Manifests(sha, "", (), record=record)
        try:
            made = yield from self._made(request, url, sha)
        except GenerationError as error:
            self._failed(key, str(error))
            raise
        answer = Manifests(sha, made[0], made[1], record=record)
        self._cache.put(key, answer, MANIFEST_EXPIRY)
        return answer

    def _unchanged(
        self, request: Request, url: str, sha: str, key: Any
    ) -> Generator[Any, Any, Manifests | None]:
        """The manifests of the synced revision under the new one, where no file that they are made of has changed."""
        if not request.paths or not request.synced or request.synced == sha or not _SHA.match(request.synced):
            return None
        before = (*key[:2], request.synced, *key[3:])
        known = self._cache.get(before)
        if not isinstance(known, Manifests):
            return None
        new = yield from self._checkout(url, sha)
        old = yield from self._checkout(url, request.synced)
        changed = changed_files(old.files, new.files)
        if is_affected(changed, request.source.get("path") or ".", request.paths):
            return None
        answer = Manifests(sha, known.source_type, known.objects, changed=False, record=new.record)
        self._cache.put(key, answer, MANIFEST_EXPIRY)
        return answer

    def _made(
        self, request: Request, url: str, sha: str
    ) -> Generator[Any, Any, tuple[str, Sequence[Object]]]:
        yield from self._enter()
        try:
            fetched = yield from self._checkout(url, sha)
            engine = self._component.engine
            self._free_at = max(self._free_at, engine.now) + self._dice.draw(_GENERATION)
            yield Sleep(engine, self._free_at - engine.now)
            return generate(
                request.source,
                fetched.files,
                application=request.application,
                namespace=request.namespace,
            )
        finally:
            self._leave()

    def _checkout(self, url: str, sha: str) -> Generator[Any, Any, Fetched]:
        known = self._checkouts.get((url, sha))
        if known is not None:
            return known
        running = self._fetching.get((url, sha))
        if running is not None:
            shared: Fetched = yield running
            return shared
        once = self._fetching[url, sha] = Once()
        fetched, failure = None, None
        try:
            fetched = yield self._git.fetch(self._component.host, url, sha, GIT_TIMEOUT)
            self._checkouts[url, sha] = fetched
        except (GitError, Unreachable) as error:
            failure = GenerationError(f"failed to initialize repository resources: {error}")
        del self._fetching[url, sha]
        once.finish(fetched, failure)
        if failure is not None:
            raise failure
        assert isinstance(fetched, Fetched), "no failure"
        return fetched

    def files(self, url: str, revision: str, *, no_cache: bool) -> Generator[Any, Any, Fetched]:
        """A task's steps: the files of a revision, for the git generators of ApplicationSets.

        Raises:
            GenerationError: see ``resolve``.
        """
        sha = yield from self.resolve(url, revision, no_cache=no_cache)
        return (yield from self._checkout(url, sha))

    def _record(self, url: str, sha: str) -> Record | None:
        try:
            return self._git.record_of(self._git.repository(url).name, sha)
        except GitError:
            return None  # the host no longer has the repository; the checkout may still be there

    # --- failures -----------------------------------------------------------------------------------------------

    def _is_paused(self, failures: _Failures) -> bool:
        return failures.count >= PAUSE_AFTER_FAILURES and self._component.engine.now - failures.since < PAUSE

    def _failed(self, key: Any, error: str) -> None:
        found = self._cache.get(key)
        count = found.count if isinstance(found, _Failures) else 0
        since = (
            found.since
            if isinstance(found, _Failures) and count < PAUSE_AFTER_FAILURES
            else self._component.engine.now
        )
        since = since if count else self._component.engine.now
        self._cache.put(key, _Failures(count + 1, since, error), MANIFEST_EXPIRY)

    # --- the limit of generations at once -----------------------------------------------------------------------

    def _enter(self) -> Steps:
        """--parallelismlimit: wait for a place where it limits."""
        limit = self._settings.parallelism
        if limit and self._running >= limit:
            yield _Turn(self._queue)
        self._running += 1

    def _leave(self) -> None:
        self._running -= 1
        if self._queue:
            self._component.after(0, self._queue.pop(0), None, None)


class _Turn:
    """A place in the queue of those who wait to generate."""

    def __init__(self, queue: list[Done]) -> None:
        self._queue = queue

    def start(self, done: Done) -> None:
        self._queue.append(done)


def changed_files(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[str]:
    """The paths that two revisions do not share, in order."""
    return sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def is_affected(changed: Sequence[str], path: str, wanted: Sequence[str]) -> bool:
    """Whether a changed file lies under one of the paths of manifest-generate-paths (util/app/path AppFilesHaveChanged).

    Relative ones start from the source's ``path``, absolute ones from the repository's root; ``*`` stands for part of a
    name.
    """
    from fnmatch import fnmatchcase

    places = []
    for text in wanted:
        full = text.lstrip("/") if text.startswith("/") else posixpath.join(path, text)
        places.append(posixpath.normpath(full))
    return any(
        place == "." or file == place or file.startswith(f"{place}/") or fnmatchcase(file, place)
        for file in changed
        for place in places
    )

"""source-controller: GitRepository objects become artifacts.

**Imitates:** source-controller 1.9 internal/controller/gitrepository_controller.go and internal/reconcile/summarize.
Left out: authentication, verification, includes, submodules, the other source kinds (refused by their absence). Differs:
a look at the remote that finds nothing new repeats without being carried out (``idle_polls``), and so is the Event
that upstream counts up for it.

**Walk:** a GitRepository -> finalizer -> is the artifact still stored? -> remote head -> nothing new: done, or fetch ->
pack -> status.artifact -> Ready; any failure -> FetchFailed, Ready=False, again after the back-off.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Reconciler, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import DEFAULT_TIMEOUT, Fetched, GitHost
from kcsim.delivery.git.repository import GitError
from kcsim.delivery.gitops.flux import git_source, toolkit
from kcsim.delivery.gitops.flux.artifact import Storage
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.git_source import GIT_OPERATION_FAILED, Wanted
from kcsim.delivery.gitops.flux.idle_polls import IdlePolls
from kcsim.delivery.gitops.flux.ignore import packed
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.own_objects import OwnObjects, has_finalizer
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.toolkit import (
    GIT_REPOSITORIES,
    READY,
    RECONCILING,
    STALLED,
    SUCCEEDED,
)

IN_STORAGE, OUTDATED, FETCH_FAILED = "ArtifactInStorage", "ArtifactOutdated", "FetchFailed"


class _Failure(Exception):
    """A git operation failed; shown in conditions and an Event, and tried again."""

    def __init__(self, message: str, reason: str = GIT_OPERATION_FAILED) -> None:
        super().__init__(message)
        self.reason = reason


class _Stalling(_Failure):
    """The spec cannot work: nothing is tried until it changes."""


class GitRepositories(Reconciler):
    """The reconciler of GitRepository."""

    name = "gitrepository"

    def __init__(self, git: GitHost, storage: Storage, options: Options, phases: Phases) -> None:
        self._git = git
        self._storage = storage
        self._jitter = options.jitter
        self._phases = phases
        self.workers = options.concurrent

    def setup(self, component: Component) -> None:
        """Watch the GitRepositories."""
        self._dice = component.dice("interval")
        self._polls = IdlePolls(component, self._git, self.enqueue_after, self._period)
        self._own = OwnObjects(self.client, GIT_REPOSITORIES)
        self._repositories = component.informer(GIT_REPOSITORIES)
        self._repositories.on_change(self._changed)

    def reset(self) -> None:
        """A crash: no polls are due any more."""
        self._polls.reset()
        self._own.reset()

    def error_delay(self, failures: int) -> int:
        """The toolkit's back-off."""
        return toolkit.backoff(failures)

    def _period(self, interval: int) -> int:
        return toolkit.jittered(interval, self._dice.uniform(), self._jitter)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None, "a change of nothing"
            self._polls.forget(objects.key(old))
            self._own.forget(objects.key(old))
        elif toolkit.is_triggered(old, new):
            self.enqueue(objects.key(new))

    # --- one object ---------------------------------------------------------------------------------------------

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Bring the artifact of one GitRepository up to date."""
        self._polls.forget(key)
        cached = self._repositories.get(*key)
        return None if cached is None else self._handle(cached)

    def _handle(self, cached: Object) -> Outcome:
        obj = yield from self._own.fresh(cached)
        if obj is None:
            return None
        if objects.is_deleting(obj):
            self._storage.remove(_source_path(obj))
            yield from self._own.remove_finalizer(obj)
            return None
        if not has_finalizer(obj):
            yield from self._own.add_finalizer(obj)
            return Result(requeue=True)
        if toolkit.spec(obj).get("suspend"):
            return None
        return (yield from self._reconcile(obj))

    def _reconcile(self, obj: Object) -> Outcome:
        draft = Draft(self.component.engine, obj)
        interval = toolkit.duration(obj, "interval")
        before = draft.get("artifact")
        failed_before = draft.condition(FETCH_FAILED) is not None
        try:
            yield from self._begin(obj, draft)
            news = yield from self._source(obj, draft)
        except _Failure as error:
            return (yield from self._failed(obj, draft, error))
        for condition in (RECONCILING, STALLED, FETCH_FAILED, OUTDATED):
            draft.drop(condition)
        self._summarise(obj, draft)
        draft.observe_generation()
        yield from self._own.write(obj, draft)
        self._tell(obj, draft, before, news, failed_before=failed_before)
        key = objects.key(obj)
        first = self._phases.next(self.component, key, interval, self._dice, self._jitter)
        self._polls.begin(key, interval, first)
        return None

    def _begin(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        """Say that there is work, where somebody waits to read it."""
        seen, wanted = draft.get("observedGeneration") or 0, obj["metadata"].get("generation", 0)
        if seen != wanted:
            draft.progress(f"processing object: new generation {seen} -> {wanted}")
            yield from self._own.write(obj, draft)
        elif toolkit.requested_at(obj) and toolkit.requested_at(obj) != draft.get("lastHandledReconcileAt"):
            draft.progress("reconciliation in progress")
            yield from self._own.write(obj, draft)
        stored = draft.get("artifact")
        if stored is not None and not self._storage.has(stored):
            draft.set("artifact", None)
        if draft.get("artifact") is None:
            gone = ": disappeared from storage" if stored is not None else ""
            draft.progress(f"building artifact{gone}", drift=True)
            draft.drop(IN_STORAGE)
            yield from self._own.write(obj, draft)
        else:
            self._storage.collect(_source_path(obj), draft.get("artifact")["path"], self.component.engine.now)

    def _source(self, obj: Object, draft: Draft) -> Generator[Any, Any, str | None]:
        """Look at the remote; fetch and pack what is new. The subject of a fetched commit, None when nothing was new."""
        url = toolkit.spec(obj)["url"]
        if not urlsplit(url).scheme:
            raise _Stalling(f"failed to parse url '{url}': no scheme", "URLInvalid")
        absent = git_source.not_modelled(obj)
        if absent:
            raise _Stalling(absent, "NotModelled")
        yield from self._credentials(obj)
        want = git_source.wanted(obj)
        stored = draft.get("artifact")
        if stored is not None or want.semver:
            want, head = yield from self._remote_head(obj, url, want)
            if stored is not None and head and git_source.revision(want, head) == stored["revision"]:
                if not git_source.config_changed(obj):
                    return None
        fetched = yield from self._fetch(obj, url, want)
        revision = git_source.revision(want, fetched.commit.sha)
        if fetched.record is not None:
            # What follows is done for the commit, not for the clock that made us look.
            self.component.engine.cause = fetched.record
        if stored is not None and stored["revision"] == revision and not git_source.config_changed(obj):
            return None
        if stored is None or stored["revision"] != revision:
            news = f"new upstream revision '{revision}'"
            if stored is not None:
                draft.mark(OUTDATED, "True", "NewRevision", news)
            draft.progress(f"building artifact: {news}", drift=True)
            yield from self._own.write(obj, draft)
        self._store(obj, draft, revision, fetched)
        return fetched.commit.subject

    def _credentials(self, obj: Object) -> Generator[Any, Any, None]:
        """The Secret of the credentials must exist; the git host here asks for none."""
        ref = toolkit.spec(obj).get("secretRef")
        if ref is None:
            return
        namespace, name = objects.namespace(obj), ref.get("name", "")
        try:
            yield self.client.get("secrets", namespace, name)
        except StatusError as error:
            # Upstream wraps the error twice, once where it reads the Secret.
            why = f"failed to get secret '{namespace}/{name}'"
            raise _Failure(f"{why}: {why}: {error.message}", "AuthenticationFailed") from error

    def _remote_head(self, obj: Object, url: str, want: Wanted) -> Generator[Any, Any, tuple[Wanted, str]]:
        timeout = toolkit.duration(obj, "timeout", DEFAULT_TIMEOUT)
        try:
            refs = yield self._git.ls_remote(self.component.host, url, timeout)
            want = git_source.resolve(want, refs)
        except (GitError, Unreachable) as error:
            why = f"unable to list remote for '{url}': {error}"
            raise _Failure(f"failed to checkout and determine revision: {why}") from error
        except ValueError as error:
            raise _Failure(
                f"failed to checkout and determine revision: semver parse error: {error}"
            ) from error
        if want.semver:
            raise _Failure(
                f"failed to checkout and determine revision: no match found for semver: {want.semver}"
            )
        return want, refs.get(want.ref, "")

    def _fetch(self, obj: Object, url: str, want: Wanted) -> Generator[Any, Any, Fetched]:
        timeout = toolkit.duration(obj, "timeout", DEFAULT_TIMEOUT)
        try:
            fetched: Fetched = yield self._git.fetch(self.component.host, url, want.ref, timeout)
        except (GitError, Unreachable) as error:
            why = f"unable to clone '{url}': {error}"
            raise _Failure(f"failed to checkout and determine revision: {why}") from error
        return fetched

    def _store(self, obj: Object, draft: Draft, revision: str, fetched: Fetched) -> None:
        ignore, directories = toolkit.spec(obj).get("ignore"), toolkit.spec(obj).get("sparseCheckout")
        artifact = self._storage.add(
            _source_path(obj),
            f"{fetched.commit.sha}.tar.gz",
            revision,
            packed(git_source.sparse(fetched.files, directories), ignore),
            fetched.record,
            self.component.engine.now,
        )
        draft.set("artifact", artifact.to_status())
        draft.set("observedIgnore", ignore)
        draft.set("observedSparseCheckout", directories)

    # --- what is said about it ----------------------------------------------------------------------------------

    def _summarise(self, obj: Object, draft: Draft) -> None:
        draft.set("lastHandledReconcileAt", toolkit.requested_at(obj) or draft.get("lastHandledReconcileAt"))
        message = f"stored artifact for revision '{draft.get('artifact')['revision']}'"
        draft.mark(IN_STORAGE, "True", SUCCEEDED, message)
        draft.mark(READY, "True", SUCCEEDED, message)

    def _tell(self, obj: Object, draft: Draft, before: Any, news: str | None, *, failed_before: bool) -> None:
        stored = draft.get("artifact")
        if news is None:
            message = f"no changes since last reconciliation: observed revision '{stored['revision']}'"
            self.component.event(obj, "Normal", "GitOperationSucceeded", message)
        elif before is None or before["digest"] != stored["digest"]:
            self.component.event(obj, "Normal", "NewArtifact", f"stored artifact for commit '{news}'")
        elif failed_before:
            self.component.event(obj, "Normal", SUCCEEDED, f"stored artifact for commit '{news}'")

    def _failed(self, obj: Object, draft: Draft, error: _Failure) -> Outcome:
        if draft.condition(RECONCILING) is None:
            draft.progress("reconciliation in progress")
        draft.set("lastHandledReconcileAt", toolkit.requested_at(obj) or draft.get("lastHandledReconcileAt"))
        draft.mark(FETCH_FAILED, "True", error.reason, str(error))
        draft.mark(READY, "False", error.reason, str(error))
        draft.note_retry()
        stalled = isinstance(error, _Stalling)
        if stalled:
            draft.drop(RECONCILING)
            draft.mark(STALLED, "True", error.reason, str(error))
            draft.observe_generation()
        self.component.event(obj, "Warning", error.reason, str(error))
        yield from self._own.write(obj, draft)
        return None if stalled else Result(requeue=True)


def _source_path(obj: Object) -> str:
    return f"gitrepository/{objects.namespace(obj)}/{objects.name(obj)}"

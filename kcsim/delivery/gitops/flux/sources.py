"""What the reconcilers of sources share: an artifact in storage, and looks at a remote that are carried out when they matter.

**Imitates:** source-controller 1.9 internal/controller (reconcileStorage and the order of the steps, alike for each kind) and
internal/reconcile/summarize. Differs: a look that finds nothing new repeats without being carried out (``idle_polls``), and
so is the Event that upstream counts up for it.

**Walk:** an object -> is its artifact still stored? -> ``look`` -> nothing new: done, or ``keep`` -> status.artifact -> Ready;
any failure -> FetchFailed, Ready=False, again after the back-off.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from kcsim.api import objects
from kcsim.api.kit.component import Component
from kcsim.api.kit.queue import Outcome, Result
from kcsim.api.objects import Key, Object
from kcsim.api.status import StatusError
from kcsim.delivery.gitops.flux import toolkit
from kcsim.delivery.gitops.flux.artifact import Storage
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.idle_polls import IdlePolls, Remote
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import Failure, Success, Told, ToolkitReconciler
from kcsim.delivery.gitops.flux.toolkit import SOURCE_GROUP, SUCCEEDED
from kcsim.engine.trace import Record

IN_STORAGE, OUTDATED, FETCH_FAILED = "ArtifactInStorage", "ArtifactOutdated", "FetchFailed"
VERIFIED = "SourceVerified"


class Unverified(Failure):
    """The content is not signed as the spec wants it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "VerificationError")


class Sources(ToolkitReconciler):
    """The reconciler of one kind of source."""

    def __init__(self, remote: Remote, storage: Storage, options: Options, phases: Phases) -> None:
        super().__init__(options, phases)
        self._remote = remote
        self._storage = storage

    def setup(self, component: Component) -> None:
        """Watch the objects, and the remote for what changes the answer of the next look."""
        super().setup(component)
        self._polls = IdlePolls(component, self._remote, self.enqueue_after, self._period)

    def reset(self) -> None:
        """A crash: no polls are due any more."""
        self._polls.reset()
        super().reset()

    def _period(self, interval: int) -> int:
        return toolkit.jittered(interval, self._dice.uniform(), self.options.jitter)

    def gone(self, key: Key) -> None:
        """Nobody asks for it any more."""
        self._polls.forget(key)

    def reconcile(self, key: Key) -> Outcome | Result | None:
        """Bring the artifact of one source up to date."""
        self._polls.forget(key)
        return super().reconcile(key)

    def forget_all(self, obj: Object) -> None:
        """Its artifacts go with it."""
        self._storage.remove(self._path(obj))

    def next_look(self, obj: Object) -> Result | None:
        """After its interval, if anything can have changed by then."""
        interval, key = self.interval(obj), objects.key(obj)
        first = self._phases.next(self.component, key, interval, self._dice, self.options.jitter)
        self._polls.begin(key, interval, first)
        return None

    def failed(self, draft: Draft, error: Failure) -> None:
        """What is wrong: the signature, or getting at the content."""
        if isinstance(error, Unverified):
            draft.mark(VERIFIED, "False", error.reason, str(error))
        else:
            draft.mark(FETCH_FAILED, "True", error.reason, str(error))

    # --- for subclasses -----------------------------------------------------------------------------------------

    def look(self, obj: Object, draft: Draft) -> Generator[Any, Any, str | None]:
        """Look at the remote; ``keep`` what is new. Says what was fetched, None when nothing was new.

        Raises:
            Failure: the remote cannot be read.
        """
        raise NotImplementedError

    def stored_message(self, revision: str) -> str:
        """What is said of a stored artifact."""
        return f"stored artifact for revision '{revision}'"

    def unchanged(self, revision: str) -> Told:
        """The Event of a look that found nothing new."""
        return Told("ArtifactUpToDate", f"artifact up-to-date with remote revision: '{revision}'", trace=True)

    # --- one object ---------------------------------------------------------------------------------------------

    def begin(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        """Say that there is work, and see whether the artifact is still there."""
        yield from super().begin(obj, draft)
        stored = draft.get("artifact")
        if stored is not None and not self._storage.has(stored):
            draft.set("artifact", None)
        if draft.get("artifact") is None:
            gone = ": disappeared from storage" if stored is not None else ""
            draft.progress(f"building artifact{gone}", drift=True)
            draft.drop(IN_STORAGE)
            yield from self.own.write(obj, draft)
        else:
            self._storage.collect(self._path(obj), draft.get("artifact")["path"], self.component.engine.now)

    def attempt(self, obj: Object, draft: Draft) -> Generator[Any, Any, Success]:
        """The artifact as the remote has it now."""
        before = draft.get("artifact")
        failed_before = draft.condition(FETCH_FAILED) is not None
        if draft.is_(VERIFIED, "False"):
            draft.drop(VERIFIED)
        news = yield from self.look(obj, draft)
        draft.drop(FETCH_FAILED)
        draft.drop(OUTDATED)
        stored = draft.get("artifact")
        message = self.stored_message(stored["revision"])
        draft.mark(IN_STORAGE, "True", SUCCEEDED, message)
        about = {"revision": stored["revision"], "digest": stored["digest"]}
        if news is None:
            return Success(message, [self.unchanged(stored["revision"])])
        if before is None or before["digest"] != stored["digest"]:
            return Success(message, [Told("NewArtifact", news, metadata=about)])
        return Success(message, [Told(SUCCEEDED, news, metadata=about)] if failed_before else [])

    def announce(self, obj: Object, draft: Draft, news: str) -> Generator[Any, Any, None]:
        """There is a revision that the artifact does not have."""
        if draft.get("artifact") is not None:
            draft.mark(OUTDATED, "True", "NewRevision", news)
        draft.progress(f"building artifact: {news}", drift=True)
        yield from self.own.write(obj, draft)

    def keep(
        self,
        obj: Object,
        draft: Draft,
        file: str,
        revision: str,
        files: Mapping[str, bytes],
        record: Record | None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Store an artifact and name it in the status. ``record`` is what brought the revision."""
        now = self.component.engine.now
        artifact = self._storage.add(self._path(obj), file, revision, files, record, now, metadata or {})
        draft.set("artifact", artifact.to_status())

    def blame(self, record: Record | None) -> None:
        """What follows is done for the revision, not for the clock that made us look."""
        if record is not None:
            self.component.engine.cause = record

    def need_secret(self, obj: Object) -> Generator[Any, Any, None]:
        """The Secret of the credentials must exist; what it holds is not asked for here."""
        ref = toolkit.spec(obj).get("secretRef")
        if ref is None:
            return
        namespace, name = objects.namespace(obj), ref.get("name", "")
        try:
            yield self.client.get("secrets", namespace, name)
        except StatusError as error:
            raise Failure(
                self.no_secret(f"{namespace}/{name}", error.message), "AuthenticationFailed"
            ) from error

    def no_secret(self, name: str, why: str) -> str:
        """What is said of a Secret that cannot be read."""
        return f"failed to get secret '{name}': {why}"

    def _path(self, obj: Object) -> str:
        kind = self.resource.removesuffix(f".{SOURCE_GROUP}")
        singular = f"{kind.removesuffix('ies')}y" if kind.endswith("ies") else kind.removesuffix("s")
        return f"{singular}/{objects.namespace(obj)}/{objects.name(obj)}"

"""GitRepository: a ref of a git repository becomes an artifact.

**Imitates:** source-controller 1.9 internal/controller/gitrepository_controller.go. Left out: authentication,
submodules (refused by name).

**Walk:** what it includes -> remote head -> nothing new: done, or fetch -> signature -> what ``sparseCheckout`` leaves, with the
includes, without what is ignored -> stored.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from kcsim.api import objects
from kcsim.api.kit.queue import Result
from kcsim.api.objects import Object
from kcsim.api.status import StatusError
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import DEFAULT_TIMEOUT, Fetched, GitHost
from kcsim.delivery.git.repository import TAGS, GitError
from kcsim.delivery.gitops.flux import git_source, signatures, toolkit
from kcsim.delivery.gitops.flux.artifact import Artifact, Storage
from kcsim.delivery.gitops.flux.draft import Draft
from kcsim.delivery.gitops.flux.git_source import GIT_OPERATION_FAILED, Wanted
from kcsim.delivery.gitops.flux.ignore import packed
from kcsim.delivery.gitops.flux.options import Options
from kcsim.delivery.gitops.flux.phases import Phases
from kcsim.delivery.gitops.flux.reconciler import (
    Failure,
    Stalling,
    Told,
    ToolkitReconciler,
    Waiting,
)
from kcsim.delivery.gitops.flux.signatures import Signed
from kcsim.delivery.gitops.flux.sources import OUTDATED, VERIFIED, Sources, Unverified
from kcsim.delivery.gitops.flux.toolkit import GIT_REPOSITORIES, SUCCEEDED

INCLUDE_UNAVAILABLE, STORAGE_FAILED = "IncludeUnavailable", "StorageOperationFailed"


class IncludeUnavailable(Waiting):
    """A GitRepository that is included is not there, or has no artifact yet."""


class StorageFailed(Failure):
    """The artifact cannot be put together."""


class _Host:
    """A git host as something that is looked at."""

    def __init__(self, git: GitHost) -> None:
        self._git = git

    @property
    def counts_questions(self) -> bool:
        return self._git.counts_questions

    @property
    def look(self) -> int:
        return self._git.timings.ls_remote.at(0.5)

    def on_change(self, listener: Callable[[], None]) -> None:
        self._git.on_change(listener)


class GitRepositories(Sources):
    """The reconciler of GitRepository."""

    name = "gitrepository"
    clock = "interval"
    resource = GIT_REPOSITORIES

    def __init__(
        self, git: GitHost, signed: Signed, storage: Storage, options: Options, phases: Phases
    ) -> None:
        super().__init__(_Host(git), storage, options, phases)
        self._git = git
        self._signed = signed

    def look(self, obj: Object, draft: Draft) -> Generator[Any, Any, str | None]:
        """Look at the remote; fetch and pack what is new."""
        url = toolkit.spec(obj)["url"]
        if not urlsplit(url).scheme:
            raise Stalling(f"failed to parse url '{url}': no scheme", "URLInvalid")
        absent = git_source.not_modelled(obj)
        if absent:
            raise Stalling(absent, "NotModelled")
        yield from self.need_secret(obj)
        want = git_source.wanted(obj)
        stored = draft.get("artifact")
        included = self._included(obj, draft)
        altered = git_source.config_changed(obj) or git_source.includes_changed(obj, included)
        if stored is not None and git_source.includes_changed(obj, included):
            yield from self._announce_includes(obj, draft)
        changed = altered or self._verification_changed(obj, draft)
        if stored is not None or want.semver:
            want, head = yield from self._remote_head(obj, url, want)
            same = stored is not None and head and git_source.revision(want, head) == stored["revision"]
            if same and not changed:
                return None
        fetched = yield from self._fetch(obj, url, want)
        revision = git_source.revision(want, fetched.commit.sha)
        self.blame(fetched.record)
        yield from self._verify(obj, draft, url, want, fetched)
        if stored is not None and stored["revision"] == revision and not altered:
            return None
        if stored is None or stored["revision"] != revision:
            yield from self.announce(obj, draft, f"new upstream revision '{revision}'")
        ignore, directories = toolkit.spec(obj).get("ignore"), toolkit.spec(obj).get("sparseCheckout")
        missing = git_source.missing_directory(fetched.files, directories)
        if missing:
            why = f"sparse checkout dir '{missing}' does not exist in repository"
            raise Failure(
                f"failed to sparse checkout directories : {why}: lstat {missing}: no such file or directory",
                GIT_OPERATION_FAILED,
            )
        found = [self._storage.get(artifact["path"]) for artifact in included]
        files = self._with_includes(obj, git_source.sparse(fetched.files, directories), found)
        draft.drop(STORAGE_FAILED)
        records = [r for r in (fetched.record, *(a.record for a in found if a is not None)) if r is not None]
        record = max(records, key=lambda each: each.seq, default=None)
        self.blame(record)
        self.keep(obj, draft, f"{fetched.commit.sha}.tar.gz", revision, packed(files, ignore), record)
        draft.set("observedIgnore", ignore)
        draft.set("observedSparseCheckout", directories)
        draft.set("observedInclude", toolkit.spec(obj).get("include"))
        draft.set("includedArtifacts", included or None)
        return f"stored artifact for commit '{fetched.commit.subject}'"

    def unchanged(self, revision: str) -> Told:
        """The Event of a look that found nothing new."""
        message = f"no changes since last reconciliation: observed revision '{revision}'"
        return Told("GitOperationSucceeded", message, trace=True)

    def no_secret(self, name: str, why: str) -> str:
        """Upstream wraps the error twice, once where it reads the Secret."""
        return super().no_secret(name, super().no_secret(name, why))

    # --- includes -----------------------------------------------------------------------------------------------

    def next_look(self, obj: Object) -> Result | None:
        """After its interval; what includes others looks again each time, for those may have changed."""
        if toolkit.spec(obj).get("include"):
            return ToolkitReconciler.next_look(self, obj)
        return super().next_look(obj)

    def _included(self, obj: Object, draft: Draft) -> list[dict[str, Any]]:
        """``status.artifact`` of each GitRepository that is included (fetchIncludes)."""
        found = []
        for include in toolkit.spec(obj).get("include") or ():
            name = include["repository"]["name"]
            other = self.objects.get(objects.namespace(obj), name)
            if other is None:
                why = f"could not get resource for include '{name}': {GIT_REPOSITORIES} \"{name}\" not found"
                raise IncludeUnavailable(why, "NotFound", after=self.options.requeue_dependency)
            artifact = toolkit.status(other).get("artifact")
            if artifact is None:
                why = f"no artifact available for include '{name}'"
                raise IncludeUnavailable(why, "NoArtifact", after=self.options.requeue_dependency)
            found.append(artifact)
        draft.drop(INCLUDE_UNAVAILABLE)
        return found

    def _announce_includes(self, obj: Object, draft: Draft) -> Generator[Any, Any, None]:
        message = "included artifacts differ from last observed includes"
        if draft.get("includedArtifacts") is not None:
            draft.mark(OUTDATED, "True", "IncludeChange", message)
        draft.progress(f"building artifact: {message}", drift=True)
        yield from self.own.write(obj, draft)

    def _with_includes(
        self, obj: Object, files: Mapping[str, bytes], included: Sequence[Artifact | None]
    ) -> Mapping[str, bytes]:
        """The checkout with the artifacts of others at their places (reconcileInclude)."""
        if not included:
            return files
        pairs = [
            (include, artifact.files if artifact is not None else {})
            for include, artifact in zip(toolkit.spec(obj)["include"], included, strict=True)
        ]
        try:
            return git_source.with_includes(files, pairs)
        except LookupError as error:
            raise StorageFailed(str(error), "CopyFailure") from error

    def failed(self, draft: Draft, error: Failure) -> None:
        """What is wrong: an include, the storage, the signature, or getting at the content."""
        if isinstance(error, IncludeUnavailable):
            draft.mark(INCLUDE_UNAVAILABLE, "True", error.reason, str(error))
        elif isinstance(error, StorageFailed):
            draft.mark(STORAGE_FAILED, "True", error.reason, str(error))
        else:
            super().failed(draft, error)

    # --- signatures ---------------------------------------------------------------------------------------------

    def _verification_changed(self, obj: Object, draft: Draft) -> bool:
        mode = (toolkit.spec(obj).get("verify") or {}).get("mode")
        return bool(mode and (draft.get("sourceVerificationMode") != mode or not draft.is_(VERIFIED)))

    def _verify(
        self, obj: Object, draft: Draft, url: str, want: Wanted, fetched: Fetched
    ) -> Generator[Any, Any, None]:
        """Whether commit, tag or both are signed by a key of the Secret (verifySignature)."""
        wanted = toolkit.spec(obj).get("verify")
        if wanted is None:
            draft.drop(VERIFIED)
            draft.set("sourceVerificationMode", None)
            return
        namespace, name = objects.namespace(obj), wanted["secretRef"]["name"]
        try:
            secret = yield self.client.get("secrets", namespace, name)
        except StatusError as error:
            raise Unverified(f"PGP public keys secret error: {error.message}") from error
        keys, mode = signatures.keys(secret, (".asc", ".sshpub")), wanted.get("mode", "HEAD")
        repository = self._git.repository(url).name
        problem = git_source.signature_problem(
            mode,
            want.shown if want.ref.startswith(TAGS) else "",
            fetched.commit.sha,
            self._signed.of(f"{repository}@{fetched.commit.sha}"),
            self._signed.of(f"{repository}:{want.shown}"),
            keys,
        )
        if problem:
            raise Unverified(problem)
        draft.set("sourceVerificationMode", mode)
        what = git_source.verified_message(mode, want.shown, fetched.commit.sha)
        draft.mark(VERIFIED, "True", SUCCEEDED, what)

    # --- the remote ---------------------------------------------------------------------------------------------

    def _remote_head(self, obj: Object, url: str, want: Wanted) -> Generator[Any, Any, tuple[Wanted, str]]:
        timeout = toolkit.duration(obj, "timeout", DEFAULT_TIMEOUT)
        try:
            refs = yield self._git.ls_remote(self.component.host, url, timeout)
            want = git_source.resolve(want, refs)
        except (GitError, Unreachable) as error:
            raise _not_checked_out(f"unable to list remote for '{url}': {error}") from error
        except ValueError as error:
            raise _not_checked_out(f"semver parse error: {error}") from error
        if want.semver:
            raise _not_checked_out(f"no match found for semver: {want.semver}")
        return want, refs.get(want.ref, "")

    def _fetch(self, obj: Object, url: str, want: Wanted) -> Generator[Any, Any, Fetched]:
        timeout = toolkit.duration(obj, "timeout", DEFAULT_TIMEOUT)
        try:
            fetched: Fetched = yield self._git.fetch(self.component.host, url, want.ref, timeout)
        except (GitError, Unreachable) as error:
            raise _not_checked_out(f"unable to clone '{url}': {error}") from error
        return fetched


def _not_checked_out(why: str) -> Failure:
    return Failure(f"failed to checkout and determine revision: {why}", GIT_OPERATION_FAILED)

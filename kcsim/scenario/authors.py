"""People who commit, ask to merge, merge and tag: from an entry of the timeline to what the git host does.

A commit is made on top of what the branch holds when it is pushed. While the git host does not answer, it waits in its
author's clone together with those after it, and the author tries again every half minute, as people do.
**Walk:** `commit`, `revert`, `ask` ... -> the repository's outbox -> pushed at once, or `push-refused` in the trace and a retry.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kcsim.delivery.git.repository import HEADS, GitError
from kcsim.delivery.git.requests import MergeRequest, Reviewer
from kcsim.delivery.gitops.flux.signatures import Signature, Signed
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.engine.trace import Record
from kcsim.scenario.branches import changes_files
from kcsim.scenario.edits import committed
from kcsim.scenario.model import Commit, ForcePush, Merge, Revert, Tag
from kcsim.scenario.model import MergeRequest as MergeRequestPart
from kcsim.scenario.spreads import duration
from kcsim.scenario.staging import FirstCommit, Source
from kcsim.simulation.places import LAPTOP
from kcsim.simulation.world import World

RETRY = 30 * SECOND


class NothingToCommit(GitError):
    """Everything that was to be committed is there already."""


@dataclass(frozen=True, slots=True)
class Story:
    """The entry of the timeline behind a commit: its name, what its trace record tells of it, and whom to tell."""

    name: str
    detail: Mapping[str, Any]
    done: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A commit in its author's clone: how to make it (giving its SHA), and what is told with it."""

    make: Callable[[], str]
    author: str
    message: str
    story: Story
    cause: Record | None
    what: str = "commit"


class Authors:
    """Everybody who commits, with what they could not push yet."""

    def __init__(self, world: World, sources: Mapping[str, Source], signed: Signed) -> None:
        self._world = world
        self._sources = sources
        self._signed = signed
        self._outboxes: dict[str, deque[_Waiting]] = {name: deque() for name in sources}
        self._made: dict[str, str] = {}
        self._asked: dict[MergeRequest, Story] = {}
        world.git.reviews.on_merged(self._merged)

    # --- what they do -------------------------------------------------------------------------------------------

    def bring(self, source: Source, first: FirstCommit) -> None:
        """Push a commit that the repository brings along."""
        name = source.repository.name
        story = Story("", {"source": first.source} if first.source else {}, lambda: None)

        def make() -> str:
            repository, now = self._world.git.repository(name), self._world.engine.now
            made = repository.commit(source.branch, first.files, first.message, first.author, now)
            return self._sign(name, made.sha, source.repository.signed_by)

        self._push(name, _Waiting(make, first.author, first.message, story, self._world.engine.cause))

    def commit(self, source: Source, commit: Commit, story: Story) -> None:
        """Make and push the commit of a timeline entry."""
        name = source.repository.name

        def make() -> str:
            return self.write(source, commit)

        self._push(name, _Waiting(make, commit.author, commit.message, story, self._world.engine.cause))

    def write(self, source: Source, commit: Commit) -> str:
        """Commit and push, now; gives the SHA.

        Raises: GitError; NothingToCommit when everything is there already.
        """
        git, name = self._world.git, source.repository.name
        branch = commit.branch or source.branch
        repository = git.repository(name)
        start = branch if branch in repository.branches() else source.branch
        texts = {path: data.decode("utf-8", "replace") for path, data in repository.files(start).items()}
        after, faults = committed(texts, commit)
        if faults:
            why = "; ".join(fault.message for fault in faults)
            # Texts that are there already are no fault of who writes them; what cannot be found is.
            same = after == texts and all(fault.path[:1] in {(), ("files",)} for fault in faults)
            raise NothingToCommit(why) if same else GitError(why)
        changes: dict[str, str | bytes | None] = {p: t for p, t in after.items() if texts.get(p) != t}
        changes.update(dict.fromkeys(sorted(texts.keys() - after.keys())))
        made = git.push(name, branch, changes, commit.message, commit.author, start=source.branch)
        return self._sign(name, made.sha, commit.signed_by)

    def _sign(self, repository: str, sha: str, key: str) -> str:
        """A commit is signed where there is a key; gives its SHA."""
        if key:
            self._signed.add(f"{repository}@{sha}", Signature(key))
        return sha

    def ask(self, source: Source, request: MergeRequestPart, story: Story) -> None:
        """Push the branch of a merge request, and open that."""

        def make() -> str:
            return self.open(source, request, story).head

        waiting = _Waiting(
            make, request.author, request.message, story, self._world.engine.cause, "merge-request"
        )
        self._push(source.repository.name, waiting)

    def open(self, source: Source, request: MergeRequestPart, story: Story) -> MergeRequest:
        """Push the branch of a merge request, and open that, now.

        Raises: GitError.
        """
        if changes_files(request):
            self.write(source, request)
        reviewers = tuple(
            Reviewer(each, duration(30 * MINUTE))
            if isinstance(each, str)
            else Reviewer(each.name, duration(each.takes), each.wants_changes)
            for each in request.reviewers
        )
        opened = self._world.git.reviews.open(
            source.repository.name,
            request.branch,
            request.into or source.branch,
            request.message.partition("\n")[0],
            request.author,
            reviewers=reviewers,
            method=request.method,
            automatic=request.auto,
            labels=request.labels,
            remark=story.detail,
        )
        self._asked[opened] = story
        if opened.state == "merged":
            self._merged(opened)
        return opened

    def _merged(self, request: MergeRequest) -> None:
        key = self._sources[request.repository].repository.merges_signed_by
        if request.method != "rebase":  # the host does not sign what it rebases
            self._sign(request.repository, request.merged_as, key)
        story = self._asked.pop(request, None)
        if story is not None:
            self._made[story.name] = request.merged_as
            story.done()

    def merge(self, source: Source, merge: Merge, story: Story) -> None:
        """Merge a merge request, or a branch that has none."""
        name = source.repository.name

        def make() -> str:
            git = self._world.git
            repository, reviews = git.repository(name), git.reviews
            found = next(
                (request for request, told in self._asked.items() if told.name == merge.branch), None
            )
            if found is None:
                found = next(
                    (r for r in reversed(reviews.all(name)) if r.is_open and r.source == merge.branch), None
                )
            if found is not None:
                reviews.merge(found, merge.author)
                return found.merged_as or found.head
            reviews.check_push(name, source.branch)
            now = self._world.engine.now
            if merge.method == "rebase":
                return repository.rebase(merge.branch, source.branch, now, moves=HEADS + source.branch).sha
            squash = merge.method == "squash"
            return repository.merge(source.branch, merge.branch, merge.author, now, squash=squash).sha

        waiting = _Waiting(
            make, merge.author, f"merge {merge.branch}", story, self._world.engine.cause, "merge"
        )
        self._push(name, waiting)

    def tag(self, source: Source, tag: Tag, story: Story) -> None:
        """Tag a commit."""
        name = source.repository.name

        def make() -> str:
            repository = self._world.git.repository(name)
            sha = self._made.get(tag.of) or repository.resolve(source.branch if tag.of == "HEAD" else tag.of)
            repository.tag(tag.name, sha, tag.message, tag.author, self._world.engine.now)
            if tag.signed_by:
                self._signed.add(f"{name}:{tag.name}", Signature(tag.signed_by))
            return sha

        self._push(
            name, _Waiting(make, tag.author, f"tag {tag.name}", story, self._world.engine.cause, "tag")
        )

    def force_push(self, source: Source, push: ForcePush, story: Story) -> None:
        """Point a branch at another commit."""
        name = source.repository.name

        def make() -> str:
            git, branch = self._world.git, push.branch or source.branch
            log = git.repository(name).log(branch)
            if push.to == "FIRST":
                sha = log[-1].sha
            elif push.to.partition("~")[0] == "HEAD":
                back = int(push.to.partition("~")[2] or 0)
                if back >= len(log):
                    raise GitError(f"{push.to} is before the first commit of {branch}")
                sha = log[back].sha
            else:
                sha = self._made.get(push.to) or git.repository(name).resolve(push.to)
            return git.force_push(name, branch, sha).sha

        waiting = _Waiting(
            make, push.author, f"push --force {push.to}", story, self._world.engine.cause, "push"
        )
        self._push(name, waiting)

    def revert(self, source: Source, revert: Revert, story: Story) -> None:
        """Revert the commit of an earlier entry, or the newest one, and push that."""
        name = source.repository.name

        def make() -> str:
            repository = self._world.git.repository(name)
            self._world.git.reviews.check_push(name, source.branch)
            head = repository.head(source.branch).sha
            sha = head if revert.commit == "HEAD" else self._made.get(revert.commit)
            if sha is None:
                raise GitError(f"'{revert.commit}' has not been committed")
            return repository.revert(source.branch, sha, revert.author, self._world.engine.now).sha

        message = f"revert {revert.commit}"
        self._push(name, _Waiting(make, revert.author, message, story, self._world.engine.cause))

    # --- pushing ------------------------------------------------------------------------------------------------

    def _push(self, repository: str, waiting: _Waiting) -> None:
        outbox = self._outboxes[repository]
        if outbox or not self._reachable(repository):
            outbox.append(self._refused(repository, waiting))
            if len(outbox) == 1:
                self._world.engine.after(RETRY, self._retry, repository)
        else:
            self._carry_out(repository, waiting)

    def _retry(self, repository: str) -> None:
        outbox = self._outboxes[repository]
        if not self._reachable(repository):
            self._world.engine.after(RETRY, self._retry, repository)
            return
        while outbox:
            self._carry_out(repository, outbox.popleft())

    def _carry_out(self, repository: str, waiting: _Waiting) -> None:
        engine, story = self._world.engine, waiting.story
        with engine.because(waiting.cause), self._world.git.remarking(story.detail):
            try:
                made = waiting.make()
            except GitError as error:
                detail = {"error": str(error), "message": _subject(waiting), **story.detail}
                engine.note(waiting.author, f"{waiting.what}-failed", f"repository/{repository}", detail)
                return
            if waiting.what == "merge-request":
                return  # it counts as done once it is merged
            self._made[story.name] = made
            story.done()

    def _refused(self, repository: str, waiting: _Waiting) -> _Waiting:
        engine = self._world.engine
        detail = {"message": _subject(waiting), **waiting.story.detail}
        record = engine.note(waiting.author, "push-refused", f"repository/{repository}", detail)
        return replace(waiting, cause=record)

    def _reachable(self, repository: str) -> bool:
        git = self._world.git
        return git.is_available(repository) and self._world.network.reachable(LAPTOP, git.name)


def _subject(waiting: _Waiting) -> str:
    return waiting.message.partition("\n")[0]

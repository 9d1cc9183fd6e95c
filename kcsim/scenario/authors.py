"""People who commit: from an entry of the timeline to a push on the git host.

A commit is made on top of what the branch holds when it is pushed. While the git host does not answer, it waits in its
author's clone together with those after it, and the author tries again every half minute, as people do.
**Walk:** `commit` or `revert` -> the repository's outbox -> pushed at once, or `push-refused` in the trace and a retry.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kcsim.delivery.git.repository import Commit as MadeCommit
from kcsim.delivery.git.repository import GitError
from kcsim.engine.clock import SECOND
from kcsim.engine.trace import Record
from kcsim.scenario.edits import committed
from kcsim.scenario.model import Commit, Revert
from kcsim.scenario.staging import FirstCommit, Source
from kcsim.simulation.places import LAPTOP
from kcsim.simulation.world import World

RETRY = 30 * SECOND


@dataclass(frozen=True, slots=True)
class Story:
    """The entry of the timeline behind a commit: its name, what its trace record tells of it, and whom to tell."""

    name: str
    detail: Mapping[str, Any]
    done: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A commit in its author's clone: how to make it, and what is told with it."""

    make: Callable[[], MadeCommit]
    author: str
    message: str
    story: Story
    cause: Record | None


class Authors:
    """Everybody who commits, with what they could not push yet."""

    def __init__(self, world: World, sources: Mapping[str, Source]) -> None:
        self._world = world
        self._outboxes: dict[str, deque[_Waiting]] = {name: deque() for name in sources}
        self._made: dict[str, str] = {}

    # --- what they do -------------------------------------------------------------------------------------------

    def bring(self, source: Source, first: FirstCommit) -> None:
        """Push a commit that the repository brings along."""
        name = source.repository.name
        story = Story("", {"source": first.source} if first.source else {}, lambda: None)

        def make() -> MadeCommit:
            return self._world.git.push(name, source.branch, first.files, first.message, first.author)

        self._push(name, _Waiting(make, first.author, first.message, story, self._world.engine.cause))

    def commit(self, source: Source, commit: Commit, story: Story) -> None:
        """Make and push the commit of a timeline entry."""
        name = source.repository.name

        def make() -> MadeCommit:
            git = self._world.git
            before = git.repository(name).files(source.branch)
            texts = {path: data.decode("utf-8", "replace") for path, data in before.items()}
            after, faults = committed(texts, commit)
            if faults:
                raise GitError("; ".join(fault.message for fault in faults))
            changes: dict[str, str | bytes | None] = {p: t for p, t in after.items() if texts.get(p) != t}
            changes.update(dict.fromkeys(sorted(texts.keys() - after.keys())))
            return git.push(name, source.branch, changes, commit.message, commit.author)

        self._push(name, _Waiting(make, commit.author, commit.message, story, self._world.engine.cause))

    def revert(self, source: Source, revert: Revert, story: Story) -> None:
        """Revert the commit of an earlier entry, or the newest one, and push that."""
        name = source.repository.name

        def make() -> MadeCommit:
            repository = self._world.git.repository(name)
            head = repository.head(source.branch).sha
            sha = head if revert.commit == "HEAD" else self._made.get(revert.commit)
            if sha is None:
                raise GitError(f"'{revert.commit}' has not been committed")
            return repository.revert(source.branch, sha, revert.author, self._world.engine.now)

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
                engine.note(waiting.author, "commit-failed", f"repository/{repository}", detail)
                return
            self._made[story.name] = made.sha
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

"""Git as a person uses it while a story is played: ``sim.git.commit("two replicas", set={...})``.

**Walk:** a verb -> the same entry of a timeline that a scenario would have (``Play.act``), so that forks do it again -> what it
left in the trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kcsim.delivery.git.requests import MergeRequest, Method
from kcsim.engine.clock import seconds
from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.model import Commit, Edit, ForcePush, Merge, Revert, Reviewer, Tag, TimelineEntry
from kcsim.scenario.model import MergeRequest as MergeRequestPart
from kcsim.simulation.finding import NotFound
from kcsim.simulation.simulation import Step, Time

if TYPE_CHECKING:
    from kcsim.scenario.play import Play

YOU = "you"
_FAILED = {
    "commit-failed": "committed",
    "merge-request-failed": "opened",
    "merge-failed": "merged",
    "tag-failed": "tagged",
    "push-failed": "pushed",
}


class Git:
    """What can be done with the repositories of a story; each verb takes the name of one where there are several."""

    def __init__(self, play: Play) -> None:
        """Of one play."""
        self._play = play

    def __repr__(self) -> str:
        names = (each.name for each in self._play.scenario.repositories)
        return f"<Git {', '.join(f'{name}: {len(self.files(name))} files' for name in names)}>"

    def commit(
        self,
        message: str,
        *,
        files: Mapping[str, str] | None = None,
        replace: Mapping[str, Mapping[str, str]] | None = None,
        set: Mapping[str, Mapping[str, Any]] | None = None,
        delete: Sequence[str] = (),
        author: str = YOU,
        repository: str | None = None,
        branch: str | None = None,
        signed_by: str = "",
    ) -> Step:
        """Commit to the delivered branch and push, now; gives what that left in the trace.

        Args:
            branch: another branch, made from the delivered one when it is not there.
            signed_by: the public key of who signs it.
            files: written whole, path -> text.
            replace: text replaced, path -> {old: new}; each old text must occur.
            set: fields set, path -> ``{"spec.replicas": 5}``.
            delete: files removed.

        Raises:
            NotFound: there is no such repository.
            ValueError: there is nothing to commit, or the change cannot be made (a text that does not occur, no such file).
        """
        if not (files or replace or set or delete):
            raise ValueError("there is nothing to commit: give files, replace, set or delete")
        edits = {path: Edit(replace=texts) for path, texts in (replace or {}).items()}
        change = Commit(
            repository=self._name(repository),
            author=author,
            message=message,
            files=files or {},
            edit=edits,
            set=set or {},
            delete=tuple(delete),
            branch=branch,
            signed_by=signed_by,
        )
        return self._do(TimelineEntry(at=self._play.engine.now, commit=change))

    def merge_request(
        self,
        title: str,
        branch: str,
        *,
        files: Mapping[str, str] | None = None,
        replace: Mapping[str, Mapping[str, str]] | None = None,
        set: Mapping[str, Mapping[str, Any]] | None = None,
        delete: Sequence[str] = (),
        reviewers: Mapping[str, Time] | Sequence[str] = (),
        labels: Sequence[str] = (),
        method: Method = "merge",
        auto: bool = True,
        author: str = YOU,
        repository: str | None = None,
    ) -> Step:
        """Ask to merge a branch into the delivered one, now; gives what that left in the trace.

        Args:
            files, replace, set, delete: a commit on the branch, as for ``commit``; without any the branch is merged as it is.
            reviewers: who is asked, and how long each takes: ``{"ana": "20m"}``; a name alone takes half an hour.
            labels: what it is labelled with.
            method: merge, squash or rebase.
            auto: it is merged as soon as nothing blocks it; otherwise ``merge`` does it.

        Raises:
            NotFound: there is no such repository.
            ValueError: there is no such branch, or the change cannot be made.
        """
        given = reviewers.items() if isinstance(reviewers, Mapping) else ((name, "30m") for name in reviewers)
        request = MergeRequestPart(
            repository=self._name(repository),
            author=author,
            message=title,
            files=files or {},
            edit={path: Edit(replace=texts) for path, texts in (replace or {}).items()},
            set=set or {},
            delete=tuple(delete),
            branch=branch,
            reviewers=tuple(Reviewer(name=name, takes=seconds(takes)) for name, takes in given),
            labels=tuple(labels),
            method=method,
            auto=auto,
        )
        return self._do(TimelineEntry(at=self._play.engine.now, merge_request=request))

    def merge(
        self, branch: str, *, method: Method = "merge", author: str = YOU, repository: str | None = None
    ) -> Step:
        """Merge a merge request by its branch, or a branch without one; gives what that left in the trace.

        Raises:
            NotFound: there is no such repository.
            ValueError: it cannot be merged: the text says why.
        """
        merge = Merge(branch=branch, repository=self._name(repository), author=author, method=method)
        return self._do(TimelineEntry(at=self._play.engine.now, merge=merge))

    def tag(
        self,
        name: str,
        *,
        of: str = "HEAD",
        message: str | None = None,
        author: str = YOU,
        repository: str | None = None,
    ) -> Step:
        """Tag a revision; with a message the tag is an annotated one.

        Raises:
            NotFound: there is no such repository.
            ValueError: there is such a tag already, or no such revision.
        """
        tag = Tag(name=name, of=of, message=message, author=author, repository=self._name(repository))
        return self._do(TimelineEntry(at=self._play.engine.now, tag=tag))

    def force_push(
        self, to: str, *, branch: str | None = None, author: str = YOU, repository: str | None = None
    ) -> Step:
        """Point a branch at another commit: ``FIRST``, ``HEAD~2``, a branch, a SHA.

        Raises:
            NotFound: there is no such repository.
            ValueError: there is no such commit, or the branch is protected.
        """
        push = ForcePush(to=to, branch=branch, author=author, repository=self._name(repository))
        return self._do(TimelineEntry(at=self._play.engine.now, force_push=push))

    def redeliver(self, *, repository: str | None = None) -> Step:
        """Have the git host send the webhooks again that got lost; gives what that left in the trace.

        Raises:
            NotFound: there is no such repository.
        """
        entry = TimelineEntry(at=self._play.engine.now, redeliver=self._name(repository), as_=YOU)
        return self._do(entry)

    def requests(self, repository: str | None = None) -> list[MergeRequest]:
        """The merge requests so far, in the order of their numbers.

        Raises:
            NotFound: there is no such repository.
        """
        return self._play.world.git.reviews.all(self._name(repository))

    def revert(self, *, author: str = YOU, repository: str | None = None) -> Step:
        """Undo the newest commit with a further one, and push; gives what that left in the trace.

        Raises:
            NotFound: there is no such repository.
        """
        change = Revert(repository=self._name(repository), author=author)
        return self._do(TimelineEntry(at=self._play.engine.now, revert=change))

    def files(self, repository: str | None = None) -> dict[str, str]:
        """The files of the delivered branch, path -> text.

        Raises:
            NotFound: there is no such repository.
        """
        source = self._play.source(self._name(repository))
        found = self._play.world.git.repository(source.repository.name).files(source.branch)
        return {path: data.decode("utf-8", "replace") for path, data in sorted(found.items())}

    def _do(self, entry: TimelineEntry) -> Step:
        records = self._play.trace.records
        before = len(records)
        self._play.act(entry)
        made = tuple(records[before:])
        failed = next((each for each in made if each.verb in _FAILED), None)
        if failed is not None:
            raise ValueError(f"nothing was {_FAILED[failed.verb]}: {failed.facts()['error']}")
        return Step(self._play.now, made)

    def _name(self, repository: str | None) -> str:
        known = [each.name for each in self._play.scenario.repositories]
        if repository is None and len(known) == 1:
            return known[0]
        if repository is None:
            there = f"it has {', '.join(known)}: say which" if known else "it has none"
            raise NotFound(f"which repository of '{self._play.scenario.name}'? {there}")
        if repository not in known:
            raise NotFound(f"no repository {repository!r}: {did_you_mean(repository, known, 'repositories')}")
        return repository

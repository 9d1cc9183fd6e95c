"""Git as a person uses it while a story is played: ``sim.git.commit("two replicas", set={...})``.

**Walk:** a verb -> the same entry of a timeline that a scenario would have (``Play.act``), so that forks do it again -> what it
left in the trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kcsim.scenario.diagnostics import did_you_mean
from kcsim.scenario.model import Commit, Edit, Revert, TimelineEntry
from kcsim.simulation.simulation import NotFound, Step

if TYPE_CHECKING:
    from kcsim.scenario.play import Play

YOU = "you"


class Git:
    """What can be done with the repositories of a story; each verb takes the name of one where there are several."""

    def __init__(self, play: Play) -> None:
        """Of one play."""
        self._play = play

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
    ) -> Step:
        """Commit to the delivered branch and push, now; gives what that left in the trace.

        Args:
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
        )
        return self._do(TimelineEntry(at=self._play.engine.now, commit=change))

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
        failed = next((each for each in made if each.verb == "commit-failed"), None)
        if failed is not None:
            raise ValueError(f"nothing was committed: {failed.facts()['error']}")
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

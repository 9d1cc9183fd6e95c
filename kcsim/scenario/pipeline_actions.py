"""What a step of a pipeline does to a repository: a bot's commit, a merge request.

**Imitates:** `git push` and `gh pr create` in a job, after a rebase on what the branch holds then: two jobs that push at the same
time do not refuse each other. A job of a pipeline whose commit starts the same pipeline again does so, unless its message holds
`[skip ci]`.

**Walk:** the step's duration is over -> `${{ }}` filled in -> the git host answers -> the commit, whose cause is the step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from kcsim.delivery.ci.checkout import git_error
from kcsim.delivery.ci.pipelines import StageContext, StageFailed
from kcsim.delivery.exchange import Unreachable
from kcsim.delivery.git.host import AuthenticationRequired, RepositoryNotFound, ServiceUnavailable
from kcsim.delivery.git.repository import GitError
from kcsim.engine.task import Steps
from kcsim.scenario.authors import Authors, NothingToCommit, Story
from kcsim.scenario.model import Commit, MergeRequest, Part
from kcsim.scenario.staging import Source

BOT = "ci-bot"
"""Who commits where the step does not say."""


@dataclass(frozen=True, slots=True)
class WriteToGit:
    """Commit, or ask to merge, as an action of a step."""

    change: Commit
    source: Source
    authors: Authors

    def steps(self, context: StageContext) -> Steps:
        """Push it.

        Raises: StageFailed.
        """
        site, name = context.site, self.source.repository.name
        url, timeout = site.git.url(name), site.timings.git_timeout
        try:
            yield site.git.ls_remote(site.host, url, timeout)
        except (Unreachable, ServiceUnavailable, AuthenticationRequired, RepositoryNotFound) as error:
            raise StageFailed(git_error(error, url, self.source.branch, timeout)) from None
        finally:
            site.engine.cause = context.record
        change = filled(self._signed(), context)
        reviews = site.git.reviews
        asked = isinstance(change, MergeRequest) and any(
            each.is_open and each.source == change.branch for each in reviews.all(name)
        )
        try:
            if isinstance(change, MergeRequest) and not asked:
                request = self.authors.open(self.source, change, Story("", {}, lambda: None))
                context.log(f"{url}/pull/{request.number}")
            else:  # a merge request that is there gets a further commit
                sha = self.authors.write(self.source, change)
                context.log(f"[{change.branch or self.source.branch} {sha[:7]}] {change.message}")
        except NothingToCommit:
            context.log("nothing to commit, working tree clean")
        except GitError as error:
            raise StageFailed(str(error)) from None

    def _signed(self) -> Commit:
        """The commit, by a bot where nobody is named."""
        written = self.change.source
        if written is None or written.child("author") is not None:
            return self.change
        return replace(self.change, author=BOT)


def filled(change: Commit, context: StageContext) -> Commit:
    """A commit with every `${{ }}` in its texts replaced.

    Raises: StageFailed.
    """

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return context.filled_in(value)
        if isinstance(value, Mapping):
            return {fill(key): fill(each) for key, each in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(fill(each) for each in value)
        if isinstance(value, Part):
            texts = {each.name: getattr(value, each.name) for each in fields(value) if each.name != "source"}
            return replace(value, **{name: fill(each) for name, each in texts.items()})
        return value

    made: Commit = fill(change)
    return made

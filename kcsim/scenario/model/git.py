"""What people do in repositories, and what protects branches, as a scenario writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from kcsim.engine.clock import HOUR, MINUTE
from kcsim.scenario.model.part import Part, Spread
from kcsim.scenario.values import Count, Duration, Json, Name


@dataclass(frozen=True, kw_only=True)
class MergeQueue(Part):
    """How a merge queue works: each entry is checked on top of those ahead of it, and what passed goes in as a group."""

    min_group: Annotated[Count, "Merge requests that go in together, at least."] = 1
    max_group: Annotated[Count, "Merge requests that go in together, at most."] = 5
    wait: Annotated[
        Duration, "How long, from when the first of them joined, it waits for `minGroup`; then fewer go in."
    ] = 5 * MINUTE
    build_concurrency: Annotated[Count, "How many are checked at the same time."] = 5
    only_non_failing: Annotated[
        bool, "Only what passed goes in; false: what failed does as well, before one that passed."
    ] = True
    check_timeout: Annotated[Duration, "When the checks of one take longer, it is removed."] = HOUR
    method: Annotated[
        Literal["merge", "squash", "rebase"] | None, "How they go in; left out: as each says."
    ] = None


@dataclass(frozen=True, kw_only=True)
class Protection(Part):
    """What a protected branch asks of those who change it."""

    branches: Annotated[tuple[str, ...], "Branches (with *); the delivered one when left out."] = ()
    approvals: Annotated[Count, "Approving reviews that a merge request needs."] = 0
    code_owners: Annotated[
        bool, "One of the owners that CODEOWNERS names for each changed file has to approve."
    ] = False
    dismiss_stale: Annotated[bool, "A further commit takes approvals back."] = False
    checks: Annotated[
        tuple[str, ...], "Required checks: names of jobs; of a pipeline of stages, the repository's name."
    ] = ()
    up_to_date: Annotated[bool, "The merge request must hold all that the branch holds."] = False
    linear: Annotated[bool, "No merge commits."] = False
    allow_force: Annotated[bool, "Force pushes are taken."] = False
    allow_direct: Annotated[bool, "Pushes past a merge request are taken."] = False
    queue: Annotated[
        bool | MergeQueue, "Merging means to join the merge queue; true: one with GitHub's settings."
    ] = False


@dataclass(frozen=True, kw_only=True)
class Edit(Part):
    """A change of one text by search and replace."""

    replace: Annotated[Mapping[str, str], "Old text -> new text; each old text must occur."]


@dataclass(frozen=True, kw_only=True)
class Commit(Part):
    """A commit to a repository's branch: write, edit, set fields, delete, in this order."""

    repository: Annotated[Name | None, "The repository; the only one when left out."] = None
    author: Annotated[str, "Who commits."] = "dana"
    message: Annotated[str, "The commit message."]
    files: Annotated[Mapping[str, str], "Files written whole: path -> text."] = field(default_factory=dict)
    edit: Annotated[Mapping[str, Edit], "Files edited: path -> {replace: {old: new}}."] = field(
        default_factory=dict
    )
    set: Annotated[
        Mapping[str, Mapping[str, Json]],
        "Fields set: path -> {spec.replicas: 5}; in a file of several objects {Deployment/web spec.replicas: 5}.",
    ] = field(default_factory=dict)
    delete: Annotated[tuple[str, ...], "Files deleted."] = ()
    branch: Annotated[
        str | None, "The branch, made from the delivered one when it is not there; that one when left out."
    ] = None
    signed_by: Annotated[
        str, "Public key of who signs it, as a Secret of `spec.verify` holds it; left out: it is not signed."
    ] = ""
    broken_on_purpose: Annotated[
        bool, "Its manifests are wrong because the story wants it so: they are not checked."
    ] = False


@dataclass(frozen=True, kw_only=True)
class Reviewer(Part):
    """Somebody who is asked to review a merge request."""

    name: Annotated[Name, "Who."]
    takes: Annotated[Duration | Spread, "From being asked until they answer."] = 30 * MINUTE
    wants_changes: Annotated[Count, "How often they want changes before they approve."] = 0


@dataclass(frozen=True, kw_only=True)
class MergeRequest(Commit):
    """A merge request: a commit on a branch of its own (or a branch that is there), reviewed, checked and merged."""

    message: Annotated[str, "Its title, and the message of its commit."]
    branch: Annotated[str, "The branch it comes from; made from the delivered one when it is not there."]
    into: Annotated[str | None, "The branch it goes into; the delivered one when left out."] = None
    reviewers: Annotated[tuple[Reviewer | str, ...], "Who is asked; a name alone takes half an hour."] = ()
    labels: Annotated[tuple[str, ...], "What it is labelled with."] = ()
    method: Annotated[Literal["merge", "squash", "rebase"], "How it goes in."] = "merge"
    auto: Annotated[
        bool, "It is merged as soon as nothing blocks it; otherwise an entry with `merge` does."
    ] = True


@dataclass(frozen=True, kw_only=True)
class Merge(Part):
    """Somebody merges a merge request, or a branch without one."""

    branch: Annotated[str, "Its branch, or the name of the entry that opened it."]
    repository: Annotated[Name | None, "The repository; the only one when left out."] = None
    author: Annotated[str, "Who merges."] = "dana"
    method: Annotated[
        Literal["merge", "squash", "rebase"], "How a branch without a merge request goes in."
    ] = "merge"


@dataclass(frozen=True, kw_only=True)
class Tag(Part):
    """git tag and git push --tags."""

    name: Annotated[str, "v1.2.0."]
    of: Annotated[str, "Name of the entry that made the commit, a branch, or HEAD of the delivered one."] = (
        "HEAD"
    )
    message: Annotated[str | None, "Makes it an annotated tag."] = None
    signed_by: Annotated[
        str, "Public key of who signs it, as a Secret of `spec.verify` holds it; left out: it is not signed."
    ] = ""
    repository: Annotated[Name | None, "The repository; the only one when left out."] = None
    author: Annotated[str, "Who tags."] = "dana"


@dataclass(frozen=True, kw_only=True)
class ForcePush(Part):
    """git push --force: a branch is pointed at another commit."""

    to: Annotated[
        str, "Name of the entry that made the commit, FIRST for the first one, or HEAD~1, HEAD~2, ..."
    ]
    branch: Annotated[str | None, "The branch; the delivered one when left out."] = None
    repository: Annotated[Name | None, "The repository; the only one when left out."] = None
    author: Annotated[str, "Who does it."] = "dana"


@dataclass(frozen=True, kw_only=True)
class Revert(Part):
    """git revert: a new commit that undoes an earlier one."""

    repository: Annotated[Name | None, "The repository; the only one when left out."] = None
    commit: Annotated[str, "Name of the timeline entry that made the commit, or HEAD."] = "HEAD"
    author: Annotated[str, "Who reverts."] = "dana"


@dataclass(frozen=True, kw_only=True)
class Redelivery(Part):
    """Webhooks that got lost are sent again."""

    repository: Annotated[Name, "The repository."]
    author: Annotated[str, "Who asks for it."] = "dana"

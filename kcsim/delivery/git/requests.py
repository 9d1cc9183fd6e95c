"""Merge requests as data: who asks, who reviews, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kcsim.delivery.git.repository import PULLS
from kcsim.engine.trace import Record
from kcsim.profile.distributions import Distribution

Method = Literal["merge", "squash", "rebase"]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who is asked to review.

    Attributes:
        takes: from being asked until they answer (µs), drawn for each time they are asked.
        wants_changes: how often they want changes before they approve.
    """

    name: str
    takes: Distribution
    wants_changes: int = 0


@dataclass(slots=True, eq=False)
class MergeRequest:
    """One merge request. Times are virtual µs.

    Attributes:
        number: counts the merge requests of a repository from 1.
        source, target: branches.
        method: how it goes in.
        automatic: it is merged as soon as nothing blocks it.
        labels: what it is labelled with.
        state: open, queued (in the merge queue), merged or closed.
        head: its newest commit.
        base: where it began: what the target held when it was opened.
        first_commit_at: when the first of its commits was made.
        approvals: who approved which commit.
        objections: who wants changes, at which commit.
        checks: how the checks of its newest commit came out, by name: passed or failed.
        merged_as: the commit that the target had then.
        record: the trace record of what happened to it last: the cause of what follows.
        remark: what the story says of it, for the record of the merge.
    """

    repository: str
    number: int
    title: str
    author: str
    source: str
    target: str
    head: str
    base: str
    opened_at: int
    first_commit_at: int
    record: Record
    reviewers: tuple[Reviewer, ...] = ()
    method: Method = "merge"
    automatic: bool = True
    labels: tuple[str, ...] = ()
    state: Literal["open", "queued", "merged", "closed"] = "open"
    approvals: dict[str, str] = field(default_factory=dict)
    objections: dict[str, str] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    blocked: tuple[str, ...] = ()
    approved_at: int | None = None
    merged_at: int | None = None
    merged_as: str = ""
    remark: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """How the trace names it: `merge-request/shop/1`."""
        return f"merge-request/{self.repository}/{self.number}"

    @property
    def ref(self) -> str:
        """The ref under which its head can be fetched."""
        return f"{PULLS}{self.number}/head"

    @property
    def is_open(self) -> bool:
        """Whether it may still be merged."""
        return self.state in {"open", "queued"}

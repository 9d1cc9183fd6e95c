"""Protected branches: what has to be so before a merge request goes in, and which pushes are refused.  Decides; never acts.

**Imitates:** GitHub's branch protection rules, with the texts that its merge box and `git push` show (docs.github.com, "About protected
branches").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from kcsim.engine.clock import HOUR, MINUTE


@dataclass(frozen=True, slots=True)
class QueueRule:
    """How the merge queue of a branch works; the defaults are those of GitHub's rule `merge_queue`. Times are µs.

    Attributes:
        min_group, max_group: how many merge requests go in together.
        wait: how long, from when the first of them joined, the queue waits for the smallest group.
        build_concurrency: how many are checked at the same time.
        all_green: only what passed goes in; otherwise what failed may go in before one that passed.
        check_timeout: how long the checks of one may take before it is removed.
        method: how they go in; None: as each merge request says.
    """

    min_group: int = 1
    max_group: int = 5
    wait: int = 5 * MINUTE
    build_concurrency: int = 5
    all_green: bool = True
    check_timeout: int = HOUR
    method: Literal["merge", "squash", "rebase"] | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """The rule for the branches that `branches` match (`*`).

    Attributes:
        approvals: how many reviewers have to approve.
        code_owners: an owner of each file has to be among them.
        dismiss_stale: a further commit takes approvals back.
        checks: names of checks that have to pass on the newest commit.
        up_to_date: the source has to hold everything that the target has.
        linear: no merge commits.
        allow_force: force pushes are taken.
        allow_direct: pushes past a merge request are taken.
        queue: merging means to join the merge queue, which works so; None: there is none.
    """

    branches: tuple[str, ...] = ("main",)
    approvals: int = 0
    code_owners: bool = False
    dismiss_stale: bool = False
    checks: tuple[str, ...] = ()
    up_to_date: bool = False
    linear: bool = False
    allow_force: bool = False
    allow_direct: bool = False
    queue: QueueRule | None = None

    def covers(self, branch: str) -> bool:
        """Whether it is the rule for a branch."""
        return any(fnmatchcase(branch, pattern) for pattern in self.branches)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a merge request stands.

    Attributes:
        approved: who approved, and did not take it back.
        changes_requested: who wants changes.
        checks: name -> passed, failed or pending, of its newest commit.
        owners: groups of code owners, of each of which one has to approve.
        behind: the target has commits that the source has not.
        conflicts: paths that both sides changed.
    """

    approved: Sequence[str] = ()
    changes_requested: Sequence[str] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    owners: Sequence[tuple[str, ...]] = ()
    behind: bool = False
    conflicts: Sequence[str] = ()


def blockers(standing: Standing, rule: Protection | None) -> tuple[str, ...]:
    """Why a merge request cannot be merged now, in the words of the merge box; () when it can."""
    found: list[str] = []
    if standing.conflicts:
        found.append(f"This branch has conflicts that must be resolved: {', '.join(standing.conflicts)}")
    if rule is None:
        return tuple(found)
    if rule.approvals and standing.changes_requested:
        found.append(f"Changes requested by {', '.join(standing.changes_requested)}")
    if len(standing.approved) < rule.approvals:
        many = "s are" if rule.approvals > 1 else " is"
        found.append(
            f"At least {rule.approvals} approving review{many} required by reviewers with write access."
        )
    if rule.code_owners:
        lacking = [group for group in standing.owners if not set(group) & set(standing.approved)]
        found.extend(f"Waiting on code owner review from {' or '.join(group)}." for group in lacking)
    for name in rule.checks:
        state = standing.checks.get(name, "expected")
        if state != "passed":
            found.append(
                f'Required status check "{name}" is {"failing" if state == "failed" else "expected"}.'
            )
    if rule.up_to_date and standing.behind:
        found.append("This branch is out-of-date with the base branch")
    return tuple(found)


def refuses_push(rule: Protection | None, branch: str, *, forced: bool, deleted: bool = False) -> str:
    """What `git push` prints when the host does not take a push to a branch; "" when it does."""
    if rule is None:
        return ""
    why = ""
    if deleted:
        why = "Cannot delete a protected branch"
    elif forced and not rule.allow_force:
        why = "Cannot force-push to a protected branch"
    elif not rule.allow_direct and (
        rule.approvals or rule.checks or rule.queue is not None or rule.code_owners
    ):
        why = "Changes must be made through a pull request."
    return f"GH006: Protected branch update failed for refs/heads/{branch}: {why}" if why else ""

"""Merge requests: reviews, protection, checks, the merge queue, webhooks."""

from __future__ import annotations

import pytest

from kcsim.delivery.git.host import Trouble
from kcsim.delivery.git.protection import Protection, Standing, blockers, refuses_push
from kcsim.delivery.git.repository import GitError
from kcsim.delivery.git.requests import Reviewer
from kcsim.delivery.git.reviews import NotMergeable
from kcsim.engine.clock import MINUTE, SECOND
from kcsim.profile.distributions import Fixed


def test_without_rules_and_reviewers_it_is_merged_at_once(world):
    request = world.ask()
    assert (request.state, request.merged_at) == ("merged", world.engine.now)
    assert world.repository.head("main").message == "Merge pull request #1 from feature\n\nAdd feature\n"


def test_reviewers_take_their_time(world):
    reviewers = (Reviewer("bob", Fixed(10 * MINUTE)), Reviewer("eve", Fixed(30 * MINUTE)))
    request = world.ask(reviewers=reviewers)
    world.run(20 * MINUTE)
    assert (request.state, list(request.approvals)) == ("open", ["bob"])
    world.run(20 * MINUTE)
    assert request.state == "merged"
    assert request.merged_at - request.opened_at == 30 * MINUTE


def test_a_reviewer_may_want_changes_first(world):
    world.reviews.protect("shop", Protection(approvals=1))
    request = world.ask(reviewers=(Reviewer("bob", Fixed(10 * MINUTE), wants_changes=1),))
    world.run(15 * MINUTE)
    assert list(request.objections) == ["bob"]
    assert "Changes requested by bob" in request.blocked
    world.branch("feature", {"feature.yaml": "better\n"})
    world.run(15 * MINUTE)
    assert request.state == "merged"
    assert world.verbs(request).count("request-changes") == 1


@pytest.mark.parametrize(
    ("method", "subject", "parents"),
    [
        ("merge", "Merge pull request #1 from feature", 2),
        ("squash", "Add feature (#1)", 1),
        ("rebase", "Work on feature", 1),
    ],
)
def test_methods(world, method, subject, parents):
    world.branch("feature", {"x.yaml": "1"})
    world.git.push("shop", "main", {"other.yaml": "1"}, "Other", "ana")
    world.reviews.open("shop", "feature", "main", "Add feature", "ana", method=method)
    head = world.repository.head("main")
    assert (head.subject, len(head.parents)) == (subject, parents)
    assert set(world.repository.files("main")) == {"web.yaml", "x.yaml", "other.yaml"}


def test_a_linear_branch_takes_no_merge_commits(world):
    world.reviews.protect("shop", Protection(linear=True))
    world.ask()
    assert len(world.repository.head("main").parents) == 1


def test_required_checks_hold_it_up(world):
    world.reviews.protect("shop", Protection(checks=("test", "lint")))
    request = world.ask()
    assert request.blocked == (
        'Required status check "test" is expected.',
        'Required status check "lint" is expected.',
    )
    world.check(request, "test")
    world.check(request, "lint", passed=False)
    assert request.blocked == ('Required status check "lint" is failing.',)
    with pytest.raises(NotMergeable, match="lint"):
        world.reviews.merge(request, "ana")
    world.check(request, "lint")
    assert request.state == "merged"


def test_checks_are_those_of_the_newest_commit(world):
    world.reviews.protect("shop", Protection(checks=("test",)))
    request = world.ask(automatic=False)
    world.check(request)
    world.branch("feature", {"feature.yaml": "y\n"})
    assert request.blocked == ('Required status check "test" is expected.',)


def test_code_owners_have_to_approve(world):
    world.git.push("shop", "main", {"CODEOWNERS": "/deploy/ @olga\n"}, "Owners", "ana")
    world.reviews.protect("shop", Protection(approvals=1, code_owners=True))
    request = world.ask(files={"deploy/x.yaml": "1\n"})
    world.reviews.approve(request, "bob")
    assert request.blocked == ("Waiting on code owner review from olga.",)
    world.reviews.approve(request, "olga")
    assert request.state == "merged"


def test_nobody_approves_their_own(world):
    request = world.ask(automatic=False)
    with pytest.raises(GitError, match="your own"):
        world.reviews.approve(request, "ana")


def test_a_further_commit_takes_approvals_back(world):
    world.reviews.protect("shop", Protection(approvals=1, dismiss_stale=True))
    request = world.ask(automatic=False)
    world.reviews.approve(request, "bob")
    world.branch("feature", {"feature.yaml": "y\n"})
    assert (request.approvals, "dismiss" in world.verbs(request)) == ({}, True)


def test_a_conflict_blocks_until_it_is_resolved(world):
    world.reviews.protect("shop", Protection(allow_direct=True))
    request = world.ask(files={"web.yaml": "a\nb\nX\nd\ne\n"}, automatic=False)
    world.git.push("shop", "main", {"web.yaml": "a\nb\nY\nd\ne\n"}, "Clash", "bob")
    assert request.blocked == ("This branch has conflicts that must be resolved: web.yaml",)


def test_up_to_date_means_to_hold_all_of_the_target(world):
    world.reviews.protect("shop", Protection(up_to_date=True))
    first, second = world.ask("one", automatic=False), world.ask("two", automatic=False)
    world.reviews.merge(first, "ana")
    assert second.blocked == ("This branch is out-of-date with the base branch",)
    world.repository.merge("two", "main", "ana", world.engine.now)
    world.reviews.merge(second, "ana")
    assert second.state == "merged"


def test_protected_branches_refuse_pushes(world):
    world.reviews.protect("shop", Protection(approvals=1))
    with pytest.raises(
        GitError, match="GH006: Protected branch update failed for refs/heads/main: Changes must"
    ):
        world.git.push("shop", "main", {"x": "1"}, "Past", "ana")
    with pytest.raises(GitError, match="Cannot force-push"):
        world.git.force_push("shop", "main", world.repository.head().sha)
    assert refuses_push(Protection(), "main", forced=False) == ""
    assert "Cannot delete" in refuses_push(Protection(), "main", forced=False, deleted=True)
    assert refuses_push(None, "main", forced=True) == ""


def test_force_push(world):
    first = world.repository.head()
    world.git.push("shop", "main", {"x": "1"}, "Second", "ana")
    world.git.force_push("shop", "main", first.sha)
    assert world.repository.head().sha == first.sha
    record = world.engine.trace.records[-1]
    assert record.facts()["forced"] is True


def test_webhooks_tell_of_merge_requests_to_those_who_ask(world):
    plain = []
    world.git.subscribe("shop", "ci.example", plain.append)
    world.ask(automatic=False)
    world.run(MINUTE)
    assert "refs/pull/1/head" in {update.ref for update in world.heard}
    assert "refs/pull/1/head" not in {update.ref for update in plain}


# --- webhooks ------------------------------------------------------------------------------------------------------


def test_lost_webhooks_can_be_sent_again_by_hand(world):
    world.run(MINUTE)
    world.heard.clear()
    world.git.set_trouble(Trouble(lost=1.0))
    world.git.push("shop", "main", {"x": "1"}, "Lost", "ana")
    world.run(MINUTE)
    world.git.set_trouble(Trouble())
    assert world.heard == []
    assert world.git.redeliver("shop") == 1
    assert world.git.redeliver("shop") == 0
    world.run(MINUTE)
    assert len(world.heard) == 1
    assert world.git.redeliver(all_of_them=True) == 2


def test_webhooks_are_retried_where_the_repository_says_so(world):
    world.run(MINUTE)
    world.heard.clear()
    world.git.webhook_retries["shop"] = (3, MINUTE)
    world.git.set_trouble(Trouble(lost=1.0))
    world.git.push("shop", "main", {"x": "1"}, "Lost", "ana")
    world.run(90 * SECOND)
    world.git.set_trouble(Trouble())
    world.run(5 * MINUTE)
    assert len(world.heard) == 1
    assert world.git.deliveries[-1].tries == 3


# --- deciding ------------------------------------------------------------------------------------------------------


def test_two_approvals_are_more_than_one():
    rule = Protection(approvals=2)
    assert blockers(Standing(approved=("ana",)), rule) == (
        "At least 2 approving reviews are required by reviewers with write access.",
    )
    assert blockers(Standing(approved=("ana", "bob")), rule) == ()


def test_who_wants_changes_blocks_where_approvals_count():
    standing = Standing(approved=("ana",), changes_requested=("bob",))
    assert blockers(standing, Protection(approvals=1)) == ("Changes requested by bob",)
    assert blockers(standing, Protection()) == ()

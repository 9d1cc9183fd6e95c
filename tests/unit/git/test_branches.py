"""Rebase, squash, conflicts and refs of a repository."""

from __future__ import annotations

import pytest

from kcsim.delivery.git.repository import HEADS, GitError, MergeConflict, Repository
from kcsim.engine.clock import SECOND

ANA = "ana"


def forked() -> Repository:
    """main has one commit more than where feature began; feature has two."""
    repo = Repository("shop")
    repo.commit("main", {"web.yaml": "a\nb\nc\nd\ne\n"}, "First", ANA, 0)
    repo.commit("feature", {"new.yaml": "1\n"}, "Add", "bob", SECOND, "main")
    repo.commit("feature", {"web.yaml": "a\nb\nc\nd\nE\n"}, "Change", "bob", 2 * SECOND)
    repo.commit("main", {"web.yaml": "A\nb\nc\nd\ne\n"}, "Other", ANA, 3 * SECOND)
    return repo


def test_a_branch_begins_where_it_is_told_to():
    repo = forked()
    assert [commit.subject for commit in repo.log("feature")] == ["Change", "Add", "First"]


def test_rebase_puts_each_commit_on_top():
    repo = forked()
    head = repo.head("main").sha
    made = repo.rebase("feature", "main", 10 * SECOND)
    log = repo.log("feature")
    assert [commit.subject for commit in log] == ["Change", "Add", "Other", "First"]
    assert log[2].sha == head
    assert made.author.startswith("bob <")
    assert repo.files("feature")["web.yaml"] == b"A\nb\nc\nd\nE\n"
    assert repo.is_ancestor("main", "feature")


def test_rebase_drops_what_is_there_already():
    repo = forked()
    repo.commit("main", {"new.yaml": "1\n"}, "The same", ANA, 4 * SECOND)
    repo.rebase("feature", "main", 10 * SECOND)
    assert [commit.subject for commit in repo.log("feature")][:2] == ["Change", "The same"]


def test_rebase_stops_at_a_conflict():
    repo = forked()
    repo.commit("main", {"web.yaml": "A\nb\nc\nd\nX\n"}, "Clash", ANA, 4 * SECOND)
    before = repo.head("feature").sha
    with pytest.raises(MergeConflict, match=r"conflict in web\.yaml"):
        repo.rebase("feature", "main", 10 * SECOND)
    assert repo.head("feature").sha == before


def test_merge_combines_changes_of_one_file():
    repo = forked()
    repo.merge("main", "feature", ANA, 10 * SECOND)
    assert repo.files("main")["web.yaml"] == b"A\nb\nc\nd\nE\n"


def test_merge_can_move_another_ref():
    repo = forked()
    before = repo.head("main").sha
    made = repo.merge("main", "feature", ANA, 10 * SECOND, fast_forward=False, moves=HEADS + "try")
    assert (repo.head("main").sha, repo.head("try").sha) == (before, made.sha)


def test_conflicts_are_told_without_merging():
    repo = forked()
    assert repo.conflicts("main", "feature") == ()
    repo.commit("main", {"web.yaml": "A\nb\nc\nd\nX\n"}, "Clash", ANA, 4 * SECOND)
    assert repo.conflicts("main", "feature") == ("web.yaml",)
    repo.commit("main", {"web.yaml": None}, "Gone", ANA, 5 * SECOND)
    assert repo.conflicts("main", "feature") == ("web.yaml",)


def test_unrelated_histories_are_not_rebased():
    repo = forked()
    repo.commit("other", {"x": "1"}, "Alone", ANA, 0)
    with pytest.raises(GitError, match="unrelated"):
        repo.rebase("other", "main", 0)

"""One repository: SHAs that repeat, history, differences, merges, reverts, and git's own reading of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kcsim.delivery.git.repository import GitError, MergeConflict, Repository, UnknownRevision, Update
from kcsim.engine.clock import SECOND

ANA = "Ana <ana@example.com>"


def small() -> Repository:
    repo = Repository("shop/app")
    repo.commit("main", {"app/web.yaml": "replicas: 1\n", "README.md": "hi\n"}, "Start", ANA, 0)
    repo.commit("main", {"app/web.yaml": "replicas: 2\n"}, "Scale up", ANA, 60 * SECOND)
    return repo


def test_the_same_story_gives_the_same_sha() -> None:
    assert small().head().sha == small().head().sha
    # Known to git itself: see test_git_reads_what_was_written for the same repository.
    assert [c.subject for c in small().log()] == ["Scale up", "Start"]
    assert [c.when for c in small().log()] == [60 * SECOND, 0]


def test_files_at_any_revision_and_below_a_directory() -> None:
    repo = small()
    first = repo.log()[1]
    assert repo.files(first.sha) == {"README.md": b"hi\n", "app/web.yaml": b"replicas: 1\n"}
    assert repo.files("main", "./app/") == {"app/web.yaml": b"replicas: 2\n"}
    assert repo.files("main", "nowhere") == {}
    assert (repo.has_directory("main", "app"), repo.has_directory("main", "nowhere")) == (True, False)
    assert repo.has_directory("main", ".")


def test_deleting_the_last_file_of_a_directory_removes_it() -> None:
    repo = small()
    repo.commit("main", {"app/web.yaml": None}, "Drop", ANA, 0)
    assert not repo.has_directory("main", "app")
    repo.commit("main", {"README.md": None}, "Empty", ANA, 0)
    assert repo.files("main") == {}
    repo.commit("main", {"a": "b"}, "Again", ANA, 0)
    assert repo.diff(repo.log()[1].sha, "main") == ("a",)


def test_diff_names_changed_paths() -> None:
    repo = small()
    repo.commit("main", {"app/api.yaml": "x", "README.md": None}, "More", ANA, 0)
    old = repo.log()[-1].sha
    assert repo.diff(old, "main") == ("README.md", "app/api.yaml", "app/web.yaml")
    assert repo.diff(None, old) == ("README.md", "app/web.yaml")


def test_revert_restores_and_says_so() -> None:
    repo = small()
    bad = repo.head()
    repo.commit("main", {"other": "x"}, "Unrelated", ANA, 0)
    made = repo.revert("main", bad.sha, ANA, 90 * SECOND)
    assert repo.files("main")["app/web.yaml"] == b"replicas: 1\n"
    assert repo.files("main")["other"] == b"x"
    assert made.message == f'Revert "Scale up"\n\nThis reverts commit {bad.sha}.\n'


def test_revert_conflicts_with_a_later_change() -> None:
    repo = small()
    bad = repo.head()
    repo.commit("main", {"app/web.yaml": "replicas: 9\n"}, "Later", ANA, 0)
    with pytest.raises(MergeConflict, match=r"conflict in app/web\.yaml") as caught:
        repo.revert("main", bad.sha, ANA, 0)
    assert caught.value.paths == ("app/web.yaml",)


def branched() -> Repository:
    repo = small()
    repo.create_branch("feature")
    repo.commit("feature", {"app/new.yaml": "a"}, "Feature", ANA, 70 * SECOND)
    return repo


def test_merge_fast_forwards_where_it_can() -> None:
    repo = branched()
    moved: list[Update] = []
    repo.on_update(moved.append)
    assert repo.merge("main", "feature", ANA, 0) == repo.head("feature")
    assert [(u.ref, u.forced) for u in moved] == [("refs/heads/main", False)]
    assert repo.merge("main", "feature", ANA, 0) == repo.head("main")
    assert len(moved) == 1


@pytest.mark.parametrize(("options", "parents"), [({"fast_forward": False}, 2), ({"squash": True}, 1)])
def test_merge_commit_and_squash(options: dict[str, bool], parents: int) -> None:
    repo = branched()
    made = repo.merge("main", "feature", ANA, 80 * SECOND, **options)
    assert len(made.parents) == parents
    assert repo.files("main")["app/new.yaml"] == b"a"


def test_merge_of_two_sides_and_their_conflict() -> None:
    repo = branched()
    repo.commit("main", {"README.md": "main\n"}, "Docs", ANA, 75 * SECOND)
    made = repo.merge("main", "feature", ANA, 80 * SECOND)
    assert repo.files("main")["README.md"] == b"main\n"
    assert repo.files("main")["app/new.yaml"] == b"a"
    assert made.message == "Merge branch 'feature' into main\n"
    repo.commit("feature", {"README.md": "feature\n"}, "Docs too", ANA, 81 * SECOND)
    repo.commit("main", {"README.md": "main again\n"}, "Docs more", ANA, 82 * SECOND)
    with pytest.raises(MergeConflict):
        repo.merge("main", "feature", ANA, 90 * SECOND)


def test_force_push_is_told_apart() -> None:
    repo = small()
    moved: list[Update] = []
    repo.on_update(moved.append)
    repo.reset("main", repo.log()[1].sha)
    repo.delete_branch("main")
    assert [(u.new is None, u.forced) for u in moved] == [(False, True), (True, False)]


def test_revisions_are_found_by_any_name() -> None:
    repo = small()
    head = repo.head().sha
    repo.tag("v1")
    repo.tag("v2", message="Second", tagger=ANA, when_us=0)
    for name in ("main", "HEAD", "refs/heads/main", "v1", "v2", "refs/tags/v2", head, head[:7]):
        assert repo.resolve(name) == head
    assert repo.tags() == {"v1": head, "v2": head}
    assert repo.refs()["refs/tags/v2"] != head
    with pytest.raises(UnknownRevision, match="revision 'nope' not found in shop/app"):
        repo.resolve("nope")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a//b", "a/../b", ".git/config", ""])
def test_paths_stay_inside(path: str) -> None:
    with pytest.raises(GitError, match="invalid path"):
        small().commit("main", {path: "x"}, "m", ANA, 0)


def test_nothing_to_commit() -> None:
    with pytest.raises(GitError, match="nothing to commit"):
        small().commit("main", {"README.md": "hi\n"}, "m", ANA, 0)


def test_bare_author_gets_an_address() -> None:
    repo = Repository("r")
    assert repo.commit("main", {"a": "b"}, "m", "ci bot", 0).author == "ci bot <ci-bot@example.com>"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_reads_what_was_written(tmp_path: Path) -> None:
    repo = branched()
    repo.tag("v1", message="One", tagger=ANA, when_us=0)
    repo.merge("main", "feature", ANA, 80 * SECOND, fast_forward=False)
    repo.write_to(str(tmp_path / "out"))

    def git(*args: str) -> str:
        return subprocess.run(
            ["git", "-C", str(tmp_path / "out"), *args], check=True, capture_output=True, text=True
        ).stdout

    assert git("fsck", "--strict", "--full") == ""
    log = git("log", "--first-parent", "--format=%H %an %ct %s").splitlines()
    assert log == [f"{c.sha} Ana {1_767_225_600 + c.when // SECOND} {c.subject}" for c in repo.log()]
    assert git("show", "HEAD:app/new.yaml") == "a"


def test_importing_kcsim_loads_no_git_library() -> None:
    code = "import sys, kcsim, kcsim.delivery.git.repository; print([m for m in sys.modules if m.startswith('dulwich')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_commit_costs_what_it_changes() -> None:
    repo = Repository("big")
    repo.commit("main", {f"apps/a{i}/deploy.yaml": f"n: {i}\n" for i in range(200)}, "Start", ANA, 0)
    for i in range(500):
        repo.commit("main", {f"apps/a{i % 200}/deploy.yaml": f"n: {i}x\n"}, f"Change {i}", ANA, i * SECOND)
    assert len(repo.log()) == 501
    assert len(repo.files("main")) == 200

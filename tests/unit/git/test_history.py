"""A repository on disk, taken over with the history of its manifests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kcsim.delivery.git.history import UnusableRepository, import_repository
from kcsim.delivery.git.repository import Repository
from kcsim.engine.clock import SECOND, seconds

ANA = "Ana <ana@example.com>"
WEB = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n"


def on_disk(folder: Path) -> Repository:
    repo = Repository("r")
    repo.commit("main", {"src/main.go": "package main", "config/values.yaml": "a: 1"}, "Code", ANA, 0)
    repo.commit("main", {"deploy/web.yaml": WEB, "deploy/app.env": "A=1"}, "Deploy", ANA, 100 * SECOND)
    repo.commit("main", {"src/main.go": "package main\n"}, "Code again", ANA, 200 * SECOND)
    repo.create_branch("fix")
    repo.commit("fix", {"deploy/base/kustomization.yaml": "resources: []"}, "Side", "Ben", 300 * SECOND)
    repo.merge("main", "fix", "Ben", 400 * SECOND, fast_forward=False)
    repo.commit("main", {"deploy/app.env": None}, "Drop env", ANA, 350 * SECOND)
    repo.write_to(str(folder))
    return repo


def test_the_manifests_commits_in_order_with_their_intervals(tmp_path: Path) -> None:
    source = on_disk(tmp_path / "r")
    found = import_repository(str(tmp_path / "r"))
    assert (found.branch, found.directories) == ("main", ("deploy",))
    assert [(c.message.strip(), sorted(c.files), c.offset) for c in found.changes] == [
        ("Deploy", ["deploy/app.env", "deploy/web.yaml"], 0),
        ("Merge branch 'fix' into main", ["deploy/base/kustomization.yaml"], 300 * SECOND),
        # The committer's clock was 50 s behind: time does not run backwards.
        ("Drop env", ["deploy/app.env"], 300 * SECOND),
    ]
    assert found.changes[0].author == ANA
    assert found.changes[-1].source == source.head().sha
    assert found.changes[-1].files == {"deploy/app.env": None}


def test_replayed_into_a_repository_it_gives_the_same_files(tmp_path: Path) -> None:
    source = on_disk(tmp_path / "r")
    replayed = Repository("copy")
    for when, change in import_repository(str(tmp_path / "r")).schedule(10 * SECOND):
        replayed.commit("main", change.files, change.message, change.author, when)
    assert replayed.files("main") == source.files("main", "deploy")
    assert [c.when for c in replayed.log()][-1] == 10 * SECOND


def test_pace_replaces_the_intervals(tmp_path: Path) -> None:
    on_disk(tmp_path / "r")
    found = import_repository(str(tmp_path / "r"))
    assert [when for when, _ in found.schedule(0, seconds("10m"))] == [0, 600 * SECOND, 1200 * SECOND]


def test_directories_and_branches_can_be_chosen(tmp_path: Path) -> None:
    on_disk(tmp_path / "r")
    path = str(tmp_path / "r")
    assert [c.message for c in import_repository(path, "config/").changes] == ["Code\n"]
    assert [c.message for c in import_repository(path, branch="fix").changes] == ["Deploy\n", "Side\n"]
    assert len(import_repository(path, ".").changes) == 5


def test_each_fault_has_one_clear_message(tmp_path: Path) -> None:
    on_disk(tmp_path / "r")
    (tmp_path / "plain").mkdir()
    Repository("empty").write_to(str(tmp_path / "empty"))
    cases = [
        ("gone", {}, "gone: no such directory"),
        ("plain", {}, "plain: not a git repository"),
        ("empty", {}, "empty: no commits yet"),
        ("r", {"branch": "x"}, r"r: no branch 'x' \(branches: fix, main\)"),
        ("r", {"manifests_under": "charts"}, "r: no commit on branch 'main' touches charts"),
    ]
    for name, options, message in cases:
        with pytest.raises(UnusableRepository, match=message):
            import_repository(str(tmp_path / name), **options)


def test_no_manifests(tmp_path: Path) -> None:
    repo = Repository("r")
    repo.commit("main", {"README.md": "hi"}, "m", ANA, 0)
    repo.write_to(str(tmp_path / "r"))
    with pytest.raises(UnusableRepository, match="no manifests on branch 'main'"):
        import_repository(str(tmp_path / "r"))


def test_a_lost_object_is_one_message(tmp_path: Path) -> None:
    repo = on_disk(tmp_path / "r")
    for pack in (tmp_path / "r" / ".git" / "objects").rglob("*.pack"):
        pack.unlink()
    for loose in (tmp_path / "r" / ".git" / "objects").glob("??/*"):
        loose.unlink()
    with pytest.raises(UnusableRepository, match="r: unreadable: "):
        import_repository(str(tmp_path / "r"))
    assert repo.head()


def test_links_are_left_out_and_listed(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "web.yaml").write_text(WEB)
    (folder / "link.yaml").symlink_to("web.yaml")
    env = os.environ | {
        f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER") for k, v in (("NAME", "A"), ("EMAIL", "a@x"))
    }
    try:
        for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "m"]):
            subprocess.run(["git", *command], cwd=folder, env=env, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("needs git")
    found = import_repository(str(folder))
    assert (sorted(found.changes[0].files), found.skipped) == (["web.yaml"], ("link.yaml",))

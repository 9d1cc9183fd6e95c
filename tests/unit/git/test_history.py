"""A repository on disk, taken over with the history of its manifests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kcsim.delivery.git.history import UnusableRepository, import_repository
from kcsim.delivery.git.reach import reached
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


def test_what_kustomizations_read_elsewhere_is_replayed_along(tmp_path: Path) -> None:
    repo = Repository("r")
    overlay = "deploy/prod/kustomization.yaml"
    generator = "configMapGenerator: [{name: a, files: [app.conf=../../conf/app.conf]}]\n"
    first = {
        overlay: "resources: [../../old]\n" + generator,
        "old/kustomization.yaml": "resources: [web.yaml]",
        "old/web.yaml": WEB,
        "conf/app.conf": "a=1",
        "conf/other.conf": "b=1",
        "base/readme.md": "soon",
    }
    repo.commit("main", first, "One", ANA, 0)
    repo.commit("main", {"old/web.yaml": WEB + "spec: {}\n"}, "Old", ANA, 1 * SECOND)
    moved: dict[str, str | None] = {
        overlay: "resources: [../../base]\n" + generator,
        "base/kustomization.yaml": "resources: [web.yaml]\ncomponents: [../parts/tls]",
        "base/web.yaml": WEB,
        "parts/tls/kustomization.yaml": "kind: Component",
        "old/kustomization.yaml": None,
        "old/web.yaml": None,
    }
    repo.commit("main", moved, "Move", ANA, 2 * SECOND)
    repo.commit("main", {"conf/other.conf": "b=2"}, "Elsewhere", ANA, 3 * SECOND)
    repo.write_to(str(tmp_path / "r"))
    found = import_repository(str(tmp_path / "r"), "deploy/prod")
    assert found.directories == ("deploy/prod",)
    assert found.reached == ("base", "conf/app.conf", "old", "parts/tls")
    assert [(change.message.strip(), len(change.files)) for change in found.changes] == [
        ("One", 5),
        ("Old", 1),
        ("Move", 6),
    ]


def test_reaching_stops_at_the_root_and_at_what_cannot_be_read() -> None:
    kustomizations = {
        "a": b"resources: [../b, ../../outside, 'https://x/y?ref=..', web.yaml]",
        "b": b"resources: [../a, ../c/d.yaml]\npatches: [{path: ../../b/../b/p.yaml}]",
        "b/broken": b"resources: [../../e",
        "z": b"resources: [../y]",
    }
    assert reached(["a"], kustomizations) == ("b", "c/d.yaml")
    assert reached(["."], kustomizations) == ()


def test_paths_that_are_no_repository_say_what_would_be(tmp_path: Path) -> None:
    on_disk(tmp_path / "r")
    (tmp_path / "r" / "deploy").mkdir(exist_ok=True)
    (tmp_path / "file").write_text("x")
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / ".git").write_text(f"gitdir: {tmp_path}/gone\n")
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / ".git").write_text("hello")
    cases = [
        ("r/deploy", "r/deploy: inside a git repository, but not its root: give .*/r$"),
        ("file", "file: not a directory"),
        ("moved", "moved: its git directory .*/gone does not exist"),
        ("junk", "junk: unreadable: "),
    ]
    for name, message in cases:
        with pytest.raises(UnusableRepository, match=message):
            import_repository(str(tmp_path / name))


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "noise", "directory"])
def test_a_damaged_repository_is_read_or_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    on_disk(tmp_path / "whole")
    files = [path for path in sorted((tmp_path / "whole" / ".git").rglob("*")) if path.is_file()]
    refused: list[tuple[Path, str]] = []
    for number, file in enumerate(files):
        copy = tmp_path / f"r{number}"
        shutil.copytree(tmp_path / "whole", copy)
        target = copy / file.relative_to(tmp_path / "whole")
        content = target.read_bytes()
        target.chmod(0o644)
        if damage == "half":
            target.write_bytes(content[: len(content) // 2])
        elif damage == "noise":
            target.write_bytes(bytes((byte * 7 + 3) % 256 for byte in content))
        elif damage == "empty":
            target.write_bytes(b"")
        else:
            target.unlink()
            if damage == "directory":
                target.mkdir()
        try:
            import_repository(str(copy))
        except UnusableRepository as error:
            refused.append((copy, str(error)))
    assert refused
    assert all(text.startswith(f"{copy}: ") and "\n" not in text for copy, text in refused)


def test_a_format_of_the_future_is_refused_by_name(tmp_path: Path) -> None:
    on_disk(tmp_path / "r")
    config = tmp_path / "r" / ".git" / "config"
    config.write_text("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfancy = true\n")
    with pytest.raises(UnusableRepository, match="r: unreadable: unsupported repository format fancy"):
        import_repository(str(tmp_path / "r"))


def git(folder: Path, *command: str) -> None:
    """Run the real git; the test is skipped where there is none."""
    who = {f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER") for k, v in (("NAME", "A"), ("EMAIL", "a@x"))}
    try:
        subprocess.run(["git", *command], cwd=folder, env=os.environ | who, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs git")


def written_by_git(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "web.yaml").write_text(WEB)
    (folder / "link.yaml").symlink_to("web.yaml")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    return folder


def test_every_layout_of_a_repository_on_disk_reads_the_same(tmp_path: Path) -> None:
    folder = written_by_git(tmp_path)
    git(folder, "pack-refs", "--all")
    git(folder, "gc", "-q")
    git(folder, "worktree", "add", "-q", "../worktree", "-b", "side")
    git(tmp_path, "clone", "-q", "--bare", "real", "bare.git")
    git(tmp_path, "clone", "-q", "--shared", "real", "shared")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{folder}", "shallow")
    git(tmp_path, "clone", "-q", "--separate-git-dir", str(tmp_path / "gitdir"), "real", "separate")
    wanted = import_repository(str(folder)).changes
    assert [change.files for change in wanted] == [{"web.yaml": WEB.encode()}]
    for name, branch in (
        ("worktree", "side"),
        ("bare.git", "main"),
        ("shared", "main"),
        ("shallow", "main"),
        ("separate", "main"),
    ):
        found = import_repository(str(tmp_path / name))
        assert (found.branch, found.changes) == (branch, wanted), name


def test_a_detached_head_is_replayed_as_main(tmp_path: Path) -> None:
    folder = written_by_git(tmp_path)
    git(folder, "checkout", "-q", "--detach")
    assert import_repository(str(folder)).branch == "main"


def test_changes_of_mode_and_of_links_alone_are_no_commits(tmp_path: Path) -> None:
    folder = written_by_git(tmp_path)
    (folder / "web.yaml").chmod(0o755)
    git(folder, "commit", "-qam", "mode")
    (folder / "link.yaml").unlink()
    git(folder, "commit", "-qam", "unlink")
    (folder / "web.yaml").unlink()
    (folder / "web.yaml").symlink_to("elsewhere.yaml")
    (folder / "elsewhere.yaml").write_text(WEB)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "link instead")
    found = import_repository(str(folder), ".")
    assert [(change.message, change.files) for change in found.changes] == [
        ("one\n", {"web.yaml": WEB.encode()}),
        ("link instead\n", {"elsewhere.yaml": WEB.encode(), "web.yaml": None}),
    ]


def test_links_are_left_out_and_listed(tmp_path: Path) -> None:
    found = import_repository(str(written_by_git(tmp_path)))
    assert (sorted(found.changes[0].files), found.skipped) == (["web.yaml"], ("link.yaml",))


BUILT = "resources: [web.yaml]\n"


@pytest.mark.parametrize(
    ("files", "delivered"),
    [
        pytest.param(
            {
                "apps/base/kustomization.yaml": BUILT,
                "apps/base/web.yaml": WEB,
                "apps/overlays/prod/kustomization.yaml": "resources: [../../base]\ncomponents: [../../tls]\n",
                "apps/overlays/dev/kustomization.yaml": "bases: [../../base/]\n",
                "apps/tls/kustomization.yaml": "kind: Component\n",
            },
            ("apps/overlays/dev", "apps/overlays/prod"),
            id="overlays beside a base",
        ),
        pytest.param(
            {
                "kustomization.yaml": BUILT,
                "web.yaml": WEB,
                "prod/kustomization.yaml": "resources: [..]\n",
            },
            ("prod",),
            id="the root as base",
        ),
        pytest.param(
            {
                "app/kustomization.yaml": "resources: [parts]\n",
                "app/parts/kustomization.yaml": BUILT,
                "app/parts/web.yaml": WEB,
            },
            ("app",),
            id="a folder of folders",
        ),
        pytest.param(
            {
                "base/kustomization.yaml": "resources: [more/web.yaml]\n",
                "base/more/web.yaml": WEB,
                "prod/kustomization.yaml": "resources: [../base]\n",
            },
            ("prod",),
            id="plain files of a base",
        ),
        pytest.param(
            {"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"},
            ("a", "b"),
            id="a circle",
        ),
        pytest.param(
            {"lib/tls/kustomization.yaml": "kind: Component\n", "web/web.yaml": WEB},
            ("web",),
            id="a component that nobody uses",
        ),
    ],
)
def test_bases_and_components_of_others_are_not_delivered(
    tmp_path: Path, files: dict[str, str], delivered: tuple[str, ...]
) -> None:
    repo = Repository("r")
    repo.commit("main", dict(files), "One", ANA, 0)
    repo.write_to(str(tmp_path / "r"))
    found = import_repository(str(tmp_path / "r"))
    assert found.directories == delivered
    # What they read travels along all the same.
    if delivered not in {("web",), ("app",)}:
        assert found.changes[0].files.keys() == files.keys()


def test_revisions_may_count_back_as_git_does(tmp_path: Path) -> None:
    import dulwich.repo

    from kcsim.delivery.git.history import _revision  # what --from and --to mean

    on_disk(tmp_path / "r")
    repo = dulwich.repo.Repo(str(tmp_path / "r"))
    for text in ("HEAD", "HEAD~1", "main~2", "HEAD^", "HEAD^^2", "HEAD~1^1~1", "main^0"):
        said = subprocess.run(
            ["git", "-C", str(tmp_path / "r"), "rev-parse", text], capture_output=True, text=True, check=True
        )
        assert _revision(repo, "r", text).decode() == said.stdout.strip(), text
    for text in ("HEAD~9", "HEAD^3", "nope~1", "~1"):
        with pytest.raises(UnusableRepository, match="no revision"):
            _revision(repo, "r", text)

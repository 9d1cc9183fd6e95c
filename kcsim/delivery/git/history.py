"""A real repository's history, read from disk and replayed into a simulated one.

**Imitates:** `git log --first-parent --reverse -- PATHS`. Author, message and the intervals between commits are kept;
SHAs are new, because time in the simulation is virtual and only the manifests travel. Left out: side branches (a
merge is one change, as its first parent sees it), submodules and symbolic links (counted in `skipped`).

One merge request can be taken in place of the history: two changes, all there is at its base and what merging its head
into that changes, as `git merge` would (files changed on one side, lines changed on one side of a file).

**Walk:** `import_repository` -> the commits that touch the manifests, oldest first, as `Change`s ->
`Imported.schedule` gives each an instant -> the simulation commits them to a `Repository` one by one.
"""

from __future__ import annotations

import posixpath
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from kcsim.delivery.git import diff3
from kcsim.delivery.git.reach import is_below, reached, unread
from kcsim.delivery.git.repository import GitError
from kcsim.engine.clock import SECOND

if TYPE_CHECKING:
    from dulwich.objects import Commit as DiskCommit
    from dulwich.objects import ObjectID, TreeEntry
    from dulwich.repo import Repo

_MANIFEST = re.compile(
    rb"^apiVersion:\s*\S.*?^kind:\s*\S|^kind:\s*\S.*?^apiVersion:\s*\S", re.MULTILINE | re.DOTALL
)
_YAML = (".yaml", ".yml")
DETACHED = "main"
"""What the branch of a repository is called here whose HEAD is detached."""


class UnusableRepository(GitError):
    """A repository on disk that cannot be taken over; the text says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """One commit to replay: `files` maps a path to its new content, None where it was deleted."""

    files: dict[str, bytes | None]
    message: str
    author: str
    offset: int
    """Virtual µs since the first change, by the committer's clock; never less than the change before."""
    source: str
    """The SHA in the repository on disk."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The manifests' history of one branch, oldest change first; the first holds everything there was before."""

    path: str
    branch: str
    directories: tuple[str, ...]
    """What holds the manifests to deliver."""
    reached: tuple[str, ...]
    """Further paths that kustomizations in `directories` read, now or earlier; they are replayed along."""
    changes: tuple[Change, ...]
    skipped: tuple[str, ...]
    """Paths of submodules and symbolic links, which are not replayed."""

    def schedule(self, start_us: int = 0, pace_us: int | None = None) -> Iterator[tuple[int, Change]]:
        """(virtual µs, change) of every change, in order; real intervals, or `pace_us` between any two."""
        for index, change in enumerate(self.changes):
            yield start_us + (change.offset if pace_us is None else index * pace_us), change


def import_repository(
    path: str,
    manifests_under: str | Sequence[str] | None = None,
    branch: str | None = None,
    *,
    base: str | None = None,
    head: str | None = None,
) -> Imported:
    """Read the history of the manifests in a git repository on disk.

    `manifests_under` names directories; without it, those are taken that hold manifests at the branch's head and are no
    base or component of another one's kustomization. What their kustomizations read elsewhere (a base, a shared patch) belongs to the manifests, too.
    `branch` is by default the one that is checked out. `head` is a revision (a branch, a tag, a SHA, `HEAD~1`) with which the
    history ends in place of the branch's, and `base` one into which it is merged: then there is that one merge request
    instead of a history. With either, `branch` is only what the branch is called here.
    Raises: UnusableRepository with one clear message: no such directory, not a repository, no commits, no such branch or
        revision, a conflict, no manifests, unreadable.
    """
    from dulwich.errors import NotGitRepository
    from dulwich.repo import Repo, UnsupportedExtension, UnsupportedVersion

    try:
        with Repo(path) as repo:
            if base is None and head is None:
                name, tip = _head(repo, path, branch)
                return _import(path, name, tip, frozenset(repo.get_shallow()), _wanted(manifests_under))
            tip = _revision(repo, path, head or "HEAD")
            start = _revision(repo, path, base) if base is not None else None
            name = branch or _branch_of(repo, base or head or "HEAD")
            shallow, under = frozenset(repo.get_shallow()), _wanted(manifests_under)
            if start is None:
                return _import(path, name, tip, shallow, under)
            reader = _Reader(repo, shallow)
            return _merge_request(reader, path, name, _Ends(base or "", start, head or "HEAD", tip), under)
    except NotGitRepository:
        raise UnusableRepository(f"{path}: {_no_repository(path)}") from None
    except KeyError as error:
        raise UnusableRepository(f"{path}: unreadable: object {_shown(error.args[0])} is missing") from error
    except UnusableRepository:
        raise
    except (UnsupportedVersion, UnsupportedExtension) as error:
        raise UnusableRepository(f"{path}: unreadable: unsupported repository format {error}") from error
    except Exception as error:  # what dulwich raises for broken files has no common base
        why = " ".join(str(error).split()) or type(error).__name__
        raise UnusableRepository(f"{path}: unreadable: {why}") from error


def remotes(path: str) -> tuple[str, ...]:
    """The addresses of the remotes of a repository on disk; none where there is no repository."""
    from dulwich.errors import NotGitRepository
    from dulwich.repo import Repo

    try:
        with Repo(path) as repo:
            config = repo.get_config()
            sections = [section for section in config.sections() if section[0] == b"remote"]
            return tuple(config.get(each, "url").decode() for each in sections if config.has_section(each))
    except (NotGitRepository, KeyError):
        return ()


# A commit's SHA vouches for all there is behind it, so what was read once need not be read for each world again.
@lru_cache(maxsize=4)
def _import(
    path: str, name: str, head: ObjectID, shallow: frozenset[ObjectID], wanted: tuple[str, ...] | None
) -> Imported:
    from dulwich.repo import Repo

    with Repo(path) as repo:
        return _read(_Reader(repo, shallow), path, name, head, wanted)


def _read(reader: _Reader, path: str, name: str, head: ObjectID, wanted: tuple[str, ...] | None) -> Imported:
    tip = reader.commit(head)
    directories = wanted if wanted is not None else reader.manifest_directories(tip.tree)
    if not directories:
        raise UnusableRepository(f"{path}: no manifests on branch '{name}'")
    commits = reader.first_parents(head)
    also = reader.reached(tip.tree, directories)
    while True:
        reader.skipped.clear()
        changes, trees = _changes(reader, commits, (*directories, *also))
        earlier = {path for tree in trees for path in reader.reached(tree, (*directories, *also))}
        if not earlier:
            break
        # Kustomizations read other paths once than they do now: those belong to the history, too.
        also = tuple(sorted({*also, *earlier}))
    if not any(is_below(file, directories) for change in changes for file in change.files):
        raise UnusableRepository(f"{path}: no commit on branch '{name}' touches {', '.join(directories)}")
    return Imported(path, name, directories, also, tuple(changes), tuple(sorted(reader.skipped)))


_Files = Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class _Ends:
    """Both ends of a merge request: as they were named, and their commits."""

    base: str
    start: ObjectID
    head: str
    tip: ObjectID


def _merge_request(
    reader: _Reader, path: str, name: str, ends: _Ends, wanted: tuple[str, ...] | None
) -> Imported:
    """Everything at the base, then what merging the head changes."""
    start, tip = reader.commit(ends.start), reader.commit(ends.tip)
    trees = (start.tree, tip.tree)
    directories = wanted
    if directories is None:
        found = {folder for tree in trees for folder in reader.manifest_directories(tree)}
        directories = (".",) if "." in found else tuple(sorted(found))
    if not directories:
        raise UnusableRepository(f"{path}: no manifests at '{ends.base}' and '{ends.head}'")
    also: tuple[str, ...] = ()
    while more := {each for tree in trees for each in reader.reached(tree, (*directories, *also))} - {*also}:
        also = tuple(sorted({*also, *more}))
    under = (*directories, *also)
    before, after = (dict(reader.changed_files(None, tree, under)) for tree in trees)
    fork = reader.merge_base(ends.start, ends.tip)
    if fork != ends.start:
        shared = dict(reader.changed_files(None, reader.commit(fork).tree, under)) if fork is not None else {}
        after, conflicts = _merged(shared, before, after)
        if conflicts:
            raise UnusableRepository(
                f"{path}: '{ends.head}' cannot be merged into '{ends.base}': conflict in {', '.join(conflicts)}"
            )
    changed = {
        file: after.get(file) for file in sorted({*before, *after}) if before.get(file) != after.get(file)
    }
    if not changed:
        raise UnusableRepository(
            f"{path}: merging '{ends.head}' into '{ends.base}' changes nothing in {', '.join(directories)}"
        )
    first = Change(before, _text(start.message), _text(start.author), 0, start.id.decode())
    title = _text(tip.message).partition("\n")[0]
    merge = Change(changed, f"Merge '{ends.head}': {title}\n", _text(tip.author), 0, tip.id.decode())
    return Imported(path, name, directories, also, (first, merge), tuple(sorted(reader.skipped)))


def _merged(shared: _Files, ours: _Files, theirs: _Files) -> tuple[dict[str, bytes | None], list[str]]:
    """The files of two sides put together, and those in which they conflict."""
    merged: dict[str, bytes | None] = {}
    conflicts = []
    for file in sorted({*shared, *ours, *theirs}):
        old, mine, other = shared.get(file), ours.get(file), theirs.get(file)
        if mine in (old, other):
            chosen = other
        elif other == old:
            chosen = mine
        else:
            chosen = diff3.merge(old or b"", mine, other) if mine is not None and other is not None else None
            if chosen is None:
                conflicts.append(file)
        if chosen is not None:
            merged[file] = chosen
    return merged, conflicts


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _changes(
    reader: _Reader, commits: list[DiskCommit], directories: tuple[str, ...]
) -> tuple[list[Change], list[ObjectID]]:
    """What each commit changed, and the trees after those that changed a kustomization."""
    found: list[Change] = []
    trees: list[ObjectID] = []
    before: ObjectID | None = None
    began = last = 0
    for commit in commits:
        files = dict(reader.changed_files(before, commit.tree, directories))
        before = commit.tree
        if not files:
            continue
        if any(_is_kustomization(file) for file in files):
            trees.append(commit.tree)
        # Committers' clocks disagree and rebases reorder them: time never runs backwards here.
        last = max(last, commit.commit_time) if found else commit.commit_time
        began = began if found else last
        author, message = _text(commit.author), _text(commit.message)
        found.append(Change(files, message, author, (last - began) * SECOND, commit.id.decode()))
    return found, trees


def _head(repo: Repo, path: str, branch: str | None) -> tuple[str, ObjectID]:
    heads = {name.decode(): sha for name, sha in repo.refs.as_dict(b"refs/heads").items()}  # type: ignore[arg-type]
    if branch is not None:
        if branch in heads:
            return branch, heads[branch]
        known = ", ".join(sorted(heads)) or "none"
        raise UnusableRepository(f"{path}: no branch '{branch}' (branches: {known})")
    try:
        sha = repo.head()
    except KeyError:
        raise UnusableRepository(f"{path}: {_no_head(repo)}") from None
    chain, _ = repo.refs.follow(b"HEAD")  # type: ignore[arg-type]
    name = chain[-1].decode().removeprefix("refs/heads/")
    return (DETACHED if name == "HEAD" else name), sha


_RELATIVE = re.compile(r"(?P<base>[^~^]+)(?P<steps>(?:[~^]\d{0,6})+)")
_STEP = re.compile(r"([~^])(\d*)")


def _revision(repo: Repo, path: str, text: str) -> ObjectID:
    from dulwich.objectspec import parse_commit

    match = _RELATIVE.fullmatch(text)
    base, steps = (match["base"], _STEP.findall(match["steps"])) if match else (text, [])
    try:
        found = parse_commit(repo, base.encode())
        for (
            sign,
            number,
        ) in steps:  # git help revisions: ~2 is the first parent's first parent, ^2 the second parent
            count = int(number or "1")
            for _ in range(count if sign == "~" else min(count, 1)):
                found = parse_commit(repo, found.parents[0 if sign == "~" else count - 1])
        return found.id
    except (KeyError, ValueError, IndexError):
        if text == "HEAD":
            raise UnusableRepository(f"{path}: {_no_head(repo)}") from None
        known = ", ".join(sorted(name.decode() for name in repo.refs.as_dict(b"refs/heads"))) or "none"  # type: ignore[arg-type]
        raise UnusableRepository(f"{path}: no revision '{text}' (branches: {known})") from None


def _branch_of(repo: Repo, revision: str) -> str:
    """What the branch is called here on which a revision lies: its own name, or that of what is checked out."""
    heads = repo.refs.as_dict(b"refs/heads")  # type: ignore[arg-type]
    if revision.encode() in heads:
        return revision
    chain, _ = repo.refs.follow(b"HEAD")  # type: ignore[arg-type]
    name = chain[-1].decode().removeprefix("refs/heads/")
    return DETACHED if name == "HEAD" else name


def _no_head(repo: Repo) -> str:
    from pathlib import Path

    # A `.git` file that points nowhere is an empty repository to dulwich.
    place = Path(repo.controldir())
    return "no commits yet" if place.is_dir() else f"its git directory {place} does not exist"


class _Reader:
    """Reads commits and trees of one repository on disk, remembering which paths it cannot replay."""

    def __init__(self, repo: Repo, shallow: frozenset[ObjectID]) -> None:
        self._repo = repo
        self._shallow = shallow
        self.skipped: set[str] = set()

    def commit(self, sha: ObjectID) -> DiskCommit:
        from dulwich.objects import Commit

        found = self._repo[sha]
        assert isinstance(found, Commit), f"{_shown(sha)} is no commit"
        return found

    def first_parents(self, head: ObjectID) -> list[DiskCommit]:
        """The first-parent history of a commit, oldest first."""
        found = [self.commit(head)]
        while found[-1].parents and found[-1].id not in self._shallow:
            found.append(self.commit(found[-1].parents[0]))
        return found[::-1]

    def merge_base(self, one: ObjectID, other: ObjectID) -> ObjectID | None:
        """Where two histories part, None when they have nothing in common."""
        from dulwich.graph import find_merge_base

        return next(iter(find_merge_base(self._repo, [one, other])), None)

    def changed_files(
        self, old: ObjectID | None, new: ObjectID, directories: tuple[str, ...]
    ) -> Iterator[tuple[str, bytes | None]]:
        """(path, new content) of each file that differs between two trees below some directories."""
        from dulwich.diff_tree import tree_changes

        if old == new:
            return
        only = None if "." in directories else [d.encode() for d in directories]
        for change in tree_changes(self._repo.object_store, old, new, paths=only):
            before, after = self._blob(change.old), self._blob(change.new)
            if after is not None:
                # A change of the mode alone is none here: git in the simulation keeps no modes.
                if after != before:
                    yield after[0], self._repo.object_store[after[1]].as_raw_string()
            elif before is not None:
                yield before[0], None

    def _blob(self, entry: TreeEntry | None) -> tuple[str, ObjectID] | None:
        """(path, SHA) of a regular file; anything else that is there is noted as skipped."""
        if entry is None or entry.path is None or entry.mode is None or entry.sha is None:
            return None
        name = entry.path.decode("utf-8", "replace")
        if stat.S_ISREG(entry.mode):
            return name, entry.sha
        self.skipped.add(name)
        return None

    def manifest_directories(self, tree: ObjectID) -> tuple[str, ...]:
        """The topmost directories that hold manifests or a chart and are no base of others; `.` when they stand in the root."""
        found: set[str] = set()
        kustomizations: dict[str, bytes] = {}
        for path, sha in self._yaml_files(tree, ""):
            text, folder = self._repo.object_store[sha].as_raw_string(), posixpath.dirname(path) or "."
            if _is_kustomization(path):
                kustomizations[folder] = text
            if _is_kustomization(path) or _is_chart(path) or _MANIFEST.search(text):
                found.add(folder)
        found = unread(found, kustomizations)
        if "." in found:
            return (".",)
        return tuple(sorted(d for d in found if not any(d != o and d.startswith(f"{o}/") for o in found)))

    def reached(self, tree: ObjectID, directories: tuple[str, ...]) -> tuple[str, ...]:
        """What the kustomizations below some directories of a tree read elsewhere."""
        if "." in directories:
            return ()
        kustomizations = {
            posixpath.dirname(path): self._repo.object_store[sha].as_raw_string()
            for path, sha in self._yaml_files(tree, "")
            if _is_kustomization(path)
        }
        return reached(directories, kustomizations)

    def _yaml_files(self, tree: ObjectID, prefix: str) -> Iterator[tuple[str, ObjectID]]:
        from dulwich.objects import Tree

        listing = self._repo.object_store[tree]
        assert isinstance(listing, Tree), f"{_shown(tree)} is no tree"
        for entry in listing.items():
            name, mode, sha = entry.path, entry.mode, entry.sha
            assert name is not None
            assert mode is not None
            assert sha is not None
            path = prefix + name.decode("utf-8", "replace")
            # Dot directories hold pipelines and editor settings, which look like manifests now and then.
            if stat.S_ISDIR(mode) and not name.startswith(b"."):
                yield from self._yaml_files(sha, f"{path}/")
            elif stat.S_ISREG(mode) and (path.endswith(_YAML) or _is_kustomization(path)):
                yield path, sha


def _is_kustomization(path: str) -> bool:
    return posixpath.basename(path) in ("kustomization.yaml", "kustomization.yml", "Kustomization")


def _is_chart(path: str) -> bool:
    return posixpath.basename(path) == "Chart.yaml"


def _wanted(under: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if under is None:
        return None
    given = [under] if isinstance(under, str) else under
    return tuple(sorted({posixpath.normpath(d.strip("/") or ".") for d in given}))


def _no_repository(path: str) -> str:
    """Why a path that is no repository is none, with the remedy where there is one."""
    from pathlib import Path

    from dulwich.errors import NotGitRepository
    from dulwich.repo import Repo

    place = Path(path)
    if not place.exists():
        return "no such directory"
    if not place.is_dir():
        return "not a directory"
    try:
        with Repo.discover(path) as around:
            return f"inside a git repository, but not its root: give {around.path}"
    except (NotGitRepository, OSError, ValueError):
        return "not a git repository"


def _shown(sha: object) -> str:
    return sha.decode("ascii", "replace") if isinstance(sha, bytes) else str(sha)

"""One git repository: commits with virtual time, branches, tags, history, differences, merges and reverts.

**Imitates:** git, as a hosting service's storage sees it: there is no index and no working tree; files are given with
each commit. The same files, message, author and instant give the same SHA in every run. Left out: rename detection.

**Walk:** `commit` -> blobs and trees in the store -> a commit object -> the branch moves -> `on_update` listeners.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kcsim.delivery.git import diff3
from kcsim.engine.clock import unix_seconds

if TYPE_CHECKING:
    from kcsim.delivery.git.store import Store

HEADS, TAGS, PULLS = "refs/heads/", "refs/tags/", "refs/pull/"
QUEUES = HEADS + "gh-readonly-queue/"
"""Branches on which a merge queue tries what it is about to merge."""
_KEPT_LISTINGS = 64


class GitError(Exception):
    """Something git refuses; the text is what a person would read."""


class UnknownRevision(GitError):
    """A branch, tag or SHA that the repository does not have."""


class MergeConflict(GitError):
    """Two sides changed the same files; `paths` names them."""

    def __init__(self, action: str, paths: tuple[str, ...]) -> None:
        super().__init__(f"{action}: conflict in {', '.join(paths)}")
        self.paths = paths


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. `when` is virtual µs since the simulation began (git itself keeps whole seconds)."""

    sha: str
    parents: tuple[str, ...]
    tree: str
    author: str
    when: int
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    @property
    def short(self) -> str:
        """The abbreviated SHA, seven digits."""
        return self.sha[:7]


@dataclass(frozen=True, slots=True)
class Update:
    """A ref that moved: what a push did. `old` or `new` is None where the ref did not exist or was deleted."""

    repository: str
    ref: str
    old: str | None
    new: str | None
    forced: bool = False


class Repository:
    """A repository in memory.

    Attributes:
        name: how it is called on its host, e.g. `shop/manifests`.
        default_branch: the branch that HEAD names.
    """

    def __init__(self, name: str, default_branch: str = "main") -> None:
        from kcsim.delivery.git.store import (
            Store,
        )  # loads dulwich, which nobody needs before the first repository

        self.name = name
        self.default_branch = default_branch
        self._store: Store = Store()
        self._commits: dict[str, Commit] = {}
        self._refs: dict[str, str] = {}
        self._peeled: dict[str, str] = {}
        self._listings: OrderedDict[tuple[str | None, str], Mapping[str, bytes]] = OrderedDict()
        self._listeners: list[Callable[[Update], None]] = []

    # ---------------------------------------------------------------- writing

    def commit(
        self,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str,
        author: str,
        when_us: int,
        start: str | None = None,
    ) -> Commit:
        """Commit some files on top of a branch, which is made when it is not there; None deletes a file.

        A branch that is made begins at the revision `start`, else with nothing.
        Raises: GitError when nothing would change, or a path is absolute or leaves the repository.
        """
        parent = self._refs.get(HEADS + branch)
        if parent is None and start is not None:
            parent = self.resolve(start)
        base = self._tree(self._commits[parent]) if parent else None
        changes = {_checked(path): _bytes(data) for path, data in files.items()}
        tree = self._store.write_tree(base, changes)
        if parent is not None and tree == base:
            raise GitError("nothing to commit, working tree clean")
        made = self._write(tree, (parent,) if parent else (), message, author, when_us)
        self._move(HEADS + branch, made.sha)
        return made

    def revert(self, branch: str, sha: str, author: str, when_us: int, message: str | None = None) -> Commit:
        """Undo a commit (a merge: against its first parent) with a new one on top of a branch.

        Raises: MergeConflict when a later commit touched the same files; GitError when there is nothing to undo.
        """
        undone, head = self.get(sha), self.head(branch)
        before = self._tree(self._commits[undone.parents[0]]) if undone.parents else None
        changes = self._three_way(f"revert {undone.short}", self._tree(undone), self._tree(head), before)
        text = message or f'Revert "{undone.subject}"\n\nThis reverts commit {undone.sha}.\n'
        return self.commit(branch, changes, text, author, when_us)

    def merge(
        self,
        into: str,
        source: str,
        author: str,
        when_us: int,
        message: str | None = None,
        *,
        fast_forward: bool = True,
        squash: bool = False,
        moves: str = "",
    ) -> Commit:
        """Merge a branch, tag or SHA into a branch; fast-forward where allowed and possible.

        `squash` makes one ordinary commit instead. Gives the commit the branch then has; `moves` is the full name of a
        ref that gets it in place of the branch.
        Raises: MergeConflict when both sides changed the same files; GitError when there are no common ancestors.
        """
        head, other = self.head(into), self.get(self.resolve(source))
        base = self.merge_base(head.sha, other.sha)
        if base is None:
            raise GitError("refusing to merge unrelated histories")
        if base == other.sha:
            return head
        if base == head.sha and fast_forward and not squash:
            self._move(moves or HEADS + into, other.sha)
            return other
        changes = self._three_way(
            f"merge {source} into {into}", self._tree(self.get(base)), self._tree(head), self._tree(other)
        )
        tree = self._store.write_tree(self._tree(head), changes)
        text = message or (other.message if squash else f"Merge branch '{source}' into {into}\n")
        parents = (head.sha,) if squash else (head.sha, other.sha)
        made = self._write(tree, parents, text, author, when_us)
        self._move(moves or HEADS + into, made.sha)
        return made

    def rebase(self, source: str, onto: str, when_us: int, moves: str = "") -> Commit:
        """Put the commits that a branch has and `onto` has not on top of `onto`, with new SHAs; merges are left out.

        The branch then points at the last of them, or the ref of the full name `moves` does.
        Raises: MergeConflict at the first commit that does not fit; GitError when there are no common ancestors.
        """
        head, target = self.head(source), self.get(self.resolve(onto))
        base = self.merge_base(head.sha, target.sha)
        if base is None:
            raise GitError("refusing to rebase unrelated histories")
        known = self._ancestors(target.sha)
        picked: list[Commit] = []
        for commit in self.log(head.sha):
            if commit.sha in known:
                break
            if len(commit.parents) == 1:
                picked.append(commit)
        for commit in reversed(picked):
            before = self._tree(self._commits[commit.parents[0]])
            changes = self._three_way(
                f"rebase {commit.short}", before, self._tree(target), self._tree(commit)
            )
            if not changes:
                continue  # git drops what is there already
            tree = self._store.write_tree(self._tree(target), changes)
            target = self._write(tree, (target.sha,), commit.message, commit.author, when_us)
        self._move(moves or HEADS + source, target.sha)
        return target

    def conflicts(self, into: str, source: str) -> tuple[str, ...]:
        """Paths in which merging one revision into another would conflict, sorted; nothing is written."""
        head, other = self.resolve(into), self.resolve(source)
        base = self.merge_base(head, other)
        if base is None or base in {head, other}:
            return ()
        trees = [self._tree(self.get(sha)) for sha in (base, head, other)]
        try:
            self._three_way("merge", *trees)
        except MergeConflict as conflict:
            return conflict.paths
        return ()

    def set_ref(self, ref: str, sha: str | None) -> None:
        """Point a ref, by its full name, at a commit; None removes it."""
        if sha is not None or ref in self._refs:
            self._move(ref, sha)

    def create_branch(self, name: str, at: str | None = None) -> None:
        """Make a branch at a revision, else at the default branch.

        Raises: GitError when it exists already.
        """
        if HEADS + name in self._refs:
            raise GitError(f"a branch named '{name}' already exists")
        self._move(HEADS + name, self.resolve(at or self.default_branch))

    def reset(self, branch: str, revision: str) -> None:
        """Point a branch at any commit, as a force push does."""
        self._move(HEADS + branch, self.resolve(revision))

    def delete_branch(self, name: str) -> None:
        """Remove a branch; its commits stay."""
        if HEADS + name not in self._refs:
            raise UnknownRevision(f"branch '{name}' not found in {self.name}")
        self._move(HEADS + name, None)

    def tag(
        self, name: str, at: str | None = None, message: str | None = None, tagger: str = "", when_us: int = 0
    ) -> None:
        """Tag a revision (default: the default branch); with a message the tag is an annotated one.

        Raises: GitError when the tag exists already.
        """
        if TAGS + name in self._refs:
            raise GitError(f"tag '{name}' already exists")
        target = self.resolve(at or self.default_branch)
        if message is None:
            self._move(TAGS + name, target)
            return
        made = self._store.write_tag(name, target, identity(tagger), unix_seconds(when_us), _ended(message))
        self._peeled[made] = target
        self._move(TAGS + name, made)

    # ---------------------------------------------------------------- reading

    def refs(self) -> dict[str, str]:
        """All refs with their SHAs, sorted by name, as `git ls-remote` lists them."""
        return dict(sorted(self._refs.items()))

    def branches(self) -> dict[str, str]:
        """Branch name -> SHA of its head, sorted."""
        return {ref.removeprefix(HEADS): sha for ref, sha in self.refs().items() if ref.startswith(HEADS)}

    def tags(self) -> dict[str, str]:
        """Tag name -> SHA of the tagged commit, sorted."""
        return {
            ref.removeprefix(TAGS): self._peeled.get(sha, sha)
            for ref, sha in self.refs().items()
            if ref.startswith(TAGS)
        }

    def resolve(self, revision: str) -> str:
        """The commit SHA that a branch, tag, full ref, SHA or unique SHA prefix of 4 or more digits names.

        Raises: UnknownRevision when there is none, or more than one.
        """
        if revision == "HEAD":
            revision = self.default_branch
        for prefix in ("", HEADS, TAGS):
            sha = self._refs.get(prefix + revision)
            if sha is not None:
                return self._peeled.get(sha, sha)
        if revision in self._commits:
            return revision
        found = [sha for sha in self._commits if sha.startswith(revision)] if len(revision) >= 4 else []
        if len(found) == 1:
            return found[0]
        problem = "is ambiguous" if found else "not found"
        raise UnknownRevision(f"revision '{revision}' {problem} in {self.name}")

    def head(self, branch: str | None = None) -> Commit:
        """The last commit of a branch (default: the default branch)."""
        name = branch or self.default_branch
        sha = self._refs.get(HEADS + name)
        if sha is None:
            raise UnknownRevision(f"branch '{name}' not found in {self.name}")
        return self._commits[sha]

    def get(self, sha: str) -> Commit:
        """A commit by its full SHA or anything else that `resolve` takes."""
        found = self._commits.get(sha)
        return found if found is not None else self._commits[self.resolve(sha)]

    def holds(self, sha: str) -> bool:
        """Whether there is a commit of this full SHA."""
        return sha in self._commits

    def log(self, revision: str | None = None, limit: int | None = None) -> list[Commit]:
        """The first-parent history of a revision, newest first."""
        found: list[Commit] = []
        sha: str | None = self.resolve(revision or self.default_branch)
        while sha is not None and (limit is None or len(found) < limit):
            found.append(self._commits[sha])
            sha = next(iter(found[-1].parents), None)
        return found

    def files(self, revision: str, under: str = ".") -> Mapping[str, bytes]:
        """Path from the repository's root -> content, of all files below a directory, at a revision. Read-only.

        An absent directory has no files; `has_directory` tells the two apart.
        """
        tree, prefix = self._below(revision, under)
        key = (tree, prefix)
        listing = self._listings.get(key)
        if listing is None:
            listing = {path: self._store.blob(sha) for path, sha in self._store.walk(tree, prefix)}
            self._listings[key] = listing
            if len(self._listings) > _KEPT_LISTINGS:
                self._listings.popitem(last=False)
        else:
            self._listings.move_to_end(key)
        return listing

    def has_directory(self, revision: str, path: str) -> bool:
        """Whether a directory exists at a revision; the root always does."""
        tree, prefix = self._below(revision, path)
        return not prefix or tree is not None

    def diff(self, old: str | None, new: str) -> tuple[str, ...]:
        """Paths that differ between two revisions, sorted; `old` None compares with nothing at all."""
        before = self._tree(self.get(old)) if old is not None else None
        return tuple(sorted({path for path, _, _ in self._store.changes(before, self._tree(self.get(new)))}))

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `old` is `new` or one of its ancestors."""
        return self.resolve(old) in self._ancestors(self.resolve(new))

    def merge_base(self, a: str, b: str) -> str | None:
        """The best common ancestor of two revisions, None without any; the newest where there are several."""
        mine = self._ancestors(self.resolve(a))
        queue, seen = [self.resolve(b)], set()
        found = []
        while queue:
            sha = queue.pop()
            if sha in mine:
                found.append(sha)
            elif sha not in seen:
                seen.add(sha)
                queue.extend(self._commits[sha].parents)
        return max(found, key=lambda sha: (self._commits[sha].when, sha)) if found else None

    def on_update(self, listener: Callable[[Update], None]) -> None:
        """Call `listener` after each ref that moved."""
        self._listeners.append(listener)

    def write_to(self, path: str) -> None:
        """Write the repository to a new directory on disk (`git log` and `git checkout` work there)."""
        self._store.write_to(path, self._refs, HEADS + self.default_branch)

    # ---------------------------------------------------------------- inside

    def _tree(self, commit: Commit) -> str | None:
        return commit.tree if self._store.entries(commit.tree) else None

    def _below(self, revision: str, under: str) -> tuple[str | None, str]:
        tree, path = self._tree(self.get(revision)), _directory(under)
        return (self._store.subtree(tree, path), f"{path}/") if path else (tree, "")

    def _write(
        self, tree: str | None, parents: tuple[str, ...], message: str, author: str, when_us: int
    ) -> Commit:
        who, text = identity(author), _ended(message)
        root = tree if tree is not None else self._store.empty_tree()
        sha = self._store.write_commit(root, parents, who, unix_seconds(when_us), text)
        # Two identical commits within one second are one object; the first instant stands.
        return self._commits.setdefault(sha, Commit(sha, parents, root, who, when_us, text))

    def _move(self, ref: str, new: str | None) -> None:
        old = self._refs.get(ref)
        if old == new:
            return
        if new is None:
            del self._refs[ref]
        else:
            self._refs[ref] = new
        forced = old is not None and new is not None and new in self._commits and not self._descends(new, old)
        for listener in list(self._listeners):
            listener(Update(self.name, ref, old, new, forced))

    def _descends(self, new: str, old: str) -> bool:
        # The common case first: a commit on top.
        return old in self._commits[new].parents or old in self._ancestors(new)

    def _ancestors(self, sha: str) -> set[str]:
        queue, seen = [sha], {sha}
        while queue:
            for parent in self._commits[queue.pop()].parents:
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)
        return seen

    def _three_way(
        self, action: str, base: str | None, ours: str | None, theirs: str | None
    ) -> dict[str, bytes | None]:
        """What to change in `ours` to take over what `theirs` changed since `base`."""
        mine = {path: new for path, _, new in self._store.changes(base, ours)}
        wanted = {path: (old, new) for path, old, new in self._store.changes(base, theirs)}
        changes: dict[str, bytes | None] = {}
        conflicts: list[str] = []
        for path, (old, new) in wanted.items():
            if path not in mine:
                changes[path] = self._store.blob(new) if new is not None else None
            elif mine[path] != new:
                texts = [self._store.blob(sha) for sha in (old, mine[path], new) if sha is not None]
                merged = diff3.merge(texts[0], texts[1], texts[2]) if len(texts) == 3 else None
                if merged is None:
                    conflicts.append(path)
                else:
                    changes[path] = merged
        if conflicts:
            raise MergeConflict(action, tuple(sorted(conflicts)))
        return changes


def identity(author: str) -> str:
    """`Name <address>` as git wants it; a bare name gets an address under a domain reserved for examples."""
    text = " ".join(author.split()) or "nobody"
    if "<" in text and text.endswith(">"):
        return text
    local = "".join(c if c.isalnum() and c.isascii() else "-" for c in text.lower()).strip("-") or "nobody"
    return f"{text.replace('<', '').replace('>', '')} <{local}@example.com>"


def _ended(message: str) -> str:
    return message if message.endswith("\n") else message + "\n"


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data


def _checked(path: str) -> str:
    parts = path.removeprefix("./").split("/")
    if any(part in ("", ".", "..", ".git") for part in parts):
        raise GitError(f"invalid path '{path}'")
    return "/".join(parts)


def _directory(under: str) -> str:
    return "/".join(part for part in under.split("/") if part not in ("", "."))

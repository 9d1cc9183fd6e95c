"""Git's object database, in memory: blobs, trees, commits and tags with their real SHA-1 names.

The one module that builds git objects, on dulwich's in-memory object store: no working tree, no disk. Trees are
written along the changed paths only, so a commit costs what it changes.

**Imitates:** git's object model. Left out: SHA-256 repositories, symbolic links and submodules as such (an import
reports them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID, Tag, Tree

FILE_MODE = 0o100644
TREE_MODE = 0o040000

Entry = tuple[int, str]
"""(mode, SHA) of one entry of a tree."""


class Store:
    """The objects of one repository. SHAs are 40 hex digits as text; None stands for the empty tree."""

    def __init__(self) -> None:
        self._objects = MemoryObjectStore()
        self._trees: dict[str, dict[str, Entry]] = {}
        self._blobs: dict[str, bytes] = {}

    def write_blob(self, data: bytes) -> str:
        """Store a file's content and give its SHA."""
        blob = Blob.from_string(data)
        sha = _text(blob.id)
        if sha not in self._blobs:
            self._objects.add_object(blob)
            self._blobs[sha] = data
        return sha

    def blob(self, sha: str) -> bytes:
        """A file's content."""
        return self._blobs[sha]

    def write_tree(self, base: str | None, changes: Mapping[str, bytes | None]) -> str | None:
        """The tree that `base` becomes with some files set (None deletes); None when nothing is left."""
        entries = dict(self.entries(base))
        below: dict[str, dict[str, bytes | None]] = {}
        for path, data in changes.items():
            head, slash, rest = path.partition("/")
            if slash:
                below.setdefault(head, {})[rest] = data
            elif data is None:
                entries.pop(head, None)
            else:
                mode = entries[head][0] if head in entries and entries[head][0] != TREE_MODE else FILE_MODE
                entries[head] = (mode, self.write_blob(data))
        for head, part in below.items():
            old = entries.get(head)
            sub = self.write_tree(old[1] if old is not None and old[0] == TREE_MODE else None, part)
            if sub is not None:
                entries[head] = (TREE_MODE, sub)
            elif old is not None and old[0] == TREE_MODE:
                del entries[head]
        return self._write_entries(entries) if entries else None

    def entries(self, tree: str | None) -> Mapping[str, Entry]:
        """The entries of a tree: name -> (mode, SHA)."""
        return self._trees[tree] if tree is not None else {}

    def _write_entries(self, entries: dict[str, Entry]) -> str:
        tree = Tree()
        for name, (mode, sha) in entries.items():
            tree.add(name.encode(), mode, ObjectID(sha.encode()))
        made = _text(tree.id)
        if made not in self._trees:
            self._objects.add_object(tree)
            self._trees[made] = entries
        return made

    def empty_tree(self) -> str:
        """The SHA of the tree with nothing in it, which is what a commit without files names."""
        return self._write_entries({})

    def write_commit(
        self, tree: str, parents: tuple[str, ...], author: str, unix_seconds: int, message: str
    ) -> str:
        """Store a commit, author and committer alike, in UTC; gives its SHA."""
        commit = Commit()
        commit.tree = ObjectID(tree.encode())
        commit.parents = [ObjectID(parent.encode()) for parent in parents]
        commit.author = commit.committer = author.encode()
        commit.author_time = commit.commit_time = unix_seconds
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = message.encode()
        self._objects.add_object(commit)
        return _text(commit.id)

    def write_tag(self, name: str, target: str, tagger: str, unix_seconds: int, message: str) -> str:
        """Store an annotated tag of a commit; gives the tag object's SHA."""
        tag = Tag()
        tag.name = name.encode()
        tag.object = (Commit, ObjectID(target.encode()))
        tag.tagger = tagger.encode()
        tag.tag_time = unix_seconds
        tag.tag_timezone = 0
        tag.message = message.encode()
        self._objects.add_object(tag)
        return _text(tag.id)

    def walk(self, tree: str | None, prefix: str = "") -> Iterator[tuple[str, str]]:
        """(path, blob SHA) of all files of a tree, sorted as git sorts them."""
        for name, (mode, sha) in sorted(self.entries(tree).items(), key=_git_order):
            if mode == TREE_MODE:
                yield from self.walk(sha, f"{prefix}{name}/")
            else:
                yield f"{prefix}{name}", sha

    def changes(
        self, old: str | None, new: str | None, prefix: str = ""
    ) -> Iterator[tuple[str, str | None, str | None]]:
        """(path, old blob SHA, new blob SHA) of each file that differs between two trees; None where absent."""
        if old == new:
            return
        before, after = self.entries(old), self.entries(new)
        for name in sorted(before.keys() | after.keys()):
            a, b = before.get(name), after.get(name)
            if a == b:
                continue
            path = f"{prefix}{name}"
            dirs = tuple(e[1] if e is not None and e[0] == TREE_MODE else None for e in (a, b))
            files = tuple(e[1] if e is not None and e[0] != TREE_MODE else None for e in (a, b))
            if files != (None, None):
                yield path, files[0], files[1]
            if dirs != (None, None):
                yield from self.changes(dirs[0], dirs[1], f"{path}/")

    def subtree(self, tree: str | None, path: str) -> str | None:
        """The tree at a directory path, None when there is no such directory."""
        for name in path.split("/"):
            mode, sha = self.entries(tree).get(name, (0, ""))
            if mode != TREE_MODE:
                return None
            tree = sha
        return tree

    def write_to(self, path: str, refs: Mapping[str, str], head: str) -> None:
        """Write all objects and refs to a new repository on disk, with `head` (a full ref name) checked out."""
        from dulwich.repo import Repo

        with Repo.init(path, mkdir=True) as repo:
            repo.object_store.add_objects([(self._objects[sha], None) for sha in self._objects])
            for name, sha in sorted(refs.items()):
                repo.refs[name.encode()] = ObjectID(sha.encode())  # type: ignore[index]  # a NewType of bytes
            repo.refs.set_symbolic_ref(b"HEAD", head.encode())  # type: ignore[arg-type]
            if head in refs:
                repo.get_worktree().reset_index()


def _text(sha: bytes) -> str:
    return sha.decode("ascii")


def _git_order(item: tuple[str, Entry]) -> bytes:
    name, (mode, _) = item
    return name.encode() + (b"/" if mode == TREE_MODE else b"")

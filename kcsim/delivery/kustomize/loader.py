"""The files a build may read: a mapping of paths, seen from one directory.

**Imitates:** kustomize api/internal/loader (file loader, load restrictions, cycle detection). Nothing is fetched:
remote bases are refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from kcsim.delivery.kustomize.errors import Idle, KustomizeError

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What a kustomization file may be called."""

_REMOTE = re.compile(
    r"^[a-z+]+://|^git@|^[\w.-]+@[\w.-]+:|^(?:www\.)?(?:github|gitlab|bitbucket)\.[a-z]+[/:]|\?(?:ref|version)=|\.git(?:/|$)"
)


_normal = lru_cache(maxsize=8192)(posixpath.normpath)


class Files:
    """Normalised path -> content, and the directories that follow from the paths; what was asked of them is remembered.

    Attributes:
        read: what was found at each path that was asked for, None where nothing was.
        entered: for each path whether it was found to be a directory.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._content = {_normal(path): data for path, data in files.items()}
        self.read: dict[str, bytes | None] = {}
        self.entered: dict[str, bool] = {}

    def get(self, path: str) -> bytes | None:
        """The content of a file, None where there is none."""
        found = self.read[path] = self._content.get(path)
        return found

    def __contains__(self, path: str) -> bool:
        return self.get(path) is not None

    def is_directory(self, path: str) -> bool:
        """Whether something lies below a path; the root is `.`."""
        found = self.entered[path] = path in self._directories
        return found

    def says_the_same(self, other: Files) -> bool:
        """Whether all that was asked of other files would be answered alike here."""
        mine = self._content
        for path, data in other.read.items():
            found = mine.get(path)
            if found is not data and found != data:
                return False
        return all((path in self._directories) is found for path, found in other.entered.items())

    def asked(self) -> Files:
        """Only what was asked: all else may be forgotten."""
        kept = Files({})
        kept.read, kept.entered = self.read, self.entered
        return kept

    @cached_property
    def _directories(self) -> frozenset[str]:
        found = {"."}
        for path in self._content:
            parent = posixpath.dirname(path)
            while parent and parent not in found:
                found.add(parent)
                parent = posixpath.dirname(parent)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Loader:
    """The files as one kustomization sees them. `visited` are the directories of those that led here."""

    files: Files
    root: str
    visited: tuple[str, ...] = ()
    restrict: bool = True
    """Whether files outside the directory of the kustomization are refused."""
    tracked: bool = False
    """Whether objects are annotated with where they came from."""
    idle: list[Idle] | None = None
    """Collects entries that are about nothing, for who asks for them."""

    def path(self, relative: str) -> str:
        """A path from the root of all files."""
        return posixpath.normpath(posixpath.join(self.root, relative))

    def told(self, path: str) -> str:
        """A path from the root of all files as origins tell it: from the directory that is built."""
        return posixpath.relpath(path, (*self.visited, self.root)[0])

    def is_directory(self, relative: str) -> bool:
        """Whether a path names a directory."""
        return self.files.is_directory(self.path(relative))

    def load(self, relative: str, file: str) -> bytes:
        """The content of a file; `file` is who asks.

        Raises: KustomizeError.
        """
        path = self.path(relative)
        if path.startswith("../") or relative.startswith("/"):
            raise KustomizeError(file, f"'{relative}' is outside the repository")
        data = self.files.get(path)
        if data is None:
            problem = "is a directory" if self.files.is_directory(path) else "no such file or directory"
            raise KustomizeError(file, f"open {path}: {problem}")
        if self.restrict and not is_below(path, self.root):
            raise KustomizeError(file, f"security; file '{path}' is not in or below '{self.root}'")
        return data

    def enter(self, relative: str, file: str) -> Loader:
        """The files as the kustomization in another directory sees them.

        Raises: KustomizeError when there is no such directory, or it is one that led here.
        """
        path = self.path(relative)
        if not self.files.is_directory(path):
            raise KustomizeError(
                file, f"'{relative}' must be a directory or a file, and there is neither at {path}"
            )
        chain = (*self.visited, self.root)
        if path in chain:
            raise KustomizeError(
                file, f"cycle detected: '{path}' is reached from itself: {' -> '.join((*chain, path))}"
            )
        return replace(self, root=path, visited=chain)


def is_remote(resource: str) -> bool:
    """Whether an entry of `resources` is an address and not a path."""
    return _REMOTE.search(resource) is not None


def is_below(path: str, directory: str) -> bool:
    """Whether a path lies within a directory."""
    return directory == "." or path.startswith(f"{directory}/")

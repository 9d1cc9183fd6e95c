"""The files a build may read: a mapping of paths, seen from one directory.

**Imitates:** kustomize api/internal/loader (file loader, load restrictions, cycle detection). Nothing is fetched:
remote bases are refused.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from kcsim.delivery.kustomize.errors import KustomizeError

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What a kustomization file may be called."""

_REMOTE = re.compile(
    r"^[a-z+]+://|^git@|^[\w.-]+@[\w.-]+:|^(?:www\.)?(?:github|gitlab|bitbucket)\.[a-z]+[/:]|\?(?:ref|version)=|\.git(?:/|$)"
)


class Files:
    """Normalised path -> content, and the directories that follow from the paths."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.content = {posixpath.normpath(path): data for path, data in files.items()}

    @cached_property
    def directories(self) -> frozenset[str]:
        """Every directory that holds something; the root is `.`."""
        found = {"."}
        for path in self.content:
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

    def path(self, relative: str) -> str:
        """A path from the root of all files."""
        return posixpath.normpath(posixpath.join(self.root, relative))

    def told(self, path: str) -> str:
        """A path from the root of all files as origins tell it: from the directory that is built."""
        return posixpath.relpath(path, (*self.visited, self.root)[0])

    def is_directory(self, relative: str) -> bool:
        """Whether a path names a directory."""
        return self.path(relative) in self.files.directories

    def load(self, relative: str, file: str) -> bytes:
        """The content of a file; `file` is who asks.

        Raises: KustomizeError.
        """
        path = self.path(relative)
        if path.startswith("../") or relative.startswith("/"):
            raise KustomizeError(file, f"'{relative}' is outside the repository")
        data = self.files.content.get(path)
        if data is None:
            problem = "is a directory" if path in self.files.directories else "no such file or directory"
            raise KustomizeError(file, f"open {path}: {problem}")
        if self.restrict and not is_below(path, self.root):
            raise KustomizeError(file, f"security; file '{path}' is not in or below '{self.root}'")
        return data

    def enter(self, relative: str, file: str) -> Loader:
        """The files as the kustomization in another directory sees them.

        Raises: KustomizeError when there is no such directory, or it is one that led here.
        """
        path = self.path(relative)
        if path not in self.files.directories:
            raise KustomizeError(
                file, f"'{relative}' must be a directory or a file, and there is neither at {path}"
            )
        chain = (*self.visited, self.root)
        if path in chain:
            raise KustomizeError(
                file, f"cycle detected: '{path}' is reached from itself: {' -> '.join((*chain, path))}"
            )
        return Loader(self.files, path, chain, self.restrict, self.tracked)


def is_remote(resource: str) -> bool:
    """Whether an entry of `resources` is an address and not a path."""
    return _REMOTE.search(resource) is not None


def is_below(path: str, directory: str) -> bool:
    """Whether a path lies within a directory."""
    return directory == "." or path.startswith(f"{directory}/")

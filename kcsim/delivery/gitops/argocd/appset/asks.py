"""What generators have to know of the world, asked for as data.

Generation is a pure function: it looks its questions up in answers, and raises `Wanted` for the first that is missing.
Whoever runs it finds the answer out and generates again.

**Walk:** `generate` -> `Wanted(ask)` -> somebody asks the git host or the API -> `Answers` -> `generate` again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from kcsim.api.objects import Object


class Directories(NamedTuple):
    """The directories of a repository at a revision; `project` is "" where its name is templated.

    Answer: paths, without hidden ones, parents before what is in them.
    """

    url: str
    revision: str
    project: str


class Files(NamedTuple):
    """The files that match a pattern.  Answer: text by path."""

    url: str
    revision: str
    project: str
    pattern: str


class PullRequests(NamedTuple):
    """The open merge requests of a repository.  `provider`: github, gitlab and so on; `spec`: its part of the generator.

    Answer: `PullRequest`s in the order in which the host lists them.
    """

    provider: str
    spec: str
    """As JSON with sorted keys, so that two equal questions are one."""


class PullRequest(NamedTuple):
    """An open merge request, as the generator passes it on."""

    number: int
    title: str
    branch: str
    target_branch: str
    head_sha: str
    author: str
    labels: tuple[str, ...] = ()


Ask = Directories | Files | PullRequests


class Wanted(Exception):
    """A question that has not been answered yet."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(str(ask))
        self.ask = ask


@dataclass(slots=True)
class Answers:
    """What is known: the Secrets of clusters, answers, and why questions could not be answered."""

    clusters: Sequence[Object] = ()
    given: dict[Ask, Any] = field(default_factory=dict)
    failed: dict[Ask, str] = field(default_factory=dict)

    def to(self, ask: Ask) -> Any:
        """The answer to a question.

        Raises: Wanted when there is none yet; LookupError when finding it out failed.
        """
        if ask in self.failed:
            raise LookupError(self.failed[ask])
        if ask not in self.given:
            raise Wanted(ask)
        return self.given[ask]


def directories_of(paths: Iterable[str]) -> list[str]:
    """The directories that hold files, without hidden ones, in the order of a walk (`GetGitDirectories`)."""
    found = set[str]()
    for path in paths:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            if any(part.startswith(".") for part in parts[:depth]):
                break
            found.add("/".join(parts[:depth]))
    return sorted(found, key=lambda path: path.split("/"))


def files_matching(pattern: str, files: Mapping[str, str]) -> dict[str, str]:
    """The files that a pattern of the git files generator names.

    As `git ls-files` takes it: stars go over slashes, and a directory stands for all that is in it.
    """
    if pattern in ("", "."):
        return dict(files)
    expression, folder = _pathspec(pattern), pattern.rstrip("/") + "/"
    return {
        path: text for path, text in files.items() if expression.fullmatch(path) or path.startswith(folder)
    }


@lru_cache(maxsize=256)
def _pathspec(pattern: str) -> re.Pattern[str]:
    made, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        end = pattern.find("]", at + 2) if char == "[" else -1
        if char in "*?":
            made += ".*" if char == "*" else "."
        elif end > 0:
            body = pattern[at + 1 : end]
            made += "[" + ("^" + body[1:] if body[0] in "!^" else body).replace("\\", "\\\\") + "]"
            at = end
        else:
            made += re.escape(char)
        at += 1
    return re.compile(made, re.DOTALL)

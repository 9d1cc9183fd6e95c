"""git at the command bar: looking at the repositories of the world, and committing to them as a person does.

``git log``, ``show``, ``diff``, ``branch``, ``ls-files`` and ``status`` look, at the instant looked at. ``git revert REV`` and
``sed -i 's/OLD/NEW/' FILE && git commit -am "MESSAGE"`` change something: they become a commit of the timeline, pushed at
once. ``git -C REPOSITORY`` names the repository; otherwise it is the first.

**Imitates:** what git 2.43 prints of a linear history (``log``, ``log --oneline``, ``show --stat`` and patches of three
lines of context). Other commands are refused by name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from kcsim.delivery.git.repository import Commit, GitError, Repository
from kcsim.engine.clock import rfc3339
from kcsim.kubectl.session import Outcome
from kcsim.scenario import git_lines
from kcsim.scenario.git_lines import READS, WRITES, BadLine, Line, read_line, repository_of
from kcsim.scenario.model import TimelineEntry
from kcsim.tui.hands import PERSON
from kcsim.tui.session import Session

__all__ = ["READS", "WRITES", "BadLine", "entry_of", "known", "read"]


# Acting.


def entry_of(session: Session, text: str) -> TimelineEntry:
    """The entry of the timeline that a line is.

    Raises:
        BadLine: there is no such repository, file, text or commit.
    """
    return git_lines.entry_of(session.play, text, PERSON)


# Looking.


def read(session: Session, text: str) -> Outcome:
    """What a line that only looks prints, at the instant looked at."""
    try:
        line = read_line(text)
        repository = repository_of(session.play, line)
        return Outcome(0, "\n".join(_read(session, repository, line)) + "\n", "")
    except (BadLine, GitError) as error:
        return Outcome(128, "", f"{error}\n")


def _read(session: Session, repository: Repository, line: Line) -> Iterator[str]:
    history = [c for c in _history(repository) if c.when <= session.seen]
    words = [word for word in line.words if not word.startswith("-")]
    if line.verb == "branch":
        yield f"* {repository.default_branch}"
        return
    if not history:
        raise BadLine(
            f"fatal: your current branch '{repository.default_branch}' does not have any commits yet"
        )
    head = history[0]
    if line.verb == "status":
        yield f"On branch {repository.default_branch}"
        yield "nothing to commit, working tree clean"
    elif line.verb == "log":
        yield from _log(history, line.words)
    elif line.verb == "ls-files":
        yield from sorted(repository.files(head.sha))
    elif line.verb == "show":
        yield from _show(repository, head, words[0] if words else "HEAD")
    else:
        old, new = _ends(repository, head, words)
        yield from _patch(repository, old, new)


def _history(repository: Repository) -> list[Commit]:
    try:
        return repository.log()
    except GitError:
        return []


def _log(history: list[Commit], options: tuple[str, ...]) -> Iterator[str]:
    short = "--oneline" in options
    numbers = [word.lstrip("-n") for word in options if re.fullmatch(r"-n?\d+", word)]
    most = int(numbers[0]) if numbers else len(history)
    for place, commit in enumerate(history[:most]):
        if short:
            yield f"{commit.short} {commit.subject}"
            continue
        if place:
            yield ""
        yield from _heading(commit)


def _heading(commit: Commit) -> Iterator[str]:
    yield f"commit {commit.sha}"
    yield f"Author: {commit.author}"
    yield f"Date:   {rfc3339(commit.when)}"
    yield ""
    yield from (f"    {each}" for each in commit.message.rstrip("\n").split("\n"))


def _show(repository: Repository, head: Commit, what: str) -> Iterator[str]:
    revision, colon, path = what.partition(":")
    commit = head if revision in {"", "HEAD"} else repository.get(revision)
    if colon:
        files = repository.files(commit.sha)
        if path not in files:
            raise BadLine(f"fatal: path '{path}' does not exist in '{revision or 'HEAD'}'")
        yield files[path].decode("utf-8", "replace").rstrip("\n")
        return
    yield from _heading(commit)
    yield ""
    yield from _patch(repository, next(iter(commit.parents), None), commit.sha)


def _ends(repository: Repository, head: Commit, words: list[str]) -> tuple[str | None, str]:
    if len(words) == 1 and ".." in words[0]:
        words = list(words[0].split(".."))
    shas = [head.sha if word in {"", "HEAD"} else repository.resolve(word) for word in words[:2]]
    if not shas:
        return next(iter(head.parents), None), head.sha
    return shas[0], shas[1] if len(shas) > 1 else head.sha


def _patch(repository: Repository, old: str | None, new: str) -> Iterator[str]:
    before = repository.files(old) if old is not None else {}
    after = repository.files(new)
    for path in repository.diff(old, new):
        yield f"diff --git a/{path} b/{path}"
        texts = [
            files[path].decode("utf-8", "replace").splitlines() if path in files else []
            for files in (before, after)
        ]
        names = f"a/{path}" if path in before else "/dev/null", f"b/{path}" if path in after else "/dev/null"
        yield from difflib.unified_diff(texts[0], texts[1], *names, lineterm="")


# Completion.


def known(session: Session, words: list[str]) -> list[str]:
    """What may follow the words after git."""
    if not words:
        return sorted(READS | WRITES)
    if words[-1] == "-C":
        return session.repositories()
    try:
        repository = repository_of(session.play, Line("", "log", ()))
    except BadLine:
        return []
    return ["HEAD", *(commit.short for commit in _history(repository)), "--oneline"]

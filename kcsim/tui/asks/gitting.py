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
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from kcsim.delivery.git.repository import Commit, GitError, Repository
from kcsim.engine.clock import rfc3339
from kcsim.kubectl.session import Outcome
from kcsim.scenario import model
from kcsim.scenario.model import TimelineEntry
from kcsim.tui.hands import PERSON
from kcsim.tui.session import Session

READS = frozenset({"log", "show", "diff", "branch", "ls-files", "status"})
WRITES = frozenset({"revert", "commit"})
_SED = re.compile(
    r"""sed\s+-i\s+(?P<script>'[^']*'|"[^"]*"|\S+)\s+(?P<file>\S+)\s*&&\s*(?P<git>git\s.*)""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Line:
    """A git line: the repository ("" for the first), the command, its words; for a commit what ``sed`` does before."""

    repository: str
    verb: str
    words: tuple[str, ...]
    file: str = ""
    old: str = ""
    new: str = ""


class BadLine(ValueError):
    """The line cannot be carried out; the message says why."""


def read_line(text: str) -> Line:
    """A line without the word git, or one that begins with sed.

    Raises:
        BadLine: it is neither.
    """
    if text.startswith("sed"):
        return _sed(text)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadLine(f"cannot read the line: {error}") from None
    repository = ""
    if words[:1] == ["-C"]:
        repository, words = (words[1] if len(words) > 1 else ""), words[2:]
    if not words:
        raise BadLine(f"git what? one of {', '.join(sorted(READS | WRITES))}")
    verb, *rest = words
    if verb not in READS | WRITES:
        near = difflib.get_close_matches(verb, sorted(READS | WRITES), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadLine(f"git: '{verb}' is not modelled here{hint} ({', '.join(sorted(READS | WRITES))} are)")
    if verb == "commit":
        raise BadLine(
            "nothing to commit: change a file first, sed -i 's/OLD/NEW/' FILE && git commit -am \"MESSAGE\""
        )
    return Line(repository, verb, tuple(rest))


def _sed(text: str) -> Line:
    found = _SED.fullmatch(text.strip())
    if found is None:
        raise BadLine("sed goes with a commit: sed -i 's/OLD/NEW/' FILE && git commit -am \"MESSAGE\"")
    script = found["script"].strip("'\"")
    if len(script) < 4 or script[0] != "s":
        raise BadLine(f"only sed 's/OLD/NEW/' is modelled, not {script!r}")
    mark = script[1]
    parts = script[2:].removesuffix("g").split(mark)
    if len(parts) != 3 or not parts[0] or parts[2]:
        raise BadLine(f"{script!r} is no s{mark}OLD{mark}NEW{mark}")
    try:
        words = shlex.split(found["git"])[1:]
    except ValueError as error:
        raise BadLine(f"cannot read the line: {error}") from None
    repository = ""
    if words[:1] == ["-C"]:
        repository, words = words[1], words[2:]
    if words[:1] != ["commit"] or len(words) != 3 or words[1] not in {"-am", "-m"}:
        raise BadLine('after sed comes git commit -am "MESSAGE"')
    return Line(repository, "commit", (words[2],), found["file"], parts[0], parts[1])


def check(text: str) -> str | None:
    """What is wrong with a line before it is carried out."""
    try:
        read_line(text)
    except BadLine as error:
        return str(error)
    return None


# Acting.


def entry_of(session: Session, text: str) -> TimelineEntry:
    """The entry of the timeline that a line is.

    Raises:
        BadLine: there is no such repository, file, text or commit.
    """
    line = read_line(text)
    repository = _repository(session, line)
    name = repository.name
    if line.verb == "revert":
        words = [word for word in line.words if word != "--no-edit"]
        return TimelineEntry(at=session.now, revert=_revert(session, repository, words))
    files = repository.files(repository.default_branch)
    if line.file not in files:
        near = difflib.get_close_matches(line.file, list(files), 1, 0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadLine(f"sed: can't read {line.file}: No such file or directory{hint}")
    if line.old not in files[line.file].decode("utf-8", "replace"):
        raise BadLine(f"nothing to commit, working tree clean: {line.file} does not hold {line.old!r}")
    edit = {line.file: model.Edit(replace={line.old: line.new})}
    commit = model.Commit(repository=name, author=PERSON, message=line.words[0], edit=edit)
    return TimelineEntry(at=session.now, commit=commit)


def _revert(session: Session, repository: Repository, words: list[str]) -> model.Revert:
    """A revert names HEAD, or the entry of the timeline that made the commit: so a scenario file can say it."""
    revision = words[0] if words else "HEAD"
    try:
        sha = repository.resolve(revision)
    except GitError as error:
        raise BadLine(f"fatal: bad revision '{revision}': {error}") from None
    if sha == repository.head(repository.default_branch).sha:
        return model.Revert(repository=repository.name, author=PERSON)
    record = session.play.world.git.record_of(repository.name, sha)
    named = None if record is None else record.facts().get("entry")
    if not named:
        raise BadLine(
            f"{revision} was made by no named entry of the timeline: only such a commit, or HEAD, can be reverted"
        )
    return model.Revert(repository=repository.name, commit=str(named), author=PERSON)


def _repository(session: Session, line: Line) -> Repository:
    names = session.repositories()
    if not names:
        raise BadLine("this story has no git repository")
    name = line.repository or names[0]
    if name not in names:
        raise BadLine(f"fatal: cannot change to '{name}': there are {', '.join(names)}")
    return session.play.world.git.repository(name)


# Looking.


def read(session: Session, text: str) -> Outcome:
    """What a line that only looks prints, at the instant looked at."""
    try:
        line = read_line(text)
        repository = _repository(session, line)
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
        repository = _repository(session, Line("", "log", ()))
    except BadLine:
        return []
    return ["HEAD", *(commit.short for commit in _history(repository)), "--oneline"]

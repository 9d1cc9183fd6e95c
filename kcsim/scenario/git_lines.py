"""git as a person types it where something changes: ``git revert REV``, and ``sed`` followed by ``git commit -am``.

**Walk:** a line -> ``read_line`` -> ``entry_of`` makes the commit or revert of the timeline that it stands for.
"""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kcsim.delivery.git.repository import GitError, Repository
from kcsim.scenario import model
from kcsim.scenario.model import TimelineEntry

if TYPE_CHECKING:
    from kcsim.scenario.play import Play

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


def entry_of(play: Play, text: str, author: str) -> TimelineEntry:
    """The entry of the timeline that a line is, now.

    Raises:
        BadLine: there is no such repository, file, text or commit.
    """
    line = read_line(text)
    repository = repository_of(play, line)
    name = repository.name
    if line.verb == "revert":
        words = [word for word in line.words if word != "--no-edit"]
        return TimelineEntry(at=play.engine.now, revert=_revert(play, repository, words, author))
    files = repository.files(repository.default_branch)
    if line.file not in files:
        near = difflib.get_close_matches(line.file, list(files), 1, 0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadLine(f"sed: can't read {line.file}: No such file or directory{hint}")
    if line.old not in files[line.file].decode("utf-8", "replace"):
        raise BadLine(f"nothing to commit, working tree clean: {line.file} does not hold {line.old!r}")
    edit = {line.file: model.Edit(replace={line.old: line.new})}
    commit = model.Commit(repository=name, author=author, message=line.words[0], edit=edit)
    return TimelineEntry(at=play.engine.now, commit=commit)


def _revert(play: Play, repository: Repository, words: list[str], author: str) -> model.Revert:
    """A revert names HEAD, or the entry of the timeline that made the commit: so a scenario file can say it."""
    revision = words[0] if words else "HEAD"
    try:
        sha = repository.resolve(revision)
    except GitError as error:
        raise BadLine(f"fatal: bad revision '{revision}': {error}") from None
    if sha == repository.head(repository.default_branch).sha:
        return model.Revert(repository=repository.name, author=author)
    record = play.world.git.record_of(repository.name, sha)
    named = None if record is None else record.facts().get("entry")
    if not named:
        raise BadLine(
            f"{revision} was made by no named entry of the timeline: only such a commit, or HEAD, can be reverted"
        )
    return model.Revert(repository=repository.name, commit=str(named), author=author)


def repository_of(play: Play, line: Line) -> Repository:
    """The repository that a line names; the first for none.

    Raises:
        BadLine: there is none of that name, or none at all.
    """
    names = [repository.name for repository in play.scenario.repositories]
    if not names:
        raise BadLine("this story has no git repository")
    name = line.repository or names[0]
    if name not in names:
        raise BadLine(f"fatal: cannot change to '{name}': there are {', '.join(names)}")
    return play.world.git.repository(name)

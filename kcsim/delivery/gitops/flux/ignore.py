"""Which files of a source an artifact leaves out.  Decides; never acts.

**Imitates:** fluxcd/pkg sourceignore (the lists, the recursion into directories) and artifact/storage SourceIgnoreFilter: the
default exclusions hold only where neither a ``.sourceignore`` file nor ``spec.ignore`` says anything; what belongs to git is
left out always.

**Walk:** files, ``spec.ignore`` -> ``patterns`` of each directory, then of the spec -> the last that fits decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

_VCS = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_CI = (
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
)
_EXTENSIONS = ("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip")
_EXTRA = ("**/.goreleaser.yml", "**/.goreleaser.brew.yml", "**/.sops.yaml", "**/.flux.yaml")
DEFAULT_IGNORE = (*_EXTENSIONS, *_CI, *_EXTRA)
"""What an artifact leaves out, beside what belongs to git, when nobody says anything else."""
IGNORE_FILE = ".sourceignore"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line of a gitignore file that holds below ``directory`` ("" for the root)."""

    text: str
    directory: str = ""


def packed(files: Mapping[str, bytes], ignore: str | None) -> dict[str, bytes]:
    """The files of an artifact: all but those that the patterns of its files, of the spec, or the defaults leave out."""
    chosen = patterns(files, ignore)
    return {path: data for path, data in files.items() if not ignored(path, chosen)}


def patterns(files: Mapping[str, bytes], ignore: str | None) -> tuple[Pattern, ...]:
    """The patterns that hold, the weakest first."""
    git, said = [Pattern(text) for text in _VCS], told(files, ignore)
    return (*git, *said) if said else (*git, *(Pattern(text) for text in DEFAULT_IGNORE))


def told(files: Mapping[str, bytes], ignore: str | None) -> list[Pattern]:
    """The patterns of the files and of the spec."""
    found: list[Pattern] = []
    holders = sorted(
        (p for p in files if posixpath.basename(p) == IGNORE_FILE), key=lambda p: (p.count("/"), p)
    )
    for path in holders:
        text = files[path].decode(errors="replace")
        found += [Pattern(line, posixpath.dirname(path)) for line in _lines(text)]
    return [*found, *(Pattern(line) for line in _lines(ignore or ""))]


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def ignored(path: str, chosen: Sequence[Pattern]) -> bool:
    """Whether patterns leave a path out; the last that fits decides, and a parent's verdict holds below it."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        here, verdict = "/".join(parts[:depth]), False
        for pattern in chosen:
            negated = pattern.text.startswith("!")
            if _fits(here, depth < len(parts), pattern.text.removeprefix("!"), pattern.directory):
                verdict = not negated
        if verdict:
            return True
    return False


def _fits(path: str, is_directory: bool, text: str, directory: str) -> bool:
    if directory:
        if not path.startswith(f"{directory}/"):
            return False
        path = path.removeprefix(f"{directory}/")
    if text.endswith("/") and not is_directory:
        return False
    body = text.rstrip("/")
    anchored = "/" in body
    regex = _regex(body.lstrip("/"))
    return regex.fullmatch(path if anchored else path.rpartition("/")[2]) is not None


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = []
    for piece in re.split(r"(/\*\*/|\*\*/|/\*\*|\*)", pattern):
        if piece == "/**/":
            parts.append("/(?:.*/)?")
        elif piece == "**/":
            parts.append("(?:.*/)?")
        elif piece == "/**":
            parts.append("/.*")
        elif piece == "*":
            parts.append("[^/]*")
        else:
            # fnmatch knows ? and [..]; what it adds around them is taken off again.
            parts.append(re.sub(r"\\Z$|\\z$", "", translate(piece)).removeprefix("(?s:").removesuffix(")"))
    return re.compile("".join(parts), re.DOTALL)
